//! What a conversation is made with: mode, pace, faults.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::exam::Exam;
use crate::judge::{Pattern, digits_from};

/// How sound travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// On a track; the server keeps the play-out clock.
    WebRtc,
    /// In events; the client does.
    WebSocket,
}

/// What the simulator plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Asks questions, listens to answers.
    #[default]
    Interviewer,
    /// Says digits, writes down digits.
    Judge,
    /// An interview in digits (`exam.rs`).
    Exam,
}

impl Mode {
    /// Whether the candidate's sounds are decoded as digits.
    pub(crate) fn decodes(self) -> bool {
        matches!(self, Self::Judge | Self::Exam)
    }
}

/// Judge mode's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Judge {
    /// How many digits an answer has, unless `digits` says which.
    pub(crate) count: usize,
    /// The digits themselves, as text.
    pub(crate) digits: Option<String>,
    /// From one burst's start to the next's, in ms.
    pub(crate) interval_ms: u32,
    /// Length of a burst, in ms.
    pub(crate) burst_ms: u32,
    /// 0 to 1 of full scale.
    pub(crate) level: f32,
    /// A low hum under the digits and between them, 0 to 1 of full scale (0.006 at most): tells a pause from a cut.
    pub(crate) hum: f32,
    /// Whether the candidate's sounds interrupt ours and make turns.
    pub(crate) barge_in: bool,
}

impl Default for Judge {
    fn default() -> Self {
        Self {
            count: 20,
            digits: None,
            interval_ms: 160,
            burst_ms: 80,
            level: 0.25,
            hum: 0.0,
            barge_in: false,
        }
    }
}

impl Judge {
    pub(crate) fn pattern(&self) -> Pattern {
        let burst_ms = self.burst_ms.clamp(40, 1_000);
        Pattern {
            burst_ms,
            interval_ms: self.interval_ms.clamp(burst_ms, 10_000),
            level: self.level,
            hum: self.hum,
            ..Pattern::at(48_000)
        }
    }

    /// What to say: the digits told, or `count` of a fixed sequence without long repeats.
    pub(crate) fn sequence(&self) -> Vec<u8> {
        match &self.digits {
            Some(text) => digits_from(text),
            None => (0..self.count.min(5_000))
                .map(|n| ((n * 7 + n / 10 * 3 + n / 50) % 10) as u8)
                .collect(),
        }
    }
}

/// What happens to the candidate's transcripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub(crate) enum Transcripts {
    /// 250 ms after the turn.
    #[default]
    Ordinary,
    /// So much later.
    Late { ms: u64 },
    /// `…failed` in their place.
    Failed,
    /// Completed with no words.
    Empty,
    /// Two content parts, the second completed first.
    Multipart,
    /// Never.
    Missing,
}

/// What goes wrong inside a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Faults {
    /// So many of the next answers never come.
    pub(crate) stall: u32,
    /// What happens to transcripts.
    pub(crate) transcripts: Transcripts,
    /// Everything it thinks takes so many times longer; 1 is ordinary.
    pub(crate) slow: f32,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            stall: 0,
            transcripts: Transcripts::default(),
            slow: 1.0,
        }
    }
}

/// All that is fixed for one session.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Makes ids of this call differ from every other's.
    pub(crate) tag: String,
    pub(crate) transport: Transport,
    pub(crate) mode: Mode,
    /// 1 to 8.
    pub(crate) questions: usize,
    pub(crate) judge: Judge,
    pub(crate) exam: Exam,
    pub(crate) faults: Faults,
    /// Wall clock at the call's beginning, in ms of the epoch.
    pub(crate) epoch_ms: u64,
    /// Whether silence is sent between turns.
    pub(crate) continuous: bool,
    /// From the end of a turn to the first word of the answer.
    pub(crate) think: Duration,
    /// From one word to the next: text outruns sound.
    pub(crate) word: Duration,
    /// The session's most.
    pub(crate) lifetime: Duration,
}

impl Setup {
    /// How spoken digits are laid out.
    pub(crate) fn pattern(&self) -> Pattern {
        match self.mode {
            Mode::Exam => self.exam.pattern(),
            Mode::Interviewer | Mode::Judge => self.judge.pattern(),
        }
    }
}
