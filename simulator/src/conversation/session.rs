//! A session's settings: defaults, what an update may change, and typed reads of what decides.
//!
//! **Law:** an update that is refused changes nothing; one that is taken merges what is present and keeps the rest.

use serde_json::{Map, Value, json};

use super::error::ApiError;
use crate::audio::vad;

/// The top-level fields of the GA session. Anything else, the beta's flat fields among it, is refused by name.
const FIELDS: &[&str] = &[
    "type",
    "object",
    "id",
    "model",
    "expires_at",
    "instructions",
    "output_modalities",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "max_output_tokens",
    "audio",
    "truncation",
    "include",
    "tracing",
    "prompt",
];

/// How the sound on a WebSocket is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// 24 kHz, 16 bits, little endian.
    Pcm,
    /// G.711, 8 kHz.
    G711 { a_law: bool },
}

/// What turn detection does once it has decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TurnDetection {
    pub(crate) vad: vad::Settings,
    pub(crate) create_response: bool,
    pub(crate) interrupt_response: bool,
    pub(crate) idle_timeout_ms: Option<u64>,
}

/// The session as JSON, as the server tells it.
#[derive(Debug, Clone)]
pub(crate) struct Session(Value);

impl Session {
    /// The defaults of a new session. `expires_at` is in seconds of the epoch.
    pub(crate) fn new(id: &str, model: &str, expires_at: u64) -> Self {
        Self(json!({
            "type": "realtime", "object": "realtime.session", "id": id, "model": model, "expires_at": expires_at,
            "output_modalities": ["audio"],
            "instructions": "This is the Vivavoce simulator, not OpenAI. It follows no instructions.",
            "tools": [], "tool_choice": "auto", "max_output_tokens": "inf",
            "truncation": "auto", "tracing": null, "prompt": null, "include": null,
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000}, "transcription": null, "noise_reduction": null,
                    "turn_detection": server_vad(),
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.0},
            },
        }))
    }

    /// As sent in `session.created` and `session.updated`.
    pub(crate) fn value(&self) -> &Value {
        &self.0
    }

    /// Merges an update, `session.update`'s or the one that a call was made with. `spoke`: the voice has been heard.
    pub(crate) fn update(&mut self, update: &Value, spoke: bool) -> Result<(), ApiError> {
        let Some(fields) = update.as_object() else {
            return Err(ApiError::invalid("invalid_type", "session", "Expected an object."));
        };
        match fields.get("type") {
            Some(Value::String(kind)) if kind == "realtime" => {}
            Some(_) => {
                return Err(ApiError::invalid(
                    "invalid_value",
                    "session.type",
                    "Supported values are: 'realtime'.",
                ));
            }
            None => return Err(ApiError::missing("session.type")),
        }
        if let Some(unknown) = fields.keys().find(|k| !FIELDS.contains(&k.as_str())) {
            return Err(ApiError::unknown(&format!("session.{unknown}")));
        }
        check(fields)?;
        let mut next = self.0.clone();
        let mut fields = fields.clone();
        // The model is fixed with the call; the rest of these are the server's to say.
        for fixed in ["model", "id", "object", "expires_at"] {
            fields.remove(fixed);
        }
        merge(&mut next, Value::Object(fields), 0);
        if let Some(kind) = next.pointer("/audio/input/turn_detection/type").and_then(Value::as_str) {
            let defaults = if kind == "server_vad" {
                server_vad()
            } else {
                semantic_vad()
            };
            fill(&mut next["audio"]["input"]["turn_detection"], &defaults);
        }
        if spoke && next.pointer("/audio/output/voice") != self.0.pointer("/audio/output/voice") {
            let message = "Cannot update a conversation's voice if assistant audio is present.";
            return Err(ApiError::invalid(
                "cannot_update_voice",
                "session.audio.output.voice",
                message,
            ));
        }
        self.0 = next;
        Ok(())
    }

    pub(crate) fn instructions(&self) -> &str {
        self.0["instructions"].as_str().unwrap_or_default()
    }

    pub(crate) fn tools(&self) -> &[Value] {
        self.0["tools"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Whether answers are spoken; else they are text.
    pub(crate) fn speaks(&self) -> bool {
        speaks(&self.0["output_modalities"]).unwrap_or(true)
    }

    /// The model that transcribes the user, if any does.
    pub(crate) fn transcribes(&self) -> bool {
        self.0
            .pointer("/audio/input/transcription")
            .is_some_and(|t| !t.is_null())
    }

    pub(crate) fn input_format(&self) -> Format {
        format(self.0.pointer("/audio/input/format/type"))
    }

    pub(crate) fn output_format(&self) -> Format {
        format(self.0.pointer("/audio/output/format/type"))
    }

    /// None: turns are committed by hand.
    pub(crate) fn turn_detection(&self) -> Option<TurnDetection> {
        let settings = self.0.pointer("/audio/input/turn_detection").filter(|t| !t.is_null())?;
        let number = |name: &str, or: u64| settings[name].as_u64().unwrap_or(or);
        let silence_ms = match settings["eagerness"].as_str() {
            None => number("silence_duration_ms", 500),
            Some("low") => 1_200,
            Some("high") => 400,
            Some(_) => 800,
        };
        Some(TurnDetection {
            vad: vad::Settings {
                threshold: settings["threshold"].as_f64().unwrap_or(0.5) as f32,
                prefix_ms: number("prefix_padding_ms", 300),
                silence_ms,
            },
            create_response: settings["create_response"].as_bool().unwrap_or(true),
            interrupt_response: settings["interrupt_response"].as_bool().unwrap_or(true),
            idle_timeout_ms: settings["idle_timeout_ms"].as_u64(),
        })
    }
}

/// Whether a list of modalities asks for speech; None if it is no such list.
pub(crate) fn speaks(modalities: &Value) -> Option<bool> {
    match modalities.as_array()?.as_slice() {
        [one] => match one.as_str()? {
            "audio" => Some(true),
            "text" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn format(kind: Option<&Value>) -> Format {
    match kind.and_then(Value::as_str) {
        Some("audio/pcmu") => Format::G711 { a_law: false },
        Some("audio/pcma") => Format::G711 { a_law: true },
        _ => Format::Pcm,
    }
}

fn server_vad() -> Value {
    json!({"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
        "create_response": true, "interrupt_response": true, "idle_timeout_ms": null})
}

fn semantic_vad() -> Value {
    json!({"type": "semantic_vad", "eagerness": "auto", "create_response": true, "interrupt_response": true})
}

fn check(fields: &Map<String, Value>) -> Result<(), ApiError> {
    if fields.get("output_modalities").is_some_and(|m| speaks(m).is_none()) {
        let message = "Supported combinations are: ['text'] and ['audio'].";
        return Err(ApiError::invalid("invalid_value", "session.output_modalities", message));
    }
    let input = fields.get("audio").and_then(|a| a.get("input"));
    let Some(detection) = input.and_then(|i| i.get("turn_detection")).filter(|t| !t.is_null()) else {
        return Ok(());
    };
    let path = "session.audio.input.turn_detection";
    match detection["type"].as_str() {
        Some("server_vad" | "semantic_vad") => {}
        Some(_) => {
            let message = "Supported values are: 'server_vad' and 'semantic_vad'.";
            return Err(ApiError::invalid("invalid_value", &format!("{path}.type"), message));
        }
        None => return Err(ApiError::missing(&format!("{path}.type"))),
    }
    let bounds = [
        ("threshold", 0.0, 1.0),
        ("prefix_padding_ms", 0.0, 5_000.0),
        ("silence_duration_ms", 0.0, 60_000.0),
        ("idle_timeout_ms", 5_000.0, 30_000.0),
    ];
    for (name, low, high) in bounds {
        let Some(value) = detection.get(name).filter(|v| !v.is_null()) else {
            continue;
        };
        if !value.as_f64().is_some_and(|v| (low..=high).contains(&v)) {
            let message = format!("Expected a value from {low} to {high}.");
            return Err(ApiError::invalid("invalid_value", &format!("{path}.{name}"), &message));
        }
    }
    Ok(())
}

/// Objects merge, everything else replaces. A `turn_detection` of another type replaces too.
fn merge(into: &mut Value, from: Value, depth: usize) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) if depth < 8 => {
            let other_type = from
                .get("type")
                .is_some_and(|t| into.get("type").is_some_and(|i| i != t));
            if other_type {
                into.clear();
            }
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value, depth + 1);
            }
        }
        (into, from) => *into = from,
    }
}

