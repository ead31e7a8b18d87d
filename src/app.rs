//! Builds the shared state and the router, and runs them: `serve`, `demo` and the tests start the server through it.
//!
//! **Law:** the port is bound and `healthz` answers before the database is asked for anything; callers are let in once
//! it is migrated.

mod ready;
mod serve;

pub use ready::{Phase, Readiness};

use crate::api::idempotency::Sealer;
use crate::api::{self, limit};
use crate::auth::Tokens;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::session::Sessions;
use crate::store::{self, Store};
use axum::http::HeaderMap;
use limit::Limits;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long requests that are being answered may take to end once the process stops.
const STOP_WAIT: Duration = Duration::from_secs(10);
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
    /// The database's address is not understood.
    #[error("DATABASE_URL: {0}")]
    Store(#[from] store::Error),
}

/// A server that runs until [`Running::stop`]. Dropped without it, its tasks end with the runtime.
pub struct Running {
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// Where metrics are served, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// The shared state.
    pub app: App,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Binds, starts and returns at once; [`Readiness::wait`] says when callers are let in.
pub async fn start(mut config: Config) -> Result<Running, Error> {
    install_crypto();
    let listener = bind("LISTEN_ADDR", config.http.listen).await?;
    let http = address("LISTEN_ADDR", config.http.listen, &listener)?;
    if config.http.public_app_url.port() == Some(0) {
        // The default of a port that the system chose.
        _ = config.http.public_app_url.set_port(Some(http.port()));
    }
    let config = Arc::new(config);
    let metrics = match config.http.metrics_addr {
        Some(address) => Some(bind("METRICS_ADDR", address).await?),
        None => None,
    };
    std::fs::create_dir_all(&config.http.data_dir).map_err(Error::DataDir)?;
    let app = App {
        store: store::open(&config.database.url)?,
        sessions: Sessions::temp(),
        sealer: Arc::new(Sealer::new(&config.auth)),
        tokens: Tokens::new(&config.auth),
        metrics: Metrics::new(),
        limits: Arc::new(Limits::new(config.http.open_calls_per_minute)),
        ready: Readiness::new(),
        headers: Arc::new(api::security_headers(&config.http)),
        config,
    };
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let running = Running {
        http,
        metrics: match &metrics {
            Some(listener) => Some(address("METRICS_ADDR", app.config.http.listen, listener)?),
            None => None,
        },
        app: app.clone(),
        stop: stop.clone(),
        tasks: tasks.clone(),
    };
    let router = api::router(app.clone());
    tasks.spawn(serve::serve(listener, router, stop.clone(), tasks.clone()));
    if let Some(listener) = metrics {
        let router = api::metrics_router(app.clone());
        tasks.spawn(serve::serve(listener, router, stop.clone(), tasks.clone()));
    }
    tasks.spawn(until(stop.clone(), migrate(app.clone())));
    tasks.spawn(until(stop, forget(app)));
    tracing::info!(http = %running.http, metrics = ?running.metrics, "listening");
    Ok(running)
}

impl Running {
    /// Takes no more callers, lets what is being answered end, and returns.
    pub async fn stop(self) {
        tracing::info!("stopping");
        self.app.ready.set(Phase::Stopping);
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOP_WAIT, self.tasks.wait()).await.is_err() {
            tracing::warn!("some requests did not end in time");
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
    app.ready.set(Phase::Ready);
    tracing::info!("ready");
}

async fn forget(app: App) {
    loop {
        tokio::time::sleep(limit::FORGET_EVERY).await;
        app.limits.forget();
    }
}
