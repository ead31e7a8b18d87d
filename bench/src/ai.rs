//! The AI side's HTTP: the calls of `POST /v1/realtime/calls`, each answered by a far end of the engine's.
//!
//! Is: enough of the Realtime API for a relay to dial it unmodified. Isn't: the simulator, which has a voice and a judgement; here
//! only packets count.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use tokio::{net::TcpListener, task::AbortHandle};

use crate::engine::Engine;

/// The server; it ends when this is dropped.
#[derive(Debug)]
pub struct Ai {
    /// For `OPENAI_BASE_URL`.
    pub base_url: String,
    task: AbortHandle,
}

impl Ai {
    /// Listens there; port 0 for any.
    pub async fn start(listen: SocketAddr, engine: Arc<Engine>) -> io::Result<Self> {
        let router = Router::new()
            .route("/v1/realtime/calls", post(call))
            .route("/v1/realtime/calls/{id}/hangup", post(async || StatusCode::OK))
            .with_state(engine);
        let listener = TcpListener::bind(listen).await?;
        let base_url = format!("http://{}/v1", listener.local_addr()?);
        let task = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Ok(Self { base_url, task })
    }
}

impl Drop for Ai {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn call(State(engine): State<Arc<Engine>>, body: Bytes) -> Response {
    let Some(offer) = offer(&body) else {
        return (StatusCode::BAD_REQUEST, "no offer").into_response();
    };
    match engine.ai(offer).await {
        Ok((end, answer)) => {
            let location = format!("/v1/realtime/calls/rtc_bench{end}");
            let headers: [(HeaderName, String); 2] = [
                (header::CONTENT_TYPE, "application/sdp".into()),
                (header::LOCATION, location),
            ];
            (StatusCode::CREATED, headers, answer).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The offer in a body: the body itself, or the `sdp` part of a form (RFC 7578).
fn offer(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    if text.starts_with("v=0") {
        return Some(text.into());
    }
    let (_, part) = text.split_once("name=\"sdp\"")?;
    let (_, content) = part.split_once("\r\n\r\n")?;
    let (offer, _) = content.split_once("\r\n--")?;
    Some(format!("{}\r\n", offer.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_offer() {
        let form = "--x\r\nContent-Disposition: form-data; name=\"sdp\"\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n\r\n\
                    --x\r\nContent-Disposition: form-data; name=\"session\"\r\n\r\n{}\r\n--x--\r\n";
        assert_eq!(offer(form.as_bytes()).as_deref(), Some("v=0\r\ns=-\r\n"));
        assert_eq!(offer(b"v=0\r\n").as_deref(), Some("v=0\r\n"));
        assert_eq!(offer(b"{}"), None);
        assert_eq!(offer(&[0xff]), None);
    }
}
