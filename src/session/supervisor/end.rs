//! The end: everyone is told, words still on their way are waited for, both legs close, the store knows.

use super::{LINGER, Supervisor, clock, end_word};
use crate::{
    realtime::event::What,
    session::live::Snapshot,
    store::{EndReason, SessionStep},
};
use std::time::Duration;
use vivavoce_signaling::ServerMessage;

/// How long the last rows may take to the store before the task lets go of them (the journal has them).
const FLUSH_MAX: Duration = Duration::from_secs(2);

impl Supervisor {
    /// The interview is over: told to all, stored, the candidate's leg closed. The AI leg lingers for late words.
    pub(super) fn end(&mut self, reason: EndReason, failure: Option<String>) {
        let (now, at) = (clock::monotonic(), clock::wall());
        tracing::info!(?reason, failure, "the interview is over");
        if let Some(cause) = &failure {
            self.deps
                .metrics
                .failed(if cause.starts_with("ai: ") { "ai" } else { "relay" });
        }
        for frame in self.mirror.release() {
            self.call.candidate_send(frame);
        }
        let recording_url = self.recording_url.take();
        self.record.step(SessionStep::Ended {
            at,
            reason,
            technical_failure: failure,
            recording_url,
        });
        let snapshot = self.machine.snapshot();
        let told = Snapshot {
            session: snapshot.session,
            candidate: snapshot.candidate,
            ai: snapshot.ai,
        };
        let _ = self.snapshot.send(told);
        let state = self.state();
        self.say(ServerMessage::State(state));
        self.say(ServerMessage::Ended {
            reason: end_word(reason),
            summary_pending: false,
        });
        self.call.mute(true); // who has ended the interview is not listened to any more
        self.ended = Some(now);
    }

    /// The candidate is in the middle of a sentence: what was said of it is to be written down.
    pub(super) fn commit_speech(&mut self) {
        self.committing = self.link.is_some();
        self.send_ai(vec![self.deps.dialect.commit()]);
    }

    /// It has become a turn, whose words are awaited like any other's; or there was nothing.
    pub(super) fn committed(&mut self, what: &What) {
        match what {
            What::Committed { .. } => self.committing = false,
            What::Error(fault) if fault.code == "input_audio_buffer_commit_empty" => self.committing = false,
            _ => {}
        }
    }

    /// When an ended session looks again whether it may go.
    pub(super) fn linger(&self) -> Option<std::time::Instant> {
        let (least, most) = LINGER;
        let settled = self.link.is_none() || (self.transcript.is_settled() && !self.committing);
        self.ended.map(|at| at + if settled { least } else { most })
    }

    /// Ended, and no word is awaited any more.
    pub(super) fn is_finished(&self) -> bool {
        self.linger().is_some_and(|until| clock::monotonic() >= until)
    }

    /// Lets go of everything. The session's task ends with it.
    pub(super) async fn finish(mut self) {
        self.transcript.close();
        self.carry_out();
        self.browser.close();
        self.call.candidate_close();
        self.hang_up();
        self.carry_out();
        if let Err(error) = self.deps.journal.flush(FLUSH_MAX).await {
            tracing::warn!(%error, "the last rows of a session are still in the journal");
        }
        self.call.close();
        tracing::info!("a session has left this process");
    }
}
