//! Interviews: opened once for each invitation, moved only forward, with what happened on the way.
//!
//! **Law:** an interview that ended stays ended as it first ended. A leg's step that is older than the last one known
//! is late, and ignored: a journal that replays leaves what was there.

use super::{Connection, ask, clean, missing, rows};
use crate::ids::{InvitationId, SessionId, TenantId};
use crate::store::column::{At, Id};
use crate::store::{
    Consent, EndReason, Error, Result, Session, SessionEvent, SessionOpened, SessionStatus, SessionStep,
};
use sqlx::Row as _;
use time::OffsetDateTime;
use uuid::Uuid;

/// A macro, so that statements stay literals: sqlx takes no others without an oath.
macro_rules! select_session {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.tenant_id, s.invitation_id, s.candidate_id, s.position_id, s.status, s.webrtc_status,
                    s.webrtc_connection_time, s.webrtc_disconnection_time, s.created_at, s.started_at, s.ended_at,
                    s.end_reason, s.technical_failure, s.recording_url,
                    (SELECT count(*) FROM transcript_entries t
                     WHERE t.tenant_id = s.tenant_id AND t.session_id = s.id AND t.source <> 'reported') AS entries
             FROM interview_sessions s ",
            $rest
        )
    };
}

pub(super) async fn open(
    tx: &mut Connection,
    tenant: TenantId,
    invitation: InvitationId,
    at: OffsetDateTime,
) -> Result<SessionOpened> {
    let found = ask("SELECT revoked_at IS NOT NULL AS is_revoked FROM interview_invitations
                     WHERE tenant_id = $1 AND id = $2")
    .bind(Id(tenant.0))
    .bind(Id(invitation.0))
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::Missing("invitation"))?;
    if found.try_get("is_revoked")? {
        return Err(Error::Conflict("the invitation was revoked"));
    }
    // Whoever asks at once waits here for the other's insert, and then finds that row.
    let made = ask("INSERT INTO interview_sessions
                        (id, tenant_id, invitation_id, candidate_id, position_id, created_at)
                    SELECT $3, tenant_id, id, candidate_id, position_id, $4 FROM interview_invitations
                    WHERE tenant_id = $1 AND id = $2
                    ON CONFLICT (invitation_id) DO NOTHING")
    .bind(Id(tenant.0))
    .bind(Id(invitation.0))
    .bind(Id(SessionId::new().0))
    .bind(At(at))
    .execute(&mut *tx)
    .await?;
    let row = ask(select_session!("WHERE s.tenant_id = $1 AND s.invitation_id = $2"))
        .bind(Id(tenant.0))
        .bind(Id(invitation.0))
        .fetch_one(tx)
        .await?;
    let session = rows::session(&row)?;
    if session.ended_at.is_some() {
        return Err(Error::Conflict("the interview is over"));
    }
    Ok(SessionOpened {
        session,
        created: made.rows_affected() == 1,
    })
}

pub(super) async fn one(tx: &mut Connection, tenant: TenantId, id: SessionId) -> Result<Option<Session>> {
    let row = ask(select_session!("WHERE s.tenant_id = $1 AND s.id = $2"))
        .bind(Id(tenant.0))
        .bind(Id(id.0))
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(rows::session).transpose()
}

pub(super) async fn of(tx: &mut Connection, tenant: TenantId, invitation: InvitationId) -> Result<Option<Session>> {
    let row = ask(select_session!("WHERE s.tenant_id = $1 AND s.invitation_id = $2"))
        .bind(Id(tenant.0))
        .bind(Id(invitation.0))
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(rows::session).transpose()
}

pub(super) async fn page(
    tx: &mut Connection,
    tenant: TenantId,
    limit: u32,
    after: Option<SessionId>,
) -> Result<Vec<Session>> {
    // Ids rise with time (UUIDv7), so the id is the cursor.
    let before = after.map_or(Uuid::max(), |id| id.0);
    let rows = ask(select_session!(
        "WHERE s.tenant_id = $1 AND s.id < $2 ORDER BY s.id DESC LIMIT $3"
    ))
    .bind(Id(tenant.0))
    .bind(Id(before))
    .bind(i64::from(limit))
    .fetch_all(tx)
    .await?;
    rows.iter().map(rows::session).collect()
}

pub(super) async fn step(tx: &mut Connection, tenant: TenantId, id: SessionId, step: &SessionStep) -> Result<bool> {
    match step {
        SessionStep::Connected { at } => {
            let done = ask("UPDATE interview_sessions
                            SET status = 'in_progress', webrtc_status = 'connected', webrtc_changed_at = $3,
                                webrtc_connection_time = COALESCE(webrtc_connection_time, $3),
                                started_at = COALESCE(started_at, $3)
                            WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL
                              AND (webrtc_changed_at IS NULL OR webrtc_changed_at <= $3)")
            .bind(Id(tenant.0))
            .bind(Id(id.0))
            .bind(At(*at))
            .execute(tx)
            .await?;
            Ok(done.rows_affected() == 1)
        }
        SessionStep::Disconnected { at } => {
            let done = ask("UPDATE interview_sessions
                            SET webrtc_status = 'disconnected', webrtc_changed_at = $3, webrtc_disconnection_time = $3
                            WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL
                              AND (webrtc_changed_at IS NULL OR webrtc_changed_at <= $3)")
            .bind(Id(tenant.0))
            .bind(Id(id.0))
            .bind(At(*at))
            .execute(tx)
            .await?;
            Ok(done.rows_affected() == 1)
        }
        SessionStep::Ended {
            at,
            reason,
            technical_failure,
            recording_url,
        } => {
            ended(
                tx,
                tenant,
                id,
                *at,
                *reason,
                technical_failure.as_deref(),
                recording_url.as_deref(),
            )
            .await
        }
    }
}

async fn ended(
    tx: &mut Connection,
    tenant: TenantId,
    id: SessionId,
    at: OffsetDateTime,
    reason: EndReason,
    technical_failure: Option<&str>,
    recording_url: Option<&str>,
) -> Result<bool> {
    let status = match reason {
        EndReason::Failed => SessionStatus::Failed,
        EndReason::Interviewer | EndReason::Candidate | EndReason::Recruiter | EndReason::Time => {
            SessionStatus::Completed
        }
    };
    // The end closes the leg too: what comes of it later is ignored.
    let done = ask("UPDATE interview_sessions
                    SET status = $4, end_reason = $5, ended_at = $3, technical_failure = $6,
                        webrtc_disconnection_time =
                            CASE WHEN webrtc_status = 'connected' THEN $3 ELSE webrtc_disconnection_time END,
                        webrtc_status = CASE WHEN webrtc_status = 'connected' THEN 'disconnected' ELSE webrtc_status END
                    WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL")
    .bind(Id(tenant.0))
    .bind(Id(id.0))
    .bind(At(at))
    .bind(status.word())
    .bind(reason.word())
    .bind(technical_failure.map(clean))
    .execute(&mut *tx)
    .await?;
    if let Some(url) = recording_url {
        // A browser may tell where its recording is after the interviewer has ended the interview.
        ask(
            "UPDATE interview_sessions SET recording_url = COALESCE(recording_url, $3)
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(Id(tenant.0))
        .bind(Id(id.0))
        .bind(clean(url))
        .execute(tx)
        .await?;
    }
    Ok(done.rows_affected() == 1)
}

pub(super) async fn event(tx: &mut Connection, tenant: TenantId, id: SessionId, event: &SessionEvent) -> Result<()> {
    ask(
        "INSERT INTO session_events (id, session_id, tenant_id, at, leg, what, cause)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (tenant_id, id) DO NOTHING",
    )
    .bind(Id(event.id))
    .bind(Id(id.0))
    .bind(Id(tenant.0))
    .bind(At(event.at))
    .bind(clean(&event.leg))
    .bind(clean(&event.what))
    .bind(clean(&event.cause))
    .execute(tx)
    .await
    .map_err(missing("session"))?;
    Ok(())
}

pub(super) async fn events(tx: &mut Connection, tenant: TenantId, id: SessionId) -> Result<Vec<SessionEvent>> {
    let rows = ask("SELECT id, at, leg, what, cause FROM session_events
                    WHERE tenant_id = $1 AND session_id = $2 ORDER BY at, number")
    .bind(Id(tenant.0))
    .bind(Id(id.0))
    .fetch_all(tx)
    .await?;
    rows.iter().map(rows::event).collect()
}

pub(super) async fn consent(tx: &mut Connection, tenant: TenantId, id: SessionId, consent: &Consent) -> Result<()> {
    let done = ask(
        "UPDATE interview_sessions SET consent_version = $3, consent_given = $4, consent_at = $5
                    WHERE tenant_id = $1 AND id = $2",
    )
    .bind(Id(tenant.0))
    .bind(Id(id.0))
    .bind(clean(&consent.version))
    .bind(consent.given)
    .bind(At(consent.at))
    .execute(tx)
    .await?;
    if done.rows_affected() == 0 {
        Err(Error::Missing("session"))
    } else {
        Ok(())
    }
}

pub(super) async fn consent_of(tx: &mut Connection, tenant: TenantId, id: SessionId) -> Result<Option<Consent>> {
    let row = ask(
        "SELECT consent_version, consent_given, consent_at FROM interview_sessions
                   WHERE tenant_id = $1 AND id = $2",
    )
    .bind(Id(tenant.0))
    .bind(Id(id.0))
    .fetch_optional(tx)
    .await?;
    row.as_ref().map_or(Ok(None), rows::consent)
}
