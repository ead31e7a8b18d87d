//! What each kind of event changes. Only marks; what follows from it is `refresh`'s.

use super::item::Item;
use super::response::Response;
use super::{ITEMS_MAX, PART_BYTES_MAX, Transcript};
use crate::realtime::event::{self, OutputPart, Previous, What};
use crate::store::Speaker;
use std::time::Instant;
use time::OffsetDateTime;

/// Bytes of PCM16 at 24 kHz mono in a millisecond.
const PCM_BYTES_PER_MS: f64 = 48.0;

impl Transcript {
    pub(super) fn ingest(&mut self, now: Instant, wall: OffsetDateTime, what: &What) {
        match what {
            What::ItemAdded { previous, item } => self.on_item(now, wall, previous, item, false),
            What::ItemDone { previous, item } => self.on_item(now, wall, previous, item, true),
            What::Committed { item_id, previous } => self.touch(now, wall, item_id, |item, _| {
                item.speaker = Some(Speaker::Candidate);
                item.committed = true;
                item.parts.entry(0).or_default();
                item.place(previous, false)
            }),
            What::SpeechStarted { item_id, at_ms } => {
                let from = self.voice_clock.started(wall, *at_ms);
                self.touch(now, wall, item_id, |item, _| {
                    item.speaker = Some(Speaker::Candidate);
                    item.spoke_from.get_or_insert(from);
                    false
                });
            }
            What::SpeechStopped { item_id, at_ms } => {
                let to = self.voice_clock.stopped(wall, *at_ms);
                self.touch(now, wall, item_id, |item, _| {
                    item.speaker = Some(Speaker::Candidate);
                    item.spoke_to.get_or_insert(to);
                    false
                });
            }
            What::UserDelta { part, delta } => {
                self.touch(now, wall, &part.item_id, |item, dropped| {
                    item.speaker = Some(Speaker::Candidate);
                    append(
                        &mut item.parts.entry(part.content_index).or_default().deltas,
                        delta,
                        dropped,
                    );
                    false
                });
                self.caption(&part.item_id);
            }
            What::UserDone { part, transcript } => {
                self.touch(now, wall, &part.item_id, |item, dropped| {
                    item.speaker = Some(Speaker::Candidate);
                    let part = item.parts.entry(part.content_index).or_default();
                    part.told = Some(bounded(transcript.trim(), dropped).to_owned());
                    false
                });
                self.caption(&part.item_id);
            }
            What::UserFailed { part, .. } => self.touch(now, wall, &part.item_id, |item, _| {
                item.speaker = Some(Speaker::Candidate);
                item.parts.entry(part.content_index).or_default().failed = true;
                false
            }),
            What::ItemTruncated { part, heard_ms } => self.touch(now, wall, &part.item_id, |item, _| {
                item.truncated_ms = Some(item.truncated_ms.map_or(*heard_ms, |before| before.min(*heard_ms)));
                false
            }),
            What::ResponseCreated(response) | What::ResponseDone(response) => self.on_response(now, wall, response),
            What::OutputItemAdded {
                response_id,
                output_index,
                item,
            } => {
                self.on_output(now, wall, (response_id, *output_index), item, false);
            }
            What::OutputItemDone {
                response_id,
                output_index,
                item,
            } => {
                self.on_output(now, wall, (response_id, *output_index), item, true);
            }
            What::PartAdded(part) => self.on_part(now, wall, part, |_, _| {}),
            What::PartDone { part, text } => self.on_part(now, wall, part, |part, dropped| {
                if let Some(text) = text {
                    part.state(bounded(text, dropped));
                }
            }),
            What::TextDelta { part, delta } => {
                self.on_part(now, wall, part, |part, dropped| {
                    append(&mut part.deltas, delta, dropped);
                });
                self.caption(&part.item_id);
            }
            What::TextDone { part, text } => {
                self.on_part(now, wall, part, |part, dropped| {
                    part.told = Some(bounded(text.trim(), dropped).to_owned());
                });
                self.caption(&part.item_id);
            }
            What::AudioDelta { part, audio } => self.on_part(now, wall, part, |part, _| {
                let padding = audio.bytes().rev().take_while(|b| *b == b'=').count();
                part.audio_ms += (audio.len() / 4 * 3).saturating_sub(padding) as f64 / PCM_BYTES_PER_MS;
            }),
            What::PlayStarted { response_id } => self.on_play(response_id, |r| {
                r.started.get_or_insert(wall);
            }),
            What::PlayStopped { response_id } => {
                self.on_play(response_id, |r| {
                    r.stopped.get_or_insert(wall);
                });
                self.learn(response_id);
            }
            What::PlayCleared { response_id } => self.on_play(response_id, |r| {
                r.cleared.get_or_insert(wall);
            }),
            What::Malformed => self.counts.malformed += 1,
            What::Unknown { .. } => self.counts.unknown += 1,
            // Deleted from the model's context: it was said all the same.
            What::ItemDeleted { .. }
            | What::SessionCreated { .. }
            | What::SessionUpdated
            | What::IdleTimeout
            | What::AudioDone(_)
            | What::CallDone { .. }
            | What::Error(_)
            | What::Other => {}
        }
    }

