//! The AI service: the door that calls are dialled at (real HTTP), and behind it a peer and the simulator's conversation for each.

use crate::sound::{self, Stream};
use axum::{
    Router,
    extract::{Multipart, Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};
use vivavoce_media::world::{Far, FarEvent};
use vivavoce_simulator::model::{Model, Said};

/// A call that is being dialled; the answer is its SDP and id, or a refusal's status.
pub struct Dial {
    pub offer: String,
    pub session: Value,
    pub reply: oneshot::Sender<Result<(String, String), u16>>,
}

/// Serves the door until the runtime ends.
pub async fn door() -> (SocketAddr, mpsc::Receiver<Dial>) {
    let (dials, dialled) = mpsc::channel(16);
    let router = Router::new()
        .route("/v1/realtime/calls", post(call))
        .route(
            "/v1/realtime/calls/{id}/hangup",
            post(|_: Path<String>| async { StatusCode::OK }),
        )
        .with_state(dials);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (addr, dialled)
}

async fn call(State(dials): State<mpsc::Sender<Dial>>, mut form: Multipart) -> Response {
    let (mut offer, mut session) = (String::new(), Value::Null);
    while let Ok(Some(field)) = form.next_field().await {
        let name = field.name().unwrap_or_default().to_owned();
        let text = field.text().await.unwrap_or_default();
        if name == "sdp" {
            offer = text;
        } else {
            session = serde_json::from_str(&text).unwrap_or(Value::Null);
        }
    }
    let (reply, answer) = oneshot::channel();
    if dials.send(Dial { offer, session, reply }).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match answer.await {
        Ok(Ok((sdp, id))) => {
            let headers = [
                (header::CONTENT_TYPE, "application/sdp".to_owned()),
                (header::LOCATION, format!("/v1/realtime/calls/{id}")),
            ];
            (StatusCode::CREATED, headers, sdp).into_response()
        }
        Ok(Err(status)) => {
            let body = json!({ "error": { "message": "refused", "type": "server_error", "code": "server_error" } });
            (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
        }
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// One call's far end.
pub struct Call {
    pub far: Far,
    model: Model,
    pub began: Instant,
    is_open: bool,
    /// Gone without a word: nothing of it is on the net.
    pub is_gone: bool,
    next: Option<(u32, u16)>,
    pub stream: Stream,
    /// How many packets of the candidate's were heard.
    pub heard: u64,
}

impl Call {
    pub fn answer(
        now: Instant,
        address: SocketAddr,
        dial: &Dial,
        tag: &str,
        exam: &Value,
    ) -> Result<(Self, String), u16> {
        let (far, answer) = Far::service(now, address, &dial.offer).map_err(|_| 400u16)?;
        let model = Model::new(
            tag,
            &dial.session,
            exam,
            vivavoce::clock::wall().unix_timestamp() as u64 * 1_000,
        )
        .map_err(|_| 400u16)?;
        let call = Self {
            far,
            model,
            began: now,
            is_open: false,
            is_gone: false,
            next: None,
            stream: Stream::default(),
            heard: 0,
        };
        Ok((call, answer))
    }

    pub fn record(&self) -> Value {
        self.model.record()
    }

    pub fn stall(&mut self, now: Instant, answers: u32) {
        self.model.stall(now - self.began, answers);
    }

    pub fn expire(&mut self, now: Instant) {
        self.model.expire(now - self.began);
    }

    /// A datagram has come.
    pub fn datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let Some(packet) = self.far.datagram(now, from, bytes) else {
            return;
        };
        self.heard += 1;
        self.stream.take(&packet);
        let timestamp = u32::from_be_bytes(packet[4..8].try_into().unwrap());
        let sequence = u16::from_be_bytes(packet[2..4].try_into().unwrap());
        let mut pcm = vec![];
        if let Some((next, before)) = self.next {
            if sequence.wrapping_sub(before) > u16::MAX / 2 {
                return; // late
            }
            // the sender's time: gaps in it are silence
            let gap = timestamp.wrapping_sub(next);
            pcm.resize(if gap > 480_000 { 0 } else { gap as usize / 2 }, 0);
        }
        self.next = Some((timestamp.wrapping_add(960), sequence));
        pcm.extend_from_slice(&sound::pcm(&packet[12..]));
        self.model.hear(now - self.began, pcm);
    }

    /// Whatever is due; carries what the conversation says.
    pub fn work(&mut self, now: Instant) {
        if self.is_gone {
            return;
        }
        self.far.tick(now);
        let at = now - self.began;
        while let Some(event) = self.far.poll_event() {
            match event {
                FarEvent::ChannelOpen if !self.is_open => {
                    self.is_open = true;
                    self.model.open(at);
                }
                FarEvent::Text(text) => self.model.text(at, &text),
                FarEvent::Closed => self.is_gone = true,
                FarEvent::Up | FarEvent::ChannelOpen => {}
            }
        }
        if self.is_open && self.model.poll_timeout().is_some_and(|due| due <= at) {
            self.model.due(at);
        }
        while let Some(said) = self.model.poll() {
            match said {
                Said::Event(text) => self.far.send_text(now, &text),
                Said::Sound(packet) => self.far.speak(&packet),
                Said::Close => {
                    self.far.close(now);
                    // its last datagrams are still to be carried
                    self.is_open = false;
                }
            }
        }
    }

    pub fn next_due(&self) -> Option<Instant> {
        if self.is_gone {
            return None;
        }
        let model = self.model.poll_timeout().filter(|_| self.is_open);
        let model = model.map(|due: Duration| self.began + due);
        [model, self.far.poll_timeout()].into_iter().flatten().min()
    }
}
