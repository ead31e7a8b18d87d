//! `vivavoce doctor`: looks at everything a start needs, and says what to do. It prints no secret.

use super::{Failure, output, runtime};
use crate::config::{self, Ai, Config};
use crate::store;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// How long each check may take.
const WAIT: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(super) struct Args {
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Check>,
}

/// What was looked at.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    /// What was found.
    found: String,
    /// What to do; absent where all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let checks = runtime()?.block_on(look());
    let report = Report {
        ok: checks.iter().all(|check| check.ok),
        checks,
    };
    if args.json {
        output::say_json(&report)?;
    } else {
        for check in &report.checks {
            let mark = if check.ok { "ok  " } else { "FAIL" };
            output::say(&format!("{mark}  {}: {}", check.name, check.found));
            if let Some(remedy) = &check.remedy {
                output::say(&format!("      {remedy}"));
            }
        }
    }
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn look() -> Vec<Check> {
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => {
            return vec![bad(
                "configuration",
                error.to_string(),
                "README.md has the table of variables",
            )];
        }
    };
    let mut checks = vec![good("configuration", "every variable is well formed")];
    checks.push(data_dir(&config.http.data_dir));
    checks.push(database(&config.database).await);
    checks.push(listener(config.http.listen).await);
    checks.extend(config.media.udp.iter().map(|address| udp(*address)));
    checks.push(public_address(&config));
    checks.push(ai(&config.ai).await);
    checks
}

fn good(name: &'static str, found: impl Into<String>) -> Check {
    Check {
        name,
        ok: true,
        found: found.into(),
        remedy: None,
    }
}

fn bad(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check {
        name,
        ok: false,
        found: found.into(),
        remedy: Some(remedy.into()),
    }
}

fn data_dir(dir: &Path) -> Check {
    const NAME: &str = "data folder";
    let probe = dir.join(format!(".doctor-{}", std::process::id()));
    let tried = std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&probe, b"doctor"))
        .and_then(|()| std::fs::remove_file(&probe));
    match tried {
        Ok(()) => good(NAME, format!("{} can be written", dir.display())),
        Err(error) => bad(
            NAME,
            format!("{}: {error}", dir.display()),
            "Set DATA_DIR to a folder that this user may write",
        ),
    }
}

async fn database(config: &config::Database) -> Check {
    const NAME: &str = "database";
    let remedy = "Check DATABASE_URL, that the database runs, and that its user may connect";
    let pinged = async {
        let store = store::open(&config.url)?;
        store.ping().await
    };
    match tokio::time::timeout(WAIT, pinged).await {
        Ok(Ok(())) => good(NAME, "it answers"),
        Ok(Err(error)) => bad(NAME, error.to_string(), remedy),
        Err(_) => bad(NAME, "no answer in time", remedy),
    }
}

async fn listener(address: SocketAddr) -> Check {
    const NAME: &str = "http port";
    match tokio::net::TcpListener::bind(address).await {
        Ok(_) => good(NAME, format!("{address} is free")),
        Err(error) => bad(
            NAME,
            format!("{address}: {error}"),
            "Stop what has the port (a running server?), or set LISTEN_ADDR to another",
        ),
    }
}

fn udp(address: SocketAddr) -> Check {
    const NAME: &str = "udp port";
    match UdpSocket::bind(address) {
        Ok(_) => good(NAME, format!("{address} is free")),
        Err(error) => bad(
            NAME,
            format!("{address}: {error}"),
            "Stop what has the port (a running server?), or set UDP_BIND and UDP_PORT to what this machine has",
        ),
    }
}

fn public_address(config: &Config) -> Check {
    const NAME: &str = "public address";
    let told = &config.media.public_ip;
    if told.is_empty() && config.http.fly_app.is_some() {
        return bad(
            NAME,
            "PUBLIC_IP is not set, and on Fly the bound address is not the public one",
            "Set PUBLIC_IP to the app's dedicated IPv4 (fly ips list)",
        );
    }
    if told.is_empty() {
        return good(
            NAME,
            "browsers are told the local addresses; set PUBLIC_IP where they are behind a NAT",
        );
    }
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    good(NAME, format!("browsers are told {}", told.join(", ")))
}

async fn ai(config: &Ai) -> Check {
    const NAME: &str = "ai side";
    let host = config.base_url.host_str().unwrap_or_default().to_owned();
    let asked = async {
        crate::app::install_crypto();
        let client = reqwest::Client::builder().timeout(WAIT).build()?;
        let address = format!("{}/models", config.base_url.as_str().trim_end_matches('/'));
        let mut request = client.get(address);
        if let Some(key) = &config.key {
            request = request.bearer_auth(key.expose_secret());
        }
        request.send().await
    };
    match asked.await {
        Ok(answer) if answer.status().as_u16() == 401 || answer.status().as_u16() == 403 => bad(
            NAME,
            format!("{host} answers, and refuses the key ({})", answer.status().as_u16()),
            "Set OPENAI_API_KEY to a key of that service",
        ),
        Ok(answer) if answer.status().is_server_error() => bad(
            NAME,
            format!("{host} answers with {}", answer.status().as_u16()),
            "Look at the service's status page, and try again",
        ),
        Ok(_) => good(NAME, format!("{host} answers")),
        Err(error) => bad(
            NAME,
            format!("{host} cannot be reached: {}", reason(&error)),
            "Check OPENAI_BASE_URL, and that this machine may call out over https and UDP",
        ),
    }
}

/// The innermost cause, without the address, which may hold more than the host.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    if error.is_timeout() {
        "no answer in time".into()
    } else {
        cause.to_string()
    }
}
