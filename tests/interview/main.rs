//! Whole interviews through the real relay against the simulator, with a peer that is not a browser.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs
)]
#![allow(dead_code, reason = "a story uses some of what stands ready")]
#![allow(clippy::large_futures, clippy::large_stack_arrays, reason = "a test's own stack")]

mod barge_in;
mod digits;
mod edges;
mod endings;
mod logs;
mod loss;
mod lossy;
mod peer;
#[path = "../support/postgres.rs"]
mod postgres;
mod socket;
mod stack;
mod typed;
mod voice;
mod whip;
mod whole;
