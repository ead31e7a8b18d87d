//! A database with the sample data and one interview of the first tenant, and raw SQL on it as whoever one likes.
//!
//! Is: what `tests/store_postgres.rs` stands on. Isn't: the server (`postgres.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's helper")]

use crate::postgres::Server;
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use std::sync::Arc;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;
use vivavoce::ids::{EntryId, InvitationId, SessionId};
use vivavoce::store::sample::{CANDIDATE, POSITION, TENANT};
use vivavoce::store::{Audit, Entry, NewInvitation, SessionEvent, Speaker, Store};

pub const NOW: OffsetDateTime = datetime!(2026-11-24 16:40 UTC);
/// Every table that holds a tenant's rows.
pub const OF_TENANT: [&str; 10] = [
    "tenants",
    "tenant_users",
    "positions",
    "candidates",
    "interview_invitations",
    "interview_sessions",
    "transcript_entries",
    "video_segments",
    "session_events",
    "audit_log",
];

/// A database with the sample, one interview of the first tenant, and a row of it in every table.
pub struct World {
    pub server: Arc<Server>,
    pub url: String,
    pub store: Arc<dyn Store>,
    pub invitation: InvitationId,
    pub session: SessionId,
}

impl World {
    pub async fn new() -> Self {
        let server = Server::shared();
        let url = server.database();
        Self::on(server, url).await
    }

    pub async fn on(server: Arc<Server>, url: String) -> Self {
        let store = vivavoce::store::open(&SecretString::from(url.clone())).unwrap();
        store.migrate().await.unwrap();
        store.add_sample().await.unwrap();
        let new = NewInvitation {
            id: InvitationId::new(),
            candidate: CANDIDATE,
            position: POSITION,
            email: None,
            token_sha256: [7; 32],
            created_at: NOW,
            expires_at: NOW + time::Duration::hours(48),
        };
        let invitation = store.invitation_create(TENANT, &new).await.unwrap().id;
        let session = store.session_open(TENANT, invitation, NOW).await.unwrap().session.id;
        store
            .transcript_put(TENANT, &[entry(session, "said in confidence")])
            .await
            .unwrap();
        let event = SessionEvent {
            id: Uuid::now_v7(),
            at: NOW,
            leg: "ai".into(),
            what: "up".into(),
            cause: "dialled".into(),
        };
        store.session_event(TENANT, session, &event).await.unwrap();
        let audit = Audit {
            at: NOW,
            who: "system".into(),
            what: "tried".into(),
            object: "it".into(),
        };
        store.audit(TENANT, &audit).await.unwrap();
        let world = Self {
            server,
            url,
            store,
            invitation,
            session,
        };
        let mut own = world.as_server(&TENANT.to_string()).await;
        sqlx::query("INSERT INTO video_segments VALUES ($1, $2, $3, 'https://v.example/1', NULL, now(), NULL, 1)")
            .bind(Uuid::now_v7())
            .bind(session.0)
            .bind(TENANT.0)
            .execute(&mut own)
            .await
            .unwrap();
        sqlx::query("COMMIT").execute(&mut own).await.unwrap();
        world
    }

    /// A transaction in the server's role, for a tenant (or for none, where empty).
    pub async fn as_server(&self, tenant: &str) -> PgConnection {
        self.acting(&format!(
            "SET LOCAL ROLE vivavoce_server; SET LOCAL vivavoce.tenant_id = '{tenant}'"
        ))
        .await
    }

    /// A transaction as PostgREST opens it for a signed-in user.
    pub async fn as_user(&self, user: Uuid) -> PgConnection {
        let mut connection = PgConnection::connect(&self.server.as_superuser(&self.url))
            .await
            .unwrap();
        let claims = format!(r#"{{"sub":"{user}","role":"authenticated","user_metadata":{{"tenant_id":"{TENANT}"}}}}"#);
        let opening = format!("BEGIN; SET LOCAL ROLE authenticated; SET LOCAL request.jwt.claims = '{claims}'");
        sqlx::raw_sql(AssertSqlSafe(opening))
            .execute(&mut connection)
            .await
            .unwrap();
        connection
    }

    pub async fn acting(&self, as_whom: &str) -> PgConnection {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("BEGIN; {as_whom}")))
            .execute(&mut connection)
            .await
            .unwrap();
        connection
    }
}

pub async fn count(connection: &mut PgConnection, table: &str) -> sqlx::Result<i64> {
    let row = sqlx::query(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
        .fetch_one(connection)
        .await?;
    row.try_get(0)
}

pub async fn run(connection: &mut PgConnection, statement: &str) -> sqlx::Result<u64> {
    Ok(sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await?
        .rows_affected())
}

pub fn code(error: &sqlx::Error) -> String {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .unwrap_or_default()
        .into_owned()
}

pub fn entry(session: SessionId, text: &str) -> Entry {
    Entry {
        id: EntryId(Uuid::new_v5(&session.0, text.as_bytes())),
        ..Entry::tapped(session, Speaker::Candidate, text, NOW)
    }
}
