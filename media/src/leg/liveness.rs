//! Whether a leg is heard: all that is authentic counts, media and consent alike, whatever ICE thinks of it.

use std::time::{Duration, Instant};

/// Timers are as late as this on a machine that is well.
const LATE_MIN: Duration = Duration::from_millis(100);

/// Of one leg.
#[derive(Debug)]
pub(crate) struct Liveness {
    heard: Instant,
    /// Of the silence since, so much was ours.
    excused: Duration,
    is_lost: bool,
}

impl Liveness {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            heard: now,
            excused: Duration::ZERO,
            is_lost: false,
        }
    }

    /// Something authentic has come. True if the leg had been lost.
    pub(crate) fn hear(&mut self, now: Instant) -> bool {
        self.heard = now;
        self.excused = Duration::ZERO;
        std::mem::take(&mut self.is_lost)
    }

    /// We looked so much later than we meant to: what came meanwhile may lie unread, and that silence was ours.
    pub(crate) fn excuse(&mut self, now: Instant, due: Instant) {
        let late = now.saturating_duration_since(due);
        if late >= LATE_MIN {
            self.excused += late.min(now.saturating_duration_since(self.heard));
        }
    }

    /// True if the leg is lost from here on.
    pub(crate) fn check(&mut self, now: Instant, silence_max: Duration) -> bool {
        let lost = !self.is_lost && now >= self.lost_at(silence_max);
        self.is_lost |= lost;
        lost
    }

    fn lost_at(&self, silence_max: Duration) -> Instant {
        self.heard + self.excused + silence_max
    }

    /// When to check again; `None` while lost.
    pub(crate) fn poll_timeout(&self, silence_max: Duration) -> Option<Instant> {
        (!self.is_lost).then(|| self.lost_at(silence_max))
    }

    /// For how long nothing has come, but for what was ours.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard + self.excused)
    }

    /// When something authentic last came.
    pub(crate) fn last_heard(&self) -> Instant {
        self.heard
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_of_ours_is_no_silence_of_theirs() {
        let (start, max) = (crate::testing::now(), Duration::from_secs(1));
        let mut leg = Liveness::new(start);
        let late = start + Duration::from_millis(1_500);
        leg.excuse(late, start + Duration::from_millis(800));
        assert!(!leg.check(late, max));
        leg.excuse(late, late);
        assert!(leg.check(start + Duration::from_millis(1_700), max));
    }
}
