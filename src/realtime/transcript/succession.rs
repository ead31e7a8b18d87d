//! From one conversation of the service to the next of the same interview: what was unfinished goes on there.
//!
//! Is: what a conversation leaves, and how the next takes it up. The candidate's turns that were never written down are given to
//! the next AI leg again, as sound; there they become items of another name. **Law:** such a turn keeps the number and the id
//! that it had in the record, so that it stands where it was spoken, once.

use super::heard::Rate;
use super::item::Item;
use super::{Action, Transcript};
use crate::ids::{EntryId, SessionId};
use crate::store::{Entry, Speaker};
use std::collections::VecDeque;
use time::OffsetDateTime;

/// What one conversation leaves to the next.
#[derive(Debug, Default)]
pub struct Legacy {
    after_sequence: i32,
    turns: VecDeque<Turn>,
    rate: Rate,
}

/// A turn of the candidate's of which no words are known.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) id: EntryId,
    pub(super) sequence: i32,
    pub(super) item_id: String,
    /// Of the entry that says so, if there is one; else 0.
    pub(super) revision: i32,
    pub(super) spoke_from: OffsetDateTime,
    pub(super) spoke_to: Option<OffsetDateTime>,
}

impl Legacy {
    /// An interview whose record has `after_sequence` entries, and nothing unfinished that could be given again.
    pub fn of(after_sequence: i32) -> Self {
        Self {
            after_sequence,
            ..Self::default()
        }
    }

    /// The same, of a process that died: turns whose words it awaited, in order, by place, item, and when that was told.
    pub fn restored(session: SessionId, after_sequence: i32, awaited: Vec<(i32, String, OffsetDateTime)>) -> Self {
        let turn = |(sequence, item_id, told): (i32, String, OffsetDateTime)| Turn {
            id: entry_id(session, &item_id),
            sequence,
            item_id,
            revision: 0,
            spoke_from: told,
            spoke_to: None,
        };
        Self {
            turns: awaited.into_iter().map(turn).collect(),
            ..Self::of(after_sequence)
        }
    }

    /// Turns that are to be written down yet.
    pub fn turns(&self) -> usize {
        self.turns.len()
    }
}

impl Transcript {
    /// The conversation is over and another is to take its place. What is unfinished is recorded as it stands, but for the
    /// candidate's turns that are not written down: they go over. Drain [`Transcript::poll_action`] before it is dropped.
    pub fn hand_over(&mut self) -> Legacy {
        let turns = self.unwritten();
        for (id, _) in &turns {
            if let Some(item) = self.items.get_mut(id) {
                item.handed_over = true;
            }
        }
        let awaited = std::mem::take(&mut self.awaited);
        self.close();
        Legacy {
            after_sequence: self.last_sequence(),
            turns: turns.into_iter().map(|(_, turn)| turn).chain(awaited).collect(),
            rate: std::mem::take(&mut self.rate),
        }
    }

    /// Of a conversation that takes up where another ended.
    pub fn take_up(session: SessionId, legacy: Legacy) -> Self {
        Self {
            awaited: legacy.turns,
            rate: legacy.rate,
            ..Self::new(session, legacy.after_sequence)
        }
    }

    /// Who spoke last in this conversation; `None` where nobody has yet.
    pub fn last_speaker(&self) -> Option<Speaker> {
        let mut spoken = self.ranked.iter().rev().filter_map(|id| self.items.get(id));
        spoken
            .find(|item| item.committed || !item.said().text.is_empty())
            .and_then(|item| item.speaker)
    }

