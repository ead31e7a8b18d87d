//! Whether callers may be let in: after the migrations and what a former process left, before the stop.

use std::sync::Arc;
use tokio::sync::watch;

/// Where the process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The database is not migrated yet, or what a former process left is not in it.
    Starting,
    /// Callers are let in.
    Ready,
    /// No new sessions are begun; those that are here are given away. Their callers are let in.
    Draining,
    /// The process is about to end.
    Stopping,
}

/// Shared by the router and the tasks of the start and the stop. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<watch::Sender<Phase>>);

impl Readiness {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Phase::Starting)))
    }

    /// Whether callers are let in.
    pub fn is_ready(&self) -> bool {
        matches!(self.phase(), Phase::Ready | Phase::Draining)
    }

    /// Where the process stands.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Waits until callers are let in, or never will be (false).
    pub async fn wait(&self) -> bool {
        let mut phases = self.0.subscribe();
        let end = phases.wait_for(|phase| *phase != Phase::Starting).await;
        end.is_ok_and(|phase| *phase == Phase::Ready)
    }

    /// Waits until the process is about to end.
    pub async fn stopping(&self) {
        let mut phases = self.0.subscribe();
        // The sender lives as long as `self`: there is no other end than the phase.
        _ = phases.wait_for(|phase| *phase == Phase::Stopping).await;
    }

    /// Moves on; there is no way back.
    pub(super) fn set(&self, phase: Phase) {
        self.0.send_if_modified(|at| {
            let moves = *at < phase;
            if moves {
                *at = phase;
            }
            moves
        });
    }
}
