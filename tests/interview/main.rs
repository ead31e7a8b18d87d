//! Whole interviews through the real relay against the simulator, with a peer that is not a browser.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    dead_code
)]

mod digits;
mod logs;
mod lossy;
mod peer;
mod stack;
mod voice;
mod whole;
