//! One interview's life.
//!
//! Is: what decides ([`machine`], pure), what drives it (`supervisor`), what callers hold ([`Live`]) and where they find it
//! ([`Sessions`]). Isn't: HTTP, packets (`vivavoce_media`) or the AI service's protocol (`realtime`).

mod adrift;
mod browser;
pub mod fate;
mod late;
pub mod lease;
mod live;
pub mod machine;
mod meaning;
mod record;
mod registry;
mod restore;
mod silence;
mod standing;
mod supervisor;
mod tools;
mod turns;
mod words;

pub use live::{Attach, Attached, Live, Outgoing, Snapshot, WhipStep};
pub use registry::Sessions;

use crate::{
    config,
    ids::SessionId,
    metrics::Metrics,
    realtime::dialect::Dialect,
    store::{Store, journal::Journal},
};
use std::sync::Arc;
use tokio_util::task::TaskTracker;
use vivavoce_media::Shard;
use vivavoce_signaling::resume;

/// Why a session could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is over.
    #[error("the interview is over")]
    Ended,
    /// There is none, or what it needs is gone.
    #[error("there is no such interview")]
    NotFound,
    /// Another page of the candidate's has taken it over, and has it.
    #[error("the interview went on in another tab")]
    Superseded,
    /// The offer cannot be answered.
    #[error("the offer cannot be used: {0}")]
    BadSdp(String),
    /// It lives in another process, to be asked for there.
    #[error("the interview lives at {0}")]
    Elsewhere(String),
    /// Try again.
    #[error("{0}")]
    Unavailable(&'static str),
}

impl Error {
    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::NotFound => "not_found",
            Self::Superseded => "superseded",
            Self::BadSdp(_) => "bad_sdp",
            Self::Elsewhere(_) => "elsewhere",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

/// What every session of the process uses.
#[derive(Clone)]
pub struct Deps {
    /// Where sessions are read from.
    pub store: Arc<dyn Store>,
    /// Where everything is written to.
    pub journal: Journal,
    /// This process, as other processes know it.
    pub holder: Arc<lease::Holder>,
    /// The media threads; a session's call is on one of them.
    pub shards: Arc<[Shard]>,
    /// How the AI is reached.
    pub ai: Arc<config::Ai>,
    /// The AI's protocol.
    pub dialect: Arc<dyn Dialect>,
    /// Bounds.
    pub limits: config::Session,
    /// Signs resume tokens.
    pub resume_keys: resume::Key,
    /// `RTCIceServer[]` for browsers.
    pub ice_servers: serde_json::Value,
    /// The AI is the simulator: candidates are told so.
    pub simulated: bool,
    /// What operators see.
    pub metrics: Metrics,
    /// Hang-ups and the like, which outlive their session for a moment.
    pub tasks: TaskTracker,
}

impl Deps {
    /// Sessions are spread over the shards by id.
    fn shard_for(&self, id: SessionId) -> Option<&Shard> {
        let count = self.shards.len() as u128;
        // the last bits of a UUIDv7 are random
        self.shards
            .get(usize::try_from(id.0.as_u128().checked_rem(count)?).ok()?)
    }
}