    /// Nothing of the AI's was heard after `wall`: what sounded then was cut off there, and what had not begun was not heard.
    /// The items that this is news of, each with the ms that were heard.
    pub fn cut(&mut self, wall: OffsetDateTime) -> Vec<(String, u64)> {
        let mut cuts: Vec<(String, i64)> = Vec::new();
        for (id, item) in &self.items {
            let Some(response) = item.response.as_ref().and_then(|id| self.responses.get(id)) else {
                continue;
            };
            if item.speaker != Some(Speaker::Ai) || item.hidden || !self.is_last_of_response(id, item) {
                continue;
            }
            let said = item.said().text;
            let whole = response.ending.is_some() && !response.was_cut_short();
            let mut ended = [response.stopped, response.cleared].into_iter().flatten().min();
            // what came all at once, as to a process that had stood still, takes its time to be heard
            if let (true, Some(started), Some(by)) = (whole, response.started, ended)
                && let Some(lasts) = self.rate.lasts(&said, item.audio_ms())
                && by - started < lasts / 2
            {
                ended = started.checked_add(lasts);
            }
            if ended.is_some_and(|ended| ended <= wall) {
                continue;
            }
            let heard = match response.started {
                Some(started) => (wall - started).whole_milliseconds().clamp(0, i64::MAX.into()) as i64,
                None => 0,
            };
            let is_known = item.heard_ms().is_some_and(|known| known <= heard);
            if is_known || whole && self.rate.covers(&said, heard, item.audio_ms()) {
                continue;
            }
            cuts.push((id.clone(), heard));
        }
        for (id, heard) in &cuts {
            let heard = *heard;
            if let Some(item) = self.items.get_mut(id) {
                item.played_ms = Some(item.played_ms.map_or(heard, |before| before.min(heard)));
                item.truncated_ms = item.truncated_ms.map(|before| before.min(heard));
                item.dirty = true;
            }
        }
        self.refresh();
        cuts.into_iter()
            .map(|(id, heard)| (id, u64::try_from(heard).unwrap_or_default()))
            .collect()
    }

    /// Tells, once of each, which turns before that place are not written down: should this process end now, they are said to
    /// another, and belong there.
    pub(super) fn tell_awaited(&mut self, before: i32) {
        for (id, turn) in self.unwritten() {
            let Some(item) = self.items.get_mut(&id).filter(|item| !item.is_told_awaited) else {
                continue;
            };
            if turn.sequence < before {
                item.is_told_awaited = true;
                self.actions.push_back(Action::Awaits {
                    sequence: turn.sequence,
                    item_id: turn.item_id,
                });
            }
        }
    }

    /// Turns of the candidate's, in order, that are in the conversation and have no words; by the items that they are.
    fn unwritten(&self) -> Vec<(String, Turn)> {
        let mut sequence = self.after_sequence;
        let mut turns = Vec::new();
        for id in &self.ranked {
            let adopted = self.adopted.get(id);
            sequence += i32::from(adopted.is_none());
            let Some(item) = self.items.get(id).filter(|item| item.is_unwritten_turn()) else {
                continue;
            };
            let turn = match adopted {
                Some(turn) => turn.clone(),
                None => Turn {
                    id: self.entry_id(id),
                    sequence,
                    item_id: id.clone(),
                    revision: item.put.as_ref().map_or(0, |put| put.revision),
                    spoke_from: item.spoke_from.unwrap_or(item.first_seen),
                    spoke_to: item.spoke_to,
                },
            };
            turns.push((id.clone(), turn));
        }
        turns
    }

    /// Spoken turns of this conversation take, in order, the places of those that are awaited.
    pub(super) fn adopt(&mut self) {
        if self.awaited.is_empty() {
            return;
        }
        for id in &self.ranked {
            let spoken = self
                .items
                .get(id)
                .is_some_and(|item| item.speaker == Some(Speaker::Candidate) && item.committed && item.put.is_none());
            if spoken && !self.adopted.contains_key(id) {
                let Some(turn) = self.awaited.pop_front() else { return };
                self.adopted.insert(id.clone(), turn);
            }
        }
    }

    /// What was to be written down yet, and never will be.
    pub(super) fn give_up_awaited(&mut self) {
        let gaps: Vec<Entry> = std::mem::take(&mut self.awaited)
            .into_iter()
            .filter(|turn| turn.revision == 0)
            .map(|turn| Entry {
                id: turn.id,
                sequence: turn.sequence,
                end_time: turn.spoke_to,
                item_id: turn.item_id,
                gap: Some("no_transcription".to_owned()),
                ..Entry::tapped(self.session, Speaker::Candidate, String::new(), turn.spoke_from)
            })
            .collect();
        if !gaps.is_empty() {
            self.actions.push_back(Action::Put(gaps));
        }
    }
}

/// One entry an item: its parts are joined, under the index of the first.
pub(super) fn entry_id(session: SessionId, item_id: &str) -> EntryId {
    EntryId(uuid::Uuid::new_v5(&session.0, format!("{item_id}/0").as_bytes()))
}

impl Item {
    /// Spoken by the candidate, in the conversation, and not written down.
    fn is_unwritten_turn(&self) -> bool {
        self.speaker == Some(Speaker::Candidate)
            && self.committed
            && !self.handed_over
            && !self.parts.values().any(|part| part.told.is_some() || part.failed)
    }
}
