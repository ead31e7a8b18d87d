//! The HTTP surface: routes, who may call, what every answer carries.
//!
//! A caller shows any key that is not empty; `ek_` keys must have been made here. Every answer says `x-vivavoce-simulator`.

#![allow(
    clippy::result_large_err,
    reason = "in a handler the error is a response, and it is returned once"
)]

mod calls;
mod control;
mod responses;
mod sockets;
mod transcriptions;

use std::time::Duration;

use axum::{
    Json, Router,
    extract::DefaultBodyLimit,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::time::Instant;
use tower_http::{
    cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer},
    set_header::SetResponseHeaderLayer,
};

use crate::{peer::PeerConfig, registry::Registry};

/// A request that is left hanging is answered after so long, if anybody still waits.
const HANG_MAX: Duration = Duration::from_secs(120);

/// What every handler shares.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) registry: Registry,
    pub(crate) peer: PeerConfig,
}

/// `more`: what is served beside it.
pub(crate) fn router(app: App, more: Router) -> Router {
    let api = Router::new()
        .route("/realtime/calls", post(calls::create))
        .route("/realtime/calls/{id}/hangup", post(calls::hang_up))
        .route("/realtime/client_secrets", post(calls::client_secret))
        .route("/realtime", get(sockets::connect))
        .route("/responses", post(responses::create))
        .route("/audio/transcriptions", post(transcriptions::create))
        .route("/models", get(models));
    Router::new()
        .nest("/v1", api)
        .nest("/control", control::routes())
        .route("/", get(about))
        .route("/healthz", get(|| async { "ok (simulator)" }))
        .with_state(app)
        .merge(more)
        .fallback(|| async { refusal(StatusCode::NOT_FOUND, "not_found", "No such path at this simulator.") })
        .layer(DefaultBodyLimit::max(32 << 20))
        .layer(SetResponseHeaderLayer::overriding(
            HeaderName::from_static("x-vivavoce-simulator"),
            HeaderValue::from_static("1"),
        ))
        .layer(
            CorsLayer::new()
                .allow_origin(AllowOrigin::mirror_request())
                .allow_methods(AllowMethods::mirror_request())
                .allow_headers(AllowHeaders::mirror_request())
                .expose_headers([header::LOCATION, HeaderName::from_static("x-vivavoce-simulator")]),
        )
}

async fn about() -> Json<Value> {
    Json(
        json!({"simulator": true, "what": "Vivavoce's stand-in for the OpenAI Realtime API. It is not OpenAI.",
        "control": ["GET /control/calls", "GET /control/calls/{id}", "POST /control/defaults", "POST /control/faults", "POST /control/reset"]}),
    )
}

async fn models() -> Json<Value> {
    let model = |id: &str| json!({"id": id, "object": "model", "owned_by": "vivavoce-simulator"});
    Json(
        json!({"object": "list", "data": [model("gpt-realtime-2.1"), model("gpt-realtime-2.1-mini"), model("gpt-5.4-mini")]}),
    )
}

/// An error as the API words it.
pub(crate) fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": code}});
    (status, Json(body)).into_response()
}

/// The caller's key, from the header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let key = value
        .strip_prefix("Bearer ")
        .or_else(|| value.strip_prefix("bearer "))?
        .trim();
    (!key.is_empty()).then(|| key.to_owned())
}

/// Who calls: a project's key, or an ephemeral one with its session.
pub(crate) enum Caller {
    Project,
    Ephemeral(Value),
}

/// Checks a key; the refusal is text/plain, as OpenAI sends it.
pub(crate) fn authorize(app: &App, key: Option<&str>) -> Result<Caller, Response> {
    let deny = |message: String| {
        let body = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": "invalid_api_key"}});
        (
            StatusCode::UNAUTHORIZED,
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            body.to_string(),
        )
            .into_response()
    };
    match key {
        None => Err(deny("Missing bearer or basic authentication in header".to_owned())),
        Some(key) if key.starts_with("ek_") => match app.registry.secret(key, crate::epoch_ms() / 1_000) {
            Some(session) => Ok(Caller::Ephemeral(session)),
            None => Err(deny(format!("Incorrect API key provided: ek_***{}.", tail(key)))),
        },
        Some(_) => Ok(Caller::Project),
    }
}

fn tail(key: &str) -> String {
    key.chars()
        .rev()
        .take(4)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect()
}

/// The beta's header gets what the beta gets.
pub(crate) fn no_beta(headers: &HeaderMap) -> Result<(), Response> {
    if headers
        .get("openai-beta")
        .is_some_and(|v| v.as_bytes().starts_with(b"realtime"))
    {
        let message = "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.";
        return Err(refusal(StatusCode::BAD_REQUEST, "beta_api_shape_disabled", message));
    }
    Ok(())
}

/// A refusal that was ordered for this call, if one was.
pub(crate) async fn ordered_refusal(app: &App, transport: Option<&str>) -> Result<(), Response> {
    let Some(ordered) = app.registry.refusal(Instant::now(), transport) else {
        return Ok(());
    };
    if ordered.hang {
        tokio::time::sleep(HANG_MAX).await;
    }
    let status = StatusCode::from_u16(ordered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let code = ordered.code.as_deref().unwrap_or(match status.as_u16() {
        401 => "invalid_api_key",
        404 => "model_not_found",
        429 => "rate_limit_exceeded",
        _ => "server_error",
    });
    let mut response = refusal(status, code, ordered.message.as_deref().unwrap_or("Simulated refusal."));
    if let Some(seconds) = ordered.retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Err(response)
}
