//! The trait's words as statements: one text, compiled once against each driver.
//!
//! Is: every call of [`Store`], on a transaction that the driver's module opened for one tenant. Isn't: how a
//! transaction is opened, how migrations run, what differs between the two (`sqlite/mod.rs`, `postgres/mod.rs` give
//! `Backend`, `Connection`, `Row`, `Tx`, `Driver`, `PERSISTENT` and the statements of `dialect`).
//! **Law:** one text, so that the two cannot drift; each statement names its tenant itself, and does not lean on
//! row-level security alone.

/// One call: a transaction in a scope, a body, a commit, a deadline.
macro_rules! read {
    ($store:ident, $scope:expr, |$tx:ident| $body:expr) => {
        within(async {
            let mut tx = $store.read($scope).await?;
            let $tx: &mut Connection = &mut tx;
            let answer = $body.await?;
            tx.commit().await?;
            Ok(answer)
        })
        .await
    };
}
macro_rules! write {
    ($store:ident, $scope:expr, |$tx:ident| $body:expr) => {
        within(async {
            let mut tx: Tx = $store.write($scope).await?;
            let $tx: &mut Connection = &mut tx;
            let answer = $body.await?;
            tx.commit().await?;
            Ok(answer)
        })
        .await
    };
}

mod invitations;
mod jobs;
mod kept;
mod people;
mod processes;
mod rows;
mod sample;
mod sessions;
mod sign_in;
mod transcript;

use super::{Backend, Connection, Driver, PERSISTENT, Row, Tx, dialect};
use crate::ids::{InvitationId, ProcessId, SessionId, TenantId};
use crate::store::{
    Audit, Consent, Entry, Error, Fence, Hand, Idempotency, IdempotencyKey, Invitation, KeptAnswer, Lease, LeaseTaken,
    ListedInvitation, NewInvitation, Process, Renewal, Renewed, Result, Scope, SeenProcess, Session, SessionEvent,
    SessionOpened, SessionStep, Store, within,
};
use async_trait::async_trait;
use sqlx::query::Query;
use std::time::Duration;
use time::OffsetDateTime;

