//! The task that brings the queue to the database.
//!
//! Is: a driver: one call at a time, in order, entries of one tenant in a row as one call. Isn't: a judge of what matters.
//! **Law:** an outage is waited out, with pauses that grow; only what the database refuses for its data is set aside (a
//! line in the folder's `rejected` file, readable by its owner alone, and a count), so that it cannot block the rest.

use super::backoff::Backoff;
use super::{Record, Shared};
use crate::ids::TenantId;
use crate::store::{Entry, Error, Hand, Result, Store};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

/// Records looked at in one go.
const BATCH_RECORDS_MAX: usize = 256;
/// Entries in one call: a transaction of a fraction of a second, far below a call's deadline.
const CALL_ENTRIES_MAX: usize = 200;
/// The `rejected` file grows no further; what comes after is only counted.
const REJECTED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The journal's task. Whoever opens the journal awaits [`Driver::run`] on a task of theirs.
pub struct Driver {
    shared: Arc<Shared>,
    store: Arc<dyn Store>,
    backoff: Backoff,
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, store: Arc<dyn Store>) -> Self {
        Self {
            shared,
            store,
            backoff: Backoff::default(),
        }
    }

    /// Drains until the journal is closed, or its last clone dropped.
    pub async fn run(mut self) {
        let stop = self.shared.stop.clone();
        // A call broken off here is rolled back, and made again at the next start.
        stop.run_until_cancelled(self.drain_for_ever()).await;
    }

    async fn drain_for_ever(&mut self) {
        loop {
            let batch = self.shared.lock().queue.head(BATCH_RECORDS_MAX);
            if batch.is_empty() {
                self.shared.ready.notified().await;
                continue;
            }
            match self.drain(&batch).await {
                Ok(()) => {
                    self.backoff.reset();
                    self.database_is(true, None);
                }
                Err(error) => {
                    self.database_is(false, Some(&error));
                    tokio::time::sleep(self.backoff.next(rand::random())).await;
                }
            }
        }
    }

    /// Brings a batch to the database, as far as it goes.
    async fn drain(&mut self, batch: &[Arc<Record>]) -> Result<()> {
        let mut rest = batch;
        while let Some(first) = rest.first() {
            let count = match &**first {
                Record::Held(hand, record) => match &**record {
                    Record::Entries(tenant, _) => {
                        let (count, entries) = row_of_held(*tenant, rest);
                        match self.store.transcript_put_held(*tenant, &entries).await {
                            Err(error) if error.is_in_the_data() => self.held_one_by_one(*tenant, &entries).await?,
                            Ok(0) => {}
                            // Some are a former holder's: which, is found one by one.
                            Ok(_) => self.held_one_by_one(*tenant, &entries).await?,
                            Err(error) => return Err(error),
                        }
                        count
                    }
                    other => {
                        self.held(*hand, other, first).await?;
                        1
                    }
                },
                Record::Entries(tenant, _) => {
                    let (count, entries) = row_of_entries(*tenant, rest);
                    match self.store.transcript_put(*tenant, &entries).await {
                        // One of them is bad: which, is found one by one.
                        Err(error) if error.is_in_the_data() => self.one_by_one(*tenant, &entries).await?,
                        done => done?,
                    }
                    count
                }
                other => {
                    self.unless_bad(self.one(other).await, first)?;
                    1
                }
            };
            self.drained(count);
            rest = &rest[count..];
        }
        Ok(())
    }

    /// A step or an event.
    async fn one(&self, record: &Record) -> Result<()> {
        match record {
            // False is an answer too: the step was known, or late.
            Record::Step(tenant, session, step) => self.store.session_step(*tenant, *session, step).await.map(drop),
            Record::Event(tenant, session, event) => self.store.session_event(*tenant, *session, event).await,
            Record::Entries(tenant, entries) => self.store.transcript_put(*tenant, entries).await,
            // Nobody makes one within another.
            Record::Held(..) => Ok(()),
        }
    }

    /// A step or an event of a holder's: taken unless another had taken the session by then.
    async fn held(&self, hand: Hand, record: &Record, whole: &Record) -> Result<()> {
        let (tenant, session) = match record {
            Record::Step(tenant, session, _) | Record::Event(tenant, session, _) => (*tenant, *session),
            Record::Entries(..) | Record::Held(..) => return Ok(()),
        };
        if self.store.lease_covers(tenant, session, hand).await? {
            return self.unless_bad(self.one(record).await, whole);
        }
        self.refuse(whole);
        Ok(())
    }

    async fn held_one_by_one(&self, tenant: TenantId, entries: &[(Hand, Entry)]) -> Result<()> {
        for one in entries {
            let record = || Record::Held(one.0, Box::new(Record::Entries(tenant, vec![one.1.clone()])));
            match self.store.transcript_put_held(tenant, std::slice::from_ref(one)).await {
                Ok(0) => {}
                Ok(_) => self.refuse(&record()),
                Err(error) => self.unless_bad(Err(error), &record())?,
            }
        }
        Ok(())
    }

    /// What a former holder of a session says of the time after another had taken it.
    fn refuse(&self, record: &Record) {
        let line = serde_json::to_string(record).unwrap_or_default();
        set_aside(&self.shared, "another process had taken the session by then", &line);
    }

    async fn one_by_one(&self, tenant: TenantId, entries: &[Entry]) -> Result<()> {
        for entry in entries {
            let done = self.store.transcript_put(tenant, std::slice::from_ref(entry)).await;
            self.unless_bad(done, &Record::Entries(tenant, vec![entry.clone()]))?;
        }
        Ok(())
    }

    /// A record refused for its data is set aside; any other failure is the caller's.
    fn unless_bad(&self, done: Result<()>, record: &Record) -> Result<()> {
        match done {
            Err(error) if error.is_in_the_data() => {
                let line = serde_json::to_string(record).unwrap_or_default();
                set_aside(&self.shared, &error.to_string(), &line);
                Ok(())
            }
            done => done,
        }
    }

    fn drained(&self, count: usize) {
        let (durable, front) = {
            let mut state = self.shared.lock();
            state.drained_total += count as u64;
            (state.queue.drained(count), state.queue.front())
        };
        self.shared.tell(durable);
        self.shared.front.send_replace(front);
        self.shared.work.notify_one();
    }

    fn database_is(&self, ok: bool, error: Option<&Error>) {
        let mut state = self.shared.lock();
        let was_ok = std::mem::replace(&mut state.database_ok, ok);
        let queued = state.queue.len();
        drop(state);
        match error {
            Some(error) if was_ok => tracing::warn!(%error, queued, "the journal waits for the database"),
            None if !was_ok => tracing::info!(queued, "the database takes the journal again"),
            _ => {}
        }
    }
}

