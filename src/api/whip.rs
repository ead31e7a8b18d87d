//! WHIP (RFC 9725): the standard way to the candidate's leg.
//!
//! Is: one SDP exchange over HTTP, trickled candidates and ICE restarts by PATCH, and the leaving. Isn't: another kind of
//! leg; `session::Live` answers these offers as it does the socket's. An offer that only sends is answered so.
//! **Law:** every refusal that RFC 9725 names has its status; a resource is seen by the candidate whose it is, and alone.

mod frag;
mod resources;

use super::{Kind, Problem, read};
use crate::{
    app::App,
    auth::Caller,
    ids::SessionId,
    session::{self, Live, WhipStep},
    store,
};
use axum::{
    Extension,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use frag::Fragment;
use resources::{Resource, Resources};
use std::time::Duration;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use vivavoce_signaling::messages::{CANDIDATE_BYTES_MAX, SDP_BYTES_MAX};

const SDP: &str = "application/sdp";
const SDP_FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// When to come back if the interview cannot be reached.
const RETRY: Duration = Duration::from_secs(2);

/// The routes.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(post, endpoint_options))
        .routes(routes!(patch, delete, resource_options))
        .layer(Extension(Resources::default()))
}

/// Offers the candidate's leg.
#[utoipa::path(post, path = "/whip/{sessionId}", tag = "media", security(("bearer" = [])), params(("sessionId" = SessionId, Path,)),
    request_body(content = String, content_type = "application/sdp", description = "the offer"),
    responses((status = 201, body = String, content_type = "application/sdp", description = "the answer; `Location`, `ETag`, \
        and a `Link` for each ICE server"),
        (status = "4XX", body = super::problem::Body, content_type = "application/problem+json"), (status = 503, body = super::problem::Body, content_type = "application/problem+json")))]
async fn post(
    State(app): State<App>,
    Extension(resources): Extension<Resources>,
    caller: Caller,
    Path(session): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let session = id(&session)?;
    is_type(request.headers(), SDP)?;
    accepts(request.headers(), SDP)?;
    let row = theirs(&app, &caller, session).await?;
    let offer = text(request, &app).await?;
    let live = app.sessions.open(&row, None).await.map_err(problem)?;
    let resource = Uuid::now_v7();
    let step = WhipStep::Offer(offer.clone());
    let answer = live.whip(resource, step).await.map_err(problem)?;
    let resource = Resource {
        id: resource,
        tenant: caller.tenant,
        etag: Uuid::now_v7().simple().to_string(),
        offer,
    };
    let location = format!("/whip/{session}/{}", resource.id);
    let etag = format!("\"{}\"", resource.etag);
    resources.put(session, resource, |tenant, id| app.sessions.live(tenant, id).is_some());
    let headers = [
        (header::CONTENT_TYPE, SDP.to_owned()),
        (header::LOCATION, location),
        (header::ETAG, etag),
    ];
    let mut response = (StatusCode::CREATED, headers, answer).into_response();
    response
        .headers_mut()
        .insert(ACCEPT_PATCH, HeaderValue::from_static(SDP_FRAGMENT));
    for link in links(&app.config.media.ice_servers) {
        response.headers_mut().append(header::LINK, link);
    }
    Ok(response)
}

/// Trickles candidates (`If-Match` the ETag: 204), or restarts ICE (`If-Match: *` and new credentials: 200, a new ETag).
#[utoipa::path(patch, path = "/whip/{sessionId}/{resource}", tag = "media", security(("bearer" = [])),
    params(("sessionId" = SessionId, Path,), ("resource" = Uuid, Path,), ("If-Match" = String, Header,)),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag"),
    responses((status = 204, description = "taken"),
        (status = 200, body = String, content_type = "application/trickle-ice-sdpfrag", description = "restarted"),
        (status = "4XX", body = super::problem::Body, content_type = "application/problem+json"), (status = 503, body = super::problem::Body, content_type = "application/problem+json")))]
