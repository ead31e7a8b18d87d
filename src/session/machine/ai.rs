//! The AI's leg: dialled, up, failed, dialled again; and the greeting, which is given once.

use super::{Action, AiLeg, DialFailure, Floor, Leg, Machine, Phase, Speaking, floor::Wish, rotation::Next};
use crate::{config::Transport, store::EndReason};
use rand::Rng as _;
use std::time::{Duration, Instant};

impl Machine {
    pub(super) fn dial(&mut self, now: Instant) {
        let transport =
            if self.limits.transport == Transport::WebSocket || self.webrtc_failures >= self.limits.fallback_after {
                Transport::WebSocket
            } else {
                Transport::WebRtc
            };
        self.ai = AiLeg::Dialling { since: now };
        self.websocket = transport == Transport::WebSocket;
        self.ai_ready = false;
        self.ai_missed_since.get_or_insert(now);
        if matches!(self.phase, Phase::Waiting) {
            self.phase = Phase::Connecting;
        }
        self.actions.push_back(Action::DialAi(transport));
    }

    pub(super) fn dialled(&mut self, now: Instant) {
        if matches!(self.ai, AiLeg::Dialling { .. }) {
            self.ai = AiLeg::Connecting { since: now };
        }
    }

    pub(super) fn dial_failed(&mut self, now: Instant, failure: &DialFailure) {
        if !matches!(self.ai, AiLeg::Dialling { .. } | AiLeg::Connecting { .. }) {
            return;
        }
        if failure.transport_fault {
            self.not_up();
        }
        if failure.permanent {
            self.note("ai", "refused", &failure.cause);
            self.give_up(now, &failure.cause);
        } else {
            self.ai_failed(now, &failure.cause, failure.retry_after);
        }
    }

    pub(super) fn ai_ready(&mut self, now: Instant) {
        if matches!(self.ai, AiLeg::None | AiLeg::Gone { .. } | AiLeg::Backoff { .. }) {
            return; // a leg that was given up
        }
        self.ai = AiLeg::Up { since: now };
        self.ai_ready = true;
        self.ai_failures = 0;
        self.now_up(now);
        self.phase = match std::mem::replace(&mut self.phase, Phase::Waiting) {
            Phase::Waiting | Phase::Connecting => Phase::Live,
            other @ (Phase::Live | Phase::Ending { .. } | Phase::Over { .. }) => other,
        };
        self.note("ai", "up", "");
        self.ai_missed_since = None;
        self.ai_noticed = false;
        if !self.knows_its_end() {
            self.session_begins(now, self.limits.ai_session);
        }
        if self.greeted {
            self.actions.push_back(Action::TakeUpAgain);
        }
        self.greet(now);
    }

    /// A new leg has been told what was said. `speaks`: its turn is next, else it has been said all, or the candidate is in
    /// the middle of theirs.
    pub(super) fn taken_up(&mut self, now: Instant, speaks: bool) {
        if !self.ai_ready {
            return;
        }
        if self.goodbye.is_some() {
            self.actions.push_back(Action::StopAnswering);
            self.ask_goodbye_if_due(now);
        } else if speaks {
            self.answer_wanted(now);
        } else {
            self.listen_for_a_while(now);
        }
    }

    pub(super) fn ai_closed(&mut self, now: Instant, cause: &str) {
        if matches!(self.ai, AiLeg::None | AiLeg::Gone { .. } | AiLeg::Backoff { .. }) {
            return;
        }
        if matches!(self.ai, AiLeg::Up { .. }) {
            self.was_up(now);
        } else {
            self.not_up();
        }
        if matches!(self.rotation.next, Next::Ready { .. }) && self.ai_ready && self.goodbye.is_none() {
            self.note("ai", "lost", cause);
            self.switch(now); // what was to take over at a pause does so now
            return;
        }
        self.actions.push_back(Action::HangUpAi);
        self.ai_failed(now, cause, None);
    }

    /// The AI leg failed in a way that another attempt may mend: wait and dial, a bounded number of times.
    pub(super) fn ai_failed(&mut self, now: Instant, cause: &str, retry_after: Option<Duration>) {
        self.note("ai", "lost", cause);
        self.forget_next();
        self.forget_turn();
        self.ai_ready = false;
        self.ai_failures += 1;
        let missed = now.saturating_duration_since(*self.ai_missed_since.get_or_insert(now));
        if !self.goodbye_is_to_be_said_again() {
            // all was heard: the end does not wait for another leg
            let reason = self
                .goodbye
                .as_ref()
                .map_or(EndReason::Failed, |goodbye| goodbye.reason);
            self.over(now, reason, None);
            return;
        }
        if missed >= self.limits.ai_missed_max {
            self.give_up(now, cause);
            return;
        }
        if missed >= self.limits.notice_after && !std::mem::replace(&mut self.ai_noticed, true) {
            self.actions.push_back(Action::Notice("ai_unreachable"));
        }
        let exponential = self.limits.backoff_first * 2u32.saturating_pow((self.ai_failures - 1).min(16));
        // a candidate waits: often at first, and seldom once it is plain that this will last
        let longest = if missed < self.limits.backoff_eager {
            self.limits.backoff_soon
        } else {
            self.limits.backoff_max
        };
        // full jitter above half, so that sessions that fell together do not rise together
        let jittered = exponential.min(longest).mul_f64(self.random.random_range(0.5..1.0));
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
    pub(super) fn give_up(&mut self, now: Instant, cause: &str) {
        if self.greeted {
            self.over(now, EndReason::Failed, Some(format!("ai: {cause}")));
            return;
        }
        self.drop_ai();
        self.ai_failures = 0;
        self.ai_missed_since = None;
        self.ai_noticed = false;
        self.ai = AiLeg::Gone { cause: "refused" };
        self.phase = Phase::Waiting;
        self.actions.push_back(Action::Notice("ai_unreachable"));
    }

    pub(super) fn greet(&mut self, now: Instant) {
        if self.ai_ready && matches!(self.candidate, Leg::Up { .. }) && !self.greeted {
            self.greeted = true;
            self.started.get_or_insert(now);
            self.actions.push_back(Action::Greet);
            self.ask(now, Wish::Any);
        }
    }

    pub(super) fn forget_turn(&mut self) {
        self.floor = Floor::default();
        self.candidate_speaks = false;
        self.unanswered = false;
        self.spoke = false;
        self.playing = false;
        self.speaking = Speaking::Nobody;
        self.owed = false; // a new leg is told what was said, and goes on from there
        self.go_on_at = None;
        self.idle_at = None;
        self.watch.rest();
    }

    pub(super) fn drop_ai(&mut self) {
        self.forget_next();
        self.forget_turn();
        self.ai_ready = false;
        self.actions.push_back(Action::HangUpAi);
    }
}
