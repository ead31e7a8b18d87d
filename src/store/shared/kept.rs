//! What is kept about calls: answers to repeated requests, and the audit log.
//!
//! **Law:** an answer is given only to the caller, route, key and body that it was given to before. The first answer wins.

use super::{Connection, ask, clean, rows};
use crate::ids::TenantId;
use crate::store::column::{At, Id};
use crate::store::{Audit, Error, Idempotency, IdempotencyKey, KeptAnswer, Result};
use sqlx::Row as _;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long an answer is kept (SPEC.md, "HTTP").
const KEPT_FOR: Duration = Duration::hours(24);
/// After this a claim without an answer is taken for abandoned: its process died.
const CLAIM_LAPSES_AFTER: Duration = Duration::seconds(60);

pub(super) async fn begin(tx: &mut Connection, key: &IdempotencyKey, at: OffsetDateTime) -> Result<Idempotency> {
    ask("DELETE FROM idempotency_keys WHERE claimed_at < $1")
        .bind(At(at - KEPT_FOR))
        .execute(&mut *tx)
        .await?;
    let claimed = ask(
        "INSERT INTO idempotency_keys (caller, route, key, body_sha256, claimed_at)
                       VALUES ($1, $2, $3, $4, $5) ON CONFLICT (caller, route, key) DO NOTHING",
    )
    .bind(clean(&key.caller))
    .bind(clean(&key.route))
    .bind(clean(&key.key))
    .bind(key.body_sha256.to_vec())
    .bind(At(at))
    .execute(&mut *tx)
    .await?;
    if claimed.rows_affected() == 1 {
        return Ok(Idempotency::Fresh);
    }
    let row = ask(
        "SELECT body_sha256, claimed_at, CAST(status AS bigint) AS status, body FROM idempotency_keys
                   WHERE caller = $1 AND route = $2 AND key = $3",
    )
    .bind(clean(&key.caller))
    .bind(clean(&key.route))
    .bind(clean(&key.key))
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else {
        // Released between the two statements: whoever asks next has it.
        return Ok(Idempotency::InFlight);
    };
    if row.try_get::<Vec<u8>, _>("body_sha256")? != key.body_sha256 {
        return Ok(Idempotency::Mismatch);
    }
    if let Some(status) = row.try_get::<Option<i64>, _>("status")? {
        let status = u16::try_from(status).map_err(|_| Error::Corrupt("column status".into()))?;
        let body = row.try_get::<Option<Vec<u8>>, _>("body")?.unwrap_or_default();
        return Ok(Idempotency::Answered(KeptAnswer { status, body }));
    }
    let claimed_at = rows::at(&row, "claimed_at")?;
    if at - claimed_at < CLAIM_LAPSES_AFTER {
        return Ok(Idempotency::InFlight);
    }
    // Of two who find a lapsed claim at once, one moves the time and has it.
    let taken = ask("UPDATE idempotency_keys SET claimed_at = $5
                     WHERE caller = $1 AND route = $2 AND key = $3 AND claimed_at = $4 AND status IS NULL")
    .bind(clean(&key.caller))
    .bind(clean(&key.route))
    .bind(clean(&key.key))
    .bind(At(claimed_at))
    .bind(At(at))
    .execute(tx)
    .await?;
    Ok(if taken.rows_affected() == 1 {
        Idempotency::Fresh
    } else {
        Idempotency::InFlight
    })
}

pub(super) async fn end(tx: &mut Connection, key: &IdempotencyKey, answer: Option<&KeptAnswer>) -> Result<()> {
    let statement = match answer {
        Some(answer) => ask("UPDATE idempotency_keys SET status = $4, body = $5
                             WHERE caller = $1 AND route = $2 AND key = $3 AND body_sha256 = $6 AND status IS NULL")
        .bind(clean(&key.caller))
        .bind(clean(&key.route))
        .bind(clean(&key.key))
        .bind(i32::from(answer.status))
        .bind(answer.body.clone())
        .bind(key.body_sha256.to_vec()),
        None => ask("DELETE FROM idempotency_keys
                     WHERE caller = $1 AND route = $2 AND key = $3 AND body_sha256 = $4 AND status IS NULL")
        .bind(clean(&key.caller))
        .bind(clean(&key.route))
        .bind(clean(&key.key))
        .bind(key.body_sha256.to_vec()),
    };
    statement.execute(tx).await?;
    Ok(())
}

pub(super) async fn audit(tx: &mut Connection, tenant: TenantId, row: &Audit) -> Result<()> {
    // The id is what the row says, so that the same said twice is one row.
    let said = format!(
        "{}\0{}\0{}\0{}",
        row.at.unix_timestamp_nanos(),
        row.who,
        row.what,
        row.object
    );
    ask(
        "INSERT INTO audit_log (id, tenant_id, at, who, what, object) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant_id, id) DO NOTHING",
    )
    .bind(Id(Uuid::new_v5(&tenant.0, said.as_bytes())))
    .bind(Id(tenant.0))
    .bind(At(row.at))
    .bind(clean(&row.who))
    .bind(clean(&row.what))
    .bind(clean(&row.object))
    .execute(tx)
    .await
    .map_err(super::missing("tenant"))?;
    Ok(())
}

pub(super) async fn audit_log(tx: &mut Connection, tenant: TenantId, limit: u32) -> Result<Vec<Audit>> {
    let rows = ask("SELECT at, who, what, object FROM audit_log WHERE tenant_id = $1 ORDER BY at DESC, id LIMIT $2")
        .bind(Id(tenant.0))
        .bind(i64::from(limit))
        .fetch_all(tx)
        .await?;
    rows.iter().map(rows::audit).collect()
}
