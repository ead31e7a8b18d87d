//! Invitations: made by a recruiter, opened by whoever holds the token, good until their session ends.
//!
//! **Law:** of a token only its SHA-256 is ever here, and it is never written to a log.

use super::{Connection, ask, dialect, kept, missing, rows};
use crate::ids::{InvitationId, TenantId};
use crate::store::column::{At, Id};
use crate::store::{Audit, Error, Invitation, ListedInvitation, NewInvitation, Renewal, Renewed, Result};
use sqlx::Row as _;
use time::OffsetDateTime;
use uuid::Uuid;

pub(super) async fn create(tx: &mut Connection, tenant: TenantId, new: &NewInvitation) -> Result<Invitation> {
    let done = ask("INSERT INTO interview_invitations
                        (id, tenant_id, candidate_id, position_id, email, token_sha256, created_at, expires_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                    ON CONFLICT DO NOTHING")
    .bind(Id(new.id.0))
    .bind(Id(tenant.0))
    .bind(Id(new.candidate.0))
    .bind(Id(new.position.0))
    .bind(new.email.clone())
    .bind(new.token_sha256.to_vec())
    .bind(At(new.created_at))
    .bind(At(new.expires_at))
    .execute(&mut *tx)
    .await
    .map_err(missing("candidate or position"))?;
    if done.rows_affected() == 1 {
        return one(tx, tenant, new.id).await?.ok_or(Error::Missing("invitation"));
    }
    // Taken: the same said twice is the same invitation; anything else is a clash.
    let same = ask("SELECT 1 AS same FROM interview_invitations
                    WHERE tenant_id = $1 AND id = $2 AND candidate_id = $3 AND position_id = $4 AND token_sha256 = $5")
    .bind(Id(tenant.0))
    .bind(Id(new.id.0))
    .bind(Id(new.candidate.0))
    .bind(Id(new.position.0))
    .bind(new.token_sha256.to_vec())
    .fetch_optional(&mut *tx)
    .await?;
    match same {
        Some(_) => one(tx, tenant, new.id).await?.ok_or(Error::Missing("invitation")),
        None => Err(Error::Conflict("an invitation with this id or token is there")),
    }
}

/// A macro, so that statements stay literals: sqlx takes no others without an oath.
macro_rules! select_invitation {
    ($rest:literal) => {
        concat!(
            "SELECT i.id, i.tenant_id, i.candidate_id, i.position_id, i.expires_at, i.revoked_at IS NOT NULL AS is_revoked,
                    s.id IS NOT NULL AS has_begun, s.ended_at IS NOT NULL AS is_over
             FROM interview_invitations i
             LEFT JOIN interview_sessions s ON s.tenant_id = i.tenant_id AND s.invitation_id = i.id ",
            $rest
        )
    };
}

pub(super) async fn one(tx: &mut Connection, tenant: TenantId, id: InvitationId) -> Result<Option<Invitation>> {
    let row = ask(select_invitation!("WHERE i.tenant_id = $1 AND i.id = $2"))
        .bind(Id(tenant.0))
        .bind(Id(id.0))
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(rows::invitation).transpose()
}

pub(super) async fn page(
    tx: &mut Connection,
    tenant: TenantId,
    limit: u32,
    after: Option<InvitationId>,
) -> Result<Vec<ListedInvitation>> {
    // Ids rise with time (UUIDv7), so the id is the cursor.
    let rows = ask(select_invitation!(
        "WHERE i.tenant_id = $1 AND i.id < $2 ORDER BY i.id DESC LIMIT $3"
    ))
    .bind(Id(tenant.0))
    .bind(Id(after.map_or(Uuid::max(), |id| id.0)))
    .bind(i64::from(limit))
    .fetch_all(tx)
    .await?;
    let listed = rows.iter().map(|row| {
        Ok(ListedInvitation {
            invitation: rows::invitation(row)?,
            has_begun: row.try_get("has_begun")?,
        })
    });
    listed.collect()
}

pub(super) async fn revoke(
    tx: &mut Connection,
    tenant: TenantId,
    id: InvitationId,
    at: OffsetDateTime,
) -> Result<Invitation> {
    ask("UPDATE interview_invitations SET revoked_at = $3
         WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM interview_sessions s
                           WHERE s.tenant_id = $1 AND s.invitation_id = $2 AND s.ended_at IS NOT NULL)")
    .bind(Id(tenant.0))
    .bind(Id(id.0))
    .bind(At(at))
    .execute(&mut *tx)
    .await?;
    let found = one(tx, tenant, id).await?.ok_or(Error::Missing("invitation"))?;
    if found.revoked {
        Ok(found)
    } else {
        Err(Error::Conflict("the interview is over"))
    }
}

pub(super) async fn renew(
    tx: &mut Connection,
    tenant: TenantId,
    id: InvitationId,
    renewal: &Renewal,
) -> Result<Renewed> {
    let row = ask("UPDATE interview_invitations
                   SET token_sha256 = $3, expires_at = $4, email = COALESCE($5, email)
                   WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL
                     AND NOT EXISTS (SELECT 1 FROM interview_sessions s
                                     WHERE s.tenant_id = $1 AND s.invitation_id = $2 AND s.ended_at IS NOT NULL)
                   RETURNING email")
    .bind(Id(tenant.0))
    .bind(Id(id.0))
    .bind(renewal.token_sha256.to_vec())
    .bind(At(renewal.expires_at))
    .bind(renewal.email.clone())
    .fetch_optional(&mut *tx)
    .await?;
    let email = row.as_ref().map(|row| row.try_get("email")).transpose()?;
    let invitation = one(tx, tenant, id).await?.ok_or(Error::Missing("invitation"))?;
    match email {
        Some(email) => Ok(Renewed { invitation, email }),
        None if invitation.revoked => Err(Error::Conflict("the invitation was taken back")),
        None => Err(Error::Conflict("the interview is over")),
    }
}

pub(super) async fn by_token(tx: &mut Connection, token_sha256: &[u8; 32]) -> Result<Option<Invitation>> {
    let row = ask(dialect::INVITATION_BY_TOKEN)
        .bind(token_sha256.to_vec())
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(rows::invitation).transpose()
}

pub(super) async fn redeemed(
    tx: &mut Connection,
    tenant: TenantId,
    id: InvitationId,
    at: OffsetDateTime,
) -> Result<()> {
    let done = ask(
        "UPDATE interview_invitations SET redeemed_at = COALESCE(redeemed_at, $3)
                    WHERE tenant_id = $1 AND id = $2",
    )
    .bind(Id(tenant.0))
    .bind(Id(id.0))
    .bind(At(at))
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Err(Error::Missing("invitation"));
    }
    let row = Audit {
        at,
        who: "candidate".into(),
        what: "invitation.redeemed".into(),
        object: id.to_string(),
    };
    kept::audit(tx, tenant, &row).await
}
