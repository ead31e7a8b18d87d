//! What a browser that comes back is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::messages::{Caption, EndReason, LegWord, SessionWord, Speaker, State};
use proptest::prelude::*;
use serde_json::{Value, json};

const WALL_MS: u64 = 1_795_000_000_000;

fn outbox() -> Outbox {
    Outbox::starting_at(WALL_MS)
}
fn state(session: SessionWord) -> ServerMessage {
    ServerMessage::State(State {
        session,
        candidate: LegWord::Up,
        ai: LegWord::Up,
        speaking: None,
        ends_at: None,
    })
}
fn caption(item: &str, text: &str, is_final: bool) -> ServerMessage {
    ServerMessage::Caption(Caption {
        item_id: item.into(),
        previous_item_id: None,
        speaker: Speaker::Ai,
        text: text.into(),
        is_final,
        at: "2026-01-01T00:00:00.000Z".into(),
    })
}
fn answer(id: &str) -> ServerMessage {
    ServerMessage::Answer {
        sdp: "v=0".into(),
        id: id.into(),
    }
}
fn candidate() -> ServerMessage {
    ServerMessage::Candidate { candidate: None }
}
fn renegotiate() -> ServerMessage {
    ServerMessage::Renegotiate {
        ice_restart: true,
        reason: "lost".into(),
    }
}
fn notice(code: &str) -> ServerMessage {
    ServerMessage::Notice {
        code: code.into(),
        text: String::new(),
    }
}
fn ack(stream: u32, up_to: u32) -> ServerMessage {
    ServerMessage::Ack {
        stream,
        up_to,
        lacks: Vec::new(),
    }
}
fn ended() -> ServerMessage {
    ServerMessage::Ended {
        reason: EndReason::Time,
        summary_pending: false,
    }
}
fn error() -> ServerMessage {
    ServerMessage::Error {
        code: String::new(),
        detail: String::new(),
        fatal: false,
    }
}
fn welcome() -> ServerMessage {
    ServerMessage::Welcome {
        session_id: "s".into(),
        resume: "r".into(),
        ice_servers: json!([]),
        resumed: true,
        state: State {
            session: SessionWord::Live,
            candidate: LegWord::Lost,
            ai: LegWord::Up,
            speaking: None,
            ends_at: None,
        },
        heard_up_to: None,
    }
}

/// What is told again, short: type and what sets it apart.
fn told(frames: &[Numbered]) -> Vec<String> {
    frames
        .iter()
        .map(|numbered| {
            let value: Value = serde_json::from_str(&numbered.frame).unwrap();
            assert_eq!(value["seq"], numbered.seq);
            let apart = ["itemId", "id", "code", "session", "stream"]
                .iter()
                .find_map(|key| value.get(key));
            let text = value
                .get("text")
                .or(value.get("upTo"))
                .map(|it| format!("={it}"))
                .unwrap_or_default();
            format!(
                "{}{}{}",
                value["type"].as_str().unwrap(),
                apart.map(|it| format!(" {it}")).unwrap_or_default(),
                text
            )
            .replace('"', "")
        })
        .collect()
}

#[test]
fn what_is_superseded_is_not_told_again() {
    let table = [
        (
            vec![state(SessionWord::Waiting), state(SessionWord::Live)],
            vec!["state live"],
        ),
        (
            vec![caption("a", "he", false), caption("a", "hello", false)],
            vec!["caption a=hello"],
        ),
        (
            vec![caption("a", "he", false), caption("b", "x", false)],
            vec!["caption a=he", "caption b=x"],
        ),
        (
            vec![caption("a", "he", false), caption("a", "hello", true)],
            vec!["caption a=hello"],
        ),
        (
            vec![caption("a", "hello", true), caption("a", "he", false)],
            vec!["caption a=hello"],
        ),
        (
            vec![caption("a", "helo", true), caption("a", "hello", true)],
            vec!["caption a=hello"],
        ),
        (
            vec![answer("1"), candidate(), candidate(), answer("2"), candidate()],
            vec!["answer 2", "candidate"],
        ),
        (vec![renegotiate(), renegotiate()], vec!["renegotiate"]),
        (vec![renegotiate(), answer("1")], vec!["answer 1"]),
        (vec![answer("1"), renegotiate()], vec!["answer 1", "renegotiate"]),
        (vec![ack(1, 5), ack(2, 6), ack(1, 9)], vec!["ack 2=6", "ack 1=9"]),
        (
            vec![notice("x"), notice("y"), notice("x")],
            vec!["notice y=", "notice x="],
        ),
        (
            vec![
                answer("1"),
                renegotiate(),
                candidate(),
                state(SessionWord::Completed),
                caption("a", "x", true),
                ended(),
            ],
            vec!["state completed", "caption a=x", "ended"],
        ),
        (vec![welcome(), error()], vec![]),
    ];
    for (said, again) in table {
        let mut outbox = outbox();
        let names: Vec<_> = said.iter().map(ServerMessage::kind).collect();
        for message in said {
            outbox.push(message);
        }
        assert_eq!(told(&outbox.replay_after(None)), again, "{names:?}");
    }
}

