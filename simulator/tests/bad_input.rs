//! Malformed, oversized and late input at each boundary: a clear refusal, and the session goes on.
#![allow(clippy::large_futures, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use bytes::{Bytes, BytesMut};
use common::{Peer, control, http, session, simulator, talk};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn http_refuses_in_words() {
    let simulator = simulator(Value::Null).await;
    let form = "multipart/form-data; boundary=x";
    let part = |name: &str, text: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n--x--\r\n")
    };
    let table = [
        ("v1/realtime/calls", "application/json", "{}".to_owned(), 415),
        ("v1/realtime/calls", "application/sdp", String::new(), 400),
        (
            "v1/realtime/calls",
            "application/sdp",
            "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF\r\n".to_owned(),
            400,
        ),
        ("v1/realtime/calls", form, part("session", "{}"), 400),
        ("v1/realtime/calls", form, part("session", "{"), 400),
        ("v1/realtime/calls", form, "--x\r\n".to_owned(), 400),
        (
            "v1/realtime/calls?model=gpt-4o",
            "application/sdp",
            "v=0\r\n".to_owned(),
            404,
        ),
        ("v1/realtime/client_secrets", "application/json", "{".to_owned(), 400),
        (
            "v1/realtime/client_secrets",
            "application/json",
            r#"{"expires_after": {"seconds": 5}}"#.to_owned(),
            400,
        ),
        (
            "v1/realtime/client_secrets",
            "application/json",
            r#"{"session": {"voice": "x"}}"#.to_owned(),
            400,
        ),
        ("v1/realtime/calls/rtc_none/hangup", "text/plain", String::new(), 404),
        ("v1/responses", "application/json", "[".to_owned(), 400),
        ("v1/responses", "application/json", "{}".to_owned(), 400),
        (
            "control/faults",
            "application/json",
            r#"{"kind": "no_such"}"#.to_owned(),
            422,
        ),
        (
            "control/defaults",
            "application/json",
            r#"{"no_such": 1}"#.to_owned(),
            422,
        ),
        ("v1/no/such", "text/plain", String::new(), 404),
    ];
    for (path, kind, body, status) in table {
        let url = format!("http://{}/{path}", simulator.addr());
        let response = http()
            .post(url)
            .bearer_auth("sk-x")
            .header("content-type", kind)
            .body(body.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{path} {kind} {body}");
    }
    let too_much = vec![b'a'; 40 << 20];
    let url = format!("http://{}/v1/responses", simulator.addr());
    // The server may answer 413 or hang up while the body still comes.
    let refused = http().post(url).bearer_auth("sk-x").body(too_much).send().await;
    assert!(refused.is_err() || refused.unwrap().status() == 413);
    assert_eq!(control(&simulator, "calls").await["calls"], json!([]));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_rubbish_on_its_channel_and_track() {
    let simulator = simulator(Value::Null).await;
    let mut peer = Peer::connect(&simulator, &session("gpt-realtime-2.1")).await;
    peer.event("session.created").await;
    for text in [
        "",
        "{",
        "[]",
        "null",
        r#"{"type": 7}"#,
        r#"{"type": "response.create", "response": 3}"#,
        "\u{0}",
        &"x".repeat(60_000),
    ] {
        peer.channel.send_text(text).await.unwrap();
    }
    peer.channel.send(BytesMut::from(&[0xff, 0xfe][..])).await.unwrap();
    for _ in 0..2_000 {
        peer.channel.send_text(r#"{"type": "no.such"}"#).await.unwrap();
    }
    // Packets that are no Opus, then speech.
    for rubbish in [&[][..], &[0xff; 3], &[0x03; 1_200], &[0xfc, 0xff]] {
        peer.packet(Bytes::copy_from_slice(rubbish)).await;
    }
    peer.send(json!({"type": "response.create"})).await;
    peer.event("response.done").await;
    peer.speak(&talk(600, 700)).await;
    peer.event("input_audio_buffer.committed").await;
    let call = control(&simulator, &format!("calls/{}", peer.call_id)).await;
    assert_eq!(call["state"], "open");
    assert!(
        call["errors"].as_array().unwrap().len() >= 2_008,
        "{}",
        call["errors"].as_array().unwrap().len()
    );
    assert!(
        call["received"]["undecodable"].as_u64().unwrap() >= 1,
        "{}",
        call["received"]
    );
    simulator.stop().await;
}
