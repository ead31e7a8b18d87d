//! Whole calls over WebRTC, the `webrtc` crate being the client.
#![allow(clippy::large_futures, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{FarEar, Peer, WAIT, control, opus, order, session, simulator, talk};
use serde_json::{Value, json};
use vivavoce_simulator::judge::{self, Pattern};

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|e| e["type"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interview_greets_listens_answers_and_is_interrupted() {
    let simulator = simulator(Value::Null).await;
    let mut peer = Peer::connect(&simulator, &session("gpt-realtime-2.1")).await;
    for line in ["a=ice-lite", "a=setup:active", "m=audio 9 UDP/TLS/RTP/SAVPF 111"] {
        assert!(
            peer.answer.lines().any(|l| l == line),
            "{line} is not in\n{}",
            peer.answer
        );
    }
    assert!(peer.answer.contains(" ufrag ") && !peer.answer.contains("extmap") && !peer.answer.contains("rtcp-fb"));
    let created = peer.event("session.created").await;
    assert!(created["session"]["id"].as_str().unwrap().starts_with("sess_sim_"));
    assert_eq!(created["session"]["instructions"], "Interview.");

    peer.send(json!({"type": "response.create"})).await;
    let said = peer.event("response.output_audio_transcript.done").await;
    assert!(said["transcript"].as_str().unwrap().contains("simulated interviewer"));
    peer.event("response.done").await;
    // Text outran sound: it is still sounding, and the candidate breaks in.
    peer.speak(&talk(800, 800)).await;
    let started = peer.event("input_audio_buffer.speech_started").await;
    assert!(started["audio_start_ms"].as_u64().unwrap() < 2_000);
    peer.event("output_audio_buffer.cleared").await;
    let cut = peer.event("conversation.item.truncated").await;
    let heard_ms = cut["audio_end_ms"].as_u64().unwrap();
    assert!((100..4_000).contains(&heard_ms), "{heard_ms}");
    let committed = peer.event("input_audio_buffer.committed").await;
    assert_eq!(committed["previous_item_id"], cut["item_id"]);
    let next = peer.event("response.output_audio_transcript.done").await;
    assert_eq!(next["transcript"], "What made you apply for this position?");
    let text = peer.event("output_audio_buffer.stopped").await;
    assert_eq!(text["response_id"], next["response_id"]);

    let call = control(&simulator, &format!("calls/{}", peer.call_id)).await;
    let items = call["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert_eq!(items[0]["truncated_ms"].as_u64().unwrap(), heard_ms);
    let words = items[1]["words"].as_str().unwrap();
    // On a busy machine delivery stands still now and then, and a receiver hears that as a pause; lengths are exact in the
    // conversation's own tests.
    let length = words
        .strip_prefix("[simulated transcript] turn 1, speech of ")
        .and_then(|w| w.strip_suffix(" s"));
    let length: f64 = length.unwrap_or_else(|| panic!("{words}")).parse().unwrap();
    assert!((0.7..4.0).contains(&length), "{words}");
    let given = items[1]["transcription_events"].as_array().unwrap().last().unwrap();
    assert_eq!(given["transcript"].as_str().unwrap().trim_end(), words);
    assert_eq!(call["errors"], json!([]));
    peer.pc.close().await.unwrap();
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn digits_pass_both_ways_and_are_counted() {
    let simulator = simulator(json!({"judge": {"count": 60}})).await;
    let mut peer = Peer::connect(&simulator, &session("judge")).await;
    peer.event("session.created").await;
    peer.send(json!({"type": "response.create"})).await;
    let said = peer.event("response.output_audio_transcript.done").await;
    let want = said["transcript"].as_str().unwrap().replace(' ', "");
    assert_eq!(want.len(), 60);
    let mine: Vec<u8> = (0..60).map(|n| (n * 3 + n / 10) as u8 % 10).collect();
    peer.speak(&opus(&judge::encode(&mine, &Pattern::at(48_000)))).await;
    peer.event("output_audio_buffer.stopped").await;
    let mut ear = FarEar::new();
    while let Ok(packet) = peer.sound.try_recv() {
        ear.hear(&packet);
    }
    let text = |digits: &[u8]| digits.iter().map(ToString::to_string).collect::<String>();
    assert_eq!(text(&ear.digits), want);
    let call = control(&simulator, &format!("calls/{}", peer.call_id)).await;
    assert_eq!(call["digits_text"].as_str().unwrap(), text(&mine));
    assert_eq!(call["spoken_digits_text"].as_str().unwrap(), want);
    let times: Vec<f64> = call["digits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["at_ms"].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    // 59 intervals of 160 ms were sent at their pace; what is late at one digit is made up for at another.
    let span = times[59] - times[0];
    assert!((8_500.0..12_000.0).contains(&span), "{span}");
    assert_eq!(call["received"]["lost"], 0);
    assert_eq!(call["truncations"], json!([]));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_do_as_told() {
    let simulator = simulator(Value::Null).await;
    let mut peer = Peer::connect(&simulator, &session("gpt-realtime-2.1")).await;
    peer.event("session.created").await;
    order(
        &simulator,
        "faults",
        json!({"kind": "events", "call": peer.call_id, "reorder_ms": 80, "repeat_percent": 50, "unknown_percent": 50}),
    )
    .await;
    peer.send(json!({"type": "response.create"})).await;
    let mut events = Vec::new();
    while events.len() < 60 {
        events.push(tokio::time::timeout(WAIT, peer.events.recv()).await.unwrap().unwrap());
    }
    assert!(kinds(&events).contains(&"vivavoce.simulated.unknown"));
    order(&simulator, "faults", json!({"kind": "expire", "call": peer.call_id})).await;
    let error = peer.event("error").await;
    assert_eq!(error["error"]["code"], "session_expired");

    order(
        &simulator,
        "faults",
        json!({"kind": "refuse", "count": 1, "status": 429, "retry_after": 7}),
    )
    .await;
    let url = format!("http://{}/v1/realtime/calls", simulator.addr());
    let refused = common::http()
        .post(&url)
        .bearer_auth("k")
        .header("content-type", "application/sdp")
        .body("v=0\r\n")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "7");
    let bad = common::http()
        .post(&url)
        .bearer_auth("k")
        .header("content-type", "application/sdp")
        .body("v=0")
        .send()
        .await
        .unwrap();
    assert_eq!(bad.status(), 400);
    assert_eq!(bad.json::<Value>().await.unwrap()["error"]["code"], "invalid_offer");
    let nobody = common::http()
        .post(&url)
        .header("content-type", "application/sdp")
        .body("v=0")
        .send()
        .await
        .unwrap();
    assert_eq!(nobody.status(), 401);
    assert!(
        nobody.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    simulator.stop().await;
}
