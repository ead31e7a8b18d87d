//! Processes and leases.
//!
//! **Law:** a lease is one process's. Taking it raises its fence in the same statement, so of two who take at once the
//! second finds it taken. Beats and takings are timed by the database's clock alone.

use super::{Connection, ask, dialect, missing, rows};
use crate::ids::{ProcessId, SessionId, TenantId};
use crate::store::column::{At, Id};
use crate::store::{Fence, Hand, Lease, LeaseTaken, Process, Result, SeenProcess};
use sqlx::Row as _;
use std::time::Duration;
use time::OffsetDateTime;

/// A process that has been silent for this long has no row any more.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);

pub(super) async fn begin(tx: &mut Connection, process: &Process, told: OffsetDateTime) -> Result<()> {
    let now = dialect::now(tx).await?;
    ask("DELETE FROM processes WHERE beat_at < $1")
        .bind(At(now - FORGOTTEN_AFTER))
        .execute(&mut *tx)
        .await?;
    // The former process of the node is dead, or this one had not got its folder.
    ask("UPDATE processes SET ended_at = $3 WHERE node = $1 AND id <> $2 AND ended_at IS NULL")
        .bind(Id(process.node))
        .bind(Id(process.id.0))
        .bind(At(now))
        .execute(&mut *tx)
        .await?;
    ask(
        "INSERT INTO processes (id, node, url, started_at, beat_at, told_at) VALUES ($1, $2, $3, $4, $4, $5)
         ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at, told_at = excluded.told_at, ended_at = NULL",
    )
    .bind(Id(process.id.0))
    .bind(Id(process.node))
    .bind(process.url.as_str())
    .bind(At(now))
    .bind(At(told))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn beat(
    tx: &mut Connection,
    id: ProcessId,
    is_draining: bool,
    told: OffsetDateTime,
) -> Result<Option<i64>> {
    let now = dialect::now(tx).await?;
    let row = ask("UPDATE processes SET beat_at = $2, is_draining = $3, told_at = $4
                   WHERE id = $1 AND ended_at IS NULL RETURNING pokes")
    .bind(Id(id.0))
    .bind(At(now))
    .bind(is_draining)
    .bind(At(told))
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| row.try_get("pokes")).transpose()?)
}

