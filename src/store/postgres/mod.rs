//! Postgres: the database of production, plain or Supabase's, with row-level security beneath every statement.
//!
//! Is: the pool, the transaction that takes the server's role for one tenant, migrations, the statements that differ.
//! Isn't: the rest of the statements (`shared/`). **Law:** no statement of a call runs as the login role: each
//! transaction opens as `vivavoce_server`, bound to one tenant or to none, and what it cannot see it cannot leak.
//!
//! Works through a pooler in transaction mode: nothing is set beyond a transaction, no statement is named, and nothing is
//! asked of the server at connecting. Migrations take an advisory lock and want a direct or session connection.

mod migrations;
#[path = "../shared/mod.rs"]
#[allow(
    clippy::duplicate_mod,
    reason = "one text, compiled against each driver, so that they cannot drift"
)]
mod shared;

use super::{Error, Result, Scope};
use crate::ids::TenantId;
use sqlx::pool::PoolOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, Postgres, Transaction};
use std::str::FromStr;
use std::time::Duration;

#[cfg(test)]
pub(super) use migrations::ALL as MIGRATIONS;

/// Connections at most. A call holds one for a few milliseconds.
const CONNECTIONS_MAX: u32 = 10;
/// The server breaks a statement off after this; below the deadline of a call, so that the server's answer comes first.
const STATEMENT_TIMEOUT_MS: u32 = 5_000;
/// How long migrations may take, waiting for another process's included.
const MIGRATE_TIMEOUT: Duration = Duration::from_mins(2);

/// The store in a Postgres database.
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    options: PgConnectOptions,
}

impl PostgresStore {
    /// Takes `postgres://…`. Connects when first asked; does not migrate.
    pub fn open(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)?
            .application_name("vivavoce")
            .statement_cache_capacity(0)
            .extra_float_digits(None);
        let pool = PoolOptions::<Postgres>::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(super::ACQUIRE_TIMEOUT)
            .connect_lazy_with(options.clone());
        Ok(Self { pool, options })
    }

    async fn begin(&self, scope: Scope, access: &'static str) -> Result<Tx> {
        let tenant = match scope {
            Scope::Tenant(tenant) => tenant.to_string(),
            Scope::Nobody => String::new(),
        };
        // One round trip. What is formatted is a UUID's own text, a constant, and a number.
        let opening = format!(
            "BEGIN {access}; SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}; SET LOCAL ROLE vivavoce_server; \
             SET LOCAL search_path = public, pg_temp; SET LOCAL vivavoce.tenant_id = '{tenant}'"
        );
        Ok(self.pool.begin_with(AssertSqlSafe(opening)).await?)
    }

    async fn read(&self, scope: Scope) -> Result<Tx> {
        self.begin(scope, "READ ONLY").await
    }

    async fn write(&self, scope: Scope) -> Result<Tx> {
        self.begin(scope, "READ WRITE").await
    }

    /// Turns a transaction to another tenant: the sample data alone fill two.
    async fn rebind(tx: &mut Tx, tenant: TenantId) -> Result<()> {
        sqlx::query("SELECT set_config('vivavoce.tenant_id', $1, true)")
            .persistent(PERSISTENT)
            .bind(tenant.to_string())
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    async fn run_migrations(&self) -> Result<()> {
        let run = async {
            // A connection of its own: an advisory lock belongs to a connection, and a pool would keep it.
            let mut connection = PgConnection::connect_with(&self.options).await?;
            let mut migrator = super::migrator(migrations::ALL);
            // Out of PostgREST's sight, and so out of the reach of Supabase's default grants.
            migrator.dangerous_set_table_name("vivavoce.migrations");
            migrator.create_schema("vivavoce");
            let done = migrator.run_direct(None, &mut connection, false).await;
            // Closed before the answer is looked at: a lock left by a failure goes with it.
            connection.close().await?;
            done.map_err(|error| super::of_migration(&error))
        };
        match tokio::time::timeout(MIGRATE_TIMEOUT, run).await {
            Ok(done) => done,
            Err(_) => Err(Error::Migration(
                "another process holds the lock, or the database does not answer".into(),
            )),
        }
    }
}

// What `shared/` is compiled against.
type Backend = PostgresStore;
type Connection = PgConnection;
type Driver = Postgres;
type Row = sqlx::postgres::PgRow;
type Tx = Transaction<'static, Postgres>;
/// Named statements do not survive a pooler in transaction mode.
const PERSISTENT: bool = false;
mod dialect {
    pub(super) async fn now(tx: &mut super::Connection) -> super::Result<time::OffsetDateTime> {
        let asked = sqlx::query_scalar("SELECT clock_timestamp()").persistent(super::PERSISTENT);
        Ok(asked.fetch_one(tx).await?)
    }
    pub(super) const SESSIONS_ADRIFT: &str = "SELECT * FROM vivavoce.sessions_adrift($1, $2, $3)";
    pub(super) const JOBS_DUE: &str = "SELECT * FROM vivavoce.jobs_due($1, $2)";
    pub(super) const MEMBERSHIPS: &str = "SELECT * FROM vivavoce.memberships($1)";
    pub(super) const NO_TENANT_YET: &str = "SELECT vivavoce.no_tenant_yet() AS none_yet";
    pub(super) const INVITATION_BY_TOKEN: &str = "SELECT * FROM vivavoce.invitation_by_token($1)";
}

#[cfg(test)]
#[path = "../../../tests/support/postgres.rs"]
mod server;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::server::Server;
    use super::*;
    use crate::store::conformance;
    use std::sync::Arc;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn keeps_the_contract() {
        let server = Server::shared();
        let url = server.database();
        conformance::run(|| Arc::new(PostgresStore::open(&url).unwrap())).await;
    }
}
