//! The candidate's speech on its way, live and late: what [`Late`] decides is done here.

use super::Core;
use super::late::{Kept, Received, Way};
use super::side::Side;
use crate::hold::Bound;
use crate::rtp::Header;
use crate::{LegEvent, splice::Source};
use std::time::Instant;

/// What the hold towards the AI has to take, in ms, where the browser keeps speech: an outage of 120 s, and what is said while
/// that is handed over.
const HOLD_MS: u32 = 170_000;

impl Core {
    /// See [`crate::Call::keep`].
    pub(crate) fn keep(&mut self, now: Instant, on: bool) {
        self.late.set_kept(now, on);
        if on {
            self.streams[Side::Ai as usize].hold.set_bound(Bound::of_ms(HOLD_MS));
        }
    }

    /// See [`crate::CallConfig::heard_before`].
    pub(crate) fn heard_before(&mut self, streams: &[(u32, u32)]) {
        for (ssrc, up_to) in streams {
            self.late.heard_before(*ssrc, *up_to);
        }
    }

    /// See [`crate::Call::keeper_away`].
    pub(crate) fn keeper_away(&mut self, now: Instant) {
        self.late.set_away(now);
    }

    /// See [`crate::Call::kept`].
    pub(crate) fn kept(&mut self, now: Instant, kept: &Kept) {
        for (source, packet) in self.late.kept(now, kept) {
            self.hold(source, &packet);
        }
        self.tell_late();
        self.settle_late(now);
        self.settle(now);
    }

    /// A packet of the candidate's has come by the leg.
    pub(super) fn candidate_speaks(&mut self, now: Instant, generation: u32, header: &Header, packet: &mut [u8]) {
        let way = self.late.live(now, generation, header, packet);
        self.tell_late();
        if self.is_muted {
            return;
        }
        match way {
            Way::On(source) => self.forward(now, Side::Candidate, source, packet),
            Way::Wait => {
                if self.late.wait(generation, packet) {
                    self.open_late(now);
                }
            }
            Way::Before(source) => {
                self.hold(source, packet);
                self.settle_late(now);
                self.settle(now);
            }
            Way::Nowhere => {}
        }
    }

    /// Lets go on what has waited for late speech, once that is here or has taken too long.
    pub(super) fn settle_late(&mut self, now: Instant) {
        if self.late.is_whole() || self.late.is_due(now) {
            self.open_late(now);
        }
    }

    fn open_late(&mut self, now: Instant) {
        for (source, mut packet) in self.late.open(now) {
            self.forward(now, Side::Candidate, source, &mut packet);
        }
        self.settle(now);
    }

    /// Puts speech behind what waits for the AI.
    fn hold(&mut self, source: Source, packet: &[u8]) {
        let lost_ms = self.streams[Side::Ai as usize].keep(source, packet);
        self.setup.counters.speech_dropped_ms[Side::Candidate as usize].add(lost_ms);
    }

    /// See [`crate::Call::received`].
    pub(crate) fn received(&mut self) -> Vec<Received> {
        self.late.tell_all();
        self.poll_told()
    }

    fn poll_told(&mut self) -> Vec<Received> {
        let (kept, hold) = (&self.kept, &self.streams[Side::Ai as usize].hold);
        std::iter::from_fn(|| self.late.poll_told(|| kept.oldest().or_else(|| hold.oldest()))).collect()
    }

    pub(super) fn tell_late(&mut self) {
        for received in self.poll_told() {
            self.tell(Side::Candidate, LegEvent::Received(received));
        }
        let lost = self.late.take_lost_ms();
        if lost > 0 && !self.is_muted {
            self.setup.counters.speech_dropped_ms[Side::Candidate as usize].add(lost);
        }
    }
}
