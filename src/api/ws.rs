//! `GET /ws?session={id}`: the browser's socket (SPEC.md, "WebSocket signaling").
//!
//! Is: what is decided before the upgrade, and who is let in by a hello. Isn't: the protocol (`vivavoce-signaling`), the
//! socket's loop (`driver.rs`), or the interview (`session/`).
//! **Law:** nothing is told to a socket about a session before its token was checked; another's session and none are
//! refused alike.

mod driver;

use super::{Kind, Params, Problem, limit};
use crate::{
    app::App,
    clock,
    ids::{SessionId, TenantId},
    session::{self, Attach},
    store,
};
use axum::{
    Extension,
    extract::{
        State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderValue, header},
    middleware::from_fn_with_state,
    response::Response,
};
use driver::{Entry, Room, Seat};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tracing::Instrument as _;
use utoipa_axum::{router::OpenApiRouter, routes};
use vivavoce_signaling::{
    Outbox, ServerMessage,
    handshake::Verdict,
    messages::{EndReason, Hello},
    version,
};

/// Sockets at once. An upgraded connection is no longer counted by the listener.
const SOCKETS_MAX: usize = 8192;
/// What is read of a frame, bytes. More than a frame may have (the handshake closes those with 1009), so that one that is
/// a little too large is read to its end and the close arrives.
const READ_BYTES_MAX: usize = 1024 * 1024;
/// When to come back if there are more.
const FULL_RETRY: Duration = Duration::from_secs(5);

/// The route.
pub(super) fn routes(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(socket))
        .layer(Extension(Arc::new(Semaphore::new(SOCKETS_MAX))))
        .layer(from_fn_with_state(app.clone(), limit::sockets))
}

/// Which session; the id is no secret, and lets a front route before the upgrade.
#[derive(Deserialize)]
struct Address {
    session: SessionId,
}

/// The browser's signaling socket, subprotocol `vivavoce.v1`.
#[utoipa::path(get, path = "/ws", tag = "media", params(("session" = SessionId, Query, description = "Which interview")),
    responses((status = 101, description = "upgraded; the token travels in the first message, `hello`"),
        (status = 400, description = "no upgrade, or without the subprotocol", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 429, description = "too many sockets from one address", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 403, description = "an Origin that is not allowed", body = super::problem::Body, content_type = "application/problem+json")))]
async fn socket(
    State(app): State<App>,
    Extension(places): Extension<Arc<Semaphore>>,
    headers: HeaderMap,
    address: Result<Params<Address>, Problem>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let refused = |reason, problem| {
        app.metrics.signaling_refused(reason);
        Err(problem)
    };
    if !is_origin_allowed(&headers, &app) {
        return refused("origin", Problem::new(Kind::Forbidden, "This Origin is not allowed"));
    }
    let Params(address) = match address {
        Ok(address) => address,
        Err(problem) => return refused("address", problem),
    };
    let Ok(mut upgrade) = upgrade else {
        let how = "This address is for a WebSocket upgrade (RFC 6455)";
        return refused("no_upgrade", Problem::new(Kind::BadRequest, how));
    };
    let Some(version) = offered_version(&headers) else {
        let which = "Sec-WebSocket-Protocol should offer vivavoce.v1";
        return refused("subprotocol", Problem::new(Kind::BadRequest, which));
    };
    let Ok(place) = places.try_acquire_owned() else {
        let full = Problem::new(Kind::Unavailable, "Too many sockets").retry_after(FULL_RETRY);
        return refused("full", full);
    };
    upgrade.set_selected_protocol(HeaderValue::from_static(version));
    let span = tracing::info_span!(parent: None, "socket", session.id = %address.session);
    Ok(upgrade
        .max_message_size(READ_BYTES_MAX)
        .max_frame_size(READ_BYTES_MAX)
        .on_upgrade(move |socket| {
            let stopping = stopping(app.clone());
            let metrics = app.metrics.clone();
            let room = Interviews {
                app,
                session: address.session,
                opened_at: clock::wall(),
            };
            async move {
                driver::drive(socket, address.session.0, room, stopping, &metrics).await;
                drop(place);
            }
            .instrument(span)
        }))
}

/// No browser sends none; a browser's must be our own or an allowed one (cross-site WebSocket hijacking).
fn is_origin_allowed(headers: &HeaderMap, app: &App) -> bool {
    headers.get_all(header::ORIGIN).iter().all(|origin| {
        origin
            .to_str()
            .is_ok_and(|origin| app.config.http.allows_origin(origin))
    })
}

