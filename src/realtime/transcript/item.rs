//! What is known of one item, and what follows from it. No order, no other items.

use super::TRANSCRIPTION_MAX;
use super::response::Response;
use crate::realtime::event::{self, Band, ContentKind, Previous, Status};
use crate::store::{Entry, Source, Speaker};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// One item.
#[derive(Debug)]
pub(super) struct Item {
    /// `None` until an event tells.
    pub(super) speaker: Option<Speaker>,
    /// Not speech of this conversation.
    pub(super) hidden: bool,
    pub(super) previous: Previous,
    /// `previous` is the item's own word, which stands against that of the buffer's commit.
    pub(super) placed: bool,
    /// It is in the conversation.
    pub(super) linked: bool,
    /// By content index.
    pub(super) parts: BTreeMap<u32, Part>,
    /// Has a part that was typed, and none that was spoken.
    pub(super) typed: bool,
    /// Said to be incomplete, or complete, by any event.
    pub(super) incomplete: bool,
    pub(super) completed: bool,
    /// Nothing more will be generated.
    pub(super) over: bool,
    /// The conversation ended before it did.
    pub(super) abandoned: bool,
    /// Made of speech by the buffer's commit.
    pub(super) committed: bool,
    /// To be written down in the next conversation.
    pub(super) handed_over: bool,
    /// It was told that its words are awaited.
    pub(super) is_told_awaited: bool,
    pub(super) response: Option<String>,
    pub(super) output_index: u32,
    /// What of it was heard: as the service says, and as our play-out says.
    pub(super) truncated_ms: Option<i64>,
    pub(super) played_ms: Option<i64>,
    /// When the candidate's speech began and ended.
    pub(super) spoke_from: Option<OffsetDateTime>,
    pub(super) spoke_to: Option<OffsetDateTime>,
    pub(super) first_seen: OffsetDateTime,
    /// Order of first mention.
    pub(super) arrival: u64,
    /// Until when words, or a place, are awaited.
    pub(super) due: Option<Instant>,
    pub(super) overdue: bool,
    /// As last put.
    pub(super) put: Option<Entry>,
    /// As last shown.
    pub(super) shown: Option<(String, bool)>,
    /// Something changed since it was last compared.
    pub(super) dirty: bool,
}

/// A part of an item.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// All its words, as its own last event says.
    pub(super) told: Option<String>,
    /// Transcription failed.
    pub(super) failed: bool,
    /// Its words, as the item says.
    pub(super) stated: Option<String>,
    /// Words as they came.
    pub(super) deltas: String,
    /// Length of the sound that came, ms.
    pub(super) audio_ms: f64,
}

/// The words of an item, or why there are none.
pub(super) struct Said {
    pub(super) text: String,
    pub(super) gap: Option<&'static str>,
}

impl Item {
    pub(super) fn new(first_seen: OffsetDateTime, arrival: u64, hidden: bool) -> Self {
        Self {
            speaker: None,
            hidden,
            previous: Previous::Unsaid,
            placed: false,
            linked: false,
            parts: BTreeMap::new(),
            typed: false,
            incomplete: false,
            completed: false,
            over: false,
            abandoned: false,
            committed: false,
            handed_over: false,
            is_told_awaited: false,
            response: None,
            output_index: 0,
            truncated_ms: None,
            played_ms: None,
            spoke_from: None,
            spoke_to: None,
            first_seen,
            arrival,
            due: None,
            overdue: false,
            put: None,
            shown: None,
            dirty: true,
        }
    }

