//! What an event of the AI's means for the interview's life (pure).
//!
//! Is: realtime events in, the machine's events out; a doubled event counts once. Isn't: the record of what was said
//! (`realtime::transcript`), which reads the same events beside this.

use super::machine::Event;
use crate::realtime::{
    event::{Band, Call, What},
    session::END_SESSION,
};
use std::collections::BTreeSet;

/// What else an event asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Meaning {
    /// For the machine.
    Tell(Event),
    /// The AI called a tool that there is not: it is told so, or it would wait for ever.
    NoSuchTool { call_id: String },
}

/// Remembers what was seen of this AI leg.
#[derive(Default)]
pub(super) struct Reader {
    /// Calls of tools that were taken: services repeat events, and a call shows in two of them.
    calls: BTreeSet<String>,
    /// Responses that leave no trace in the conversation.
    out_of_band: BTreeSet<String>,
    /// The response being made has been said to speak.
    speaks: bool,
}

impl Reader {
    pub(super) fn read(&mut self, what: &What) -> Option<Meaning> {
        let event = match what {
            What::ResponseCreated(response) => {
                if response.band == Band::Out {
                    self.out_of_band.insert(response.id.clone());
                    return None;
                }
                self.speaks = false;
                Event::ResponseStarted
            }
            What::ResponseDone(response) if !self.out_of_band.contains(&response.id) => Event::ResponseDone,
            What::TextDelta { part, .. } | What::TextDone { part, .. } => {
                if self.speaks || self.out_of_band.contains(&part.response_id) {
                    return None;
                }
                self.speaks = true;
                Event::ResponseSpeaks
            }
            What::PlayStarted { .. } => Event::SoundStarted,
            What::PlayStopped { .. } | What::PlayCleared { .. } => Event::SoundStopped,
            What::SpeechStarted { .. } => Event::CandidateSpeaks(true),
            What::SpeechStopped { .. } | What::Committed { .. } => Event::CandidateSpeaks(false),
            What::CallDone { call, .. } => return self.call(call),
            What::OutputItemDone { item, .. } => return self.call(item.call.as_ref()?),
            What::Error(fault) if fault.code == "conversation_already_has_active_response" => Event::ResponseRefused,
            What::Error(fault) if fault.code == "session_expired" => {
                Event::AiClosed("the service's session expired".into())
            }
            _ => return None,
        };
        Some(Meaning::Tell(event))
    }

    fn call(&mut self, call: &Call) -> Option<Meaning> {
        if call.call_id.is_empty() || call.name.is_empty() || !self.calls.insert(call.call_id.clone()) {
            return None;
        }
        let call_id = call.call_id.clone();
        Some(if call.name == END_SESSION {
            Meaning::Tell(Event::EndTool { call_id })
        } else {
            Meaning::NoSuchTool { call_id }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::realtime::dialect::{Dialect as _, OpenAiRealtime};
    use serde_json::{Value, json};

    fn read(reader: &mut Reader, event: &Value) -> Option<Meaning> {
        reader.read(&OpenAiRealtime.parse(&event.to_string()).what)
    }

    #[expect(clippy::unnecessary_wraps, reason = "the right side of the tables")]
    fn tell(event: Event) -> Option<Meaning> {
        Some(Meaning::Tell(event))
    }

    #[test]
    fn events_mean_what_they_mean_for_the_interviews_life() {
        let table = [
            (
                json!({ "type": "response.created", "response": { "id": "r" } }),
                tell(Event::ResponseStarted),
            ),
            (
                json!({ "type": "response.output_audio_transcript.delta", "response_id": "r", "item_id": "i", "delta": "Hello" }),
                tell(Event::ResponseSpeaks),
            ),
            (
                json!({ "type": "response.output_audio_transcript.delta", "response_id": "r", "item_id": "i", "delta": "you" }),
                None,
            ),
            (
                json!({ "type": "output_audio_buffer.started", "response_id": "r" }),
                tell(Event::SoundStarted),
            ),
            (
                json!({ "type": "response.done", "response": { "id": "r", "status": "completed" } }),
                tell(Event::ResponseDone),
            ),
            (
                json!({ "type": "output_audio_buffer.stopped", "response_id": "r" }),
                tell(Event::SoundStopped),
            ),
            (
                json!({ "type": "output_audio_buffer.cleared", "response_id": "r" }),
                tell(Event::SoundStopped),
            ),
            (
                json!({ "type": "input_audio_buffer.speech_started", "item_id": "u", "audio_start_ms": 1 }),
                tell(Event::CandidateSpeaks(true)),
            ),
            (
                json!({ "type": "input_audio_buffer.speech_stopped", "item_id": "u", "audio_end_ms": 2 }),
                tell(Event::CandidateSpeaks(false)),
            ),
            (
                json!({ "type": "error", "error": { "type": "invalid_request_error", "code": "conversation_already_has_active_response" } }),
                tell(Event::ResponseRefused),
            ),
            (
                json!({ "type": "error", "error": { "type": "invalid_request_error", "code": "response_cancel_not_active" } }),
                None,
            ),
            (json!({ "type": "rate_limits.updated", "rate_limits": [] }), None),
            (json!({ "type": "never.heard.of" }), None),
        ];
        let mut reader = Reader::default();
        for (event, meaning) in table {
            assert_eq!(read(&mut reader, &event), meaning, "{event}");
        }
    }

    #[test]
    fn a_call_of_a_tool_counts_once_in_whichever_event_it_shows_first() {
        let item = json!({ "id": "i", "type": "function_call", "status": "completed", "name": END_SESSION, "call_id": "c", "arguments": "{}" });
        let done = json!({ "type": "response.output_item.done", "response_id": "r", "output_index": 0, "item": item });
        let arguments = json!({ "type": "response.function_call_arguments.done", "response_id": "r", "item_id": "i",
            "call_id": "c", "name": END_SESSION, "arguments": "{}" });
        for (first, second) in [(&done, &arguments), (&arguments, &done), (&done, &done)] {
            let mut reader = Reader::default();
            assert_eq!(read(&mut reader, first), tell(Event::EndTool { call_id: "c".into() }));
            assert_eq!(read(&mut reader, second), None);
        }
        let other = json!({ "type": "response.function_call_arguments.done", "response_id": "r", "item_id": "i",
            "call_id": "d", "name": "hire", "arguments": "{}" });
        let meaning = read(&mut Reader::default(), &other);
        assert_eq!(meaning, Some(Meaning::NoSuchTool { call_id: "d".into() }));
    }

    #[test]
    fn what_leaves_no_trace_in_the_conversation_means_nothing() {
        let mut reader = Reader::default();
        let created = json!({ "type": "response.created", "response": { "id": "r", "conversation_id": null } });
        let delta = json!({ "type": "response.output_text.delta", "response_id": "r", "item_id": "i", "delta": "x" });
        let done = json!({ "type": "response.done", "response": { "id": "r", "status": "completed", "conversation_id": null } });
        for event in [created, delta, done] {
            assert_eq!(read(&mut reader, &event), None, "{event}");
        }
    }
}
