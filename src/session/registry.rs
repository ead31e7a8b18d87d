//! The sessions that live in this process: started once each under a lease, found by id, given away or ended with the process.

mod held;
mod watch;

use super::{
    Deps, Error, adrift,
    lease::{AGAIN, Asking, Next},
    live::Live,
    supervisor::{self, Begin},
};
use crate::{
    clock,
    ids::{SessionId, TenantId},
    store::{self, EndReason, Former, LeaseTaken, SessionStatus, SessionStep},
};
use held::Held;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use time::OffsetDateTime;
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
    /// No more sessions are begun here.
    is_draining: AtomicBool,
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
                is_draining: AtomicBool::new(false),
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

    /// The live session, started if it is not. `heard_until`: when its candidate's page last had sound, if it says so.
    ///
    /// # Errors
    /// `Ended` for one that is over; `Elsewhere` for one that another living process has; `Unavailable` where the store or the
    /// media shard cannot be asked, or this process takes no more.
    pub async fn open(&self, session: &store::Session, heard_until: Option<OffsetDateTime>) -> Result<Live, Error> {
        if session.status >= SessionStatus::Completed {
            return Err(Error::Ended);
        }
        if let Some(live) = self.live(session.tenant, session.id) {
            return Ok(live);
        }
        if self.inner.stop.is_cancelled() || self.inner.is_draining.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("the server is stopping"));
        }
        let slot = self.slots().entry(session.id).or_default().clone();
        let (registry, session) = (self.clone(), session.clone());
        // Beside: whoever asks may be gone before it has begun, and what is known of the process that died is known once.
        let started = self.inner.tasks.spawn(async move {
            let live = slot
                .get_or_try_init(|| registry.start(&session, heard_until))
                .await
                .cloned();
            if live.is_err() {
                registry
                    .slots()
                    .retain(|id, slot| *id != session.id || slot.get().is_some());
            }
            live
        });
        started.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a session was not started in a way that is our bug");
            Err(Error::Unavailable("internal"))
        })
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
        let store = &self.inner.deps.store;
        let away = |error: store::Error| {
            tracing::warn!(session.id = %id, %error, "a session could not be ended in the store");
            Error::Unavailable("the database is away")
        };
        store.session_step(tenant, id, &step).await.map_err(away)?;
        // Where it lives in another process, that one reads of the end, and says goodbye.
        store.lease_poke(tenant, id).await.map_err(away)
    }

    /// The origin of the process where the session lives or will live: another's, if that one has it and is alive; ours.
    ///
    /// # Errors
    /// `Unavailable` where the store cannot be asked.
    pub async fn lives_at(&self, tenant: TenantId, id: SessionId) -> Result<String, Error> {
        let holder = &self.inner.deps.holder;
        let lease = self.inner.deps.store.lease(tenant, id).await.map_err(|error| {
            tracing::warn!(session.id = %id, %error, "a lease could not be read");
            Error::Unavailable("the database is away")
        })?;
        let owner = lease.and_then(|lease| lease.owner);
        let alive = owner.filter(|owner| !owner.is_draining && owner.silent < holder.dead_after(clock::monotonic()));
        Ok(alive.map_or_else(|| holder.process.url.clone(), |owner| owner.url))
    }

    /// Ends what no process drives and should have an end. Answers how many that were.
    pub async fn end_adrift(&self) -> store::Result<usize> {
        adrift::sweep(&self.inner.deps, |id| self.slots().contains_key(&id)).await
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

    async fn start(&self, session: &store::Session, heard_until: Option<OffsetDateTime>) -> Result<Live, Error> {
        let deps = &self.inner.deps;
        let (held, former) = self.hold(session).await?;
        let begin = Begin::load(deps, session, held.fence(), former, heard_until).await?;
        let (live, task) = supervisor::new(deps.clone(), begin, self.inner.stop.child_token()).await?;
        let (registry, id) = (Arc::downgrade(&self.inner), session.id);
        self.inner.tasks.spawn(async move {
            task.await;
            if let Some(inner) = registry.upgrade() {
                inner.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            }
            held.release().await;
        });
        Ok(live)
    }

    /// Takes the session's lease: waits for an owner that gives it away, and for one that may be dead until it is known.
    async fn hold(&self, session: &store::Session) -> Result<(Held, Option<Former>), Error> {
        let (deps, tenant, id) = (&self.inner.deps, session.tenant, session.id);
        let me = &deps.holder.process;
        let mut asking = Asking::since(clock::monotonic());
        loop {
            let dead_after = deps.holder.dead_after(clock::monotonic());
            let taken = deps.store.lease_take(tenant, id, me.id, dead_after).await;
            let taken = taken.map_err(|error| {
                tracing::warn!(session.id = %id, %error, "a lease could not be taken");
                Error::Unavailable("the database is away")
            })?;
            let owner = match taken {
                LeaseTaken::Yes { fence, former } => {
                    return Ok((Held::new(deps.clone(), tenant, id, fence), former));
                }
                LeaseTaken::No { owner } => owner,
            };
            match asking.next(clock::monotonic(), &owner) {
                Next::Ask if !self.inner.stop.is_cancelled() => tokio::time::sleep(AGAIN).await,
                // Behind one address there are several: the front knows which of them is ready.
                Next::LivesAt(url) if url != me.url => return Err(Error::Elsewhere(url)),
                Next::Ask | Next::LivesAt(_) | Next::Unavailable => {
                    return Err(Error::Unavailable("the interview lives in another process"));
                }
            }
        }
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, BTreeMap<SessionId, Slot>> {
        // a panic while it is held cannot leave a map half changed
        self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
