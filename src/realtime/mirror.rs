//! The gate out: AI events for a data channel that the candidate's browser opened.
//!
//! Is: an allow-list of kinds, each under its GA and its beta name, `text` beside `delta`; the seed's client reads
//! `conversation.item.input_audio_transcription.completed`, `response.audio_transcript.delta` (its `text`) and
//! `response.function_call_arguments.done`. Isn't: the tap.
//! **Laws:** nothing of the instructions, the tools or our notes to the model goes out. `end_session` goes out only when
//! the goodbye has been played ([`Mirror::release`]): the seed's client closes everything on it.

use super::event::canonical;
use super::session::END_SESSION;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Names of calls remembered, to give a beta service's `arguments.done` its name. An interview has a few.
const CALLS_MAX: usize = 64;

/// The gate of one interview.
#[derive(Debug, Default)]
pub struct Mirror {
    /// Tool names by `call_id`.
    calls: BTreeMap<String, String>,
    /// What waits for the goodbye.
    held: Vec<String>,
    released: bool,
    /// Items that are no news: what we told the AI of what was said before.
    hidden: BTreeSet<String>,
}

impl Mirror {
    /// The frames for the browser that an AI event gives, in order.
    pub fn frames(&mut self, text: &str) -> Vec<String> {
        let Ok(Value::Object(event)) = serde_json::from_str(text) else {
            return Vec::new();
        };
        self.pass(event).unwrap_or_default()
    }

    /// This item is ours: history that a new AI leg is told, or a note. Say so before its events come.
    pub fn hide(&mut self, item_id: &str) {
        self.hidden.insert(item_id.to_owned());
    }

    /// Another AI leg takes the interview up: what of the one before was ours does not come any more.
    pub fn forget_hidden(&mut self) {
        self.hidden.clear();
    }

    /// The goodbye has been played: what was held goes now, and nothing is held any more.
    pub fn release(&mut self) -> Vec<String> {
        self.released = true;
        std::mem::take(&mut self.held)
    }

    fn pass(&mut self, mut event: Map<String, Value>) -> Option<Vec<String>> {
        let kind = event.get("type")?.as_str()?.to_owned();
        let names = canonical(&kind);
        match names.ga {
            "session.created" | "session.updated" => {
                let session = event.remove("session").unwrap_or_default();
                event.insert(
                    "session".into(),
                    only(&session, &["id", "object", "type", "expires_at"]),
                );
                keep(&mut event, &["type", "event_id", "session"]);
            }
            "conversation.item.added" | "conversation.item.done" => {
                let item = event.get("item")?;
                let id = item.get("id").and_then(Value::as_str);
                if id.is_some_and(|id| self.hidden.contains(id)) {
                    return None;
                }
                event.insert("item".into(), speech(item)?);
            }
            "response.output_item.added" | "response.output_item.done" => {
                self.remember(event.get("item")?);
                let item = speech(event.get("item")?)?;
                event.insert("item".into(), item);
            }
            "response.created" | "response.done" => {
                let mut response = only(
                    event.get("response")?,
                    &[
                        "id",
                        "object",
                        "status",
                        "status_details",
                        "conversation_id",
                        "output_modalities",
                        "modalities",
                        "output",
                    ],
                );
                if let Some(output) = response.get_mut("output").and_then(Value::as_array_mut) {
                    *output = output.iter().filter_map(speech).collect();
                }
                if let Some(details) = response.get("status_details") {
                    response["status_details"] = only(details, &["type", "reason"]);
                }
                event.insert("response".into(), response);
            }
            "response.function_call_arguments.done" => return self.call_done(event),
            "error" => {
                event.insert("error".into(), only(event.get("error")?, &["type", "code", "event_id"]));
            }
            "input_audio_buffer.speech_started"
            | "input_audio_buffer.speech_stopped"
            | "input_audio_buffer.committed"
            | "input_audio_buffer.timeout_triggered"
            | "conversation.item.truncated"
            | "conversation.item.input_audio_transcription.delta"
            | "conversation.item.input_audio_transcription.completed"
            | "conversation.item.input_audio_transcription.failed"
            | "output_audio_buffer.started"
            | "output_audio_buffer.stopped"
            | "output_audio_buffer.cleared"
            | "response.content_part.added"
            | "response.content_part.done"
            | "response.output_text.delta"
            | "response.output_text.done"
            | "response.output_audio_transcript.delta"
            | "response.output_audio_transcript.done"
            | "response.output_audio.done" => {
                for private in ["usage", "logprobs"] {
                    event.remove(private);
                }
            }
            // The rest is of no use to a browser, or not for it: sound, limits, deletions, kinds we do not know.
            _ => return None,
        }
        Some(both(event, names.ga, names.beta))
    }

