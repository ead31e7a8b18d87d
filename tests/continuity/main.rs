//! The rows of docs/continuity.md, each end to end: real sockets, the simulator in exam mode, a candidate that is not a browser.
//!
//! `cargo test --test continuity` runs each row once from a fixed seed; `make continuity` runs each 20 times, prints the table
//! and writes it into `docs/continuity.md`. `-- --row NAME --seed N --runs 1` runs again what failed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs
)]
#![allow(dead_code, reason = "what stands ready is shared with other targets")]
#![allow(clippy::large_futures, clippy::large_stack_arrays, reason = "a test's own stack")]

mod candidate;
#[path = "../support/disk.rs"]
mod disk;
mod ear;
mod interview;
mod judge;
mod logs;
mod measure;
mod network;
mod page;
#[path = "../support/peer.rs"]
mod peer;
mod place;
#[path = "../support/postgres.rs"]
mod postgres;
mod relays;
mod rows;
#[path = "../support/stack.rs"]
mod stack;
mod strike;
mod table;

use interview::Outcome;
use rows::{ROWS, Row};
use std::{process::ExitCode, sync::Arc, time::Instant};
use tokio::{
    sync::Semaphore,
    task::{JoinSet, LocalSet},
};

/// Faults that last longer are left to `--all`.
const SHORT_MS: u64 = 20_000;

/// An interview in which this whole process stood still for longer than this tells of the machine: it is run again, so often at most.
const LAG_MS_MAX: u64 = 1_000;
const AGAIN_MAX: usize = 2;

/// What is asked for on the command line.
struct Asked {
    runs: usize,
    row: Option<String>,
    seed: u64,
    at_once: usize,
    /// A document to write the table into.
    markdown: Option<String>,
    /// Only rows that do not last.
    only_short: bool,
}

impl Asked {
    fn read() -> Result<Self, String> {
        let mut asked = Self {
            runs: 1,
            row: None,
            seed: 20_261_126,
            at_once: 8, // they wait more than they work
            markdown: None,
            only_short: true,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} wants a value"));
            match word.as_str() {
                "--runs" => asked.runs = value()?.parse().map_err(|_| "--runs wants a number")?,
                "--seed" => asked.seed = value()?.parse().map_err(|_| "--seed wants a number")?,
                "--at-once" => asked.at_once = value()?.parse().map_err(|_| "--at-once wants a number")?,
                "--row" => asked.row = Some(value()?),
                "--markdown" => asked.markdown = Some(value()?),
                "--all" => asked.only_short = false,
                // what cargo hands to every test binary means nothing here
                _ => {}
            }
        }
        Ok(asked)
    }

    fn wants(&self, row: &Row) -> bool {
        match &self.row {
            Some(name) => row.name.starts_with(name.as_str()),
            None => !self.only_short || row.fault.lasts_ms() <= SHORT_MS,
        }
    }
}

/// The seed of a row's run: other rows and numbers of runs do not move it. A seed given for one row and one run is taken as it is.
fn seed_of(asked: &Asked, row: &Row, run: usize) -> u64 {
    if asked.row.is_some() && asked.runs == 1 {
        return asked.seed;
    }
    let name = row.name.bytes().fold(asked.seed, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    name.wrapping_add(run as u64) % 1_000_000_000
}

#[expect(clippy::print_stdout, reason = "it is a test's report")]
fn main() -> ExitCode {
    let asked = match Asked::read() {
        Ok(asked) => asked,
        Err(why) => {
            println!("{why}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(why) = judge::self_test().and_then(|()| measure::self_test()) {
        println!("the judge itself is wrong: {why}\n0 passed, 1 failed");
        return ExitCode::FAILURE;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let began = Instant::now();
    let results = LocalSet::new().block_on(&runtime, run_all(&asked));
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    let table = table::Table::of(&results);
    println!("\n{}", table.text());
    if let Some(path) = &asked.markdown {
        table::write(path, &table.markdown()).unwrap();
    }
    let failed = results
        .iter()
        .flat_map(|(_, outcomes)| outcomes)
        .filter(|outcome| !outcome.violations.is_empty())
        .count();
    let all: usize = results.iter().map(|(_, outcomes)| outcomes.len()).sum();
    println!(
        "\n{} s\n{} passed, {failed} failed",
        began.elapsed().as_secs(),
        all - failed
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[expect(clippy::print_stdout, reason = "it is a test's report")]
async fn run_all(asked: &Asked) -> Vec<(&'static Row, Vec<Outcome>)> {
    let free = Arc::new(Semaphore::new(asked.at_once.max(1)));
    let rows: Vec<&'static Row> = ROWS.iter().filter(|row| asked.wants(row)).collect();
    let mut going = JoinSet::new();
    for run in 0..asked.runs {
        for (index, row) in rows.iter().copied().enumerate() {
            let (free, seed) = (free.clone(), seed_of(asked, row, run));
            going.spawn_local(async move {
                let _turn = free.acquire_owned().await.unwrap();
                let mut outcome = interview::run(row, seed).await;
                for _ in 0..AGAIN_MAX {
                    if outcome.lag_ms <= LAG_MS_MAX {
                        break;
                    }
                    outcome = interview::run(row, seed).await;
                }
                (index, outcome)
            });
        }
    }
    let mut results: Vec<(&'static Row, Vec<Outcome>)> = rows.iter().map(|row| (*row, vec![])).collect();
    while let Some(done) = going.join_next().await {
        let (index, outcome) = done.unwrap();
        let name = results[index].0.name;
        let struck = outcome.struck.as_deref().unwrap_or("no strike");
        println!(
            "{name} --seed {}: {struck}; {} calls, {} repairs, lag {} ms; within a count {} ms, answers {:?}",
            outcome.seed, outcome.calls, outcome.repairs, outcome.lag_ms, outcome.waits.within, outcome.waits.after
        );
        for violation in &outcome.violations {
            println!("    {violation}");
        }
        results[index].1.push(outcome);
    }
    results
}
