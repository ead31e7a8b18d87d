//! Frames as seen, GA and beta, and what must not be believed.

use super::*;

fn what(text: &str) -> What {
    Event::parse(text).what
}

#[test]
fn ga_and_beta_names_say_the_same() {
    let table = [
        (
            "response.output_audio_transcript.delta",
            "response.audio_transcript.delta",
            r#""item_id":"i","delta":"a""#,
        ),
        (
            "response.output_audio_transcript.done",
            "response.audio_transcript.done",
            r#""item_id":"i","transcript":"a""#,
        ),
        (
            "response.output_text.delta",
            "response.text.delta",
            r#""item_id":"i","delta":"a""#,
        ),
        (
            "response.output_text.done",
            "response.text.done",
            r#""item_id":"i","text":"a""#,
        ),
        (
            "response.output_audio.delta",
            "response.audio.delta",
            r#""item_id":"i","delta":"AAAA""#,
        ),
        ("response.output_audio.done", "response.audio.done", r#""item_id":"i""#),
        (
            "conversation.item.added",
            "conversation.item.created",
            r#""item":{"id":"i","type":"message","role":"user"}"#,
        ),
    ];
    for (ga, beta, fields) in table {
        let [ga_event, beta_event] = [ga, beta].map(|kind| what(&format!(r#"{{"type":"{kind}",{fields}}}"#)));
        assert_eq!(ga_event, beta_event, "{ga}");
        assert!(
            !matches!(ga_event, What::Malformed | What::Unknown { .. } | What::Other),
            "{ga}: {ga_event:?}"
        );
    }
}

#[test]
fn the_beta_text_field_stands_in_for_delta() {
    let What::TextDelta { delta, .. } = what(r#"{"type":"response.audio_transcript.delta","item_id":"i","text":"hi"}"#)
    else {
        panic!("not a delta");
    };
    assert_eq!(delta, "hi");
}

#[test]
fn what_cannot_be_used_is_named_not_failed() {
    let malformed = [
        "",
        "nul",
        "[]",
        "7",
        "{}",
        r#"{"type":7}"#,
        r#"{"type":"response.output_text.delta","delta":"no item"}"#,
        r#"{"type":"conversation.item.added","item":{"type":"message"}}"#,
        r#"{"type":"conversation.item.truncated","item_id":"i"}"#,
        r#"{"type":"input_audio_buffer.committed","item_id":""}"#,
        r#"{"type":"response.created"}"#,
        "{\"type\":\"response.created\"",
    ];
    for text in malformed {
        assert_eq!(what(text), What::Malformed, "{text}");
    }
    assert_eq!(
        what(r#"{"type":"mcp_list_tools.completed"}"#),
        What::Unknown {
            kind: "mcp_list_tools.completed".into()
        }
    );
    let What::Unknown { kind } = what(&format!(r#"{{"type":"{}"}}"#, "x".repeat(5000))) else {
        panic!("known?")
    };
    assert_eq!(kind.len(), 64);
}

#[test]
fn deep_nesting_is_malformed_not_a_crash() {
    assert_eq!(
        what(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
        What::Malformed
    );
}

#[test]
fn a_spoken_turns_item_parses_with_its_null_transcript() {
    let text = r#"{"type":"conversation.item.done","event_id":"e1","previous_item_id":"p","obfuscation":"zz",
        "item":{"id":"i","object":"realtime.item","type":"message","status":"completed","role":"user",
        "content":[{"type":"input_audio","transcript":null}]}}"#;
    let event = Event::parse(text);
    assert_eq!(event.id.as_deref(), Some("e1"));
    let What::ItemDone { previous, item } = event.what else {
        panic!("not item.done")
    };
    assert_eq!(previous, Previous::After("p".into()));
    assert_eq!(item.role, Some(Role::User));
    assert_eq!(
        item.content,
        [Content {
            kind: ContentKind::InputAudio,
            text: None
        }]
    );
}

#[test]
fn a_response_says_its_band_ending_and_cost() {
    let text = r#"{"type":"response.done","response":{"id":"r","conversation_id":null,"status":"cancelled",
        "status_details":{"type":"cancelled","reason":"turn_detected"},"output":[{"id":"i","type":"message"},{"bad":1}],
        "usage":{"total_tokens":9,"input_token_details":{"text_tokens":3,"audio_tokens":2.0,"cached_tokens":1},
        "output_token_details":{"text_tokens":1,"audio_tokens":"many"}}}}"#;
    let What::ResponseDone(response) = what(text) else {
        panic!("not response.done")
    };
    assert_eq!((response.band, response.ending), (Band::Out, Some(Ending::Cancelled)));
    assert_eq!(response.reason.as_deref(), Some("turn_detected"));
    assert_eq!(response.output.len(), 1);
    let usage = response.usage.unwrap();
    assert_eq!((usage.input_text, usage.input_audio, usage.input_cached), (3, 2, 1));
    assert_eq!((usage.output_text, usage.output_audio), (1, 0));
}

#[test]
fn errors_tell_code_and_our_event() {
    let text = r#"{"type":"error","error":{"type":"invalid_request_error","code":"session_expired","message":"m","event_id":"mine"}}"#;
    let What::Error(fault) = what(text) else {
        panic!("not an error")
    };
    assert_eq!(
        (fault.code.as_str(), fault.event_id.as_deref()),
        ("session_expired", Some("mine"))
    );
    assert_eq!(what(r#"{"type":"error"}"#), What::Error(Fault::default()));
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_it(text in ".{0,200}", kind in "[a-z_.]{0,40}") {
        let _ = Event::parse(&text);
        let _ = Event::parse(&format!(r#"{{"type":"{kind}","item":{text:?},"response":[{text:?}],"item_id":{{}}}}"#));
    }
}
