//! The AI side's meaning: what is asked of a realtime service, and what its events say.
//!
//! Is: one realtime protocol behind [`dialect::Dialect`], the session and instructions we give it ([`session`],
//! [`instructions`]), the call itself ([`dial`], [`link`]), its events ([`event`]), the record made of them
//! ([`transcript`]), what a new call is told of it ([`history`]), and the two gates towards a browser ([`allow`] in, [`mirror`] out). Isn't: the interview's life
//! (`session/`) or packets (`vivavoce_media`).
//! **Law:** `event`, `transcript`, `history`, `session`, `instructions`, `allow`, `mirror` and `dialect` are pure: no clock, no socket.

pub mod allow;
pub mod dial;
pub mod dialect;
pub mod event;
pub mod history;
pub mod instructions;
pub mod link;
pub mod mirror;
pub mod session;
mod tls;
pub mod transcript;
