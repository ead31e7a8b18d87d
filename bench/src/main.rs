//! `vivavoce-bench`: rounds of load on the relay and on the bare reference, side by side.

use std::{
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use vivavoce_bench::{
    bare, command,
    compare::{self, Comparison},
    connects,
    contender::Contender,
    load::Measured,
    relay,
};

#[derive(Parser)]
#[command(name = "vivavoce-bench", about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Load on a relay, beside the bare UDP relay that it is measured against.
#[derive(Subcommand)]
enum Command {
    /// Measures the bare reference, the media crate alone and (with --server) the product, in turns
    Compare {
        /// The product's binary, run as `serve` on a database of its own
        #[arg(long)]
        server: Option<PathBuf>,
        /// Interviews at a time
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(2..=1000))]
        sessions: u16,
        /// How long packets are counted in each turn
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
        seconds: u64,
        /// Turns that each has
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
        rounds: u8,
        /// Leaves the media crate alone out
        #[arg(long)]
        without_media: bool,
        /// Joins over a network that loses nothing, and over one that loses 5 %, of the last of them; 0 leaves them out
        #[arg(long, default_value_t = 200)]
        connects: usize,
        /// Where the figures go as JSON
        #[arg(long)]
        json: Option<PathBuf>,
        /// Where the table goes
        #[arg(long)]
        markdown: Option<PathBuf>,
    },
    /// Drives interviews against a server that runs, and prints what it measured
    Load(command::Args),
    /// The bare UDP relay; prints where it listens
    #[command(hide = true)]
    Bare,
    /// The media crate alone; prints where it takes offers
    #[command(hide = true)]
    Relay {
        /// The AI side's base URL
        #[arg(long)]
        ai: String,
    },
}

/// What a bad mobile network loses, of 1.
const LOSS: f64 = 0.05;

fn main() -> ExitCode {
    // No other has been installed in this process, and it would be as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&*error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Box<dyn std::error::Error>> {
    match command {
        // The reference is to be one thread.
        Command::Bare => Ok(runtime(false)?.block_on(bare::run(say_line))?),
        Command::Relay { ai } => Ok(runtime(true)?.block_on(relay::run(&ai, say_line))?),
        Command::Load(args) => {
            let measured = runtime(true)?.block_on(command::run(args))?;
            say_line(command::in_words(&measured).trim_end());
            Ok(())
        }
        Command::Compare {
            server,
            sessions,
            seconds,
            rounds,
            without_media,
            connects,
            json,
            markdown,
        } => {
            let mut contenders = vec![Contender::Bare];
            contenders.extend((!without_media).then_some(Contender::Media));
            contenders.extend(server.map(Contender::Server));
            let (sessions, rounds) = (usize::from(sessions), usize::from(rounds));
            let comparison = Comparison {
                contenders,
                rounds,
                sessions,
                seconds,
            };
            let last = comparison.contenders.last().cloned();
            let runtime = runtime(true)?;
            let mut report = runtime.block_on(compare::run(&comparison, say_turn))?;
            for loss in [0.0, LOSS] {
                let Some(last) = last.as_ref().filter(|_| connects > 0) else {
                    break;
                };
                report
                    .connects
                    .push(runtime.block_on(connects::run(last, connects, loss))?);
            }
            let text = serde_json::to_string_pretty(&report)?;
            match &json {
                Some(path) => std::fs::write(path, text + "\n")?,
                None => say_line(text),
            }
            if let Some(path) = &markdown {
                std::fs::write(path, report.markdown())?;
            }
            Ok(())
        }
    }
}

fn runtime(many: bool) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = if many {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    builder.enable_all().build()
}

/// How it goes, for who watches; stdout stays the JSON's.
fn say_turn(round: usize, name: &str, measured: &Measured) {
    let cpu = measured.cpu_us_per_packet.unwrap_or_default();
    let (p50, p99) = (measured.delay_p50_ms, measured.delay_p99_ms);
    let (lost, late, sent) = (measured.lost, measured.late, measured.sent);
    let line = format!(
        "round {round}, {name}: {cpu:.2} µs a packet, p50 {p50:.3} ms, p99 {p99:.3} ms, {lost} lost and {late} late of {sent}"
    );
    let mut stderr = std::io::stderr();
    let mark = if stderr.is_terminal() { "· " } else { "" };
    let _ = writeln!(stderr, "{mark}{line}");
}

fn say_line(line: impl std::fmt::Display) {
    let mut stdout = std::io::stdout();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

fn say_error(error: &dyn std::error::Error) {
    let _ = writeln!(std::io::stderr(), "vivavoce-bench: {error}");
}
