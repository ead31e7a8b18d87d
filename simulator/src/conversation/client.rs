//! The client's events, one arm each.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Conversation, Transport,
    error::ApiError,
    items::{self, Item},
    session::Format,
};
use crate::{
    audio::{RATE, g711},
    judge::{Detector, words_of},
};

/// What one `input_audio_buffer.append` may hold: 15 MiB.
const APPEND_MAX: usize = 15 * 1024 * 1024;

impl Conversation {
    /// A text message of the client's.
    pub(crate) fn client(&mut self, now: Duration, text: &str) {
        let Ok(event) = serde_json::from_str::<Value>(text) else {
            return self.refuse(&ApiError::new("invalid_json", "The message is not valid JSON."), None);
        };
        self.record.client(now, &event);
        let event_id = event["event_id"].as_str().map(str::to_owned);
        if let Err(error) = self.obey(now, &event) {
            self.refuse(&error, event_id.as_deref());
        }
    }

    fn obey(&mut self, now: Duration, event: &Value) -> Result<(), ApiError> {
        let Some(kind) = event["type"].as_str() else {
            return Err(ApiError::missing("type"));
        };
        match kind {
            "session.update" => {
                self.session.update(&event["session"], self.speaking.spoke)?;
                let session = self.session.value().clone();
                self.emit(json!({"type": "session.updated", "session": session}));
                Ok(())
            }
            "conversation.item.create" => self.create(event),
            "conversation.item.retrieve" => {
                let item = self.find(event, "item_retrieve_invalid_item_id")?.value.clone();
                self.emit(json!({"type": "conversation.item.retrieved", "item": item}));
                Ok(())
            }
            "conversation.item.delete" => {
                let id = self.find(event, "item_delete_invalid_item_id")?.id.clone();
                self.items.remove(&id);
                self.emit(json!({"type": "conversation.item.deleted", "item_id": id}));
                Ok(())
            }
            "conversation.item.truncate" => self.truncate_by_hand(event),
            "input_audio_buffer.append" => self.append(now, event),
            "input_audio_buffer.commit" => self.commit_by_hand(now),
            "input_audio_buffer.clear" => {
                self.clear_by_hand();
                Ok(())
            }
            "output_audio_buffer.clear" if self.setup.transport == Transport::WebRtc => {
                self.hush();
                Ok(())
            }
            "response.create" => self.create_response(now, event),
            "response.cancel" => self.cancel_by_hand(now, event),
            other => {
                let message = format!("Invalid value: '{other}'. It is no event that a client may send here.");
                Err(ApiError {
                    param: Some("type".into()),
                    ..ApiError::new("invalid_value", message)
                })
            }
        }
    }

    fn find(&self, event: &Value, code: &str) -> Result<&Item, ApiError> {
        let Some(id) = event["item_id"].as_str() else {
            return Err(ApiError::missing("item_id"));
        };
        self.items.get(id).ok_or_else(|| {
            let message = format!("Item with item_id '{id}' not found.");
            ApiError {
                param: Some("item_id".into()),
                ..ApiError::new(code, message)
            }
        })
    }

    fn create(&mut self, event: &Value) -> Result<(), ApiError> {
        let id = event["item"]["id"]
            .as_str()
            .map_or_else(|| self.id("item"), str::to_owned);
        let mut item = items::accept(&event["item"], &id)?;
        self.answers_a_call(&item)?;
        self.hear_item(&mut item)?;
        let value = item.value.clone();
        let previous = self.items.insert(event["previous_item_id"].as_str(), item)?;
        self.emit(json!({"type": "conversation.item.added", "previous_item_id": previous, "item": value}));
        self.emit(json!({"type": "conversation.item.done", "previous_item_id": previous, "item": value}));
        Ok(())
    }

    /// A tool's answer belongs to a call that is in the conversation.
    fn answers_a_call(&self, item: &Item) -> Result<(), ApiError> {
        let call_id = &item.value["call_id"];
        let is_call = |other: &Item| other.kind() == "function_call" && other.value["call_id"] == *call_id;
        if item.kind() != "function_call_output" || self.items.iter().any(is_call) {
            return Ok(());
        }
        let message = format!("Tool call ID {call_id} not found in conversation.");
        Err(ApiError::new("invalid_tool_call_id", message))
    }

