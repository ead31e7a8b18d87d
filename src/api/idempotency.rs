//! `Idempotency-Key`: the same key and body get the first answer again, for 24 h, per caller and route.
//!
//! **Law:** answers may hold secrets (an invitation's token), so what is kept is sealed with a key made of `JWT_SECRET`;
//! the database alone cannot tell them. After a rotation the older secrets still open them.

use super::problem::{CONTENT_TYPE, Kind, Problem};
use crate::app::App;
use crate::auth::{Caller, bearer};
use crate::clock;
use crate::store::{Idempotency, IdempotencyKey, KeptAnswer};
use axum::body::{self, Body};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// The longest key.
const KEY_BYTES_MAX: usize = 255;
/// The longest answer that is kept; ours are far shorter.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Middleware of the routes that create something.
pub(super) async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    match keyed(&app, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn keyed(app: &App, request: Request, next: Next) -> Result<Response, Problem> {
    let Some(given) = request.headers().get("idempotency-key") else {
        return Ok(next.run(request).await);
    };
    let given = parse(given)?;
    // Whoever has no good token gets the handler's own refusal, and nothing is kept.
    let Some(caller) = bearer(request.headers()).and_then(|token| app.tokens.verify(token).ok()) else {
        return Ok(next.run(request).await);
    };
    // The whole path: what is asked of one thing is not asked of another.
    let route = request.uri().path().to_owned();
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    let (_, bytes) = super::read(request, app).await?;
    let key = key(&caller, &parts.method, &route, given, &bytes);
    match app.store.idempotency_begin(&key, clock::wall()).await? {
        Idempotency::Fresh => {}
        Idempotency::InFlight => {
            let words = "The first request with this Idempotency-Key is still being answered";
            return Err(Problem::new(Kind::Conflict, words).retry_after(Duration::from_secs(1)));
        }
        Idempotency::Mismatch => {
            return Err(Problem::new(
                Kind::Invalid,
                "This Idempotency-Key was used with another body",
            ));
        }
        Idempotency::Answered(kept) => return replay(app, &key, &kept),
    }
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    keep(app, &key, response).await
}

/// The key bare or quoted (the draft's form is a quoted string).
fn parse(value: &HeaderValue) -> Result<String, Problem> {
    let refused = || {
        Problem::new(
            Kind::BadRequest,
            "Idempotency-Key should be 1 to 255 visible ASCII characters",
        )
    };
    let text = value.to_str().map_err(|_| refused())?.trim();
    let bare = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(text);
    let good = !bare.is_empty() && bare.len() <= KEY_BYTES_MAX && bare.bytes().all(|b| (0x20..0x7f).contains(&b));
    good.then(|| bare.to_owned()).ok_or_else(refused)
}

fn key(caller: &Caller, method: &axum::http::Method, route: &str, key: String, body: &[u8]) -> IdempotencyKey {
    IdempotencyKey {
        caller: caller.key(None),
        route: format!("{method} {route}"),
        key,
        body_sha256: Sha256::digest(body).into(),
    }
}

async fn keep(app: &App, key: &IdempotencyKey, response: Response) -> Result<Response, Problem> {
    let status = response.status();
    if !is_final(status) {
        app.store.idempotency_end(key, None).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = body::to_bytes(body, ANSWER_BYTES_MAX)
        .await
        .map_err(|_| Problem::new(Kind::Internal, ""))?;
    let kept = KeptAnswer {
        status: status.as_u16(),
        body: app
            .sealer
            .seal(&about(key), &bytes)
            .map_err(|_| Problem::new(Kind::Internal, ""))?,
    };
    // The thing was made: an answer that cannot be kept is still the answer.
    if let Err(error) = app.store.idempotency_end(key, Some(&kept)).await {
        tracing::warn!(%error, "an answer could not be kept for its Idempotency-Key");
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// Whether the same request would be answered the same: not for what time or a token would mend.
fn is_final(status: StatusCode) -> bool {
    let passing = [401, 403, 408, 409, 429];
    !status.is_server_error() && !passing.contains(&status.as_u16())
}

fn replay(app: &App, key: &IdempotencyKey, kept: &KeptAnswer) -> Result<Response, Problem> {
    // Its secret was dropped, or the row was changed: neither may make a second thing of one request.
    let body = app
        .sealer
        .open(&about(key), &kept.body)
        .map_err(|_| Problem::new(Kind::Conflict, "The first answer can no longer be read"))?;
    let status = StatusCode::from_u16(kept.status).map_err(|_| Problem::new(Kind::Internal, ""))?;
    let kind = if status.is_success() {
        "application/json"
    } else {
        CONTENT_TYPE
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok((status, headers, body).into_response())
}

/// An answer opens only as the answer to what it was sealed for.
fn about(key: &IdempotencyKey) -> Vec<u8> {
    [&key.caller, "\0", &key.route, "\0", &key.key].concat().into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn keys_are_bare_or_quoted() {
        let long = "x".repeat(256);
        let table = [
            ("abc", Some("abc")),
            ("\"abc\"", Some("abc")),
            ("\"\"", None),
            ("", None),
            (long.as_str(), None),
        ];
        for (given, expected) in table {
            let value = HeaderValue::from_str(given).unwrap();
            assert_eq!(parse(&value).ok().as_deref(), expected, "{given}");
        }
        assert!(parse(&HeaderValue::from_bytes(b"\xff").unwrap()).is_err());
    }
}