    /// Takes in how an event shows the item. Returns how many parts' words differ from what was told before.
    pub(super) fn absorb(&mut self, shown: &event::Item) -> u64 {
        let speaker = match (shown.kind, shown.role) {
            (event::ItemKind::Message, Some(event::Role::User)) => Some(Speaker::Candidate),
            (event::ItemKind::Message, Some(event::Role::Assistant)) => Some(Speaker::Ai),
            (event::ItemKind::Message, None) => self.speaker,
            // A note of ours, a tool's call, its answer: nobody's speech.
            _ => None,
        };
        let of_whom = shown.role.is_some() || shown.kind != event::ItemKind::Message;
        self.hidden |= speaker.is_none() && of_whom;
        self.speaker = speaker.or(self.speaker);
        self.incomplete |= shown.status == Some(Status::Incomplete);
        self.completed |= shown.status == Some(Status::Completed);
        self.over |= matches!(shown.status, Some(Status::Completed | Status::Incomplete));
        let spoken = shown.content.iter().any(|part| part.kind == ContentKind::InputAudio);
        let written = shown.content.iter().any(|part| part.kind == ContentKind::InputText);
        self.typed = (self.typed || written) && !spoken;
        let mut differ = 0;
        for (index, content) in (0..).zip(&shown.content) {
            if content.kind == ContentKind::Other {
                continue;
            }
            let part = self.parts.entry(index).or_default();
            let Some(text) = content.text.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
                continue;
            };
            if content.kind == ContentKind::InputText {
                part.told = Some(text.to_owned());
            }
            part.state(text);
            differ += u64::from(part.told.as_deref().is_some_and(|told| told.trim() != text));
        }
        differ
    }

    /// Its place, if it has none yet or `own` (the item's word against the buffer's). True if that changed.
    pub(super) fn place(&mut self, previous: &Previous, own: bool) -> bool {
        let moves = *previous != Previous::Unsaid && (own || !self.placed) && self.previous != *previous;
        if moves {
            self.previous = previous.clone();
        }
        self.placed |= own && *previous != Previous::Unsaid;
        let changed = moves || !self.linked;
        self.linked = true;
        changed
    }

    /// Sets, or lifts, the deadline for what is awaited.
    pub(super) fn expect(&mut self, now: Instant) {
        let awaited = if self.hidden || self.overdue {
            None
        } else if self.linked && self.speaker == Some(Speaker::Candidate) && !self.is_settled() {
            Some(TRANSCRIPTION_MAX)
        } else if !self.linked && self.speaker.is_some() && self.is_settled() {
            Some(super::ADOPT_AFTER)
        } else {
            None
        };
        self.due = awaited.map(|wait: Duration| self.due.unwrap_or_else(|| now + wait));
    }

    /// Nothing more will come.
    pub(super) fn abandon(&mut self) {
        self.abandoned = !self.over && self.speaker == Some(Speaker::Ai) && !self.is_settled();
        self.over = true;
        self.overdue = true;
        self.due = None;
        self.dirty = true;
    }

    /// It has or may have an entry, so that a number is kept for it.
    pub(super) fn is_ranked(&self, responses: &BTreeMap<String, Response>) -> bool {
        let Some(speaker) = self.speaker else { return false };
        if self.hidden || !self.belongs(responses) {
            return false;
        }
        let says = !self.words_so_far().is_empty();
        if !self.linked {
            return self.overdue && says;
        }
        match speaker {
            Speaker::Candidate => true,
            Speaker::Ai => says || !self.over,
        }
    }

    /// It is of the conversation, as far as is known: linked, or of a response that says so.
    pub(super) fn belongs(&self, responses: &BTreeMap<String, Response>) -> bool {
        let response = self.response.as_ref().and_then(|id| responses.get(id));
        match response {
            Some(response) if response.band == Band::Out => false,
            Some(response) => self.linked || response.announced,
            None => self.linked || self.speaker == Some(Speaker::Candidate),
        }
    }

    /// No more words of it are awaited.
    pub(super) fn is_settled(&self) -> bool {
        let each = |part: &Part| match self.speaker {
            Some(Speaker::Ai) | None => part.told.is_some(),
            Some(Speaker::Candidate) => part.told.is_some() || part.failed,
        };
        (!self.parts.is_empty() && self.parts.values().all(each))
            || (self.over && self.speaker == Some(Speaker::Ai))
            || self.overdue
    }

    /// It may be put into the record.
    pub(super) fn is_ready(&self) -> bool {
        !self.handed_over && (self.linked || self.overdue) && (self.is_settled() || self.put.is_some())
    }

    /// The words for the record.
    pub(super) fn said(&self) -> Said {
        let text = join(self.parts.values().map(|part| match self.speaker {
            Some(Speaker::Candidate) => part.transcript(),
            Some(Speaker::Ai) | None => part.generated(),
        }));
        let gap = if self.speaker == Some(Speaker::Candidate) {
            self.gap()
        } else {
            None
        };
        Said { text, gap }
    }

    fn gap(&self) -> Option<&'static str> {
        if self.parts.is_empty() {
            return Some("no_transcription");
        }
        self.parts.values().find_map(|part| match (&part.told, part.failed) {
            (Some(told), _) if told.trim().is_empty() => Some("empty_transcription"),
            (Some(_), _) => None,
            (None, _) if part.stated.is_some() => None,
            (None, true) => Some("transcription_failed"),
            (None, false) => Some("no_transcription"),
        })
    }

    /// The words to show meanwhile.
    pub(super) fn words_so_far(&self) -> String {
        join(self.parts.values().map(Part::generated))
    }

    /// Typed, or tapped from speech.
    pub(super) fn source(&self) -> Source {
        if self.typed && self.speaker == Some(Speaker::Candidate) {
            Source::Typed
        } else {
            Source::Tap
        }
    }

    /// By its own word it was cut off.
    pub(super) fn was_cut(&self) -> bool {
        self.truncated_ms.is_some() || self.played_ms.is_some() || self.incomplete || self.abandoned
    }

    /// By its own word it is whole.
    pub(super) fn is_whole(&self) -> bool {
        self.completed && !self.incomplete
    }

    /// How much was heard of it; the service's word first.
    pub(super) fn heard_ms(&self) -> Option<i64> {
        self.truncated_ms.or(self.played_ms)
    }

    /// Length of its sound, where the sound itself came.
    pub(super) fn audio_ms(&self) -> Option<f64> {
        let sum: f64 = self.parts.values().map(|part| part.audio_ms).sum();
        (sum > 0.0).then_some(sum)
    }

    /// When it began and ended to sound.
    pub(super) fn times(
        &self,
        response: Option<&Response>,
        interrupted: bool,
        is_last: bool,
    ) -> (OffsetDateTime, Option<OffsetDateTime>) {
        if self.speaker == Some(Speaker::Candidate) {
            let start = self.spoke_from.or(self.spoke_to).unwrap_or(self.first_seen);
            let end = if self.typed { Some(start) } else { self.spoke_to };
            return (start, end.map(|end| end.max(start)));
        }
        let Some(response) = response else {
            return (self.first_seen, None);
        };
        let start = match response.started {
            Some(started) if self.output_index == 0 => started,
            Some(started) => started.max(self.first_seen),
            None => self.first_seen,
        };
        let after = |ms: f64| start.checked_add(time::Duration::milliseconds(ms as i64));
        let end = match self.heard_ms() {
            Some(ms) if interrupted => after(ms.min(86_400_000) as f64),
            _ if interrupted => response.cleared.or(response.stopped),
            _ => self
                .audio_ms()
                .and_then(after)
                .or(if is_last { response.stopped } else { None }),
        };
        (start, end.map(|end| end.max(start)))
    }
}

impl Part {
    /// Its words by the item's account. Truncation erases the service's copy, so the longest account stands.
    pub(super) fn state(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() && self.stated.as_ref().is_none_or(|stated| stated.len() < text.len()) {
            self.stated = Some(text.to_owned());
        }
    }

    /// A transcription: told, or stated by the item.
    fn transcript(&self) -> &str {
        self.told.as_deref().or(self.stated.as_deref()).unwrap_or_default()
    }

    /// What the AI generated, by the best witness that says anything.
    fn generated(&self) -> &str {
        let witnesses = [self.told.as_deref(), self.stated.as_deref(), Some(self.deltas.as_str())];
        witnesses
            .into_iter()
            .flatten()
            .find(|text| !text.trim().is_empty())
            .unwrap_or_default()
    }
}

/// Parts as one text: trimmed, parted by one blank.
fn join<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let parts: Vec<&str> = parts.map(str::trim).filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}
