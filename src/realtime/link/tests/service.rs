//! A service of the test's own: one connection, which the test speaks for.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

pub(super) struct Service {
    pub(super) base: String,
    listener: TcpListener,
}

pub(super) struct Peer {
    pub(super) stream: WebSocketStream<TcpStream>,
}

impl Service {
    pub(super) async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            base: format!("http://{}/v1", listener.local_addr().unwrap()),
            listener,
        }
    }

    /// A connection as it comes.
    pub(super) async fn accept_raw(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }

    /// A WebSocket, before the session.
    pub(super) async fn accept(&self) -> Peer {
        Peer {
            stream: tokio_tungstenite::accept_async(self.accept_raw().await).await.unwrap(),
        }
    }

    /// A WebSocket on which the session has been taken.
    pub(super) async fn accept_session(&self) -> (Peer, Value) {
        let mut peer = self.accept().await;
        peer.send(&json!({"type":"session.created","session":{"id":"s"}})).await;
        let update = peer.next().await.expect("no session.update");
        assert_eq!(update["type"], "session.update");
        peer.send(&json!({"type":"session.updated","session":{}})).await;
        (peer, update)
    }
}

impl Peer {
    pub(super) async fn send(&mut self, event: &Value) {
        self.text(&event.to_string()).await;
    }
    pub(super) async fn text(&mut self, text: &str) {
        self.stream.send(Message::text(text.to_owned())).await.unwrap();
    }
    /// The next event, within 10 s; `None` once it is closed.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(Duration::from_secs(10), self.stream.next())
                .await
                .expect("nothing came");
            match message {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(text.as_str()).unwrap()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }
    /// The next event of this kind.
    pub(super) async fn expect(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("closed before {kind}"));
            if event["type"] == kind {
                return event;
            }
        }
    }
}
