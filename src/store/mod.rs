//! What is kept, and the one trait behind which SQLite and Postgres keep it.
//!
//! Is: the operations the product needs, in its own words. Isn't: SQL (see `sqlite/`, `postgres/`) or policy.
//! **Law:** every call names the tenant it acts for; another tenant's row is absent by the same query path as a row that
//! does not exist. Writes are idempotent: said twice, stored once.

mod column;
#[cfg(test)]
mod conformance;
mod error;
mod jobs;
pub mod journal;
pub mod model;
mod people;
pub mod postgres;
mod processes;
pub mod sample;
mod sign_in;
pub mod sqlite;

pub use error::{Cause, Error, Kind};
pub use jobs::{JobEnd, Jobs, TakenJob};
pub use model::*;
pub use people::People;
pub use processes::*;
pub use sign_in::*;

use crate::ids::{InvitationId, ProcessId, SessionId, TenantId};
use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use std::{cell::Cell, future::Future, sync::Arc, time::Duration};
use time::OffsetDateTime;

/// Result of a store call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Opens the store that `url` names: `sqlite:PATH` or `postgres://…`. Connects when first asked, so that a server starts
/// while its database is away.
pub fn open(url: &SecretString) -> Result<Arc<dyn Store>> {
    let url = url.expose_secret();
    if url.starts_with("sqlite:") {
        Ok(Arc::new(sqlite::SqliteStore::open(url)?))
    } else {
        Ok(Arc::new(postgres::PostgresStore::open(url)?))
    }
}

/// Everything that is kept. One conformance suite (`store/conformance.rs`) holds both implementations to this text.
#[async_trait]
pub trait Store: People + Jobs + SignIn {
    /// Runs the numbered migrations that are missing. Safe to call by several processes at once.
    async fn migrate(&self) -> Result<()>;
    /// Adds the sample data of SPEC.md (fixed ids); refuses (`Conflict`) a database that already has a tenant.
    async fn add_sample(&self) -> Result<()>;
    /// True if there is no tenant yet.
    async fn is_empty(&self) -> Result<bool>;
    /// A round trip, for `readyz`.
    async fn ping(&self) -> Result<()>;

    /// Stores a new invitation. Only the token's SHA-256 is kept.
    async fn invitation_create(&self, tenant: TenantId, new: &NewInvitation) -> Result<Invitation>;
    /// An invitation of the tenant.
    async fn invitation(&self, tenant: TenantId, id: InvitationId) -> Result<Option<Invitation>>;
    /// The invitation that a token opens, in whichever tenant: the one question asked before a tenant is known.
    async fn invitation_by_token(&self, token_sha256: &[u8; 32]) -> Result<Option<Invitation>>;
    /// Invitations of the tenant, newest first, after a cursor.
    async fn invitations(
        &self,
        tenant: TenantId,
        limit: u32,
        after: Option<InvitationId>,
    ) -> Result<Vec<ListedInvitation>>;
    /// Takes an invitation back and answers it; one that was taken back stays as it is. Its interview is over: `Conflict`.
    async fn invitation_revoke(&self, tenant: TenantId, id: InvitationId, at: OffsetDateTime) -> Result<Invitation>;
    /// Gives an invitation another token in place of the one it had, and another time. Taken back, or its interview over:
    /// `Conflict`.
    async fn invitation_renew(&self, tenant: TenantId, id: InvitationId, renewal: &Renewal) -> Result<Renewed>;
    /// Notes a redemption and leaves an audit row.
    async fn invitation_redeemed(&self, tenant: TenantId, id: InvitationId, at: OffsetDateTime) -> Result<()>;

