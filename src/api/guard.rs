//! What every request passes: header bounds, a deadline, readiness, the security headers, a span and the counters.

use super::problem::{Kind, Problem};
use crate::app::{App, Phase};
use crate::clock;
use crate::config::Origin;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::any::Any;
use std::time::Duration;
use tracing::Instrument as _;

/// Headers of a request, at most.
const HEADERS_MAX: usize = 64;
/// Bytes of a request's headers and address, at most.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// How long an answer may take. The slowest call waits for one dial to the AI side's socket, not for the AI.
const DEADLINE: Duration = Duration::from_secs(30);

/// Counts and logs a request, under a span that names its route; never its query, which may hold a token.
pub async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let begun = clock::monotonic();
    let method = word(request.method());
    let path = match request.extensions().get::<MatchedPath>() {
        Some(path) => path.as_str().to_owned(),
        None => "(none)".to_owned(),
    };
    let span = tracing::info_span!("http", method, path);
    let response = next.run(request).instrument(span.clone()).await;
    let took = clock::monotonic().duration_since(begun);
    let status = response.status().as_u16();
    app.metrics.http(method, &path, status, took);
    span.in_scope(|| {
        let ms = took.as_secs_f64() * 1e3;
        if status >= 500 {
            tracing::warn!(status, ms, "answered");
        } else {
            tracing::debug!(status, ms, "answered");
        }
    });
    response
}

/// A closed list: a method that a stranger makes up is no label.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Refuses oversized headers, and answers when the deadline has passed.
pub async fn bound(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    let address = request
        .uri()
        .path_and_query()
        .map_or(0, |address| address.as_str().len());
    if headers.len() > HEADERS_MAX || bytes + address > HEADER_BYTES_MAX {
        return Problem::new(Kind::HeadersTooLarge, "").into_response();
    }
    match tokio::time::timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(Kind::GatewayTimeout, "").into_response(),
    }
}

/// Holds callers off until the database is migrated.
pub async fn ready(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.ready.is_ready() {
        return next.run(request).await;
    }
    let why = if app.ready.phase() == Phase::Stopping {
        "The server is stopping"
    } else {
        "The server is starting"
    };
    Problem::new(Kind::Unavailable, why)
        .retry_after(Duration::from_secs(1))
        .into_response()
}

/// The security headers of every answer; what a handler set itself is left.
pub async fn harden(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in app.headers.iter() {
        if !headers.contains_key(name) {
            headers.insert(name, value.clone());
        }
    }
    response
}

/// The headers that [`harden`] sets. The policy allows our own files and nothing inline; `connect-src` names the
/// WebSockets' origins too (older Safari does not take `'self'` for them): ours, and those of the processes that an
/// interview may go on in.
pub fn security_headers(http: &crate::config::Http) -> HeaderMap {
    let origin = http.own_origin();
    let mut relays = vec![origin.as_str()];
    relays.extend(
        std::iter::once(&http.relay_url)
            .chain(&http.relay_origins)
            .map(Origin::as_str),
    );
    relays.sort_unstable();
    relays.dedup();
    let connect = relays
        .iter()
        .flat_map(|relay| [(*relay).to_owned(), relay.replacen("http", "ws", 1)])
        .collect::<Vec<_>>()
        .join(" ");
    let policy = format!(
        "default-src 'self'; connect-src 'self' {connect}; media-src 'self' blob:; \
         img-src 'self' data:; worker-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::CACHE_CONTROL, "no-store");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(
        HeaderName::from_static("permissions-policy"),
        "microphone=(self), camera=(), geolocation=(), display-capture=(), payment=(), usb=()",
    );
    if origin.as_str().starts_with("https:") {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers
}

/// What a handler that panicked answers. The cause is logged by the panic hook.
pub fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Problem::new(Kind::Internal, "").into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use axum::{Router, body::Body, middleware::from_fn, routing::get};
    use tower::ServiceExt as _;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_takes_too_long_is_504() {
        let slow = |wait| async move {
            tokio::time::sleep(wait).await;
            "answered"
        };
        let just = DEADLINE.checked_sub(Duration::from_secs(1)).unwrap();
        let router = Router::new()
            .route("/never", get(std::future::pending::<&'static str>))
            .route("/just", get(move || slow(just)))
            .layer(from_fn(bound));
        for (path, status) in [("/never", 504), ("/just", 200)] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let begun = tokio::time::Instant::now();
            let answer = router.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status().as_u16(), status, "{path}");
            assert!(begun.elapsed() <= DEADLINE, "{path}");
        }
    }
}
