//! A relay dies, is stopped, is frozen, loses its database or its disk in the midst of an interview: the candidate is back by
//! themselves, here or in another process, nothing that was said is asked again, and the record holds each word once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs
)]
#![allow(dead_code, reason = "a story uses some of what stands ready")]
#![allow(clippy::large_futures, clippy::large_stack_arrays, reason = "a test's own stack")]

mod death;
#[path = "../support/disk.rs"]
mod disk;
mod handover;
mod house;
#[path = "../support/logs.rs"]
mod logs;
mod memory;
mod page;
#[path = "../support/peer.rs"]
mod peer;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/relay.rs"]
mod relay;
#[path = "../support/stack.rs"]
mod stack;
mod store_away;
#[path = "../support/voice.rs"]
mod voice;
