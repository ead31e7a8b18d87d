//! `vivavoce simulate`: the stand-in for the AI service, alone.

use super::serve::Signals;
use super::{Failure, logging, output, runtime};
use crate::config::{Log, environment};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::ExitCode;
use vivavoce_simulator::{Config, Simulator};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Where to listen; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:8791")]
    listen: SocketAddr,
    /// What its sessions are like, as `POST /control/defaults` takes it
    #[arg(long, value_name = "JSON", value_parser = object)]
    defaults: Option<Value>,
    /// Prints one JSON object once it listens
    #[arg(long)]
    json: bool,
}

fn object(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    logging::init(&Log::from_vars(&environment()?)?);
    runtime()?.block_on(async {
        let signals = Signals::listen()?;
        let simulator = Simulator::start(Config {
            listen: args.listen,
            defaults: args.defaults.unwrap_or(Value::Null),
            ..Config::default()
        })
        .await?;
        let at = simulator.addr();
        if args.json {
            output::say_json(&json!({
                "simulator": true,
                "base_url": format!("http://{at}/v1"),
                "control_url": format!("http://{at}/control"),
            }))?;
        } else {
            output::say(&format!(
                "The simulator (it is not OpenAI) listens at http://{at}\n\
                 For the relay: OPENAI_BASE_URL=http://{at}/v1 AI_SIMULATED=yes"
            ));
        }
        signals.asked_to_stop().await;
        simulator.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}
