//! What is kept, and the one trait behind which SQLite and Postgres keep it.
//!
//! Is: the operations the product needs, in its own words. Isn't: SQL (see `sqlite/`, `postgres/`) or policy.
//! **Law:** every call names the tenant it acts for; another tenant's row is absent by the same query path as a row that
//! does not exist. Writes are idempotent: said twice, stored once.

pub mod model;

pub use model::*;

use crate::ids::{CandidateId, InvitationId, PositionId, SessionId, TenantId};
use async_trait::async_trait;
use time::OffsetDateTime;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, or did not answer in time. Trying again later may help.
    #[error("the database is away: {0}")]
    Away(#[source] sqlx::Error),
    /// The database answered, and refused.
    #[error("the database refused: {0}")]
    Refused(#[source] sqlx::Error),
    /// A row was read that this version does not understand.
    #[error("a stored value is not understood: {0}")]
    Corrupt(String),
    /// Migration failed or was refused.
    #[error("migration: {0}")]
    Migration(String),
    /// The row exists already under another meaning (a unique value taken).
    #[error("conflict: {0}")]
    Conflict(&'static str),
}

/// Result of a store call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that is kept. One conformance suite (`store/conformance.rs`) holds both implementations to this text.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Runs the numbered migrations that are missing. Safe to call by several processes at once.
    async fn migrate(&self) -> Result<()>;
    /// Adds the sample data of SPEC.md (fixed ids); refuses (`Conflict`) a database that already has a tenant.
    async fn add_sample(&self) -> Result<()>;
    /// True if there is no tenant yet.
    async fn is_empty(&self) -> Result<bool>;
    /// A round trip, for `readyz`.
    async fn ping(&self) -> Result<()>;

    /// The tenant itself.
    async fn tenant(&self, tenant: TenantId) -> Result<Option<Tenant>>;
    /// A position of the tenant.
    async fn position(&self, tenant: TenantId, id: PositionId) -> Result<Option<Position>>;
    /// A candidate of the tenant.
    async fn candidate(&self, tenant: TenantId, id: CandidateId) -> Result<Option<Candidate>>;

    /// Stores a new invitation. Only the token's SHA-256 is kept.
    async fn invitation_create(&self, tenant: TenantId, new: &NewInvitation) -> Result<Invitation>;
    /// An invitation of the tenant.
    async fn invitation(&self, tenant: TenantId, id: InvitationId) -> Result<Option<Invitation>>;
    /// The invitation that a token opens, in whichever tenant: the one question asked before a tenant is known.
    async fn invitation_by_token(&self, token_sha256: &[u8; 32]) -> Result<Option<Invitation>>;
    /// Notes a redemption and leaves an audit row.
    async fn invitation_redeemed(&self, tenant: TenantId, id: InvitationId, at: OffsetDateTime) -> Result<()>;

    /// The session of an invitation: made if there is none that is not over (`created`), else the one that is there.
    async fn session_open(
        &self,
        tenant: TenantId,
        invitation: InvitationId,
        at: OffsetDateTime,
    ) -> Result<SessionOpened>;
    /// A session of the tenant.
    async fn session(&self, tenant: TenantId, id: SessionId) -> Result<Option<Session>>;
    /// Sessions of the tenant, newest first, after a cursor.
    async fn sessions(&self, tenant: TenantId, limit: u32, after: Option<SessionId>) -> Result<Vec<Session>>;
    /// A step of a session's life. Steps never go backwards: one that would is ignored (answers false).
    async fn session_step(&self, tenant: TenantId, id: SessionId, step: &SessionStep) -> Result<bool>;
    /// A transition of a leg, or anything else an operator will ask about later.
    async fn session_event(&self, tenant: TenantId, id: SessionId, event: &SessionEvent) -> Result<()>;
    /// What happened, oldest first.
    async fn session_events(&self, tenant: TenantId, id: SessionId) -> Result<Vec<SessionEvent>>;
    /// Consent given or withheld, with the version of its words.
    async fn consent(&self, tenant: TenantId, id: SessionId, consent: &Consent) -> Result<()>;

    /// Stores entries of the tap: a new id is inserted, a known id is replaced if `revision` is higher, else left.
    async fn transcript_put(&self, tenant: TenantId, entries: &[Entry]) -> Result<()>;
    /// The transcript in conversation order (`sequence_number`, then content index). Reported ones only where asked for.
    async fn transcript(&self, tenant: TenantId, session: SessionId, with_reported: bool) -> Result<Vec<Entry>>;

    /// The kept answer to an `Idempotency-Key` of this caller and route, or a claim on it.
    async fn idempotency_begin(&self, key: &IdempotencyKey, at: OffsetDateTime) -> Result<Idempotency>;
    /// Keeps the answer for 24 h. `answer: None` releases the claim (the request failed in a way that may be retried).
    async fn idempotency_end(&self, key: &IdempotencyKey, answer: Option<&KeptAnswer>) -> Result<()>;

    /// Leaves an audit row.
    async fn audit(&self, tenant: TenantId, row: &Audit) -> Result<()>;
}
