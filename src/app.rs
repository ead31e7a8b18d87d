//! Builds the shared state and the router, and runs them: `serve`, `demo` and the tests start the server through it.
//!
//! **Law:** the port is bound and `healthz` answers before the database is asked for anything; callers are let in once
//! it is migrated, and what a former process left in the journal is in it.

mod heart;
mod ready;
mod serve;

pub use ready::{Phase, Readiness};

use crate::api::{self, limit};
use crate::auth::{Purpose, Sealer, Tokens};
use crate::config::{self, Config};
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::realtime::dialect::OpenAiRealtime;
use crate::session::{Deps, Sessions, lease::Holder};
use crate::store::journal::{self, Journal};
use crate::store::{self, Store};
use crate::vendors::mail::Mail;
use axum::http::HeaderMap;
use limit::Limits;
use secrecy::ExposeSecret;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vivavoce_media::{Shard, ShardConfig, shard};
use vivavoce_signaling::resume;

/// How long requests that are being answered may take to end once the process stops.
const STOP_WAIT: Duration = Duration::from_secs(10);
/// How long the database may take for what the journal still holds; the rest waits on the disk.
const DRAIN_WAIT: Duration = Duration::from_secs(5);
/// What the journal holds at most while the database is away: some 100,000 entries.
pub const JOURNAL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long the database may take to strike this process off.
const END_WAIT: Duration = Duration::from_secs(2);
/// Between two tries to migrate a database that is away: the first wait, and the longest.
const RETRY_WAIT: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// As it was checked at the start.
    pub config: Arc<Config>,
    /// What is kept.
    pub store: Arc<dyn Store>,
    /// The interviews that live in this process.
    pub sessions: Sessions,
    /// Seals what is kept for repeated requests.
    pub sealer: Arc<Sealer>,
    /// Our own tokens.
    pub tokens: Tokens,
    /// What is counted.
    pub metrics: Metrics,
    /// How often strangers may call.
    pub limits: Arc<Limits>,
    /// Whether callers are let in.
    pub ready: Readiness,
    /// The security headers of every answer.
    pub headers: Arc<HeaderMap>,
    /// Everything written goes through it.
    pub journal: Journal,
    /// This process, as others know it.
    pub holder: Arc<Holder>,
    /// Work that outlives a request.
    pub jobs: Jobs,
    /// The media threads.
    pub shards: Arc<[Shard]>,
    /// What is done after an answer; waited for when the process stops.
    pub tasks: TaskTracker,
}