/// Adds what is absent.
fn fill(into: &mut Value, defaults: &Value) {
    if let (Some(into), Some(defaults)) = (into.as_object_mut(), defaults.as_object()) {
        for (key, value) in defaults {
            into.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn session() -> Session {
        Session::new("sess_sim_1", "gpt-realtime-2.1", 0)
    }

    #[test]
    fn an_update_merges_and_clears() {
        let mut s = session();
        let update = json!({"type": "realtime", "instructions": "", "tools": [],
            "audio": {"input": {"transcription": {"model": "m"}, "turn_detection": {"type": "server_vad", "silence_duration_ms": 900}}}});
        s.update(&update, false).unwrap();
        assert_eq!(s.instructions(), "");
        assert!(s.transcribes() && s.speaks());
        assert_eq!(s.turn_detection().unwrap().vad.silence_ms, 900);
        assert_eq!(s.turn_detection().unwrap().vad.prefix_ms, 300);
        s.update(
            &json!({"type": "realtime", "audio": {"input": {"turn_detection": null}}}),
            false,
        )
        .unwrap();
        assert!(s.turn_detection().is_none() && s.transcribes());
        let semantic = json!({"type": "realtime", "audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}}});
        s.update(&semantic, false).unwrap();
        assert_eq!(s.turn_detection().unwrap().vad.silence_ms, 1_200);
    }

    #[test]
    fn refusals_change_nothing() {
        let table = [
            (json!({"instructions": "x"}), "missing_required_parameter"),
            (json!({"type": "realtime", "voice": "alloy"}), "unknown_parameter"),
            (json!({"type": "realtime", "temperature": 0.8}), "unknown_parameter"),
            (
                json!({"type": "realtime", "output_modalities": ["audio", "text"]}),
                "invalid_value",
            ),
            (
                json!({"type": "realtime", "audio": {"input": {"turn_detection": {"threshold": 1}}}}),
                "missing_required_parameter",
            ),
            (
                json!({"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}}}),
                "invalid_value",
            ),
            (
                json!({"type": "realtime", "audio": {"output": {"voice": "ash"}}}),
                "cannot_update_voice",
            ),
        ];
        for (update, code) in table {
            let mut s = session();
            let before = s.value().clone();
            assert_eq!(s.update(&update, true).unwrap_err().code, code, "{update}");
            assert_eq!(s.value(), &before);
        }
    }
}
