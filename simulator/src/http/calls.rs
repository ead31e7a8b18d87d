//! `POST /v1/realtime/calls` and what belongs to it.

use std::time::Duration;

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Multipart, Path, Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use rand::Rng;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{App, Caller, authorize, bearer, no_beta, ordered_refusal, refusal};
use crate::{
    call::{Call, Command, INBOX},
    conversation::{Conversation, Mode, Session, Setup, Transport},
    peer,
    registry::Defaults,
    wire::Wire,
};

/// What `?model=` and the like say.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    pub(crate) model: Option<String>,
}

/// A call by WebRTC.
pub(crate) async fn create(State(app): State<App>, Query(asked): Query<Asked>, request: Request) -> Response {
    match Box::pin(offered(&app, asked, request)).await {
        Ok(response) | Err(response) => response,
    }
}

async fn offered(app: &App, asked: Asked, request: Request) -> Result<Response, Response> {
    let headers = request.headers().clone();
    no_beta(&headers)?;
    let caller = authorize(app, bearer(&headers).as_deref())?;
    ordered_refusal(app, Some("webrtc")).await?;
    let (sdp, session) = read(&headers, request).await?;
    let bound = match caller {
        Caller::Ephemeral(session) => Some(session),
        Caller::Project => None,
    };
    let mut made = make(app, asked.model, bound.as_ref(), session.as_ref(), Transport::WebRtc)?;
    let (commands, inbox) = mpsc::channel(INBOX);
    let config = peer::PeerConfig {
        strict: made.defaults.use_candidate_strict,
        tcp_lines: made.defaults.tcp_candidates,
        ..app.peer.clone()
    };
    let answered = Box::pin(peer::answer(&sdp, &config, commands.clone()))
        .await
        .map_err(|error| {
            tracing::warn!(%error, "an offer was refused");
            refusal(StatusCode::BAD_REQUEST, "invalid_offer", "Invalid SDP offer.")
        })?;
    let wire = Wire::new(std::mem::take(&mut made.defaults.wire));
    let mut call = Call::new(made.conversation, wire, answered.outlet);
    call.front = Some(answered.front);
    call.hearing = Some(answered.hearing);
    let id = made.id;
    app.registry.enter(&id, "webrtc", commands);
    let registry = app.registry.clone();
    let ending = id.clone();
    app.registry.tasks.spawn(async move {
        let last = call.run(inbox).await;
        registry.leave(&ending, last);
    });
    let location = format!("/v1/realtime/calls/{id}");
    Ok((
        StatusCode::CREATED,
        [
            (header::CONTENT_TYPE, "application/sdp".to_owned()),
            (header::LOCATION, location),
        ],
        answered.sdp,
    )
        .into_response())
}

/// The offer and, from a form, the session.
async fn read(headers: &HeaderMap, request: Request) -> Result<(String, Option<Value>), Response> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_lowercase();
    let bad = |message: &str| refusal(StatusCode::BAD_REQUEST, "invalid_request", message);
    if kind.starts_with("application/sdp") || kind.starts_with("text/plain") {
        let body = Bytes::from_request(request, &())
            .await
            .map_err(IntoResponse::into_response)?;
        let sdp = String::from_utf8(body.to_vec()).map_err(|_| bad("The offer is not UTF-8."))?;
        return Ok((sdp, None));
    }
    if !kind.starts_with("multipart/form-data") {
        let message = "Unsupported content type. This API method only accepts 'application/sdp' and 'multipart/form-data' requests.";
        return Err(refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_content_type",
            message,
        ));
    }
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(IntoResponse::into_response)?;
    let (mut sdp, mut session) = (None, None);
    while let Some(field) = form.next_field().await.map_err(IntoResponse::into_response)? {
        let name = field.name().unwrap_or_default().to_owned();
        let text = field.text().await.map_err(IntoResponse::into_response)?;
        match name.as_str() {
            "sdp" => sdp = Some(text),
            "session" => {
                session = Some(serde_json::from_str(&text).map_err(|_| bad("The session is not valid JSON."))?);
            }
            _ => {}
        }
    }
    Ok((sdp.ok_or_else(|| bad("Missing required parameter: 'sdp'."))?, session))
}

/// A session that is ready to run.
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) conversation: Conversation,
    pub(crate) defaults: Defaults,
}

