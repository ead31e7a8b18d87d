//! `make world N=…`: so many random interviews in virtual time; or one again, by its seed.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a report of a test"
)]

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use vivavoce_media::broken::{Law, break_law};
use vivavoce_world::{Outcome, Schedule, World};

struct Asked {
    n: u64,
    seed: u64,
    turns: usize,
    faults: usize,
    only: Option<String>,
    threads: usize,
    broken: Option<Law>,
    tells: bool,
}

fn read() -> Asked {
    let mut asked = Asked {
        n: 20,
        seed: 1,
        turns: 5,
        faults: 2,
        only: None,
        // one waits for its database now and then
        threads: 2 * std::thread::available_parallelism().map_or(1, usize::from),
        broken: None,
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
            "--threads" => asked.threads = number() as usize,
            "--broken" => asked.broken = Some(vivavoce_world::law(value).expect("hold, timestamp, order or last-item")),
            "--only" => asked.only = Some(value.clone()),
            _ => {}
        }
    }
    asked
}

/// Of all interviews so far.
#[derive(Default)]
struct Sum {
    violated: u64,
    failed: u64,
    virtual_ms: u64,
    shortest_ms: Option<u64>,
    datagrams: u64,
    struck: BTreeMap<&'static str, u64>,
    done: u64,
}

/// After so many interviews it is told how far it is.
const TELL_EVERY: u64 = 1_000;

impl Sum {
    fn add(&mut self, schedule: &Schedule, outcome: &Outcome, tells: bool) {
        if tells {
            println!(
                "seed {}: {:?}, words late by {} ms, {} virtual ms, {} ms",
                schedule.seed, schedule.faults, schedule.late_ms, outcome.virtual_ms, outcome.real_ms
            );
        }
        self.done += 1;
        if self.done.is_multiple_of(TELL_EVERY) {
            eprintln!("{} interviews done, {} violated", self.done, self.violated);
        }
        self.virtual_ms += outcome.virtual_ms;
        self.shortest_ms = Some(self.shortest_ms.unwrap_or(u64::MAX).min(outcome.virtual_ms));
        self.datagrams += outcome.datagrams;
        self.failed += u64::from(outcome.technical_failure);
        for fault in &outcome.struck {
            *self.struck.entry(fault.name()).or_default() += 1;
        }
        if !outcome.violations.is_empty() {
            self.violated += 1;
            println!(
                "--seed {}: {:?}, {} calls, {} repairs, {} virtual ms",
                schedule.seed, schedule.faults, outcome.calls, outcome.repairs, outcome.virtual_ms
            );
            for violation in &outcome.violations {
                println!("    {violation}");
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long it took")]
fn main() -> ExitCode {
    let asked = read();
    let began = Instant::now();
    let next = AtomicU64::new(asked.seed);
    let sum = Mutex::new(Sum::default());
    std::thread::scope(|scope| {
        for _ in 0..asked.threads.max(1) {
            scope.spawn(|| {
                break_law(asked.broken);
                let mut world = World::begin();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= asked.seed + asked.n {
                        break;
                    }
                    let schedule = Schedule::draw(seed, asked.turns, asked.faults, asked.only.as_deref());
                    let outcome = world.interview(&schedule);
                    sum.lock().expect("no panic").add(&schedule, &outcome, asked.tells);
                }
            });
        }
    });
    let sum = sum.into_inner().expect("no panic");
    let real = began.elapsed().as_secs_f64();
    println!(
        "{} interviews, seeds {} to {}, {} faults each: {} violated, {} failed technically",
        asked.n,
        asked.seed,
        asked.seed + asked.n - 1,
        asked.faults,
        sum.violated,
        sum.failed
    );
    println!(
        "{:.0} virtual minutes (the shortest {:.0} s), {} datagrams, in {real:.1} s",
        sum.virtual_ms as f64 / 60_000.0,
        sum.shortest_ms.unwrap_or_default() as f64 / 1_000.0,
        sum.datagrams
    );
    println!("struck: {:?}", sum.struck);
    if sum.violated == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
