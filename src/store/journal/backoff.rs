//! When to ask the database again: soon, then less often, never all at once.
//!
//! Is: pure. **Law:** the pause doubles from [`FIRST`] to [`LAST`]; each is drawn between its half and its whole, so that
//! many relays do not come back to a recovering database in one instant.

use std::time::Duration;

/// The first pause: an outage of a moment is over by then.
const FIRST: Duration = Duration::from_millis(50);
/// The longest pause: what waits is in the database at most this long after it is back.
const LAST: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It worked.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// It failed: how long to wait. `random` is in 0 to 1.
    pub(super) fn next(&mut self, random: f64) -> Duration {
        let whole = FIRST.saturating_mul(2_u32.saturating_pow(self.failures)).min(LAST);
        self.failures = self.failures.saturating_add(1);
        whole.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_its_bound_and_starts_again() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u128> = (0..8).map(|_| backoff.next(1.0).as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(backoff.next(0.0).as_millis(), 1000);
        for _ in 0..100 {
            assert!(backoff.next(0.5) <= LAST);
        }
        backoff.reset();
        assert_eq!(backoff.next(0.0).as_millis(), 25);
    }
}