    /// The session of an invitation: made if there is none (`created`), else the one that is there. An invitation has one
    /// session in its life: where that is over, or the invitation revoked, `Conflict`.
    async fn session_open(
        &self,
        tenant: TenantId,
        invitation: InvitationId,
        at: OffsetDateTime,
    ) -> Result<SessionOpened>;
    /// A session of the tenant.
    async fn session(&self, tenant: TenantId, id: SessionId) -> Result<Option<Session>>;
    /// The session of an invitation, over or not.
    async fn session_of(&self, tenant: TenantId, invitation: InvitationId) -> Result<Option<Session>>;
    /// Sessions of the tenant, newest first, after a cursor.
    async fn sessions(&self, tenant: TenantId, limit: u32, after: Option<SessionId>) -> Result<Vec<Session>>;
    /// A step of a session's life. Steps never go backwards: one that would is ignored (answers false), such as a leg's
    /// step older than the last one known, or any after the end. The first end stays; of a later one only a recording's
    /// address is kept, where there was none.
    async fn session_step(&self, tenant: TenantId, id: SessionId, step: &SessionStep) -> Result<bool>;
    /// A transition of a leg, or anything else an operator will ask about later.
    async fn session_event(&self, tenant: TenantId, id: SessionId, event: &SessionEvent) -> Result<()>;
    /// Whether what was put by this hand is still to be stored: true unless another had taken the session's lease by then.
    async fn lease_covers(&self, tenant: TenantId, id: SessionId, hand: Hand) -> Result<bool>;
    /// What happened, oldest first.
    async fn session_events(&self, tenant: TenantId, id: SessionId) -> Result<Vec<SessionEvent>>;
    /// Consent given or withheld, with the version of its words.
    async fn consent(&self, tenant: TenantId, id: SessionId, consent: &Consent) -> Result<()>;
    /// Consent as last said; None if nobody was asked yet.
    async fn consent_of(&self, tenant: TenantId, id: SessionId) -> Result<Option<Consent>>;

    /// Stores entries of the tap: a new id is inserted, a known id is replaced if `revision` is higher, else left.
    async fn transcript_put(&self, tenant: TenantId, entries: &[Entry]) -> Result<()>;
    /// The same for entries that a holder of their session's lease put. What a former holder put before the newest taking is
    /// stored whenever it comes; what it put later is refused. Answers how many were.
    async fn transcript_put_held(&self, tenant: TenantId, entries: &[(Hand, Entry)]) -> Result<usize>;
    /// The transcript in conversation order (`sequence_number`, then content index). Reported ones only where asked for.
    async fn transcript(&self, tenant: TenantId, session: SessionId, with_reported: bool) -> Result<Vec<Entry>>;

    /// A process is there, and a former one of its node is over: its leases are free at once. `at`: by its own clock.
    async fn process_begin(&self, process: &Process, at: OffsetDateTime) -> Result<()>;
    /// Its heartbeat. Answers how often it was poked: a count that has risen says that a lease of its was taken or is
    /// wanted, or that a session of its was ended by another. None: it has no row (any more) and must begin again.
    async fn process_beat(&self, id: ProcessId, is_draining: bool, at: OffsetDateTime) -> Result<Option<i64>>;
    /// It ends in good order: its leases are free at once.
    async fn process_end(&self, id: ProcessId) -> Result<()>;
    /// The processes that were heard of within that time, the last first.
    async fn processes(&self, within: Duration) -> Result<Vec<SeenProcess>>;
    /// Asks for a session's lease. Given where it is free, the asker's already, or its owner's who has been silent for
    /// `dead_after`; the former owner is poked. A draining owner is told that it is wanted.
    async fn lease_take(
        &self,
        tenant: TenantId,
        id: SessionId,
        by: ProcessId,
        dead_after: Duration,
    ) -> Result<LeaseTaken>;
    /// A session's lease; None if nobody ever had one.
    async fn lease(&self, tenant: TenantId, id: SessionId) -> Result<Option<Lease>>;
    /// Gives it back. False: it was not of this fence any more.
    async fn lease_release(&self, tenant: TenantId, id: SessionId, fence: Fence) -> Result<bool>;
    /// Pokes whoever has the lease: something about the session has changed.
    async fn lease_poke(&self, tenant: TenantId, id: SessionId) -> Result<()>;
    /// Sessions of all tenants that no process drives (none that was heard of within `dead_after`) and that have no end in
    /// the store, though their events tell of one, or their time was over that long ago. The oldest first, at most `most`.
    async fn sessions_adrift(
        &self,
        dead_after: Duration,
        overdue_by: Duration,
        most: u32,
    ) -> Result<Vec<(TenantId, SessionId)>>;

