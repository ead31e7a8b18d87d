//! Tenants, positions, candidates.

use super::{Backend, Connection, Tx, ask, clean, dialect, rows};
use crate::ids::{CandidateId, PositionId, TenantId};
use crate::store::column::{At, Id};
use crate::store::{Candidate, CandidatePatch, Error, People, Position, PositionPatch, Result, Scope, Tenant, within};
use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

#[async_trait]
impl People for Backend {
    async fn tenant(&self, tenant: TenantId) -> Result<Option<Tenant>> {
        read!(self, Scope::Tenant(tenant), |tx| the_tenant(tx, tenant))
    }
    async fn position_create(&self, tenant: TenantId, position: &Position, at: OffsetDateTime) -> Result<()> {
        write!(self, Scope::Tenant(tenant), |tx| new_position(tx, tenant, position, at))
    }
    async fn position(&self, tenant: TenantId, id: PositionId) -> Result<Option<Position>> {
        read!(self, Scope::Tenant(tenant), |tx| one_position(tx, tenant, id))
    }
    async fn positions(&self, tenant: TenantId, limit: u32, after: Option<PositionId>) -> Result<Vec<Position>> {
        read!(self, Scope::Tenant(tenant), |tx| page_of_positions(
            tx, tenant, limit, after
        ))
    }
    async fn position_change(
        &self,
        tenant: TenantId,
        id: PositionId,
        patch: &PositionPatch,
    ) -> Result<Option<Position>> {
        write!(self, Scope::Tenant(tenant), |tx| change_position(tx, tenant, id, patch))
    }
    async fn candidate_create(&self, tenant: TenantId, candidate: &Candidate, at: OffsetDateTime) -> Result<()> {
        write!(self, Scope::Tenant(tenant), |tx| new_candidate(
            tx, tenant, candidate, at
        ))
    }
    async fn candidate(&self, tenant: TenantId, id: CandidateId) -> Result<Option<Candidate>> {
        read!(self, Scope::Tenant(tenant), |tx| one_candidate(tx, tenant, id))
    }
    async fn candidates(&self, tenant: TenantId, limit: u32, after: Option<CandidateId>) -> Result<Vec<Candidate>> {
        read!(self, Scope::Tenant(tenant), |tx| page_of_candidates(
            tx, tenant, limit, after
        ))
    }
    async fn candidate_change(
        &self,
        tenant: TenantId,
        id: CandidateId,
        patch: &CandidatePatch,
    ) -> Result<Option<Candidate>> {
        write!(self, Scope::Tenant(tenant), |tx| change_candidate(
            tx, tenant, id, patch
        ))
    }
}

/// A macro, so that statements stay literals: sqlx takes no others without an oath.
macro_rules! select_position {
    ($rest:literal) => {
        concat!(
            "SELECT id, title, description, language, voice, CAST(max_minutes AS bigint) AS max_minutes, plan, instructions
             FROM positions ",
            $rest
        )
    };
}

pub(super) async fn ping(tx: &mut Connection) -> Result<()> {
    ask("SELECT 1").execute(tx).await?;
    Ok(())
}

pub(super) async fn none_yet(tx: &mut Connection) -> Result<bool> {
    Ok(ask(dialect::NO_TENANT_YET).fetch_one(tx).await?.try_get("none_yet")?)
}

async fn the_tenant(tx: &mut Connection, tenant: TenantId) -> Result<Option<Tenant>> {
    let row = ask("SELECT id, name FROM tenants WHERE id = $1")
        .bind(Id(tenant.0))
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(rows::tenant).transpose()
}

