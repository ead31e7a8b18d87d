//! `vivavoce serve`: the server, until SIGTERM or SIGINT.

use super::{Failure, logging, runtime};
use crate::app;
use crate::config::Config;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

pub(super) fn run() -> Result<ExitCode, Failure> {
    let config = Config::from_env()?;
    logging::init(&config.log);
    raise_descriptors();
    runtime()?.block_on(async {
        let running = app::start(config).await?;
        asked_to_stop().await?;
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Returns at the first SIGTERM or SIGINT; a second one ends the process at once.
pub(super) async fn asked_to_stop() -> Result<(), Failure> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let name = tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    };
    tracing::info!(signal = name, "asked to stop");
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::warn!("asked again: ending at once");
        std::process::exit(1);
    });
    Ok(())
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
