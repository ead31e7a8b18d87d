//! A first AI leg that ends before there was a pause: the second, which stands ready, takes over at once, and what the first still has to say of
//! its end (the session is over, its channel is closed, it is closed) is not taken for the second's.

use crate::{
    digits::{heard_digits, judge, seated},
    stack::{Stack, until},
};
use serde_json::{Value, json};
use std::time::Duration;

/// `how`: the fault that ends the first; `None`: the service's limit.
async fn an_end_in_mid_word(transport: &str, how: Option<&str>) {
    // One answer without a pause, of 26 s: longer than a session may last. The simulator renders it whole, and a longer one takes it
    // so long in a debug build (0.8 s for 400) that its leg is taken for lost.
    let mut defaults = judge(80);
    defaults["lifetime_s"] = json!(12);
    let stack = Stack::start(defaults, &[("OPENAI_REALTIME_TRANSPORT", transport)]).await;
    let (_seat, peer, answer) = seated(&stack).await;
    peer.answer(&answer).await;
    peer.up().await;
    until(
        Duration::from_secs(30),
        "a second leg is made beside the first",
        async || (stack.calls().await.len() >= 2).then_some(()),
    )
    .await;
    if let Some(kind) = how {
        let calls = until(Duration::from_secs(5), "it is up", async || {
            let calls = stack.calls().await;
            (calls[1]["server_events_count"].as_u64()? > 0).then_some(calls)
        })
        .await;
        stack
            .control("faults", &json!({ "kind": kind, "call": calls[0]["id"] }))
            .await;
    }
    let calls = until(Duration::from_secs(20), "the first is over", async || {
        let calls = stack.calls().await;
        (calls[0]["state"] == "ended").then_some(calls)
    })
    .await;
    let first = stack.call(calls[0]["id"].as_str().unwrap()).await;
    let items = first["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "it was cut off in its only answer: {items:?}");
    let id = calls[1]["id"].as_str().unwrap().to_owned();
    let heard = heard_digits(&peer).len();
    until(
        Duration::from_secs(5),
        "the second is told what was said, and goes on",
        async || {
            let told: Value = stack.call(&id).await;
            let items = told["items"].as_array()?;
            let is_told = |role: &str| {
                items
                    .iter()
                    .any(|item| item["role"] == role && item["origin"] == "client")
            };
            let speaks = items.iter().any(|item| item["origin"] == "said");
            (is_told("assistant") && is_told("system") && speaks).then_some(())
        },
    )
    .await;
    until(Duration::from_secs(5), "it is heard", async || {
        (heard_digits(&peer).len() > heard + 5).then_some(())
    })
    .await;
    assert_eq!(stack.calls().await.len(), 2, "nobody else was called for");
    peer.close().await;
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_in_mid_word_is_taken_over_from_at_once() {
    an_end_in_mid_word("webrtc", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leg_that_closes_in_mid_word_is_taken_over_from_at_once() {
    an_end_in_mid_word("webrtc", Some("close_dtls")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_over_the_websocket_that_ends_in_mid_word_is_taken_over_from_at_once() {
    an_end_in_mid_word("websocket", None).await;
}
