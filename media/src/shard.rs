//! The driver: one thread, one public UDP port, its calls. The only file here that reads a clock or a socket.

use crate::{Call, CallConfig, Counters, Event};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Where a shard listens and what it tells of itself.
#[derive(Debug, Clone)]
pub struct ShardConfig {
    /// The UDP socket of all candidate legs; port 0 is an ephemeral one.
    pub bind: SocketAddr,
    /// Host candidates told to browsers, with the port that is bound. Empty: the bind address, or each local address
    /// where it is unspecified.
    pub advertise: Vec<IpAddr>,
    /// Where AI legs' sockets bind, port ephemeral.
    pub ai_bind: IpAddr,
}

/// Why a shard could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket, the thread or its runtime could not be made.
    #[error("the shard could not start: {0}")]
    Start(#[from] std::io::Error),
    /// The certificate or the crypto provider failed.
    #[error("no certificate: {0}")]
    Certificate(String),
    /// The shard has ended.
    #[error("the shard has ended")]
    Ended,
}

/// A handle of a shard; cheap to clone. Its thread ends with the last handle and the last call, or at [`Shard::stop`].
#[derive(Debug, Clone)]
pub struct Shard {
    local: SocketAddr,
    counters: Arc<Counters>,
}

impl Shard {
    /// Binds the port and starts the thread.
    pub fn start(config: ShardConfig) -> Result<Self, Error> {
        Ok(Self {
            local: config.bind,
            counters: Arc::default(),
        })
    }

    /// The bound address of the public port.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What the shard counts.
    pub fn counters(&self) -> Arc<Counters> {
        self.counters.clone()
    }

    /// Opens a call, without legs yet. Its events queue up to 1024; an owner who lets it overrun loses the call.
    #[expect(clippy::unused_async, reason = "body to come")]
    pub async fn open(&self, config: CallConfig) -> Result<(Call, mpsc::Receiver<Event>), Error> {
        let _ = config;
        Err(Error::Ended)
    }

    /// Ends the thread and every call on it.
    pub fn stop(&self) {}
}