async fn patch(
    State(app): State<App>,
    Extension(resources): Extension<Resources>,
    caller: Caller,
    Path((session, resource)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (session, resource) = (id(&session)?, id(&resource)?);
    theirs(&app, &caller, session).await?;
    let known = resources.get(session, resource).ok_or_else(Problem::not_found)?;
    let live = app
        .sessions
        .live(caller.tenant, session)
        .ok_or_else(Problem::not_found)?;
    is_type(request.headers(), SDP_FRAGMENT)?;
    let condition = Condition::of(request.headers())?;
    if !condition.holds(&known.etag) {
        return Err(Problem::new(
            Kind::PreconditionFailed,
            "The ICE session is another by now",
        ));
    }
    let malformed = || Problem::new(Kind::BadRequest, "The body is no SDP fragment (RFC 8840)");
    let fragment = Fragment::parse(&text(request, &app).await?).ok_or_else(malformed)?;
    let is_current = fragment
        .ufrag
        .as_deref()
        .is_none_or(|ufrag| frag::attribute(&known.offer, "ice-ufrag") == Some(ufrag));
    if is_current {
        let end = fragment.is_end.then_some(None);
        let candidates = fragment.candidates.into_iter().map(Some).chain(end).collect();
        let step = WhipStep::Trickle(candidates);
        live.whip(known.id, step).await.map_err(problem)?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    restart(&live, &resources, session, known, &fragment).await
}

async fn restart(
    live: &Live,
    resources: &Resources,
    session: SessionId,
    known: Resource,
    fragment: &Fragment,
) -> Result<Response, Problem> {
    let (Some(ufrag), Some(pwd)) = (&fragment.ufrag, &fragment.pwd) else {
        return Err(Problem::new(Kind::BadRequest, "New credentials are ufrag and password"));
    };
    let offer = frag::restart_offer(&known.offer, ufrag, pwd, fragment);
    let step = WhipStep::Restart(offer.clone());
    let answer = live.whip(known.id, step).await.map_err(problem)?;
    let etag = Uuid::now_v7().simple().to_string();
    let quoted = format!("\"{etag}\"");
    if !resources.replace(session, Resource { etag, offer, ..known }) {
        return Err(Problem::not_found());
    }
    let headers = [(header::CONTENT_TYPE, SDP_FRAGMENT.to_owned()), (header::ETAG, quoted)];
    Ok((StatusCode::OK, headers, frag::of_answer(&answer)).into_response())
}

/// The candidate leaves; the interview waits for them.
#[utoipa::path(delete, path = "/whip/{sessionId}/{resource}", tag = "media", security(("bearer" = [])),
    params(("sessionId" = SessionId, Path,), ("resource" = Uuid, Path,)),
    responses((status = 200, description = "left"), (status = "4XX", body = super::problem::Body, content_type = "application/problem+json")))]
async fn delete(
    State(app): State<App>,
    Extension(resources): Extension<Resources>,
    caller: Caller,
    Path((session, resource)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (session, resource) = (id(&session)?, id(&resource)?);
    theirs(&app, &caller, session).await?;
    if !resources.remove(session, resource) {
        return Err(Problem::not_found());
    }
    match app.sessions.live(caller.tenant, session) {
        Some(live) => match live.whip(resource, WhipStep::Leave).await {
            Ok(_) | Err(session::Error::Ended) => Ok(StatusCode::OK),
            Err(error) => Err(problem(error)),
        },
        None => Ok(StatusCode::OK),
    }
}

/// What may be posted here. Open, and alike for every id.
#[utoipa::path(options, path = "/whip/{sessionId}", tag = "media", params(("sessionId" = String, Path,)),
    responses((status = 204, description = "`Accept-Post`")))]
async fn endpoint_options() -> Response {
    options(&ACCEPT_POST, SDP, "POST, OPTIONS")
}

/// What may be patched here. Open, and alike for every id.
#[utoipa::path(options, path = "/whip/{sessionId}/{resource}", tag = "media",
    params(("sessionId" = String, Path,), ("resource" = String, Path,)),
    responses((status = 204, description = "`Accept-Patch`")))]
async fn resource_options() -> Response {
    options(&ACCEPT_PATCH, SDP_FRAGMENT, "PATCH, DELETE, OPTIONS")
}

