//! Events of the service, as its traces have them.

use super::rig::Rig;
use serde_json::{Value, json};

pub(super) fn started(item: &str, ms: i64) -> Value {
    json!({"type":"input_audio_buffer.speech_started","item_id":item,"audio_start_ms":ms})
}
pub(super) fn stopped(item: &str, ms: i64) -> Value {
    json!({"type":"input_audio_buffer.speech_stopped","item_id":item,"audio_end_ms":ms})
}
pub(super) fn committed(item: &str, previous: Option<&str>) -> Value {
    json!({"type":"input_audio_buffer.committed","item_id":item,"previous_item_id":previous})
}
pub(super) fn user_item(kind: &str, item: &str, previous: Option<&str>) -> Value {
    json!({"type":format!("conversation.item.{kind}"),"previous_item_id":previous,"item":{"id":item,"type":"message",
        "status":"completed","role":"user","content":[{"type":"input_audio","transcript":null}]}})
}
pub(super) fn transcribed(item: &str, text: &str) -> Value {
    json!({"type":"conversation.item.input_audio_transcription.completed","item_id":item,"content_index":0,"transcript":text})
}
pub(super) fn failed(item: &str) -> Value {
    json!({"type":"conversation.item.input_audio_transcription.failed","item_id":item,"content_index":0,
        "error":{"code":"audio_unintelligible"}})
}
/// A whole turn of the candidate's, but for the transcription.
pub(super) fn turn(item: &str, previous: Option<&str>, from: i64, to: i64) -> Vec<Value> {
    vec![
        started(item, from),
        stopped(item, to),
        committed(item, previous),
        user_item("added", item, previous),
        user_item("done", item, previous),
    ]
}
pub(super) fn response(kind: &str, id: &str, status: &str, output: &[Value]) -> Value {
    json!({"type":format!("response.{kind}"),"response":{"id":id,"status":status,"conversation_id":"conv_1","output":output}})
}
pub(super) fn ai_item(item: &str, status: &str, text: Option<&str>) -> Value {
    let content: Vec<Value> = text
        .iter()
        .map(|text| json!({"type":"output_audio","transcript":text}))
        .collect();
    json!({"id":item,"type":"message","role":"assistant","status":status,"content":content})
}
pub(super) fn added(item: &Value, previous: Option<&str>) -> Value {
    json!({"type":"conversation.item.added","previous_item_id":previous,"item":item})
}
pub(super) fn delta(response: &str, item: &str, text: &str) -> Value {
    json!({"type":"response.output_audio_transcript.delta","response_id":response,"item_id":item,"output_index":0,
        "content_index":0,"delta":text})
}
pub(super) fn text_done(response: &str, item: &str, text: &str) -> Value {
    json!({"type":"response.output_audio_transcript.done","response_id":response,"item_id":item,"output_index":0,
        "content_index":0,"transcript":text})
}
pub(super) fn item_done(response: &str, item: &Value) -> Value {
    json!({"type":"response.output_item.done","response_id":response,"output_index":0,"item":item})
}
pub(super) fn play(kind: &str, response: &str) -> Value {
    json!({"type":format!("output_audio_buffer.{kind}"),"response_id":response})
}
pub(super) fn truncated(item: &str, ms: i64) -> Value {
    json!({"type":"conversation.item.truncated","item_id":item,"content_index":0,"audio_end_ms":ms})
}
/// An answer up to its words' end: created, item, deltas, done.
pub(super) fn answer(id: &str, item: &str, previous: Option<&str>, words: &[&str]) -> Vec<Value> {
    let whole = words.concat();
    let mut events = vec![
        response("created", id, "in_progress", &[]),
        json!({"type":"response.output_item.added","response_id":id,"output_index":0,"item":ai_item(item,"in_progress",None)}),
        added(&ai_item(item, "in_progress", None), previous),
        json!({"type":"response.content_part.added","response_id":id,"item_id":item,"output_index":0,"content_index":0,
            "part":{"type":"audio","transcript":""}}),
    ];
    events.extend(words.iter().map(|word| delta(id, item, word)));
    events.push(play("started", id));
    events.push(text_done(id, item, &whole));
    events.push(item_done(id, &ai_item(item, "completed", Some(&whole))));
    events.push(response(
        "done",
        id,
        "completed",
        &[ai_item(item, "completed", Some(&whole))],
    ));
    events
}

/// Plays a trace; a number is a pause in ms.
pub(super) fn played(events: Vec<Value>) -> Rig {
    let mut rig = Rig::new();
    for event in events {
        match event.as_i64() {
            Some(ms) => rig.pass(ms),
            None => rig.feed(&event),
        }
    }
    rig
}
pub(super) fn all(parts: Vec<Vec<Value>>) -> Vec<Value> {
    parts.concat()
}