pub(super) async fn new_position(
    tx: &mut Connection,
    tenant: TenantId,
    position: &Position,
    at: OffsetDateTime,
) -> Result<()> {
    let made = ask("INSERT INTO positions
                        (id, tenant_id, title, description, language, voice, max_minutes, plan, instructions, created_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING")
    .bind(Id(position.id.0))
    .bind(Id(tenant.0))
    .bind(clean(&position.title))
    .bind(clean(&position.description))
    .bind(clean(&position.language))
    .bind(clean(&position.voice))
    .bind(i32::from(position.max_minutes))
    .bind(Json(position.plan.clone()))
    .bind(clean(&position.instructions))
    .bind(At(at))
    .execute(tx)
    .await
    .map_err(super::missing("tenant"))?;
    is_made(made.rows_affected(), "a position with this id is there")
}

async fn one_position(tx: &mut Connection, tenant: TenantId, id: PositionId) -> Result<Option<Position>> {
    let row = ask(select_position!("WHERE tenant_id = $1 AND id = $2"))
        .bind(Id(tenant.0))
        .bind(Id(id.0))
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(rows::position).transpose()
}

async fn page_of_positions(
    tx: &mut Connection,
    tenant: TenantId,
    limit: u32,
    after: Option<PositionId>,
) -> Result<Vec<Position>> {
    // Ids rise with time (UUIDv7), so the id is the cursor.
    let rows = ask(select_position!(
        "WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
    ))
    .bind(Id(tenant.0))
    .bind(Id(after.map_or(Uuid::max(), |id| id.0)))
    .bind(i64::from(limit))
    .fetch_all(tx)
    .await?;
    rows.iter().map(rows::position).collect()
}

async fn change_position(
    tx: &mut Connection,
    tenant: TenantId,
    id: PositionId,
    patch: &PositionPatch,
) -> Result<Option<Position>> {
    // Column by column, so that two who change different things at once both have their way.
    ask("UPDATE positions
         SET title = COALESCE($3, title), description = COALESCE($4, description), language = COALESCE($5, language),
             voice = COALESCE($6, voice), max_minutes = COALESCE($7, max_minutes), plan = COALESCE($8, plan),
             instructions = COALESCE($9, instructions)
         WHERE tenant_id = $1 AND id = $2")
    .bind(Id(tenant.0))
    .bind(Id(id.0))
    .bind(patch.title.as_deref().map(clean))
    .bind(patch.description.as_deref().map(clean))
    .bind(patch.language.as_deref().map(clean))
    .bind(patch.voice.as_deref().map(clean))
    .bind(patch.max_minutes.map(i32::from))
    .bind(patch.plan.clone().map(Json))
    .bind(patch.instructions.as_deref().map(clean))
    .execute(&mut *tx)
    .await?;
    one_position(tx, tenant, id).await
}

pub(super) async fn new_candidate(
    tx: &mut Connection,
    tenant: TenantId,
    candidate: &Candidate,
    at: OffsetDateTime,
) -> Result<()> {
    let made = ask(
        "INSERT INTO candidates (id, tenant_id, name, email, created_at) VALUES ($1, $2, $3, $4, $5)
                    ON CONFLICT DO NOTHING",
    )
    .bind(Id(candidate.id.0))
    .bind(Id(tenant.0))
    .bind(clean(&candidate.name))
    .bind(clean(&candidate.email))
    .bind(At(at))
    .execute(tx)
    .await
    .map_err(super::missing("tenant"))?;
    is_made(made.rows_affected(), "a candidate with this id is there")
}

async fn one_candidate(tx: &mut Connection, tenant: TenantId, id: CandidateId) -> Result<Option<Candidate>> {
    let row = ask("SELECT id, name, email FROM candidates WHERE tenant_id = $1 AND id = $2")
        .bind(Id(tenant.0))
        .bind(Id(id.0))
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(rows::candidate).transpose()
}

async fn page_of_candidates(
    tx: &mut Connection,
    tenant: TenantId,
    limit: u32,
    after: Option<CandidateId>,
) -> Result<Vec<Candidate>> {
    let rows = ask("SELECT id, name, email FROM candidates
                    WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3")
    .bind(Id(tenant.0))
    .bind(Id(after.map_or(Uuid::max(), |id| id.0)))
    .bind(i64::from(limit))
    .fetch_all(tx)
    .await?;
    rows.iter().map(rows::candidate).collect()
}

async fn change_candidate(
    tx: &mut Connection,
    tenant: TenantId,
    id: CandidateId,
    patch: &CandidatePatch,
) -> Result<Option<Candidate>> {
    ask(
        "UPDATE candidates SET name = COALESCE($3, name), email = COALESCE($4, email) WHERE tenant_id = $1 AND id = $2",
    )
    .bind(Id(tenant.0))
    .bind(Id(id.0))
    .bind(patch.name.as_deref().map(clean))
    .bind(patch.email.as_deref().map(clean))
    .execute(&mut *tx)
    .await?;
    one_candidate(tx, tenant, id).await
}

fn is_made(rows: u64, taken: &'static str) -> Result<()> {
    if rows == 1 { Ok(()) } else { Err(Error::Conflict(taken)) }
}
