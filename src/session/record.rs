//! What was said, on its way to the store: entries into the journal, the newest kept for a new AI leg's history.

use crate::{
    clock,
    ids::{EntryId, SessionId, TenantId},
    store::{
        Entry, Fence, Hand, SessionEvent, SessionStep,
        journal::{Journal, Record as Row},
    },
};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use tokio::sync::oneshot;

/// See the module.
pub(super) struct Record {
    tenant: TenantId,
    session: SessionId,
    /// Under which the session is held: another process's word counts for more once it has a higher one.
    fence: Fence,
    journal: Journal,
    entries: BTreeMap<EntryId, Entry>,
    /// Another process has the session: nothing more is said of it here.
    muted: bool,
}

impl Record {
    /// Of a session whose record holds `entries` already.
    pub(super) fn new(
        tenant: TenantId,
        session: SessionId,
        fence: Fence,
        journal: Journal,
        entries: Vec<Entry>,
    ) -> Self {
        let entries = entries.into_iter().map(|entry| (entry.id, entry)).collect();
        Self {
            tenant,
            session,
            fence,
            journal,
            entries,
            muted: false,
        }
    }

    /// Nothing more is written, whatever is still said.
    pub(super) fn mute(&mut self) {
        self.muted = true;
    }

    /// In conversation order.
    pub(super) fn in_order(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.entries.values().collect();
        entries.sort_by_key(|entry| (entry.sequence, entry.content_index));
        entries
    }

    /// Keeps them. What the journal cannot take is said to the operator; it stays here for the history.
    pub(super) fn put(&mut self, entries: Vec<Entry>) {
        for entry in &entries {
            self.entries.insert(entry.id, entry.clone());
        }
        self.write(Row::Entries(self.tenant, entries));
    }

    /// A step of the session's life.
    pub(super) fn step(&self, step: SessionStep) {
        self.write(Row::Step(self.tenant, self.session, step));
    }

    /// A row for operators.
    pub(super) fn note(&self, at: OffsetDateTime, leg: &str, what: &str, cause: String) {
        let _ = self.note_watched(at, leg, what, cause);
    }

    /// The same, with what resolves once it is durable.
    pub(super) fn note_watched(
        &self,
        at: OffsetDateTime,
        leg: &str,
        what: &str,
        cause: String,
    ) -> Option<oneshot::Receiver<()>> {
        let event = SessionEvent {
            id: uuid::Uuid::now_v7(),
            at,
            leg: leg.to_owned(),
            what: what.to_owned(),
            cause,
        };
        self.write_watched(Row::Event(self.tenant, self.session, event))
    }

    fn write(&self, row: Row) {
        let _ = self.write_watched(row);
    }

    /// With what resolves once it is durable, where it is kept.
    fn write_watched(&self, row: Row) -> Option<oneshot::Receiver<()>> {
        if self.muted {
            return None;
        }
        let hand = Hand {
            fence: self.fence,
            at: clock::wall(),
        };
        let put = self.journal.put_record_watched(Row::Held(hand, Box::new(row)));
        put.inspect_err(|error| tracing::error!(%error, "the journal is full: a row of the record was not kept"))
            .ok()
    }
}
