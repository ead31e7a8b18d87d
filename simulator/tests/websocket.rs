//! Whole sessions over a WebSocket: judge mode both ways, a barge-in, a sideband, and who is let in.
#![allow(clippy::large_futures, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use common::{Peer, WAIT, control, order, session, simulator};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};
use vivavoce_simulator::{
    Simulator,
    judge::{self, Detector, Pattern},
};

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn open(
        simulator: &Simulator,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<(Self, Option<String>), u16> {
        let mut request = format!("ws://{}/v1/realtime?{query}", simulator.addr())
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, response)) => {
                let protocol = response
                    .headers()
                    .get("sec-websocket-protocol")
                    .map(|v| v.to_str().unwrap().to_owned());
                Ok((Self(socket), protocol))
            }
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    async fn send(&mut self, event: Value) {
        self.0.send(Message::text(event.to_string())).await.unwrap();
    }

    async fn append(&mut self, pcm: &[i16]) {
        let bytes: Vec<u8> = pcm.iter().flat_map(|s| s.to_le_bytes()).collect();
        self.send(json!({"type": "input_audio_buffer.append", "audio": STANDARD.encode(bytes)}))
            .await;
    }

    /// The next event of this type, and all that came before it.
    async fn until(&mut self, kind: &str) -> (Value, Vec<Value>) {
        let mut before = Vec::new();
        let all = tokio::time::timeout(WAIT, async {
            while let Some(Ok(message)) = self.0.next().await {
                let Message::Text(text) = message else { continue };
                let event: Value = serde_json::from_str(&text).unwrap();
                if event["type"] == kind {
                    return event;
                }
                before.push(event);
            }
            panic!("closed before {kind}");
        });
        let found = all.await.unwrap_or_else(|_| panic!("no {kind} came"));
        (found, before)
    }
}

const KEY: (&str, &str) = ("authorization", "Bearer sk-test");

#[tokio::test(flavor = "multi_thread")]
async fn digits_pass_both_ways_and_a_barge_in_is_truncated_by_the_client() {
    let simulator = simulator(json!({"judge": {"count": 200, "barge_in": true}})).await;
    let (mut socket, _) = Socket::open(&simulator, "model=judge", &[KEY]).await.unwrap();
    socket.until("session.created").await;
    let mut settings = session("judge");
    settings["audio"]["input"]["turn_detection"]["silence_duration_ms"] = json!(300);
    socket
        .send(json!({"type": "session.update", "session": settings}))
        .await;
    socket.until("session.updated").await;
    socket.send(json!({"type": "response.create"})).await;
    let (done, before) = socket.until("response.done").await;
    let mut ear = Detector::new(24_000);
    let mut heard = String::new();
    for delta in before.iter().filter(|e| e["type"] == "response.output_audio.delta") {
        let bytes = STANDARD.decode(delta["delta"].as_str().unwrap()).unwrap();
        let pcm: Vec<i16> = bytes
            .chunks_exact(2)
            .map(|b| i16::from_le_bytes([b[0], b[1]]))
            .collect();
        heard.extend(ear.push(&pcm).iter().map(|h| h.digit.to_string()));
    }
    let item = &done["response"]["output"][0];
    assert_eq!(
        heard,
        item["content"][0]["transcript"].as_str().unwrap().replace(' ', "")
    );
    assert_eq!(heard.len(), 200);

    // The candidate says 200 digits; the first breaks in, and the client truncates at what it has played.
    let mine: Vec<u8> = (0..200).map(|n| (n * 3 + n / 10) as u8 % 10).collect();
    for piece in judge::encode(&mine, &Pattern::at(24_000)).chunks(2_400) {
        socket.append(piece).await;
    }
    socket.append(&vec![0; 12_000]).await;
    socket.until("input_audio_buffer.speech_started").await;
    socket.send(json!({"type": "conversation.item.truncate", "item_id": item["id"], "content_index": 0, "audio_end_ms": 1_234})).await;
    let (truncated, before) = socket.until("conversation.item.truncated").await;
    assert_eq!(truncated["audio_end_ms"], 1_234);
    assert!(before.iter().all(|e| e["type"] != "error"), "{before:?}");

    let calls = control(&simulator, "calls").await;
    let call = &calls["calls"][0];
    assert_eq!(call["transport"], "websocket");
    assert_eq!(
        call["digits_text"].as_str().unwrap(),
        mine.iter().map(ToString::to_string).collect::<String>()
    );
    assert_eq!(call["truncations"][0]["audio_end_ms"], 1_234);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_let_in() {
    let simulator = simulator(Value::Null).await;
    let open = |query: &'static str, headers: Vec<(&'static str, &'static str)>| {
        let simulator = &simulator;
        async move {
            Socket::open(simulator, query, &headers)
                .await
                .map(|(_, protocol)| protocol)
        }
    };
    assert_eq!(open("model=gpt-realtime-2.1", vec![]).await, Err(401));
    assert_eq!(
        open(
            "model=gpt-realtime-2.1",
            vec![("authorization", "Bearer ek_nobody_made")]
        )
        .await,
        Err(401)
    );
    assert_eq!(open("model=gpt-4o", vec![KEY]).await, Err(404));
    assert_eq!(open("call_id=rtc_none", vec![KEY]).await, Err(404));
    assert_eq!(
        open("model=gpt-realtime-2.1", vec![KEY, ("openai-beta", "realtime=v1")]).await,
        Err(400)
    );
    let browser = vec![("sec-websocket-protocol", "realtime, openai-insecure-api-key.sk-x")];
    assert_eq!(
        open("model=gpt-realtime-2.1", browser).await,
        Ok(Some("realtime".to_owned()))
    );
    order(&simulator, "faults", json!({"kind": "refuse", "status": 503})).await;
    assert_eq!(open("model=gpt-realtime-2.1", vec![KEY]).await, Err(503));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sideband_hears_and_speaks_and_expiry_closes_with_1001() {
    let simulator = simulator(Value::Null).await;
    let mut peer = Peer::connect(&simulator, &session("gpt-realtime-2.1")).await;
    peer.event("session.created").await;
    let query = format!("call_id={}", peer.call_id);
    let (mut side, _) = Socket::open(&simulator, &query, &[KEY]).await.unwrap();
    side.send(json!({"type": "response.create"})).await;
    let (side_said, _) = side.until("response.output_audio_transcript.done").await;
    let said = peer.event("response.output_audio_transcript.done").await;
    assert_eq!(said["transcript"], side_said["transcript"]);
    let hang_up = format!("http://{}/v1/realtime/calls/{}/hangup", simulator.addr(), peer.call_id);
    let answer = common::http().post(&hang_up).bearer_auth("sk-x").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.content_length()), (200, Some(0)));

    let (mut socket, _) = Socket::open(&simulator, "model=gpt-realtime-2.1", &[KEY])
        .await
        .unwrap();
    socket.until("session.created").await;
    order(&simulator, "faults", json!({"kind": "expire"})).await;
    let (error, _) = socket.until("error").await;
    assert_eq!(error["error"]["code"], "session_expired");
    let close = tokio::time::timeout(Duration::from_secs(5), socket.0.next())
        .await
        .unwrap();
    let Some(Ok(Message::Close(Some(frame)))) = close else {
        panic!("{close:?}")
    };
    assert_eq!(u16::from(frame.code), 1001);
    simulator.stop().await;
}
