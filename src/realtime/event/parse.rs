//! Text to [`Event`].

use super::item::words;
use super::{
    Band, Call, Ending, Event, Fault, InputPart, Item, OutputPart, Previous, Response, Usage, What, canonical,
};
use serde_json::{Map, Value};

/// An unknown kind's name is kept to this many characters.
const KIND_CHARS_MAX: usize = 64;

impl Event {
    /// Reads a text frame of the service. Never fails: see [`What::Malformed`] and [`What::Unknown`].
    pub fn parse(text: &str) -> Self {
        match serde_json::from_str(text) {
            Ok(value) => Self::from_value(value),
            Err(_) => Self {
                id: None,
                what: What::Malformed,
            },
        }
    }

    /// The same for what is JSON already.
    pub fn from_value(value: Value) -> Self {
        let Value::Object(map) = value else {
            return Self {
                id: None,
                what: What::Malformed,
            };
        };
        let mut fields = Fields(map);
        let id = fields.text("event_id");
        let what = match fields.text("type") {
            Some(kind) => read(&kind, &mut fields).unwrap_or(What::Malformed),
            None => What::Malformed,
        };
        Self { id, what }
    }
}

/// `None`: an id is missing that the kind cannot do without.
fn read(kind: &str, f: &mut Fields) -> Option<What> {
    Some(match canonical(kind).ga {
        "session.created" => What::SessionCreated {
            expires_at: f.0.get("session").and_then(|s| s.get("expires_at")).and_then(whole),
        },
        "session.updated" => What::SessionUpdated,
        "conversation.item.added" => What::ItemAdded {
            previous: f.previous(),
            item: f.item()?,
        },
        "conversation.item.done" => What::ItemDone {
            previous: f.previous(),
            item: f.item()?,
        },
        "conversation.item.deleted" => What::ItemDeleted {
            item_id: f.id("item_id")?,
        },
        "conversation.item.truncated" => What::ItemTruncated {
            part: f.input_part()?,
            heard_ms: f.ms("audio_end_ms")?,
        },
        "conversation.item.input_audio_transcription.delta" => What::UserDelta {
            part: f.input_part()?,
            delta: f.delta(),
        },
        "conversation.item.input_audio_transcription.completed" => What::UserDone {
            part: f.input_part()?,
            transcript: f.text("transcript").unwrap_or_default(),
        },
        "conversation.item.input_audio_transcription.failed" => What::UserFailed {
            part: f.input_part()?,
            code: f.fault().code,
        },
        "input_audio_buffer.speech_started" => What::SpeechStarted {
            item_id: f.id("item_id")?,
            at_ms: f.ms("audio_start_ms")?,
        },
        "input_audio_buffer.speech_stopped" => What::SpeechStopped {
            item_id: f.id("item_id")?,
            at_ms: f.ms("audio_end_ms")?,
        },
        "input_audio_buffer.committed" => What::Committed {
            item_id: f.id("item_id")?,
            previous: f.previous(),
        },
        "input_audio_buffer.timeout_triggered" => What::IdleTimeout,
        "output_audio_buffer.started" => What::PlayStarted {
            response_id: f.id("response_id")?,
        },
        "output_audio_buffer.stopped" => What::PlayStopped {
            response_id: f.id("response_id")?,
        },
        "output_audio_buffer.cleared" => What::PlayCleared {
            response_id: f.id("response_id")?,
        },
        "response.created" => What::ResponseCreated(f.response()?),
        "response.done" => What::ResponseDone(f.response()?),
        "response.output_item.added" => What::OutputItemAdded {
            response_id: f.text("response_id").unwrap_or_default(),
            output_index: f.index("output_index"),
            item: f.item()?,
        },
        "response.output_item.done" => What::OutputItemDone {
            response_id: f.text("response_id").unwrap_or_default(),
            output_index: f.index("output_index"),
            item: f.item()?,
        },
        "response.content_part.added" => What::PartAdded(f.output_part()?),
        "response.content_part.done" => What::PartDone {
            part: f.output_part()?,
            text: f.0.get("part").and_then(words),
        },
        "response.output_text.delta" | "response.output_audio_transcript.delta" => What::TextDelta {
            part: f.output_part()?,
            delta: f.delta(),
        },
        "response.output_text.done" | "response.output_audio_transcript.done" => What::TextDone {
            part: f.output_part()?,
            text: f.text("text").or_else(|| f.text("transcript")).unwrap_or_default(),
        },
        "response.output_audio.delta" => What::AudioDelta {
            part: f.output_part()?,
            audio: f.delta(),
        },
        "response.output_audio.done" => What::AudioDone(f.output_part()?),
        "response.function_call_arguments.done" => What::CallDone {
            response_id: f.text("response_id").unwrap_or_default(),
            item_id: f.text("item_id").unwrap_or_default(),
            call: Call {
                name: f.text("name").unwrap_or_default(),
                call_id: f.id("call_id")?,
                arguments: f.text("arguments").unwrap_or_default(),
            },
        },
        "error" => What::Error(f.fault()),
        "conversation.created"
        | "conversation.item.retrieved"
        | "conversation.item.input_audio_transcription.segment"
        | "input_audio_buffer.cleared"
        | "input_audio_buffer.dtmf_event_received"
        | "response.function_call_arguments.delta"
        | "rate_limits.updated" => What::Other,
        other => What::Unknown {
            kind: other.chars().take(KIND_CHARS_MAX).collect(),
        },
    })
}

