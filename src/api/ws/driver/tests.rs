//! The driver against a real socket: what a browser sees, byte for byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use axum::{Router, extract::ws::WebSocketUpgrade, routing::get};
use futures_util::{SinkExt as _, StreamExt as _};
use std::sync::{Arc, Mutex};
use tokio::{net::TcpStream, sync::watch};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message as Wire, protocol::frame::coding::CloseCode},
};
use vivavoce_signaling::{FRAME_BYTES_MAX, handshake::FRAMES_BURST};

const SESSION: Uuid = Uuid::from_u128(0x018f_0000_0000_7000_8000_0000_0000_00aa);
/// No test waits longer for a frame, in real or virtual time; longer than any deadline of the driver's.
const PATIENCE: Duration = Duration::from_secs(30);

/// A session that is not there: what was delivered to it, and whether it was left.
#[derive(Clone)]
struct House {
    says: Arc<Mutex<Option<mpsc::Receiver<Outgoing>>>>,
    heard: Arc<Mutex<Vec<ClientMessage>>>,
    left: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    asked: watch::Sender<bool>,
    answers: bool,
}

impl Room for House {
    async fn admit(&self, hello: Hello) -> Entry {
        self.asked.send_replace(true);
        if !self.answers {
            std::future::pending::<()>().await;
        }
        match hello.token.as_str() {
            "good" => {
                let (heard, left) = (self.heard.clone(), self.left.clone());
                Entry::Admitted(Seat::new(
                    self.says.lock().unwrap().take().unwrap(),
                    move |message| heard.lock().unwrap().push(message),
                    move || _ = left.send_replace(true),
                ))
            }
            "other" => Entry::Refused(Verdict::NotYours),
            "over" => Entry::Refused(Verdict::Over("ended".into())),
            _ => Entry::Refused(Verdict::BadToken),
        }
    }
}

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct World {
    client: Client,
    say: mpsc::Sender<Outgoing>,
    house: House,
    metrics: Metrics,
}

impl World {
    async fn new() -> Self {
        Self::with(true).await
    }

    async fn with(answers: bool) -> Self {
        let (say, says) = mpsc::channel(8);
        let house = House {
            says: Arc::new(Mutex::new(Some(says))),
            heard: Arc::default(),
            left: watch::Sender::new(false),
            stop: watch::Sender::new(false),
            asked: watch::Sender::new(false),
            answers,
        };
        let metrics = Metrics::new();
        let (room, counted) = (house.clone(), metrics.clone());
        let handler = async move |upgrade: WebSocketUpgrade| {
            upgrade
                .max_message_size(super::super::READ_BYTES_MAX)
                .max_frame_size(super::super::READ_BYTES_MAX)
                .on_upgrade(async move |socket| {
                    let mut stop = room.stop.subscribe();
                    let stopping = async move { _ = stop.wait_for(|stop| *stop).await };
                    drive(socket, SESSION, room, stopping, &counted).await;
                })
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/ws", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/ws", get(handler))).await });
        let (client, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        Self {
            client,
            say,
            house,
            metrics,
        }
    }

    async fn admitted() -> Self {
        let mut world = Self::new().await;
        world.hello("good").await;
        world.say.send(Outgoing::Frame("welcome".into())).await.unwrap();
        assert_eq!(world.read().await, Some(Wire::text("welcome")));
        world
    }

    async fn hello(&mut self, token: &str) {
        let hello = serde_json::json!({"type": "hello", "token": token, "sessionId": SESSION.to_string()});
        self.send(&hello.to_string()).await;
    }

    async fn send(&mut self, text: &str) {
        self.client.send(Wire::text(text)).await.unwrap();
    }

    async fn read(&mut self) -> Option<Wire> {
        tokio::time::timeout(PATIENCE, self.client.next())
            .await
            .expect("in time")
            .map(|message| message.expect("a frame"))
    }

    /// The code of the close frame that comes next.
    async fn closed(&mut self) -> u16 {
        loop {
            match self.read().await {
                Some(Wire::Close(Some(frame))) => return u16::from(frame.code),
                Some(Wire::Ping(_)) => {}
                other => panic!("no close frame: {other:?}"),
            }
        }
    }

    async fn left(&self) {
        let mut left = self.house.left.subscribe();
        let waited = tokio::time::timeout(Duration::from_mins(2), left.wait_for(|left| *left)).await;
        waited.expect("the seat is given back").unwrap();
    }

    fn counted(&self, reason: &str) -> bool {
        let text = self.metrics.text().unwrap();
        text.lines()
            .any(|line| line.starts_with("vivavoce_signaling_refused") && line.contains(&format!("\"{reason}\"")))
    }
}

