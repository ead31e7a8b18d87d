//! When a call's candidate was last heard, and how far away they are: known to whoever holds the call without asking its thread.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Written by the call's thread alone.
#[derive(Debug, Default)]
pub(crate) struct LastHeard {
    first: OnceLock<Instant>,
    /// Since the first.
    nanos: AtomicU64,
    /// Of the last consent check that was answered; 0: none was.
    round_trip_nanos: AtomicU64,
}

impl LastHeard {
    /// They were heard then; what is older than what is known tells nothing.
    pub(crate) fn hear(&self, at: Instant) {
        let nanos = at.saturating_duration_since(*self.first.get_or_init(|| at)).as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        if nanos > self.nanos.load(Ordering::Relaxed) {
            self.nanos.store(nanos, Ordering::Relaxed);
        }
    }

    /// A consent check took so long to be answered.
    pub(crate) fn answer(&self, round_trip: Duration) {
        let nanos = u64::try_from(round_trip.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.round_trip_nanos.store(nanos, Ordering::Relaxed);
    }

    /// How long the last check took that was answered; `None` where none was.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        let nanos = self.round_trip_nanos.load(Ordering::Relaxed);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    /// For how long they have not been heard; `None` where they never were.
    pub(crate) fn silence(&self, now: Instant) -> Option<Duration> {
        let heard = *self.first.get()? + Duration::from_nanos(self.nanos.load(Ordering::Relaxed));
        Some(now.saturating_duration_since(heard))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_counts() {
        #[expect(clippy::disallowed_methods, reason = "an origin for a virtual clock")]
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let heard = LastHeard::default();
        assert_eq!(heard.silence(now), None);
        heard.hear(at(100));
        assert_eq!(heard.silence(at(150)), Some(Duration::from_millis(50)));
        heard.hear(at(200));
        heard.hear(at(40));
        assert_eq!(heard.silence(at(260)), Some(Duration::from_millis(60)));
        assert_eq!(
            heard.silence(at(90)),
            Some(Duration::ZERO),
            "it is heard as this is asked"
        );
    }

    #[test]
    fn the_last_round_trip_counts() {
        let heard = LastHeard::default();
        assert_eq!(heard.round_trip(), None);
        heard.answer(Duration::from_millis(80));
        heard.answer(Duration::from_millis(50));
        assert_eq!(heard.round_trip(), Some(Duration::from_millis(50)));
    }
}