/// Makes a conversation from what the call brought: the ephemeral key's session, then its own.
pub(crate) fn make(
    app: &App,
    model: Option<String>,
    bound: Option<&Value>,
    own: Option<&Value>,
    transport: Transport,
) -> Result<Made, Response> {
    let named = |s: Option<&Value>| s.and_then(|s| s["model"].as_str()).map(str::to_owned);
    let model = named(own)
        .or_else(|| named(bound))
        .or(model)
        .unwrap_or_else(|| "gpt-realtime-2.1".to_owned());
    if !(model.starts_with("gpt-realtime") || ["judge", "exam", "interviewer"].contains(&model.as_str())) {
        let message = format!("The model `{model}` does not exist or you do not have access to it.");
        return Err(refusal(StatusCode::NOT_FOUND, "model_not_found", &message));
    }
    let tag = random(12);
    let defaults = app.registry.defaults();
    let mode = match model.as_str() {
        "judge" => Mode::Judge,
        "exam" => Mode::Exam,
        "interviewer" => Mode::Interviewer,
        _ => defaults.mode,
    };
    let epoch_ms = crate::epoch_ms();
    let mut session = Session::new(
        &format!("sess_sim_{tag}"),
        &model,
        epoch_ms / 1_000 + defaults.lifetime_s,
    );
    for update in bound.into_iter().chain(own) {
        session.update(update, false).map_err(|e| {
            let body = json!({"error": {"message": e.message, "type": "invalid_request_error", "param": e.param, "code": e.code}});
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        })?;
    }
    let setup = Setup {
        tag: tag.clone(),
        transport,
        mode,
        questions: defaults.questions,
        judge: defaults.judge.clone(),
        exam: defaults.exam.clone(),
        faults: defaults.faults.clone(),
        epoch_ms,
        continuous: defaults.continuous,
        think: Duration::from_millis(defaults.think_ms),
        word: Duration::from_millis(defaults.word_ms),
        lifetime: Duration::from_secs(defaults.lifetime_s),
    };
    Ok(Made {
        id: format!("rtc_sim_{tag}"),
        conversation: Conversation::new(setup, session),
        defaults,
    })
}

/// `POST /v1/realtime/calls/{id}/hangup`.
pub(crate) async fn hang_up(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if let Err(response) = authorize(&app, bearer(&headers).as_deref()) {
        return response;
    }
    match app.registry.commands(&id) {
        Some(commands) => {
            let _ = commands.send(Command::End("hangup".to_owned())).await;
            StatusCode::OK.into_response()
        }
        None => refusal(
            StatusCode::NOT_FOUND,
            "call_id_not_found",
            &format!("No session found for call_id: {id}"),
        ),
    }
}

/// `POST /v1/realtime/client_secrets`.
pub(crate) async fn client_secret(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    let body = if body.is_empty() {
        Ok(json!({}))
    } else {
        serde_json::from_slice::<Value>(&body)
    };
    let Ok(body) = body else {
        return refusal(StatusCode::BAD_REQUEST, "invalid_json", "The body is not valid JSON.");
    };
    match authorize(&app, bearer(&headers).as_deref()) {
        Err(response) => return response,
        Ok(Caller::Ephemeral(_)) => {
            return refusal(
                StatusCode::UNAUTHORIZED,
                "invalid_api_key",
                "An ephemeral key makes no further keys.",
            );
        }
        Ok(Caller::Project) => {}
    }
    let seconds = body["expires_after"]["seconds"].as_u64().unwrap_or(600);
    if !(10..=7_200).contains(&seconds) {
        return refusal(
            StatusCode::BAD_REQUEST,
            "invalid_value",
            "expires_after.seconds is from 10 to 7200.",
        );
    }
    let session = body
        .get("session")
        .cloned()
        .unwrap_or_else(|| json!({"type": "realtime"}));
    if let Err(response) = make(&app, None, None, Some(&session), Transport::WebRtc) {
        return response;
    }
    let (value, expires_at) = (format!("ek_sim_{}", random(32)), crate::epoch_ms() / 1_000 + seconds);
    app.registry.keep_secret(&value, expires_at, session.clone());
    Json(json!({"value": value, "expires_at": expires_at, "session": session})).into_response()
}

fn random(len: usize) -> String {
    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut rng = rand::rng();
    (0..len)
        .map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]))
        .collect()
}
