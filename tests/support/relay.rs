//! The relay as a process of its own, that a test can kill, stop, freeze and start again on the same port and folder.
//!
//! Is: the binary under `serve`, its environment, signals, its log. Isn't: whoever it talks with (the simulator, a database).

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helper"
)]

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use tokio::process::{Child, Command};

/// How the relay is to be started: again and again in the same way.
#[derive(Clone)]
pub struct Plan {
    /// Where it serves.
    pub base: String,
    vars: BTreeMap<String, String>,
    log: PathBuf,
}

impl Plan {
    /// On `port`, with its data and its log in `folder`; `vars` beside what every such relay has.
    pub fn new(port: u16, folder: &Path, vars: &[(&str, &str)]) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let base = format!("http://127.0.0.1:{port}");
        let listen = format!("127.0.0.1:{port}");
        let data = folder.join("data");
        let own = [
            ("LISTEN_ADDR", listen.as_str()),
            ("RELAY_URL", base.as_str()),
            ("METRICS_ADDR", "off"),
            ("METRICS_TOKEN", "a token of the tests for metrics"),
            ("UDP_BIND", "127.0.0.1"),
            ("UDP_PORT", "0"),
            ("DATA_DIR", data.to_str().unwrap()),
        ];
        Self {
            vars: own
                .into_iter()
                .chain(vars.iter().copied())
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            log: folder.join("log"),
            base,
        }
    }

    /// Its `DATA_DIR`.
    pub fn data(&self) -> String {
        self.vars["DATA_DIR"].clone()
    }

    /// Starts it. Ready once [`Relay::ready`] says so.
    pub fn start(&self) -> Relay {
        let log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_vivavoce"))
            .arg("serve")
            .env_clear()
            .envs(&self.vars)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Relay {
            base: self.base.clone(),
            log: self.log.clone(),
            child,
        }
    }

    /// Starts it and waits until it lets callers in.
    pub async fn ready(&self, http: &reqwest::Client) -> Relay {
        let relay = self.start();
        relay.ready(http).await;
        relay
    }
}

/// A relay that runs. Dropped, it is killed.
pub struct Relay {
    pub base: String,
    log: PathBuf,
    child: Child,
}

impl Relay {
    pub async fn ready(&self, http: &reqwest::Client) {
        let begun = Instant::now();
        loop {
            let asked = http.get(format!("{}/readyz", self.base)).send().await;
            if asked.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "not ready in time:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().expect("it runs")).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// What it has of the machine's memory now, in KiB.
    pub fn memory_kib(&self) -> u64 {
        let pid = self.child.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// SIGKILL, and gone when this returns.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self, within: Duration) -> ExitStatus {
        let Ok(ended) = tokio::time::timeout(within, self.child.wait()).await else {
            panic!("it has not ended in {within:?}:\n{}", self.log());
        };
        ended.unwrap()
    }

    /// What it and those before it on the same plan have said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// A loopback port below the ephemeral ones, so that it is still free when the relay comes back to it.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let port = 10_000 + (std::process::id() * 16 + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
