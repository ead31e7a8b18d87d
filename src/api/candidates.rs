//! Candidates: who is interviewed.

use super::extract::{Body, Id, Params};
use super::paging::{self, Page};
use super::problem::Problem;
use super::{check, idempotency};
use crate::app::App;
use crate::auth::Caller;
use crate::clock;
use crate::ids::CandidateId;
use crate::store::{self, CandidatePatch};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Characters of a name.
const NAME_MAX: usize = 200;

pub(super) fn routes(app: &App) -> OpenApiRouter<App> {
    let creating = OpenApiRouter::new()
        .routes(routes!(create))
        .layer(from_fn_with_state(app.clone(), idempotency::layer));
    OpenApiRouter::new()
        .merge(creating)
        .routes(routes!(list))
        .routes(routes!(read, change))
}

/// A new candidate.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewCandidate)]
pub struct Create {
    /// The interviewer greets them by the first word of it.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Where invitations go.
    #[schema(max_length = 254, format = "email")]
    email: String,
}

/// What is to change; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[schema(as = CandidatePatch)]
pub struct Change {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    #[schema(max_length = 254, format = "email")]
    email: Option<String>,
}

/// A candidate.
#[derive(Serialize, ToSchema)]
#[schema(as = Candidate)]
pub struct Seen {
    id: CandidateId,
    name: String,
    email: String,
}

/// Candidates, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Candidates)]
pub struct Listed {
    candidates: Vec<Seen>,
    /// Pass it as `after` for the next page; null at the end.
    next: Option<CandidateId>,
}

/// Makes a candidate.
#[utoipa::path(post, path = "/api/candidates", tag = "candidates", security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "the first answer again, for 24 h")),
    request_body = Create, responses((status = 201, body = Seen)))]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<Create>,
) -> Result<(StatusCode, Json<Seen>), Problem> {
    caller.must_recruit()?;
    check(Some(&wanted.name), Some(&wanted.email))?;
    let made = store::Candidate {
        id: CandidateId::new(),
        name: wanted.name,
        email: wanted.email,
    };
    app.store.candidate_create(caller.tenant, &made, clock::wall()).await?;
    tracing::info!(tenant = %caller.tenant, candidate = %made.id, "candidate made");
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Candidates of the tenant, newest first.
#[utoipa::path(get, path = "/api/candidates", tag = "candidates", security(("bearer" = [])), params(Page),
    responses((status = 200, body = Listed)))]
async fn list(State(app): State<App>, caller: Caller, Params(page): Params<Page>) -> Result<Json<Listed>, Problem> {
    caller.must_recruit()?;
    let asked = page.asked()?;
    let found = app
        .store
        .candidates(caller.tenant, asked, page.after.map(CandidateId))
        .await?;
    let (found, next) = paging::cut(found, asked, |candidate| candidate.id);
    Ok(Json(Listed {
        candidates: found.into_iter().map(Seen::from).collect(),
        next,
    }))
}

/// One candidate.
#[utoipa::path(get, path = "/api/candidates/{id}", tag = "candidates", security(("bearer" = [])),
    params(("id" = CandidateId, Path)), responses((status = 200, body = Seen)))]
async fn read(State(app): State<App>, caller: Caller, Id(id): Id<CandidateId>) -> Result<Json<Seen>, Problem> {
    caller.must_recruit()?;
    let found = app.store.candidate(caller.tenant, id).await?;
    Ok(Json(found.ok_or_else(Problem::not_found)?.into()))
}

/// Changes a candidate's name or address.
#[utoipa::path(patch, path = "/api/candidates/{id}", tag = "candidates", security(("bearer" = [])),
    params(("id" = CandidateId, Path)), request_body = Change, responses((status = 200, body = Seen)))]
async fn change(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<CandidateId>,
    Body(wanted): Body<Change>,
) -> Result<Json<Seen>, Problem> {
    caller.must_recruit()?;
    check(wanted.name.as_deref(), wanted.email.as_deref())?;
    let patch = CandidatePatch {
        name: wanted.name,
        email: wanted.email,
    };
    let changed = app.store.candidate_change(caller.tenant, id, &patch).await?;
    Ok(Json(changed.ok_or_else(Problem::not_found)?.into()))
}

fn check(name: Option<&str>, email: Option<&str>) -> Result<(), Problem> {
    if let Some(name) = name {
        check::line("/name", name, NAME_MAX)?;
    }
    if let Some(email) = email {
        check::email("/email", email)?;
    }
    Ok(())
}

impl From<store::Candidate> for Seen {
    fn from(candidate: store::Candidate) -> Self {
        Self {
            id: candidate.id,
            name: candidate.name,
            email: candidate.email,
        }
    }
}
