//! The candidate's leg: connecting, up, lost, back, gone; and whether anybody of theirs is there.

use super::{Action, AiLeg, Leg, Machine, Speaking};
use std::time::Instant;

impl Machine {
    pub(super) fn offered(&mut self, now: Instant) {
        if !matches!(self.candidate, Leg::Up { .. }) {
            self.candidate = Leg::Connecting { since: now };
            self.note("candidate", "connecting", "an offer was answered");
        }
        if matches!(self.ai, AiLeg::None | AiLeg::Gone { .. }) {
            self.dial(now); // beside the candidate's own connecting, so that neither waits for the other
        }
        self.presence(now);
    }

    pub(super) fn candidate_up(&mut self, now: Instant) {
        self.candidate = Leg::Up { since: now };
        self.note("candidate", "up", "");
        self.first_up.get_or_insert(now);
        self.actions.push_back(Action::Connected);
        self.presence(now);
        self.greet(now);
        self.heard_again(now);
    }

    pub(super) fn candidate_lost(&mut self, now: Instant, cause: &'static str) {
        if matches!(self.candidate, Leg::Up { .. }) {
            self.candidate = Leg::Lost { since: now, cause };
            self.note("candidate", "lost", cause);
            self.actions.push_back(Action::Disconnected);
            self.actions.push_back(Action::Renegotiate {
                ice_restart: true,
                reason: "lost",
            });
            self.presence(now);
            self.unheard();
        }
    }

    /// Heard again: after a silence, or on the new way that an answered offer (an ICE restart) has opened.
    pub(super) fn candidate_back(&mut self, now: Instant) {
        if matches!(self.candidate, Leg::Lost { .. } | Leg::Connecting { .. }) {
            self.candidate = Leg::Up { since: now };
            self.note("candidate", "back", "");
            self.actions.push_back(Action::Connected);
            self.presence(now);
            self.greet(now);
            self.heard_again(now);
        }
    }

    pub(super) fn candidate_closed(&mut self, now: Instant, cause: &'static str) {
        if !matches!(self.candidate, Leg::None | Leg::Gone { .. }) {
            self.candidate = Leg::Gone { since: now, cause };
            self.note("candidate", "gone", cause);
            self.actions.push_back(Action::Disconnected);
            self.actions.push_back(Action::Renegotiate {
                ice_restart: false,
                reason: "gone",
            });
            self.presence(now);
            self.unheard();
        }
    }

    pub(super) fn candidate_speaks(&mut self, now: Instant, on: bool) {
        let ended = std::mem::replace(&mut self.candidate_speaks, on) && !on;
        self.speaking = if on {
            Speaking::Candidate
        } else if self.playing {
            Speaking::Ai
        } else {
            Speaking::Nobody
        };
        if on {
            self.goodbye_goes_on();
            self.owed = false; // their turn is answered like any other
            self.idle_at = None;
            self.watch.rest();
        } else {
            self.turn_ended(now, ended);
        }
        if !on && !self.playing && self.floor.is_free() {
            self.tail(now);
        }
    }

    /// Notes whether anybody of the candidate's is there.
    pub(super) fn presence(&mut self, now: Instant) {
        let there = self.sockets > 0 || matches!(self.candidate, Leg::Connecting { .. } | Leg::Up { .. });
        self.alone_since = match (there, self.alone_since) {
            (true, _) => None,
            (false, Some(since)) => Some(since),
            (false, None) => Some(now),
        };
    }
}
