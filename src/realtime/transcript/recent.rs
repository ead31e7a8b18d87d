//! Ids of events seen lately: a delta counted twice would double its words.

use std::collections::{BTreeSet, VecDeque};

/// Enough for some minutes of speech; a delta doubled later than that spoils a partial caption and no record.
const KEPT_MAX: usize = 4096;

/// A bounded memory; the oldest goes first.
#[derive(Debug, Default)]
pub(super) struct Recent {
    ids: BTreeSet<String>,
    order: VecDeque<String>,
}

impl Recent {
    /// Remembers `id`; false if it was known.
    pub(super) fn is_new(&mut self, id: &str) -> bool {
        if !self.ids.insert(id.to_owned()) {
            return false;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > KEPT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}
