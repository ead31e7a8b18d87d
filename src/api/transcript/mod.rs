//! The transcript: read in three forms, and what a browser claims about it.
//!
//! **Law:** the tap is the record. A browser's text that lies within it stores nothing; any other is kept apart, as
//! `reported`, and never takes a tapped entry's place.

mod form;
mod within;

use super::extract::{Body, Id, Params};
use super::problem::{Kind, Problem};
use super::sessions;
use crate::app::App;
use crate::auth::Caller;
use crate::clock;
use crate::ids::{EntryId, SessionId};
use crate::store::{self, Entry, Source, Speaker};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use form::Form;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// One reported text, bytes, at most.
const TEXT_BYTES_MAX: usize = 16 * 1024;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(report)).routes(routes!(read))
}

/// What a browser says was said.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    session_id: SessionId,
    speaker: Speaker,
    text: String,
    #[serde(with = "clock::wire")]
    timestamp: OffsetDateTime,
}

/// Where it is found.
#[derive(Serialize, ToSchema)]
pub struct Reported {
    id: EntryId,
    success: bool,
}

/// How to read it.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct How {
    /// `json`, `txt` or `vtt`; goes before `Accept`.
    format: Option<String>,
    /// Browsers' claims too, marked as such.
    #[serde(default)]
    reported: bool,
}

/// The transcript in conversation order.
#[derive(Serialize, ToSchema)]
pub struct Transcript {
    entries: Vec<Said>,
}

/// One entry.
#[derive(Serialize, ToSchema)]
pub struct Said {
    id: EntryId,
    session_id: SessionId,
    /// Order of the conversation, from 1.
    sequence_number: i32,
    speaker: Speaker,
    /// All that was said; for an interrupted answer of the AI, all that was generated.
    text: String,
    #[serde(with = "clock::wire")]
    start_time: OffsetDateTime,
    #[serde(with = "clock::wire::option")]
    end_time: Option<OffsetDateTime>,
    source: Source,
    /// Cut off by the other speaker.
    interrupted: bool,
    /// How much of it was heard, where interrupted.
    heard_ms: Option<i64>,
    /// An estimate of the words that were heard, where interrupted.
    heard_text: Option<String>,
    /// Why words are missing, if they are.
    gap: Option<String>,
    item_id: String,
    content_index: i32,
}

/// Takes a browser's text. What the tap has, or is hearing, is answered with that entry's id and stored once.
#[utoipa::path(post, path = "/api/transcript", tag = "transcript", security(("bearer" = [])),
    request_body = Report, responses((status = 200, body = Reported)))]
async fn report(State(app): State<App>, caller: Caller, Body(said): Body<Report>) -> Result<Json<Reported>, Problem> {
    let session = sessions::own(&app, &caller, said.session_id).await?;
    app.limits.report(&caller.key(Some(session.id)))?;
    let text = said.text.trim();
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        return Err(Problem::invalid("/text", "should be words, 16 KiB at most"));
    }
    if let Some(live) = app.sessions.live(session.tenant, session.id) {
        let found = live.find_tapped(said.speaker, text.to_owned()).await;
        if let Some(id) = found {
            return Ok(Json(Reported { id, success: true }));
        }
    }
    let entries = app.store.transcript(session.tenant, session.id, false).await?;
    let theirs = entries.iter().filter(|entry| entry.speaker == said.speaker);
    if let Some(id) = within::find(theirs.map(|entry| (entry.id, entry.text.as_str())), text) {
        return Ok(Json(Reported { id, success: true }));
    }
    let entry = reported(&session, &entries, said.speaker, text, said.timestamp);
    let id = entry.id;
    app.journal.put_durable(session.tenant, vec![entry]).await?;
    app.metrics.entry(said.speaker, Source::Reported, None);
    Ok(Json(Reported { id, success: true }))
}

/// The transcript, as JSON, plain text or WebVTT.
#[utoipa::path(get, path = "/api/sessions/{id}/transcript", tag = "transcript", security(("bearer" = [])),
    params(("id" = SessionId, Path), How),
    responses((status = 200, content((Transcript = "application/json"), (String = "text/plain"), (String = "text/vtt"))),
              (status = 406, description = "not made in that form")))]
async fn read(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<SessionId>,
    Params(how): Params<How>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let form = match &how.format {
        Some(name) => Form::named(name),
        None => Form::accepted(&headers),
    };
    let form = form.ok_or_else(|| Problem::new(Kind::NotAcceptable, "json, txt and vtt are made"))?;
    let session = sessions::visible(&app, &caller, id).await?;
    let entries = app.store.transcript(session.tenant, session.id, how.reported).await?;
    let begun = session.started_at.unwrap_or(session.created_at);
    let vary = [(header::VARY, "Accept")];
    Ok(match form {
        Form::Json => {
            let entries = entries.into_iter().map(Said::from).collect();
            (vary, Json(Transcript { entries })).into_response()
        }
        Form::Text => (vary, [(header::CONTENT_TYPE, form.kind())], form::text(&entries, begun)).into_response(),
        Form::Vtt => (vary, [(header::CONTENT_TYPE, form.kind())], form::vtt(&entries, begun)).into_response(),
    })
}

/// A browser's claim as an entry: its id is made of what it says, so that the same said twice is there once. It takes
/// its place behind the last tapped entry that began before it.
fn reported(session: &store::Session, tapped: &[Entry], speaker: Speaker, text: &str, at: OffsetDateTime) -> Entry {
    let word = match speaker {
        Speaker::Ai => "ai",
        Speaker::Candidate => "candidate",
    };
    let said = format!("reported\0{word}\0{}\0{text}", at.unix_timestamp_nanos());
    let before = tapped.iter().filter(|entry| entry.start_time <= at);
    let since_begin_ms = (at - session.created_at).whole_milliseconds();
    Entry {
        id: EntryId(Uuid::new_v5(&session.id.0, said.as_bytes())),
        session: session.id,
        sequence: before.map(|entry| entry.sequence).max().unwrap_or(0),
        speaker,
        text: text.to_owned(),
        start_time: at,
        end_time: None,
        item_id: "reported".into(),
        // Orders claims among themselves, behind every part of a tapped item.
        content_index: i32::try_from(since_begin_ms.max(0)).unwrap_or(i32::MAX).max(1000),
        source: Source::Reported,
        interrupted: false,
        heard_ms: None,
        heard_text: None,
        gap: None,
        revision: 0,
    }
}

impl From<Entry> for Said {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            session_id: entry.session,
            sequence_number: entry.sequence,
            speaker: entry.speaker,
            text: entry.text,
            start_time: entry.start_time,
            end_time: entry.end_time,
            source: entry.source,
            interrupted: entry.interrupted,
            heard_ms: entry.heard_ms,
            heard_text: entry.heard_text,
            gap: entry.gap,
            item_id: entry.item_id,
            content_index: entry.content_index,
        }
    }
}
