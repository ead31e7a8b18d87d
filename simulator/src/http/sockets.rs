//! `GET /v1/realtime`: a session over a WebSocket, or a sideband to a call.

use std::time::Duration;

use axum::{
    extract::{
        Query, State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{App, Caller, authorize, bearer, calls, no_beta, ordered_refusal, refusal};
use crate::{
    call::{Call, Command, INBOX, Outlet, SEND_MAX, SIDEBAND},
    conversation::Transport,
    wire::Wire,
};

/// The subprotocol that a browser puts its key in.
const KEY_PROTOCOL: &str = "openai-insecure-api-key.";
/// The largest message: 15 MiB of sound in base64 and something around it.
const MESSAGE_MAX: usize = 24 << 20;

/// The query.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    model: Option<String>,
    call_id: Option<String>,
}

/// The upgrade.
pub(crate) async fn connect(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    match accepted(&app, asked, &headers, upgrade).await {
        Ok(response) | Err(response) => response,
    }
}

async fn accepted(
    app: &App,
    asked: Asked,
    headers: &HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Response> {
    no_beta(headers)?;
    let protocols = headers
        .get(header::SEC_WEBSOCKET_PROTOCOL)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    if protocols
        .split(',')
        .any(|p| p.trim().starts_with("openai-beta.realtime"))
    {
        let message = "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.";
        return Err(refusal(StatusCode::BAD_REQUEST, "beta_api_shape_disabled", message));
    }
    let in_protocol = protocols
        .split(',')
        .find_map(|p| p.trim().strip_prefix(KEY_PROTOCOL))
        .map(str::to_owned);
    let caller = authorize(app, bearer(headers).or(in_protocol).as_deref())?;
    let upgrade = upgrade
        .protocols(["realtime"])
        .max_message_size(MESSAGE_MAX)
        .max_frame_size(MESSAGE_MAX);
    if let Some(id) = asked.call_id {
        let found = app.registry.commands(&id);
        let commands = found.ok_or_else(|| {
            refusal(
                StatusCode::NOT_FOUND,
                "call_id_not_found",
                &format!("No session found for call_id: {id}"),
            )
        })?;
        return Ok(upgrade.on_upgrade(|socket| sideband(socket, commands)));
    }
    ordered_refusal(app, Some("websocket")).await?;
    let bound = match &caller {
        Caller::Ephemeral(session) => Some(session),
        Caller::Project => None,
    };
    if asked.model.is_none() && bound.is_none() {
        return Err(refusal(
            StatusCode::BAD_REQUEST,
            "missing_model",
            "You must provide a model parameter.",
        ));
    }
    let made = calls::make(app, asked.model, bound, None, Transport::WebSocket)?;
    let app = app.clone();
    Ok(upgrade.on_upgrade(move |socket| async move {
        let (commands, inbox) = mpsc::channel(INBOX);
        app.registry.enter(&made.id, "websocket", commands.clone());
        let (sink, stream) = socket.split();
        let call = Call::new(
            made.conversation,
            Wire::new(made.defaults.wire),
            Box::new(SocketOutlet { sink, sent: 0 }),
        );
        let reader = app.registry.tasks.spawn(read(stream, commands));
        let last = app.registry.tasks.spawn(call.run(inbox)).await;
        reader.abort();
        app.registry.leave(&made.id, last.unwrap_or(Value::Null));
    }))
}

async fn read(
    mut stream: impl StreamExt<Item = Result<Message, axum::Error>> + Unpin,
    commands: mpsc::Sender<Command>,
) {
    let _ = commands.send(Command::Open).await;
    while let Some(Ok(message)) = stream.next().await {
        let sent = match message {
            Message::Text(text) => commands.send(Command::Client(text.to_string())).await,
            Message::Close(_) => break,
            _ => Ok(()),
        };
        if sent.is_err() {
            break;
        }
    }
    let _ = commands
        .send(Command::Gone("socket closed by the client".to_owned()))
        .await;
}

struct SocketOutlet {
    sink: SplitSink<WebSocket, Message>,
    sent: u64,
}

#[async_trait::async_trait]
impl Outlet for SocketOutlet {
    async fn event(&mut self, text: &str) -> bool {
        self.sent += 1;
        matches!(
            tokio::time::timeout(SEND_MAX, self.sink.send(Message::Text(text.into()))).await,
            Ok(Ok(()))
        )
    }

    async fn sound(&mut self, _packet: Bytes) {}

    async fn close_channel(&mut self) {
        self.close(1006, "").await;
    }

    async fn close(&mut self, code: u16, reason: &str) {
        let frame = if code == 1006 {
            None
        } else {
            Some(CloseFrame {
                code,
                reason: reason.into(),
            })
        };
        let _ = tokio::time::timeout(SEND_MAX, self.sink.send(Message::Close(frame))).await;
    }

    fn stats(&self) -> Value {
        json!({"events_sent": self.sent})
    }
}

/// A second pair of ears, and a mouth, for a call.
async fn sideband(socket: WebSocket, commands: mpsc::Sender<Command>) {
    let (events, mut inbox) = mpsc::channel(SIDEBAND);
    if commands.send(Command::Listen(events)).await.is_err() {
        return;
    }
    let (mut sink, mut stream) = socket.split();
    loop {
        tokio::select! {
            event = inbox.recv() => match event {
                Some(text) => {
                    if tokio::time::timeout(SEND_MAX, sink.send(Message::Text(text.into()))).await.is_err() {
                        break;
                    }
                }
                None => break,
            },
            message = stream.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    if commands.send(Command::Client(text.to_string())).await.is_err() {
                        break;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    let _ = tokio::time::timeout(Duration::from_secs(1), sink.close()).await;
}