/// A statement. Postgres' poolers in transaction mode forbid named ones (PLATFORMS.md), hence `PERSISTENT`.
fn ask(sql: &'static str) -> Query<'static, Driver, <Driver as sqlx::Database>::Arguments> {
    sqlx::query(sql).persistent(PERSISTENT)
}

/// A violated foreign key says that `what` is not there, for this tenant.
fn missing(what: &'static str) -> impl Fn(sqlx::Error) -> Error {
    move |error| match &error {
        sqlx::Error::Database(database) if database.is_foreign_key_violation() => Error::Missing(what),
        _ => Error::from(error),
    }
}

/// Text that both databases take: Postgres has no NUL in text, and words said are not refused for it.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[async_trait]
impl Store for Backend {
    async fn migrate(&self) -> Result<()> {
        self.run_migrations().await
    }
    async fn add_sample(&self) -> Result<()> {
        within(sample::add(self)).await
    }
    async fn is_empty(&self) -> Result<bool> {
        read!(self, Scope::Nobody, |tx| people::none_yet(tx))
    }
    async fn ping(&self) -> Result<()> {
        read!(self, Scope::Nobody, |tx| people::ping(tx))
    }
    async fn invitation_create(&self, tenant: TenantId, new: &NewInvitation) -> Result<Invitation> {
        write!(self, Scope::Tenant(tenant), |tx| invitations::create(tx, tenant, new))
    }
    async fn invitation(&self, tenant: TenantId, id: InvitationId) -> Result<Option<Invitation>> {
        read!(self, Scope::Tenant(tenant), |tx| invitations::one(tx, tenant, id))
    }
    async fn invitation_by_token(&self, token_sha256: &[u8; 32]) -> Result<Option<Invitation>> {
        read!(self, Scope::Nobody, |tx| invitations::by_token(tx, token_sha256))
    }
    async fn invitations(
        &self,
        tenant: TenantId,
        limit: u32,
        after: Option<InvitationId>,
    ) -> Result<Vec<ListedInvitation>> {
        read!(self, Scope::Tenant(tenant), |tx| invitations::page(
            tx, tenant, limit, after
        ))
    }
    async fn invitation_revoke(&self, tenant: TenantId, id: InvitationId, at: OffsetDateTime) -> Result<Invitation> {
        write!(self, Scope::Tenant(tenant), |tx| invitations::revoke(
            tx, tenant, id, at
        ))
    }
    async fn invitation_renew(&self, tenant: TenantId, id: InvitationId, renewal: &Renewal) -> Result<Renewed> {
        write!(self, Scope::Tenant(tenant), |tx| invitations::renew(
            tx, tenant, id, renewal
        ))
    }
    async fn invitation_redeemed(&self, tenant: TenantId, id: InvitationId, at: OffsetDateTime) -> Result<()> {
        write!(self, Scope::Tenant(tenant), |tx| invitations::redeemed(
            tx, tenant, id, at
        ))
    }
    async fn session_open(
        &self,
        tenant: TenantId,
        invitation: InvitationId,
        at: OffsetDateTime,
    ) -> Result<SessionOpened> {
        write!(self, Scope::Tenant(tenant), |tx| sessions::open(
            tx, tenant, invitation, at
        ))
    }
    async fn session(&self, tenant: TenantId, id: SessionId) -> Result<Option<Session>> {
        read!(self, Scope::Tenant(tenant), |tx| sessions::one(tx, tenant, id))
    }
    async fn session_of(&self, tenant: TenantId, invitation: InvitationId) -> Result<Option<Session>> {
        read!(self, Scope::Tenant(tenant), |tx| sessions::of(tx, tenant, invitation))
    }
    async fn sessions(&self, tenant: TenantId, limit: u32, after: Option<SessionId>) -> Result<Vec<Session>> {
        read!(self, Scope::Tenant(tenant), |tx| sessions::page(
            tx, tenant, limit, after
        ))
    }
    async fn session_step(&self, tenant: TenantId, id: SessionId, step: &SessionStep) -> Result<bool> {
        write!(self, Scope::Tenant(tenant), |tx| sessions::step(tx, tenant, id, step))
    }
    async fn session_event(&self, tenant: TenantId, id: SessionId, event: &SessionEvent) -> Result<()> {
        write!(self, Scope::Tenant(tenant), |tx| sessions::event(tx, tenant, id, event))
    }
    async fn lease_covers(&self, tenant: TenantId, id: SessionId, hand: Hand) -> Result<bool> {
        read!(self, Scope::Tenant(tenant), |tx| processes::covers(
            tx, tenant, id, hand
        ))
    }
    async fn session_events(&self, tenant: TenantId, id: SessionId) -> Result<Vec<SessionEvent>> {
        read!(self, Scope::Tenant(tenant), |tx| sessions::events(tx, tenant, id))
    }
    async fn consent(&self, tenant: TenantId, id: SessionId, consent: &Consent) -> Result<()> {
        write!(self, Scope::Tenant(tenant), |tx| sessions::consent(
            tx, tenant, id, consent
        ))
    }
    async fn consent_of(&self, tenant: TenantId, id: SessionId) -> Result<Option<Consent>> {
        read!(self, Scope::Tenant(tenant), |tx| sessions::consent_of(tx, tenant, id))
    }
    async fn transcript_put(&self, tenant: TenantId, entries: &[Entry]) -> Result<()> {
        write!(self, Scope::Tenant(tenant), |tx| transcript::put(tx, tenant, entries))
    }
    async fn transcript_put_held(&self, tenant: TenantId, entries: &[(Hand, Entry)]) -> Result<usize> {
        write!(self, Scope::Tenant(tenant), |tx| transcript::put_held(
            tx, tenant, entries
        ))
    }
    async fn transcript(&self, tenant: TenantId, session: SessionId, with_reported: bool) -> Result<Vec<Entry>> {
        read!(self, Scope::Tenant(tenant), |tx| transcript::read(
            tx,
            tenant,
            session,
            with_reported
        ))
    }
    async fn process_begin(&self, process: &Process, at: OffsetDateTime) -> Result<()> {
        write!(self, Scope::Nobody, |tx| processes::begin(tx, process, at))
    }
    async fn process_beat(&self, id: ProcessId, is_draining: bool, at: OffsetDateTime) -> Result<Option<i64>> {
        write!(self, Scope::Nobody, |tx| processes::beat(tx, id, is_draining, at))
    }
    async fn process_end(&self, id: ProcessId) -> Result<()> {
        write!(self, Scope::Nobody, |tx| processes::end(tx, id))
    }
    async fn processes(&self, within_last: Duration) -> Result<Vec<SeenProcess>> {
        read!(self, Scope::Nobody, |tx| processes::living(tx, within_last))
    }
    async fn lease_take(
        &self,
        tenant: TenantId,
        id: SessionId,
        by: ProcessId,
        dead_after: Duration,
    ) -> Result<LeaseTaken> {
        write!(self, Scope::Tenant(tenant), |tx| processes::take(
            tx, tenant, id, by, dead_after
        ))
    }
    async fn lease(&self, tenant: TenantId, id: SessionId) -> Result<Option<Lease>> {
        read!(self, Scope::Tenant(tenant), |tx| processes::lease(tx, tenant, id))
    }
    async fn lease_release(&self, tenant: TenantId, id: SessionId, fence: Fence) -> Result<bool> {
        write!(self, Scope::Tenant(tenant), |tx| processes::release(
            tx, tenant, id, fence
        ))
    }
    async fn lease_poke(&self, tenant: TenantId, id: SessionId) -> Result<()> {
        write!(self, Scope::Tenant(tenant), |tx| processes::poke_owner(tx, tenant, id))
    }
    async fn sessions_adrift(
        &self,
        dead_after: Duration,
        overdue_by: Duration,
        most: u32,
    ) -> Result<Vec<(TenantId, SessionId)>> {
        read!(self, Scope::Nobody, |tx| processes::adrift(
            tx, dead_after, overdue_by, most
        ))
    }
    async fn idempotency_begin(&self, key: &IdempotencyKey, at: OffsetDateTime) -> Result<Idempotency> {
        write!(self, Scope::Nobody, |tx| kept::begin(tx, key, at))
    }
    async fn idempotency_end(&self, key: &IdempotencyKey, answer: Option<&KeptAnswer>) -> Result<()> {
        write!(self, Scope::Nobody, |tx| kept::end(tx, key, answer))
    }
    async fn audit(&self, tenant: TenantId, row: &Audit) -> Result<()> {
        write!(self, Scope::Tenant(tenant), |tx| kept::audit(tx, tenant, row))
    }
    async fn audit_log(&self, tenant: TenantId, limit: u32) -> Result<Vec<Audit>> {
        read!(self, Scope::Tenant(tenant), |tx| kept::audit_log(tx, tenant, limit))
    }
}
