//! The session's audio clock (`audio_start_ms`), as wall time.
//!
//! The service counts milliseconds of audio that reached it. An event tells such a time somewhat after it was, so the
//! earliest-looking start of the clock is the best. The clock stalls while nothing is sent (mute, an outage); then the
//! start of the next speech looks much later, and the reckoning begins anew.

use time::{Duration, OffsetDateTime};

/// An event of the start of speech is not this late; the audio clock has stalled.
const LATE_MAX: Duration = Duration::milliseconds(1500);

/// Where the audio clock began, as best known.
#[derive(Debug, Default)]
pub(super) struct VoiceClock {
    zero: Option<OffsetDateTime>,
}

impl VoiceClock {
    /// Speech began at `ms`, and it is told at `wall`.
    pub(super) fn started(&mut self, wall: OffsetDateTime, ms: i64) -> OffsetDateTime {
        let looks = back(wall, ms);
        let zero = match self.zero {
            Some(zero) if looks >= zero && looks - zero <= LATE_MAX => zero,
            _ => looks,
        };
        self.zero = Some(zero);
        forth(zero, ms).min(wall)
    }

    /// Speech ended at `ms`, and it is told at `wall`: later by the silence that the service waited for.
    pub(super) fn stopped(&mut self, wall: OffsetDateTime, ms: i64) -> OffsetDateTime {
        let looks = back(wall, ms);
        let zero = self.zero.map_or(looks, |zero| zero.min(looks));
        self.zero = Some(zero);
        forth(zero, ms).min(wall)
    }
}

/// A thousand years at most: a time from outside must not leave the calendar.
fn bounded(ms: i64) -> Duration {
    Duration::milliseconds(ms.clamp(0, 1000 * 365 * 86_400_000))
}
fn back(wall: OffsetDateTime, ms: i64) -> OffsetDateTime {
    wall.checked_sub(bounded(ms)).unwrap_or(wall)
}
fn forth(zero: OffsetDateTime, ms: i64) -> OffsetDateTime {
    zero.checked_add(bounded(ms)).unwrap_or(zero)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const T0: OffsetDateTime = datetime!(2026-11-24 10:00:00 UTC);

    fn at(ms: i64) -> OffsetDateTime {
        T0 + Duration::milliseconds(ms)
    }

    #[test]
    fn the_promptest_event_sets_the_clock() {
        let mut clock = VoiceClock::default();
        assert_eq!(clock.started(at(1300), 1000), at(1300));
        assert_eq!(clock.stopped(at(4100), 4000), at(4100)); // zero now looks 200 ms earlier
        assert_eq!(clock.started(at(9400), 9000), at(9100));
        // Told 8 s after the end, as a patient turn detection does: the end is when it was.
        assert_eq!(clock.stopped(at(19_100), 11_000), at(11_100));
    }

    #[test]
    fn a_stalled_clock_is_taken_up_anew() {
        let mut clock = VoiceClock::default();
        clock.started(at(1000), 1000);
        assert_eq!(clock.started(at(31_000), 2000), at(31_000)); // muted for 29 s
        assert_eq!(clock.stopped(at(33_000), 3500), at(32_500));
    }

    #[test]
    fn absurd_times_stay_in_the_calendar() {
        let mut clock = VoiceClock::default();
        let _ = (clock.started(T0, i64::MAX), clock.stopped(T0, i64::MIN));
    }
}
