//! What a new AI leg is told of an interview that has begun (pure): the whole record in, a bounded telling of it out.
//!
//! Is: the newest turns and calls of tools word for word, in order; of what came before them one summary, which says that it is one and how
//! much it leaves out. Isn't: a protocol's items (`dialect`), or a model: the summary is a deterministic shortening (`summary.rs`).
//! **Laws:** nothing that was heard is left out silently, and nothing from the middle: what is told word for word is the end of the record, and what
//! the summary leaves out is its beginning. The bound is never exceeded. The same record gives the same telling.

mod bound;
mod summary;
#[cfg(test)]
mod tests;

pub use bound::{Bound, tokens};
pub use summary::Summary;

use crate::store::{Entry, Speaker};
use std::borrow::Cow;

/// A tool that an AI leg called, and what it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The service's name of the call.
    pub call_id: String,
    /// The tool's.
    pub name: String,
    /// JSON, as the model wrote it.
    pub arguments: String,
    /// JSON, as it was answered.
    pub output: String,
    /// Behind which entry of the record it was called: its sequence number, 0 for none.
    pub after: i32,
}

/// One thing that is told word for word.
#[derive(Clone, Debug, PartialEq)]
pub enum Item<'a> {
    /// What somebody said.
    Said {
        /// Whose, and when.
        entry: &'a Entry,
        /// What of it is told: see [`words`]. Of a text that would take the room of all others, both ends.
        text: Cow<'a, str>,
    },
    /// A call of a tool, and its answer.
    Called(&'a ToolCall),
}

/// What a new AI leg is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told<'a> {
    /// Of all that comes before the items.
    pub summary: Option<Summary>,
    /// In order.
    pub items: Vec<Item<'a>>,
}

/// Tells a record (in order) and the calls that belong into it, within the bound.
pub fn tell<'a>(record: &'a [Entry], calls: &'a [ToolCall], bound: Bound) -> Told<'a> {
    let all = in_order(record, calls);
    if fits(&all, bound.tokens, bound.items) {
        return Told {
            summary: None,
            items: all,
        };
    }
    let verbatim = bound.tokens - bound.summary_tokens();
    let mut items = Vec::new();
    let (mut left, mut places) = (verbatim, bound.items.saturating_sub(1));
    let mut older = all;
    while let Some(item) = older.pop() {
        // Half of it at most, so that the newest turn always has room.
        let item = item.shortened_to(verbatim / 2);
        let (cost, taken) = (item.tokens(), item.places());
        if cost > left || taken > places {
            older.push(item);
            break;
        }
        (left, places) = (left - cost, places - taken);
        items.push(item);
    }
    items.reverse();
    Told {
        summary: (!older.is_empty()).then(|| Summary::of(&older, bound.summary_tokens())),
        items,
    }
}

/// The words of an entry that a model is told: of what was cut off, what was heard.
pub fn words(entry: &Entry) -> Cow<'_, str> {
    match (&entry.heard_text, entry.text.is_empty()) {
        (Some(heard), _) if entry.interrupted => Cow::Owned(format!("{heard} … (interrupted)")),
        (_, true) => Cow::Borrowed("(could not be made out)"),
        (_, false) => Cow::Borrowed(&entry.text),
    }
}

/// The AI's, broken off before anybody heard a word: to the candidate it was never said.
pub fn is_unheard(entry: &Entry) -> bool {
    entry.speaker == Speaker::Ai && entry.interrupted && entry.heard_text.as_deref() == Some("")
}

fn in_order<'a>(record: &'a [Entry], calls: &'a [ToolCall]) -> Vec<Item<'a>> {
    let mut all = Vec::with_capacity(record.len() + calls.len());
    let mut calls = calls.iter().peekable();
    for entry in record {
        while let Some(call) = calls.next_if(|call| call.after < entry.sequence) {
            all.push(Item::Called(call));
        }
        if !is_unheard(entry) {
            all.push(Item::Said {
                entry,
                text: words(entry),
            });
        }
    }
    all.extend(calls.map(Item::Called));
    all
}

fn fits(items: &[Item<'_>], tokens_max: usize, items_max: usize) -> bool {
    let places: usize = items.iter().map(Item::places).sum();
    let longest = tokens_max / 2;
    places <= items_max
        && items.iter().all(|item| item.tokens() <= longest)
        && items.iter().map(Item::tokens).sum::<usize>() <= tokens_max
}

impl Item<'_> {
    /// What it takes of a model's context, at most.
    pub fn tokens(&self) -> usize {
        match self {
            Self::Said { text, .. } => bound::ITEM_TOKENS + tokens(text),
            Self::Called(call) => {
                2 * bound::ITEM_TOKENS
                    + tokens(&call.name)
                    + tokens(&call.arguments)
                    + tokens(&call.output)
                    + 2 * tokens(&call.call_id)
            }
        }
    }

    /// How many items of the service's it becomes: a call and its answer are two.
    fn places(&self) -> usize {
        match self {
            Self::Said { .. } => 1,
            Self::Called(_) => 2,
        }
    }

    /// The same within so many tokens: of a longer text both ends, and how much is left out between them.
    fn shortened_to(self, tokens_max: usize) -> Self {
        match self {
            Self::Said { entry, text } if self_tokens(&text) > tokens_max => {
                let text = bound::both_ends(&text, tokens_max.saturating_sub(bound::ITEM_TOKENS));
                Self::Said {
                    entry,
                    text: Cow::Owned(text),
                }
            }
            other => other,
        }
    }
}

fn self_tokens(text: &str) -> usize {
    bound::ITEM_TOKENS + tokens(text)
}
