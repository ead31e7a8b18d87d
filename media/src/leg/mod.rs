//! One peer, sans-IO: ICE, DTLS, SCTP by `rtc`, SRTP beside it, and what both need from us.
//!
//! Is: [`Peer`], and the two kinds of leg that differ in who offers and how life is judged: [`candidate`], [`ai`].
//! Isn't: what joins two legs (`call`), nor a socket or a clock: datagrams and ticks in, datagrams and events out.

pub(crate) mod ai;
pub(crate) mod candidate;
mod keys;
mod liveness;
mod peer;
pub(crate) mod remedies;
pub(crate) mod sdp;
pub(crate) mod stun;

pub(crate) use peer::{Media, Peer, PeerEvent, Setup, Transmit};

#[cfg(test)]
pub(crate) mod tests;
