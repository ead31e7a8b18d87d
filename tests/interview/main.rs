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

mod away;
mod barge_in;
#[path = "../support/digits.rs"]
mod digits;
mod edges;
mod endings;
mod history;
mod hundreds;
#[path = "../support/logs.rs"]
mod logs;
mod loss;
#[path = "../support/lossy.rs"]
mod lossy;
#[path = "../support/peer.rs"]
mod peer;
#[path = "../support/postgres.rs"]
mod postgres;
mod rotation;
#[path = "../support/socket.rs"]
mod socket;
#[path = "../support/stack.rs"]
mod stack;
mod typed;
#[path = "../support/voice.rs"]
mod voice;
mod whip;
mod whole;
