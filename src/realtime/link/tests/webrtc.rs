//! The WebRTC transport up to where the media crate takes over: offer, answer, and who is hung up on.

use super::fakes::ai;
use crate::config::Transport;
use crate::realtime::dial::Error;
use crate::realtime::dialect::OpenAiRealtime;
use crate::realtime::link::Link;
use axum::http::{StatusCode, header};
use axum::{Router, routing::post};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vivavoce_media::{Call, CallConfig, Shard, ShardConfig};

async fn call() -> (Shard, Call) {
    let config = ShardConfig {
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        advertise: vec![],
        ai_bind: Ipv4Addr::LOCALHOST.into(),
    };
    let shard = Shard::start(config).unwrap();
    let (call, _events) = shard.open(CallConfig::default()).await.unwrap();
    (shard, call)
}

/// A service that answers every call with `answer`; the bodies it got, and the ids that were hung up on.
async fn service(answer: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (calls, hung_up) = (seen.clone(), seen.clone());
    let router = Router::new()
        .route(
            "/v1/realtime/calls",
            post(async move |body: String| {
                calls.lock().unwrap().push(body);
                (
                    StatusCode::CREATED,
                    [(header::LOCATION, "/v1/realtime/calls/rtc_7")],
                    answer,
                )
            }),
        )
        .route(
            "/v1/realtime/calls/rtc_7/hangup",
            post(async move || hung_up.lock().unwrap().push("hangup".into())),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (base, seen)
}

#[tokio::test]
async fn an_answer_that_our_leg_refuses_is_hung_up_on() {
    let (_shard, call) = call().await;
    let (base, seen) = service("v=0\r\nthis is no answer\r\n").await;
    let deadline = Duration::from_secs(10);
    let linked = Link::connect(
        &ai(&base),
        Arc::new(OpenAiRealtime),
        &call,
        &json!({"type":"realtime"}),
        Transport::WebRtc,
        deadline,
    )
    .await;
    let error = linked.err().unwrap();
    assert!(
        matches!(error, Error::Leg(_)) && error.is_transport_fault(),
        "{error:?}"
    );
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(
        seen[0].contains("m=audio") && seen[0].contains("a=setup:actpass"),
        "the offer is our own leg's"
    );
    assert_eq!(seen[1], "hangup");
}

#[tokio::test]
async fn a_deadline_holds_for_all_of_it() {
    let (_shard, call) = call().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", silent.local_addr().unwrap());
    for transport in [Transport::WebRtc, Transport::WebSocket] {
        let deadline = Duration::from_millis(300);
        let linked = Link::connect(
            &ai(&base),
            Arc::new(OpenAiRealtime),
            &call,
            &json!({"type":"realtime"}),
            transport,
            deadline,
        )
        .await;
        assert_eq!(linked.err(), Some(Error::Timeout));
    }
}
