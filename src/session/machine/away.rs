//! A candidate who cannot hear: nothing is said to them meanwhile, and what was not heard is said when they are back.
//!
//! **Law:** the record says of an interrupted answer what was heard of it, and the AI is asked to go on from there; it does not
//! speak to nobody, and does not greet again.

use super::{Action, Leg, Machine};
use std::time::{Duration, Instant};

/// From the candidate's return until the AI goes on: speech that was kept meanwhile comes first, and is answered like any other.
const GO_ON_AFTER: Duration = Duration::from_millis(400);

impl Machine {
    pub(super) fn candidate_hears(&self) -> bool {
        matches!(self.candidate, Leg::Up { .. })
    }

    /// The candidate cannot hear any more: the AI breaks off.
    pub(super) fn unheard(&mut self) {
        self.go_on_at = None;
        if !self.greeted || !self.ai_ready {
            return;
        }
        if !self.is_quiet() {
            self.owed = true;
            self.silence();
            self.goodbye_was_not_heard();
        }
        self.owed |= self.floor.waits() || self.watch.is_due() || std::mem::take(&mut self.unanswered);
        self.floor.forget_wishes();
        self.floor.forget_asked(); // nobody watches for it any more
        self.watch.rest();
        self.actions.push_back(Action::CutAtHeard);
    }

    /// It had all been sent, and was not all heard.
    pub(super) fn cut_off(&mut self) {
        if !self.candidate_hears() {
            self.owed = true;
            self.goodbye_was_not_heard();
        }
    }

    /// An answer that begins while nobody hears it breaks off at once. True if it did.
    pub(super) fn breaks_off_unheard(&mut self) -> bool {
        let unheard = !self.candidate_hears() && self.greeted;
        if unheard {
            self.owed = true;
            self.silence();
            self.goodbye_was_not_heard();
        }
        unheard
    }

    /// The candidate can hear, for the first time or again.
    pub(super) fn heard_again(&mut self, now: Instant) {
        if self.owed {
            self.go_on_at = Some(now + GO_ON_AFTER);
        }
        self.ask_goodbye_if_due(now);
    }

    /// Nothing came first: the AI goes on.
    pub(super) fn go_on_due(&mut self, now: Instant) {
        self.go_on_at = None;
        if std::mem::take(&mut self.owed) && self.ai_ready && self.goodbye.is_none() {
            self.actions.push_back(Action::GoOn);
            self.answer_wanted(now);
        }
    }
}
