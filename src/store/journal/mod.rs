//! The journal that outlives a database outage, and the process.
//!
//! Is: a bounded queue before the [`Store`], whose records are on the disk within milliseconds and in the database as soon
//! as it is there. Isn't: a log to read from; what the database has is gone from here.
//! **Law:** what was told durable is in the database in the end, once and in order, whatever is killed. Records are
//! idempotent (derived ids, revisions, steps that never go backwards), so sending one again after a crash changes nothing.
//!
//! - [`queue`]: what waits (pure); [`frame`]: a record as bytes (pure); [`backoff`]: when to try again (pure)
//! - [`segment`]: the files; [`writer`]: the one thread that owns them, a sync for all who wait (group commit)
//! - [`drain`]: the one task that talks to the database, in order; what the database refuses for its data is set aside
//!
//! When full: entries are refused with [`Full`], a session's steps may use a small reserve. When the disk fails: records
//! stay in memory and go straight to the database, [`Status::disk_ok`] says so, and the disk is tried again each second.

mod backoff;
mod drain;
mod frame;
mod queue;
mod segment;
mod writer;

pub use drain::Driver;
pub use queue::Full;

use super::{Entry, Hand, SessionEvent, SessionStep, Store};
use crate::clock::monotonic;
use crate::ids::{SessionId, TenantId};
use queue::{Incoming, Queue};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// One write that must survive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// Entries of the transcript.
    Entries(TenantId, Vec<Entry>),
    /// A step of a session's life.
    Step(TenantId, SessionId, SessionStep),
    /// What an operator will ask about later.
    Event(TenantId, SessionId, SessionEvent),
    /// Any of those, by a holder of the session's lease. What a former holder puts after another has taken it is refused by
    /// the database and set aside.
    Held(Hand, Box<Record>),
}

impl Record {
    fn is_step(&self) -> bool {
        match self {
            Self::Step(..) => true,
            Self::Held(_, record) => record.is_step(),
            Self::Entries(..) | Self::Event(..) => false,
        }
    }
}

/// How much is kept, and who is told.
#[derive(Clone)]
pub struct Settings {
    /// Bytes of records that wait for the database, at most; in memory they take some three times as much. When
    /// reached, entries are refused.
    pub bytes_max: usize,
    /// Length of a file: made at once, and the next begun when it is full.
    pub segment_bytes_max: u64,
    /// Hears what metrics are made of.
    pub watch: Arc<dyn Watch>,
}

impl Default for Settings {
    /// 64 MiB is some 100,000 entries: an hour of 500 interviews with the database away.
    fn default() -> Self {
        Self {
            bytes_max: 64 * 1024 * 1024,
            segment_bytes_max: 1024 * 1024,
            watch: Arc::new(Unwatched),
        }
    }
}

/// What the journal tells as it happens. Called from its own thread and task: count, and return at once.
pub trait Watch: Send + Sync {
    /// A record became durable, this long after it was put (`transcript_store_seconds`).
    fn durable(&self, _after: Duration) {}
    /// A record was refused: full.
    fn full(&self) {}
    /// The database refused a record for its data; it was set aside.
    fn rejected(&self) {}
}
struct Unwatched;
impl Watch for Unwatched {}

/// How the journal is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Records that the database does not have yet.
    pub queued: usize,
    /// Their bytes, of [`Settings::bytes_max`].
    pub queued_bytes: usize,
    /// How long the oldest of them has waited.
    pub oldest_age: Option<Duration>,
    /// False: what is put survives this process only if the database takes it first.
    pub disk_ok: bool,
    /// False: the last call to the database failed; it is tried again with growing pauses.
    pub database_ok: bool,
    /// Records that the database has taken since the start.
    pub drained_total: u64,
    /// Records set aside since the start, in the folder's `rejected` file.
    pub rejected_total: u64,
    /// Records refused since the start, for want of room.
    pub full_total: u64,
    /// Bytes behind the last whole record that a former process left: what it was writing when it died.
    pub torn_bytes: u64,
}