fn offered_version(headers: &HeaderMap) -> Option<&'static str> {
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    version::negotiate(offers.filter_map(|offer| offer.to_str().ok()))
}

async fn stopping(app: App) {
    app.ready.stopping().await;
}

/// Lets hellos into the sessions of this process.
struct Interviews {
    app: App,
    session: SessionId,
    /// When it could be told that it may say hello.
    opened_at: OffsetDateTime,
}

impl Room for Interviews {
    async fn admit(&self, hello: Hello) -> Entry {
        let caller = match self.app.tokens.verify(&hello.token) {
            Ok(caller) => caller,
            Err(error) => {
                self.app.metrics.auth_refused(error);
                return Entry::Refused(Verdict::BadToken);
            }
        };
        let quiet = hello.quiet_ms.map(|ms| time::Duration::milliseconds(i64::from(ms)));
        // A hello may have been on its way for as long as a network was away: it was said after its socket was opened, no more is known.
        let heard_until = quiet.map(|quiet| self.opened_at - quiet);
        // One that lives here is open to its candidate while the database is away, too.
        let live = match self.app.sessions.live(caller.tenant, self.session) {
            Some(live) if caller.is_invited_by(live.invitation()) => live,
            Some(_) => return Entry::Refused(Verdict::NotYours),
            None => {
                let session = match self.app.store.session(caller.tenant, self.session).await {
                    Ok(Some(session)) if caller.is_invited_by(session.invitation) => session,
                    Ok(_) => return Entry::Refused(Verdict::NotYours),
                    Err(error) => {
                        tracing::warn!(%error, "a hello met a database that is away");
                        return Entry::Refused(Verdict::Unavailable);
                    }
                };
                match self.app.sessions.open(&session, heard_until).await {
                    Ok(live) => live,
                    Err(error) => return self.refuse(&error, caller.tenant, hello.last_seq).await,
                }
            }
        };
        let tenant = caller.tenant;
        let request = Attach {
            sub: caller.sub,
            resume: hello.resume,
            last_seq: hello.last_seq,
            keeps: hello.keeps == Some(true),
        };
        match live.attach(request).await {
            Ok(attached) => {
                let (socket, leaving) = (attached.socket, live.clone());
                Entry::Admitted(Seat::new(
                    attached.outbound,
                    move |message| live.deliver(socket, message),
                    move || leaving.detach(socket),
                ))
            }
            Err(error) => self.refuse(&error, tenant, hello.last_seq).await,
        }
    }
}

impl Interviews {
    async fn refuse(&self, error: &session::Error, tenant: TenantId, last_seq: Option<u64>) -> Entry {
        Entry::Refused(match error {
            session::Error::Ended => match self.app.store.session(tenant, self.session).await {
                Ok(Some(session)) if session.ended_at.is_some() => Verdict::Over(ended(&session, last_seq)),
                // Its last words are still on their way to the store, or it has just left this process.
                Ok(_) | Err(_) => Verdict::Unavailable,
            },
            session::Error::NotFound => Verdict::NotYours,
            session::Error::Superseded => Verdict::Superseded,
            session::Error::Elsewhere(url) => {
                Verdict::Elsewhere(alone(ServerMessage::Moved { url: url.clone() }, last_seq))
            }
            session::Error::BadSdp(_) | session::Error::Unavailable(_) => Verdict::Unavailable,
        })
    }
}

/// What a browser that comes to an interview that is over is told.
fn ended(session: &store::Session, last_seq: Option<u64>) -> String {
    let reason = match session.end_reason {
        Some(store::EndReason::Interviewer) => EndReason::Interviewer,
        Some(store::EndReason::Candidate) => EndReason::Candidate,
        Some(store::EndReason::Recruiter) => EndReason::Recruiter,
        Some(store::EndReason::Time) => EndReason::Time,
        Some(store::EndReason::Failed) | None => EndReason::Failed,
    };
    let over = ServerMessage::Ended {
        reason,
        summary_pending: false,
    };
    alone(over, last_seq)
}

/// A frame that a session which is not here would have sent.
fn alone(message: ServerMessage, last_seq: Option<u64>) -> String {
    let wall_ms = clock::wall().unix_timestamp_nanos() / 1_000_000;
    let mut outbox = Outbox::starting_at(wall_ms.try_into().unwrap_or(0));
    _ = outbox.replay_after(last_seq); // lifts the number above what this browser has seen
    outbox.push(message).frame
}
