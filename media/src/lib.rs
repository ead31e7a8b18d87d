//! Legs and packets: two WebRTC peers and what joins them.
//!
//! Is: one thread a shard ([`Shard`]), with one public UDP port and its calls; a call ([`Call`]) is two legs, the
//! candidate's and the AI's, each a WebRTC peer of its own. Isn't: anything that knows HTTP, SQL, JSON or a vendor;
//! what the texts on the data channels mean is the caller's business.
//! **Law:** what decides (`call`, `leg`, `splice`, `hold`, `nack`, `rtcp`, `demux`) reads no clock and no socket;
//! `shard` alone does. Nothing of one leg's SDP, addresses or identifiers reaches the other.

pub mod broken;
pub mod call;
mod counters;
mod demux;
mod event;
mod handle;
pub mod hold;
mod leg;
pub mod nack;
pub mod opus;
pub mod rtcp;
pub mod rtp;
pub mod shard;
pub mod splice;
mod srtp;
#[cfg(test)]
mod testing;
pub mod udp;
pub mod websocket;
#[cfg(feature = "world")]
pub mod world;

pub use call::late::{Kept, Received};
pub use counters::{Count, Counters};
pub use event::{CallStats, CloseCause, Event, LegEvent, LegStats, LossCause};
pub use handle::{Call, CallConfig};
pub use shard::{Shard, ShardConfig};
pub use websocket::{PcmIn, PcmOut};
