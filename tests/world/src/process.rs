//! The server's processes: one, and another beside it where an interview is to go on in another; their disk, and their database.

use crate::{
    drive::{Drive, SERVERS, Start, turn},
    world::{hold, now},
};
use sqlx::{Connection, Executor, SqliteConnection};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};
use vivavoce::{
    app::{self, Phase, Running},
    config::Config,
};
use vivavoce_media::world::{Datagram, VirtualShard};

/// The origin of all of them, for whom a front leads to whoever is ready.
const FRONT: &str = "http://relay.world";
/// The longest that SQLite sleeps between two looks at a lock, real time.
const LOCK_REAL: Duration = Duration::from_millis(100);
/// How time goes while a process gets ready, and what that is given of real time.
const READY: (Duration, Duration) = (Duration::from_millis(1), Duration::from_micros(100));

/// Worlds of this process so far.
static WORLDS: AtomicU8 = AtomicU8::new(1);

/// One process, or the place of one.
struct Process {
    /// `None`: dead, or told to stop.
    running: Option<Running>,
    /// It was told to stop, and is still there.
    is_stopping: bool,
    /// Where its API is, dead or not. Of port 0 until it was started first.
    http: SocketAddr,
    shard: VirtualShard,
    public: SocketAddr,
    data: PathBuf,
}

pub(crate) struct Processes {
    drive: Rc<Drive>,
    door: SocketAddr,
    all: [Process; SERVERS],
    /// The one that the front leads to.
    main: usize,
    folder: PathBuf,
    /// Somebody else has the database's lock.
    lock: Option<SqliteConnection>,
}

impl Processes {
    pub(crate) fn new(drive: Rc<Drive>, door: SocketAddr, folder: &Path) -> Self {
        // an address of its own for each, which nobody who connects is given while it is dead
        let world = WORLDS.fetch_add(1, Ordering::Relaxed);
        let all = std::array::from_fn(|nth| {
            let data = folder.join(nth.to_string());
            std::fs::create_dir_all(&data).unwrap();
            let public = SocketAddr::from(([10, 0, nth as u8, 2], 6_000));
            Process {
                running: None,
                is_stopping: false,
                http: SocketAddr::from(([127, 77 + nth as u8, std::process::id() as u8, world], 0)),
                shard: shard(public).0,
                public,
                data,
            }
        });
        Self {
            drive,
            door,
            all,
            main: 0,
            folder: folder.to_owned(),
            lock: None,
        }
    }

    /// The main one (again). Callers are let in once it is ready.
    pub(crate) async fn start(&mut self) {
        self.start_one(self.main).await;
    }

    /// Another one beside it.
    pub(crate) async fn start_other(&mut self) {
        self.start_one(1 - self.main).await;
    }

    /// Until callers are let in by all that there are.
    pub(crate) async fn ready(&self) {
        let is_ready = |process: &Process| {
            let running = process.running.as_ref();
            running.is_none_or(|running| running.app.ready.phase() == Phase::Ready)
        };
        while !self.all.iter().all(is_ready) {
            std::thread::sleep(READY.1); // real time for the disk
            self.drive.advance(READY.0);
            turn().await;
        }
    }

    async fn start_one(&mut self, nth: usize) {
        let process = &mut self.all[nth];
        let (virtual_shard, handle) = shard(process.public);
        process.shard = virtual_shard;
        let start = Start {
            nth,
            config: config(process.http, self.door, &process.data, &self.folder),
            shards: Arc::from([handle]),
        };
        let running = self.drive.start(start).await;
        process.http = running.http;
        process.running = Some(running);
        process.is_stopping = false;
    }

    /// `kill -9` of the main one.
    pub(crate) async fn kill(&mut self) {
        self.kill_one(self.main).await;
    }

    async fn kill_one(&mut self, nth: usize) {
        let process = &mut self.all[nth];
        process.running = None;
        process.is_stopping = false;
        self.drive.kill(nth).await;
        process.shard = shard(process.public).0;
    }

    /// SIGTERM to the main one; the front leads to the other.
    pub(crate) async fn terminate(&mut self) {
        let process = &mut self.all[self.main];
        if let Some(running) = process.running.take() {
            process.is_stopping = true;
            self.drive.stop(self.main, running).await;
        }
        self.lead_to_other();
    }

    /// The front leads to the other from here on.
    pub(crate) fn lead_to_other(&mut self) {
        self.main = 1 - self.main;
    }

    pub(crate) fn has_other(&self) -> bool {
        self.all[1 - self.main].running.is_some()
    }

    /// One was told to stop, and is still there.
    pub(crate) fn is_stopping(&self) -> bool {
        self.all.iter().any(|process| process.is_stopping)
    }

