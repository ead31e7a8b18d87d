//! Who makes the AI speak: one response is asked for at a time, and none that is owed is forgotten.
//!
//! Is: what was asked for, what is being made, what waits. Isn't: the goodbye's stages (`goodbye.rs`), or turn detection's own
//! responses, which the service begins by itself: they are told here like every other.
//! **Laws:** nothing is asked for while a response is asked for or being made; what is refused because one was is asked for
//! again once that is done, a bounded number of times. After the goodbye has begun, only the goodbye is asked for.

use super::{Action, Machine};
use std::time::{Duration, Instant};

/// Refused because of a response that we know nothing of (its end may have overtaken the refusal): when to ask again.
const REFUSED_WAIT: Duration = Duration::from_secs(2);
/// Refusals in a row of one response, after which it is not asked for again.
const REFUSALS_MAX: u8 = 5;

/// Why a response is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// The interviewer begins, or a browser asks it on. Whatever response is being made is that.
    Any,
    /// Something of ours waits for an answer that no response begun before gives.
    Owed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Free,
    /// Sent; nothing heard of it yet. `stuck.rs` sees to it that this ends.
    Asked,
    /// A response is being made.
    Making,
    /// It could not be had, and no response is known to be made.
    Refused { since: Instant },
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Floor {
    state: State,
    /// What was asked for last: a refusal is of that.
    asked: Option<Wish>,
    /// To be asked for once the floor is free.
    waiting: bool,
    refusals: u8,
}

impl Floor {
    pub(super) fn is_free(&self) -> bool {
        self.state == State::Free
    }

    /// Marks a response as asked for, which the caller does.
    fn ask(&mut self, wish: Wish) {
        self.state = State::Asked;
        self.asked = Some(wish);
        self.waiting = false;
    }

    /// A response is being made.
    pub(super) fn is_making(&self) -> bool {
        self.state == State::Making
    }

    pub(super) fn started(&mut self) {
        self.state = State::Making;
    }

    fn done(&mut self) {
        self.state = State::Free;
    }

    fn refused(&mut self, now: Instant) {
        self.refusals += 1;
        self.waiting |= self.asked.take() == Some(Wish::Owed) && self.refusals <= REFUSALS_MAX;
        if self.state != State::Making {
            self.state = State::Refused { since: now };
        }
    }

    /// Something is to be asked for once it is free.
    pub(super) fn waits(&self) -> bool {
        self.waiting
    }

    /// Nothing waits any more.
    pub(super) fn forget_wishes(&mut self) {
        self.waiting = false;
    }

    /// What was asked for is not waited for any more: should it begin yet, it is told like every other.
    pub(super) fn forget_asked(&mut self) {
        if self.state == State::Asked {
            self.state = State::Free;
        }
    }

    /// What was refused will not be asked for again.
    pub(super) fn forget_refusal(&mut self) {
        self.forget_wishes();
        if matches!(self.state, State::Refused { .. }) {
            self.state = State::Free;
        }
    }

    /// When [`Machine::floor_due`] wants to be called.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.state {
            State::Free | State::Making | State::Asked => None,
            State::Refused { since } => Some(since + REFUSED_WAIT),
        }
    }
}

impl Machine {
    /// Marks a response as asked for, which the caller does: an answer is due.
    pub(super) fn ask(&mut self, now: Instant, wish: Wish) {
        self.floor.ask(wish);
        self.watch.begin(now);
    }

    /// Something that the AI was told wants an answer.
    pub(super) fn answer_wanted(&mut self, now: Instant) {
        if !self.ai_ready || self.goodbye.is_some() {
            return;
        }
        if !self.candidate_hears() {
            self.owed = true;
            return;
        }
        self.floor.refusals = 0;
        self.floor.waiting = true;
        self.ask_what_waits(now);
    }

    /// A browser wants the AI to speak. If it does, or was asked to, it has what it wants.
    pub(super) fn nudged(&mut self, now: Instant) {
        if self.ai_ready && self.greeted && self.goodbye.is_none() && self.floor.is_free() && self.candidate_hears() {
            self.ask(now, Wish::Any);
            self.actions.push_back(Action::Respond);
        }
    }

    /// The service had a response in the making, and did not begin the one that was asked for.
    pub(super) fn response_refused(&mut self, now: Instant) {
        self.floor.refused(now);
    }

    /// The response is made: what waited may be asked for. Answers whether something was.
    pub(super) fn floor_free(&mut self, now: Instant) -> bool {
        self.floor.done();
        self.ask_what_waits(now);
        !self.floor.is_free()
    }

    /// What was asked for did not come, or may be asked for again.
    pub(super) fn floor_due(&mut self, now: Instant) {
        self.floor_free(now);
        self.ask_goodbye_if_due(now);
    }

    fn ask_what_waits(&mut self, now: Instant) {
        if self.floor.waiting && self.floor.is_free() {
            self.ask(now, Wish::Owed);
            self.actions.push_back(Action::Respond);
        }
    }
}
