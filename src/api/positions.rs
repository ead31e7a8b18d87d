//! Positions: what is interviewed for, and the plan by which the interviewer asks.

use super::extract::{Body, Id, Params};
use super::paging::{self, Page};
use super::problem::Problem;
use super::{check, idempotency};
use crate::app::App;
use crate::auth::Caller;
use crate::clock;
use crate::ids::PositionId;
use crate::store::{self, PlannedQuestion, PositionPatch};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Characters of a title, of a text, of a question or a follow-up, of a rubric.
const TITLE_MAX: usize = 200;
const TEXT_MAX: usize = 8_000;
const QUESTION_MAX: usize = 1_000;
const RUBRIC_MAX: usize = 2_000;
/// Questions of a plan, and follow-ups of a question.
const QUESTIONS_MAX: usize = 40;
const FOLLOW_UPS_MAX: usize = 8;
/// A voice is a name of the AI service's, which knows them.
const VOICE_MAX: usize = 64;
/// Seconds.
const PATIENCE_MAX: u16 = 120;
/// Minutes: one session of the AI service holds no more.
const MINUTES: (u16, u16) = (1, 58);

pub(super) fn routes(app: &App) -> OpenApiRouter<App> {
    let creating = OpenApiRouter::new()
        .routes(routes!(create))
        .layer(from_fn_with_state(app.clone(), idempotency::layer));
    OpenApiRouter::new()
        .merge(creating)
        .routes(routes!(list))
        .routes(routes!(read, change))
}

/// A new position.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewPosition)]
pub struct Create {
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    /// For the candidate to read.
    #[serde(default)]
    #[schema(max_length = 8000)]
    description: String,
    /// BCP 47; `en` if not said.
    #[schema(pattern = "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", max_length = 35)]
    language: Option<String>,
    /// The interviewer's; `marin` if not said.
    #[schema(min_length = 1, max_length = 64)]
    voice: Option<String>,
    /// Of the whole interview; 30 if not said.
    #[schema(minimum = 1, maximum = 58)]
    max_minutes: Option<u16>,
    /// The questions, in order.
    #[serde(default)]
    #[schema(max_items = 40)]
    plan: Vec<PlannedQuestion>,
    /// What else the interviewer is told.
    #[serde(default)]
    #[schema(max_length = 8000)]
    instructions: String,
}

/// What is to change; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[schema(as = PositionPatch)]
pub struct Change {
    #[schema(min_length = 1, max_length = 200)]
    title: Option<String>,
    #[schema(max_length = 8000)]
    description: Option<String>,
    #[schema(pattern = "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", max_length = 35)]
    language: Option<String>,
    #[schema(min_length = 1, max_length = 64)]
    voice: Option<String>,
    #[schema(minimum = 1, maximum = 58)]
    max_minutes: Option<u16>,
    #[schema(max_items = 40)]
    plan: Option<Vec<PlannedQuestion>>,
    #[schema(max_length = 8000)]
    instructions: Option<String>,
}

/// A position.
#[derive(Serialize, ToSchema)]
#[schema(as = Position)]
pub struct Seen {
    id: PositionId,
    title: String,
    description: String,
    /// BCP 47, e.g. `en`.
    language: String,
    voice: String,
    max_minutes: u16,
    plan: Vec<PlannedQuestion>,
    instructions: String,
}

/// Positions, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Positions)]
pub struct Listed {
    positions: Vec<Seen>,
    /// Pass it as `after` for the next page; null at the end.
    next: Option<PositionId>,
}

/// Makes a position.
#[utoipa::path(post, path = "/api/positions", tag = "positions", security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "the first answer again, for 24 h")),
    request_body = Create, responses((status = 201, body = Seen)))]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<Create>,
) -> Result<(StatusCode, Json<Seen>), Problem> {
    caller.must_recruit()?;
    let patch = PositionPatch {
        title: Some(wanted.title.clone()),
        description: Some(wanted.description.clone()),
        language: wanted.language.clone(),
        voice: wanted.voice.clone(),
        max_minutes: wanted.max_minutes,
        plan: Some(wanted.plan.clone()),
        instructions: Some(wanted.instructions.clone()),
    };
    check(&patch)?;
    let made = store::Position {
        id: PositionId::new(),
        title: wanted.title,
        description: wanted.description,
        language: wanted.language.unwrap_or_else(|| "en".into()),
        voice: wanted.voice.unwrap_or_else(|| "marin".into()),
        max_minutes: wanted.max_minutes.unwrap_or(30),
        plan: wanted.plan,
        instructions: wanted.instructions,
    };
    app.store.position_create(caller.tenant, &made, clock::wall()).await?;
    tracing::info!(tenant = %caller.tenant, position = %made.id, "position made");
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Positions of the tenant, newest first.
#[utoipa::path(get, path = "/api/positions", tag = "positions", security(("bearer" = [])), params(Page),
    responses((status = 200, body = Listed)))]
