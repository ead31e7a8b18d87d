//! Interviews: made of an invitation, read, consented to, ended.

use super::extract::{Body, Id, OrEmpty, Params};
use super::paging::{self, Page};
use super::problem::{Kind, Problem};
use super::{idempotency, invitations};
use crate::app::App;
use crate::auth::{Caller, Role};
use crate::clock;
use crate::ids::{CandidateId, InvitationId, PositionId, SessionId, TenantId};
use crate::store::{self, Consent, EndReason, SessionStatus};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A consent's version is a name, not a text.
const VERSION_BYTES_MAX: usize = 100;
/// Browsers take no longer addresses.
const URL_BYTES_MAX: usize = 2048;

pub(super) fn routes(app: &App) -> OpenApiRouter<App> {
    let creating = OpenApiRouter::new()
        .routes(routes!(create))
        .layer(from_fn_with_state(app.clone(), idempotency::layer));
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(consent))
        .routes(routes!(complete))
        .merge(creating)
}

/// Which invitation to begin with.
#[derive(Deserialize, ToSchema)]
pub struct Create {
    invitation_id: InvitationId,
}

/// What a browser needs to begin.
#[derive(Serialize, ToSchema)]
pub struct Begun {
    session_id: SessionId,
    /// The origin of the process where the session lives.
    fly_app_url: String,
    position: Position,
    company: Company,
}

/// What is interviewed for.
#[derive(Serialize, ToSchema)]
#[schema(as = BegunPosition)]
pub struct Position {
    id: PositionId,
    title: String,
    description: String,
    /// BCP 47, e.g. `en`.
    language: String,
    /// Its time limit.
    max_minutes: u16,
}

/// Who interviews.
#[derive(Serialize, ToSchema)]
pub struct Company {
    id: TenantId,
    name: String,
}

/// One interview as it stands.
#[derive(Serialize, ToSchema)]
pub struct Seen {
    session_id: SessionId,
    invitation_id: InvitationId,
    candidate_id: CandidateId,
    position_id: PositionId,
    status: SessionStatus,
    legs: Legs,
    webrtc_status: Option<String>,
    #[serde(with = "clock::wire::option")]
    webrtc_connection_time: Option<OffsetDateTime>,
    #[serde(with = "clock::wire::option")]
    webrtc_disconnection_time: Option<OffsetDateTime>,
    #[serde(with = "clock::wire")]
    created_at: OffsetDateTime,
    #[serde(with = "clock::wire::option")]
    started_at: Option<OffsetDateTime>,
    #[serde(with = "clock::wire::option")]
    ended_at: Option<OffsetDateTime>,
    end_reason: Option<EndReason>,
    /// What failed technically, if it did.
    technical_failure: Option<String>,
    recording_url: Option<String>,
    /// Entries of the transcript, reported ones not counted.
    transcript_entries: u32,
}

/// Both legs: `none`, `connecting`, `up`, `lost` or `gone`.
#[derive(Serialize, ToSchema)]
pub struct Legs {
    candidate: &'static str,
    ai: &'static str,
}

/// Interviews, newest first.
#[derive(Serialize, ToSchema)]
pub struct Listed {
    sessions: Vec<Seen>,
    /// Pass it as `after` for the next page; null at the end.
    next: Option<SessionId>,
}

/// The candidate's consent.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct ConsentGiven {
    /// Of the words that were shown.
    version: String,
    /// False: withheld.
    given: bool,
}

/// How to end.
#[derive(Deserialize, ToSchema)]
pub struct Complete {
    /// Where a browser's recording is; https.
    #[serde(rename = "recordingUrl")]
    recording_url: Option<String>,
}

/// It is over.
#[derive(Serialize, ToSchema)]
pub struct Completed {
    success: bool,
    session_id: SessionId,
    status: SessionStatus,
}

/// Begins the interview of an invitation; asked again before it ends, it answers the same.
#[utoipa::path(post, path = "/api/sessions", tag = "sessions", security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "the first answer again, for 24 h")),
    request_body = Create,
    responses((status = 201, body = Begun), (status = 200, body = Begun, description = "it was there"),
              (status = 410, description = "the invitation or the interview is over")))]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<Create>,
) -> Result<(StatusCode, Json<Begun>), Problem> {
    caller.must_be(Role::Candidate)?;
    if !caller.is_invited_by(wanted.invitation_id) {
        return Err(Problem::not_found());
    }
    let invitation = app.store.invitation(caller.tenant, wanted.invitation_id).await?;
    let invitation = invitation.ok_or_else(Problem::not_found)?;
    invitations::must_be_open(&app, &invitation).await?;
    let opened = match app
        .store
        .session_open(caller.tenant, invitation.id, clock::wall())
        .await
    {
        // It was taken back, or its interview ended, in this very moment.
        Err(store::Error::Conflict(why)) => return Err(Problem::new(Kind::Gone, why)),
        other => other?,
    };
    let position = app.store.position(caller.tenant, invitation.position).await?;
    let position = position.ok_or_else(Problem::not_found)?;
    let tenant = app.store.tenant(caller.tenant).await?.ok_or_else(Problem::not_found)?;
    let status = if opened.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    if opened.created {
        tracing::info!(tenant = %caller.tenant, session = %opened.session.id, "session made");
    }
    Ok((
        status,
        Json(Begun {
            session_id: opened.session.id,
            fly_app_url: app.sessions.lives_at(caller.tenant, opened.session.id).await?,
            position: Position {
                id: position.id,
                title: position.title,
                description: position.description,
                language: position.language,
                max_minutes: position.max_minutes.min(app.config.session.max_minutes),
            },
            company: Company {
                id: tenant.id,
                name: tenant.name,
            },
        }),
    ))
}

