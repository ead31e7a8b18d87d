//! Identifiers as types: two that must not be swapped cannot be.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new one: UUIDv7, so that ids made later sort later.
            pub fn new() -> Self { Self(Uuid::now_v7()) }
        }
        impl Default for $name { fn default() -> Self { Self::new() } }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> { s.parse().map(Self) }
        }
    )+};
}

id! {
    /// A customer: a company that interviews.
    TenantId,
    /// A job that is interviewed for.
    PositionId,
    /// A person who is interviewed.
    CandidateId,
    /// One invitation of one candidate to one position.
    InvitationId,
    /// One interview.
    SessionId,
    /// One row of the transcript.
    EntryId,
    /// Somebody who signs in with us.
    AccountId,
    /// One piece of work that outlives a request.
    JobId,
    /// One run of the server: new at each start.
    ProcessId,
}