    fn truncate_by_hand(&mut self, event: &Value) -> Result<(), ApiError> {
        let item = self.find(event, "item_truncate_invalid_item_id")?;
        let (id, audio_ms) = (item.id.clone(), item.audio_ms);
        if item.role() != "assistant" {
            let message = "Only model output audio messages can be truncated.";
            return Err(ApiError::new("item_truncate_invalid_item_id", message));
        }
        let Some(end) = event["audio_end_ms"].as_u64() else {
            return Err(ApiError::missing("audio_end_ms"));
        };
        if event["content_index"].as_u64() != Some(0) {
            return Err(ApiError::invalid(
                "invalid_value",
                "content_index",
                "Only 0 is supported.",
            ));
        }
        if end > audio_ms {
            let message = format!("Audio content of {audio_ms}ms is already shorter than {end}ms");
            return Err(ApiError {
                param: Some("audio_end_ms".into()),
                ..ApiError::new("invalid_value", message)
            });
        }
        self.truncate(&id, end);
        Ok(())
    }

    fn append(&mut self, now: Duration, event: &Value) -> Result<(), ApiError> {
        let Some(audio) = event["audio"].as_str() else {
            return Err(ApiError::missing("audio"));
        };
        if audio.len() > APPEND_MAX {
            return Err(ApiError::invalid("string_above_max_length", "audio", "At most 15 MiB."));
        }
        let pcm = self.pcm(audio)?;
        self.hear(now, &pcm, 0);
        Ok(())
    }

    /// Base64 of sound in the session's format, as 24 kHz mono.
    fn pcm(&self, audio: &str) -> Result<Vec<i16>, ApiError> {
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, audio)
            .map_err(|_| ApiError::invalid("invalid_value", "audio", "Expected base64-encoded audio bytes."))?;
        Ok(match self.session.input_format() {
            Format::Pcm => bytes
                .chunks_exact(2)
                .map(|b| i16::from_le_bytes([b[0], b[1]]))
                .collect(),
            Format::G711 { a_law } => g711::decode(&bytes, a_law),
        })
    }

    /// Sound that came in an item and not in the buffer: no turn is detected in it and nothing is transcribed. It is not kept.
    fn hear_item(&self, item: &mut Item) -> Result<(), ApiError> {
        let Some(parts) = item.value["content"].as_array_mut() else {
            return Ok(());
        };
        let mut pcm = Vec::new();
        for part in parts {
            if let Some(Value::String(audio)) = part.as_object_mut().and_then(|part| part.remove("audio")) {
                pcm.extend(self.pcm(&audio)?);
            }
        }
        item.audio_ms += pcm.len() as u64 * 1_000 / u64::from(RATE);
        if self.setup.mode.decodes() && !pcm.is_empty() {
            let digits: Vec<u8> = Detector::new(RATE).push(&pcm).iter().map(|h| h.digit).collect();
            // What was really said counts, whatever words came with it.
            item.words = format!("[simulated transcript] heard in an item, digits {}", words_of(&digits));
        }
        Ok(())
    }

    fn create_response(&mut self, now: Duration, event: &Value) -> Result<(), ApiError> {
        let options = event.get("response").cloned().unwrap_or_else(|| json!({}));
        if !options.is_object() {
            return Err(ApiError::invalid("invalid_type", "response", "Expected an object."));
        }
        if self.speaking.active_id().is_some() && options["conversation"] != "none" {
            let message = "Conversation already has an active response in progress. Wait until the response is finished before creating a new one.";
            return Err(ApiError::new("conversation_already_has_active_response", message));
        }
        if options
            .get("output_modalities")
            .is_some_and(|m| super::session::speaks(m).is_none())
        {
            let message = "Expected ['audio'] or ['text'].";
            return Err(ApiError::invalid(
                "invalid_value",
                "response.output_modalities",
                message,
            ));
        }
        let context = match options.get("input").and_then(Value::as_array) {
            None => None,
            Some(input) => Some(self.context(input)?),
        };
        if self.speaking.active_id().is_none() {
            self.respond(now, &options, context.as_deref());
        } else if !self.speaking.wait(options, context) {
            return Err(ApiError::new(
                "rate_limit_exceeded",
                "Too many out-of-band responses wait.",
            ));
        }
        Ok(())
    }

    fn context(&mut self, input: &[Value]) -> Result<Vec<Item>, ApiError> {
        let mut context = Vec::new();
        for item in input {
            if item["type"] == "item_reference" {
                let id = item["id"].as_str().unwrap_or_default();
                let found = self.items.get(id).cloned();
                context
                    .push(found.ok_or_else(|| ApiError::invalid("invalid_value", "response.input", "No such item."))?);
            } else {
                let id = self.id("item");
                context.push(items::accept(item, &id)?);
            }
        }
        Ok(context)
    }

    fn cancel_by_hand(&mut self, now: Duration, event: &Value) -> Result<(), ApiError> {
        let named = event["response_id"].as_str();
        let fits = named.is_none_or(|id| self.speaking.active_id() == Some(id));
        if !(fits && self.cancel(now, "client_cancelled")) {
            return Err(ApiError::new(
                "response_cancel_not_active",
                "Cancellation failed: no active response found",
            ));
        }
        Ok(())
    }
}
