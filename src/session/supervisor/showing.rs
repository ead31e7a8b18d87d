//! What the browser is shown of an interview: its state, its captions, and notices in words.

use super::Supervisor;
use crate::{
    clock,
    realtime::transcript,
    session::{
        browser::Said,
        live::Snapshot,
        machine::{Event, Speaking},
    },
    store::{self, EndReason},
};
use vivavoce_signaling::{
    ServerMessage,
    messages::{Caption, EndReason as EndWord, LegWord, SessionWord, Speaker as Voice, State},
};

impl Supervisor {
    /// The state as the browser is told it.
    pub(super) fn state(&self) -> State {
        let snapshot = self.machine.snapshot();
        State {
            session: match snapshot.session {
                "connecting" => SessionWord::Connecting,
                "live" => SessionWord::Live,
                "ending" => SessionWord::Ending,
                "completed" => SessionWord::Completed,
                "failed" => SessionWord::Failed,
                _ => SessionWord::Waiting,
            },
            candidate: leg_word(snapshot.candidate),
            ai: leg_word(snapshot.ai),
            speaking: match snapshot.speaking {
                Speaking::Nobody => None,
                Speaking::Ai => Some(Voice::Ai),
                Speaking::Candidate => Some(Voice::Candidate),
            },
            ends_at: snapshot.ends_at.map(|at| clock::rfc3339_ms(self.wall.at(at))),
        }
    }

    pub(super) fn show(&mut self) {
        let snapshot = self.machine.snapshot();
        let told = Snapshot {
            session: snapshot.session,
            candidate: snapshot.candidate,
            ai: snapshot.ai,
        };
        self.snapshot.send_if_modified(|last| {
            let changed = *last != told;
            *last = told;
            changed
        });
        let state = self.state();
        self.say(ServerMessage::State(state));
    }

    pub(super) fn say(&mut self, message: ServerMessage) {
        match self.browser.say(message) {
            Said::Kept => return,
            Said::TooSlow => {
                self.deps.metrics.signaling_refused("too_slow");
                tracing::warn!("a browser's socket was too slow and was closed");
            }
            Said::Gone => tracing::debug!("a browser's socket went away"),
        }
        self.call.keeper_away();
        self.machine.handle(clock::monotonic(), Event::SocketDetached);
    }

    pub(super) fn notice(&mut self, code: &'static str) {
        let text = crate::session::words::notice(code).to_owned();
        self.say(ServerMessage::Notice {
            code: code.to_owned(),
            text,
        });
    }

    pub(super) fn caption(&mut self, caption: transcript::Caption) {
        let speaker = match caption.speaker {
            store::Speaker::Ai => Voice::Ai,
            store::Speaker::Candidate => Voice::Candidate,
        };
        self.say(ServerMessage::Caption(Caption {
            item_id: caption.item_id,
            previous_item_id: caption.previous_item_id,
            speaker,
            text: caption.text,
            is_final: caption.is_final,
            at: clock::rfc3339_ms(caption.at),
        }));
    }
}

fn leg_word(word: &str) -> LegWord {
    match word {
        "connecting" => LegWord::Connecting,
        "up" => LegWord::Up,
        "lost" => LegWord::Lost,
        "gone" => LegWord::Gone,
        _ => LegWord::None,
    }
}

/// The wire's word for why it ended.
pub(super) fn end_word(reason: EndReason) -> EndWord {
    match reason {
        EndReason::Interviewer => EndWord::Interviewer,
        EndReason::Candidate => EndWord::Candidate,
        EndReason::Recruiter => EndWord::Recruiter,
        EndReason::Time => EndWord::Time,
        EndReason::Failed => EndWord::Failed,
    }
}
