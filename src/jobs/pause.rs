//! When a job that failed is tried again (pure): soon, then ever later, for two days.

use std::time::Duration;

/// So often it is tried.
pub(super) const ATTEMPTS_MAX: u32 = 20;
/// After the first failure.
const FIRST: Duration = Duration::from_secs(5);
/// Never longer.
const LAST: Duration = Duration::from_secs(4 * 3600);

/// After `attempts` that failed, 1 and more. `random` is in 0 to 1: it is drawn between three quarters and the whole.
pub(super) fn pause(attempts: u32, random: f64) -> Duration {
    let doubled = 3_u32.saturating_pow(attempts.saturating_sub(1));
    let whole = FIRST.saturating_mul(doubled).min(LAST);
    whole.mul_f64(0.75 + random.clamp(0.0, 1.0) / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound() {
        let pauses: Vec<u64> = (1..=9).map(|attempts| pause(attempts, 1.0).as_secs()).collect();
        assert_eq!(pauses, [5, 15, 45, 135, 405, 1_215, 3_645, 10_935, 14_400]);
        assert_eq!(pause(u32::MAX, 1.0), LAST);
        assert_eq!(pause(0, 0.0).as_millis(), 3_750);
        let all: Duration = (1..ATTEMPTS_MAX).map(|attempts| pause(attempts, 0.5)).sum();
        assert!(
            all > Duration::from_secs(36 * 3600) && all < Duration::from_secs(72 * 3600),
            "{all:?}"
        );
    }
}