    /// The kept answer to an `Idempotency-Key` of this caller and route, or a claim on it.
    async fn idempotency_begin(&self, key: &IdempotencyKey, at: OffsetDateTime) -> Result<Idempotency>;
    /// Keeps the answer for 24 h. `answer: None` releases the claim (the request failed in a way that may be retried).
    async fn idempotency_end(&self, key: &IdempotencyKey, answer: Option<&KeptAnswer>) -> Result<()>;

    /// Leaves an audit row.
    async fn audit(&self, tenant: TenantId, row: &Audit) -> Result<()>;
    /// The newest audit rows, newest first.
    async fn audit_log(&self, tenant: TenantId, limit: u32) -> Result<Vec<Audit>>;
}

/// For whom a transaction acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// One tenant, and nothing else is in sight.
    Tenant(TenantId),
    /// No tenant is known yet: what is nobody's, and the functions that answer before one is known.
    Nobody,
}

/// How long a connection is waited for.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(4);
/// Deadline of a whole call, waiting for a connection included.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

/// Calls that this thread's tasks wait for: who drives a clock of its own lets no time pass meanwhile.
pub fn calls_in_flight() -> usize {
    CALLS.get()
}

/// One of them, while it lives.
struct InFlight;

impl InFlight {
    fn begin() -> Self {
        CALLS.set(CALLS.get() + 1);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // one that went from thread to thread is another's
        CALLS.set(CALLS.get().saturating_sub(1));
    }
}

/// A call with its deadline. What is dropped in the midst is rolled back.
async fn within<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    let _in_flight = InFlight::begin();
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::Away(Cause::timeout())),
    }
}

/// Two versions run during a deploy: migrations that this one does not know are the next one's, and are let be.
fn migrator(all: &'static [(i64, &'static str, &'static str)]) -> Migrator {
    let mut migrator = Migrator::with_migrations(
        all.iter()
            .map(|(number, name, text)| {
                Migration::new(
                    *number,
                    (*name).into(),
                    MigrationType::Simple,
                    (*text).into_sql_str(),
                    false,
                )
            })
            .collect(),
    );
    migrator.set_ignore_missing(true);
    migrator
}

/// What went wrong with a migration. Its text is ours and holds nobody's data, so the database may say why.
fn of_migration(error: &MigrateError) -> Error {
    match error {
        MigrateError::Execute(sqlx::Error::Io(io)) => Error::Migration(format!("connection: {}", io.kind())),
        other => Error::Migration(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn migrations_are_numbered_alike_and_all_listed() {
        let listed = |all: &[(i64, &str, &str)]| -> Vec<(i64, String)> {
            all.iter()
                .map(|(number, name, _)| (*number, (*name).to_owned()))
                .collect()
        };
        let (sqlite, postgres) = (listed(sqlite::MIGRATIONS), listed(postgres::MIGRATIONS));
        assert_eq!(sqlite, postgres);
        assert!(
            sqlite
                .iter()
                .zip(1..)
                .all(|((number, _), expected)| *number == expected)
        );
        for folder in ["sqlite", "postgres"] {
            let path = format!("{}/migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
            let found: BTreeSet<String> = std::fs::read_dir(path)
                .unwrap()
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            let expected: BTreeSet<String> = sqlite
                .iter()
                .map(|(number, name)| format!("{number:04}_{name}.sql"))
                .collect();
            assert_eq!(found, expected, "{folder}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_hangs_is_an_outage() {
        let answer: Result<()> = within(std::future::pending()).await;
        assert!(matches!(
            answer,
            Err(Error::Away(Cause {
                kind: Kind::Timeout,
                ..
            }))
        ));
    }
}
