//! The session that is asked for: the whole of it goes with the call, since the model may act at once.
//!
//! Is: JSON of the GA protocol from a position. Isn't: the sending.
//! **Why `semantic_vad`:** `server_vad` waits the same silence after every answer, so that eight seconds of patience for a
//! thinker are eight seconds of dead air after "Yes". The semantic kind asks whether the words sound finished: a finished
//! answer is taken up at once, an unfinished one is waited for up to 8, 4 or 2 s at low, medium and high eagerness.

use super::instructions::{instructions, primary_subtag};
use crate::store::Position;
use serde_json::{Value, json};

/// The tool by which the interviewer ends the interview.
pub const END_SESSION: &str = "end_session";

/// What a session is made from.
#[derive(Clone, Copy, Debug)]
pub struct Brief<'a> {
    /// What is interviewed for.
    pub position: &'a Position,
    /// As [`super::instructions::first_name`] gives it.
    pub first_name: Option<&'a str>,
    /// The realtime model.
    pub model: &'a str,
    /// Who writes down the candidate's words.
    pub transcription_model: &'a str,
}

/// The session for a call. Audio formats are left out: WebRTC negotiates them, and `dialect` adds them for a WebSocket.
pub fn session(brief: &Brief<'_>) -> Value {
    let position = brief.position;
    let mut transcription = json!({ "model": brief.transcription_model });
    // Only a plain ISO 639 code is understood; anything else is left to be recognised.
    let language = primary_subtag(&position.language);
    if (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_lowercase()) {
        transcription["language"] = json!(language);
    }
    let voice = if position.voice.trim().is_empty() {
        "marin"
    } else {
        position.voice.trim()
    };
    let mut session = json!({
        "type": "realtime",
        "model": brief.model,
        "instructions": instructions(position, brief.first_name),
        "output_modalities": ["audio"],
        "tools": [end_session()],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "truncation": { "type": "retention_ratio", "retention_ratio": 0.8 },
        "audio": {
            "input": {
                "transcription": transcription,
                "noise_reduction": { "type": "near_field" },
                "turn_detection": {
                    "type": "semantic_vad",
                    "eagerness": eagerness(position),
                    "create_response": true,
                    "interrupt_response": true,
                },
            },
            "output": { "voice": voice, "speed": 1.0 },
        },
    });
    if brief.model.starts_with("gpt-realtime-2") {
        session["reasoning"] = json!({ "effort": "low" });
    }
    session
}

/// Of the question that asks for the most patience: turn detection is one for the whole session.
fn eagerness(position: &Position) -> &'static str {
    match position.plan.iter().map(|question| question.patience_s).max() {
        Some(0..=2) => "high",
        Some(3..=5) => "medium",
        Some(_) | None => "low",
    }
}

fn end_session() -> Value {
    json!({
        "type": "function",
        "name": END_SESSION,
        "description": "Ends the interview for good. First say goodbye aloud and finish speaking; then call this, once, \
                        and say nothing more. Never call it in place of a goodbye, nor to pause.",
        "parameters": { "type": "object", "properties": {}, "required": [], "additionalProperties": false },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PositionId;
    use crate::store::PlannedQuestion;

    fn position(patience: &[u16]) -> Position {
        let question = |patience_s: &u16| PlannedQuestion {
            question: "Why?".into(),
            follow_ups: vec![],
            patience_s: *patience_s,
            rubric: String::new(),
        };
        Position {
            id: PositionId(uuid::Uuid::nil()),
            title: "T".into(),
            description: String::new(),
            language: "de-AT".into(),
            voice: "cedar".into(),
            max_minutes: 20,
            plan: patience.iter().map(question).collect(),
            instructions: String::new(),
        }
    }

    fn made(position: &Position, model: &str) -> Value {
        session(&Brief {
            position,
            first_name: Some("Ada"),
            model,
            transcription_model: "gpt-4o-mini-transcribe",
        })
    }

    #[test]
    fn the_session_is_whole() {
        let made = made(&position(&[8]), "gpt-realtime-2.1");
        let table = [
            ("/type", json!("realtime")),
            ("/model", json!("gpt-realtime-2.1")),
            ("/output_modalities", json!(["audio"])),
            ("/tools/0/name", json!("end_session")),
            (
                "/audio/input/transcription",
                json!({"model":"gpt-4o-mini-transcribe","language":"de"}),
            ),
            ("/audio/input/noise_reduction/type", json!("near_field")),
            ("/audio/input/turn_detection/type", json!("semantic_vad")),
            ("/audio/input/turn_detection/create_response", json!(true)),
            ("/audio/input/turn_detection/interrupt_response", json!(true)),
            ("/audio/output/voice", json!("cedar")),
            ("/reasoning/effort", json!("low")),
        ];
        for (pointer, value) in table {
            assert_eq!(made.pointer(pointer), Some(&value), "{pointer}");
        }
        assert!(made["instructions"].as_str().unwrap().contains("Ada"));
        for absent in ["/temperature", "/audio/input/format", "/modalities", "/voice"] {
            assert_eq!(made.pointer(absent), None, "{absent}");
        }
    }

    #[test]
    fn patience_sets_the_eagerness() {
        let table: [(&[u16], &str); 5] = [
            (&[], "low"),
            (&[1, 2], "high"),
            (&[1, 4], "medium"),
            (&[8, 1], "low"),
            (&[60], "low"),
        ];
        for (patience, eagerness) in table {
            let made = made(&position(patience), "m");
            assert_eq!(
                made.pointer("/audio/input/turn_detection/eagerness"),
                Some(&json!(eagerness)),
                "{patience:?}"
            );
        }
    }

    #[test]
    fn what_a_model_or_service_would_refuse_is_left_out() {
        let odd = Position {
            language: "x-klingon; drop".into(),
            voice: "  ".into(),
            ..position(&[8])
        };
        let made = made(&odd, "gpt-realtime");
        assert_eq!(made.pointer("/audio/input/transcription/language"), None);
        assert_eq!(made.pointer("/audio/output/voice"), Some(&json!("marin")));
        assert_eq!(made.get("reasoning"), None);
    }
}