fn options(name: &HeaderName, kind: &'static str, methods: &'static str) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(name, HeaderValue::from_static(kind));
    headers.insert(header::ALLOW, HeaderValue::from_static(methods));
    // Clients ask the endpoint, by an ordinary OPTIONS, whether PATCH may be used on what it makes.
    let all = HeaderValue::from_static("POST, PATCH, DELETE, OPTIONS");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, all);
    response
}

/// What is no id does not exist.
fn id<T: std::str::FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}

/// The candidate's own session. Their tenant's recruiters are told that it is not theirs to join.
async fn theirs(app: &App, caller: &Caller, session: SessionId) -> Result<store::Session, Problem> {
    let found = app.store.session(caller.tenant, session).await?;
    match found.filter(|session| caller.may_see(session)) {
        Some(session) if caller.is_invited_by(session.invitation) => Ok(session),
        Some(_) => Err(Problem::new(Kind::Forbidden, "Only the candidate joins an interview")),
        None => Err(Problem::not_found()),
    }
}

async fn text(request: Request, app: &App) -> Result<String, Problem> {
    let (_, bytes) = read(request, app).await?;
    if bytes.len() > SDP_BYTES_MAX {
        return Err(Problem::new(Kind::TooLarge, "An SDP has 64 KiB at most"));
    }
    String::from_utf8(bytes.into()).map_err(|_| Problem::new(Kind::BadRequest, "The body is not UTF-8"))
}

fn is_type(headers: &HeaderMap, wanted: &'static str) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = given
        .and_then(|given| given.split(';').next())
        .unwrap_or_default()
        .trim();
    if kind.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    Err(Problem::new(
        Kind::UnsupportedMediaType,
        format!("Content-Type should be {wanted}"),
    ))
}

/// RFC 9110, section 12.5.1; without `Accept` everything is.
fn accepts(headers: &HeaderMap, kind: &'static str) -> Result<(), Problem> {
    let mut ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .peekable();
    let family = kind.split('/').next().unwrap_or_default();
    let does = ranges.peek().is_none()
        || ranges.any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let is_refused = parts.any(|part| {
                let q = part.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
                q.is_some_and(|q| q <= 0.0)
            });
            !is_refused && (name == "*/*" || name == kind || name == format!("{family}/*"))
        });
    does.then_some(())
        .ok_or_else(|| Problem::new(Kind::NotAcceptable, format!("The answer is {kind}")))
}

/// `If-Match`.
#[derive(Debug, PartialEq, Eq)]
enum Condition {
    Any,
    OneOf(Vec<String>),
}

impl Condition {
    /// RFC 9725 asks for one. Clients of its drafts send the tag as `ETag`, which is taken for it.
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let names = [header::IF_MATCH, header::ETAG];
        let found = names.iter().find(|name| headers.contains_key(*name));
        let needed = || {
            Problem::new(
                Kind::PreconditionRequired,
                "If-Match should hold the ETag, or * to restart ICE",
            )
        };
        let values: Vec<&str> = headers
            .get_all(found.ok_or_else(needed)?)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect();
        if values.contains(&"*") {
            return Ok(Self::Any);
        }
        // Strong comparison (RFC 9110, section 13.1.1): a weak tag never matches.
        let tags = values.iter().filter_map(|tag| tag.strip_prefix('"')?.strip_suffix('"'));
        Ok(Self::OneOf(tags.map(str::to_owned).collect()))
    }

    fn holds(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|tag| tag == etag),
        }
    }
}

