//! What is typed while the interviewer is in the middle of an answer: answered after it, once, whether or not the relay could
//! know of that answer when it asked.

use crate::{
    peer::{Peer, wall_ms},
    socket::Socket,
    stack::{Stack, until},
    voice::{is_heard_out, speech},
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

/// The service's events are a while on their way: it has begun to answer what was spoken when the relay, which cannot know, asks
/// for an answer to what is typed. It is refused, and asked for again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_because_the_service_had_begun_an_answer_is_asked_for_again() {
    let slow = json!({ "questions": 3, "word_ms": 150, "wire": { "delay_ms": 1_000 } });
    let stack = Stack::start(slow, &[]).await;
    let seat = stack.seat().await;
    let mut socket = Socket::open(&stack, &seat).await;
    let (peer, offer) = Peer::offer(None).await;
    let since = wall_ms();
    peer.answer(&stack.exchange(&seat, &offer).await).await;
    peer.up().await;
    until(Duration::from_secs(30), "the first question is asked", async || {
        is_heard_out(&peer, since, Duration::from_millis(1_500)).then_some(())
    })
    .await;
    let id = stack.calls().await[0]["id"].as_str().unwrap().to_owned();
    peer.say(&speech(1_200), None);
    until(SOON, "the service begins to answer", async || {
        let call = stack.call(&id).await;
        let items = call["items"].as_array()?;
        (items.iter().filter(|it| it["origin"] == "said").count() == 2).then_some(())
    })
    .await;
    socket
        .say(&json!({ "type": "say", "text": "And one thing more.", "id": "1" }))
        .await;
    let call = until(Duration::from_secs(30), "both are answered", async || {
        let call = stack.call(&id).await;
        (call["responses"].as_array()?.len() >= 3).then_some(call)
    })
    .await;
    let errors = call["errors"].as_array().unwrap();
    let codes: Vec<&str> = errors.iter().filter_map(|it| it["code"].as_str()).collect();
    assert_eq!(codes, ["conversation_already_has_active_response"]);
    let events = call["client_events"].as_array().unwrap();
    let asked = events
        .iter()
        .filter(|it| it["event"]["type"] == "response.create")
        .count();
    assert_eq!(
        asked, 3,
        "the greeting, the answer to what was typed, and that again: {events:?}"
    );
    let responses = call["responses"].as_array().unwrap();
    assert!(responses.iter().all(|it| it["status"] == "completed"), "{responses:?}");
    peer.close().await;
    stack.stop().await;
}
