//! Whole interviews in virtual time, one thread, no sleeping.
//!
//! # What is real
//!
//! The server as `app::start` builds it (HTTP, `/ws`, registry, supervisor, session machine, transcript, journal, SQLite), on a
//! [`VirtualShard`](vivavoce_media::world::VirtualShard): the same calls, legs, `demux`, hold and splice as a shard's, every
//! packet through the real ICE, DTLS, SRTP and SCTP. Both far ends are peers of the same make. The AI is the simulator's
//! conversation in exam mode, the pure machine itself, with its VAD and its ear.
//!
//! # What is made up
//!
//! The net ([`net`]): datagrams fly for a while, are lost, doubled, overtaken, cut off, and the candidate's NAT gives
//! another address. The clock: tokio's, paused, and moved by the world alone, to whatever is due next. The browser
//! ([`browser`]): a microphone of 20 ms frames, an ear that counts digits, and the SDK's policy as far as these
//! schedules need it. Its socket is real TCP on loopback, through a wire that takes its 25 ms of virtual time.
//!
//! # How time goes
//!
//! [`World::step`] lets every task run until nothing moves, then goes to the next thing due: a datagram's arrival, a timer of the
//! shard, of a peer, of the model, the microphone's next frame. Real I/O (loopback, SQLite) takes no virtual time while the
//! world waits for it: it holds the clock while a dial or the page's first offer is in the air. What else crosses loopback may
//! be a few virtual ms late from run to run: **a seed fixes the schedule of faults and the digits, not every microsecond**.
//!
//! Packets do not wait for tasks: these have a turn each 10 ms, and whenever a call has told them something. Time goes on a grid of
//! 2.5 ms.
//!
//! # What judges
//!
//! `tests/continuity/judge.rs`, the reference of the rows: the candidate's digits in the AI's last conversation and in the record
//! once each, in order; the interviewer's count at the candidate's ear with none missing; one digit again at a seam.
//!
//! # What is not here
//!
//! The WebSocket transport; packets that are overtaken by seconds. Random numbers of the product (SSRCs, jitter of backoffs) are not the
//! seed's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    clippy::missing_panics_doc,
    dead_code,
    clippy::large_futures,
    reason = "a test"
)]

pub mod ai;
pub mod browser;
mod disk;
mod drive;
#[path = "../../continuity/judge.rs"]
pub mod judge;
#[path = "../../support/keeping.rs"]
mod keeping;
#[path = "../../continuity/logs.rs"]
mod logs;
pub mod net;
#[path = "../../continuity/network.rs"]
mod network;
mod one;
#[path = "../../continuity/page.rs"]
mod page;
mod process;
pub mod schedule;
pub mod sound;
mod strike;
pub mod world;

pub use schedule::Schedule;
pub use world::{Outcome, World};

/// A law by its name, to be broken on purpose.
#[must_use]
pub fn law(name: &str) -> Option<vivavoce_media::broken::Law> {
    use vivavoce_media::broken::Law;
    Some(match name {
        "hold" => Law::Hold,
        "timestamp" => Law::Timestamp,
        "order" => Law::Order,
        "last-item" => Law::LastItem,
        _ => return None,
    })
}
