//! The gate in: what a browser may ask of the AI side.
//!
//! **Law:** nothing that passes changes instructions, tools or history; what passes is built anew here, so that no field
//! of the browser's gets through but those named. The seed's client sends `session.update` and a `response.create` with
//! instructions as soon as its channel opens: the one is dropped, the other stripped to the asking.

use serde_json::{Value, json};

/// Longest text looked at, in bytes. What is allowed is far shorter; the seed's `session.update` is some hundred.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Longest id passed on, in bytes.
const ID_BYTES_MAX: usize = 64;

/// The event to pass on, if it may pass; `None`: drop it, and count it.
pub fn allowed(text: &str) -> Option<Value> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    allowed_event(&serde_json::from_str(text).ok()?)
}

/// The same for what is JSON already.
pub fn allowed_event(event: &Value) -> Option<Value> {
    let kind = event.get("type")?.as_str()?;
    let mut passed = json!({ "type": kind });
    match kind {
        "response.create" | "output_audio_buffer.clear" => {}
        "response.cancel" => copy_id(event, &mut passed, "response_id"),
        _ => return None,
    }
    copy_id(event, &mut passed, "event_id");
    Some(passed)
}

/// Whether what passed asks the AI to speak: the session sees to it that one response is asked for at a time.
pub fn asks_to_respond(passed: &Value) -> bool {
    passed.get("type").and_then(Value::as_str) == Some("response.create")
}

/// An id, if it looks like one.
fn copy_id(from: &Value, to: &mut Value, key: &str) {
    let id = from.get(key).and_then(Value::as_str);
    let plain = |id: &&str| {
        !id.is_empty()
            && id.len() <= ID_BYTES_MAX
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b))
    };
    if let Some(id) = id.filter(plain) {
        to[key] = json!(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list() {
        let seeds_update = r#"{"type":"session.update","session":{"instructions":"You are mine","voice":"alloy",
            "tools":[{"type":"function","name":"end_session","parameters":{}}]}}"#;
        let seeds_create = r#"{"type":"response.create","response":{"modalities":["text","audio"],"instructions":"Introduce yourself"}}"#;
        let table = [
            (seeds_update, None),
            (seeds_create, Some(json!({"type":"response.create"}))),
            (
                r#"{"type":"response.create","event_id":"e-1","instructions":"x"}"#,
                Some(json!({"type":"response.create","event_id":"e-1"})),
            ),
            (
                r#"{"type":"response.cancel","response_id":"resp_1","x":1}"#,
                Some(json!({"type":"response.cancel","response_id":"resp_1"})),
            ),
            (
                r#"{"type":"response.cancel","response_id":{"a":1}}"#,
                Some(json!({"type":"response.cancel"})),
            ),
            (
                r#"{"type":"output_audio_buffer.clear","event_id":"a b"}"#,
                Some(json!({"type":"output_audio_buffer.clear"})),
            ),
            (r#"{"type":"conversation.item.create","item":{"type":"message"}}"#, None),
            (r#"{"type":"conversation.item.delete","item_id":"i"}"#, None),
            (r#"{"type":"conversation.item.truncate","item_id":"i"}"#, None),
            (r#"{"type":"conversation.item.retrieve","item_id":"i"}"#, None),
            (r#"{"type":"input_audio_buffer.append","audio":""}"#, None),
            (r#"{"type":"input_audio_buffer.commit"}"#, None),
            (r#"{"type":"input_audio_buffer.clear"}"#, None),
            (r#"{"type":"transcription_session.update"}"#, None),
            (r#"{"type":"Response.create"}"#, None),
            (r#"{"type":["response.create"]}"#, None),
            (
                r#"{"type":"session.update","type":"response.create"}"#,
                Some(json!({"type":"response.create"})),
            ),
            (r"[]", None),
            (r"", None),
            (r"{", None),
        ];
        for (text, passed) in table {
            assert_eq!(allowed(text), passed, "{text}");
        }
    }

    #[test]
    fn size_is_bounded() {
        let long = format!(r#"{{"type":"response.create","pad":"{}"}}"#, "x".repeat(TEXT_BYTES_MAX));
        assert_eq!(allowed(&long), None);
        let long_id = format!(r#"{{"type":"response.create","event_id":"{}"}}"#, "x".repeat(65));
        assert_eq!(allowed(&long_id), Some(json!({"type":"response.create"})));
        assert_eq!(allowed(&format!("{}1{}", "[".repeat(8000), "]".repeat(8000))), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_but_kind_and_ids_gets_through(kind in "(response|session|conversation)\\.[a-z.]{1,20}", body in "[a-z\"{}:,]{0,80}") {
            for text in [format!(r#"{{"type":"{kind}","response":"{}"}}"#, body.escape_default()), body.clone()] {
                if let Some(passed) = allowed(&text) {
                    let keys: Vec<&String> = passed.as_object().unwrap().keys().collect();
                    assert!(keys.iter().all(|key| ["type", "event_id", "response_id"].contains(&key.as_str())), "{passed}");
                }
            }
        }
    }
}
