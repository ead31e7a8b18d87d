//! A shard: one thread, one public UDP port, its calls. Here: its handle, its start and its end.
//!
//! The thread's loop is `shard/driver.rs`.

mod commands;
mod driver;
mod entry;
mod grid;
mod poller;
mod seed;
mod socket;

use crate::handle::Command;
use crate::leg::remedies::Remedies;
use crate::{Call, CallConfig, Counters, Event, udp};
pub(crate) use commands::Commands;
use driver::Driver;
use poller::Poller;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// Events that may wait for a call's owner, and one more that says that it is over.
const EVENTS: usize = 1024;
/// Kernel buffer of the public port, each way, in bytes: some 4 s of 500 sessions.
const PUBLIC_BUFFER: usize = 4 << 20;

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
    /// The socket, its poller or the thread could not be made.
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
    commands: Commands,
    ids: Arc<AtomicU64>,
}

impl Shard {
    /// Binds the port and starts the thread.
    #[expect(clippy::needless_pass_by_value, reason = "the shard's from here on")]
    pub fn start(config: ShardConfig) -> Result<Self, Error> {
        Self::start_with(&config, Remedies::default())
    }

    fn start_with(config: &ShardConfig, remedies: Remedies) -> Result<Self, Error> {
        let socket = udp::bind(config.bind, PUBLIC_BUFFER)?;
        let local = socket.local_addr()?;
        let counters = Arc::new(Counters::default());
        let (commands, asked) = commands::channel()?;
        let poller = Poller::new(commands.waker())?;
        let seed = seed::Seed::new(config, local, counters.clone(), remedies)?;
        std::thread::Builder::new()
            .name(format!("shard-{}", local.port()))
            .spawn(move || {
                if let Err(error) = Driver::new(seed, poller).run(socket, asked) {
                    tracing::error!(%error, "the shard's socket failed");
                }
            })?;
        Ok(Self {
            local,
            counters,
            commands,
            ids: Arc::default(),
        })
    }

    /// A handle whose commands somebody else takes.
    #[cfg(feature = "world")]
    #[expect(clippy::expect_used, reason = "of a test")]
    pub(crate) fn without_thread(local: SocketAddr, counters: Arc<Counters>) -> (Self, mpsc::Receiver<Command>) {
        let (commands, asked) = commands::channel().expect("an event descriptor");
        let shard = Self {
            local,
            counters,
            commands,
            ids: Arc::default(),
        };
        (shard, asked)
    }

    /// With some remedies off, to see their tests red.
    #[cfg(test)]
    pub(crate) fn start_ailing(config: &ShardConfig, remedies: Remedies) -> Self {
        Self::start_with(config, remedies).expect("a shard on loopback")
    }

    /// The bound address of the public port.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What the shard counts.
    pub fn counters(&self) -> Arc<Counters> {
        self.counters.clone()
    }

    /// Whether its thread still serves the port.
    pub fn is_running(&self) -> bool {
        !self.commands.is_closed()
    }

    /// Opens a call, without legs yet. Its events queue up to 1024; an owner who lets it overrun loses the call.
    pub async fn open(&self, config: CallConfig) -> Result<(Call, mpsc::Receiver<Event>), Error> {
        let (events, told) = mpsc::channel(EVENTS + 1);
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let call = Call::new(id, self.commands.clone(), self.counters.clone());
        let command = Command::Open {
            config,
            call: call.downgrade(),
            heard: call.heard(),
            id,
            events,
        };
        self.commands.send(command).await.map_err(|_| Error::Ended)?;
        Ok((call, told))
    }

    /// Ends the thread and every call on it.
    pub fn stop(&self) {
        self.commands.insist(Command::Stop);
    }
}

#[cfg(test)]
pub(crate) mod tests;
