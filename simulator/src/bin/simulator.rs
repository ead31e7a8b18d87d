//! The simulator alone: `vivavoce-simulator --listen 127.0.0.1:8791`. The same as `vivavoce simulate`.

use std::net::SocketAddr;

use clap::Parser;
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
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
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