#[tokio::test]
async fn a_socket_carries_both_ways_and_gives_its_seat_back() {
    let mut world = World::admitted().await;
    world.send(r#"{"type":"mute","on":true}"#).await;
    world.send("nonsense").await;
    world.say.send(Outgoing::Frame("one".into())).await.unwrap();
    assert_eq!(world.read().await, Some(Wire::text("one")));
    world.client.close(None).await.unwrap();
    world.left().await;
    let kinds: Vec<&str> = world
        .house
        .heard
        .lock()
        .unwrap()
        .iter()
        .map(ClientMessage::kind)
        .collect();
    assert_eq!(kinds, ["mute", "malformed"]);
    assert!(world.counted("not_a_message"));
}

#[tokio::test]
async fn refusals_have_their_codes() {
    for (token, code, reason) in [("bad", 4401, "unauthorized"), ("other", 4404, "not_yours")] {
        let mut world = World::new().await;
        world.hello(token).await;
        assert_eq!(world.closed().await, code, "{token}");
        assert!(world.counted(reason), "{reason}");
    }
    let mut world = World::new().await;
    world.hello("over").await;
    assert_eq!(world.read().await, Some(Wire::text("ended")));
    assert_eq!(world.closed().await, 1000);
}

#[tokio::test]
async fn a_frame_too_large_is_1009_however_large() {
    for size in [FRAME_BYTES_MAX + 1, 900 * 1024, 8 * 1024 * 1024] {
        let World {
            client,
            house,
            say: _say,
            ..
        } = World::admitted().await;
        let (mut write, mut read) = client.split();
        // The relay stops reading in the middle of the largest: writing it never ends.
        let writing = tokio::spawn(async move { write.send(Wire::text("x".repeat(size))).await });
        let closed = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Wire::Close(Some(frame)) = read.next().await.expect("a close frame").expect("a frame") {
                    return frame.code;
                }
            }
        });
        assert_eq!(closed.await.expect("in time"), CloseCode::Size, "{size} bytes");
        writing.abort();
        assert!(house.heard.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn broken_frames_have_their_codes() {
    // A text frame of one byte that is not UTF-8, then one that is not masked (RFC 6455, sections 5.6 and 5.1).
    for (bytes, code) in [
        (&[0x81, 0x81, 0, 0, 0, 0, 0xff][..], 1007),
        (&[0x81, 0x01, b'x'][..], 1002),
    ] {
        use tokio::io::AsyncWriteExt as _;
        let mut world = World::admitted().await;
        let MaybeTlsStream::Plain(tcp) = world.client.get_mut() else {
            panic!("plain")
        };
        tcp.write_all(bytes).await.unwrap();
        assert_eq!(world.closed().await, code);
        world.left().await;
    }
}

#[tokio::test]
async fn the_session_and_the_server_close_it() {
    let mut world = World::admitted().await;
    let superseded = Outgoing::Close {
        code: 4409,
        reason: "superseded",
    };
    world.say.send(superseded).await.unwrap();
    assert_eq!(world.closed().await, 4409);
    world.left().await;

    let mut world = World::admitted().await;
    world.house.stop.send_replace(true);
    assert_eq!(world.closed().await, 1012);

    let mut world = World::admitted().await;
    world.say = mpsc::channel(1).0;
    assert_eq!(world.closed().await, 1011, "the session's queue ended without a word");
}

#[tokio::test]
async fn a_flood_is_4429() {
    let mut world = World::admitted().await;
    for _ in 0..FRAMES_BURST + 50 {
        if world.client.send(Wire::text(r#"{"type":"x"}"#)).await.is_err() {
            break;
        }
    }
    assert_eq!(world.closed().await, 4429);
    assert!(world.counted("too_much"));
}

#[tokio::test]
async fn without_hello_it_is_closed() {
    let mut world = World::new().await;
    tokio::time::pause(); // a virtual clock from here on: it leaps to the next deadline when all is quiet
    assert_eq!(world.closed().await, 4401);
}

#[tokio::test]
async fn a_verdict_that_never_comes_is_1013() {
    let mut world = World::with(false).await;
    world.hello("good").await;
    let mut asked = world.house.asked.subscribe();
    asked.wait_for(|asked| *asked).await.unwrap(); // the hello has arrived: only then may the clock leap
    tokio::time::pause();
    assert_eq!(world.closed().await, 1013);
}

#[tokio::test]
async fn a_browser_that_does_not_pong_is_lost() {
    let world = World::admitted().await;
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    world.left().await; // the client is not polled, so it answers no ping
    let lasted = before.elapsed().as_secs_f64();
    assert!(
        (44.0..46.0).contains(&lasted),
        "pings at 15 s and 30 s, lost at 45 s: {lasted} s"
    );
    assert!(world.counted("lost"));
}

#[tokio::test]
async fn a_browser_that_does_not_read_is_let_go() {
    let world = World::admitted().await;
    tokio::time::pause(); // leaps only once both ends are stuck
    let text = "x".repeat(1024 * 1024);
    let say = world.say.clone();
    let talking = tokio::spawn(async move { while say.send(Outgoing::Frame(text.clone())).await.is_ok() {} });
    world.left().await;
    assert!(world.counted("too_slow"));
    talking.abort();
}