    /// Changes an item, known or new; `change` answers whether the order may have changed.
    fn touch(
        &mut self,
        now: Instant,
        wall: OffsetDateTime,
        item_id: &str,
        change: impl FnOnce(&mut Item, &mut u64) -> bool,
    ) {
        if !self.items.contains_key(item_id) {
            if self.items.len() >= ITEMS_MAX {
                self.counts.dropped += 1;
                return;
            }
            self.arrivals += 1;
            let item = Item::new(wall, self.arrivals, self.skipped.contains(item_id));
            self.items.insert(item_id.to_owned(), item);
            self.stale = true;
        }
        let Some(item) = self.items.get_mut(item_id) else {
            return;
        };
        let before = (item.is_ranked(&self.responses), item.is_settled());
        self.stale |= change(item, &mut self.counts.dropped);
        item.expect(now);
        item.dirty = true;
        let after = (item.is_ranked(&self.responses), item.is_settled());
        self.stale |= before.0 != after.0;
    }

    fn on_item(&mut self, now: Instant, wall: OffsetDateTime, previous: &Previous, shown: &event::Item, done: bool) {
        let mut differ = 0;
        self.touch(now, wall, &shown.id, |item, _| {
            differ = item.absorb(shown);
            item.over |= done;
            item.place(previous, true)
        });
        self.counts.mismatched += differ;
        self.caption(&shown.id);
    }

    fn on_output(&mut self, now: Instant, wall: OffsetDateTime, place: (&str, u32), shown: &event::Item, done: bool) {
        let (response_id, output_index) = place;
        self.note_response(response_id);
        let mut differ = 0;
        self.touch(now, wall, &shown.id, |item, _| {
            differ = item.absorb(shown);
            item.over |= done;
            item.of(response_id, output_index);
            false
        });
        self.counts.mismatched += differ;
        self.mark_response(response_id);
        self.caption(&shown.id);
    }

    fn on_part(
        &mut self,
        now: Instant,
        wall: OffsetDateTime,
        at: &OutputPart,
        change: impl FnOnce(&mut super::item::Part, &mut u64),
    ) {
        self.note_response(&at.response_id);
        self.touch(now, wall, &at.item_id, |item, dropped| {
            item.speaker.get_or_insert(Speaker::Ai);
            item.of(&at.response_id, at.output_index);
            change(item.parts.entry(at.content_index).or_default(), dropped);
            false
        });
    }

    fn on_response(&mut self, now: Instant, wall: OffsetDateTime, said: &event::Response) {
        self.note_response(&said.id);
        if let Some(response) = self.responses.get_mut(&said.id) {
            response.absorb(said);
        }
        for (index, shown) in (0..).zip(&said.output) {
            self.on_output(now, wall, (&said.id, index), shown, said.ending.is_some());
        }
        if said.ending.is_some() {
            for item in self
                .items
                .values_mut()
                .filter(|item| item.response.as_deref() == Some(said.id.as_str()))
            {
                item.over = true;
                item.expect(now);
            }
        }
        self.mark_response(&said.id);
        self.learn(&said.id);
    }

    fn on_play(&mut self, response_id: &str, change: impl FnOnce(&mut Response)) {
        self.note_response(response_id);
        if let Some(response) = self.responses.get_mut(response_id) {
            change(response);
        }
        self.mark_response(response_id);
    }

    fn note_response(&mut self, id: &str) {
        if id.is_empty() || self.responses.contains_key(id) {
            return;
        }
        if self.responses.len() >= ITEMS_MAX {
            self.counts.dropped += 1;
            return;
        }
        self.responses.insert(id.to_owned(), Response::default());
    }

    /// What is known of a response has changed: so may all of its items' entries.
    fn mark_response(&mut self, id: &str) {
        for item in self
            .items
            .values_mut()
            .filter(|item| item.response.as_deref() == Some(id))
        {
            item.dirty = true;
            self.stale = true;
        }
    }

    /// An answer of one message that has sounded to its end teaches the voice's rate.
    fn learn(&mut self, response_id: &str) {
        let Some(response) = self.responses.get_mut(response_id) else {
            return;
        };
        let (Some(started), Some(stopped), None) = (response.started, response.stopped, response.cleared) else {
            return;
        };
        let mut items = self
            .items
            .values()
            .filter(|item| item.response.as_deref() == Some(response_id) && !item.hidden);
        if let (Some(item), None, false) = (items.next(), items.next(), response.learnt || response.ending.is_none()) {
            response.learnt = true;
            self.rate.learn(&item.said().text, stopped - started);
        }
    }
}

impl Item {
    fn of(&mut self, response_id: &str, output_index: u32) {
        if !response_id.is_empty() {
            self.response.get_or_insert_with(|| response_id.to_owned());
        }
        self.output_index = self.output_index.max(output_index);
    }
}

/// Adds text within the bound.
fn append(to: &mut String, text: &str, dropped: &mut u64) {
    if to.len() + text.len() > PART_BYTES_MAX {
        *dropped += 1;
    } else {
        to.push_str(text);
    }
}

/// The text within the bound.
fn bounded<'a>(text: &'a str, dropped: &mut u64) -> &'a str {
    if text.len() <= PART_BYTES_MAX {
        return text;
    }
    *dropped += 1;
    let mut end = PART_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
