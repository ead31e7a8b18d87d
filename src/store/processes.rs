//! The processes that share a database, and who of them drives which interview, as types.
//!
//! **Law:** who is alive is told by spans of the database's clock; no process compares its own with another's. One time alone
//! is a process's own: when it put a row ([`Hand`]), which is held against the database's time of a taking.

use crate::ids::ProcessId;
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// Rises with each taking of a session's lease: what its holder writes bears it, and what an older one writes of the time
/// after a taking is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Fence(pub i64);

/// Whose hand a row is in: a holder's of the session's lease, and when it was put there, by that one's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hand {
    /// Of the lease it was put under.
    pub fence: Fence,
    /// When it was put.
    #[serde(with = "crate::clock::wire")]
    pub at: OffsetDateTime,
}

/// A process as it introduces itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// New at each start.
    pub id: ProcessId,
    /// The folder whose journal it holds. Two of one node never live at once: the folder's lock sees to it.
    pub node: Uuid,
    /// How browsers reach this very process: an origin.
    pub url: String,
}

/// A process as another sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenProcess {
    /// Which.
    pub id: ProcessId,
    /// How browsers reach it.
    pub url: String,
    /// It takes no more sessions, and gives away those that it has.
    pub is_draining: bool,
    /// Since its last heartbeat.
    pub silent: Duration,
}

/// What asking for a lease came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseTaken {
    /// It is the asker's.
    Yes {
        /// To be borne by everything written.
        fence: Fence,
        /// It was another's, who did not give it back.
        former: Option<Former>,
    },
    /// It is another's, who lives. Where that one is draining, it was told that the lease is wanted.
    No {
        /// Whose.
        owner: SeenProcess,
    },
}

/// Whoever died with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Former {
    /// Known to be over: what it had not stored is stored by now, or is lost. Else it was only silent for long, and what it has
    /// in its journal may still come.
    pub has_ended: bool,
    /// Its last heartbeat, by its own clock, which times what it stored.
    pub alive_until: OffsetDateTime,
}

/// A session's lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Of the last taking.
    pub fence: Fence,
    /// Whose, if anybody's who has a row.
    pub owner: Option<SeenProcess>,
    /// Somebody asks for it.
    pub is_wanted: bool,
}
