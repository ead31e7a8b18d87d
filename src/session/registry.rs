//! The sessions that live in this process: started once each, found by id, ended with the process.

use super::{
    Deps, Error,
    live::Live,
    supervisor::{self, Begin},
};
use crate::{
    ids::{SessionId, TenantId},
    store::{self, EndReason, SessionStatus, SessionStep},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::OnceCell;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long the process waits for its sessions to say goodbye when it is asked to stop.
const SHUTDOWN_MAX: Duration = Duration::from_secs(8);

type Slot = Arc<OnceCell<Live>>;

/// The registry. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    inner: Arc<Inner>,
}

struct Inner {
    deps: Deps,
    /// One slot a session; a slot being filled is waited for, so that two hellos start one session.
    slots: Mutex<BTreeMap<SessionId, Slot>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Sessions {
    /// An empty registry.
    pub fn new(deps: Deps) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        Self {
            inner: Arc::new(Inner {
                deps,
                slots: Mutex::default(),
                tasks,
                stop,
            }),
        }
    }

    /// The live session, if it lives here and is this tenant's.
    pub fn live(&self, tenant: TenantId, id: SessionId) -> Option<Live> {
        let slots = self.slots();
        slots
            .get(&id)
            .and_then(|slot| slot.get())
            .filter(|live| live.tenant == tenant)
            .cloned()
    }

    /// The live session, started if it is not.
    ///
    /// # Errors
    /// `Ended` for one that is over; `Unavailable` where the store or the media shard cannot be asked.
    pub async fn open(&self, session: &store::Session) -> Result<Live, Error> {
        if session.status >= SessionStatus::Completed {
            return Err(Error::Ended);
        }
        if self.inner.stop.is_cancelled() {
            return Err(Error::Unavailable("the server is stopping"));
        }
        let slot = self.slots().entry(session.id).or_default().clone();
        let live = slot.get_or_try_init(|| self.start(session)).await.cloned();
        if live.is_err() {
            self.slots()
                .retain(|id, slot| *id != session.id || slot.get().is_some());
        }
        live
    }

    /// Ends a session, live or not; ended before, it stays as it was.
    ///
    /// # Errors
    /// `Unavailable` where neither the session nor the store can be asked.
    pub async fn end(
        &self,
        tenant: TenantId,
        id: SessionId,
        reason: EndReason,
        url: Option<String>,
    ) -> Result<(), Error> {
        if let Some(live) = self.live(tenant, id) {
            return live.end(reason, url).await;
        }
        let at = crate::clock::wall();
        let step = SessionStep::Ended {
            at,
            reason,
            technical_failure: None,
            recording_url: url,
        };
        self.inner
            .deps
            .store
            .session_step(tenant, id, &step)
            .await
            .map_err(|error| {
                tracing::warn!(session.id = %id, %error, "a session could not be ended in the store");
                Error::Unavailable("the database is away")
            })?;
        Ok(())
    }

    /// How many sessions stand where, by the wire's words: for metrics.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for live in self.slots().values().filter_map(|slot| slot.get()) {
            *counts.entry(live.snapshot().session).or_default() += 1;
        }
        counts
    }

    /// Stops every session's task. The interviews stay open in the store and can be taken up by the next process.
    pub async fn shutdown(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        if tokio::time::timeout(SHUTDOWN_MAX, self.inner.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("sessions did not stop in time");
        }
    }

    async fn start(&self, session: &store::Session) -> Result<Live, Error> {
        let begin = Begin::load(&self.inner.deps, session).await?;
        let (live, task) = supervisor::new(self.inner.deps.clone(), begin, self.inner.stop.child_token()).await?;
        let (registry, id) = (Arc::downgrade(&self.inner), session.id);
        self.inner.tasks.spawn(async move {
            task.await;
            if let Some(inner) = registry.upgrade() {
                inner.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            }
        });
        Ok(live)
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, BTreeMap<SessionId, Slot>> {
        // a panic while it is held cannot leave a map half changed
        self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
