//! Feeds a transcript and keeps what it puts, as a store would.

use super::super::*;
use crate::clock;
use serde_json::Value;
use std::collections::BTreeMap;
use time::macros::datetime;

/// When tests begin.
pub(super) const T0: OffsetDateTime = datetime!(2026-11-24 10:00:00 UTC);

/// A transcript, its clock, and the store behind it.
pub(super) struct Rig {
    pub(super) tap: Transcript,
    zero: Instant,
    pub(super) at_ms: i64,
    pub(super) stored: BTreeMap<EntryId, Entry>,
    pub(super) captions: Vec<Caption>,
    pub(super) awaited: Vec<(i32, String)>,
    pub(super) puts: usize,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::after(0)
    }

    pub(super) fn after(sequence: i32) -> Self {
        Self {
            tap: Transcript::new(SessionId(uuid::Uuid::from_u128(7)), sequence),
            zero: clock::monotonic(),
            at_ms: 0,
            stored: BTreeMap::new(),
            captions: Vec::new(),
            awaited: Vec::new(),
            puts: 0,
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.zero + Duration::from_millis(self.at_ms as u64)
    }

    pub(super) fn wall(&self) -> OffsetDateTime {
        T0 + time::Duration::milliseconds(self.at_ms)
    }

    /// An event arrives 10 ms after the one before.
    pub(super) fn feed(&mut self, event: &Value) {
        self.at_ms += 10;
        let event = Event::from_value(event.clone());
        assert_ne!(event.what, What::Malformed);
        self.tap.handle(self.now(), self.wall(), &event);
        self.drain();
    }

    /// Time passes; deadlines are kept.
    pub(super) fn pass(&mut self, ms: i64) {
        let end = self.now() + Duration::from_millis(ms as u64);
        while let Some(due) = self.tap.poll_timeout().filter(|due| *due <= end) {
            self.at_ms = self.at_ms.max((due - self.zero).as_millis() as i64);
            self.tap.handle_timeout(due, self.wall());
            self.drain();
            assert_ne!(
                self.tap.poll_timeout(),
                Some(due),
                "a deadline that was kept is still due"
            );
        }
        self.at_ms = (end - self.zero).as_millis() as i64;
    }

    pub(super) fn close(&mut self) {
        self.tap.close();
        self.drain();
        assert_eq!(self.tap.poll_timeout(), None);
        assert!(self.tap.is_settled());
    }

    pub(super) fn drain(&mut self) {
        while let Some(action) = self.tap.poll_action() {
            match action {
                Action::Put(entries) => {
                    self.puts += 1;
                    assert!(!entries.is_empty());
                    for entry in entries {
                        if let Some(known) = self.stored.get(&entry.id) {
                            assert_eq!(entry.revision, known.revision + 1, "each change has the next revision");
                            assert_ne!(
                                Entry {
                                    revision: known.revision,
                                    ..entry.clone()
                                },
                                *known,
                                "told for nothing"
                            );
                        } else {
                            assert_eq!(entry.revision, 1);
                        }
                        assert!(
                            entry.end_time.is_none_or(|end| end >= entry.start_time),
                            "ends before it begins"
                        );
                        self.stored.insert(entry.id, entry);
                    }
                }
                Action::Caption(caption) => self.captions.push(caption),
                Action::Awaits { sequence, item_id } => self.awaited.push((sequence, item_id)),
            }
        }
    }

    /// What is stored, in order of the conversation.
    pub(super) fn record(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self.stored.values().cloned().collect();
        entries.sort_by_key(|entry| (entry.sequence, entry.content_index));
        entries
    }

    /// `speaker: text`, with `|heard|` where cut, and `!gap`.
    pub(super) fn lines(&self) -> Vec<String> {
        self.record().iter().map(line).collect()
    }
}

fn line(entry: &Entry) -> String {
    let who = match entry.speaker {
        Speaker::Ai => "ai",
        Speaker::Candidate => "candidate",
    };
    let cut = if entry.interrupted {
        format!(" |{}|", entry.heard_text.as_deref().unwrap_or("?"))
    } else {
        String::new()
    };
    let gap = entry.gap.as_ref().map(|gap| format!("!{gap}")).unwrap_or_default();
    format!("{} {who}: {}{cut}{gap}", entry.sequence, entry.text)
}