    /// Only `end_session` is for the browser, and only after the goodbye.
    fn call_done(&mut self, mut event: Map<String, Value>) -> Option<Vec<String>> {
        let call_id = event.get("call_id")?.as_str()?.to_owned();
        let told = event
            .get("name")
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty());
        let name = told.or_else(|| self.calls.get(&call_id).map(String::as_str))?;
        if name != END_SESSION {
            return None;
        }
        event.insert("name".into(), json!(END_SESSION));
        let frame = Value::Object(event).to_string();
        if self.released {
            return Some(vec![frame]);
        }
        if self.held.len() < CALLS_MAX && !self.held.contains(&frame) {
            self.held.push(frame);
        }
        None
    }

    fn remember(&mut self, item: &Value) {
        let (call_id, name) = (
            item.get("call_id").and_then(Value::as_str),
            item.get("name").and_then(Value::as_str),
        );
        if let (Some(call_id), Some(name)) = (call_id, name)
            && self.calls.len() < CALLS_MAX
        {
            self.calls.insert(call_id.to_owned(), name.to_owned());
        }
    }
}

/// An item, if it is somebody's speech: not our notes, not tools.
fn speech(item: &Value) -> Option<Value> {
    let is_message = item.get("type").and_then(Value::as_str) == Some("message");
    let role = item.get("role").and_then(Value::as_str)?;
    (is_message && ["user", "assistant"].contains(&role))
        .then(|| only(item, &["id", "object", "type", "status", "role", "content"]))
}

/// An object with these keys alone.
fn only(value: &Value, keys: &[&str]) -> Value {
    let kept = keys
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), value.get(*key)?.clone())));
    Value::Object(kept.collect())
}

fn keep(event: &mut Map<String, Value>, keys: &[&str]) {
    event.retain(|key, _| keys.contains(&key.as_str()));
}

