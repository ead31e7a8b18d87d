//! Whether a leg is heard: all that is authentic counts, media and consent alike, whatever ICE thinks of it.

use std::time::{Duration, Instant};

/// Of one leg.
#[derive(Debug)]
pub(crate) struct Liveness {
    heard: Instant,
    is_lost: bool,
}

impl Liveness {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            heard: now,
            is_lost: false,
        }
    }

    /// Something authentic has come. True if the leg had been lost.
    pub(crate) fn hear(&mut self, now: Instant) -> bool {
        self.heard = now;
        std::mem::take(&mut self.is_lost)
    }

    /// True if the leg is lost from here on.
    pub(crate) fn check(&mut self, now: Instant, silence_max: Duration) -> bool {
        let lost = !self.is_lost && now.saturating_duration_since(self.heard) >= silence_max;
        self.is_lost |= lost;
        lost
    }

    /// When to check again; `None` while lost.
    pub(crate) fn poll_timeout(&self, silence_max: Duration) -> Option<Instant> {
        (!self.is_lost).then(|| self.heard + silence_max)
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }
}
