//! SQLite: the embedded default, a file beside the server.
//!
//! Is: the pools, their settings, migrations, and the few statements that differ. Isn't: the rest of the statements
//! (`shared/`). **Law:** what was acknowledged is on the disk: the journal drops its copy once a commit here returns.

mod migrations;
#[path = "../shared/mod.rs"]
#[allow(
    clippy::duplicate_mod,
    reason = "one text, compiled against each driver, so that they cannot drift"
)]
mod shared;

use super::error::Kind;
use super::{Error, Result, Scope, within};
use crate::ids::TenantId;
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};
use std::str::FromStr;
use std::time::Duration;

#[cfg(test)]
pub(super) use migrations::ALL as MIGRATIONS;

/// How long another process's write is waited for. Below the deadline of a call, so that the answer is "busy".
const BUSY_TIMEOUT: Duration = Duration::from_secs(3);
/// Between two tries to open a new file while others do.
const BUSY_RETRY: Duration = Duration::from_millis(25);
/// Reads at once. WAL lets them go on beside the writer.
const READERS_MAX: u32 = 4;

/// The store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    /// One connection: SQLite has one writer, so our own writers queue here in order and not on its lock.
    writer: SqlitePool,
    /// Where there is no file to share (`:memory:`), the writer itself.
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens `sqlite:PATH` (made if missing) or `sqlite::memory:`. Does not migrate.
    pub fn open(url: &str) -> Result<Self> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // NORMAL would sync at checkpoints only: a power cut could take commits whose journal file is gone already.
            // The price is one fsync a commit, and the journal commits in batches.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = |connections: u32| {
            PoolOptions::<Sqlite>::new()
                .max_connections(connections)
                .acquire_timeout(super::ACQUIRE_TIMEOUT)
                // A memory database lives as long as its connection.
                .idle_timeout(None)
                .max_lifetime(None)
        };
        let in_memory = url.contains(":memory:") || url.contains("mode=memory");
        let mut writing = pool(1);
        if !in_memory {
            writing = writing.before_acquire(|connection, _| Box::pin(async { Ok(!is_stuck(connection)) }));
        }
        let writer = writing.connect_lazy_with(options.clone());
        let readers = if in_memory {
            writer.clone()
        } else {
            pool(READERS_MAX).connect_lazy_with(options)
        };
        Ok(Self { writer, readers })
    }

    async fn read(&self, _scope: Scope) -> Result<Tx> {
        Ok(self.readers.begin().await?)
    }

    async fn write(&self, _scope: Scope) -> Result<Tx> {
        // At once a writer: a read that became a write would fail at once where another process had written.
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Of several that open a new file at once, the first makes a WAL of it, and to the others SQLite then says "busy" without
    /// any wait. They try again, within the deadline of a call.
    async fn first_write(&self) -> Result<Tx> {
        loop {
            match self.write(Scope::Nobody).await {
                Err(Error::Away(cause)) if cause.kind == Kind::Timeout => tokio::time::sleep(BUSY_RETRY).await,
                other => return other,
            }
        }
    }

    /// SQLite has no row-level security: every statement names its tenant.
    #[expect(clippy::unused_async, reason = "Postgres tells its server")]
    async fn rebind(_tx: &mut Tx, _tenant: TenantId) -> Result<()> {
        Ok(())
    }

    async fn run_migrations(&self) -> Result<()> {
        let mut tx = within(self.first_write()).await?;
        // Within the transaction: a second process waits, then finds nothing to do.
        super::migrator(migrations::ALL)
            .run_direct(None, &mut *tx, false)
            .await
            .map_err(|error| super::of_migration(&error))?;
        tx.commit().await?;
        Ok(())
    }
}

/// On a full disk SQLite ends a transaction by itself; the driver's rollback of it then fails, and it would take the connection
/// for one in a transaction for ever, and begin no other. Such a one is closed, and the next is opened. (A rollback that is
/// merely on its way is done by then: the pool pings before it asks, and a connection does one thing after the other.)
fn is_stuck(connection: &SqliteConnection) -> bool {
    sqlx::Connection::is_in_transaction(connection)
}

