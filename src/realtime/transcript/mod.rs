//! The tap: events of a realtime service in, the record of who said what out.
//!
//! Is: one entry for each spoken or typed item, ordered by the chain of `previous_item_id` and never by arrival, said
//! again with a higher revision when more becomes known. Isn't: a store or a clock; actions and times are passed.
//! **Laws:** an entry's id is a UUIDv5 of session, item and part, so that it is the same words' for ever. The same
//! events in any order, doubled or late, give the same record. What was said stays in the record, whatever is later
//! deleted or truncated in the model's context. One machine serves one conversation of the service: a new call of the
//! same interview gets a new one by [`Transcript::hand_over`] and [`Transcript::take_up`].

mod heard;
pub(crate) use heard::Rate;
mod ingest;
mod item;
mod order;
mod recent;
mod response;
mod succession;
#[cfg(test)]
mod tests;
mod voice_clock;

use crate::ids::{EntryId, SessionId};
use crate::realtime::event::{Event, What};
use crate::store::{Entry, Speaker};
use item::Item;
use response::Response;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};
pub use succession::Legacy;
use time::OffsetDateTime;
use vivavoce_media::broken::{Law, is_broken};

/// From the commit of the candidate's speech until its missing transcription counts as a gap (mended if it comes later).
pub const TRANSCRIPTION_MAX: Duration = Duration::from_secs(20);
/// From finished words whose item never entered the conversation until they are recorded all the same, at the end.
pub const ADOPT_AFTER: Duration = Duration::from_secs(5);
/// Items and responses kept, each. An hour has some hundreds; beyond, new ones are dropped and counted.
const ITEMS_MAX: usize = 8192;
/// Bytes of text kept of one part; beyond, the rest is dropped and counted.
const PART_BYTES_MAX: usize = 256 * 1024;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Store these, all of one event; the highest revision of an id wins.
    Put(Vec<Entry>),
    /// Show this.
    Caption(Caption),
    /// A turn of the candidate's has this place in the record, and no words yet; what follows it is stored already.
    Awaits {
        /// Its place.
        sequence: i32,
        /// Its item.
        item_id: String,
    },
}

/// Words to show while, or after, they are spoken.
#[derive(Clone, Debug, PartialEq)]
pub struct Caption {
    /// Whose words: replaces what was shown of this item.
    pub item_id: String,
    /// The item shown before it, in conversation order.
    pub previous_item_id: Option<String>,
    /// Who speaks.
    pub speaker: Speaker,
    /// All of the words so far.
    pub text: String,
    /// No more words will come.
    pub is_final: bool,
    /// When the speech began.
    pub at: OffsetDateTime,
}

/// What went through, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that were no event.
    pub malformed: u64,
    /// Kinds we do not know.
    pub unknown: u64,
    /// Deltas seen twice.
    pub doubled: u64,
    /// Words told differently by two events of the service.
    pub mismatched: u64,
    /// Over a bound.
    pub dropped: u64,
}

/// The machine. After each call, drain [`Transcript::poll_action`], then heed [`Transcript::poll_timeout`].
#[derive(Debug)]
pub struct Transcript {
    session: SessionId,
    after_sequence: i32,
    /// By item id.
    items: BTreeMap<String, Item>,
    /// By response id.
    responses: BTreeMap<String, Response>,
    /// Ids that are in the record already, or were never words: replayed history, our notes to the model.
    skipped: BTreeSet<String>,
    /// Items that have or may have an entry, in conversation order. Rebuilt when `stale`.
    ranked: Vec<String>,
    stale: bool,
    /// Turns of the conversation before this that are to be said again here.
    awaited: VecDeque<succession::Turn>,
    /// Of this conversation's items, by id: in whose places they stand.
    adopted: BTreeMap<String, succession::Turn>,
    recent: recent::Recent,
    voice_clock: voice_clock::VoiceClock,
    rate: heard::Rate,
    arrivals: u64,
    counts: Counts,
    actions: VecDeque<Action>,
}

impl Transcript {
    /// Of a conversation that begins, in an interview whose record has `after_sequence` entries already.
    pub fn new(session: SessionId, after_sequence: i32) -> Self {
        Self {
            session,
            after_sequence,
            items: BTreeMap::new(),
            responses: BTreeMap::new(),
            skipped: BTreeSet::new(),
            ranked: Vec::new(),
            stale: false,
            awaited: VecDeque::new(),
            adopted: BTreeMap::new(),
            recent: recent::Recent::default(),
            voice_clock: voice_clock::VoiceClock::default(),
            rate: heard::Rate::default(),
            arrivals: 0,
            counts: Counts::default(),
            actions: VecDeque::new(),
        }
    }