/// The event under its GA name, and under the beta's where there is another.
fn both(mut event: Map<String, Value>, ga: &str, beta: Option<&'static str>) -> Vec<String> {
    // `text` beside `delta`, whichever of them came.
    if ga.rsplit('.').next() == Some("delta") {
        let words = event.get("delta").or_else(|| event.get("text")).cloned();
        if let Some(words) = words {
            event.insert("delta".into(), words.clone());
            event.insert("text".into(), words);
        }
    }
    event.insert("type".into(), json!(ga));
    let mut frames = vec![Value::Object(event.clone()).to_string()];
    if let Some(beta) = beta {
        event.insert("type".into(), json!(beta));
        let item = event
            .get_mut("item")
            .and_then(|item| item.get_mut("content"))
            .and_then(Value::as_array_mut);
        for part in item.into_iter().flatten() {
            let kind = match part.get("type").and_then(Value::as_str) {
                Some("output_text") => "text",
                Some("output_audio") => "audio",
                _ => continue,
            };
            part["type"] = json!(kind);
        }
        frames.push(Value::Object(event).to_string());
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(mirror: &mut Mirror, event: &Value) -> Vec<Value> {
        mirror
            .frames(&event.to_string())
            .iter()
            .map(|frame| serde_json::from_str(frame).unwrap())
            .collect()
    }
    fn kinds(mirror: &mut Mirror, event: &Value) -> Vec<String> {
        frames(mirror, event)
            .iter()
            .map(|frame| frame["type"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn history_that_a_new_leg_is_told_is_no_news() {
        let mut mirror = Mirror::default();
        let added = |id: &str| {
            json!({"type":"conversation.item.added","item":{"id":id,"type":"message","role":"user",
            "content":[{"type":"input_text","text":"said long ago"}]}})
        };
        mirror.hide("old");
        assert!(frames(&mut mirror, &added("old")).is_empty());
        assert!(!frames(&mut mirror, &added("new")).is_empty());
        mirror.forget_hidden();
        assert!(!frames(&mut mirror, &added("old")).is_empty());
    }

    #[test]
    fn the_seed_reads_its_words_once_under_its_name() {
        let mut mirror = Mirror::default();
        let ga = json!({"type":"response.output_audio_transcript.delta","item_id":"i","delta":"Hi "});
        let beta = json!({"type":"response.audio_transcript.delta","item_id":"i","delta":"Hi "});
        for event in [ga, beta] {
            let out = frames(&mut mirror, &event);
            assert_eq!(out.len(), 2);
            assert_eq!(out[0]["type"], "response.output_audio_transcript.delta");
            assert_eq!(out[1]["type"], "response.audio_transcript.delta");
            assert!(
                out.iter()
                    .all(|frame| frame["text"] == "Hi " && frame["delta"] == "Hi ")
            );
        }
        let completed = json!({"type":"conversation.item.input_audio_transcription.completed","item_id":"i",
            "transcript":"Yes.\n","usage":{"seconds":1},"logprobs":[1]});
        let out = frames(&mut mirror, &completed);
        assert_eq!(
            out,
            [
                json!({"type":"conversation.item.input_audio_transcription.completed","item_id":"i","transcript":"Yes.\n"})
            ]
        );
    }

    #[test]
    fn end_session_waits_for_the_goodbye() {
        let mut mirror = Mirror::default();
        let done =
            json!({"type":"response.function_call_arguments.done","call_id":"c","name":"end_session","arguments":"{}"});
        assert_eq!(kinds(&mut mirror, &done), [""; 0]);
        assert_eq!(kinds(&mut mirror, &done), [""; 0]); // doubled
        let held = mirror.release();
        assert_eq!(held.len(), 1);
        assert_eq!(serde_json::from_str::<Value>(&held[0]).unwrap(), done);
        assert_eq!(mirror.release(), [""; 0]);
        assert_eq!(kinds(&mut mirror, &done).len(), 1, "after the goodbye it goes at once");
    }

    #[test]
    fn a_call_without_its_name_is_known_by_its_id_and_other_tools_stay_inside() {
        let mut mirror = Mirror::default();
        let item = |call: &str, name: &str| json!({"type":"response.output_item.added","item":{"id":"f","type":"function_call","call_id":call,"name":name}});
        assert_eq!(kinds(&mut mirror, &item("c", "end_session")), [""; 0]);
        assert_eq!(kinds(&mut mirror, &item("d", "look_up")), [""; 0]);
        for call in ["c", "d", "unknown"] {
            frames(
                &mut mirror,
                &json!({"type":"response.function_call_arguments.done","call_id":call,"arguments":"{}"}),
            );
        }
        let held = mirror.release();
        assert_eq!(held.len(), 1);
        assert!(held[0].contains("\"end_session\"") && held[0].contains("\"c\""));
    }

    #[test]
    fn nothing_secret_goes_out() {
        let secret = "TOP-SECRET";
        let session = json!({"id":"s","object":"realtime.session","type":"realtime","instructions":secret,"tools":[secret],"prompt":secret,
            "audio":{"input":{"transcription":{"prompt":secret}}}});
        let note = json!({"id":"n","type":"message","role":"system","content":[{"type":"input_text","text":secret}]});
        let call = json!({"id":"f","type":"function_call","name":"end_session","call_id":"c","arguments":secret});
        let events = [
            json!({"type":"session.created","session":session,"note":secret}),
            json!({"type":"session.updated","session":session}),
            json!({"type":"conversation.item.added","item":note}),
            json!({"type":"conversation.item.created","item":note}),
            json!({"type":"conversation.item.done","item":note}),
            json!({"type":"conversation.item.retrieved","item":note}),
            json!({"type":"response.created","response":{"id":"r","instructions":secret,"tools":[secret],"metadata":{"a":secret}}}),
            json!({"type":"response.done","response":{"id":"r","output":[call,note],"usage":secret,"status_details":{"error":{"message":secret}}}}),
            json!({"type":"response.output_item.done","item":call}),
            json!({"type":"response.function_call_arguments.delta","delta":secret}),
            json!({"type":"error","error":{"message":secret,"type":"t","code":"c"}}),
            json!({"type":"rate_limits.updated","rate_limits":[secret]}),
            json!({"type":"a.kind.of.tomorrow","x":secret}),
            json!({"type":"response.output_audio.delta","delta":secret}),
        ];
        let mut mirror = Mirror::default();
        for event in &events {
            for frame in mirror.frames(&event.to_string()) {
                assert!(!frame.contains(secret), "{frame}");
            }
        }
        assert_eq!(kinds(&mut mirror, &events[0]), ["session.created"]);
        assert_eq!(kinds(&mut mirror, &events[7]), ["response.done"]);
    }

    #[test]
    fn items_keep_their_words_and_the_beta_its_part_names() {
        let mut mirror = Mirror::default();
        let event = json!({"type":"conversation.item.added","previous_item_id":"p","item":{"id":"i","type":"message","role":"assistant",
            "content":[{"type":"output_audio","transcript":"Hi"}]}});
        let out = frames(&mut mirror, &event);
        assert_eq!(
            out[0]["item"]["content"][0],
            json!({"type":"output_audio","transcript":"Hi"})
        );
        assert_eq!(
            (&out[1]["type"], &out[1]["item"]["content"][0]["type"]),
            (&json!("conversation.item.created"), &json!("audio"))
        );
        assert!(
            mirror.frames("{").is_empty() && mirror.frames("[]").is_empty() && mirror.frames("{\"type\":1}").is_empty()
        );
    }
}