/// Not all of it was in the database in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{left} records still wait for the database")]
pub struct NotDrained {
    /// How many wait.
    pub left: usize,
}

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the folder.
    #[error("the journal's folder is in use by another process")]
    InUse,
    /// The folder cannot be made, read or written.
    #[error("the journal's folder: {0}")]
    Folder(#[source] std::io::Error),
}

/// The journal. Clones are the same one; when the last is dropped, its thread and its task end.
#[derive(Clone)]
pub struct Journal {
    handle: Arc<Handle>,
}

/// Ends the writer and the driver when nobody can put anything any more.
struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Wakes the writer.
    work: Condvar,
    /// Wakes the driver.
    ready: Notify,
    /// Number of the queue's front: tells how far the database is.
    front: watch::Sender<u64>,
    /// Records reach the disk.
    disk: watch::Sender<bool>,
    /// The driver's end.
    stop: CancellationToken,
    /// The writer's end: the folder is free.
    ended: watch::Sender<bool>,
    watch: Arc<dyn Watch>,
    rejected: PathBuf,
}

struct State {
    queue: Queue<oneshot::Sender<()>>,
    disk_ok: bool,
    database_ok: bool,
    drained_total: u64,
    rejected_total: u64,
    full_total: u64,
    torn_bytes: u64,
    stop: bool,
}

