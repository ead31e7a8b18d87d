//! Load on a relay, and the bare UDP relay that it is measured against.
//!
//! Is: far ends (candidates and AI sides, full ICE, DTLS and SRTP) in a process of their own, over real UDP; the reference; and
//! what both cost. Isn't: a test: it asserts nothing, it measures and prints. No figure is written by hand.
pub mod bare;
pub mod engine;
pub mod peer;
pub mod process;
