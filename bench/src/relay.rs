//! The media crate alone as a relay: two legs a call, no database, no session, no events read for their meaning.
//!
//! Is: what the packet path costs by itself, so that what the server adds around it shows. Isn't: the product; `compare` measures
//! that too, as `vivavoce serve`.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, routing::post};
use tokio::net::TcpListener;
use vivavoce_media::{Call, CallConfig, Shard, ShardConfig};

struct Relay {
    shard: Shard,
    ai_url: String,
    http: reqwest::Client,
}

/// Listens on loopback for offers (`POST /offer`), tells where, and relays until the end of the process. `ai` is the AI side's
/// base URL.
pub async fn run(ai: &str, listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let config = ShardConfig {
        bind: (Ipv4Addr::LOCALHOST, 0).into(),
        advertise: vec![],
        ai_bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    let shard = Shard::start(config).map_err(io::Error::other)?;
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()
        .map_err(io::Error::other)?;
    let relay = Arc::new(Relay {
        shard,
        ai_url: format!("{ai}/realtime/calls"),
        http,
    });
    let router = Router::new().route("/offer", post(offer)).with_state(relay);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    listening(listener.local_addr()?);
    axum::serve(listener, router).await
}

async fn offer(State(relay): State<Arc<Relay>>, offer: String) -> Result<String, (StatusCode, String)> {
    let failed = |error: &dyn std::fmt::Display| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    let (call, mut events) = relay
        .shard
        .open(CallConfig::default())
        .await
        .map_err(|error| failed(&error))?;
    let answer = call.candidate_offer(offer).await.map_err(|error| failed(&error))?;
    tokio::spawn(async move {
        if let Err(error) = dial(&relay, &call).await {
            tracing::error!(error, "the AI side was not reached");
        }
        // Held here until it is over: the far ends say goodbye.
        while events.recv().await.is_some() {}
        drop(call);
    });
    Ok(answer)
}

async fn dial(relay: &Relay, call: &Call) -> Result<(), String> {
    let offer = call.ai_offer().await.map_err(|error| error.to_string())?;
    let request = relay
        .http
        .post(&relay.ai_url)
        .header("content-type", "application/sdp")
        .body(offer);
    let answer = request
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(|error| error.to_string())?;
    let answer = answer.text().await.map_err(|error| error.to_string())?;
    call.ai_answer(answer).await.map_err(|error| error.to_string())
}
