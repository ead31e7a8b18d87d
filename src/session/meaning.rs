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
