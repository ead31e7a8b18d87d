//! What is due much later is done together with what else is due about then: one wake-up in place of many (pure).

use std::time::{Duration, Instant};

/// Sooner than this, a thing is done when it is due.
const FAR: Duration = Duration::from_millis(25);
/// Otherwise later by at most this.
const STEP: Duration = Duration::from_millis(20);

/// Times at which what can wait is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    since: Instant,
}

impl Grid {
    /// Every [`STEP`] from then on.
    pub(super) fn new(since: Instant) -> Self {
        Self { since }
    }

    /// When to do what is due: never before.
    pub(super) fn round(self, now: Instant, due: Instant) -> Instant {
        if due.saturating_duration_since(now) < FAR {
            return due;
        }
        let passed = due.saturating_duration_since(self.since).as_micros();
        let steps = passed.div_ceil(STEP.as_micros());
        self.since + STEP * u32::try_from(steps).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::driver::now;

    #[test]
    fn what_is_soon_is_exact_and_what_is_far_is_never_early_and_meets() {
        let since = now();
        let at = |ms: u64| since + Duration::from_millis(ms);
        let grid = Grid::new(since);
        for (due, done) in [
            (0, 0),
            (7, 7),
            (24, 24),
            (25, 40),
            (41, 60),
            (59, 60),
            (60, 60),
            (1_001, 1_020),
        ] {
            assert_eq!(grid.round(since, at(due)), at(done), "{due}");
        }
        assert_eq!(grid.round(at(1_000), at(1_024)), at(1_024));
        assert_eq!(grid.round(at(1_000), at(3)), at(3), "overdue");
    }
}
