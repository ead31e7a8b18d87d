//! A token bucket: how much of something a socket may do, in bursts and in the long run.
//!
//! Is: arithmetic on instants that are passed in. Isn't: a policy; what is done to an empty bucket is its owner's.
//! **Law:** never more than `burst` at once nor more than `burst + rate × t` in any time `t`.

use std::time::{Duration, Instant};

/// One allowance.
#[derive(Clone, Debug)]
pub struct Bucket {
    burst: f64,
    per_second: f64,
    left: f64,
    at: Instant,
}

impl Bucket {
    /// Full. `burst`: most at once; `per_second`: what comes back.
    pub fn new(now: Instant, burst: u32, per_second: u32) -> Self {
        Self {
            burst: f64::from(burst),
            per_second: f64::from(per_second),
            left: f64::from(burst),
            at: now,
        }
    }

    /// Takes `amount`, or nothing and answers false if there is not enough. A clock that goes back gives nothing back.
    pub fn take(&mut self, now: Instant, amount: u32) -> bool {
        let passed = now.checked_duration_since(self.at).unwrap_or(Duration::ZERO);
        self.at = self.at.max(now);
        self.left = (self.left + passed.as_secs_f64() * self.per_second).min(self.burst);
        let enough = self.left >= f64::from(amount);
        if enough {
            self.left -= f64::from(amount);
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "an origin for a virtual clock")]
    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start, 10, 2);
        assert_eq!((0..20).filter(|_| bucket.take(start, 1)).count(), 10);
        let later = start + Duration::from_secs(3);
        assert_eq!((0..20).filter(|_| bucket.take(later, 1)).count(), 6);
        let idle = later + Duration::from_hours(1);
        assert_eq!(
            (0..20).filter(|_| bucket.take(idle, 1)).count(),
            10,
            "no more than the burst is saved"
        );
        assert!(!bucket.take(start, 1), "an earlier instant gives nothing back");
    }
}
