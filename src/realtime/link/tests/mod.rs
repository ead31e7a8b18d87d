//! The link over real sockets: against a service of the test's own, which misbehaves, and against the simulator.

mod fakes;
mod service;
mod simulator;
mod socket;
mod webrtc;
