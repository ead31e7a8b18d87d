//! `Idempotency-Key`: the same key and body get the first answer again, for 24 h, per caller and route.
//!
//! **Law:** answers may hold secrets (an invitation's token), so what is kept is sealed with a key made of `JWT_SECRET`;
//! the database alone cannot tell them. After a rotation the older secrets still open them.

use super::problem::{CONTENT_TYPE, Kind, Problem};
use crate::app::App;
use crate::auth::{Caller, bearer};
use crate::clock;
use crate::config;
use crate::store::{Idempotency, IdempotencyKey, KeptAnswer};
use axum::body::{self, Body};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hmac::{Hmac, Mac as _};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use std::fmt;
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
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str)
        .to_owned();
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
        body: app.sealer.seal(key, &bytes)?,
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
    let body = app.sealer.open(key, &kept.body)?;
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

/// Seals kept answers. Cheap to share.
pub struct Sealer {
    keys: Vec<LessSafeKey>,
}

impl Sealer {
    /// One key for each secret, newest first.
    pub fn new(auth: &config::Auth) -> Self {
        let keys = auth.jwt_secrets.iter().filter_map(|secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
            mac.update(b"vivavoce: kept answers, AES-256-GCM, 1");
            let key = UnboundKey::new(&AES_256_GCM, &mac.finalize().into_bytes()).ok()?;
            Some(LessSafeKey::new(key))
        });
        Self { keys: keys.collect() }
    }

    fn seal(&self, key: &IdempotencyKey, answer: &[u8]) -> Result<Vec<u8>, Problem> {
        let failed = || Problem::new(Kind::Internal, "");
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = answer.to_vec();
        self.keys
            .first()
            .ok_or_else(failed)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(key), &mut sealed)
            .map_err(|_| failed())?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    fn open(&self, key: &IdempotencyKey, kept: &[u8]) -> Result<Vec<u8>, Problem> {
        let opened = kept.split_first_chunk::<NONCE_LEN>().and_then(|(nonce, sealed)| {
            self.keys.iter().find_map(|with| {
                let mut sealed = sealed.to_vec();
                let nonce = Nonce::assume_unique_for_key(*nonce);
                Some(with.open_in_place(nonce, aad(key), &mut sealed).ok()?.to_vec())
            })
        });
        // Its secret was dropped, or the row was changed: neither may make a second thing of one request.
        opened.ok_or_else(|| Problem::new(Kind::Conflict, "The first answer can no longer be read"))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("keys", &self.keys.len()).finish()
    }
}

/// An answer opens only as the answer to what it was sealed for.
fn aad(key: &IdempotencyKey) -> Aad<Vec<u8>> {
    Aad::from([&key.caller, "\0", &key.route, "\0", &key.key].concat().into_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn sealer(secrets: &[&str]) -> Sealer {
        Sealer::new(&config::Auth {
            jwt_secrets: secrets.iter().map(|secret| (*secret).into()).collect(),
        })
    }

    fn named(name: &str) -> IdempotencyKey {
        IdempotencyKey {
            caller: "caller".into(),
            route: "POST /x".into(),
            key: name.into(),
            body_sha256: [0; 32],
        }
    }

    #[test]
    fn what_is_sealed_opens_for_its_own_key_alone() {
        let (new, old) = ("n".repeat(32), "o".repeat(32));
        let sealed = sealer(&[&old]).seal(&named("a"), b"secret answer").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        let rotated = sealer(&[&new, &old]);
        assert_eq!(rotated.open(&named("a"), &sealed).unwrap(), b"secret answer");
        assert!(rotated.open(&named("b"), &sealed).is_err());
        assert!(sealer(&[&new]).open(&named("a"), &sealed).is_err());
        assert!(rotated.open(&named("a"), &sealed[..10]).is_err());
    }

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
