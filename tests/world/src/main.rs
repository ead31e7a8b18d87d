//! `make world N=…`: so many random interviews in virtual time; or one again, by its seed.

#![allow(clippy::expect_used, reason = "of a test")]

use std::{process::ExitCode, time::Instant};
use vivavoce_world::{Schedule, World};

struct Asked {
    n: u64,
    seed: u64,
    turns: usize,
    faults: usize,
    only: Option<String>,
    tells: bool,
}

fn read() -> Asked {
    let mut asked = Asked {
        n: 20,
        seed: 1,
        turns: 5,
        faults: 2,
        only: None,
        tells: std::env::var_os("WORLD_TELL").is_some(),
    };
    let words: Vec<String> = std::env::args().skip(1).collect();
    for pair in words.chunks(2) {
        let [name, value] = pair else { continue };
        let number = || value.parse().expect("a number");
        match name.as_str() {
            "--n" => asked.n = number(),
            "--seed" => asked.seed = number(),
            "--turns" => asked.turns = number() as usize,
            "--faults" => asked.faults = number() as usize,
            "--only" => asked.only = Some(value.clone()),
            _ => {}
        }
    }
    asked
}

#[expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a report, and how long it took"
)]
fn main() -> ExitCode {
    let asked = read();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    let began = Instant::now();
    let violated = runtime.expect("a runtime").block_on(async {
        let mut world = World::new().await;
        let (mut violated, mut failed, mut virtual_ms) = (0u64, 0u64, 0u64);
        let mut struck = std::collections::BTreeMap::<&str, u64>::new();
        for seed in asked.seed..asked.seed + asked.n {
            let schedule = Schedule::draw(seed, asked.turns, asked.faults, asked.only.as_deref());
            let outcome = world.interview(&schedule).await;
            if asked.tells {
                println!(
                    "seed {seed}: {:?}, {} virtual ms, {:.1} s",
                    schedule.faults,
                    outcome.virtual_ms,
                    began.elapsed().as_secs_f64()
                );
            }
            virtual_ms += outcome.virtual_ms;
            failed += u64::from(outcome.technical_failure);
            for fault in &outcome.struck {
                *struck.entry(fault.name()).or_default() += 1;
            }
            if !outcome.violations.is_empty() {
                violated += 1;
                println!(
                    "--seed {seed}: {:?}, {} calls, {} repairs, {} virtual ms",
                    schedule.faults, outcome.calls, outcome.repairs, outcome.virtual_ms
                );
                for violation in &outcome.violations {
                    println!("    {violation}");
                }
            }
        }
        let real = began.elapsed().as_secs_f64();
        println!(
            "{} interviews from seed {}, {violated} violated, {failed} failed technically",
            asked.n, asked.seed
        );
        println!(
            "{:.0} virtual minutes in {real:.1} s; struck: {struck:?}",
            virtual_ms as f64 / 60_000.0
        );
        violated
    });
    // threads of the store may still wait for a clock that nobody moves any more
    if violated == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
