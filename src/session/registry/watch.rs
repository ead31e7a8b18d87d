//! What other processes do to sessions of this one, and what this one does when it is to end.
//!
//! Is: the sessions that another has taken, wants or has ended, let go of or ended here; all of them given away in order.
//! Isn't: the heartbeat that says when to look (`app/heart.rs`), nor the pause that a browser is sent away in (`supervisor`).

use super::{Ordering, Sessions};
use crate::session::live::{LetGo, Live};
use crate::store::Result;
use futures_util::{StreamExt as _, stream};
use std::time::Duration;

/// Sessions looked at, at once.
const AT_ONCE: usize = 8;
/// Sessions whose browsers are sent elsewhere at once.
const GIVEN_AT_ONCE: usize = 32;
/// How long one session may take to be given away: a pause is waited for, then a browser to ask for it elsewhere.
const ONE_MAX: Duration = Duration::from_secs(15);
/// And all of them.
const ALL_MAX: Duration = Duration::from_secs(40);

impl Sessions {
    /// Looks at each session: lets go of what another has taken, gives what another wants of a process that drains, ends
    /// what another has ended.
    ///
    /// # Errors
    /// The store's: to be asked again.
    pub async fn look_after(&self) -> Result<()> {
        let looks = stream::iter(self.lives()).map(async |live| self.look_at(&live).await);
        let looked: Vec<Result<()>> = looks.buffer_unordered(AT_ONCE).collect().await;
        looked.into_iter().collect()
    }

    async fn look_at(&self, live: &Live) -> Result<()> {
        let store = &self.inner.deps.store;
        let lease = store.lease(live.tenant, live.id).await?;
        match lease {
            Some(lease) if lease.fence == live.fence => {
                if lease.is_wanted && self.inner.is_draining.load(Ordering::Relaxed) {
                    live.let_go(LetGo::Given);
                }
            }
            Some(_) | None => {
                live.let_go(LetGo::Taken);
                return Ok(());
            }
        }
        let stored = store.session(live.tenant, live.id).await?;
        if let Some(reason) = stored
            .filter(|stored| stored.ended_at.is_some())
            .and_then(|it| it.end_reason)
        {
            // Told and heard by its own task, which it may take a while to end.
            let live = live.clone();
            self.inner.tasks.spawn(async move { live.end(reason, None).await });
        }
        Ok(())
    }

    /// Begins no more sessions, and gives each away to one of `origins` in turn: its browser is sent there at a pause, and
    /// the session stays until it is asked for there. Without `origins` each is let go of at a pause, for whoever comes after.
    pub async fn give_away(&self, origins: &[String]) {
        self.inner.is_draining.store(true, Ordering::Relaxed);
        let lives = self.lives();
        tracing::info!(
            sessions = lives.len(),
            processes = origins.len(),
            "giving the sessions away"
        );
        // a pause is waited for by all at once; with browsers to send, it is the others that are not to be rushed
        let at_once = if origins.is_empty() {
            lives.len().max(1)
        } else {
            GIVEN_AT_ONCE
        };
        let origins = origins
            .iter()
            .map(Some)
            .chain(origins.is_empty().then_some(None))
            .cycle();
        let given = stream::iter(lives.into_iter().zip(origins))
            .map(async |(live, origin)| {
                live.move_to(origin.cloned());
                if tokio::time::timeout(ONE_MAX, live.gone()).await.is_err() {
                    tracing::warn!(session.id = %live.id, "nobody asked for the session elsewhere in time");
                    live.let_go(LetGo::Given);
                }
            })
            .buffer_unordered(at_once)
            .collect::<()>();
        if tokio::time::timeout(ALL_MAX, given).await.is_err() {
            tracing::warn!("some sessions could not be given away in time");
        }
    }

    /// The machine's clock was set: each session notes by how much before anything else happens to it.
    pub fn clock_set(&self) {
        self.lives().iter().for_each(Live::clock_set);
    }

    fn lives(&self) -> Vec<Live> {
        self.slots().values().filter_map(|slot| slot.get().cloned()).collect()
    }
}
