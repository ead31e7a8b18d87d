//! Rounds in which each contender has its turn, so that whatever else the machine does falls on all alike.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use crate::{
    ai::Ai,
    bare,
    contender::{self, Contender},
    engine::Engine,
    load::{self, Error, Measured, Plan},
    report::{Entry, Report},
};

/// What to compare, and how long.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The first is what the others are measured against.
    pub contenders: Vec<Contender>,
    /// Turns that each has.
    pub rounds: usize,
    /// Interviews at a time.
    pub sessions: usize,
    /// How long packets are counted in each turn.
    pub seconds: u64,
}

/// Runs it. `told` hears of each turn as it ends.
pub async fn run(comparison: &Comparison, mut told: impl FnMut(usize, &str, &Measured)) -> Result<Report, Error> {
    let engine = Arc::new(Engine::start(Ipv4Addr::LOCALHOST.into())?);
    let ai = Ai::start((Ipv4Addr::LOCALHOST, 0).into(), engine.clone()).await?;
    let mut entries: Vec<Entry> = comparison
        .contenders
        .iter()
        .map(|contender| Entry::new(contender.name()))
        .collect();
    for round in 1..=comparison.rounds {
        for (contender, entry) in comparison.contenders.iter().zip(&mut entries) {
            let running = contender::start(contender, &ai.base_url).await?;
            let plan = Plan {
                sessions: comparison.sessions,
                seconds: comparison.seconds,
                pid: running.pid(),
            };
            let measured = match running.client() {
                Some(client) => load::run(&engine, client, plan).await?,
                None => bare_turn(&engine, &running, plan).await?,
            };
            told(round, contender.name(), &measured);
            entry.rounds.push(measured);
            entry.started_in_ms.push(running.started_in.as_secs_f64() * 1000.0);
        }
    }
    let (sessions, seconds, rounds) = (comparison.sessions, comparison.seconds, comparison.rounds);
    let mut report = Report::new(entries, sessions, seconds, rounds);
    report.binary_mib = comparison.contenders.iter().find_map(|contender| match contender {
        Contender::Server(binary) => Some(std::fs::metadata(binary).ok()?.len() as f64 / f64::from(1 << 20)),
        Contender::Bare | Contender::Media => None,
    });
    Ok(report)
}

/// The same load without any crypto: pairs that greet the reference and are then passed on to each other.
async fn bare_turn(engine: &Engine, running: &contender::Running, plan: Plan) -> Result<Measured, Error> {
    for pair in 0..plan.sessions as u32 {
        for side in [0, 1] {
            let end = engine.plain(running.address, bare::hello(pair, side)).await?;
            engine.up(end, Duration::from_secs(5)).await?;
        }
    }
    let spoken = load::speak(engine, plan).await;
    engine.leave();
    let (tally, used) = spoken?;
    Ok(Measured {
        sessions: plan.sessions,
        ..load::measured(&tally, used)
    })
}