/// A `Link` for each address of each ICE server (RFC 9725, section 4.6).
fn links(servers: &serde_json::Value) -> Vec<HeaderValue> {
    let one_or_many = |urls: &serde_json::Value| match urls {
        serde_json::Value::String(url) => vec![url.clone()],
        serde_json::Value::Array(urls) => urls.iter().filter_map(|url| url.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut links = Vec::new();
    for server in servers.as_array().into_iter().flatten() {
        for url in one_or_many(&server["urls"]) {
            let mut link = format!("<{url}>; rel=\"ice-server\"");
            if let (Some(name), Some(word)) = (server["username"].as_str(), server["credential"].as_str()) {
                let (name, word) = (quoted(name), quoted(word));
                link = format!("{link}; username={name}; credential={word}; credential-type=\"password\"");
            }
            // What cannot stand in a header (RFC 9110, section 5.5) is left out.
            links.extend(HeaderValue::from_str(&link).ok());
        }
    }
    links
}

/// What a session refuses, as a problem.
fn problem(error: session::Error) -> Problem {
    match error {
        session::Error::Ended => Problem::new(Kind::Gone, "The interview is over"),
        session::Error::NotFound => Problem::not_found(),
        session::Error::Superseded | session::Error::Elsewhere(_) => error.into(),
        session::Error::BadSdp(_) => Problem::new(Kind::BadRequest, "The offer is no SDP that can be answered"),
        session::Error::Unavailable(_) => {
            Problem::new(Kind::Unavailable, "The interview cannot be reached").retry_after(RETRY)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn types_are_compared_as_media_types() {
        for good in ["application/sdp", "Application/SDP", "application/sdp; charset=utf-8"] {
            assert!(
                is_type(&headers(&[(header::CONTENT_TYPE, good)]), SDP).is_ok(),
                "{good}"
            );
        }
        for bad in ["application/json", "", "application/sdpx"] {
            let problem = is_type(&headers(&[(header::CONTENT_TYPE, bad)]), SDP).unwrap_err();
            assert_eq!(problem.kind, Kind::UnsupportedMediaType, "{bad}");
        }
        assert!(is_type(&HeaderMap::new(), SDP).is_err());
    }

    #[test]
    fn accept_is_negotiated() {
        let table = [
            ("application/sdp", true),
            ("*/*", true),
            ("application/*;q=0.5", true),
            ("text/html, application/sdp;q=0.1", true),
            ("text/html", false),
            ("application/sdp;q=0", false),
            ("application/json", false),
        ];
        for (accept, does) in table {
            assert_eq!(
                accepts(&headers(&[(header::ACCEPT, accept)]), SDP).is_ok(),
                does,
                "{accept}"
            );
        }
        assert!(accepts(&HeaderMap::new(), SDP).is_ok());
    }

    #[test]
    fn conditions_hold_or_not() {
        let table = [
            (header::IF_MATCH, "\"tag\"", true),
            (header::IF_MATCH, "\"x\", \"tag\"", true),
            (header::IF_MATCH, "*", true),
            (header::ETAG, "\"tag\"", true),
            (header::IF_MATCH, "\"x\"", false),
            (header::IF_MATCH, "W/\"tag\"", false),
            (header::IF_MATCH, "tag", false),
            (header::IF_MATCH, "", false),
        ];
        for (name, value, holds) in table {
            let condition = Condition::of(&headers(&[(name, value)])).unwrap();
            assert_eq!(condition.holds("tag"), holds, "{value}");
        }
        assert_eq!(
            Condition::of(&HeaderMap::new()).unwrap_err().kind,
            Kind::PreconditionRequired
        );
        let both = headers(&[(header::ETAG, "\"tag\""), (header::IF_MATCH, "\"x\"")]);
        assert!(
            !Condition::of(&both).unwrap().holds("tag"),
            "If-Match is the one that counts"
        );
    }

    #[test]
    fn ice_servers_are_links() {
        let servers = json!([
            {"urls": "stun:stun.example.net"},
            {"urls": ["turn:a.example.net?transport=udp", "turns:b.example.net"], "username": "u\"s", "credential": "p"},
            {"urls": 5}, {"urls": "stun:\n"},
        ]);
        let expected = [
            "<stun:stun.example.net>; rel=\"ice-server\"",
            "<turn:a.example.net?transport=udp>; rel=\"ice-server\"; username=\"u\\\"s\"; credential=\"p\"; credential-type=\"password\"",
            "<turns:b.example.net>; rel=\"ice-server\"; username=\"u\\\"s\"; credential=\"p\"; credential-type=\"password\"",
        ];
        assert_eq!(links(&servers), expected);
        assert!(links(&json!(null)).is_empty());
    }
}
