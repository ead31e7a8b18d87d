//! One run in judge mode over the WebSocket fallback: two hundred digits each way, and a barge-in among them.
//!
//! The interviewer hums under its digits, so that the far ear can tell, packet by packet, what it got of the item that was
//! cut off: neither the relay's play-out clock nor the simulator's is asked.

use crate::{
    digits::{COUNT, assert_one_stream, call_of, heard_digits, sequence, text},
    peer::{Peer, RATE, wall_ms},
    stack::{Stack, until},
};
use serde_json::{Value, json};
use std::time::Duration;
use vivavoce_simulator::judge::{Pattern, encode};

/// What is measured at once: a period of the hum.
const WINDOW: usize = RATE as usize * 4 / 1000;
/// What a window holds at least, root mean square, if the interviewer is heard in it; the hum alone is near 90.
const HUM_MIN: f64 = 40.0;

fn is_sounding(pcm: &[i16]) -> bool {
    let energy: f64 = pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    !pcm.is_empty() && (energy / pcm.len() as f64).sqrt() > HUM_MIN
}

/// How long each stretch of sound was, in ms; between two of them are 100 ms of silence, or packets that were never sent.
fn stretches(peer: &Peer) -> Vec<u64> {
    peer.heard(|heard| {
        let (mut stretches, mut silent) = (vec![], WINDOW * 25);
        for window in heard.iter().flat_map(|packet| packet.pcm.chunks(WINDOW)) {
            if !is_sounding(window) {
                silent += window.len();
                continue;
            }
            if silent >= WINDOW * 25 {
                stretches.push(0);
                silent = 0;
            }
            *stretches.last_mut().expect("one has begun") += std::mem::take(&mut silent) + window.len();
        }
        stretches
            .into_iter()
            .map(|samples| samples as u64 * 1000 / u64::from(RATE))
            .collect()
    })
}

/// Digits of an item of which `ms` were heard: those that were heard whole, and those of which a beginning was.
fn digits_within(ms: u64) -> (usize, usize) {
    let pattern = Pattern::at(RATE);
    let (lead, burst, interval) = (
        u64::from(pattern.lead_ms),
        u64::from(pattern.burst_ms),
        u64::from(pattern.interval_ms),
    );
    let starts = || (0..COUNT as u64).map(move |n| lead + n * interval);
    (
        starts().filter(|start| start + burst <= ms).count(),
        starts().filter(|start| *start < ms).count(),
    )
}

/// All digits, one at a time: a digit is spoken.
fn spoken_of(call: &Value, item: &str) -> String {
    let spoken = call["spoken_digits"].as_array().expect("digits were spoken");
    spoken
        .iter()
        .filter(|digit| digit["item_id"] == item)
        .map(|digit| digit["digit"].to_string())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_digits_each_way_over_the_websocket_with_one_barge_in() {
    let judge = json!({ "mode": "judge", "judge": { "count": COUNT, "barge_in": true, "hum": 0.004 } });
    let stack = Stack::start(judge, &[("OPENAI_REALTIME_TRANSPORT", "websocket")]).await;
    let seat = stack.seat().await;
    let (peer, offer) = Peer::offer(Some("openai-control")).await;
    peer.answer(&stack.exchange(&seat, &offer).await).await;
    peer.up().await;

    // in the midst of the interviewer's digits, which the service has not all made yet, the candidate begins
    until(Duration::from_secs(20), "the interviewer is heard", async || {
        (heard_digits(&peer).len() >= 12).then_some(())
    })
    .await;
    let digits = sequence(COUNT);
    peer.say(&encode(&digits, &Pattern::at(RATE)), Some(0));
    let call = until(Duration::from_secs(10), "the interviewer is cut off", async || {
        let call = call_of(&stack).await;
        (!call["truncations"].as_array()?.is_empty()).then_some(call)
    })
    .await;
    let cut = call["truncations"][0]["item_id"].as_str().unwrap().to_owned();

    // it is silent, and stays so, until it is asked on
    let asked = wall_ms() + 1_000;
    until(Duration::from_secs(5), "the interviewer is silent", async || {
        peer.heard(|heard| {
            heard
                .iter()
                .all(|it| it.at_ms + 500 < wall_ms() || !is_sounding(&it.pcm))
        })
        .then_some(())
        .filter(|()| wall_ms() > asked)
    })
    .await;
    assert_eq!(stretches(&peer).len(), 1, "one stretch until it was cut");
    peer.send(&json!({ "type": "response.create" }).to_string()).await;

    // the candidate says all of theirs, the interviewer all of its second answer
    let call = until(Duration::from_secs(60), "all is said and heard", async || {
        let call = call_of(&stack).await;
        let heard = call["digits"].as_array()?.len();
        let sounds_on = peer.heard(|heard| {
            heard
                .iter()
                .any(|it| it.at_ms + 500 > wall_ms() && is_sounding(&it.pcm))
        });
        (peer.unspoken() == 0 && heard >= COUNT && stretches(&peer).len() >= 2 && !sounds_on).then_some(call)
    })
    .await;

    assert_eq!(call["digits_text"].as_str().unwrap(), text(&digits), "candidate to AI");
    let truncations = call["truncations"].as_array().unwrap();
    assert_eq!(truncations.len(), 1, "one barge-in: {truncations:?}");
    let told = truncations[0]["audio_end_ms"].as_u64().unwrap();
    let stretches = stretches(&peer);
    let first = stretches[0];
    eprintln!("truncated at {told} ms, heard {first} ms");
    assert!(
        told.abs_diff(first) <= 40,
        "the AI was told that {told} ms were played, the candidate heard {first} ms"
    );
    assert!(first > 12 * 160 && first < COUNT as u64 * 160, "in its midst: {first}");
    let second = u64::from(Pattern::at(RATE).lead_ms) + COUNT as u64 * 160;
    assert_eq!(stretches.len(), 2, "{stretches:?}");
    assert!(
        stretches[1].abs_diff(second) <= 40,
        "the second answer is heard whole: {} of {second} ms",
        stretches[1]
    );

    // of the answer that was cut off what was played, of the second all, in order
    let (whole, begun) = digits_within(first);
    let items = call["items"].as_array().unwrap();
    let answers: Vec<&str> = items
        .iter()
        .filter(|it| it["origin"] == "said")
        .filter_map(|it| it["id"].as_str())
        .collect();
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(answers[0], cut);
    let (before, after) = (spoken_of(&call, answers[0]), spoken_of(&call, answers[1]));
    assert_eq!(after.len(), COUNT);
    let heard = text(&heard_digits(&peer));
    let expected: Vec<String> = (whole..=begun).map(|n| format!("{}{after}", &before[..n])).collect();
    assert!(
        expected.contains(&heard),
        "AI to candidate: heard {heard}, not one of {expected:?}"
    );
    assert_one_stream(&peer, true);
    assert_eq!(call["errors"], json!([]), "the AI service had nothing to complain of");

    // and so it stands in the record
    let entries = stack.transcript(&seat).await;
    let entry = entries.iter().find(|it| it["item_id"] == *cut);
    let entry = entry.unwrap_or_else(|| panic!("it is not in {entries:?}"));
    assert_eq!(
        (&entry["interrupted"], &entry["heard_ms"]),
        (&json!(true), &json!(told)),
        "{entry}"
    );
    peer.close().await;
    stack.stop().await;
}
