//! Invitations: made by recruiters, redeemed by whoever holds the token.

use super::extract::{Body, Id, OrEmpty, Params};
use super::paging::{self, Page};
use super::problem::{Kind, Problem};
use super::{check, idempotency, limit, random_hex};
use crate::app::App;
use crate::auth::{Caller, Role};
use crate::clock;
use crate::ids::{CandidateId, InvitationId, JobId, PositionId, TenantId};
use crate::jobs::Job;
use crate::letters;
use crate::store::{Audit, Invitation, NewInvitation, Renewal};
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
use uuid::Uuid;

/// A candidate's token outlasts the longest interview and a long wait before it; redeeming again gives a new one.
const ACCESS_TTL: Duration = Duration::from_secs(6 * 3600);

pub(super) fn routes(app: &App) -> OpenApiRouter<App> {
    let open = OpenApiRouter::new()
        .routes(routes!(redeem))
        .layer(from_fn_with_state(app.clone(), limit::open_calls));
    let creating = OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(resend))
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

/// How to send it once more.
#[derive(Deserialize, ToSchema)]
pub struct Resend {
    /// From 1 to 720; 48 if not said.
    #[schema(minimum = 1, maximum = 720)]
    expiration_hours: Option<i64>,
    /// Where to send it from now on; where it went before, if not said.
    #[schema(max_length = 254, format = "email")]
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
    /// A letter with it is on its way. False: no mail server is configured, and it is yours to pass on.
    mailed: bool,
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
    let told = tell(&app, &made, new.email.as_deref(), token, false).await?;
    Ok((StatusCode::CREATED, Json(told)))
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

/// Sends an invitation once more, by a new link: the one before opens nothing any more. It can be begun for so many hours from now.
#[utoipa::path(post, path = "/api/invitations/{id}/resend", tag = "invitations", security(("bearer" = [])),
    params(("id" = InvitationId, Path),
           ("Idempotency-Key" = Option<String>, Header, description = "the first answer again, for 24 h")),
    request_body = Resend,
    responses((status = 200, body = Created), (status = 409, description = "it was taken back, or its interview is over")))]
async fn resend(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<InvitationId>,
    OrEmpty(wanted): OrEmpty<Resend>,
) -> Result<Json<Created>, Problem> {
    caller.must_recruit()?;
    if let Some(email) = &wanted.email {
        check::email("/email", email)?;
    }
    let token = random_hex();
    let renewal = Renewal {
        token_sha256: Sha256::digest(&token).into(),
        expires_at: clock::wall() + hours(wanted.expiration_hours)?,
        email: wanted.email,
    };
    let renewed = app.store.invitation_renew(caller.tenant, id, &renewal).await?;
    tracing::info!(tenant = %caller.tenant, invitation = %id, "invited again");
    Ok(Json(
        tell(&app, &renewed.invitation, renewed.email.as_deref(), token, true).await?,
    ))
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

/// The answer that holds a new token, and the letter that does, where letters are sent.
async fn tell(
    app: &App,
    invitation: &Invitation,
    email: Option<&str>,
    token: String,
    replaces: bool,
) -> Result<Created, Problem> {
    let told = Created {
        id: invitation.id,
        invitation_url: link(app, &token),
        mailed: app.jobs.sends_mail(),
        token,
        expires_at: invitation.expires_at,
    };
    if !told.mailed {
        return Ok(told);
    }
    let tenant = invitation.tenant;
    let (company, candidate, position) = tokio::try_join!(
        app.store.tenant(tenant),
        app.store.candidate(tenant, invitation.candidate),
        app.store.position(tenant, invitation.position)
    )?;
    let (Some(company), Some(candidate), Some(position)) = (company, candidate, position) else {
        return Err(Problem::not_found());
    };
    let letter = letters::invitation(&letters::Invitation {
        to: email.unwrap_or(&candidate.email),
        name: &candidate.name,
        company: &company.name,
        position: &position.title,
        max_minutes: position.max_minutes.min(app.config.session.max_minutes),
        link: &told.invitation_url,
        expires_at: told.expires_at,
        replaces,
    });
    // One letter for each token, however often this is asked.
    let job = JobId(Uuid::new_v5(&invitation.id.0, told.token.as_bytes()));
    app.jobs.put(tenant, job, &Job::Mail(letter)).await?;
    Ok(told)
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
