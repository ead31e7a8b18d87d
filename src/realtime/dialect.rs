//! The meaning of a realtime protocol: what we want said, in the words of one service.
//!
//! Is: the trait behind which the next protocol is one more file, and OpenAI's Realtime (GA), its first. Isn't: transport
//! (`link`) or policy: when to say what is the session's.
//! **Law:** pure. A text for the model is ours alone; a candidate's words go only where they are the candidate's.

use super::event::Event;
use super::history::{self, Summary, Told, ToolCall};
use super::session::{self, Brief};
use crate::store::{EndReason, Entry, Speaker};
use serde_json::{Value, json};
use std::fmt::Debug;
use uuid::Uuid;

/// The id of the summary of an interview's beginning: there is one in a conversation at most.
const SUMMARY_ID: &str = "vivavoce_summary";

/// One realtime protocol.
pub trait Dialect: Send + Sync + Debug + 'static {
    /// The whole session, for the call.
    fn session(&self, brief: &Brief<'_>) -> Value;
    /// The session once more, as the first message on a WebSocket: with audio formats.
    fn session_on_socket(&self, session: &Value) -> Value;
    /// Let the AI speak: the greeting, an answer, a nudge.
    fn respond(&self) -> Value;
    /// Tells the AI how much time is left. It answers nothing to it.
    fn time_left(&self, minutes: u64) -> Vec<Value>;
    /// Asks for the goodbye, whoever ends it; the AI speaks at once.
    fn goodbye(&self, why: EndReason) -> Vec<Value>;
    /// From now on the AI hears and writes down, but is not interrupted and answers nothing by itself.
    fn stop_answering(&self) -> Value;
    /// True for what [`Dialect::stop_answering`] gives: on a WebSocket, not to be interrupted is ours to see to.
    fn is_stop_answering(&self, message: &Value) -> bool;
    /// Makes a turn of what the candidate is saying, finished or not.
    fn commit(&self) -> Value;
    /// Words that the candidate typed, as an item with this id (at most 32 characters). Answered when asked by
    /// [`Dialect::respond`].
    fn say(&self, item_id: &str, text: &str) -> Vec<Value>;
    /// Answers a call of a tool. Nothing is said to it unless asked for by [`Dialect::respond`].
    fn tool_answer(&self, call_id: &str, output: &Value) -> Vec<Value>;
    /// A call in an interview that has begun: its history, each item with an id of ours ([`replayed_id`] gives an entry's; the
    /// transcript must skip them), and how to go on. The AI speaks when asked by [`Dialect::respond`], or by turn detection.
    fn take_up(&self, history: &Told<'_>) -> Vec<Value>;
    /// The candidate could not hear for a while.
    fn go_on(&self, from: GoOn<'_>) -> Vec<Value>;
    /// Cuts an item to what was heard of it.
    fn truncate(&self, item_id: &str, heard_ms: u64) -> Value;
    /// Stops the response that is being made.
    fn cancel(&self) -> Value;
    /// Breaks off what the AI is saying: what was made is not played on, and no more is made of a response in the making.
    fn silence(&self, making: bool) -> Vec<Value>;
    /// The candidate's speech, on a WebSocket: base64 of PCM16 at 24 kHz.
    fn hear(&self, base64: &str) -> String;
    /// True for a message that asks to stop the sound, which on a WebSocket is ours to do.
    fn is_silence(&self, message: &Value) -> bool;
    /// What an event says.
    fn parse(&self, text: &str) -> Event;
}

/// From where the AI goes on, once the candidate can hear again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoOn<'a> {
    /// Nothing that was said was heard.
    Begin,
    /// All that it said was heard; it has not answered.
    Answer,
    /// Of its last words in this conversation none was heard.
    Unheard,
    /// Of its last words no more than these were heard.
    Heard(&'a str),
}

/// Id of a replayed entry: at most 32 characters, and the same for the same entry.
pub fn replayed_id(entry: &Entry) -> String {
    entry.id.0.simple().to_string()
}

/// OpenAI's Realtime API, GA.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiRealtime;

impl Dialect for OpenAiRealtime {
    fn session(&self, brief: &Brief<'_>) -> Value {
        session::session(brief)
    }

    fn session_on_socket(&self, session: &Value) -> Value {
        let mut session = session.clone();
        let format = json!({ "type": "audio/pcm", "rate": 24000 });
        session["audio"]["input"]["format"] = format.clone();
        session["audio"]["output"]["format"] = format;
        // The address has set it, and it is fixed.
        if let Some(session) = session.as_object_mut() {
            session.remove("model");
        }
        json!({ "type": "session.update", "session": session })
    }

    fn respond(&self) -> Value {
        json!({ "type": "response.create" })
    }

    fn time_left(&self, minutes: u64) -> Vec<Value> {
        let minutes = if minutes == 1 {
            "1 minute is".to_owned()
        } else {
            format!("{minutes} minutes are")
        };
        vec![note(&format!(
            "{minutes} left. Finish the question at hand, skip the rest, and close."
        ))]
    }

    fn goodbye(&self, why: EndReason) -> Vec<Value> {
        let why = match why {
            EndReason::Time => "The time is up.",
            EndReason::Candidate => "The candidate has asked to end the interview.",
            EndReason::Recruiter => "The company has asked to end the interview.",
            EndReason::Interviewer => "The interview is over.",
            EndReason::Failed => "The interview cannot go on for technical reasons, through no fault of the candidate.",
        };
        let text = format!("{why} Thank the candidate and say goodbye now, in two sentences, then call end_session.");
        vec![note(&text), self.respond()]
    }

    fn say(&self, item_id: &str, text: &str) -> Vec<Value> {
        let item = json!({ "id": item_id, "type": "message", "role": "user", "content": [{ "type": "input_text", "text": text }] });
        vec![json!({ "type": "conversation.item.create", "item": item })]
    }

    fn stop_answering(&self) -> Value {
        // Whole, since a service may replace the object rather than merge it. High eagerness ends a last turn soon.
        let detection = json!({ "type": "semantic_vad", "eagerness": "high", "create_response": false, "interrupt_response": false });
        json!({ "type": "session.update", "session": { "type": "realtime", "audio": { "input": { "turn_detection": detection } } } })
    }

    fn is_stop_answering(&self, message: &Value) -> bool {
        message.pointer("/session/audio/input/turn_detection/interrupt_response") == Some(&Value::Bool(false))
    }

    fn commit(&self) -> Value {
        json!({ "type": "input_audio_buffer.commit" })
    }

    fn tool_answer(&self, call_id: &str, output: &Value) -> Vec<Value> {
        let item = json!({ "type": "function_call_output", "call_id": call_id, "output": output.to_string() });
        vec![json!({ "type": "conversation.item.create", "item": item })]
    }

    fn take_up(&self, history: &Told<'_>) -> Vec<Value> {
        let mut events: Vec<Value> = history.summary.iter().map(summary).collect();
        for item in &history.items {
            match item {
                history::Item::Said { entry, text } => events.push(replayed(entry, text)),
                history::Item::Called(call) => events.extend(replayed_call(call)),
            }
        }
        if !events.is_empty() {
            events.push(note(
                "The connection was lost and is back; the interview goes on where it was. Do not greet again, do not start over, and \
                 do not mention it. If your last words above were cut off, go on right after them; if an answer could not be made \
                 out, ask for it again.",
            ));
        }
        events
    }

    fn go_on(&self, from: GoOn<'_>) -> Vec<Value> {
        let from = match from {
            GoOn::Begin => return vec![note("The candidate could not hear you until now. Begin the interview.")],
            GoOn::Answer => "Answer what they said last".to_owned(),
            GoOn::Unheard => "They have heard nothing of what you said last. Say it now".to_owned(),
            GoOn::Heard(heard) => {
                format!("Of what you said last they heard this: \"{heard} …\". Go on right after that")
            }
        };
        let text = format!(
            "The candidate could not hear you for a while, and can again. {from}; do not greet again, do not start over, and do not \
             mention it."
        );
        vec![note(&text)]
    }

    fn truncate(&self, item_id: &str, heard_ms: u64) -> Value {
        json!({ "type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": heard_ms })
    }

    fn cancel(&self) -> Value {
        json!({ "type": "response.cancel" })
    }

    fn silence(&self, making: bool) -> Vec<Value> {
        // In this order: a cleared buffer fills again while a response is being made.
        let clear = json!({ "type": "output_audio_buffer.clear" });
        making.then(|| self.cancel()).into_iter().chain([clear]).collect()
    }

    fn hear(&self, base64: &str) -> String {
        // Base64 needs no escape.
        format!(r#"{{"type":"input_audio_buffer.append","audio":"{base64}"}}"#)
    }

    fn is_silence(&self, message: &Value) -> bool {
        message.get("type").and_then(Value::as_str) == Some("output_audio_buffer.clear")
    }

    fn parse(&self, text: &str) -> Event {
        Event::parse(text)
    }
}

/// A text from us to the model, no turn of anybody's.
fn note(text: &str) -> Value {
    create(&json!({ "type": "message", "role": "system", "content": [{ "type": "input_text", "text": text }] }))
}

/// The summary, in the candidate's name: their words are in it, and what stands in ours is an order to the model.
fn summary(summary: &Summary) -> Value {
    let content = json!([{ "type": "input_text", "text": summary.text }]);
    create(&json!({ "id": SUMMARY_ID, "type": "message", "role": "user", "content": content }))
}

/// An entry, as the item it was.
fn replayed(entry: &Entry, text: &str) -> Value {
    let (role, kind) = match entry.speaker {
        Speaker::Ai => ("assistant", "output_text"),
        Speaker::Candidate => ("user", "input_text"),
    };
    create(&json!({
        "id": replayed_id(entry), "type": "message", "role": role, "content": [{ "type": kind, "text": text }],
    }))
}

/// A call of a tool and its answer, as the items they were.
fn replayed_call(call: &ToolCall) -> [Value; 2] {
    let id = |of: &str| {
        let name = format!("{of}/{}", call.call_id);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).simple().to_string()
    };
    [
        create(&json!({
            "id": id("call"), "type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments,
        })),
        create(&json!({
            "id": id("output"), "type": "function_call_output", "call_id": call.call_id, "output": call.output,
        })),
    ]
}

fn create(item: &Value) -> Value {
    json!({ "type": "conversation.item.create", "item": item })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{EntryId, SessionId};
    use crate::realtime::history::{Bound, tell};
    use time::macros::datetime;

    fn entry(n: u128, speaker: Speaker, text: &str) -> Entry {
        Entry {
            id: EntryId(uuid::Uuid::from_u128(n)),
            sequence: n as i32,
            item_id: format!("item_{n}"),
            ..Entry::tapped(
                SessionId(uuid::Uuid::nil()),
                speaker,
                text,
                datetime!(2026-11-24 10:00 UTC),
            )
        }
    }

    #[test]
    fn what_is_said_in_openais_words() {
        let d: &dyn Dialect = &OpenAiRealtime;
        let kinds = |events: &[Value]| {
            events
                .iter()
                .map(|e| e["type"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(kinds(&d.time_left(2)), ["conversation.item.create"]);
        assert!(
            d.time_left(2)[0].to_string().contains("2 minutes are left")
                && d.time_left(1)[0].to_string().contains("1 minute is left")
        );
        assert_eq!(d.time_left(2)[0]["item"]["role"], "system");
        assert_eq!(
            kinds(&d.goodbye(EndReason::Time)),
            ["conversation.item.create", "response.create"]
        );
        assert_eq!(kinds(&d.say("i", "x")), ["conversation.item.create"]);
        assert!(d.is_stop_answering(&d.stop_answering()) && !d.is_stop_answering(&d.respond()));
        let detection = &d.stop_answering()["session"]["audio"]["input"]["turn_detection"];
        assert_eq!(
            (&detection["create_response"], &detection["interrupt_response"]),
            (&json!(false), &json!(false))
        );
        assert_eq!(d.commit(), json!({"type":"input_audio_buffer.commit"}));
        assert_eq!(
            d.say("i", "x\"")[0]["item"]["content"][0],
            json!({"type":"input_text","text":"x\""})
        );
        let answer = d.tool_answer("c", &json!({"ok":true}));
        assert_eq!(
            answer,
            [
                json!({"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"c","output":"{\"ok\":true}"}})
            ]
        );
        assert_eq!(d.truncate("i", 120)["audio_end_ms"], 120);
        assert_eq!(serde_json::from_str::<Value>(&d.hear("AA==")).unwrap()["audio"], "AA==");
        assert!(d.is_silence(&json!({"type":"output_audio_buffer.clear"})) && !d.is_silence(&d.cancel()));
    }

    #[test]
    fn a_new_call_is_told_what_was_long_ago_in_short_and_which_tools_were_called() {
        let bound = Bound::of_model("gpt-realtime-2.1");
        let record: Vec<Entry> = (1..=500).map(|n| entry(n, Speaker::Candidate, "x")).collect();
        let call = ToolCall {
            call_id: "call_7".into(),
            name: "end_session".into(),
            arguments: "{}".into(),
            output: r#"{"ok":true}"#.into(),
            after: 499,
        };
        let events = OpenAiRealtime.take_up(&tell(&record, std::slice::from_ref(&call), bound));
        assert_eq!(events.len(), bound.items + 1, "and the note");
        // words of the candidate's are never an order of ours
        let summary = &events[0]["item"];
        assert_eq!((&summary["role"], &summary["id"]), (&json!("user"), &json!(SUMMARY_ID)));
        let tail: Vec<&Value> = events.iter().rev().take(4).rev().map(|event| &event["item"]).collect();
        assert_eq!(
            tail.iter()
                .map(|item| item["type"].as_str().unwrap())
                .collect::<Vec<_>>(),
            ["function_call", "function_call_output", "message", "message"]
        );
        assert_eq!(
            (&tail[0]["call_id"], &tail[0]["name"], &tail[0]["arguments"]),
            (&json!("call_7"), &json!("end_session"), &json!("{}"))
        );
        assert_eq!(
            (&tail[1]["call_id"], &tail[1]["output"]),
            (&json!("call_7"), &json!(r#"{"ok":true}"#))
        );
        let ids: std::collections::BTreeSet<_> =
            events.iter().filter_map(|event| event["item"]["id"].as_str()).collect();
        assert_eq!(ids.len(), events.len() - 1, "each its own, the note none");
        assert!(ids.iter().all(|id| id.len() <= 32));
    }

    #[test]
    fn a_socket_is_told_the_formats_and_not_the_model() {
        let update = OpenAiRealtime.session_on_socket(
            &json!({"type":"realtime","model":"m","audio":{"input":{"a":1},"output":{"voice":"v"}}}),
        );
        assert_eq!(
            update["session"]["audio"]["input"],
            json!({"a":1,"format":{"type":"audio/pcm","rate":24000}})
        );
        assert_eq!(update["session"]["audio"]["output"]["format"]["rate"], 24000);
        assert_eq!(update["session"].get("model"), None);
    }

    #[test]
    fn a_new_call_is_told_what_was_heard() {
        let cut = Entry {
            interrupted: true,
            heard_text: Some("Tell me".into()),
            ..entry(1, Speaker::Ai, "Tell me about you.")
        };
        let gap = Entry {
            gap: Some("transcription_failed".into()),
            ..entry(2, Speaker::Candidate, "")
        };
        let bound = Bound::of_model("gpt-realtime-2.1");
        let record = [cut, gap, entry(3, Speaker::Candidate, "Hm.")];
        let events = OpenAiRealtime.take_up(&tell(&record, &[], bound));
        let texts: Vec<&str> = events
            .iter()
            .filter_map(|e| e["item"]["content"][0]["text"].as_str())
            .collect();
        assert_eq!(
            texts[..3],
            ["Tell me … (interrupted)", "(could not be made out)", "Hm."]
        );
        assert_eq!(events[0]["item"]["content"][0]["type"], "output_text");
        assert_eq!(events[0]["item"]["id"].as_str().unwrap().len(), 32);
        assert_eq!(events[3]["item"]["role"], "system");
        assert_eq!(events.len(), 4, "it speaks when it is asked to");
        assert!(
            OpenAiRealtime.take_up(&Told::default()).is_empty(),
            "nothing was said: it begins like any other"
        );
        let told = |from| OpenAiRealtime.go_on(from)[0]["item"]["content"][0]["text"].to_string();
        assert!(told(GoOn::Heard("Tell me")).contains("Tell me …"));
        assert!(told(GoOn::Unheard).contains("nothing of what you said last"));
        assert!(told(GoOn::Answer).contains("Answer what they said last"));
        assert!(told(GoOn::Begin).contains("Begin the interview"));
    }
}
