//! The simulator alone: `vivavoce-simulator --listen 127.0.0.1:8791`. The same as `vivavoce simulate`.

use std::net::SocketAddr;

use clap::Parser;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};
use vivavoce_simulator::{Config, Simulator};

/// A local stand-in for the OpenAI Realtime API. It is not OpenAI.
#[derive(Parser)]
struct Args {
    /// Where to listen; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:8791")]
    listen: SocketAddr,
    /// Prints one line of JSON with the address once it listens.
    #[arg(long)]
    json: bool,
    /// What `POST /control/defaults` would be sent, as JSON.
    #[arg(long)]
    defaults: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let filter: Option<Targets> = std::env::var("RUST_LOG").ok().and_then(|filter| filter.parse().ok());
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(std::io::stderr)
        .finish()
        .with(filter.unwrap_or(Targets::new().with_default(LevelFilter::WARN)))
        .init();
    let defaults = args
        .defaults
        .map_or(Ok(serde_json::Value::Null), |d| serde_json::from_str(&d))?;
    let simulator = Simulator::start(Config {
        listen: args.listen,
        defaults,
        ..Config::default()
    })
    .await?;
    announce(&simulator, args.json);
    tokio::signal::ctrl_c().await?;
    simulator.stop().await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a script reads it")]
fn announce(simulator: &Simulator, json: bool) {
    let addr = simulator.addr();
    if json {
        println!(
            "{}",
            serde_json::json!({"simulator": true, "addr": addr.to_string(), "base_url": format!("http://{addr}/v1")})
        );
    } else {
        println!("The simulator (not OpenAI) listens on http://{addr}; OPENAI_BASE_URL=http://{addr}/v1");
    }
}
