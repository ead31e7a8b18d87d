//! One interview (pure): what has happened, what is to be done, and until when.
//!
//! Is: the states of the session, of both its legs and of its end; deadlines; retries. Isn't: sockets, the words that are
//! spoken (`realtime::transcript`), or the AI service's protocol (`realtime::dialect`).
//! **Law:** `handle(now, event)`, then drain `poll_action()`, then `poll_timeout()` says when to send `Event::Due` and why.
//! The interviewer greets once in a session's life; a session ends once.

mod deadlines;
mod floor;
mod goodbye;
mod types;

#[cfg(test)]
mod tests;

pub use types::{Action, AiLeg, Deadline, DialFailure, Event, Leg, Limits, Phase, Snapshot, Speaking};

use crate::{config::Transport, store::EndReason};
use floor::{Floor, Wish};
use goodbye::Goodbye;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// The machine of one interview. `supervisor.rs` drives it.
pub struct Machine {
    limits: Limits,
    /// Spreads retries; seeded by the caller so that a run can be replayed.
    random: SmallRng,
    phase: Phase,
    candidate: Leg,
    ai: AiLeg,
    /// The AI's channel is open: what is sent is received.
    ai_ready: bool,
    /// Dials or connects that failed in a row.
    ai_failures: u32,
    /// Of those, how many were WebRTC's own (not the service's refusals): what the fallback is decided by.
    webrtc_failures: u32,
    /// The interviewer has greeted, on whichever leg.
    greeted: bool,
    /// The interviewer began: the interview's time counts from here.
    started: Option<Instant>,
    /// The candidate's leg was up for the first time in this process: bounds a session whose interviewer never comes.
    first_up: Option<Instant>,
    /// The AI was told that time is short.
    warned: bool,
    sockets: u32,
    /// Since when nobody of the candidate's is there: no leg, no socket.
    alone_since: Option<Instant>,
    /// Which response was asked for, or is being made.
    floor: Floor,
    /// The response that is being made has given sound.
    spoke: bool,
    /// The AI's sound is being played.
    playing: bool,
    /// Sound has ended since the response began.
    sounded: bool,
    speaking: Speaking,
    /// The AI hears the candidate speak: what is said is not yet a turn of theirs.
    candidate_speaks: bool,
    goodbye: Option<Goodbye>,
    actions: VecDeque<Action>,
}

impl Machine {
    /// A session that nobody has joined in this process. `greeted`: the interviewer has spoken before (a session taken up
    /// again); `started`: how long ago it began, if it has.
    pub fn new(limits: Limits, seed: u64, greeted: bool, started: Option<Instant>) -> Self {
        Self {
            limits,
            random: SmallRng::seed_from_u64(seed),
            phase: Phase::Waiting,
            candidate: Leg::None,
            ai: AiLeg::None,
            ai_ready: false,
            ai_failures: 0,
            webrtc_failures: 0,
            greeted,
            started,
            first_up: None,
            warned: false,
            sockets: 0,
            alone_since: None,
            floor: Floor::default(),
            spoke: false,
            playing: false,
            sounded: false,
            speaking: Speaking::Nobody,
            candidate_speaks: false,
            goodbye: None,
            actions: VecDeque::new(),
        }
    }

    /// One thing happened. Drain [`Machine::poll_action`] before the next call.
    pub fn handle(&mut self, now: Instant, event: Event) {
        if matches!(self.phase, Phase::Over { .. }) {
            return; // a session ends once; what comes after is an echo
        }
        let before = self.snapshot();
        match event {
            Event::Offered => self.offered(now),
            Event::CandidateUp => self.candidate_up(now),
            Event::CandidateLost(cause) => self.candidate_lost(now, cause),
            Event::CandidateBack => self.candidate_back(now),
            Event::CandidateClosed(cause) => self.candidate_closed(now, cause),
            Event::Dialled => self.dialled(now),
            Event::DialFailed(failure) => self.dial_failed(now, &failure),
            Event::AiReady => self.ai_ready(now),
            Event::AiClosed(cause) => self.ai_closed(now, &cause),
            Event::ResponseStarted => self.response_started(),
            Event::ResponseSpeaks => self.spoke = true,
            Event::ResponseDone => self.response_done(now),
            Event::SoundStarted => self.sound_started(),
            Event::SoundStopped => self.sound_stopped(now),
            Event::ResponseRefused => self.response_refused(now),
            Event::AnswerWanted => self.answer_wanted(now),
            Event::Nudged => self.nudged(now),
            Event::CandidateSpeaks(on) => self.candidate_speaks(now, on),
            Event::EndTool { call_id } => self.end_tool(now, call_id),
            Event::EndAsked(reason) => self.over(now, reason, None),
            Event::SocketAttached => {
                self.sockets += 1;
                self.presence(now);
            }
            Event::SocketDetached => {
                self.sockets = self.sockets.saturating_sub(1);
                self.presence(now);
            }
            Event::Due => self.due(now),
        }
        // the end tells everyone by itself, and is the last action of all
        if self.snapshot() != before && !matches!(self.phase, Phase::Over { .. }) {
            self.actions.push_back(Action::Tell);
        }
    }

