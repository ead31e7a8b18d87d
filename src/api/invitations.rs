//! Invitations: made by recruiters, redeemed by whoever holds the token.

use super::extract::{Body, Id, Params};
use super::paging::{self, Page};
use super::problem::{Kind, Problem};
use super::{check, idempotency, limit, random_hex};
use crate::app::App;
use crate::auth::{Caller, Role};
use crate::clock;
use crate::ids::{CandidateId, InvitationId, PositionId, TenantId};
use crate::store::{Audit, Invitation, NewInvitation};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A candidate's token outlasts the longest interview and a long wait before it; redeeming again gives a new one.
const ACCESS_TTL: Duration = Duration::from_secs(6 * 3600);

pub(super) fn routes(app: &App) -> OpenApiRouter<App> {
    let open = OpenApiRouter::new()
        .routes(routes!(redeem))
        .layer(from_fn_with_state(app.clone(), limit::open_calls));
    let creating = OpenApiRouter::new()
        .routes(routes!(create))
        .layer(from_fn_with_state(app.clone(), idempotency::layer));
    OpenApiRouter::new()
        .merge(creating)
        .merge(open)
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(revoke))
}

/// Whom to invite, to what.
#[derive(Deserialize, ToSchema)]
pub struct Create {
    candidate_id: CandidateId,
    position_id: PositionId,
    /// From 1 to 720; 48 if not said.
    expiration_hours: Option<i64>,
    /// Where to send it, if not to the candidate's own address.
    email: Option<String>,
}

/// An invitation as it is told once: the token is not kept.
#[derive(Serialize, ToSchema)]
pub struct Created {
    id: InvitationId,
    /// 64 hex characters.
    token: String,
    /// The page that redeems it.
    invitation_url: String,
    #[serde(with = "clock::wire")]
    expires_at: OffsetDateTime,
}

/// Where an invitation stands.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It can be redeemed.
    Open,
    /// Its time is over, with no interview under way.
    Expired,
    /// The recruiter took it back.
    Revoked,
    /// Its interview is over.
    Over,
}

/// An invitation as recruiters see it.
#[derive(Serialize, ToSchema)]
pub struct Seen {
    id: InvitationId,
    candidate_id: CandidateId,
    position_id: PositionId,
    status: Standing,
    #[serde(with = "clock::wire")]
    expires_at: OffsetDateTime,
}

/// Invitations, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Invitations)]
pub struct Listed {
    invitations: Vec<Seen>,
    /// Pass it as `after` for the next page; null at the end.
    next: Option<InvitationId>,
}

/// The token of an invitation's link.
#[derive(Deserialize, ToSchema)]
pub struct Redeem {
    token: String,
}

/// What a candidate calls with from here on.
#[derive(Serialize, ToSchema)]
pub struct Redeemed {
    access_token: String,
    invitation_id: InvitationId,
    /// Of the access token; the invitation can be redeemed again for a new one.
    #[serde(with = "clock::wire")]
    expires_at: OffsetDateTime,
}

/// Invites a candidate to an interview.
#[utoipa::path(post, path = "/api/invitations", tag = "invitations", security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "the first answer again, for 24 h")),
    request_body = Create, responses((status = 201, body = Created)))]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<Create>,
) -> Result<(StatusCode, Json<Created>), Problem> {
    caller.must_recruit()?;
    if let Some(email) = &wanted.email {
        check::email("/email", email)?;
    }
    let now = clock::wall();
    let token = random_hex();
    let new = NewInvitation {
        id: InvitationId::new(),
        candidate: wanted.candidate_id,
        position: wanted.position_id,
        expires_at: now + hours(wanted.expiration_hours)?,
        email: wanted.email,
        token_sha256: Sha256::digest(&token).into(),
        created_at: now,
    };
    let made = app.store.invitation_create(caller.tenant, &new).await?;
    tracing::info!(tenant = %caller.tenant, invitation = %made.id, "invited");
    Ok((
        StatusCode::CREATED,
        Json(Created {
            id: made.id,
            invitation_url: link(&app, &token),
            token,
            expires_at: made.expires_at,
        }),
    ))
}

/// One invitation.
#[utoipa::path(get, path = "/api/invitations/{id}", tag = "invitations", security(("bearer" = [])),
    params(("id" = InvitationId, Path)), responses((status = 200, body = Seen)))]
async fn read(State(app): State<App>, caller: Caller, Id(id): Id<InvitationId>) -> Result<Json<Seen>, Problem> {
    caller.must_recruit()?;
    let found = app
        .store
        .invitation(caller.tenant, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let status = standing(&app, &found).await?;
    Ok(Json(seen(&found, status)))
}

/// Invitations of the tenant, newest first.
#[utoipa::path(get, path = "/api/invitations", tag = "invitations", security(("bearer" = [])), params(Page),
    responses((status = 200, body = Listed)))]
async fn list(State(app): State<App>, caller: Caller, Params(page): Params<Page>) -> Result<Json<Listed>, Problem> {
    caller.must_recruit()?;
    let asked = page.asked()?;
    let found = app
        .store
        .invitations(caller.tenant, asked, page.after.map(InvitationId))
        .await?;
    let (found, next) = paging::cut(found, asked, |listed| listed.invitation.id);
    let now = clock::wall();
    let invitations = found
        .iter()
        .map(|listed| seen(&listed.invitation, stands(&listed.invitation, listed.has_begun, now)));
    Ok(Json(Listed {
        invitations: invitations.collect(),
        next,
    }))
}