// What `shared/` is compiled against.
type Backend = SqliteStore;
type Connection = SqliteConnection;
type Driver = Sqlite;
type Row = sqlx::sqlite::SqliteRow;
type Tx = Transaction<'static, Sqlite>;
/// Prepared statements are kept by the connection.
const PERSISTENT: bool = true;
mod dialect {
    /// SQLite's clock is that of the machine, which all its processes are on: it is not asked for what is known here.
    #[expect(clippy::unused_async, reason = "Postgres asks its server")]
    pub(super) async fn now(_tx: &mut super::Connection) -> super::Result<time::OffsetDateTime> {
        Ok(crate::clock::wall())
    }
    pub(super) const SESSIONS_ADRIFT: &str = "
        SELECT s.tenant_id, s.id AS session_id
        FROM interview_sessions s JOIN positions p ON p.tenant_id = s.tenant_id AND p.id = s.position_id
        WHERE s.ended_at IS NULL
          AND (s.started_at + p.max_minutes * 60000000 < $2
               OR EXISTS (SELECT 1 FROM session_events e
                          WHERE e.tenant_id = s.tenant_id AND e.session_id = s.id AND e.leg = 'session' AND e.what = 'ended'))
          AND NOT EXISTS (SELECT 1 FROM session_leases l JOIN processes o ON o.id = l.process_id
                          WHERE l.tenant_id = s.tenant_id AND l.session_id = s.id AND o.ended_at IS NULL AND o.beat_at > $1)
        ORDER BY s.id LIMIT $3";
    pub(super) const JOBS_DUE: &str = "
        SELECT tenant_id, id FROM jobs WHERE failed_at IS NULL AND due_at <= $1 ORDER BY due_at, id LIMIT $2";
    pub(super) const MEMBERSHIPS: &str = "
        SELECT u.tenant_id, t.name, u.role FROM tenant_users u JOIN tenants t ON t.id = u.tenant_id
        WHERE u.user_id = $1 ORDER BY u.tenant_id";
    pub(super) const NO_TENANT_YET: &str = "SELECT NOT EXISTS (SELECT 1 FROM tenants) AS none_yet";
    pub(super) const INVITATION_BY_TOKEN: &str = "
        SELECT id, tenant_id, candidate_id, position_id, expires_at, revoked_at IS NOT NULL AS is_revoked,
               EXISTS (SELECT 1 FROM interview_sessions s
                       WHERE s.tenant_id = i.tenant_id AND s.invitation_id = i.id AND s.ended_at IS NOT NULL) AS is_over
        FROM interview_invitations i WHERE token_sha256 = $1";
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::store::conformance;
    use std::sync::Arc;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/store.db", folder.path().display());
        conformance::run(|| Arc::new(SqliteStore::open(&url).unwrap())).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_new_file_is_opened_by_several_at_once() {
        for _ in 0..10 {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite:{}/store.db", folder.path().display());
            let opened = (0..8).map(|_| {
                let url = url.clone();
                tokio::spawn(async move { SqliteStore::open(&url).unwrap().run_migrations().await })
            });
            for migrated in futures_util::future::join_all(opened).await {
                migrated.unwrap().unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_memory_database_serves_too() {
        let store: Arc<dyn crate::store::Store> = Arc::new(SqliteStore::open("sqlite::memory:").unwrap());
        store.migrate().await.unwrap();
        store.add_sample().await.unwrap();
        assert!(!store.is_empty().await.unwrap());
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_an_outage_told_without_its_path() {
        let store = SqliteStore::open("sqlite:/nonexistent-secret/x.db").unwrap();
        let error = within(store.read(Scope::Nobody)).await.map(drop).unwrap_err();
        assert!(matches!(error, Error::Away(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
