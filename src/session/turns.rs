//! Which of the candidate's speech the AI side has for good (pure): what need not be said again should its leg be lost.
//!
//! Is: the turns that the AI has told of and not yet written down. Isn't: the speech itself, which the media side keeps by what is
//! told here ([`vivavoce_media::Call::ai_has`]), nor its words.

use crate::realtime::{event::What, transcript::TRANSCRIPTION_MAX};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// From the beginning of speech until the AI has told of it, at most: its detection wants some 200 ms, and the network its part.
const ONSET_MAX: Duration = Duration::from_millis(1_500);
/// Turns that wait to be written down. Beyond, the oldest counts as written.
const TURNS_MAX: usize = 32;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Turns {
    open: VecDeque<Turn>,
    /// What had reached the AI as it said a word that came then is its for good.
    told: Option<Instant>,
}

#[derive(Debug)]
struct Turn {
    item_id: String,
    committed: Option<Instant>,
    written: bool,
}

/// What the media side is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Has {
    /// Speech that had reached the AI as it said a word that came then is its for good.
    pub(super) told: Instant,
    /// What was sent since is of a turn that is not.
    pub(super) is_open: bool,
}

impl Turns {
    /// An event of the AI's. What has changed, if anything has.
    pub(super) fn read(&mut self, now: Instant, what: &What) -> Option<Has> {
        let before = (self.told, self.is_open());
        match what {
            What::SpeechStarted { item_id, .. } => {
                if !self.is_open() {
                    let onset = now.checked_sub(ONSET_MAX).unwrap_or(now);
                    self.told = Some(self.told.map_or(onset, |told| told.max(onset)));
                }
                self.turn(item_id);
            }
            What::Committed { item_id, .. } => {
                self.turn(item_id).committed.get_or_insert(now);
            }
            What::UserDone { part, .. } | What::UserFailed { part, .. } => {
                if let Some(turn) = self.open.iter_mut().find(|turn| turn.item_id == part.item_id) {
                    turn.written = true;
                }
            }
            _ => {}
        }
        self.close(now);
        let after = (self.told, self.is_open());
        let told = self.told.filter(|_| before != after)?;
        Some(Has { told, is_open: after.1 })
    }

    /// The candidate is speaking, or has spoken and it is not written down.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Another leg takes the place of this one: its turns are its own.
    pub(super) fn forget(&mut self) {
        self.open.clear();
    }

    fn turn(&mut self, item_id: &str) -> &mut Turn {
        let at = self.open.iter().position(|turn| turn.item_id == item_id);
        let at = at.unwrap_or_else(|| {
            if self.open.len() >= TURNS_MAX {
                self.open.pop_front();
            }
            self.open.push_back(Turn {
                item_id: item_id.to_owned(),
                committed: None,
                written: false,
            });
            self.open.len() - 1
        });
        &mut self.open[at]
    }

    /// Turns that are written down, or never will be, up to the first that may be.
    fn close(&mut self, now: Instant) {
        while let Some(turn) = self.open.front() {
            let Some(committed) = turn.committed else { return };
            if !turn.written && now.saturating_duration_since(committed) < TRANSCRIPTION_MAX {
                return;
            }
            self.told = Some(self.told.map_or(committed, |told| told.max(committed)));
            self.open.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        clock,
        realtime::dialect::{Dialect as _, OpenAiRealtime},
    };
    use serde_json::{Value, json};

    struct Story {
        turns: Turns,
        zero: Instant,
    }

    impl Story {
        fn new() -> Self {
            Self {
                turns: Turns::default(),
                zero: clock::monotonic() + Duration::from_secs(3600),
            }
        }
        /// The event `kind` of item `id`, at so many ms; what is told, in ms.
        fn at(&mut self, ms: u64, kind: &str, id: &str) -> Option<(u128, bool)> {
            let event: Value = match kind {
                "started" => json!({ "type": "input_audio_buffer.speech_started", "item_id": id, "audio_start_ms": 0 }),
                "committed" => json!({ "type": "input_audio_buffer.committed", "item_id": id }),
                "written" => json!({ "type": "conversation.item.input_audio_transcription.completed",
                    "item_id": id, "content_index": 0, "transcript": "x" }),
                "failed" => json!({ "type": "conversation.item.input_audio_transcription.failed",
                    "item_id": id, "content_index": 0, "error": { "code": "x" } }),
                _ => json!({ "type": "rate_limits.updated", "rate_limits": [] }),
            };
            let what = OpenAiRealtime.parse(&event.to_string()).what;
            let has = self.turns.read(self.zero + Duration::from_millis(ms), &what)?;
            Some(((has.told - self.zero).as_millis(), has.is_open))
        }
    }

    #[test]
    fn a_turn_is_kept_from_before_the_word_of_it_until_it_is_written_down() {
        let mut story = Story::new();
        assert_eq!(story.at(10_000, "started", "a"), Some((8_500, true)));
        assert_eq!(story.at(14_000, "committed", "a"), None);
        assert_eq!(story.at(14_400, "other", ""), None);
        assert_eq!(story.at(14_500, "written", "a"), Some((14_000, false)));
        // the next begins at once: what is of the turn before is not said again
        assert_eq!(story.at(15_000, "started", "b"), Some((14_000, true)));
    }

    #[test]
    fn turns_that_overlap_are_released_in_order() {
        let mut story = Story::new();
        story.at(10_000, "started", "a");
        story.at(12_000, "committed", "a");
        assert_eq!(story.at(12_500, "started", "b"), None);
        assert_eq!(story.at(14_000, "committed", "b"), None);
        assert_eq!(story.at(14_100, "written", "b"), None, "the first is not written yet");
        assert_eq!(story.at(14_200, "failed", "a"), Some((14_000, false)));
    }

    #[test]
    fn a_transcription_that_never_comes_is_not_waited_for_without_end() {
        let mut story = Story::new();
        story.at(10_000, "started", "a");
        story.at(12_000, "committed", "a");
        assert_eq!(story.at(31_000, "other", ""), None);
        assert_eq!(story.at(32_000, "other", ""), Some((12_000, false)));
    }

    #[test]
    fn speech_that_was_never_said_to_begin_is_a_turn_once_it_is_one() {
        let mut story = Story::new();
        assert_eq!(
            story.at(12_000, "committed", "a"),
            None,
            "nothing is known of its beginning"
        );
        assert!(story.turns.is_open());
        assert_eq!(story.at(12_300, "written", "a"), Some((12_000, false)));
        story.at(13_000, "started", "b");
        story.turns.forget();
        assert!(!story.turns.is_open());
        assert_eq!(story.at(20_000, "started", "c"), Some((18_500, true)));
    }
}
