//! The end: everyone is told, words still on their way are waited for, the store knows, both legs close.
//!
//! **Law:** a session is stored as ended after the last entry of its record, and no entry follows: who reads `completed` reads
//! the whole of it.

use super::{Supervisor, clock, showing::end_word};
use crate::{
    realtime::event::What,
    session::live::Snapshot,
    store::{EndReason, SessionStep},
};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use vivavoce_signaling::ServerMessage;

/// How long words still being transcribed are waited for. Within [`super::super::live`]'s wait for an answer.
const WORDS_MAX: Duration = Duration::from_secs(6);
/// For how long no word must have been awaited: what was under way from the service at the end has arrived by then.
const SETTLED: Duration = Duration::from_millis(250);
/// How long an ended session stays at least, for its last texts to leave.
const LINGER: Duration = Duration::from_millis(400);
/// How long the last rows may take to the store before the task lets go of them (the journal has them).
const FLUSH_MAX: Duration = Duration::from_secs(2);

/// How long the end's own row may take to the disk before the end is told all the same.
const DURABLE_MAX: Duration = Duration::from_secs(1);

/// How an interview ended.
pub(super) struct Ended {
    at: Instant,
    /// For the store.
    step: SessionStep,
    /// Since when no word is awaited.
    settled: Option<Instant>,
    /// The record is whole, and the store was told.
    kept: bool,
}

impl Supervisor {
    /// Nobody is told of an end that a process after this one would not know of.
    pub(super) async fn end_once_it_is_kept(&mut self) {
        let Some((durable, reason, failure)) = self.ending.take() else {
            return;
        };
        if let Some(durable) = durable {
            let _ = tokio::time::timeout(DURABLE_MAX, durable).await;
        }
        self.end(reason, failure);
        self.carry_out();
    }

    /// The interview is over: told to all; the store is told when the record is whole. Both legs stay for late words.
    pub(super) fn end(&mut self, reason: EndReason, failure: Option<String>) {
        let (now, at) = (clock::monotonic(), self.wall.now());
        tracing::info!(?reason, failure, "the interview is over");
        if let Some(cause) = &failure {
            self.deps
                .metrics
                .failed(if cause.starts_with("ai: ") { "ai" } else { "relay" });
        }
        for frame in self.mirror.release() {
            self.call.candidate_send(frame);
        }
        let step = SessionStep::Ended {
            at,
            reason,
            technical_failure: failure,
            recording_url: None,
        };
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
        self.ended = Some(Ended {
            at: now,
            step,
            settled: None,
            kept: false,
        });
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

    /// Answers once the end is kept; at once, where it is.
    pub(super) fn await_end(&mut self, reply: oneshot::Sender<()>) {
        self.awaiting_end.push(reply);
    }

    /// When an ended session looks again whether its record is whole, or whether it may go.
    pub(super) fn linger(&self) -> Option<Instant> {
        let ended = self.ended.as_ref()?;
        Some(match ended.settled {
            _ if ended.kept => ended.at + LINGER,
            Some(since) => (since + SETTLED).min(ended.at + WORDS_MAX),
            None => ended.at + WORDS_MAX,
        })
    }

    /// Once no word is awaited any more, or for too long: the AI leg goes, and the store is told of the end.
    pub(super) fn keep_end_when_whole(&mut self) {
        let awaited = self.committing || !self.machine.is_quiet() || !self.transcript.is_settled();
        let (now, no_link) = (clock::monotonic(), self.link.is_none());
        let Some(ended) = &mut self.ended else { return };
        match (awaited, ended.settled) {
            (true, _) => ended.settled = None,
            (false, None) => ended.settled = Some(now),
            (false, Some(_)) => {}
        }
        if ended.kept || no_link || self.linger().is_some_and(|until| until <= now) {
            self.keep_end();
        }
    }

    fn keep_end(&mut self) {
        self.hang_up(); // closes the transcript: nothing is said after the end
        self.carry_out();
        let Some(ended) = &mut self.ended else { return };
        let url = self.recording_url.take();
        if !ended.kept || url.is_some() {
            ended.kept = true;
            let mut step = ended.step.clone();
            if let SessionStep::Ended { recording_url, .. } = &mut step {
                *recording_url = url;
            }
            self.record.step(step);
        }
        for asked in self.awaiting_end.drain(..) {
            let _ = asked.send(());
        }
    }

    /// Ended, and its last texts had time to leave.
    pub(super) fn is_finished(&self) -> bool {
        let kept = self.ended.as_ref().is_some_and(|ended| ended.kept);
        kept && self.linger().is_some_and(|until| until <= clock::monotonic())
    }

    /// Lets go of everything. The session's task ends with it.
    pub(super) async fn finish(mut self) {
        self.keep_end();
        self.browser.close();
        self.call.candidate_close();
        if let Err(error) = self.deps.journal.flush(FLUSH_MAX).await {
            tracing::warn!(%error, "the last rows of a session are still in the journal");
        }
        self.call.close();
        tracing::info!("a session has left this process");
    }
}