    /// What is to be done next, in order.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`Machine::handle`] with [`Event::Due`], and for which deadline.
    pub fn poll_timeout(&self) -> Option<(Instant, Deadline)> {
        self.deadlines().into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// How things stand, in the words of the wire.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            session: self.phase.word(),
            candidate: self.candidate.word(),
            ai: self.ai.word(),
            speaking: self.speaking,
            ends_at: self.ends_at(),
        }
    }

    /// The interviewer has greeted.
    pub fn greeted(&self) -> bool {
        self.greeted
    }

    // === the candidate's leg ===

    fn offered(&mut self, now: Instant) {
        if !matches!(self.candidate, Leg::Up { .. }) {
            self.candidate = Leg::Connecting { since: now };
            self.note("candidate", "connecting", "an offer was answered");
        }
        if matches!(self.ai, AiLeg::None | AiLeg::Gone { .. }) {
            self.dial(now); // beside the candidate's own connecting, so that neither waits for the other
        }
        self.presence(now);
    }

    fn candidate_up(&mut self, now: Instant) {
        self.candidate = Leg::Up { since: now };
        self.note("candidate", "up", "");
        self.first_up.get_or_insert(now);
        self.actions.push_back(Action::Connected);
        self.presence(now);
        self.greet(now);
    }

    fn candidate_lost(&mut self, now: Instant, cause: &'static str) {
        if matches!(self.candidate, Leg::Up { .. }) {
            self.candidate = Leg::Lost { since: now, cause };
            self.note("candidate", "lost", cause);
            self.actions.push_back(Action::Disconnected);
            self.actions.push_back(Action::Renegotiate {
                ice_restart: true,
                reason: "lost",
            });
            self.presence(now);
        }
    }

    /// Heard again: after a silence, or on the new way that an answered offer (an ICE restart) has opened.
    fn candidate_back(&mut self, now: Instant) {
        if matches!(self.candidate, Leg::Lost { .. } | Leg::Connecting { .. }) {
            self.candidate = Leg::Up { since: now };
            self.note("candidate", "back", "");
            self.actions.push_back(Action::Connected);
            self.presence(now);
            self.greet(now);
        }
    }

    fn candidate_closed(&mut self, now: Instant, cause: &'static str) {
        if !matches!(self.candidate, Leg::None | Leg::Gone { .. }) {
            self.candidate = Leg::Gone { since: now, cause };
            self.note("candidate", "gone", cause);
            self.actions.push_back(Action::Disconnected);
            self.actions.push_back(Action::Renegotiate {
                ice_restart: false,
                reason: "gone",
            });
            self.presence(now);
        }
    }

    fn candidate_speaks(&mut self, now: Instant, on: bool) {
        self.candidate_speaks = on;
        self.speaking = if on {
            Speaking::Candidate
        } else if self.playing {
            Speaking::Ai
        } else {
            Speaking::Nobody
        };
        if on {
            self.goodbye_goes_on();
        } else if !self.playing && self.floor.is_free() {
            self.tail(now);
        }
    }

    /// Notes whether anybody of the candidate's is there.
    fn presence(&mut self, now: Instant) {
        let there = self.sockets > 0 || matches!(self.candidate, Leg::Connecting { .. } | Leg::Up { .. });
        self.alone_since = match (there, self.alone_since) {
            (true, _) => None,
            (false, Some(since)) => Some(since),
            (false, None) => Some(now),
        };
    }

    // === the AI's leg ===

    fn dial(&mut self, now: Instant) {
        let transport =
            if self.limits.transport == Transport::WebSocket || self.webrtc_failures >= self.limits.fallback_after {
                Transport::WebSocket
            } else {
                Transport::WebRtc
            };
        self.ai = AiLeg::Dialling { since: now };
        self.ai_ready = false;
        if matches!(self.phase, Phase::Waiting) {
            self.phase = Phase::Connecting;
        }
        self.actions.push_back(Action::DialAi(transport));
    }

    fn dialled(&mut self, now: Instant) {
        if matches!(self.ai, AiLeg::Dialling { .. }) {
            self.ai = AiLeg::Connecting { since: now };
        }
    }

    fn dial_failed(&mut self, now: Instant, failure: &DialFailure) {
        if !matches!(self.ai, AiLeg::Dialling { .. } | AiLeg::Connecting { .. }) {
            return;
        }
        if failure.transport_fault {
            self.webrtc_failures += 1;
        }
        if failure.permanent {
            self.note("ai", "refused", &failure.cause);
            self.give_up(now, &failure.cause);
        } else {
            self.ai_failed(now, &failure.cause, failure.retry_after);
        }
    }

    fn ai_ready(&mut self, now: Instant) {
        if matches!(self.ai, AiLeg::None | AiLeg::Gone { .. } | AiLeg::Backoff { .. }) {
            return; // a leg that was given up
        }
        self.ai = AiLeg::Up { since: now };
        self.ai_ready = true;
        self.ai_failures = 0;
        self.webrtc_failures = 0;
        self.phase = match std::mem::replace(&mut self.phase, Phase::Waiting) {
            Phase::Waiting | Phase::Connecting => Phase::Live,
            other @ (Phase::Live | Phase::Ending { .. } | Phase::Over { .. }) => other,
        };
        self.note("ai", "up", "");
        if self.greeted {
            self.actions.push_back(Action::TakeUpAgain);
            self.floor.ask(now, Wish::Owed);
        }
        self.greet(now);
    }

    fn ai_closed(&mut self, now: Instant, cause: &str) {
        if matches!(self.ai, AiLeg::None | AiLeg::Gone { .. } | AiLeg::Backoff { .. }) {
            return;
        }
        if !matches!(self.ai, AiLeg::Up { .. }) {
            self.webrtc_failures += 1;
        }
        self.actions.push_back(Action::HangUpAi);
        self.ai_failed(now, cause, None);
    }

    /// The AI leg failed in a way that another attempt may mend: wait and dial, a bounded number of times.
    fn ai_failed(&mut self, now: Instant, cause: &str, retry_after: Option<Duration>) {
        self.note("ai", "lost", cause);
        self.forget_turn();
        self.ai_ready = false;
        self.ai_failures += 1;
        if self.goodbye.is_some() {
            // nothing is left to say but goodbye: the end does not wait for another leg
            let reason = self
                .goodbye
                .as_ref()
                .map_or(EndReason::Failed, |goodbye| goodbye.reason);
            self.over(now, reason, None);
            return;
        }
        if self.ai_failures > self.limits.ai_attempts_max {
            self.give_up(now, cause);
            return;
        }
        if self.ai_failures == self.limits.notice_after {
            self.actions.push_back(Action::Notice("ai_unreachable"));
        }
        let exponential = self.limits.backoff_first * 2u32.saturating_pow((self.ai_failures - 1).min(16));
        let capped = exponential.min(self.limits.backoff_max);
        // full jitter above half, so that sessions that fell together do not rise together
        let jittered = capped.mul_f64(self.random.random_range(0.5..1.0));
        let wait = if self.ai_failures == 1 && retry_after.is_none() {
            Duration::ZERO
        } else {
            jittered
        };
        self.ai = AiLeg::Backoff {
            until: now + retry_after.unwrap_or(wait).min(self.limits.retry_after_max),
        };
    }

    /// No further attempt. An interview that was under way has failed; one that had not begun is kept for another try: the
    /// candidate's next offer dials again.
    fn give_up(&mut self, now: Instant, cause: &str) {
        if self.greeted {
            self.over(now, EndReason::Failed, Some(format!("ai: {cause}")));
            return;
        }
        self.drop_ai();
        self.ai_failures = 0;
        self.ai = AiLeg::Gone { cause: "refused" };
        self.phase = Phase::Waiting;
        self.actions.push_back(Action::Notice("ai_unreachable"));
    }

    fn greet(&mut self, now: Instant) {
        if self.ai_ready && matches!(self.candidate, Leg::Up { .. }) && !self.greeted {
            self.greeted = true;
            self.started.get_or_insert(now);
            self.actions.push_back(Action::Greet);
            self.floor.ask(now, Wish::Any);
        }
    }

    fn forget_turn(&mut self) {
        self.floor = Floor::default();
        self.candidate_speaks = false;
        self.spoke = false;
        self.playing = false;
        self.speaking = Speaking::Nobody;
    }

    fn drop_ai(&mut self) {
        self.forget_turn();
        self.ai_ready = false;
        self.actions.push_back(Action::HangUpAi);
    }

    // === the end ===

    fn over(&mut self, now: Instant, reason: EndReason, failure: Option<String>) {
        if self.candidate_speaks && self.ai_ready {
            // what is being said is said: it becomes a turn, to be transcribed and not to be answered
            if self.goodbye.is_none() {
                self.actions.push_back(Action::StopAnswering);
            }
            self.actions.push_back(Action::CommitSpeech);
        }
        self.note("session", "ended", failure.as_deref().unwrap_or(""));
        self.phase = Phase::Over { reason, at: now };
        self.goodbye = None;
        self.speaking = Speaking::Nobody;
        self.candidate = Leg::Gone {
            since: now,
            cause: "ended",
        };
        self.ai = AiLeg::Gone { cause: "ended" };
        self.actions.push_back(Action::End { reason, failure });
    }

    fn note(&mut self, leg: &'static str, what: &'static str, cause: &str) {
        self.actions.push_back(Action::Note {
            leg,
            what,
            cause: cause.to_owned(),
        });
    }
}
