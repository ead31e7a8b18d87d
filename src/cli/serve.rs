//! `vivavoce serve`: the server, until SIGTERM or SIGINT.

use super::{Failure, logging, runtime};
use crate::app;
use crate::config::Config;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) fn run() -> Result<ExitCode, Failure> {
    let config = Config::from_env()?;
    logging::init(&config.log);
    raise_descriptors();
    runtime()?.block_on(async {
        let signals = Signals::listen()?;
        let running = app::start(config).await?;
        signals.asked_to_stop().await;
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// SIGTERM and SIGINT, heard from the moment this is made: made before anything listens, so that no signal is missed.
pub(super) struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// Must be called within a tokio runtime.
    pub(super) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns at the first signal; a second one ends the process at once.
    pub(super) async fn asked_to_stop(mut self) {
        let name = self.next().await;
        tracing::info!(signal = name, "asked to stop");
        tokio::spawn(async move {
            self.next().await;
            tracing::warn!("asked again: ending at once");
            std::process::exit(1);
        });
    }

    /// The next signal's name. Safe to drop half-way.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}

/// Each interview takes a socket for its AI leg and one for its browser: the soft limit is often 1024.
pub(super) fn raise_descriptors() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        if soft < hard {
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
        } else {
            Ok(())
        }
    });
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