    /// An event of the service has arrived.
    pub fn handle(&mut self, now: Instant, wall: OffsetDateTime, event: &Event) {
        if let (What::UserDelta { .. } | What::TextDelta { .. } | What::AudioDelta { .. }, Some(id)) =
            (&event.what, &event.id)
            && !self.recent.is_new(id)
        {
            self.counts.doubled += 1;
            return;
        }
        self.ingest(now, wall, &event.what);
        self.refresh();
    }

    /// This item is not speech of this conversation: history that we replayed, or a note of ours to the model. Say so
    /// before its events come.
    pub fn skip(&mut self, item_id: &str) {
        self.skipped.insert(item_id.to_owned());
        if let Some(item) = self.items.get_mut(item_id) {
            item.hidden = true;
            self.stale = true;
        }
    }

    /// The candidate heard `ms` of this item, then no more: told by our own play-out.
    pub fn heard(&mut self, item_id: &str, ms: i64) {
        if let Some(item) = self.items.get_mut(item_id) {
            item.played_ms = Some(ms.max(0));
            item.dirty = true;
            self.refresh();
        }
    }

    /// A deadline of [`Transcript::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant, _wall: OffsetDateTime) {
        for item in self.items.values_mut() {
            if item.due.is_some_and(|due| due <= now) {
                item.due = None;
                item.overdue = true;
                item.dirty = true;
                self.stale = true;
            }
        }
        self.refresh();
    }

    /// The conversation is over, nothing more will come: what is unfinished is recorded as it stands.
    pub fn close(&mut self) {
        for item in self.items.values_mut() {
            item.abandon();
        }
        self.stale = true;
        self.refresh();
        self.give_up_awaited();
    }

    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`Transcript::handle_timeout`]: the soonest missing transcription, or words without a place.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.items.values().filter_map(|item| item.due).min()
    }

    /// True if no words are awaited: hanging up now loses none.
    pub fn is_settled(&self) -> bool {
        self.awaited.is_empty()
            && self
                .ranked
                .iter()
                .filter_map(|id| self.items.get(id))
                .all(Item::is_settled)
    }

    /// The highest sequence number given out.
    pub fn last_sequence(&self) -> i32 {
        let own = self.ranked.iter().filter(|id| !self.adopted.contains_key(*id)).count();
        self.after_sequence
            .saturating_add(i32::try_from(own).unwrap_or(i32::MAX))
    }

    /// What went through.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The entry of `speaker`, recorded or still growing, within whose words `text` lies; blanks and their kinds aside.
    pub fn find(&self, speaker: Speaker, text: &str) -> Option<EntryId> {
        let wanted = squeeze(text);
        if wanted.is_empty() {
            return None;
        }
        let mut candidates = self
            .items
            .iter()
            .filter(|(_, item)| item.speaker == Some(speaker) && !item.hidden);
        candidates
            .find(|(_, item)| squeeze(&item.words_so_far()).contains(&wanted))
            .map(|(id, _)| self.entry_id(id))
    }

    fn entry_id(&self, item_id: &str) -> EntryId {
        succession::entry_id(self.session, item_id)
    }

    /// Compares what the record should say with what it was told, and tells it the difference.
    fn refresh(&mut self) {
        if std::mem::take(&mut self.stale) {
            self.ranked = order::ranked(&self.items, &self.responses);
        }
        if is_broken(Law::Order) {
            let put = |id: &String| self.items.get(id).and_then(|item| item.put.as_ref());
            self.ranked
                .sort_by_key(|id| put(id).map_or(i32::MAX, |entry| entry.sequence));
        }
        self.adopt();
        let mut put = Vec::new();
        let mut own = self.after_sequence;
        for id in &self.ranked {
            let adopted = self.adopted.get(id);
            own = own.saturating_add(i32::from(adopted.is_none()));
            let sequence = adopted.map_or(own, |turn| turn.sequence);
            let Some(item) = self.items.get(id) else { continue };
            let moved = item.put.as_ref().is_some_and(|entry| entry.sequence != sequence);
            if !item.dirty && !moved {
                continue;
            }
            let entry = self.entry(id, item, sequence);
            let Some(item) = self.items.get_mut(id) else { continue };
            item.dirty = false;
            if let Some(mut entry) = entry {
                let before = adopted.map_or(0, |turn| turn.revision);
                entry.revision = item.put.as_ref().map_or(before + 1, |put| put.revision);
                if item.put.as_ref() != Some(&entry) {
                    entry.revision += i32::from(item.put.is_some());
                    item.put = Some(entry.clone());
                    put.push(entry);
                }
            }
        }
        if !put.is_empty() {
            let answered = put.iter().filter(|entry| entry.speaker == Speaker::Ai);
            let answered = answered.map(|entry| entry.sequence).max();
            self.actions.push_back(Action::Put(put));
            self.tell_awaited(answered.unwrap_or(0));
        }
    }

    /// What the record should say of an item; `None` while there is nothing to say.
    fn entry(&self, id: &str, item: &Item, sequence: i32) -> Option<Entry> {
        let speaker = item.speaker?;
        if !item.is_ready() {
            return None;
        }
        let said = item.said();
        if said.text.is_empty() && said.gap.is_none() {
            return None;
        }
        let response = item.response.as_ref().and_then(|id| self.responses.get(id));
        let interrupted = speaker == Speaker::Ai && self.is_interrupted(id, item, response);
        let times = item.times(response, interrupted, self.is_last_of_response(id, item));
        let heard_ms = if interrupted { item.heard_ms() } else { None };
        let heard_text = heard_ms.map(|ms| match &item.put {
            // An estimate once made stands: a better-known rate of speech must not rewrite the past.
            Some(put) if put.heard_ms == heard_ms && put.text == said.text && put.heard_text.is_some() => {
                put.heard_text.clone().unwrap_or_default()
            }
            _ => self.rate.heard(&said.text, ms, item.audio_ms()).to_owned(),
        });
        let adopted = self.adopted.get(id);
        Some(Entry {
            id: adopted.map_or_else(|| self.entry_id(id), |turn| turn.id),
            session: self.session,
            sequence,
            speaker,
            text: said.text,
            start_time: adopted.map_or(times.0, |turn| turn.spoke_from.min(times.0)),
            end_time: times.1,
            item_id: id.to_owned(),
            content_index: 0,
            source: item.source(),
            interrupted,
            heard_ms,
            heard_text,
            gap: said.gap.map(str::to_owned),
            revision: 0,
        })
    }

    fn is_interrupted(&self, id: &str, item: &Item, response: Option<&Response>) -> bool {
        if item.was_cut() {
            return true;
        }
        let Some(response) = response else { return false };
        if response.was_cut_short() && !item.is_whole() {
            return true;
        }
        // Cut off while it sounded, and no `truncated` says where: it was the last of what the response said.
        response.silenced()
            && self.is_last_of_response(id, item)
            && !self
                .items
                .values()
                .any(|other| other.response == item.response && other.truncated_ms.is_some())
    }

    /// No message of the same response comes after it.
    fn is_last_of_response(&self, id: &str, item: &Item) -> bool {
        item.response.is_none()
            || !self.items.iter().any(|(other_id, other)| {
                other_id != id
                    && other.response == item.response
                    && other.speaker == Some(Speaker::Ai)
                    && !other.hidden
                    && other.output_index > item.output_index
            })
    }

    fn caption(&mut self, item_id: &str) {
        let Some(item) = self.items.get(item_id) else { return };
        let Some(speaker) = item.speaker else { return };
        if item.hidden || !item.belongs(&self.responses) {
            return;
        }
        let (text, is_final) = (item.words_so_far(), item.is_settled());
        if text.is_empty()
            || item
                .shown
                .as_ref()
                .is_some_and(|(shown, last)| *shown == text && *last >= is_final)
        {
            return;
        }
        let response = item.response.as_ref().and_then(|id| self.responses.get(id));
        let at = item.times(response, false, false).0;
        if std::mem::take(&mut self.stale) {
            self.ranked = order::ranked(&self.items, &self.responses);
        }
        let place = self.ranked.iter().position(|id| id == item_id);
        let before = match place {
            Some(place) => place.checked_sub(1).and_then(|before| self.ranked.get(before)),
            None => self.ranked.last(),
        };
        self.actions.push_back(Action::Caption(Caption {
            item_id: item_id.to_owned(),
            previous_item_id: before.cloned(),
            speaker,
            text: text.clone(),
            is_final,
            at,
        }));
        if let Some(item) = self.items.get_mut(item_id) {
            item.shown = Some((text, is_final));
        }
    }
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