/// Interviews of the tenant; a candidate's own.
#[utoipa::path(get, path = "/api/sessions", tag = "sessions", security(("bearer" = [])), params(Page),
    responses((status = 200, body = Listed)))]
async fn list(State(app): State<App>, caller: Caller, Params(page): Params<Page>) -> Result<Json<Listed>, Problem> {
    let asked = page.asked()?;
    if let Some(invitation) = caller.invitation {
        let own = app.store.session_of(caller.tenant, invitation).await?;
        let sessions = own.iter().map(|session| seen(&app, session)).collect();
        return Ok(Json(Listed { sessions, next: None }));
    }
    caller.must_recruit()?;
    let found = app
        .store
        .sessions(caller.tenant, asked, page.after.map(SessionId))
        .await?;
    let (found, next) = paging::cut(found, asked, |session| session.id);
    Ok(Json(Listed {
        sessions: found.iter().map(|session| seen(&app, session)).collect(),
        next,
    }))
}

/// One interview as it stands.
#[utoipa::path(get, path = "/api/sessions/{id}", tag = "sessions", security(("bearer" = [])),
    params(("id" = SessionId, Path)), responses((status = 200, body = Seen)))]
async fn read(State(app): State<App>, caller: Caller, Id(id): Id<SessionId>) -> Result<Json<Seen>, Problem> {
    let session = visible(&app, &caller, id).await?;
    Ok(Json(seen(&app, &session)))
}

/// Stores the candidate's consent with the session. The last one said holds.
#[utoipa::path(post, path = "/api/sessions/{id}/consent", tag = "sessions", security(("bearer" = [])),
    params(("id" = SessionId, Path)), request_body = ConsentGiven, responses((status = 200, body = ConsentGiven)))]
async fn consent(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<SessionId>,
    Body(said): Body<ConsentGiven>,
) -> Result<Json<ConsentGiven>, Problem> {
    caller.must_be(Role::Candidate)?;
    let session = visible(&app, &caller, id).await?;
    let plain = said.version.chars().all(|c| !c.is_control());
    if said.version.trim().is_empty() || said.version.len() > VERSION_BYTES_MAX || !plain {
        return Err(Problem::invalid(
            "/version",
            "should name the words that were shown, in 1 to 100 bytes",
        ));
    }
    let consent = Consent {
        version: said.version.clone(),
        given: said.given,
        at: clock::wall(),
    };
    app.store.consent(session.tenant, session.id, &consent).await?;
    Ok(Json(said))
}

/// Ends the interview. Asked again, it answers the same.
#[utoipa::path(post, path = "/api/sessions/{id}/complete", tag = "sessions", security(("bearer" = [])),
    params(("id" = SessionId, Path)), request_body = Complete, responses((status = 200, body = Completed)))]
async fn complete(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<SessionId>,
    OrEmpty(how): OrEmpty<Complete>,
) -> Result<Json<Completed>, Problem> {
    let session = visible(&app, &caller, id).await?;
    let recording = how
        .recording_url
        .filter(|url| !url.is_empty())
        .map(recording)
        .transpose()?;
    let reason = match caller.role {
        Role::Candidate => EndReason::Candidate,
        _ => EndReason::Recruiter,
    };
    app.sessions.end(session.tenant, session.id, reason, recording).await?;
    // The contract has one answer: clients wait for the word. That an interview failed technically stays with the session.
    Ok(Json(Completed {
        success: true,
        session_id: session.id,
        status: SessionStatus::Completed,
    }))
}

/// The session, if it is there for this caller: else there is no such thing, whatever the reason.
pub(super) async fn visible(app: &App, caller: &Caller, id: SessionId) -> Result<store::Session, Problem> {
    let session = app.store.session(caller.tenant, id).await?;
    session
        .filter(|session| caller.may_see(session))
        .ok_or_else(Problem::not_found)
}

/// The candidate's own session; for those who may see it and are not the candidate, it is not theirs to do.
pub(super) async fn own(app: &App, caller: &Caller, id: SessionId) -> Result<store::Session, Problem> {
    caller.must_be(Role::Candidate)?;
    visible(app, caller, id).await
}

fn seen(app: &App, session: &store::Session) -> Seen {
    Seen {
        session_id: session.id,
        invitation_id: session.invitation,
        candidate_id: session.candidate,
        position_id: session.position,
        status: session.status,
        legs: legs(app, session),
        webrtc_status: session.webrtc_status.clone(),
        webrtc_connection_time: session.webrtc_connection_time,
        webrtc_disconnection_time: session.webrtc_disconnection_time,
        created_at: session.created_at,
        started_at: session.started_at,
        ended_at: session.ended_at,
        end_reason: session.end_reason,
        technical_failure: session.technical_failure.clone(),
        recording_url: session.recording_url.clone(),
        transcript_entries: session.entries,
    }
}

fn legs(app: &App, session: &store::Session) -> Legs {
    if let Some(live) = app.sessions.live(session.tenant, session.id) {
        let now = live.snapshot();
        return Legs {
            candidate: now.candidate,
            ai: now.ai,
        };
    }
    let gone = if session.webrtc_status.is_some() {
        "gone"
    } else {
        "none"
    };
    Legs {
        candidate: gone,
        ai: gone,
    }
}

fn recording(said: String) -> Result<String, Problem> {
    let https = Url::parse(&said).is_ok_and(|url| url.scheme() == "https" && url.has_host());
    let plain = said.len() <= URL_BYTES_MAX && said.chars().all(|c| !c.is_control());
    if !https || !plain {
        return Err(Problem::invalid("/recordingUrl", "should be an https address"));
    }
    Ok(said)
}
