//! Tenants, positions, candidates: read here, written by the sample data and (later) by the product's own calls.

use super::{Connection, ask, dialect, rows};
use crate::ids::{CandidateId, PositionId, TenantId};
use crate::store::column::Id;
use crate::store::{Candidate, Position, Result, Tenant};
use sqlx::Row as _;

pub(super) async fn ping(tx: &mut Connection) -> Result<()> {
    ask("SELECT 1").execute(tx).await?;
    Ok(())
}

pub(super) async fn none_yet(tx: &mut Connection) -> Result<bool> {
    Ok(ask(dialect::NO_TENANT_YET).fetch_one(tx).await?.try_get("none_yet")?)
}

pub(super) async fn tenant(tx: &mut Connection, tenant: TenantId) -> Result<Option<Tenant>> {
    let row = ask("SELECT id, name FROM tenants WHERE id = $1")
        .bind(Id(tenant.0))
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(rows::tenant).transpose()
}

pub(super) async fn position(tx: &mut Connection, tenant: TenantId, id: PositionId) -> Result<Option<Position>> {
    let row = ask(
        "SELECT id, title, description, language, voice, CAST(max_minutes AS bigint) AS max_minutes,
                          plan, instructions
                   FROM positions WHERE tenant_id = $1 AND id = $2",
    )
    .bind(Id(tenant.0))
    .bind(Id(id.0))
    .fetch_optional(tx)
    .await?;
    row.as_ref().map(rows::position).transpose()
}

pub(super) async fn candidate(tx: &mut Connection, tenant: TenantId, id: CandidateId) -> Result<Option<Candidate>> {
    let row = ask("SELECT id, name, email FROM candidates WHERE tenant_id = $1 AND id = $2")
        .bind(Id(tenant.0))
        .bind(Id(id.0))
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(rows::candidate).transpose()
}
