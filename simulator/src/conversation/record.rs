//! What the control endpoint tells of a session: everything said, heard, given and received, in order.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    items::{Item, Items, Origin},
    session::Session,
    setup::Setup,
};
use crate::judge::digits_in_words;

/// At most so many of the client's events are kept.
const CLIENT_EVENTS_MAX: usize = 5_000;

/// The record, as it grows.
#[derive(Debug, Default)]
pub(crate) struct Record {
    digits: Vec<Value>,
    spoken: Vec<Value>,
    /// Items that are digits: id to (frame of each burst's start, digit).
    digit_items: BTreeMap<String, Vec<(u64, u8)>>,
    /// Item id to transcription events given.
    transcripts: BTreeMap<String, Vec<Value>>,
    truncations: Vec<Value>,
    client_events: Vec<Value>,
    client_events_count: usize,
    errors: Vec<Value>,
    server_events_count: usize,
    responses: Vec<Value>,
}

impl Record {
    /// A digit of the candidate's, heard `at`.
    pub(crate) fn digit(&mut self, setup: &Setup, at: Duration, digit: u8) {
        let at_ms = at.as_secs_f64() * 1_000.0;
        self.digits.push(json!({
            "n": self.digits.len(), "digit": digit, "at_ms": at_ms, "at_epoch_ms": setup.epoch_ms as f64 + at_ms,
        }));
    }

    /// An item will say these digits; frame numbers of the bursts' starts beside them.
    pub(crate) fn will_say(&mut self, item_id: &str, digits: Vec<(u64, u8)>) {
        self.digit_items.insert(item_id.to_owned(), digits);
    }

    /// Frame `number` of an item went out.
    pub(crate) fn sent(&mut self, epoch_ms: u64, now: Duration, item_id: &str, number: u64) {
        let Some(digits) = self.digit_items.get(item_id) else {
            return;
        };
        for (_, digit) in digits.iter().filter(|(frame, _)| *frame == number) {
            self.spoken.push(json!({"n": self.spoken.len(), "digit": digit, "at_ms": now.as_secs_f64() * 1_000.0, "at_epoch_ms": epoch_ms as f64 + now.as_secs_f64() * 1_000.0, "item_id": item_id}));
        }
    }

    /// Keeps what matters of an event that is sent.
    pub(crate) fn note(&mut self, event: &Value) {
        self.server_events_count += 1;
        let kind = event["type"].as_str().unwrap_or_default();
        if kind.starts_with("conversation.item.input_audio_transcription.") {
            let item = event["item_id"].as_str().unwrap_or_default().to_owned();
            self.transcripts.entry(item).or_default().push(event.clone());
        } else if kind == "conversation.item.truncated" {
            self.truncations.push(event.clone());
        } else if kind == "error" {
            self.errors.push(event["error"].clone());
        } else if kind == "response.done" {
            let response = &event["response"];
            self.responses.push(json!({"id": response["id"], "status": response["status"], "status_details": response["status_details"], "usage": response["usage"]}));
        }
    }

    /// An event of the client's came.
    pub(crate) fn client(&mut self, now: Duration, event: &Value) {
        self.client_events_count += 1;
        if self.client_events.len() < CLIENT_EVENTS_MAX && event["type"] != "input_audio_buffer.append" {
            self.client_events
                .push(json!({"at_ms": now.as_millis() as u64, "event": event}));
        }
    }

    fn item(&self, item: &Item) -> Value {
        let given = self.transcripts.get(&item.id);
        let origin = match item.origin {
            Origin::Client => "client",
            Origin::Heard => "heard",
            Origin::Ours => "said",
        };
        json!({
            "id": item.id, "type": item.kind(), "role": item.value["role"], "origin": origin, "words": item.words,
            "audio_ms": item.audio_ms, "truncated_ms": item.truncated_ms, "status": item.value["status"],
            "transcription_events": given, "name": item.value["name"], "call_id": item.value["call_id"],
            "output": item.value["output"], "arguments": item.value["arguments"],
        })
    }

    /// The digits of all items of a role that have words, in order.
    fn digits_of(items: &Items, role: &str) -> String {
        let words = items
            .iter()
            .filter(|i| i.role() == role)
            .map(|i| digits_in_words(&i.words));
        words.flatten().map(|d| d.to_string()).collect()
    }

    /// The record as JSON.
    pub(crate) fn value(&self, setup: &Setup, items: &Items, session: &Session) -> Value {
        json!({
            "mode": setup.mode, "started_epoch_ms": setup.epoch_ms, "session": session.value(),
            "items": items.iter().map(|i| self.item(i)).collect::<Vec<_>>(),
            "digits": self.digits,
            "digits_text": self.digits.iter().filter_map(|d| d["digit"].as_u64()).map(|d| d.to_string()).collect::<String>(),
            "spoken_digits": self.spoken,
            "spoken_digits_text": self.spoken.iter().filter_map(|d| d["digit"].as_u64()).map(|d| d.to_string()).collect::<String>(),
            "said_by_user": Self::digits_of(items, "user"), "said_by_assistant": Self::digits_of(items, "assistant"),
            "truncations": self.truncations, "responses": self.responses, "errors": self.errors,
            "client_events": self.client_events, "client_events_count": self.client_events_count,
            "server_events_count": self.server_events_count,
        })
    }
}
