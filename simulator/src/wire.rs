//! Between a conversation and its transport: where events are delayed, reordered, repeated, and strange ones slipped in.
//!
//! Is: pure, seeded. **Law:** without faults it is a queue: what goes in comes out, in order, at once.

use std::{collections::BTreeMap, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What happens to events on their way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct WireFaults {
    /// Each event is held for a random time up to so much: they overtake each other.
    pub(crate) reorder_ms: u64,
    /// Each event is held for so much; order stays.
    pub(crate) delay_ms: u64,
    /// Of a hundred events so many are sent twice.
    pub(crate) repeat_percent: u8,
    /// Of a hundred events so many are followed by one of a type that no client knows.
    pub(crate) unknown_percent: u8,
    /// Seed of the dice.
    pub(crate) seed: u64,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Wire {
    faults: WireFaults,
    dice: StdRng,
    held: BTreeMap<(Duration, u64), Value>,
    serial: u64,
}

impl Wire {
    pub(crate) fn new(faults: WireFaults) -> Self {
        Self {
            dice: StdRng::seed_from_u64(faults.seed),
            faults,
            held: BTreeMap::new(),
            serial: 0,
        }
    }

    /// From here on events fare like this; what is held keeps its time.
    pub(crate) fn set(&mut self, faults: WireFaults) {
        self.dice = StdRng::seed_from_u64(faults.seed);
        self.faults = faults;
    }

    pub(crate) fn push(&mut self, now: Duration, event: Value) {
        if self.hits(self.faults.unknown_percent) {
            let strange = json!({"type": "vivavoce.simulated.unknown", "event_id": format!("event_sim_unknown_{}", self.serial),
                "obfuscation": "x", "nested": {"item": {"id": null}}});
            self.hold(now, strange);
        }
        if self.hits(self.faults.repeat_percent) {
            self.hold(now, event.clone());
        }
        self.hold(now, event);
    }

    fn hits(&mut self, percent: u8) -> bool {
        percent > 0 && self.dice.random_range(0..100) < percent
    }

    fn hold(&mut self, now: Duration, event: Value) {
        let jitter = if self.faults.reorder_ms > 0 {
            self.dice.random_range(0..=self.faults.reorder_ms)
        } else {
            0
        };
        self.serial += 1;
        self.held.insert(
            (now + Duration::from_millis(self.faults.delay_ms + jitter), self.serial),
            event,
        );
    }

    /// The next event whose time has come.
    pub(crate) fn pop(&mut self, now: Duration) -> Option<Value> {
        let entry = self.held.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.held.keys().next().map(|(at, _)| *at)
    }

    /// Everything held, at once: the session ends.
    pub(crate) fn flush(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.held).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    fn run(faults: WireFaults, count: usize) -> Vec<Value> {
        let mut wire = Wire::new(faults);
        for n in 0..count {
            wire.push(Duration::from_millis(n as u64 * 5), json!({"n": n}));
        }
        std::iter::from_fn(|| wire.pop(Duration::from_hours(1))).collect()
    }

    #[test]
    fn without_faults_it_is_a_queue() {
        let order: Vec<_> = run(WireFaults::default(), 50)
            .iter()
            .map(|e| e["n"].as_u64().unwrap())
            .collect();
        assert_eq!(order, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn reordering_reorders_and_repeats_repeat() {
        let out = run(
            WireFaults {
                reorder_ms: 60,
                repeat_percent: 30,
                unknown_percent: 10,
                ..WireFaults::default()
            },
            200,
        );
        let known: Vec<_> = out.iter().filter_map(|e| e["n"].as_u64()).collect();
        assert!(known.len() > 220 && out.len() > known.len());
        assert!(known.windows(2).filter(|w| w[0] > w[1]).count() > 40);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(reorder_ms in 0u64..500, delay_ms in 0u64..500, repeat_percent in 0u8..100, seed in any::<u64>()) {
            let out = run(WireFaults { reorder_ms, delay_ms, repeat_percent, unknown_percent: 0, seed }, 40);
            for n in 0..40 {
                prop_assert!(out.iter().any(|e| e["n"] == n));
            }
        }
    }
}
