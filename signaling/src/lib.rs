//! The browser's protocol, `vivavoce.v1` (SPEC.md, "WebSocket signaling"): its words, its versions, its rules.
//!
//! Is: types of every message, the handshake of one socket, what a session's socket is told again after an outage, and
//! the token that proves it was there before. Isn't: a socket, a JWT check, or an interview (`src/api/ws.rs` and
//! `src/session` of the server drive these).
//! **Law:** pure. Nothing here reads a clock, waits, allocates without a bound, or panics on what a browser sends.

pub mod bucket;
pub mod handshake;
pub mod messages;
pub mod outbox;
pub mod resume;
pub mod speech;
pub mod version;

pub use handshake::Handshake;
pub use messages::{ClientMessage, ServerMessage};
pub use outbox::Outbox;

/// Largest frame a browser may send, bytes; a larger one closes the socket with 1009.
pub const FRAME_BYTES_MAX: usize = 256 * 1024;