#[test]
fn only_what_was_not_seen_is_told_again() {
    let mut outbox = outbox();
    outbox.push(caption("a", "x", true));
    let seen = outbox.push(caption("b", "x", true)).seq;
    outbox.push(caption("c", "x", true));
    assert_eq!(told(&outbox.greet(welcome(), Some(seen))), ["welcome", "caption c=x"]);
    assert_eq!(
        told(&outbox.greet(welcome(), None)),
        ["welcome", "caption a=x", "caption b=x", "caption c=x"]
    );
}

#[test]
fn seq_goes_on_above_any_given_before() {
    let mut before = outbox();
    let last = (0..10_000).map(|_| before.push(error()).seq).last().unwrap();
    let mut after = Outbox::starting_at(WALL_MS + 40);
    assert!(after.push(error()).seq > last, "restarted 40 ms later");

    let mut back = Outbox::starting_at(WALL_MS - 60_000);
    back.push(caption("a", "x", true));
    let frames = back.greet(welcome(), Some(last));
    assert!(frames.iter().all(|it| it.seq > last), "the clock went back");
    assert_eq!(told(&frames), ["welcome", "caption a=x"]);
}

#[test]
fn an_absurd_last_seq_does_no_harm() {
    for absurd in [u64::MAX, 1 << 53, SEQ_CLAIM_MAX] {
        let mut outbox = outbox();
        outbox.push(state(SessionWord::Live));
        let frames = outbox.greet(welcome(), Some(absurd));
        assert_eq!(told(&frames), ["welcome", "state live"]);
        assert!(frames.iter().all(|it| it.seq < SEQ_CLAIM_MAX));
    }
    assert!(Outbox::starting_at(u64::MAX).push(error()).seq <= SEQ_CLAIM_MAX);
}

#[test]
fn what_is_kept_is_bounded_and_the_newest_stays() {
    let mut outbox = outbox();
    for n in 0..3000 {
        outbox.push(caption(&format!("i{n}"), "word", true));
        outbox.push(notice(&format!("n{n}")));
        outbox.push(candidate());
        outbox.push(ack(n, 1));
    }
    assert_eq!(outbox.kept(), CAPTIONS_MAX + NOTICES_MAX + CANDIDATES_MAX + ACKS_MAX);
    assert!(told(&outbox.replay_after(None)).contains(&"caption i2999=word".to_owned()));

    let mut outbox = self::outbox();
    for n in 0..100 {
        outbox.push(caption(&format!("i{n}"), &"x".repeat(10_000), true));
    }
    assert_eq!(outbox.kept(), CAPTION_BYTES_MAX / 10_000);
}

fn any_message() -> impl Strategy<Value = ServerMessage> {
    prop_oneof![
        Just(state(SessionWord::Live)),
        Just(candidate()),
        Just(renegotiate()),
        Just(ended()),
        Just(error()),
        (0u32..3).prop_map(|n| answer(&n.to_string())),
        (0u32..12, 0u32..5).prop_map(|(stream, up_to)| ack(stream, up_to)),
        (0u32..30).prop_map(|n| notice(&n.to_string())),
        (0u32..6, 0usize..4, any::<bool>()).prop_map(|(item, n, done)| caption(
            &item.to_string(),
            &"w".repeat(n),
            done
        )),
    ]
}

proptest! {
    /// A page that loses its socket anywhere and comes back knows the same as one that never lost it.
    #[test]
    fn coming_back_anywhere_misses_nothing_that_matters(said in prop::collection::vec(any_message(), 1..80), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(said.len());
        let mut outbox = outbox();
        let (mut steady, mut cut_off) = (Page::default(), Page::default());
        let mut last = 0;
        for (n, message) in said.into_iter().enumerate() {
            let numbered = outbox.push(message);
            prop_assert!(numbered.seq > last, "seq rises");
            last = numbered.seq;
            steady.hear(&numbered);
            if n < cut {
                cut_off.hear(&numbered);
            }
        }
        for numbered in outbox.greet(welcome(), cut_off.last_seq) {
            prop_assert!(numbered.seq > last, "seq rises");
            last = numbered.seq;
            cut_off.hear(&numbered);
        }
        prop_assert_eq!(steady.facts(), cut_off.facts());
    }
}

/// What a page remembers of what it was told.
#[derive(Default)]
struct Page {
    last_seq: Option<u64>,
    facts: std::collections::BTreeMap<String, Value>,
}

impl Page {
    fn hear(&mut self, numbered: &Numbered) {
        self.last_seq = Some(numbered.seq);
        let mut value: Value = serde_json::from_str(&numbered.frame).unwrap();
        value.as_object_mut().unwrap().remove("seq");
        let key = match value["type"].as_str().unwrap() {
            "caption" => {
                let key = format!("caption {}", value["itemId"]);
                let known_final = self.facts.get(&key).is_some_and(|old| old["final"] == true);
                if known_final && value["final"] == false {
                    return;
                }
                key
            }
            "ack" => format!("ack {}", value["stream"]),
            kind @ ("state" | "answer" | "ended") => kind.to_owned(),
            _ => return,
        };
        self.facts.insert(key, value);
    }
    /// Acks of the newest streams alone are promised.
    fn facts(&self) -> Vec<(&String, &Value)> {
        self.facts
            .iter()
            .filter(|(key, _)| !key.starts_with("ack") && (*key != "answer" || !self.facts.contains_key("ended")))
            .collect()
    }
}
