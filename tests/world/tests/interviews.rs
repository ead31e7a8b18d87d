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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new().await;
        for seed in seed..seed + count {
            let schedule = Schedule::draw(seed, 5, faults, only);
            let outcome = world.interview(&schedule).await;
            assert_eq!(outcome.violations, Vec::<String>::new(), "{schedule:?}");
            assert!(outcome.virtual_ms > 25_000 && outcome.datagrams > 5_000, "{outcome:?}");
            assert_eq!(outcome.struck.len(), faults, "{outcome:?}");
        }
    });
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
