//! `POST /v1/audio/transcriptions`: the digits of a file that has any; else its length, and that nobody listened.

use axum::{
    Json,
    extract::{FromRequest, Multipart, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{App, authorize, bearer, ordered_refusal, refusal};
use crate::{
    audio::file,
    judge::{Detector, words_of},
};

pub(crate) async fn create(State(app): State<App>, request: Request) -> Response {
    match transcribed(&app, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn transcribed(app: &App, request: Request) -> Result<Response, Response> {
    authorize(app, bearer(request.headers()).as_deref())?;
    ordered_refusal(app, None).await?;
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(IntoResponse::into_response)?;
    let mut bytes = None;
    while let Some(field) = form.next_field().await.map_err(IntoResponse::into_response)? {
        if field.name() == Some("file") {
            bytes = Some(field.bytes().await.map_err(IntoResponse::into_response)?);
        }
    }
    let missing = || {
        refusal(
            StatusCode::BAD_REQUEST,
            "missing_required_parameter",
            "Missing required parameter: 'file'.",
        )
    };
    let bytes = bytes.ok_or_else(missing)?;
    let found = file::decode(&bytes);
    let seconds = found
        .as_ref()
        .map_or(0, |(rate, pcm)| pcm.len().div_ceil(*rate as usize));
    let digits: Vec<u8> = found.map_or(Vec::new(), |(rate, pcm)| {
        Detector::new(rate).push(&pcm).iter().map(|h| h.digit).collect()
    });
    let text = if digits.is_empty() {
        format!("[simulated transcript] a file of {} bytes", bytes.len())
    } else {
        format!("[simulated transcript] digits {}", words_of(&digits))
    };
    Ok(Json(json!({"text": text, "usage": {"type": "duration", "seconds": seconds}})).into_response())
}
