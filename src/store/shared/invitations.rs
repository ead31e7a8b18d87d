//! Invitations: made by a recruiter, opened by whoever holds the token, good until their session ends.
//!
//! **Law:** of a token only its SHA-256 is ever here, and it is never written to a log.

use super::{Connection, ask, dialect, kept, missing, rows};
use crate::ids::{InvitationId, TenantId};
use crate::store::column::{At, Id};
use crate::store::{Audit, Error, Invitation, NewInvitation, Result};
use time::OffsetDateTime;

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

pub(super) async fn one(tx: &mut Connection, tenant: TenantId, id: InvitationId) -> Result<Option<Invitation>> {
    let row = ask("SELECT id, tenant_id, candidate_id, position_id, expires_at,
                          revoked_at IS NOT NULL AS is_revoked,
                          EXISTS (SELECT 1 FROM interview_sessions s
                                  WHERE s.tenant_id = i.tenant_id AND s.invitation_id = i.id
                                    AND s.ended_at IS NOT NULL) AS is_over
                   FROM interview_invitations i WHERE tenant_id = $1 AND id = $2")
    .bind(Id(tenant.0))
    .bind(Id(id.0))
    .fetch_optional(tx)
    .await?;
    row.as_ref().map(rows::invitation).transpose()
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
