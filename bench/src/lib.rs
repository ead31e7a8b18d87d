//! Load on a relay, and the bare UDP relay that it is measured against.
//!
//! Is: far ends (candidates and AI sides, full ICE, DTLS and SRTP) in a process of their own, over real UDP; the reference; and
//! what both cost. Isn't: a test: it asserts nothing, it measures and prints. **Law:** no figure is written by hand.

pub mod ai;
pub mod bare;
pub mod client;
pub mod command;
pub mod compare;
pub mod connects;
pub mod contender;
pub mod engine;
pub mod load;
pub mod peer;
pub mod process;
pub mod relay;
pub mod report;