/// Why the server could not start. One line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be listened on.
    #[error("{variable}: {address} cannot be bound: {error}")]
    Bind {
        /// The variable that names it.
        variable: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The folder of the data cannot be made or written.
    #[error("DATA_DIR: {0}")]
    DataDir(io::Error),
    /// A media thread cannot start.
    #[error("UDP_PORT: {address}: {error}")]
    Shard {
        /// The address of its port.
        address: SocketAddr,
        /// Why.
        error: shard::Error,
    },
    /// The journal cannot be opened.
    #[error("DATA_DIR: {0}")]
    Journal(#[from] journal::Error),
    /// The database's address is not understood.
    #[error("DATABASE_URL: {0}")]
    Store(#[from] store::Error),
}

/// A server that runs until [`Running::stop`]. Dropped without it, its tasks end with the runtime.
pub struct Running {
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// The ports of the candidates' audio, one a shard.
    pub udp: Vec<SocketAddr>,
    /// Where metrics are served, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// The shared state.
    pub app: App,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Binds, starts and returns at once; [`Readiness::wait`] says when callers are let in.
pub async fn start(config: Config) -> Result<Running, Error> {
    start_on(config, None).await
}

/// The same on shards that somebody else drives (`tests/world`); `None`: on threads of its own.
pub async fn start_on(mut config: Config, shards: Option<Arc<[Shard]>>) -> Result<Running, Error> {
    install_crypto();
    let listener = bind("LISTEN_ADDR", config.http.listen).await?;
    let http = address("LISTEN_ADDR", config.http.listen, &listener)?;
    if config.http.public_app_url.port() == Some(0) {
        // The default of a port that the system chose.
        _ = config.http.public_app_url.set_port(Some(http.port()));
    }
    let metrics_listener = match config.http.metrics_addr {
        Some(address) => Some(bind("METRICS_ADDR", address).await?),
        None => None,
    };
    let metrics_at = match &metrics_listener {
        Some(listener) => Some(address("METRICS_ADDR", http, listener)?),
        None => None,
    };
    std::fs::create_dir_all(&config.http.data_dir).map_err(Error::DataDir)?;
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let (app, driver) = build(config, &tasks, shards)?;

    let router = api::router(app.clone());
    tasks.spawn(serve::serve(listener, router, stop.clone(), tasks.clone()));
    if let Some(listener) = metrics_listener {
        let router = api::metrics_router(app.clone());
        tasks.spawn(serve::serve(listener, router, stop.clone(), tasks.clone()));
    }
    tasks.spawn(until(stop.clone(), forget(app.clone())));
    let migrated = migrate(app.clone());
    let (begun, served) = (stop.clone(), app.clone());
    tasks.spawn(async move {
        until(begun.clone(), migrated).await;
        let holder = served.holder.clone();
        let beating = until(begun.clone(), heart::serve(served.clone(), &holder));
        let working = until(begun, served.jobs.run());
        tokio::join!(driver.run(), beating, working); // the driver ends with the journal, or at once where the stop came first
    });
    let udp = app.shards.iter().map(Shard::local_addr).collect();
    tracing::info!(%http, ?udp, metrics = ?metrics_at, "listening");
    Ok(Running {
        http,
        udp,
        metrics: metrics_at,
        app,
        stop,
        tasks,
    })
}

/// Everything that handlers share, and the journal's driver, which waits for the migrations.
fn build(config: Config, tasks: &TaskTracker, driven: Option<Arc<[Shard]>>) -> Result<(App, journal::Driver), Error> {
    let config = Arc::new(config);
    let metrics = Metrics::new();
    let store = store::open(&config.database.url)?;
    let settings = journal::Settings {
        bytes_max: JOURNAL_BYTES_MAX,
        watch: Arc::new(metrics.clone()),
        ..journal::Settings::default()
    };
    let (journal, driver) = Journal::open(&config.http.data_dir.join("journal"), store.clone(), settings)?;
    let shards = driven.map_or_else(|| shards(&config.media), Ok)?;
    for shard in shards.iter() {
        metrics.watch_shard(shard.counters());
    }
    let url = config.http.relay_url.to_string();
    let holder = Arc::new(Holder::new(heart::introduce(&config.http.data_dir, url)));
    let secrets = config.auth.jwt_secrets.iter();
    let sessions = Sessions::new(Deps {
        store: store.clone(),
        journal: journal.clone(),
        holder: holder.clone(),
        shards: shards.clone(),
        ai: Arc::new(config.ai.clone()),
        dialect: Arc::new(OpenAiRealtime),
        limits: config.session.clone(),
        resume_keys: resume::Key::new(secrets.map(ExposeSecret::expose_secret)),
        ice_servers: config.media.ice_servers.clone(),
        simulated: config.ai.simulated,
        metrics: metrics.clone(),
        tasks: tasks.clone(),
    });
    let counted = sessions.clone();
    metrics.watch_sessions(Box::new(move || counted.counts().into_iter().collect()));
    let watched = journal.clone();
    metrics.watch_journal(Box::new(move || watched.status()));
    let mail = Mail::new(&config.mail);
    let app = App {
        jobs: Jobs::new(store.clone(), &config.auth, mail, metrics.clone()),
        store,
        sessions,
        sealer: Arc::new(Sealer::new(&config.auth, Purpose::KeptAnswers)),
        tokens: Tokens::new(&config.auth),
        metrics,
        limits: Arc::new(Limits::new(config.http.open_calls_per_minute)),
        ready: Readiness::new(),
        headers: Arc::new(api::security_headers(&config.http)),
        journal,
        holder,
        shards,
        tasks: tasks.clone(),
        config,
    };
    Ok((app, driver))
}

fn shards(media: &config::Media) -> Result<Arc<[Shard]>, Error> {
    let start = |bind: &SocketAddr| {
        let config = ShardConfig {
            bind: *bind,
            advertise: media.public_ip.clone(),
            ai_bind: unspecified(bind.ip()),
        };
        Shard::start(config).map_err(|error| Error::Shard { address: *bind, error })
    };
    media.udp.iter().map(start).collect()
}

/// Where AI legs' sockets bind: wherever the system routes from, in the family of the public port.
fn unspecified(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.app.metrics.watch_nobody();
    }
}

impl Running {
    /// Gives its sessions to other processes, where there are any; takes no more callers, lets what is being answered end,
    /// and returns.
    pub async fn stop(self) {
        tracing::info!("stopping");
        let (app, holder) = (&self.app, &self.app.holder);
        if app.ready.phase() == Phase::Ready {
            app.ready.set(Phase::Draining);
            let others = heart::others(app, &*app.store, holder).await;
            app.sessions.give_away(&others).await;
        }
        app.ready.set(Phase::Stopping);
        app.sessions.shutdown().await;
        self.stop.cancel();
        let struck_off = tokio::time::timeout(END_WAIT, app.store.process_end(holder.process.id)).await;
        if !struck_off.is_ok_and(|done| done.is_ok()) {
            tracing::warn!("others learn of this end by its silence");
        }
        if let Err(left) = self.app.journal.clone().close(DRAIN_WAIT).await {
            tracing::warn!(%left, "the journal keeps them for the next start");
        }
        self.tasks.close();
        if tokio::time::timeout(STOP_WAIT, self.tasks.wait()).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        for shard in self.app.shards.iter() {
            shard.stop();
        }
        tracing::info!("stopped");
    }
}

/// Names the cryptography of TLS, once for the process; a second time is no harm.
pub fn install_crypto() {
    _ = rustls::crypto::ring::default_provider().install_default();
}

async fn bind(variable: &'static str, address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|error| Error::Bind {
        variable,
        address,
        error,
    })
}

fn address(variable: &'static str, address: SocketAddr, listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|error| Error::Bind {
        variable,
        address,
        error,
    })
}

async fn until(stop: CancellationToken, task: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = task => {}
    }
}

/// Migrates, and keeps trying while the database is away or refuses: an operator may be mending it.
async fn migrate(app: App) {
    let (mut wait, longest) = RETRY_WAIT;
    loop {
        match app.store.migrate().await {
            Ok(()) => break,
            Err(error) => tracing::error!(%error, "the database cannot be migrated; trying again"),
        }
        let jitter = rand::random_range(0.5..1.5);
        tokio::time::sleep(wait.mul_f64(jitter)).await;
        wait = (wait * 2).min(longest);
    }
}

async fn forget(app: App) {
    loop {
        tokio::time::sleep(limit::FORGET_EVERY).await;
        app.limits.forget();
    }
}