impl Journal {
    /// Opens the folder (made if missing, held until the journal is dropped), takes what a former process left in it, and
    /// starts the writer. Nothing reaches the database before [`Driver::run`] is awaited.
    pub fn open(folder: &Path, store: Arc<dyn Store>, settings: Settings) -> Result<(Self, Driver), Error> {
        let (mut files, left) = segment::Folder::open(folder).map_err(|error| match error.kind() {
            std::io::ErrorKind::ResourceBusy => Error::InUse,
            _ => Error::Folder(error),
        })?;
        let mut state = State {
            queue: Queue::new(settings.bytes_max),
            disk_ok: true,
            database_ok: true,
            drained_total: 0,
            rejected_total: 0,
            full_total: 0,
            torn_bytes: 0,
            stop: false,
        };
        let now = monotonic();
        let mut strange = Vec::new();
        for (path, contents) in left.files {
            for (record, bytes) in contents.records {
                state.queue.found(now, record, bytes);
            }
            state.torn_bytes += contents.torn_bytes as u64;
            strange.extend(contents.strange);
            files.adopt(path, state.queue.next());
        }
        if state.queue.len() > 0 || state.torn_bytes > 0 {
            tracing::info!(
                records = state.queue.len(),
                torn_bytes = state.torn_bytes,
                "a former process left records in the journal"
            );
        }
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            work: Condvar::new(),
            ready: Notify::new(),
            front: watch::Sender::new(0),
            disk: watch::Sender::new(true),
            stop: CancellationToken::new(),
            ended: watch::Sender::new(false),
            watch: settings.watch,
            rejected: folder.join("rejected"),
        });
        for payload in strange {
            drain::set_aside(
                &shared,
                "not understood by this version",
                &String::from_utf8_lossy(&payload),
            );
        }
        shared.ready.notify_one();
        writer::start(Arc::clone(&shared), files, settings.segment_bytes_max).map_err(Error::Folder)?;
        let driver = Driver::new(Arc::clone(&shared), store);
        Ok((
            Self {
                handle: Arc::new(Handle { shared }),
            },
            driver,
        ))
    }

    /// Puts entries; returns once they are queued. They are on the disk a few milliseconds later.
    pub fn put(&self, tenant: TenantId, entries: Vec<Entry>) -> Result<(), Full> {
        self.put_record(Record::Entries(tenant, entries))
    }

    /// Puts entries; resolves once they are durable: on the disk, or in the database where the disk fails.
    pub async fn put_durable(&self, tenant: TenantId, entries: Vec<Entry>) -> Result<(), Full> {
        self.put_record_durable(Record::Entries(tenant, entries)).await
    }

    /// Puts any record; returns once it is queued.
    pub fn put_record(&self, record: Record) -> Result<(), Full> {
        self.shared().take(record, None)
    }

    /// Puts any record; resolves once it is durable. Waits as long as neither disk nor database take it: the caller sets
    /// the deadline. Dropping the future takes nothing back.
    pub async fn put_record_durable(&self, record: Record) -> Result<(), Full> {
        let (waiter, durable) = oneshot::channel();
        self.shared().take(record, Some(waiter))?;
        // The sender goes unsent only with the journal itself, which `self` holds.
        durable.await.map_err(|_| Full)
    }

    /// Puts any record; returns once it is queued, with what resolves once it is durable.
    pub fn put_record_watched(&self, record: Record) -> Result<oneshot::Receiver<()>, Full> {
        let (waiter, durable) = oneshot::channel();
        self.shared().take(record, Some(waiter))?;
        Ok(durable)
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        let now = monotonic();
        let state = self.shared().lock();
        Status {
            queued: state.queue.len(),
            queued_bytes: state.queue.bytes(),
            oldest_age: state.queue.oldest().map(|put_at| now.saturating_duration_since(put_at)),
            disk_ok: state.disk_ok,
            database_ok: state.database_ok,
            drained_total: state.drained_total,
            rejected_total: state.rejected_total,
            full_total: state.full_total,
            torn_bytes: state.torn_bytes,
        }
    }

    /// Whether records reach the disk ([`Status::disk_ok`]), as it changes.
    pub fn disk(&self) -> watch::Receiver<bool> {
        self.shared().disk.subscribe()
    }

    /// Waits until the database has everything that was put before this call.
    pub async fn flush(&self, deadline: Duration) -> Result<(), NotDrained> {
        let target = self.shared().lock().queue.next();
        let mut front = self.shared().front.subscribe();
        let drained = front.wait_for(|front| *front >= target);
        if tokio::time::timeout(deadline, drained)
            .await
            .is_ok_and(|drained| drained.is_ok())
        {
            return Ok(());
        }
        let left = target.saturating_sub(self.shared().lock().queue.front());
        if left == 0 {
            Ok(())
        } else {
            Err(NotDrained { left: left as usize })
        }
    }

    /// Flushes, then ends the thread and the task and frees the folder. What is left waits on the disk for the next start.
    pub async fn close(self, deadline: Duration) -> Result<(), NotDrained> {
        let flushed = self.flush(deadline).await;
        let mut ended = self.shared().ended.subscribe();
        self.shared().end();
        // A sync that hangs is not waited for longer than the flush was.
        let _ = tokio::time::timeout(deadline, ended.wait_for(|ended| *ended)).await;
        flushed
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Shared {
    fn take(&self, record: Record, waiter: Option<oneshot::Sender<()>>) -> Result<(), Full> {
        // Encoded before the lock is taken: who puts must not wait for who encodes.
        let taken = Incoming::of(record).and_then(|new| {
            let now = monotonic();
            let mut state = self.lock();
            state.queue.put(now, new, waiter)?;
            if !state.disk_ok {
                state.queue.not_written();
                self.ready.notify_one();
            }
            Ok(())
        });
        if taken.is_err() {
            self.lock().full_total += 1;
            self.watch.full();
        }
        self.work.notify_one();
        taken
    }

    /// Nothing here panics while it holds the lock; if it did, a queue in order is better than none.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, durable: Vec<queue::Durable<oneshot::Sender<()>>>) {
        let now = monotonic();
        for one in durable {
            self.watch.durable(now.saturating_duration_since(one.put_at));
            if let Some(waiter) = one.waiter {
                // Whoever gave up waiting needs no answer.
                let _ = waiter.send(());
            }
        }
    }

    fn end(&self) {
        self.lock().stop = true;
        self.stop.cancel();
        self.work.notify_one();
    }
}

#[cfg(test)]
mod tests;
