//! Messages as they look on the wire.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn parse(value: &Value) -> Result<ClientMessage, Malformed> {
    ClientMessage::parse(&value.to_string())
}

#[test]
fn every_message_of_the_contract_is_understood() {
    let candidate = IceCandidate {
        candidate: "candidate:1 1 udp 1 192.0.2.1 5 typ host".into(),
        sdp_mid: Some("0".into()),
        sdp_m_line_index: Some(0),
        username_fragment: Some("abcd".into()),
    };
    let table = [
        (
            json!({"type": "hello", "token": "t", "sessionId": "s", "resume": "r", "lastSeq": 7, "keeps": true, "quietMs": 40}),
            ClientMessage::Hello(Hello {
                token: "t".into(),
                session_id: "s".into(),
                resume: Some("r".into()),
                last_seq: Some(7),
                keeps: Some(true),
                quiet_ms: Some(40),
            }),
        ),
        (
            json!({"type": "hello", "token": "t", "sessionId": "s", "later": [1]}),
            ClientMessage::Hello(Hello {
                token: "t".into(),
                session_id: "s".into(),
                resume: None,
                last_seq: None,
                keeps: None,
                quiet_ms: None,
            }),
        ),
        (
            json!({"type": "hello", "token": "t", "sessionId": "s", "resume": null, "lastSeq": -1, "keeps": "x"}),
            ClientMessage::Hello(Hello {
                token: "t".into(),
                session_id: "s".into(),
                resume: None,
                last_seq: None,
                keeps: None,
                quiet_ms: None,
            }),
        ),
        (
            json!({"type": "offer", "sdp": "v=0", "id": "1"}),
            ClientMessage::Offer {
                sdp: "v=0".into(),
                id: "1".into(),
            },
        ),
        (
            json!({"type": "candidate", "candidate": {"candidate": candidate.candidate, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "abcd"}}),
            ClientMessage::Candidate {
                candidate: Some(candidate),
            },
        ),
        (
            json!({"type": "candidate", "candidate": null}),
            ClientMessage::Candidate { candidate: None },
        ),
        (json!({"type": "mute", "on": true}), ClientMessage::Mute { on: true }),
        (
            json!({"type": "say", "text": "hi", "id": "a"}),
            ClientMessage::Say {
                text: "hi".into(),
                id: "a".into(),
            },
        ),
        (json!({"type": "end"}), ClientMessage::End {}),
        (
            json!({"type": "stats", "rttMs": 3}),
            ClientMessage::Stats {
                stats: json!({"rttMs": 3}).as_object().unwrap().clone(),
            },
        ),
        (
            json!({"type": "event", "event": {"type": "response.create"}}),
            ClientMessage::Event {
                event: json!({"type": "response.create"}),
            },
        ),
        (
            json!({"type": "from-the-future", "sdp": 5, "on": []}),
            ClientMessage::Unknown,
        ),
    ];
    for (text, message) in table {
        assert!(
            parse(&text).unwrap() == message,
            "{text} was read as {:?}",
            parse(&text)
        );
    }
}

