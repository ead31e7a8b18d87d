//! The command line: one file a command.
//!
//! Exit status: 0, 1 for a failure, 2 for bad usage. What a script reads goes to stdout, the log to stderr.

mod demo;
mod doctor;
mod load;
mod logging;
mod migrate;
mod output;
mod secret;
mod serve;
mod simulate;
mod token;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A relay for AI voice interviews.
#[derive(Parser)]
#[command(name = "vivavoce", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server; the environment configures it (README.md has the table)
    Serve,
    /// Runs relay, simulator and sample data in one process on this machine, and prints the link to open
    Demo(demo::Args),
    /// Runs the simulator of the AI service alone
    Simulate(simulate::Args),
    /// Brings the database up to date
    Migrate(migrate::Args),
    /// Mints a token and prints it alone
    Token(token::Args),
    /// Drives interviews against a relay that runs, both far ends ours, and prints what it measured
    Load(load::Args),
    /// Checks configuration, database, ports and the AI side, and says what to do
    Doctor(doctor::Args),
}

/// Why a command failed, in one line for stderr.
#[derive(Debug)]
pub struct Failure(String);

impl<E: std::fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Runs what the command line asks for.
pub fn run() -> ExitCode {
    let cli = Cli::parse(); // exits with 2 on bad usage
    let result = match cli.command {
        Command::Serve => serve::run(),
        Command::Demo(args) => demo::run(&args),
        Command::Simulate(args) => simulate::run(args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Load(args) => load::run(args),
        Command::Doctor(args) => doctor::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(Failure(line)) => {
            output::complain(&line);
            ExitCode::FAILURE
        }
    }
}

/// The runtime of HTTP, database and sessions; media threads are the shards' own.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
