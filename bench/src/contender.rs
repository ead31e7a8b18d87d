//! Who is measured: each a process of its own, started afresh for each round and ended with it.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::{client::Client, load::Error};

/// A process that has not said where it listens by then, or does not answer, has failed.
const START_MAX: Duration = Duration::from_secs(20);
/// The sample data's tenant, position, candidate and recruiter.
const SAMPLE: [&str; 4] = [
    "018f0000-0000-7000-8000-000000000001",
    "018f0000-0000-7000-8000-000000000002",
    "018f0000-0000-7000-8000-000000000003",
    "018f0000-0000-7000-8000-000000000004",
];

/// Something that passes packets on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contender {
    /// The reference (`bare.rs`).
    Bare,
    /// The media crate alone (`relay.rs`).
    Media,
    /// The product: this binary's `serve`.
    Server(PathBuf),
}

impl Contender {
    /// As the report calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bare => "bare UDP relay",
            Self::Media => "media crate alone",
            Self::Server(_) => "vivavoce serve",
        }
    }
}

/// One that runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Where it takes datagrams ([`Contender::Bare`]) or offers.
    pub address: SocketAddr,
    /// From its start to its first answer; for a server, `GET /healthz`.
    pub started_in: Duration,
    client: Option<Client>,
    _data: Option<TempDir>,
}

impl Running {
    /// Its process.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// For those that take offers.
    pub fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }
}

/// Starts one. `ai` is the AI side's base URL.
pub async fn start(contender: &Contender, ai: &str) -> Result<Running, Error> {
    match contender {
        Contender::Bare => helper(&["bare"]).await,
        Contender::Media => {
            let mut running = helper(&["relay", "--ai", ai]).await?;
            running.client = Some(Client::media(format!("http://{}", running.address))?);
            Ok(running)
        }
        Contender::Server(binary) => server(binary, ai).await,
    }
}

/// This program again, in another role: it prints where it listens.
async fn helper(args: &[&str]) -> Result<Running, Error> {
    let began = now();
    let mut child = Command::new(std::env::current_exe()?)
        .args(args)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = child.stdout.take().ok_or_else(|| Error::Process("no output".into()))?;
    let line = tokio::time::timeout(START_MAX, BufReader::new(stdout).lines().next_line()).await;
    let line = line
        .map_err(|_| Error::Process(format!("{} did not start", args[0])))??
        .unwrap_or_default();
    let address = line
        .parse()
        .map_err(|_| Error::Process(format!("{} said: {line}", args[0])))?;
    Ok(Running {
        child,
        address,
        started_in: began.elapsed(),
        client: None,
        _data: None,
    })
}

/// Asks until it is well.
async fn answers(url: &str, began: Instant) -> Result<(), Error> {
    let http = reqwest::Client::new();
    loop {
        let answer = http.get(url).timeout(Duration::from_secs(1)).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        if began.elapsed() > START_MAX {
            return Err(Error::Process(format!("{url} does not answer")));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A server on a database of its own with the sample data, configured as a machine of its own would be.
async fn server(binary: &Path, ai: &str) -> Result<Running, Error> {
    let data = TempDir::new()?;
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let secret = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
    let command = |args: &[&str]| {
        let mut command = Command::new(binary);
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DATA_DIR", data.path())
            .env("JWT_SECRET", &secret)
            .env("LISTEN_ADDR", address.to_string())
            .env("METRICS_ADDR", "off")
            .env("UDP_BIND", "127.0.0.1")
            .env("UDP_PORT", udp.to_string())
            .env("PUBLIC_IP", "127.0.0.1")
            .env("OPENAI_BASE_URL", ai)
            // Hundreds of joins come from this one address.
            .env("OPEN_CALLS_PER_MINUTE", "60000")
            .env("LOG_LEVEL", "warn")
            .kill_on_drop(true);
        command
    };
    said(command(&["migrate", "--sample"])).await?;
    let token = said(command(&[
        "token",
        "--role",
        "recruiter",
        "--tenant",
        SAMPLE[0],
        "--sub",
        SAMPLE[3],
    ]))
    .await?;
    let began = now();
    let child = command(&["serve"]).stdout(Stdio::null()).spawn()?;
    let base = format!("http://{address}");
    answers(&format!("{base}/healthz"), began).await?;
    let started_in = began.elapsed();
    // It answers before its database does.
    answers(&format!("{base}/readyz"), began).await?;
    let client = Client::server(base, token, SAMPLE[1].into(), SAMPLE[2].into())?;
    Ok(Running {
        child,
        address,
        started_in,
        client: Some(client),
        _data: Some(data),
    })
}

/// Runs a command to its end; what it printed.
async fn said(mut command: Command) -> Result<String, Error> {
    let output = tokio::time::timeout(START_MAX, command.output()).await;
    let output = output.map_err(|_| Error::Process("a command did not end".into()))??;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(Error::Process(why.lines().last().unwrap_or("a command failed").into()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().into())
}

#[expect(clippy::disallowed_methods, reason = "driver: how long a start takes")]
fn now() -> Instant {
    Instant::now()
}