/// Entries of one tenant that follow each other, and how many records they are of.
fn row_of_entries(tenant: TenantId, records: &[Arc<Record>]) -> (usize, Vec<Entry>) {
    let mut row = Vec::new();
    let mut count = 0;
    for record in records {
        match &**record {
            Record::Entries(of, entries)
                if *of == tenant && (count == 0 || row.len() + entries.len() <= CALL_ENTRIES_MAX) =>
            {
                row.extend(entries.iter().cloned());
                count += 1;
            }
            _ => break,
        }
    }
    (count, row)
}

/// The same of what holders of leases put.
fn row_of_held(tenant: TenantId, records: &[Arc<Record>]) -> (usize, Vec<(Hand, Entry)>) {
    let mut row = Vec::new();
    let mut count = 0;
    for record in records {
        let Record::Held(hand, held) = &**record else { break };
        match &**held {
            Record::Entries(of, entries)
                if *of == tenant && (count == 0 || row.len() + entries.len() <= CALL_ENTRIES_MAX) =>
            {
                row.extend(entries.iter().map(|entry| (*hand, entry.clone())));
                count += 1;
            }
            _ => break,
        }
    }
    (count, row)
}

/// Keeps what cannot be stored, for whoever looks into it. Rare: the few lines are written where they arise.
pub(super) fn set_aside(shared: &Shared, why: &str, record: &str) {
    shared.lock().rejected_total += 1;
    shared.watch.rejected();
    let kept = (|| {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&shared.rejected)?;
        if file.metadata()?.len() < REJECTED_BYTES_MAX {
            let line = serde_json::json!({ "why": why, "record": record });
            writeln!(file, "{line}")?;
            file.sync_data()?;
        }
        std::io::Result::Ok(())
    })();
    match kept {
        Ok(()) => tracing::error!(why, "a record of the journal was refused for its data and set aside"),
        Err(error) => tracing::error!(why, error = %error.kind(), "a record refused for its data could not be kept"),
    }
}