pub(super) async fn end(tx: &mut Connection, id: ProcessId) -> Result<()> {
    ask("DELETE FROM processes WHERE id = $1")
        .bind(Id(id.0))
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn living(tx: &mut Connection, within: Duration) -> Result<Vec<SeenProcess>> {
    let now = dialect::now(tx).await?;
    let rows = ask("SELECT id, url, is_draining, beat_at FROM processes
                    WHERE beat_at > $1 AND ended_at IS NULL ORDER BY beat_at DESC, id")
    .bind(At(now - within))
    .fetch_all(tx)
    .await?;
    rows.iter().map(|row| rows::process(row, now)).collect()
}

pub(super) async fn take(
    tx: &mut Connection,
    tenant: TenantId,
    session: SessionId,
    by: ProcessId,
    dead_after: Duration,
) -> Result<LeaseTaken> {
    let now = dialect::now(tx).await?;
    let former = ask("SELECT p.id, p.told_at, p.ended_at IS NOT NULL AS has_ended
                      FROM session_leases l JOIN processes p ON p.id = l.process_id
                      WHERE l.tenant_id = $1 AND l.session_id = $2 AND p.id <> $3")
    .bind(Id(tenant.0))
    .bind(Id(session.0))
    .bind(Id(by.0))
    .fetch_optional(&mut *tx)
    .await?;
    let former = former.as_ref().map(rows::former).transpose()?;
    let taken = ask(
        "INSERT INTO session_leases AS l (session_id, tenant_id, process_id, fence, taken_at) VALUES ($2, $1, $3, 1, $4)
         ON CONFLICT (tenant_id, session_id) DO UPDATE
         SET process_id = excluded.process_id, fence = l.fence + 1, taken_at = excluded.taken_at, wanted_by = NULL
         WHERE l.process_id IS NULL OR l.process_id = $3
            OR NOT EXISTS (SELECT 1 FROM processes p
                           WHERE p.id = l.process_id AND p.beat_at > $5 AND p.ended_at IS NULL)
         RETURNING fence",
    )
    .bind(Id(tenant.0))
    .bind(Id(session.0))
    .bind(Id(by.0))
    .bind(At(now))
    .bind(At(now - dead_after))
    .fetch_optional(&mut *tx)
    .await
    .map_err(missing("session"))?;
    if let Some(row) = taken {
        if let Some((id, _)) = former {
            poke(tx, id).await?;
        }
        return Ok(LeaseTaken::Yes {
            fence: Fence(row.try_get("fence")?),
            former: former.map(|(_, former)| former),
        });
    }
    let row = ask("SELECT p.id, p.url, p.is_draining, p.beat_at FROM session_leases l
                   JOIN processes p ON p.id = l.process_id WHERE l.tenant_id = $1 AND l.session_id = $2")
    .bind(Id(tenant.0))
    .bind(Id(session.0))
    .fetch_one(&mut *tx)
    .await?;
    let owner = rows::process(&row, now)?;
    if owner.is_draining {
        let wanted = ask("UPDATE session_leases SET wanted_by = $3
                          WHERE tenant_id = $1 AND session_id = $2 AND (wanted_by IS NULL OR wanted_by <> $3)")
        .bind(Id(tenant.0))
        .bind(Id(session.0))
        .bind(Id(by.0))
        .execute(&mut *tx)
        .await?;
        if wanted.rows_affected() > 0 {
            poke(tx, owner.id).await?;
        }
    }
    Ok(LeaseTaken::No { owner })
}

async fn poke(tx: &mut Connection, id: ProcessId) -> Result<()> {
    ask("UPDATE processes SET pokes = pokes + 1 WHERE id = $1")
        .bind(Id(id.0))
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn poke_owner(tx: &mut Connection, tenant: TenantId, session: SessionId) -> Result<()> {
    ask("UPDATE processes SET pokes = pokes + 1 WHERE id =
             (SELECT process_id FROM session_leases WHERE tenant_id = $1 AND session_id = $2)")
    .bind(Id(tenant.0))
    .bind(Id(session.0))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn lease(tx: &mut Connection, tenant: TenantId, session: SessionId) -> Result<Option<Lease>> {
    let now = dialect::now(tx).await?;
    let row = ask(
        "SELECT l.fence, l.wanted_by IS NOT NULL AS is_wanted, p.id, p.url, p.is_draining, p.beat_at
                   FROM session_leases l LEFT JOIN processes p ON p.id = l.process_id AND p.ended_at IS NULL
                   WHERE l.tenant_id = $1 AND l.session_id = $2",
    )
    .bind(Id(tenant.0))
    .bind(Id(session.0))
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let owned = row.try_get::<Option<Id>, _>("id")?.is_some();
    Ok(Some(Lease {
        fence: Fence(row.try_get("fence")?),
        owner: owned.then(|| rows::process(&row, now)).transpose()?,
        is_wanted: row.try_get("is_wanted")?,
    }))
}

/// When the session's lease was taken under a newer fence than this one; None: it was not.
pub(super) async fn newer_taking(
    tx: &mut Connection,
    tenant: TenantId,
    session: SessionId,
    fence: Fence,
) -> Result<Option<OffsetDateTime>> {
    let row = ask("SELECT taken_at FROM session_leases WHERE tenant_id = $1 AND session_id = $2 AND fence > $3")
        .bind(Id(tenant.0))
        .bind(Id(session.0))
        .bind(fence.0)
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(|row| rows::at(row, "taken_at")).transpose()
}

pub(super) async fn covers(tx: &mut Connection, tenant: TenantId, session: SessionId, hand: Hand) -> Result<bool> {
    let taken = newer_taking(tx, tenant, session, hand.fence).await?;
    Ok(taken.is_none_or(|taken| hand.at <= taken))
}

pub(super) async fn release(tx: &mut Connection, tenant: TenantId, session: SessionId, fence: Fence) -> Result<bool> {
    let done = ask("UPDATE session_leases SET process_id = NULL, wanted_by = NULL
                    WHERE tenant_id = $1 AND session_id = $2 AND fence = $3 AND process_id IS NOT NULL")
    .bind(Id(tenant.0))
    .bind(Id(session.0))
    .bind(fence.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn adrift(
    tx: &mut Connection,
    dead_after: Duration,
    overdue_by: Duration,
    most: u32,
) -> Result<Vec<(TenantId, SessionId)>> {
    let now = dialect::now(tx).await?;
    let rows = ask(dialect::SESSIONS_ADRIFT)
        .bind(At(now - dead_after))
        .bind(At(now - overdue_by))
        .bind(i64::from(most))
        .fetch_all(tx)
        .await?;
    rows.iter()
        .map(|row| {
            let (tenant, session) = (row.try_get::<Id, _>("tenant_id")?, row.try_get::<Id, _>("session_id")?);
            Ok((TenantId(tenant.0), SessionId(session.0)))
        })
        .collect()
}
