//! `vivavoce load`: interviews against a relay that runs, and what was measured of them.
//!
//! The far ends and the measuring are `vivavoce-bench`'s; here is what stands around them.

use super::{Failure, logging, output, runtime};
use crate::config::{Log, environment};
use std::process::ExitCode;
use vivavoce_bench::command;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    load: command::Args,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    logging::init(&Log::from_vars(&environment()?)?);
    let measured = runtime()?.block_on(command::run(args.load))?;
    if args.json {
        output::say_json(&measured)?;
    } else {
        output::say(command::in_words(&measured).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}
