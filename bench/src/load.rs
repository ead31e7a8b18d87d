//! So many interviews on one relay at a time, and what is measured of them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::{
    client::{self, Client},
    engine::{self, Engine, Tally},
    process::{self, Usage},
};

/// A leg that takes longer is not up.
const UP_MAX: Duration = Duration::from_secs(15);
/// Between all being up, or beginning to send, and what is measured.
const WARM: Duration = Duration::from_secs(2);

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Interviews at a time, each with a candidate and an AI side.
    pub sessions: usize,
    /// How long packets are counted.
    pub seconds: u64,
    /// The relay's process, if it is on this machine: its CPU and memory are read.
    pub pid: Option<u32>,
}

/// What was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Measured {
    /// Interviews of which both legs were up.
    pub sessions: usize,
    /// Packets sent by all far ends in the window.
    pub sent: u64,
    /// Packets of those that did not arrive at all.
    pub lost: u64,
    /// Packets of those that arrived later than 50 ms.
    pub late: u64,
    /// The relay's CPU time a forwarded packet, in microseconds; absent without a process to read.
    pub cpu_us_per_packet: Option<f64>,
    /// Of which in the kernel.
    pub system_us_per_packet: Option<f64>,
    /// From one far end's send to the other's receive, in milliseconds: median.
    pub delay_p50_ms: f64,
    /// 99 of 100 packets are faster.
    pub delay_p99_ms: f64,
    /// The slowest.
    pub delay_max_ms: f64,
    /// From a candidate's offer, sent, to its leg being up: median, in milliseconds.
    pub candidate_up_p50_ms: f64,
    /// 95 of 100 are faster.
    pub candidate_up_p95_ms: f64,
    /// From a candidate's offer to the AI side's leg being up, too.
    pub both_up_p50_ms: f64,
    /// 95 of 100 are faster.
    pub both_up_p95_ms: f64,
    /// Resident memory that an interview adds, in KiB.
    pub kib_per_session: Option<f64>,
    /// Resident memory with one interview running.
    pub base_kib: Option<u64>,
}

/// Why it could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The far ends.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The relay's HTTP.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// A process that was to be measured.
    #[error("{0}")]
    Process(String),
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Process(error.to_string())
    }
}

/// Drives interviews through a relay: joins them one after the other, lets all speak, measures, and leaves.
pub async fn run(engine: &Arc<Engine>, client: &Client, plan: Plan) -> Result<Measured, Error> {
    let result = drive(engine, client, plan).await;
    engine.send(false);
    client.leave().await;
    engine.leave();
    result
}

async fn drive(engine: &Engine, client: &Client, plan: Plan) -> Result<Measured, Error> {
    let (mut candidate_up, mut both_up) = (times(), times());
    let mut base = None;
    for number in 1..=plan.sessions {
        let joined = client.join().await?;
        let (candidate, offer) = engine.candidate().await?;
        let began = now();
        let answer = client.offer(joined.as_ref(), offer).await?;
        engine.accept(candidate, answer).await?;
        candidate_up.saturating_record(micros(engine.up(candidate, UP_MAX).await? - began));
        both_up.saturating_record(micros(engine.ai_up(number, UP_MAX).await?.max(began) - began));
        if number == 1 {
            base = plan.pid.and_then(process::usage);
        }
    }
    let (tally, used) = speak(engine, plan).await?;
    let full = plan.pid.and_then(process::usage);
    let added = base.zip(full).filter(|_| plan.sessions > 1);
    Ok(Measured {
        candidate_up_p50_ms: ms(&candidate_up, 0.5),
        candidate_up_p95_ms: ms(&candidate_up, 0.95),
        both_up_p50_ms: ms(&both_up, 0.5),
        both_up_p95_ms: ms(&both_up, 0.95),
        base_kib: base.map(|base| base.resident_kib),
        kib_per_session: added
            .map(|(base, full)| (full.resident_kib as f64 - base.resident_kib as f64) / (plan.sessions - 1) as f64),
        sessions: plan.sessions,
        ..measured(&tally, used)
    })
}

/// All that are up speak; the packets of one window are counted, and what the relay used meanwhile.
pub(crate) async fn speak(engine: &Engine, plan: Plan) -> Result<(Tally, Option<(Usage, Usage)>), Error> {
    engine.send(true);
    tokio::time::sleep(WARM).await;
    let before = plan.pid.and_then(process::usage);
    let tally = engine.window(Duration::from_secs(plan.seconds)).await?;
    // The window's packets and those sent while it settles: the same rate, so the share is the window's.
    let used = before.zip(plan.pid.and_then(process::usage));
    engine.send(false);
    Ok((tally, used))
}

/// What a window's packets say.
pub(crate) fn measured(tally: &Tally, used: Option<(Usage, Usage)>) -> Measured {
    // CPU was read over the window and the time it settles in; packets went on at the same rate.
    let span = (tally.window + engine::SETTLE).as_secs_f64() / tally.window.as_secs_f64();
    let forwarded = tally.received as f64 * span;
    let per_packet = |spent: Duration| spent.as_secs_f64() * 1e6 / forwarded;
    Measured {
        sent: tally.sent,
        lost: tally.sent.saturating_sub(tally.received),
        late: tally.late,
        cpu_us_per_packet: used.map(|(before, after)| per_packet(after.cpu().saturating_sub(before.cpu()))),
        system_us_per_packet: used.map(|(before, after)| per_packet(after.system.saturating_sub(before.system))),
        delay_p50_ms: ms(&tally.delay_us, 0.5),
        delay_p99_ms: ms(&tally.delay_us, 0.99),
        delay_max_ms: ms(&tally.delay_us, 1.0),
        ..Measured::default()
    }
}

pub(crate) fn times() -> Histogram<u64> {
    // proven: the bounds are in order, and three digits are within what the type takes.
    #[expect(clippy::expect_used, reason = "proven above")]
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("good bounds")
}

pub(crate) fn ms(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1000.0
}

fn micros(time: Duration) -> u64 {
    time.as_micros() as u64
}

#[expect(clippy::disallowed_methods, reason = "driver: the load's own clock")]
fn now() -> Instant {
    Instant::now()
}
