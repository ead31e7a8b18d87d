//! Interviews that no process drives and that must have an end: found by a sweep, ended for what is known of them.
//!
//! Is: a driver of `fate.rs`, bounded in what it takes at a time. Isn't: a judge of a session that is merely away: as long as
//! its time is not over, whoever has the link may come back to it.
//! **Law:** only what this process holds the lease of is ended, so that no two sweeps, and no sweep and no candidate who
//! comes back, meet on one session.

use super::{Deps, fate};
use crate::{
    clock,
    ids::{SessionId, TenantId},
    store::{LeaseTaken, Result, SessionStep},
};
use std::time::Duration;

/// Sessions that a sweep ends at most; the next one takes the rest.
const SWEEP_MAX: u32 = 50;
/// How long after its time was over a session is left alone: whoever drives it may still be saying goodbye.
pub(super) const OVERDUE_BY: Duration = Duration::from_secs(120);

/// One sweep. Answers how many it has ended.
pub(super) async fn sweep(deps: &Deps, is_live: impl Fn(SessionId) -> bool) -> Result<usize> {
    let dead_after = deps.holder.dead_after(clock::monotonic());
    let found = deps.store.sessions_adrift(dead_after, OVERDUE_BY, SWEEP_MAX).await?;
    let mut ended = 0;
    for (tenant, id) in found {
        if is_live(id) {
            continue;
        }
        let me = deps.holder.process.id;
        let LeaseTaken::Yes { fence, .. } = deps.store.lease_take(tenant, id, me, dead_after).await? else {
            continue;
        };
        let done = end(deps, tenant, id).await;
        deps.store.lease_release(tenant, id, fence).await?;
        ended += usize::from(done?);
    }
    Ok(ended)
}

async fn end(deps: &Deps, tenant: TenantId, id: SessionId) -> Result<bool> {
    let Some(session) = deps.store.session(tenant, id).await? else {
        return Ok(false);
    };
    let events = deps.store.session_events(tenant, id).await?;
    let step = if let Some(told) = fate::end_told(&events) {
        told
    } else {
        let Some(position) = deps.store.position(tenant, session.position).await? else {
            return Ok(false);
        };
        let begun = session.started_at.unwrap_or(session.created_at);
        let over = begun + time::Duration::minutes(i64::from(position.max_minutes));
        fate::end_of_the_abandoned(&events, over)
    };
    let done = deps.store.session_step(tenant, id, &step).await?;
    if let SessionStep::Ended {
        reason,
        technical_failure,
        ..
    } = &step
        && done
    {
        tracing::info!(session.id = %id, ?reason, failure = technical_failure, "an interview that nobody drove was ended");
        if let Some(failure) = technical_failure {
            deps.metrics.failed(fate::part(failure));
        }
    }
    Ok(done)
}
