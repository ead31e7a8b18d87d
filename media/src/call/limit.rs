//! A token bucket: so many at once, so many a second (pure).

use std::time::Instant;

/// How much may come.
#[derive(Debug)]
pub(super) struct Limit {
    burst: u32,
    per_second: u32,
    /// In thousandths.
    tokens: u64,
    at: Instant,
}

impl Limit {
    pub(super) fn new(now: Instant, burst: u32, per_second: u32) -> Self {
        Self {
            burst,
            per_second,
            tokens: u64::from(burst) * 1000,
            at: now,
        }
    }

    /// Whether one more may pass.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.at).as_millis() as u64 * u64::from(self.per_second);
        if earned > 0 {
            self.at = now;
            self.tokens = (self.tokens + earned).min(u64::from(self.burst) * 1000);
        }
        let allowed = self.tokens >= 1000;
        if allowed {
            self.tokens -= 1000;
        }
        allowed
    }
}
