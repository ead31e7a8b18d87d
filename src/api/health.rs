//! Is the process alive, is it ready, what has it counted.

use super::problem::{Kind, Problem};
use crate::app::{App, JOURNAL_BYTES_MAX, Phase};
use crate::auth::bearer;
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use std::time::Duration;
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vivavoce_media::Shard;

/// How long the database may take to answer `readyz`.
const PING_WAIT: Duration = Duration::from_secs(2);

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .route("/metrics", get(metrics_under_token))
}

/// Of the listener that is for Prometheus alone.
pub(super) fn metrics_router() -> Router<App> {
    Router::new().route("/metrics", get(metrics))
}

/// The process is alive.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    status: &'static str,
    /// Of this build.
    version: &'static str,
}

/// Which parts are ready. No host is named.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the wire's word")]
pub struct Ready {
    /// All of them are.
    ready: bool,
    /// `starting`, `ready`, `draining` or `stopping`.
    phase: &'static str,
    /// The database answers, and takes writes.
    database: bool,
    /// What is said reaches the disk, and there is room for more.
    journal: bool,
    /// The media ports are served.
    media: bool,
}

/// Is the process alive? Asks nothing else.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = Health)))]
async fn healthz() -> Json<Health> {
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// May callers be sent here? 503 until the database is migrated and answers, and once the process is to stop.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses((status = 200, body = Ready), (status = 503, body = Ready, description = "not ready")))]
async fn readyz(State(app): State<App>) -> (StatusCode, Json<Ready>) {
    let phase = app.ready.phase();
    let database = tokio::time::timeout(PING_WAIT, app.store.ping())
        .await
        .is_ok_and(|pong| pong.is_ok())
        && app.holder.is_beating(); // a full or read-only one answers, and takes no writes
    let status = app.journal.status();
    let journal = status.disk_ok && status.queued_bytes < JOURNAL_BYTES_MAX / 10 * 9;
    let media = app.shards.iter().all(Shard::is_running);
    let ready = phase == Phase::Ready && database && journal && media;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let phase = match phase {
        Phase::Starting => "starting",
        Phase::Ready => "ready",
        Phase::Draining => "draining",
        Phase::Stopping => "stopping",
    };
    (
        status,
        Json(Ready {
            ready,
            phase,
            database,
            journal,
            media,
        }),
    )
}

async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let text = app.metrics.text().map_err(|_| Problem::new(Kind::Internal, ""))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// On the public listener: under `METRICS_TOKEN`, else it does not exist.
async fn metrics_under_token(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let (Some(token), Some(given)) = (&app.config.http.metrics_token, bearer(&headers)) else {
        return Err(Problem::not_found());
    };
    if !bool::from(token.expose_secret().as_bytes().ct_eq(given.as_bytes())) {
        return Err(Problem::not_found());
    }
    metrics(State(app)).await
}
