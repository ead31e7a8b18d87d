//! An interviewer that is stuck: an answer is due and none comes. It is nudged, then another leg takes its place.

use super::{Action, Machine, floor::Wish};
use std::time::Instant;

/// What is waited for, and since when.
#[derive(Debug, Default)]
pub(super) struct Watch {
    since: Option<Instant>,
    nudged: bool,
}

impl Watch {
    /// Nothing is due any more.
    pub(super) fn rest(&mut self) {
        *self = Self::default();
    }

    /// An answer is waited for.
    pub(super) fn is_due(&self) -> bool {
        self.since.is_some()
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.since = Some(now);
    }
}

impl Machine {
    /// When [`Machine::stuck_due`] wants to be called.
    pub(super) fn stuck_at(&self) -> Option<Instant> {
        self.watch.since.map(|since| since + self.limits.answer_max)
    }

    /// The candidate has ceased to speak: turn detection will have the AI answer. `is_new`: this was not told before.
    pub(super) fn turn_ended(&mut self, now: Instant, is_new: bool) {
        // one that was asked for and has not begun is waited for anew: nobody did while they spoke
        let is_answering = self.playing || self.floor.is_making();
        if !self.ai_ready || self.goodbye.is_some() || is_answering {
            self.unanswered |= is_answering && is_new;
            return;
        }
        if self.candidate_hears() {
            self.watch.begin(now);
        } else {
            self.owed = true; // they are answered when they are back, whether or not one begins meanwhile
        }
    }

    /// The AI has ceased to speak. A turn that ended meanwhile is to be answered yet: what was being said was of one before it.
    pub(super) fn answer_ended(&mut self, now: Instant) {
        if self.is_quiet() && std::mem::take(&mut self.unanswered) && !self.candidate_speaks {
            self.turn_ended(now, true);
        }
    }

    /// A new leg was told what was said, and that it is the candidate's turn. Had the one before something to do that words do
    /// not show (it was about to end the interview), nobody would speak again.
    pub(super) fn listen_for_a_while(&mut self, now: Instant) {
        self.idle_at = Some(now + self.limits.idle_max);
    }

    /// Nobody has spoken since: the AI is asked once what it would do.
    pub(super) fn idle_due(&mut self, now: Instant) {
        self.idle_at = None;
        if self.is_quiet() && !self.candidate_speaks {
            self.note("ai", "nudged", "nobody spoke after a new leg took the interview up");
            self.answer_wanted(now);
        }
    }

    pub(super) fn stuck_due(&mut self, now: Instant) {
        if !self.candidate_hears() || self.candidate_speaks || !self.ai_ready {
            self.watch.rest();
            return;
        }
        if self.watch.nudged || self.floor.is_making() {
            self.ai_closed(now, "stuck");
            return;
        }
        self.note("ai", "nudged", "an answer was due and none came");
        self.actions.push_back(Action::Respond);
        self.ask(now, Wish::Owed);
        self.watch.nudged = true;
    }
}
