//! The browser's socket, as a page holds it: a hello, then whatever is said on it, kept in order.

use crate::stack::{Seat, Stack, until};
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpStream, task::JoinHandle};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

#[derive(Default)]
struct Told {
    messages: Vec<Value>,
    /// The code it was closed with; 0 if there was none.
    closed: Option<u16>,
}

pub struct Socket {
    sink: SplitSink<WebSocketStream<MaybeTlsStream<TcpStream>>, Message>,
    told: Arc<Mutex<Told>>,
    reader: JoinHandle<()>,
}

impl Socket {
    /// Connected and welcomed.
    pub async fn open(stack: &Stack, seat: &Seat) -> Self {
        let hello = json!({ "type": "hello", "token": seat.token, "sessionId": seat.session });
        Self::with_hello(stack, seat, &hello).await
    }

    /// The same, with a hello of the test's own.
    pub async fn with_hello(stack: &Stack, seat: &Seat, hello: &Value) -> Self {
        let url = format!("{}/ws?session={}", stack.base.replacen("http", "ws", 1), seat.session);
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", "vivavoce.v1".parse().unwrap());
        let (stream, _) = connect_async(request).await.expect("it is upgraded");
        let (sink, mut stream) = stream.split();
        let told = Arc::new(Mutex::new(Told::default()));
        let kept = told.clone();
        let reader = tokio::spawn(async move {
            let mut code = 0;
            while let Some(Ok(message)) = stream.next().await {
                match message {
                    Message::Text(text) => kept
                        .lock()
                        .unwrap()
                        .messages
                        .push(serde_json::from_str(&text).expect("JSON")),
                    Message::Close(frame) => code = frame.map_or(0, |frame| frame.code.into()),
                    _ => {}
                }
            }
            kept.lock().unwrap().closed = Some(code);
        });
        let mut socket = Self { sink, told, reader };
        socket.say(hello).await;
        socket
            .hears(Duration::from_secs(5), "a welcome", |it| it["type"] == "welcome")
            .await;
        socket
    }

    pub async fn say(&mut self, message: &Value) {
        self.sink
            .send(Message::text(message.to_string()))
            .await
            .expect("it is open");
    }

    /// A frame as it is, good or bad. False once the socket is closed.
    pub async fn frame(&mut self, frame: Message) -> bool {
        self.sink.send(frame).await.is_ok()
    }

    pub fn messages(&self) -> Vec<Value> {
        self.told.lock().unwrap().messages.clone()
    }

    /// Waits for a message that is so.
    pub async fn hears(&self, within: Duration, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        until(within, what, async || {
            self.messages().into_iter().find(|message| is(message))
        })
        .await
    }

    /// Waits until the relay has closed it; with which code.
    pub async fn closed(&self, within: Duration) -> u16 {
        until(within, "the socket is closed", async || {
            self.told.lock().unwrap().closed
        })
        .await
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
