//! The queue of jobs.

use super::{Backend, Connection, Tx, ask, clean, dialect, missing};
use crate::ids::{JobId, TenantId};
use crate::store::column::{At, Id};
use crate::store::{Error, JobEnd, Jobs, Result, Scope, TakenJob, within};
use async_trait::async_trait;
use sqlx::Row as _;
use std::time::Duration;

#[async_trait]
impl Jobs for Backend {
    async fn job_put(&self, tenant: TenantId, id: JobId, kind: &str, payload: &[u8], wait: Duration) -> Result<()> {
        write!(self, Scope::Tenant(tenant), |tx| put(
            tx, tenant, id, kind, payload, wait
        ))
    }
    async fn jobs_due(&self, most: u32) -> Result<Vec<(TenantId, JobId)>> {
        read!(self, Scope::Nobody, |tx| due(tx, most))
    }
    async fn job_take(&self, tenant: TenantId, id: JobId, hold: Duration) -> Result<Option<TakenJob>> {
        write!(self, Scope::Tenant(tenant), |tx| take(tx, tenant, id, hold))
    }
    async fn job_end(&self, tenant: TenantId, id: JobId, end: &JobEnd) -> Result<()> {
        write!(self, Scope::Tenant(tenant), |tx| ended(tx, tenant, id, end))
    }
}

async fn put(
    tx: &mut Connection,
    tenant: TenantId,
    id: JobId,
    kind: &str,
    payload: &[u8],
    wait: Duration,
) -> Result<()> {
    let now = dialect::now(tx).await?;
    ask(
        "INSERT INTO jobs (id, tenant_id, kind, payload, created_at, due_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT DO NOTHING",
    )
    .bind(Id(id.0))
    .bind(Id(tenant.0))
    .bind(clean(kind))
    .bind(payload.to_vec())
    .bind(At(now))
    .bind(At(now + wait))
    .execute(tx)
    .await
    .map_err(missing("tenant"))?;
    Ok(())
}

async fn due(tx: &mut Connection, most: u32) -> Result<Vec<(TenantId, JobId)>> {
    let now = dialect::now(tx).await?;
    let rows = ask(dialect::JOBS_DUE)
        .bind(At(now))
        .bind(i64::from(most))
        .fetch_all(tx)
        .await?;
    let ids = rows.iter().map(|row| {
        let tenant: Id = row.try_get("tenant_id")?;
        let id: Id = row.try_get("id")?;
        Ok((TenantId(tenant.0), JobId(id.0)))
    });
    ids.collect()
}

async fn take(tx: &mut Connection, tenant: TenantId, id: JobId, hold: Duration) -> Result<Option<TakenJob>> {
    let now = dialect::now(tx).await?;
    let row = ask("UPDATE jobs SET due_at = $4, attempts = attempts + 1
                   WHERE tenant_id = $1 AND id = $2 AND failed_at IS NULL AND due_at <= $3
                   RETURNING kind, payload, attempts")
    .bind(Id(tenant.0))
    .bind(Id(id.0))
    .bind(At(now))
    .bind(At(now + hold))
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let attempts: i32 = row.try_get("attempts")?;
    Ok(Some(TakenJob {
        kind: row.try_get("kind")?,
        payload: row.try_get("payload")?,
        attempts: u32::try_from(attempts).map_err(|_| Error::Corrupt("column attempts".into()))?,
    }))
}

async fn ended(tx: &mut Connection, tenant: TenantId, id: JobId, end: &JobEnd) -> Result<()> {
    let now = dialect::now(tx).await?;
    let statement = match end {
        JobEnd::Done => ask("DELETE FROM jobs WHERE tenant_id = $1 AND id = $2")
            .bind(Id(tenant.0))
            .bind(Id(id.0)),
        JobEnd::Again(wait, why) => {
            ask("UPDATE jobs SET due_at = $3, last_error = $4 WHERE tenant_id = $1 AND id = $2 AND failed_at IS NULL")
                .bind(Id(tenant.0))
                .bind(Id(id.0))
                .bind(At(now + *wait))
                .bind(clean(why))
        }
        JobEnd::Failed(why) => ask("UPDATE jobs SET failed_at = $3, last_error = $4 WHERE tenant_id = $1 AND id = $2")
            .bind(Id(tenant.0))
            .bind(Id(id.0))
            .bind(At(now))
            .bind(clean(why)),
    };
    statement.execute(tx).await?;
    Ok(())
}