#[test]
fn what_is_not_a_message_says_why() {
    let long = |n: usize| "x".repeat(n);
    let table = [
        (String::new(), Malformed::NotAMessage),
        ("{".into(), Malformed::NotAMessage),
        ("[]".into(), Malformed::NotAMessage),
        ("null".into(), Malformed::NotAMessage),
        (r#"{"sdp":"v=0"}"#.into(), Malformed::NotAMessage),
        (r#"{"type":1}"#.into(), Malformed::NotAMessage),
        ("[".repeat(100_000), Malformed::NotAMessage),
        (r#"{"type":"hello"}"#.into(), Malformed::Field),
        (r#"{"type":"offer","sdp":5,"id":"1"}"#.into(), Malformed::Field),
        (r#"{"type":"mute","on":"yes"}"#.into(), Malformed::Field),
        (r#"{"type":"candidate","candidate":"x"}"#.into(), Malformed::Field),
        (r#"{"type":"event"}"#.into(), Malformed::Field),
        (
            json!({"type": "offer", "sdp": long(SDP_BYTES_MAX + 1), "id": "1"}).to_string(),
            Malformed::TooLong,
        ),
        (
            json!({"type": "say", "text": long(SAY_BYTES_MAX + 1), "id": "1"}).to_string(),
            Malformed::TooLong,
        ),
        (
            json!({"type": "say", "text": "", "id": long(ID_BYTES_MAX + 1)}).to_string(),
            Malformed::TooLong,
        ),
    ];
    for (text, why) in table {
        assert_eq!(
            ClientMessage::parse(&text).unwrap_err(),
            why,
            "{}",
            &text[..text.len().min(60)]
        );
    }
}

#[test]
fn the_relays_messages_look_as_the_contract_says() {
    let state = State {
        session: SessionWord::Live,
        candidate: LegWord::Up,
        ai: LegWord::Connecting,
        speaking: None,
        ends_at: None,
    };
    let table = [
        (
            ServerMessage::Welcome {
                session_id: "s".into(),
                resume: "r".into(),
                ice_servers: json!([]),
                resumed: false,
                state: state.clone(),
                heard_up_to: None,
            },
            json!({"seq": 9, "type": "welcome", "sessionId": "s", "resume": "r", "iceServers": [], "resumed": false,
                   "state": {"session": "live", "candidate": "up", "ai": "connecting", "speaking": null}, "heardUpTo": null}),
        ),
        (
            ServerMessage::Answer {
                sdp: "v=0".into(),
                id: "1".into(),
            },
            json!({"seq": 9, "type": "answer", "sdp": "v=0", "id": "1"}),
        ),
        (
            ServerMessage::Candidate { candidate: None },
            json!({"seq": 9, "type": "candidate", "candidate": null}),
        ),
        (
            ServerMessage::Renegotiate {
                ice_restart: true,
                reason: "lost".into(),
            },
            json!({"seq": 9, "type": "renegotiate", "iceRestart": true, "reason": "lost"}),
        ),
        (
            ServerMessage::Moved {
                url: "https://relay-2.example.com".into(),
            },
            json!({"seq": 9, "type": "moved", "url": "https://relay-2.example.com"}),
        ),
        (
            ServerMessage::State(State {
                speaking: Some(Speaker::Ai),
                ends_at: Some("2026-01-01T00:00:00.000Z".into()),
                ..state
            }),
            json!({"seq": 9, "type": "state", "session": "live", "candidate": "up", "ai": "connecting", "speaking": "ai",
                   "endsAt": "2026-01-01T00:00:00.000Z"}),
        ),
        (
            ServerMessage::Caption(Caption {
                item_id: "i".into(),
                previous_item_id: None,
                speaker: Speaker::Candidate,
                text: "yes".into(),
                is_final: true,
                at: "2026-01-01T00:00:00.000Z".into(),
            }),
            json!({"seq": 9, "type": "caption", "itemId": "i", "speaker": "candidate", "text": "yes", "final": true,
                   "at": "2026-01-01T00:00:00.000Z"}),
        ),
        (
            ServerMessage::Ack {
                stream: 1,
                up_to: 2,
                lacks: vec![],
            },
            json!({"seq": 9, "type": "ack", "stream": 1, "upTo": 2}),
        ),
        (
            ServerMessage::Ack {
                stream: 1,
                up_to: 2,
                lacks: vec![(2, Some(5)), (9, None)],
            },
            json!({"seq": 9, "type": "ack", "stream": 1, "upTo": 2, "lacks": [[2, 5], [9, null]]}),
        ),
        (
            ServerMessage::Ended {
                reason: EndReason::Interviewer,
                summary_pending: true,
            },
            json!({"seq": 9, "type": "ended", "reason": "interviewer", "summaryPending": true}),
        ),
        (
            ServerMessage::refuse(Malformed::Field),
            json!({"seq": 9, "type": "error", "code": "bad_field", "detail": "a field is missing or of the wrong kind",
                   "fatal": false}),
        ),
    ];
    for (message, wire) in table {
        assert_eq!(serde_json::from_str::<Value>(&message.to_frame(9)).unwrap(), wire);
    }
}

#[test]
fn debug_shows_no_secret_and_no_words() {
    let messages = [
        json!({"type": "hello", "token": "SECRET", "sessionId": "s", "resume": "SECRET"}),
        json!({"type": "offer", "sdp": "SECRET", "id": "1"}),
        json!({"type": "say", "text": "SECRET", "id": "1"}),
        json!({"type": "event", "event": "SECRET"}),
    ];
    for message in messages {
        assert!(
            !format!("{:?}", parse(&message).unwrap()).contains("SECRET"),
            "{message}"
        );
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,300}") {
        let _ = ClientMessage::parse(&text);
    }

    #[test]
    fn no_json_panics(kind in prop::sample::select(KNOWN.to_vec()), key in "token|sdp|id|candidate|on|text|event|sessionId", n in any::<f64>()) {
        let _ = ClientMessage::parse(&json!({"type": kind, key: n}).to_string());
    }
}