async fn list(State(app): State<App>, caller: Caller, Params(page): Params<Page>) -> Result<Json<Listed>, Problem> {
    caller.must_recruit()?;
    let asked = page.asked()?;
    let found = app
        .store
        .positions(caller.tenant, asked, page.after.map(PositionId))
        .await?;
    let (found, next) = paging::cut(found, asked, |position| position.id);
    Ok(Json(Listed {
        positions: found.into_iter().map(Seen::from).collect(),
        next,
    }))
}

/// One position.
#[utoipa::path(get, path = "/api/positions/{id}", tag = "positions", security(("bearer" = [])),
    params(("id" = PositionId, Path)), responses((status = 200, body = Seen)))]
async fn read(State(app): State<App>, caller: Caller, Id(id): Id<PositionId>) -> Result<Json<Seen>, Problem> {
    caller.must_recruit()?;
    let found = app.store.position(caller.tenant, id).await?;
    Ok(Json(found.ok_or_else(Problem::not_found)?.into()))
}

/// Changes a position; an interviewer who is dialled from now on is told it as it then is.
#[utoipa::path(patch, path = "/api/positions/{id}", tag = "positions", security(("bearer" = [])),
    params(("id" = PositionId, Path)), request_body = Change, responses((status = 200, body = Seen)))]
async fn change(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<PositionId>,
    Body(wanted): Body<Change>,
) -> Result<Json<Seen>, Problem> {
    caller.must_recruit()?;
    let patch = PositionPatch {
        title: wanted.title,
        description: wanted.description,
        language: wanted.language,
        voice: wanted.voice,
        max_minutes: wanted.max_minutes,
        plan: wanted.plan,
        instructions: wanted.instructions,
    };
    check(&patch)?;
    let changed = app.store.position_change(caller.tenant, id, &patch).await?;
    Ok(Json(changed.ok_or_else(Problem::not_found)?.into()))
}

fn check(patch: &PositionPatch) -> Result<(), Problem> {
    let said =
        |text: &Option<String>, check: &dyn Fn(&str) -> Result<(), Problem>| text.as_deref().map_or(Ok(()), check);
    said(&patch.title, &|text| check::line("/title", text, TITLE_MAX))?;
    said(&patch.description, &|text| check::text("/description", text, TEXT_MAX))?;
    said(&patch.language, &|tag| check::language("/language", tag))?;
    said(&patch.voice, &|text| check::line("/voice", text, VOICE_MAX))?;
    said(&patch.instructions, &|text| {
        check::text("/instructions", text, TEXT_MAX)
    })?;
    if let Some(minutes) = patch.max_minutes {
        check::number("/max_minutes", minutes, MINUTES.0, MINUTES.1)?;
    }
    let plan = patch.plan.as_deref().unwrap_or_default();
    if plan.len() > QUESTIONS_MAX {
        return Err(Problem::invalid(
            "/plan",
            format!("should be at most {QUESTIONS_MAX} questions"),
        ));
    }
    for (at, question) in plan.iter().enumerate() {
        let of = |field: &str| format!("/plan/{at}/{field}");
        check::line(&of("question"), &question.question, QUESTION_MAX)?;
        check::text(&of("rubric"), &question.rubric, RUBRIC_MAX)?;
        check::number(&of("patience_s"), question.patience_s, 0, PATIENCE_MAX)?;
        if question.follow_ups.len() > FOLLOW_UPS_MAX {
            let detail = format!("should be at most {FOLLOW_UPS_MAX}");
            return Err(Problem::invalid(of("follow_ups"), detail));
        }
        for (number, follow_up) in question.follow_ups.iter().enumerate() {
            check::line(&format!("/plan/{at}/follow_ups/{number}"), follow_up, QUESTION_MAX)?;
        }
    }
    Ok(())
}

impl From<store::Position> for Seen {
    fn from(position: store::Position) -> Self {
        Self {
            id: position.id,
            title: position.title,
            description: position.description,
            language: position.language,
            voice: position.voice,
            max_minutes: position.max_minutes,
            plan: position.plan,
            instructions: position.instructions,
        }
    }
}
