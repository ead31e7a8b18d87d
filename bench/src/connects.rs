//! Many joins over a network that loses datagrams: how many fail, and how long the others take.
//!
//! The candidates' side loses, both ways: STUN, DTLS, SCTP and all. The AI's side is a data centre's and loses nothing.

use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::{
    ai::Ai,
    client::Client,
    contender::{self, Contender},
    engine::Engine,
    load::{Error, ms, times},
};

/// A candidate whose leg is not up by then has left.
const PATIENCE: Duration = Duration::from_secs(15);
/// Joins under way at a time.
const AT_ONCE: usize = 8;

/// What became of them.
#[derive(Clone, Debug, Serialize)]
pub struct Connects {
    /// Of 1, each way.
    pub loss: f64,
    /// Joins tried.
    pub tried: usize,
    /// Legs that were not up within 15 s of their offer.
    pub failed: usize,
    /// From the offer to the leg being up: median, in milliseconds, of those that came up.
    pub up_p50_ms: f64,
    /// 95 of 100 are faster.
    pub up_p95_ms: f64,
    /// The slowest.
    pub up_max_ms: f64,
}

/// Joins `count` times, each with a leg and a session of its own.
pub async fn run(contender: &Contender, count: usize, loss: f64) -> Result<Connects, Error> {
    let clean = Arc::new(Engine::start(Ipv4Addr::LOCALHOST.into())?);
    let lossy = Arc::new(Engine::start_lossy(Ipv4Addr::LOCALHOST.into(), loss)?);
    let ai = Ai::start((Ipv4Addr::LOCALHOST, 0).into(), clean.clone()).await?;
    let running = contender::start(contender, &ai.base_url).await?;
    let client = running
        .client()
        .ok_or_else(|| Error::Process("it takes no offers".into()))?;
    let (mut up, mut failed) = (times(), 0);
    let mut waiting = JoinSet::new();
    for _ in 0..count {
        if waiting.len() >= AT_ONCE {
            take(&mut waiting, &mut up, &mut failed).await;
        }
        let (candidate, began) = offer(client, &lossy).await?;
        let lossy = lossy.clone();
        waiting.spawn(async move { Some(lossy.up(candidate, PATIENCE).await.ok()? - began) });
    }
    while !waiting.is_empty() {
        take(&mut waiting, &mut up, &mut failed).await;
    }
    client.leave().await;
    lossy.leave();
    clean.leave();
    Ok(Connects {
        loss,
        tried: count,
        failed,
        up_p50_ms: ms(&up, 0.5),
        up_p95_ms: ms(&up, 0.95),
        up_max_ms: ms(&up, 1.0),
    })
}

/// HTTP loses nothing: TCP sees to that.
async fn offer(client: &Client, engine: &Engine) -> Result<(usize, Instant), Error> {
    let joined = client.join().await?;
    let (candidate, offer) = engine.candidate().await?;
    let began = now();
    let answer = client.offer(joined.as_ref(), offer).await?;
    engine.accept(candidate, answer).await?;
    Ok((candidate, began))
}

async fn take(waiting: &mut JoinSet<Option<Duration>>, up: &mut Histogram<u64>, failed: &mut usize) {
    match waiting.join_next().await {
        Some(Ok(Some(took))) => up.saturating_record(took.as_micros() as u64),
        Some(_) => *failed += 1,
        None => {}
    }
}

#[expect(clippy::disallowed_methods, reason = "driver: the load's own clock")]
fn now() -> Instant {
    Instant::now()
}