/// The fields of an event; a field of the wrong type counts as absent. What is read is taken, not copied.
struct Fields(Map<String, Value>);

impl Fields {
    fn text(&mut self, key: &str) -> Option<String> {
        match self.0.remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }
    fn id(&mut self, key: &str) -> Option<String> {
        self.text(key).filter(|id| !id.is_empty())
    }
    fn index(&self, key: &str) -> u32 {
        self.ms(key).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
    }
    fn ms(&self, key: &str) -> Option<i64> {
        self.0.get(key).and_then(whole).map(|n| n.max(0))
    }
    /// `delta`, or `text`, as some speakers of the beta have it.
    fn delta(&mut self) -> String {
        self.text("delta").or_else(|| self.text("text")).unwrap_or_default()
    }
    fn previous(&self) -> Previous {
        match self.0.get("previous_item_id") {
            Some(Value::Null) => Previous::First,
            Some(Value::String(id)) if id == "root" || id.is_empty() => Previous::First,
            Some(Value::String(id)) => Previous::After(id.clone()),
            _ => Previous::Unsaid,
        }
    }
    fn item(&self) -> Option<Item> {
        self.0.get("item").and_then(Item::read)
    }
    fn input_part(&mut self) -> Option<InputPart> {
        Some(InputPart {
            content_index: self.index("content_index"),
            item_id: self.id("item_id")?,
        })
    }
    fn output_part(&mut self) -> Option<OutputPart> {
        Some(OutputPart {
            output_index: self.index("output_index"),
            content_index: self.index("content_index"),
            response_id: self.text("response_id").unwrap_or_default(),
            item_id: self.id("item_id")?,
        })
    }
    fn fault(&self) -> Fault {
        let read = |key: &str| self.0.get("error").and_then(|e| e.get(key)).and_then(Value::as_str);
        Fault {
            kind: read("type").unwrap_or_default().to_owned(),
            code: read("code").unwrap_or_default().to_owned(),
            event_id: read("event_id").map(str::to_owned),
        }
    }
    fn response(&self) -> Option<Response> {
        let response = self.0.get("response")?.as_object()?;
        let details = response.get("status_details");
        let code = details.and_then(|d| d.get("error")).and_then(|e| e.get("code"));
        let reason = details.and_then(|d| d.get("reason")).or(code).and_then(Value::as_str);
        let output = response.get("output").and_then(Value::as_array);
        Some(Response {
            id: response
                .get("id")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            band: match response.get("conversation_id") {
                Some(Value::Null) => Band::Out,
                Some(Value::String(_)) => Band::In,
                _ => Band::Unsaid,
            },
            ending: match response.get("status").and_then(Value::as_str) {
                Some("completed") => Some(Ending::Completed),
                Some("cancelled") => Some(Ending::Cancelled),
                Some("incomplete") => Some(Ending::Incomplete),
                Some("failed") => Some(Ending::Failed),
                _ => None,
            },
            reason: reason.map(str::to_owned),
            output: output
                .map(|items| items.iter().filter_map(Item::read).collect())
                .unwrap_or_default(),
            usage: response.get("usage").and_then(Usage::read),
        })
    }
}

impl Usage {
    fn read(usage: &Value) -> Option<Self> {
        let usage = usage.as_object()?;
        let count = |side: &str, key: &str| {
            usage
                .get(side)
                .and_then(|d| d.get(key))
                .and_then(whole)
                .and_then(|n| u64::try_from(n).ok())
                .unwrap_or(0)
        };
        Some(Self {
            input_text: count("input_token_details", "text_tokens"),
            input_audio: count("input_token_details", "audio_tokens"),
            input_cached: count("input_token_details", "cached_tokens"),
            output_text: count("output_token_details", "text_tokens"),
            output_audio: count("output_token_details", "audio_tokens"),
        })
    }
}

/// A whole number, also where it is written as 12.0.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().map(|n| n.round() as i64))
}
