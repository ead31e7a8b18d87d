//! A real Postgres for tests, from the binaries that the machine has, in a temporary folder.
//!
//! Is: `initdb` and `postgres` as an unprivileged user, on a free loopback port; stopped, killed and started again on
//! request; gone on `Drop`, and with the test's process however that ends. Isn't: durable (`fsync=off`: it is processes
//! that are killed here, not machines). Give each test a database of its own, of one server for each test binary:
//!
//! ```ignore
//! let server = Server::shared();
//! let url = server.database();          // owned by a plain login role, as in production
//! ```

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helper"
)]

use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// The login role that owns every database: no superuser, so that privileges are tried for what they are.
pub const APP: &str = "app";

/// One Postgres server.
pub struct Server {
    folder: tempfile::TempDir,
    port: u16,
    running: Mutex<Option<Running>>,
    databases: AtomicU32,
}

struct Running {
    pid: u32,
    /// Hears once when the process is gone.
    gone: Receiver<()>,
}

static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());

impl Server {
    /// The server of this test binary, started by the first who asks and stopped when the last lets go.
    pub fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Self::start());
        *shared = Arc::downgrade(&server);
        server
    }

    /// A server of one's own, for a test that stops or kills it.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("vivavoce-postgres-").tempdir().unwrap();
        let server = Self {
            port: free_port(),
            running: Mutex::new(None),
            databases: AtomicU32::new(0),
            folder,
        };
        server.give_folder_away();
        Self::must(
            server
                .command("initdb")
                .args([
                    "--auth=trust",
                    "--username=postgres",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--no-sync",
                    "-D",
                ])
                .arg(server.data()),
        );
        server.restart();
        server.sql("postgres", &format!("CREATE ROLE {APP} LOGIN CREATEROLE"));
        server
    }

    /// A fresh database, owned by [`APP`]; its address, as [`APP`].
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} OWNER {APP}"));
        self.url(APP, &name)
    }

    /// The address of a database for a role.
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{database}", self.port)
    }

    /// The superuser's address of the database of another address.
    pub fn as_superuser(&self, url: &str) -> String {
        self.url("postgres", url.rsplit('/').next().unwrap())
    }

    /// Runs statements as superuser, through `psql`; its output, unaligned and without headings.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let output = Self::must(
            self.command("psql")
                .args([
                    "-X",
                    "-q",
                    "-A",
                    "-t",
                    "-v",
                    "ON_ERROR_STOP=1",
                    "-h",
                    "127.0.0.1",
                    "-U",
                    "postgres",
                    "-d",
                ])
                .args([database, "-p", &self.port.to_string(), "-c", statements]),
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Ends it in good order; connections are broken off.
    pub fn stop(&self) {
        self.end_with("INT");
    }

    /// Ends it as a power cut would: SIGKILL to the postmaster.
    pub fn kill(&self) {
        self.end_with("KILL");
    }

    /// Starts it (again), on the same port, and waits until it answers.
    pub fn restart(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(running.is_none(), "it is running");
        // After a kill its children may hold the shared memory for a moment, and the new one refuses: hence the attempts.
        for _ in 0..50 {
            let started = self.spawn();
            if self.answers(&started) {
                *running = Some(started);
                return;
            }
        }
        panic!(
            "postgres does not start: {}",
            fs::read_to_string(self.log()).unwrap_or_default()
        );
    }

    fn spawn(&self) -> Running {
        let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-k"])
            .arg(self.folder.path())
            .args([
                "-c",
                "fsync=off",
                "-c",
                "max_connections=100",
                "-c",
                "shared_buffers=32MB",
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let (pid_out, pid_in) = channel();
        let (gone_out, gone_in) = channel();
        // `setpriv --pdeathsig` kills the server when the *thread* that started it ends: this one ends with the server.
        std::thread::spawn(move || {
            let mut child = command.spawn().unwrap();
            pid_out.send(child.id()).unwrap();
            let _ = child.wait();
            let _ = gone_out.send(());
        });
        Running {
            pid: pid_in.recv_timeout(Duration::from_secs(10)).unwrap(),
            gone: gone_in,
        }
    }

    /// Waits until it answers (true) or is gone (false).
    fn answers(&self, started: &Running) -> bool {
        for _ in 0..300 {
            let ready = self
                .command("pg_isready")
                // By the socket in its own folder: whatever else may listen on the port is not asked.
                .args(["-q", "-p", &self.port.to_string(), "-h"])
                .arg(self.folder.path())
                .status()
                .unwrap();
            if ready.success() {
                return true;
            }
            if started.gone.recv_timeout(Duration::from_millis(100)).is_ok() {
                return false;
            }
        }
        panic!(
            "postgres neither answers nor ends: {}",
            fs::read_to_string(self.log()).unwrap_or_default()
        );
    }

    fn end_with(&self, signal: &str) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(server) = running.take() else { return };
        let _ = Command::new("kill")
            .args(["-s", signal, &server.pid.to_string()])
            .status();
        if server.gone.recv_timeout(Duration::from_secs(20)).is_err() {
            let _ = Command::new("kill")
                .args(["-s", "KILL", &server.pid.to_string()])
                .status();
        }
    }

    /// A program of Postgres, as a user that Postgres accepts, dying with us.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if is_root() {
            let owner = fs::metadata(self.folder.path()).unwrap();
            command.args([
                "--reuid",
                &owner.uid().to_string(),
                "--regid",
                &owner.gid().to_string(),
                "--clear-groups",
            ]);
        }
        command
            .arg("--")
            .arg(binaries().join(program))
            .current_dir(self.folder.path());
        command
    }

    /// Postgres refuses to run as root: the folder goes to `postgres`, or to `nobody` where there is no such user.
    fn give_folder_away(&self) {
        if is_root() {
            let given = ["postgres", "nobody"].iter().any(|user| {
                Command::new("chown")
                    .arg(user)
                    .arg(self.folder.path())
                    .stderr(Stdio::null())
                    .status()
                    .unwrap()
                    .success()
            });
            assert!(given, "neither user postgres nor nobody");
        }
    }

    fn must(command: &mut Command) -> Output {
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // At once, but its children first; the folder goes with `folder`.
        self.end_with("QUIT");
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The newest installed version, 15 or later.
fn binaries() -> PathBuf {
    let mut versions: Vec<u32> = fs::read_dir("/usr/lib/postgresql")
        .expect("Postgres is installed by `make setup`")
        .filter_map(|folder| folder.ok()?.file_name().to_str()?.parse().ok())
        .filter(|version| Path::new(&format!("/usr/lib/postgresql/{version}/bin/postgres")).exists())
        .collect();
    versions.sort_unstable();
    PathBuf::from(format!(
        "/usr/lib/postgresql/{}/bin",
        versions.last().expect("a version of Postgres")
    ))
}

/// A loopback port below the ephemeral ones, so that it is still free when the server comes back to it.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let port = 20_000 + (std::process::id() + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
