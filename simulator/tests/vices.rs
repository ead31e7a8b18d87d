//! What a client must live with, each vice shown to bite the `webrtc` crate as client, and what a browser needs of HTTP.
#![allow(clippy::large_futures, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Peer, WAIT, control, http, order, session, simulator, talk};
use serde_json::{Value, json};
use webrtc::peer_connection::{RTCPeerConnectionState, RTCStatsReportEntry, StatsSelector};

async fn state(peer: &mut Peer, wanted: RTCPeerConnectionState) -> bool {
    let reached = async {
        while let Some(state) = peer.states.recv().await {
            if state == wanted {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(WAIT, reached).await.unwrap_or(false)
}

/// `rtc-ice` sets no USE-CANDIDATE in its keepalives: against OpenAI it loses a healthy call, and so it does here.
#[tokio::test(flavor = "multi_thread")]
async fn strictness_loses_a_client_that_keeps_alive_without_use_candidate() {
    let simulator = simulator(json!({"use_candidate_strict": true})).await;
    let mut peer = Peer::connect(&simulator, &session("gpt-realtime-2.1")).await;
    peer.event("session.created").await;
    assert!(
        state(&mut peer, RTCPeerConnectionState::Disconnected).await,
        "it never lost the call"
    );
    while peer.sound.try_recv().is_ok() {}
    let still = tokio::time::timeout(Duration::from_secs(1), peer.sound.recv()).await;
    assert!(matches!(still, Ok(Some(_))), "media stopped, so it proved nothing");
    let call = control(&simulator, &format!("calls/{}", peer.call_id)).await;
    assert!(
        call["sent"]["ice"]["unanswered_without_use_candidate"]
            .as_u64()
            .unwrap()
            >= 2,
        "{}",
        call["sent"]
    );
    assert_eq!(call["state"], "open");
    simulator.stop().await;
}

#[expect(clippy::disallowed_methods, reason = "a test is a driver")]
#[tokio::test(flavor = "multi_thread")]
async fn a_lite_agent_asks_nothing_and_its_ufrag_holds_a_slash() {
    let simulator = simulator(Value::Null).await;
    let mut peer = Peer::connect(&simulator, &session("gpt-realtime-2.1")).await;
    peer.event("session.created").await;
    tokio::time::sleep(Duration::from_secs(3)).await; // as long as a full agent would need for its next keepalive
    let ufrag = peer
        .answer
        .lines()
        .find_map(|l| l.strip_prefix("a=ice-ufrag:"))
        .unwrap();
    assert!(ufrag.contains('/'));
    assert!(peer.answer.matches(" typ host").count() >= 2);
    let report = peer.pc.get_stats(std::time::Instant::now(), StatsSelector::None).await;
    let asked: Vec<_> = report
        .iter()
        .filter_map(|entry| match entry {
            RTCStatsReportEntry::IceCandidatePair(pair) => Some((pair.requests_received, pair.responses_received)),
            _ => None,
        })
        .collect();
    assert!(asked.iter().any(|(_, answers)| *answers > 0), "{asked:?}");
    assert!(asked.iter().all(|(requests, _)| *requests == 0), "{asked:?}");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_close_peers_drop_and_networks_go_dark() {
    let simulator = simulator(Value::Null).await;
    let fault = |peer: &Peer, kind: &str| json!({"kind": kind, "call": peer.call_id});

    let mut peer = Peer::connect(&simulator, &session("gpt-realtime-2.1")).await;
    peer.event("session.created").await;
    order(&simulator, "faults", fault(&peer, "close_channel")).await;
    let closed = async { while peer.events.recv().await.is_some() {} };
    tokio::time::timeout(WAIT, closed)
        .await
        .expect("the channel stayed open");
    while peer.sound.try_recv().is_ok() {}
    assert!(
        tokio::time::timeout(Duration::from_secs(1), peer.sound.recv())
            .await
            .is_ok(),
        "the peer went with its channel"
    );

    let mut peer = Peer::connect(&simulator, &session("gpt-realtime-2.1")).await;
    peer.event("session.created").await;
    order(&simulator, "faults", fault(&peer, "blackhole")).await;
    assert!(state(&mut peer, RTCPeerConnectionState::Disconnected).await);
    order(
        &simulator,
        "faults",
        json!({"kind": "blackhole", "on": false, "call": peer.call_id}),
    )
    .await;
    assert!(
        state(&mut peer, RTCPeerConnectionState::Connected).await,
        "it never came back"
    );
    order(&simulator, "faults", fault(&peer, "drop_peer")).await;
    let closed = async { while peer.events.recv().await.is_some() {} };
    tokio::time::timeout(WAIT, closed)
        .await
        .expect("the peer was not dropped");
    let call = control(&simulator, &format!("calls/{}", peer.call_id)).await;
    assert_eq!(
        (&call["state"], &call["ended_because"]),
        (&json!("ended"), &json!("dropped by fault"))
    );
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judge_that_is_interrupted_tells_what_was_sent() {
    let simulator = simulator(json!({"judge": {"count": 60, "barge_in": true}})).await;
    let mut peer = Peer::connect(&simulator, &session("judge")).await;
    peer.event("session.created").await;
    peer.send(json!({"type": "response.create"})).await;
    peer.event("output_audio_buffer.started").await;
    let began = tokio::time::Instant::now();
    peer.speak(&talk(0, 2_000)).await;
    peer.speak(&talk(300, 700)).await;
    let cut = peer.event("conversation.item.truncated").await["audio_end_ms"]
        .as_u64()
        .unwrap();
    // A busy machine speaks late, not more: no more was played than there was time for.
    let passed = began.elapsed().as_millis() as u64;
    assert!((1_900..passed + 200).contains(&cut), "{cut} in {passed}");
    let call = control(&simulator, &format!("calls/{}", peer.call_id)).await;
    let spoken = call["spoken_digits"].as_array().unwrap().len() as u64;
    assert_eq!(spoken, (cut - 40).div_ceil(160));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_may_post_its_offer_with_an_ephemeral_key() {
    let simulator = simulator(Value::Null).await;
    let base = format!("http://{}/v1/realtime", simulator.addr());
    let preflight = http()
        .request(reqwest::Method::OPTIONS, format!("{base}/calls"))
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type,x-openai-agents-sdk",
        )
        .send()
        .await
        .unwrap();
    assert!(preflight.status().is_success());
    let header = |response: &reqwest::Response, name: &str| response.headers()[name].to_str().unwrap().to_lowercase();
    assert_eq!(header(&preflight, "access-control-allow-origin"), "https://app.example");
    for wanted in ["authorization", "content-type", "x-openai-agents-sdk"] {
        assert!(header(&preflight, "access-control-allow-headers").contains(wanted));
    }

    let body = json!({"session": {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "bound"}});
    let made = http()
        .post(format!("{base}/client_secrets"))
        .bearer_auth("sk-x")
        .json(&body)
        .send()
        .await
        .unwrap();
    let made: Value = made.json().await.unwrap();
    let key = made["value"].as_str().unwrap();
    assert!(key.starts_with("ek_") && made["expires_at"].as_u64().unwrap() > 0);
    // Only signalled, never connected: the offer is a recorded one, Chromium's.
    let offer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=fingerprint:sha-256 \
        00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
        a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 109\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\na=sendrecv\r\na=rtpmap:109 opus/48000/2\r\n";
    let post = |key: String| {
        http()
            .post(format!("{base}/calls"))
            .bearer_auth(key)
            .header("content-type", "application/sdp")
            .header("origin", "https://app.example")
            .body(offer)
    };
    let answered = post(key.to_owned()).send().await.unwrap();
    assert_eq!(answered.status(), 201);
    assert!(header(&answered, "access-control-expose-headers").contains("location"));
    let id = answered.headers()["location"]
        .to_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let sdp = answered.text().await.unwrap();
    assert!(sdp.contains("m=audio 9 UDP/TLS/RTP/SAVPF 109\r\n") && sdp.ends_with("\r\n"));
    let call = control(&simulator, &format!("calls/{id}")).await;
    assert_eq!(call["session"]["instructions"], "bound");
    assert_eq!(post("ek_forged".to_owned()).send().await.unwrap().status(), 401);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_vanishes_says_nothing_and_its_ports_stay() {
    let simulator = simulator(Value::Null).await;
    let mut peer = Peer::connect(&simulator, &session("gpt-realtime-2.1")).await;
    peer.event("session.created").await;
    order(&simulator, "faults", json!({"kind": "vanish", "call": peer.call_id})).await;
    assert!(
        state(&mut peer, RTCPeerConnectionState::Disconnected).await,
        "it was closed, or is still there"
    );
    assert!(!peer.events.is_closed(), "the channel was closed");
    let call = control(&simulator, &format!("calls/{}", peer.call_id)).await;
    assert_eq!(
        (&call["state"], &call["ended_because"]),
        (&json!("ended"), &json!("vanished by fault"))
    );
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_refused_for_a_time_or_left_to_wait() {
    let simulator = simulator(Value::Null).await;
    let url = format!("http://{}/v1/realtime/calls", simulator.addr());
    let call = || {
        http()
            .post(&url)
            .bearer_auth("sk-x")
            .header("content-type", "application/sdp")
            .body("v=0")
    };
    let began = tokio::time::Instant::now();
    let refusal = json!({"kind": "refuse", "for_ms": 600, "status": 429, "retry_after": 2});
    order(&simulator, "faults", refusal).await;
    for _ in 0..3 {
        let answer = call().send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["retry-after"]),
            (429, &"2".parse().unwrap())
        );
    }
    // the offer makes no sense: 400 is what it is answered once calls are taken
    while call().send().await.unwrap().status() != 400 {
        assert!(began.elapsed() < WAIT, "it never takes calls again");
    }
    assert!(began.elapsed() >= Duration::from_millis(600));
    assert!(control(&simulator, "calls").await["refused"].as_u64().unwrap() >= 3);

    order(
        &simulator,
        "faults",
        json!({"kind": "refuse", "for_ms": 60_000, "hang": true}),
    )
    .await;
    let hung = call().timeout(Duration::from_millis(300)).send().await;
    assert!(hung.unwrap_err().is_timeout());
    order(&simulator, "faults", json!({"kind": "refuse", "count": 0})).await;
    assert_eq!(call().send().await.unwrap().status(), 400);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_transport_is_refused_and_the_other_is_not() {
    let simulator = simulator(Value::Null).await;
    let refusal =
        json!({"kind": "refuse", "for_ms": 60_000, "transport": "websocket", "status": 400, "code": "invalid_offer"});
    order(&simulator, "faults", refusal).await;
    let mut peer = Peer::connect(&simulator, &session("gpt-realtime-2.1")).await;
    peer.event("session.created").await;
    let upgrade = http()
        .get(format!(
            "http://{}/v1/realtime?model=gpt-realtime-2.1",
            simulator.addr()
        ))
        .bearer_auth("sk-x")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let refused = upgrade.send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("invalid_offer"));
    assert_eq!(control(&simulator, "calls").await["refused"], 1);
    simulator.stop().await;
}
