//! Two legs joined, each with a real far end (a leg of the other kind), on a virtual clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod again;
mod bad_input;
mod joined;
mod lately;
mod missed;
mod renewal;
mod staged;
mod world;
