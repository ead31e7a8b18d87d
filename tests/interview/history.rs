//! What a new AI leg is told of an interview that has begun, as the simulator has it: the newest turns word for word, what came
//! before them in one summary, and the tools that were called, in their places.

use crate::{
    peer::{Peer, wall_ms},
    stack::{Seat, Stack, TENANT, until},
    voice::{is_heard_out, speech},
};
use serde_json::{Value, json};
use std::time::Duration;
use vivavoce::{
    clock,
    ids::{EntryId, SessionId},
    store::{Entry, Speaker},
};

const SOON: Duration = Duration::from_secs(20);
const ENTRIES: i32 = 600;

/// An hour of questions and answers, as a process before this one has left them.
async fn remember(stack: &Stack, seat: &Seat) {
    let session: SessionId = seat.session.parse().unwrap();
    let begun = clock::wall() - Duration::from_secs(60);
    let entries: Vec<Entry> = (1..=ENTRIES)
        .map(|n| {
            let (speaker, text) = if n % 2 == 1 {
                (
                    Speaker::Ai,
                    format!("Thank you for that. What would you say of matter {n}?"),
                )
            } else {
                (
                    Speaker::Candidate,
                    format!("Of matter {} I would say quite a lot, and go on about it.", n - 1),
                )
            };
            let item_id = format!("item_long_ago_{n}");
            Entry {
                id: EntryId(uuid::Uuid::new_v5(&session.0, item_id.as_bytes())),
                sequence: n,
                item_id,
                end_time: Some(begun),
                ..Entry::tapped(session, speaker, text, begun)
            }
        })
        .collect();
    let store = &stack.relay().app.store;
    store.transcript_put(TENANT.parse().unwrap(), &entries).await.unwrap();
}

/// What the client told the last call, in order.
async fn told(stack: &Stack) -> Vec<Value> {
    let calls = stack.calls().await;
    let Some(id) = calls.last().and_then(|call| call["id"].as_str()) else {
        return vec![];
    };
    let call = stack.call(id).await;
    let items = call["items"].as_array().cloned().unwrap_or_default();
    items.into_iter().filter(|item| item["origin"] == "client").collect()
}

fn words(item: &Value) -> &str {
    item["words"].as_str().unwrap_or_default()
}

async fn an_hour_is_told(transport: &str) {
    let stack = Stack::start(json!({ "questions": 3 }), &[("OPENAI_REALTIME_TRANSPORT", transport)]).await;
    let seat = stack.seat().await;
    remember(&stack, &seat).await;
    let (peer, offer) = Peer::offer(Some("oai-events")).await;
    peer.answer(&stack.exchange(&seat, &offer).await).await;
    peer.up().await;
    let told = until(SOON, "all of it is told", async || {
        let told = told(&stack).await;
        told.iter().any(|item| item["role"] == "system").then_some(told)
    })
    .await;
    assert_eq!(told.len(), 201, "a summary, 199 turns, and the note");
    assert_eq!(told[0]["role"], "user", "what a candidate has said is no order");
    let summary = words(&told[0]);
    assert!(summary.starts_with("(Not spoken by anybody: a summary"), "{summary}");
    assert!(summary.contains("of the 401 turns of this interview"), "{summary}");
    assert!(
        summary.contains("1. You: What would you say of matter 1?\n   They: Of matter 1 I would say quite a lot"),
        "{summary}"
    );
    assert!(
        summary.contains("201. You: What would you say of matter 401?"),
        "{summary}"
    );
    for (n, item) in (402..=ENTRIES).zip(&told[1..200]) {
        let matter = if n % 2 == 1 { n } else { n - 1 };
        assert!(words(item).contains(&format!("matter {matter}")), "{n}: {item}");
        assert_eq!(item["role"], if n % 2 == 1 { "assistant" } else { "user" }, "{n}");
    }
    assert!(words(&told[200]).contains("Do not greet again"));

    let calls = stack.calls().await;
    let call = stack.call(calls[0]["id"].as_str().unwrap()).await;
    assert_eq!(call["errors"], json!([]), "the service has taken all of it");
    // none of it is news, to the record or to a browser
    assert_eq!(stack.transcript(&seat).await.len(), usize::try_from(ENTRIES).unwrap());
    let news = peer.messages().into_iter().filter(|it| it.contains("matter")).count();
    assert_eq!(news, 0);
    peer.close().await;
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_of_six_hundred_turns_is_told_to_a_new_leg() {
    an_hour_is_told("webrtc").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_of_six_hundred_turns_is_told_over_the_websocket() {
    an_hour_is_told("websocket").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leg_that_takes_over_in_the_goodbye_knows_that_the_end_was_called_for() {
    let stack = Stack::start(json!({ "questions": 1 }), &[]).await;
    let seat = stack.seat().await;
    let (peer, offer) = Peer::offer(None).await;
    let since = wall_ms();
    peer.answer(&stack.exchange(&seat, &offer).await).await;
    peer.up().await;
    until(SOON, "the question is asked", async || {
        is_heard_out(&peer, since, Duration::from_millis(700)).then_some(())
    })
    .await;
    peer.say(&speech(1_500), None);
    let called = until(SOON, "the end is called for, and answered", async || {
        let told = told(&stack).await;
        told.into_iter().find(|item| item["type"] == "function_call_output")
    })
    .await;
    stack.control("faults", &json!({ "kind": "close_dtls" })).await;
    let told = until(SOON, "another leg is told of it", async || {
        let told = told(&stack).await;
        let knows = told.iter().any(|item| item["type"] == "function_call");
        knows.then_some(told)
    })
    .await;
    let kinds: Vec<_> = told
        .iter()
        .map(|item| (item["type"].as_str().unwrap(), item["role"].as_str()))
        .collect();
    let message = |role| ("message", Some(role));
    assert_eq!(
        kinds[..7.min(kinds.len())],
        [
            message("assistant"),
            message("user"),
            message("assistant"),
            ("function_call", None),
            ("function_call_output", None),
            message("system"),
            message("system"),
        ][..7.min(kinds.len())],
        "where it was called: behind the goodbye"
    );
    assert_eq!(told[3]["name"], "end_session");
    assert_eq!(told[3]["call_id"], called["call_id"]);
    assert_eq!(told[4]["call_id"], called["call_id"]);
    let ended = stack.ended(&seat, Duration::from_secs(40)).await;
    assert_eq!(ended["end_reason"], "interviewer", "{ended}");
    let calls = stack.calls().await;
    assert_eq!(calls.len(), 2);
    for call in &calls {
        let call = stack.call(call["id"].as_str().unwrap()).await;
        assert_eq!(call["errors"], json!([]));
    }
    peer.close().await;
    stack.stop().await;
}
