//! A whole conversation over the WebSocket with the simulator, which shares no code with us.

use super::fakes::{Open, open};
use crate::clock;
use crate::ids::{EntryId, SessionId};
use crate::realtime::dialect::{Dialect, OpenAiRealtime};
use crate::realtime::link::LinkEvent;
use crate::realtime::transcript::{Action, Transcript};
use crate::store::{Entry, Speaker};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use vivavoce_simulator::judge::{Detector, Pattern, encode};
use vivavoce_simulator::{Config, Simulator};

async fn simulator(defaults: Value) -> (Simulator, String) {
    let simulator = Simulator::start(Config {
        defaults,
        ..Config::default()
    })
    .await
    .unwrap();
    let base = format!("http://{}/v1", simulator.addr());
    (simulator, base)
}

/// What the simulator knows of its one call.
async fn its_call(simulator: &Simulator) -> Value {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(crate::realtime::tls::client().unwrap())
        .build()
        .unwrap();
    let url = format!("http://{}/control/calls", simulator.addr());
    let calls: Value = client.get(url).send().await.unwrap().json().await.unwrap();
    calls["calls"][0].clone()
}

fn judged() -> Value {
    json!({"type":"realtime","instructions":"x","output_modalities":["audio"],"audio":{"input":{
        "transcription":{"model":"t"},"turn_detection":{"type":"server_vad","silence_duration_ms":400,
        "create_response":true,"interrupt_response":true}},"output":{"voice":"marin"}}})
}

/// The candidate speaks at the pace of time.
async fn speak(open: &Open, pcm: &[i16]) {
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    for frame in pcm.chunks(480) {
        pace.tick().await;
        open.voice.send(frame.to_vec()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_digits_arrive_each_way_in_order() {
    let (simulator, base) = simulator(json!({"mode":"judge","judge":{"count":200}})).await;
    let mut open = open(&base, &judged()).await.unwrap();
    open.socket.send(OpenAiRealtime.respond());
    let spoken: Vec<u8> = (0..200_u32).map(|n| (n * 7 % 10) as u8).collect();
    let pcm = encode(&spoken, &Pattern::at(24_000));
    // The sound of 200 digits is 32 s; what comes meanwhile waits in the link's queue.
    speak(&open, &pcm).await;
    open.message("output_audio_buffer.stopped").await;
    let heard: Vec<u8> = Detector::new(24_000)
        .push(&open.mouth.pcm())
        .iter()
        .map(|heard| heard.digit)
        .collect();
    let call = its_call(&simulator).await;
    let text = |digits: &[u8]| digits.iter().map(|digit| char::from(b'0' + digit)).collect::<String>();
    assert_eq!(call["digits_text"], text(&spoken), "what the candidate said");
    assert_eq!(call["spoken_digits_text"].as_str().map(str::len), Some(200));
    assert_eq!(call["spoken_digits_text"], text(&heard), "what the AI said");
    assert_eq!(call["errors"], json!([]));
    open.socket.close().await;
    simulator.stop().await;
}

/// Feeds the tap with all that comes until `kind`, and keeps what it puts.
async fn tap_until(open: &mut Open, tap: &mut Transcript, record: &mut BTreeMap<EntryId, Entry>, kind: &str) -> Value {
    loop {
        match open.next().await {
            LinkEvent::Message(text) => {
                tap.handle(clock::monotonic(), clock::wall(), &OpenAiRealtime.parse(&text));
                while let Some(action) = tap.poll_action() {
                    if let Action::Put(entries) = action {
                        record.extend(entries.into_iter().map(|entry| (entry.id, entry)));
                    }
                }
                let event: Value = serde_json::from_str(&text).unwrap();
                if event["type"] == kind {
                    return event;
                }
            }
            LinkEvent::Played { item_id, ms } => tap.heard(&item_id, ms),
            LinkEvent::AllPlayed => {}
            LinkEvent::Closed(why) => panic!("closed ({why}) before {kind}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_barge_in_is_truncated_at_what_was_played_and_recorded_so() {
    let (simulator, base) = simulator(json!({"mode":"judge","judge":{"count":40,"barge_in":true}})).await;
    let mut open = open(&base, &judged()).await.unwrap();
    let mut tap = Transcript::new(SessionId(uuid::Uuid::nil()), 0);
    let mut record = BTreeMap::new();
    open.socket.send(OpenAiRealtime.respond());
    tap_until(&mut open, &mut tap, &mut record, "output_audio_buffer.started").await;
    tokio::time::sleep(Duration::from_millis(1200)).await; // the candidate listens so long
    let mut pcm = encode(&[1, 2, 3, 4], &Pattern::at(24_000));
    pcm.resize(pcm.len() + 24_000, 0);
    speak(&open, &pcm).await;
    let truncated = tap_until(&mut open, &mut tap, &mut record, "conversation.item.truncated").await;
    let sounded_ms = open.mouth.sounded().unwrap().as_millis() as i64;
    let heard_ms = truncated["audio_end_ms"].as_i64().unwrap();
    println!("truncated at {heard_ms} ms, sounded {sounded_ms} ms");
    assert!(
        (heard_ms - sounded_ms).abs() <= 40,
        "truncated at {heard_ms} ms, sounded {sounded_ms} ms"
    );
    assert!(heard_ms >= 1200, "{heard_ms}");
    tap_until(
        &mut open,
        &mut tap,
        &mut record,
        "conversation.item.input_audio_transcription.completed",
    )
    .await;

    let mut entries: Vec<&Entry> = record.values().collect();
    entries.sort_by_key(|entry| entry.sequence);
    let call = its_call(&simulator).await;
    let items = call["items"].as_array().unwrap();
    assert_eq!(
        (entries[0].speaker, entries[0].interrupted, entries[0].heard_ms),
        (Speaker::Ai, true, Some(heard_ms))
    );
    assert_eq!(entries[0].text, items[0]["words"].as_str().unwrap().trim());
    assert_eq!(items[0]["truncated_ms"], heard_ms);
    assert_eq!(entries[1].speaker, Speaker::Candidate);
    assert!(entries[1].text.ends_with("digits 1 2 3 4"), "{}", entries[1].text);
    // The estimate of the heard words is not longer than their share of the sound, give or take a word.
    let share = heard_ms as f64 / items[0]["audio_ms"].as_f64().unwrap();
    let heard_share = entries[0].heard_text.as_ref().unwrap().len() as f64 / entries[0].text.len() as f64;
    assert!(
        (heard_share - share).abs() < 0.1,
        "heard {heard_share} of the words, {share} of the sound"
    );
    assert_eq!(call["errors"], json!([]));
    open.socket.close().await;
    simulator.stop().await;
}
