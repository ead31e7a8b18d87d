//! Judge mode: digits as dual tones, each counted at the far ear, both ways.

use crate::{
    digits::{COUNT, assert_one_stream, heard_digits, judge, said_and_heard, seated, sequence, text},
    stack::Stack,
};

async fn two_hundred_each_way(vars: &[(&str, &str)]) {
    let stack = Stack::start(judge(COUNT), vars).await;
    let (_seat, peer, answer) = seated(&stack).await;
    let digits = sequence(COUNT);
    peer.answer(&answer).await; // the first digit is said the moment the leg is up, whoever is there to hear it
    let call = said_and_heard(&stack, &peer, &digits).await;
    assert_eq!(call["digits_text"].as_str().unwrap(), text(&digits), "candidate to AI");
    let spoken: String = call["spoken_digits_text"]
        .as_str()
        .unwrap()
        .chars()
        .take(COUNT)
        .collect();
    // It goes on saying digits beyond the last that is asked for.
    let mut heard = heard_digits(&peer);
    heard.truncate(COUNT);
    assert_eq!(text(&heard), spoken, "AI to candidate");
    assert_one_stream(&peer, true);
    let first_said = peer.spoken()[0].at_ms as f64;
    let first_heard = call["digits"][0]["at_epoch_ms"].as_f64().unwrap();
    assert!(
        first_heard - first_said < 2_000.0,
        "the first was {} ms late",
        first_heard - first_said
    );
    peer.close().await;
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_digits_each_way_over_webrtc() {
    two_hundred_each_way(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_digits_each_way_over_the_websocket_fallback() {
    two_hundred_each_way(&[("OPENAI_REALTIME_TRANSPORT", "websocket")]).await;
}