/// Takes an invitation back: its link opens nothing any more. An interview that is under way goes on until it is ended.
#[utoipa::path(post, path = "/api/invitations/{id}/revoke", tag = "invitations", security(("bearer" = [])),
    params(("id" = InvitationId, Path)),
    responses((status = 200, body = Seen), (status = 409, description = "its interview is over")))]
async fn revoke(State(app): State<App>, caller: Caller, Id(id): Id<InvitationId>) -> Result<Json<Seen>, Problem> {
    caller.must_recruit()?;
    let now = clock::wall();
    let found = app.store.invitation_revoke(caller.tenant, id, now).await?;
    let row = Audit {
        at: now,
        who: caller.sub,
        what: "invitation.revoked".into(),
        object: id.to_string(),
    };
    app.store.audit(caller.tenant, &row).await?;
    tracing::info!(tenant = %caller.tenant, invitation = %id, "revoked");
    Ok(Json(seen(&found, Standing::Revoked)))
}

/// Opens an invitation with the token of its link, as often as it takes until the interview ends.
#[utoipa::path(post, path = "/api/invitations/redeem", tag = "invitations", request_body = Redeem,
    responses((status = 200, body = Redeemed), (status = 410, description = "expired, taken back, or over")))]
async fn redeem(State(app): State<App>, Body(given): Body<Redeem>) -> Result<Json<Redeemed>, Problem> {
    let well_formed = given.token.len() == 64 && given.token.bytes().all(|b| b.is_ascii_hexdigit());
    if !well_formed {
        return Err(Problem::not_found());
    }
    let hash: [u8; 32] = Sha256::digest(given.token.to_ascii_lowercase()).into();
    let found = app
        .store
        .invitation_by_token(&hash)
        .await?
        .ok_or_else(Problem::not_found)?;
    must_be_open(&app, &found).await?;
    let now = clock::wall();
    app.store.invitation_redeemed(found.tenant, found.id, now).await?;
    let caller = Caller {
        sub: found.candidate.to_string(),
        tenant: found.tenant,
        role: Role::Candidate,
        invitation: Some(found.id),
    };
    let minted = app.tokens.mint(&caller, now, ACCESS_TTL)?;
    tracing::info!(tenant = %found.tenant, invitation = %found.id, "redeemed");
    Ok(Json(Redeemed {
        access_token: minted.token,
        invitation_id: found.id,
        expires_at: minted.expires_at,
    }))
}

/// Refuses an invitation that is not open, in words for the candidate.
pub(super) async fn must_be_open(app: &App, invitation: &Invitation) -> Result<(), Problem> {
    let why = match standing(app, invitation).await? {
        Standing::Open => return Ok(()),
        Standing::Expired => "The invitation has expired",
        Standing::Revoked => "The invitation was taken back",
        Standing::Over => "The interview is over",
    };
    Err(Problem::new(Kind::Gone, why))
}

async fn standing(app: &App, invitation: &Invitation) -> Result<Standing, Problem> {
    let has_begun = app.store.session_of(invitation.tenant, invitation.id).await?.is_some();
    Ok(stands(invitation, has_begun, clock::wall()))
}

/// An expired invitation whose interview is under way stays open until that ends: a cleared tab must find back.
fn stands(invitation: &Invitation, has_begun: bool, now: OffsetDateTime) -> Standing {
    if invitation.revoked {
        Standing::Revoked
    } else if invitation.over {
        Standing::Over
    } else if has_begun || invitation.expires_at > now {
        Standing::Open
    } else {
        Standing::Expired
    }
}

fn seen(invitation: &Invitation, status: Standing) -> Seen {
    Seen {
        id: invitation.id,
        candidate_id: invitation.candidate,
        position_id: invitation.position,
        status,
        expires_at: invitation.expires_at,
    }
}

/// The address that goes into the candidate's mail.
pub(crate) fn link(app: &App, token: &str) -> String {
    let base = app.config.http.public_app_url.as_str().trim_end_matches('/');
    format!("{base}/interview/join?token={token}")
}

/// An invitation of this process's own making (`demo`): its link, and the token in it.
pub(crate) async fn invite(
    app: &App,
    tenant: TenantId,
    candidate: CandidateId,
    position: PositionId,
) -> Result<(String, String), crate::store::Error> {
    let token = random_hex();
    let now = clock::wall();
    let new = NewInvitation {
        id: InvitationId::new(),
        candidate,
        position,
        email: None,
        token_sha256: Sha256::digest(&token).into(),
        created_at: now,
        expires_at: now + time::Duration::hours(48),
    };
    app.store.invitation_create(tenant, &new).await?;
    Ok((link(app, &token), token))
}

fn hours(said: Option<i64>) -> Result<time::Duration, Problem> {
    match said.unwrap_or(48) {
        hours @ 1..=720 => Ok(time::Duration::hours(hours)),
        _ => Err(Problem::invalid("/expiration_hours", "should be from 1 to 720")),
    }
}
