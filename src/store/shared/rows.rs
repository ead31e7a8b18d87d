//! Rows of the database as the types of `model.rs`.
//!
//! **Law:** a column that this version does not understand is an error that names the column, never a guess.

use super::Row;
use crate::ids::{CandidateId, EntryId, InvitationId, PositionId, ProcessId, SessionId, TenantId};
use crate::store::column::{At, Id};
use crate::store::{
    Audit, Candidate, Consent, EndReason, Entry, Error, Former, Invitation, PlannedQuestion, Position, Result,
    SeenProcess, Session, SessionEvent, SessionStatus, Source, Speaker, Tenant,
};
use sqlx::Row as _;
use time::OffsetDateTime;
use uuid::Uuid;

pub(super) fn tenant(row: &Row) -> Result<Tenant> {
    Ok(Tenant {
        id: TenantId(id(row, "id")?),
        name: row.try_get("name")?,
    })
}

pub(super) fn position(row: &Row) -> Result<Position> {
    Ok(Position {
        id: PositionId(id(row, "id")?),
        title: row.try_get("title")?,
        description: row.try_get("description")?,
        language: row.try_get("language")?,
        voice: row.try_get("voice")?,
        max_minutes: number(row, "max_minutes")?,
        plan: row.try_get::<sqlx::types::Json<Vec<PlannedQuestion>>, _>("plan")?.0,
        instructions: row.try_get("instructions")?,
    })
}

pub(super) fn candidate(row: &Row) -> Result<Candidate> {
    Ok(Candidate {
        id: CandidateId(id(row, "id")?),
        name: row.try_get("name")?,
        email: row.try_get("email")?,
    })
}

pub(super) fn invitation(row: &Row) -> Result<Invitation> {
    Ok(Invitation {
        id: InvitationId(id(row, "id")?),
        tenant: TenantId(id(row, "tenant_id")?),
        candidate: CandidateId(id(row, "candidate_id")?),
        position: PositionId(id(row, "position_id")?),
        expires_at: at(row, "expires_at")?,
        revoked: row.try_get("is_revoked")?,
        over: row.try_get("is_over")?,
    })
}

pub(super) fn session(row: &Row) -> Result<Session> {
    Ok(Session {
        id: SessionId(id(row, "id")?),
        tenant: TenantId(id(row, "tenant_id")?),
        invitation: InvitationId(id(row, "invitation_id")?),
        candidate: CandidateId(id(row, "candidate_id")?),
        position: PositionId(id(row, "position_id")?),
        status: SessionStatus::from_word(row.try_get("status")?)?,
        webrtc_status: row.try_get("webrtc_status")?,
        webrtc_connection_time: maybe_at(row, "webrtc_connection_time")?,
        webrtc_disconnection_time: maybe_at(row, "webrtc_disconnection_time")?,
        created_at: at(row, "created_at")?,
        started_at: maybe_at(row, "started_at")?,
        ended_at: maybe_at(row, "ended_at")?,
        end_reason: row
            .try_get::<Option<&str>, _>("end_reason")?
            .map(EndReason::from_word)
            .transpose()?,
        technical_failure: row.try_get("technical_failure")?,
        recording_url: row.try_get("recording_url")?,
        entries: number(row, "entries")?,
    })
}

pub(super) fn event(row: &Row) -> Result<SessionEvent> {
    Ok(SessionEvent {
        id: id(row, "id")?,
        at: at(row, "at")?,
        leg: row.try_get("leg")?,
        what: row.try_get("what")?,
        cause: row.try_get("cause")?,
    })
}

pub(super) fn consent(row: &Row) -> Result<Option<Consent>> {
    let (version, given) = (row.try_get("consent_version")?, row.try_get("consent_given")?);
    Ok(match (version, given, maybe_at(row, "consent_at")?) {
        (Some(version), Some(given), Some(at)) => Some(Consent { version, given, at }),
        _ => None,
    })
}

pub(super) fn entry(row: &Row) -> Result<Entry> {
    Ok(Entry {
        id: EntryId(id(row, "id")?),
        session: SessionId(id(row, "session_id")?),
        sequence: row.try_get("sequence_number")?,
        speaker: Speaker::from_word(row.try_get("speaker")?)?,
        text: row.try_get("text")?,
        start_time: at(row, "start_time")?,
        end_time: maybe_at(row, "end_time")?,
        item_id: row.try_get("item_id")?,
        content_index: row.try_get("content_index")?,
        source: Source::from_word(row.try_get("source")?)?,
        interrupted: row.try_get("interrupted")?,
        heard_ms: row.try_get("heard_ms")?,
        heard_text: row.try_get("heard_text")?,
        gap: row.try_get("gap")?,
        revision: row.try_get("revision")?,
    })
}

pub(super) fn audit(row: &Row) -> Result<Audit> {
    Ok(Audit {
        at: at(row, "at")?,
        who: row.try_get("who")?,
        what: row.try_get("what")?,
        object: row.try_get("object")?,
    })
}

/// `now` is the database's own.
pub(super) fn process(row: &Row, now: OffsetDateTime) -> Result<SeenProcess> {
    Ok(SeenProcess {
        id: ProcessId(id(row, "id")?),
        url: row.try_get("url")?,
        is_draining: row.try_get("is_draining")?,
        // A beat of this very moment by a transaction that ended before ours: not in the future.
        silent: (now - at(row, "beat_at")?).try_into().unwrap_or_default(),
    })
}

pub(super) fn former(row: &Row) -> Result<(ProcessId, Former)> {
    let former = Former {
        has_ended: row.try_get("has_ended")?,
        alive_until: at(row, "told_at")?,
    };
    Ok((ProcessId(id(row, "id")?), former))
}

pub(super) fn at(row: &Row, column: &'static str) -> Result<OffsetDateTime> {
    Ok(row.try_get::<At, _>(column)?.0)
}

fn maybe_at(row: &Row, column: &'static str) -> Result<Option<OffsetDateTime>> {
    Ok(row.try_get::<Option<At>, _>(column)?.map(|at| at.0))
}

fn id(row: &Row, column: &'static str) -> Result<Uuid> {
    Ok(row.try_get::<Id, _>(column)?.0)
}

/// A count or limit: an integer of either width in the database, never negative here.
fn number<N: TryFrom<i64>>(row: &Row, column: &'static str) -> Result<N> {
    let wide = row.try_get::<i64, _>(column)?;
    N::try_from(wide).map_err(|_| Error::Corrupt(format!("column {column}")))
}
