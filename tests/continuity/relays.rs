//! Relays as processes of their own, to be killed, told to stop and started again, before one database; and the door to them.
//!
//! Is: this repository's binary, one of which the door leads to. Isn't: a judge of when that is: the door is turned by hand, as a
//! load balancer's health check would.

use crate::{network::Wire, stack::Stack};
use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::Path,
    process::Stdio,
    time::Duration,
};
use tokio::process::{Child, Command};
use vivavoce_simulator::Simulator;

/// From the start of a process to its readiness.
const READY_MAX: Duration = Duration::from_secs(30);

pub struct Relay {
    pub http: SocketAddr,
    pub udp: SocketAddr,
    env: BTreeMap<String, String>,
    child: Option<Child>,
}

/// The processes and the way in.
pub struct Relays {
    pub all: Vec<Relay>,
    /// For requests that are no part of the interview: without delay.
    door: Wire,
}

impl Relays {
    /// So many processes beside a simulator. `database`: theirs in common; None: the first one's own file.
    pub async fn start(
        count: usize,
        (simulator, data): (Simulator, tempfile::TempDir),
        vars: &[(&str, &str)],
        database: Option<&str>,
    ) -> (Self, Stack) {
        let sim = format!("http://{}", simulator.addr());
        let ports: Vec<SocketAddr> = (0..count).map(|_| free_port()).collect();
        let origins: Vec<String> = ports.iter().map(|http| format!("http://{http}")).collect();
        let mut all = vec![];
        for (n, http) in ports.into_iter().enumerate() {
            let folder = data.path().join(n.to_string());
            std::fs::create_dir_all(&folder).unwrap();
            let mut relay = Relay::new(http, &sim, &folder, vars, database);
            relay.env.insert("RELAY_ORIGINS".into(), origins.join(","));
            if n == 0 {
                let told = relay.command(&["migrate", "--sample"]).output().await.unwrap();
                assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
            }
            relay.start();
            all.push(relay);
        }
        let door = Wire::start(all[0].http, Duration::ZERO).await;
        let stack = Stack::beside(simulator, data, format!("http://{}", door.addr));
        for relay in &all {
            relay.ready(&stack.http).await;
        }
        (Self { all, door }, stack)
    }

    /// Whoever comes from here on is led to that one.
    pub fn lead_to(&self, n: usize) {
        self.door.lead_to(self.all[n].http);
    }
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Relay {
    fn new(http: SocketAddr, sim: &str, folder: &Path, vars: &[(&str, &str)], database: Option<&str>) -> Self {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut env = Stack::env(sim, folder);
        env.insert("LISTEN_ADDR".into(), http.to_string());
        env.insert("RELAY_URL".into(), format!("http://{http}"));
        env.insert("UDP_PORT".into(), udp.port().to_string());
        env.insert("SHARDS".into(), "1".into());
        env.extend(database.map(|url| ("DATABASE_URL".to_owned(), url.to_owned())));
        env.extend(vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        Self {
            http,
            udp,
            env,
            child: None,
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vivavoce"));
        command.args(words).env_clear().envs(&self.env).kill_on_drop(true);
        command.stdin(Stdio::null());
        command
    }

    /// Starts it (again).
    pub fn start(&mut self) {
        let mut command = self.command(&["serve"]);
        let tells = std::env::var_os("CONTINUITY_TELL").is_some();
        let out = || if tells { Stdio::inherit() } else { Stdio::null() };
        command.stdout(out()).stderr(out());
        self.child = Some(command.spawn().unwrap());
    }

    async fn ready(&self, http: &reqwest::Client) {
        let url = format!("http://{}/readyz", self.http);
        crate::stack::until(READY_MAX, "the relay is ready", async || {
            let answer = http.get(&url).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// `kill -9`.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill().await;
        }
    }

    /// SIGTERM; it ends in its own time.
    pub fn term(&self) {
        let pid = self.child.as_ref().and_then(Child::id);
        if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM);
        }
    }
}