    /// One that was told to stop, and has, is gone.
    pub(crate) async fn bury(&mut self) {
        for nth in 0..SERVERS {
            if self.all[nth].is_stopping && !self.drive.is_stopping(nth) {
                self.kill_one(nth).await;
            }
        }
    }

    /// Whatever is beside the main one is gone.
    pub(crate) async fn alone(&mut self) {
        self.kill_one(1 - self.main).await;
    }

    pub(crate) fn app(&self) -> Option<&app::App> {
        self.all[self.main].running.as_ref().map(|running| &running.app)
    }

    /// Where the main one is, dead or not.
    pub(crate) fn http(&self) -> SocketAddr {
        self.all[self.main].http
    }

    /// Sessions that live in any of them.
    pub(crate) fn sessions(&self) -> u64 {
        let running = self.all.iter().filter_map(|process| process.running.as_ref());
        running
            .map(|running| running.app.sessions.counts().values().sum::<u64>())
            .sum()
    }

    /// Somebody else takes the database's lock: nothing can be written.
    pub(crate) async fn lock_store(&mut self) {
        if self.lock.is_some() {
            return;
        }
        let url = format!("sqlite:{}", self.folder.join("world.db").display());
        let mut connection = hold(SqliteConnection::connect(&url)).await.expect("it opens");
        hold(connection.execute("BEGIN IMMEDIATE"))
            .await
            .expect("the lock is had within seconds");
        self.lock = Some(connection);
    }

    pub(crate) async fn free_store(&mut self) {
        if let Some(lock) = self.lock.take() {
            let _ = hold(lock.close()).await;
            std::thread::sleep(LOCK_REAL + LOCK_REAL / 2); // who waits for it sees it by then
        }
    }

    // What the shards of all do, as one.

    pub(crate) fn obey(&mut self, now: Instant) -> bool {
        self.all
            .iter_mut()
            .fold(false, |any, process| process.shard.obey(now) | any)
    }

    pub(crate) fn dials(&self) -> usize {
        self.all.iter().map(|process| process.shard.dials()).sum()
    }

    pub(crate) fn refused(&mut self) {
        self.all.iter_mut().for_each(|process| process.shard.refused());
    }

    pub(crate) fn has_told(&mut self) -> bool {
        self.all
            .iter_mut()
            .fold(false, |any, process| process.shard.has_told() | any)
    }

    pub(crate) fn datagram(&mut self, now: Instant, datagram: &Datagram) {
        let host = |ip: std::net::IpAddr| match ip {
            std::net::IpAddr::V4(ip) => ip.octets()[2],
            std::net::IpAddr::V6(_) => u8::MAX,
        };
        if let Some(process) = self.all.get_mut(usize::from(host(datagram.to.ip()))) {
            process.shard.datagram(now, datagram);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.all.iter().filter_map(|process| process.shard.poll_timeout()).min()
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        for process in &mut self.all {
            if process.shard.poll_timeout().is_some_and(|due| due <= now) {
                process.shard.tick(now);
            }
        }
    }

    pub(crate) fn take_sends(&mut self) -> Vec<Datagram> {
        self.all
            .iter_mut()
            .flat_map(|process| process.shard.take_sends())
            .collect()
    }
}

/// A shard at that address, whose AI legs are at the next, and its handle.
fn shard(public: SocketAddr) -> (VirtualShard, vivavoce_media::Shard) {
    let mut ai = public;
    if let std::net::IpAddr::V4(ip) = public.ip() {
        let [a, b, c, d] = ip.octets();
        ai.set_ip([a, b, c, d + 1].into());
    }
    VirtualShard::new(now(), public, ai.ip())
}

fn config(listen: SocketAddr, door: SocketAddr, data: &Path, folder: &Path) -> Box<dyn Fn() -> Config> {
    let vars = [
        ("JWT_SECRET", "a secret of the world that is long enough"),
        ("OPENAI_API_KEY", "sk-the-world"),
        ("OPENAI_BASE_URL", &format!("http://{door}/v1")),
        ("LISTEN_ADDR", &listen.to_string()),
        ("METRICS_ADDR", "127.0.0.1:0"),
        // a minute of real time has many interviews
        ("OPEN_CALLS_PER_MINUTE", "1000000"),
        ("PUBLIC_APP_URL", FRONT),
        ("DATA_DIR", data.to_str().expect("a path in ASCII")),
        ("DATABASE_URL", &format!("sqlite:{}", folder.join("world.db").display())),
    ];
    let vars: BTreeMap<String, String> = vars.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    Box::new(move || Config::from_vars(&vars).expect("a good environment"))
}
