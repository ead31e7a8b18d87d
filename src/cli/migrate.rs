//! `vivavoce migrate`: brings the database up to date, and puts sample data into an empty one.

use super::{Failure, output, runtime};
use crate::config::{Database, environment};
use crate::store;
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Adds the sample data (fixed ids); refuses a database that is not empty
    #[arg(long)]
    sample: bool,
    /// Prints a JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let database = Database::from_vars(&environment()?)?;
    runtime()?.block_on(async {
        let store = store::open(&database.url)?;
        store.migrate().await?;
        if args.sample {
            store.add_sample().await?;
        }
        if args.json {
            output::say_json(&json!({ "migrated": true, "sample": args.sample }))?;
        } else {
            let sample = if args.sample { ", with sample data" } else { "" };
            output::say(&format!("The database is up to date{sample}."));
        }
        Ok(ExitCode::SUCCESS)
    })
}
