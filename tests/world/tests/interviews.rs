//! The shorter form of `make world`: what holds, holds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::large_futures,
    missing_docs
)]

use vivavoce_world::{Schedule, World};

/// `count` interviews from a seed on, each with so many faults of a kind.
fn hold(seed: u64, count: u64, faults: usize, only: Option<&str>) {
    let mut world = World::new();
    for seed in seed..seed + count {
        let schedule = Schedule::draw(seed, 5, faults, only);
        let outcome = world.interview(&schedule);
        assert_eq!(outcome.violations, Vec::<String>::new(), "{schedule:?}");
        assert!(outcome.virtual_ms > 60_000 && outcome.datagrams > 10_000, "{outcome:?}");
        assert_eq!(outcome.struck.len(), faults, "{outcome:?}");
    }
}

#[test]
fn undisturbed_interviews_are_whole() {
    hold(1, 3, 0, None);
}

#[test]
fn sockets_break_and_datagrams_overtake_each_other() {
    hold(1, 4, 1, Some("socket"));
    hold(1, 4, 1, Some("weather"));
}
