//! A local stand-in for the OpenAI Realtime API: WebRTC, WebSocket and the HTTP around them, vices included.
//!
//! Is: for development, demos and tests; it says that it is a simulator wherever it shows. Isn't: a model, and no part of
//! the relay: it shares no code with it, so that a mistake in the relay cannot be mirrored in its judge.
//! The map: `http` takes requests, `peer` is the WebRTC side, `call` one call's task, `conversation` the pure machine that
//! decides what is said, `wire` the faults between it and the client, `registry` every call there is. `mail` is something else:
//! a catcher of the letters that the relay sends.

mod audio;
mod call;
mod conversation;
mod http;
pub mod judge;
mod mail;
pub mod model;
mod peer;
mod registry;
mod wire;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{http::App, peer::PeerConfig, registry::Registry};

/// How long calls may take to end when the simulator stops.
const STOP_MAX: Duration = Duration::from_secs(5);

/// Where a simulator listens and what its sessions are like.
#[derive(Debug, Clone)]
pub struct Config {
    /// HTTP and WebSocket. Port 0: any free one.
    pub listen: SocketAddr,
    /// Addresses of the media, one UDP socket of each call on each. Empty: three of loopback where `listen` is loopback,
    /// else the listening address.
    pub media_ips: Vec<IpAddr>,
    /// What `POST /control/defaults` would be sent at the start; null for none.
    pub defaults: serde_json::Value,
    /// Where letters are caught, by SMTP; they are shown at `/mail`. None: nowhere.
    pub mail: Option<SocketAddr>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            media_ips: Vec::new(),
            defaults: serde_json::Value::Null,
            mail: None,
        }
    }
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The defaults are not what `/control/defaults` takes.
    #[error("defaults: {0}")]
    Defaults(#[from] serde_json::Error),
}

/// A running simulator. Dropped, it stops without waiting; `stop` waits.
#[derive(Debug)]
pub struct Simulator {
    addr: SocketAddr,
    mail: Option<SocketAddr>,
    stop: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts one. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The address is taken, or the defaults make no sense.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|e| Error::Listen(config.listen, e))?;
        let addr = listener.local_addr().map_err(|e| Error::Listen(config.listen, e))?;
        let registry = Registry::default();
        if !config.defaults.is_null() {
            registry.set_defaults(registry.defaults().with(&config.defaults)?);
        }
        let ips = if config.media_ips.is_empty() {
            media_ips(addr.ip())
        } else {
            config.media_ips
        };
        let app = App {
            registry: registry.clone(),
            peer: PeerConfig {
                ips,
                strict: false,
                tcp_lines: true,
            },
        };
        let stop = CancellationToken::new();
        let inbox = mail::Inbox::default();
        let mail = match config.mail {
            Some(listen) => {
                let (listener, addr) = mail::bind(listen).await?;
                tokio::spawn(mail::serve(listener, inbox.clone(), stop.clone()));
                Some(addr)
            }
            None => None,
        };
        let stopped = stop.clone();
        let server = tokio::spawn(async move {
            let router = http::router(app, mail::routes(inbox));
            let served = axum::serve(listener, router).with_graceful_shutdown(stopped.clone().cancelled_owned());
            // Sockets that were upgraded are calls; they are ended below and must not hold the server up.
            tokio::select! {
                result = served.into_future() => if let Err(error) = result {
                    tracing::error!(%error, "the simulator's server ended");
                },
                () = async { stopped.cancelled().await; tokio::time::sleep(Duration::from_millis(50)).await } => {}
            }
            registry.reset().await;
            registry.tasks.close();
            let _ = tokio::time::timeout(STOP_MAX, registry.tasks.wait()).await;
        });
        Ok(Self {
            addr,
            mail,
            stop,
            server: Some(server),
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where letters are caught, by SMTP.
    pub fn mail(&self) -> Option<SocketAddr> {
        self.mail
    }

    /// Ends every call and the server.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(server) = self.server.take() {
            let _ = server.await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// OpenAI tells three addresses; loopback has as many to give on Linux.
fn media_ips(listen: IpAddr) -> Vec<IpAddr> {
    match listen {
        IpAddr::V4(v4) if v4.is_loopback() && cfg!(target_os = "linux") => {
            (1..=3).map(|n| IpAddr::from([127, 0, 0, n])).collect()
        }
        other => vec![other],
    }
}

#[expect(clippy::disallowed_methods, reason = "driver")]
fn epoch_ms() -> u64 {
    use std::time::{SystemTime, UNIX_EPOCH};
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as u64)
}
