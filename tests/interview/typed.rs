//! What is typed while the interviewer is in the middle of an answer: answered after it, once, and refused by nobody.

use crate::{
    peer::Peer,
    socket::Socket,
    stack::{Stack, until},
    whole::stored_record,
};
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_typed_into_an_answer_in_the_making_is_answered_after_it() {
    // a fifth of a second a word: the greeting takes seconds to be made
    let stack = Stack::start(json!({ "questions": 3, "word_ms": 200 }), &[]).await;
    let seat = stack.seat().await;
    let mut socket = Socket::open(&stack, &seat).await;
    let (peer, offer) = Peer::offer(Some("openai-control")).await;
    peer.answer(&stack.exchange(&seat, &offer).await).await;
    peer.up().await;
    socket
        .hears(SOON, "the greeting is being made", |it| it["type"] == "caption")
        .await;
    for _ in 0..2 {
        // a browser that is unsure says it twice, and asks for an answer by itself, as the seed's does
        socket
            .say(&json!({ "type": "say", "text": "I would rather type.", "id": "1" }))
            .await;
        socket
            .say(&json!({ "type": "event", "event": { "type": "response.create" } }))
            .await;
        peer.send(&json!({ "type": "response.create" }).to_string()).await;
    }
    let id = stack.calls().await[0]["id"].as_str().unwrap().to_owned();
    let call = until(SOON, "it is answered", async || {
        let call = stack.call(&id).await;
        (call["responses"].as_array()?.len() >= 2).then_some(call)
    })
    .await;
    assert_eq!(
        call["errors"],
        json!([]),
        "nothing was asked for while something was being made"
    );
    let events = call["client_events"].as_array().unwrap();
    let asked: Vec<u64> = events
        .iter()
        .filter(|it| it["event"]["type"] == "response.create")
        .map(|it| it["at_ms"].as_u64().unwrap())
        .collect();
    assert_eq!(
        asked.len(),
        2,
        "the greeting, and the answer to what was typed: {events:?}"
    );
    let statuses: Vec<&str> = call["responses"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["status"].as_str())
        .collect();
    assert_eq!(statuses, ["completed", "completed"]);
    let stored = until(SOON, "all of it is stored", async || {
        let stored = stored_record(&stack.transcript(&seat).await);
        (stored.len() >= 3).then_some(stored)
    })
    .await;
    let who: Vec<&str> = stored.iter().map(|(who, _)| who.as_str()).collect();
    assert_eq!(who, ["ai", "candidate", "ai"], "{stored:?}");
    assert_eq!(stored[1].1, "I would rather type.");
    peer.close().await;
    stack.stop().await;
}
