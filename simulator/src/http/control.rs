//! `/control`: what a test asks and orders. Needs no key; the simulator is never on a public address.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{App, refusal};
use crate::{call::Command, conversation::Faults, registry::Refusal, wire::WireFaults};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/calls", get(list))
        .route("/calls/{id}", get(one))
        .route("/defaults", get(defaults).post(set_defaults))
        .route("/faults", post(faults))
        .route("/reset", post(reset))
}

async fn list(State(app): State<App>) -> Json<Value> {
    let mut calls = Vec::new();
    for id in app.registry.ids(false) {
        calls.extend(app.registry.tell(&id).await);
    }
    calls.sort_by_key(|c| c["started_epoch_ms"].as_u64());
    Json(json!({"calls": calls, "refused": app.registry.refused()}))
}

async fn one(State(app): State<App>, Path(id): Path<String>) -> Response {
    match app.registry.tell(&id).await {
        Some(call) => Json(call).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "call_id_not_found", "No such call."),
    }
}

async fn defaults(State(app): State<App>) -> Json<Value> {
    Json(json!(app.registry.defaults()))
}

async fn set_defaults(State(app): State<App>, Json(update): Json<Value>) -> Response {
    match app.registry.defaults().with(&update) {
        Ok(defaults) => {
            app.registry.set_defaults(defaults.clone());
            Json(json!(defaults)).into_response()
        }
        Err(error) => refusal(StatusCode::UNPROCESSABLE_ENTITY, "invalid_value", &error.to_string()),
    }
}

async fn reset(State(app): State<App>) -> StatusCode {
    app.registry.reset().await;
    StatusCode::NO_CONTENT
}

/// One fault. `call` names one call; without it, every call going on.
#[derive(Debug, Deserialize)]
struct Order {
    call: Option<String>,
    #[serde(flatten)]
    fault: Fault,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Fault {
    /// The peer or socket ends at once, in good order: DTLS says so, or a close frame.
    DropPeer,
    /// The same, by the name of what is closed.
    CloseDtls,
    /// The peer or socket is gone for good and never says so.
    Vanish,
    /// The peer is cut off without a word; `on: false` brings it back.
    Blackhole {
        #[serde(default = "yes")]
        on: bool,
    },
    /// The event channel closes, the peer stays.
    CloseChannel,
    /// The next calls are refused, or all for some time.
    Refuse(Refusal),
    /// The session's time is over.
    Expire,
    /// USE-CANDIDATE strictness.
    UseCandidateStrict {
        #[serde(default = "yes")]
        on: bool,
    },
    /// Events are delayed, reordered, repeated, joined by strange ones.
    Events(WireFaults),
    /// Answers stall, transcripts fail, everything is slow.
    Session(Faults),
}

fn yes() -> bool {
    true
}

async fn faults(State(app): State<App>, Json(order): Json<Order>) -> Response {
    let command: Box<dyn Fn() -> Command + Send> = match order.fault {
        Fault::Refuse(refusal) => {
            app.registry.refuse(refusal, Instant::now());
            return Json(json!({"calls": 0})).into_response();
        }
        Fault::DropPeer | Fault::CloseDtls => Box::new(|| Command::End("dropped by fault".to_owned())),
        Fault::Vanish => Box::new(|| Command::Vanish),
        Fault::Blackhole { on } => Box::new(move || Command::Blackhole(on)),
        Fault::CloseChannel => Box::new(|| Command::CloseChannel),
        Fault::Expire => Box::new(|| Command::Expire),
        Fault::UseCandidateStrict { on } => Box::new(move || Command::Strict(on)),
        Fault::Events(faults) => Box::new(move || Command::Wire(faults.clone())),
        Fault::Session(faults) => Box::new(move || Command::Faults(faults.clone())),
    };
    let ids = order.call.map_or_else(|| app.registry.ids(true), |id| vec![id]);
    let mut told = 0;
    for id in ids {
        if let Some(commands) = app.registry.commands(&id) {
            told += usize::from(commands.send(command()).await.is_ok());
        }
    }
    Json(json!({"calls": told})).into_response()
}
