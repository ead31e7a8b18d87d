//! The candidate's side: sound in, turns and transcripts out.
//!
//! **Law:** a turn begins and ends by the sound alone. No event of the client's is made up here, no clock is read; even the
//! idle timeout counts received sound.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Conversation, Due, Mode, Transcripts,
    error::ApiError,
    items::{Item, Origin},
    session::TurnDetection,
};
use crate::{
    audio::{
        RATE,
        vad::{Change, Vad},
    },
    judge::{Detector, words_of},
};

/// The transcription's ordinary delay after a turn.
const TRANSCRIBE_MS: u64 = 250;

/// What listening keeps.
#[derive(Debug)]
pub(crate) struct Ear {
    vad: Vad,
    detector: Detector,
    /// The item that the speech in progress will be.
    pending: Option<String>,
    /// Sound since the last commit or clear, where turns are made by hand.
    buffered_ms: u64,
    /// Received sound, in ms, at the last thing that was not silence.
    busy_until_ms: u64,
    /// Digits heard since the last turn ended.
    digits: Vec<u8>,
    turns: u64,
}

impl Ear {
    pub(crate) fn new() -> Self {
        Self {
            vad: Vad::new(),
            detector: Detector::new(RATE),
            pending: None,
            buffered_ms: 0,
            busy_until_ms: 0,
            digits: Vec::new(),
            turns: 0,
        }
    }

    /// Something happened that is not silence: the idle timeout counts from here.
    pub(crate) fn touch(&mut self) {
        self.busy_until_ms = self.vad.heard_ms();
    }
}

impl Conversation {
    /// Sound of the candidate's, in the sender's time; of its beginning `told` samples were listened to already.
    pub(crate) fn hear(&mut self, now: Duration, pcm: &[i16], told: usize) {
        if self.setup.mode.decodes() {
            self.judge(now, pcm);
        }
        self.listen(now, &pcm[told.min(pcm.len())..]);
    }

    /// What turn detection makes of it.
    pub(crate) fn listen(&mut self, now: Duration, pcm: &[i16]) {
        let before = self.ear.vad.heard_ms();
        let detection = self.detection();
        let changes = self.ear.vad.push(pcm, detection.as_ref().map(|d| &d.vad));
        self.ear.buffered_ms += self.ear.vad.heard_ms() - before;
        let Some(detection) = detection else { return };
        for change in changes {
            match change {
                Change::Started { start_ms } => self.speech_started(now, start_ms, &detection),
                Change::Stopped { end_ms, loud_ms } => self.speech_stopped(now, end_ms, loud_ms, &detection),
            }
        }
        self.idle(now, &detection);
    }

    /// What decides turns; in judge mode nothing does unless barge-in is asked for.
    fn detection(&self) -> Option<TurnDetection> {
        let detection = self.session.turn_detection();
        if self.setup.mode == Mode::Judge && !self.setup.judge.barge_in {
            None
        } else {
            detection
        }
    }

    fn judge(&mut self, now: Duration, pcm: &[i16]) {
        for heard in self.ear.detector.push(pcm) {
            // The newest sample arrived now; the burst began so many samples before it.
            let ago = self.ear.detector.samples().saturating_sub(heard.at_sample);
            let at = now.saturating_sub(Duration::from_micros(ago * 1_000_000 / u64::from(RATE)));
            self.record.digit(&self.setup, at, heard.digit);
            self.ear.digits.push(heard.digit);
        }
    }

    fn speech_started(&mut self, now: Duration, start_ms: u64, detection: &TurnDetection) {
        let item_id = self.id("item");
        self.ear.pending = Some(item_id.clone());
        self.emit(json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": start_ms, "item_id": item_id}));
        if detection.interrupt_response {
            self.interrupt(now);
        }
    }

    fn speech_stopped(&mut self, now: Duration, end_ms: u64, loud_ms: u64, detection: &TurnDetection) {
        let item_id = self.ear.pending.take().unwrap_or_else(|| self.id("item"));
        self.emit(json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": end_ms, "item_id": item_id}));
        self.turn(now, &item_id, loud_ms);
        if detection.create_response && self.setup.mode != Mode::Judge {
            self.answer(now);
        }
    }

    fn idle(&mut self, now: Duration, detection: &TurnDetection) {
        if self.ear.vad.speaking() || self.playout.busy() || self.speaking.active_id().is_some() {
            self.ear.touch();
        }
        let (heard, since) = (self.ear.vad.heard_ms(), self.ear.busy_until_ms);
        if detection.idle_timeout_ms.is_none_or(|limit| heard < since + limit) {
            return;
        }
        self.ear.touch();
        let item_id = self.id("item");
        self.emit(json!({"type": "input_audio_buffer.timeout_triggered", "audio_start_ms": since, "audio_end_ms": heard, "item_id": item_id}));
        self.commit(&item_id, 0);
        self.answer(now);
    }

    /// A turn is over: it becomes an item, and is transcribed if the session asks.
    fn turn(&mut self, now: Duration, item_id: &str, loud_ms: u64) {
        let multipart = self.faults.transcripts == Transcripts::Multipart;
        self.commit(item_id, loud_ms);
        self.ear.turns += 1;
        let words = self.words(loud_ms);
        if let Some(item) = self.items.get_mut(item_id) {
            item.words.clone_from(&words);
        }
        if self.session.transcribes() {
            let parts = if multipart { 2 } else { 1 };
            self.transcribe(now, item_id, &words, parts, loud_ms);
        }
    }

    fn commit(&mut self, item_id: &str, audio_ms: u64) {
        self.ear.buffered_ms = 0;
        let part = json!({"type": "input_audio", "transcript": null});
        let parts = if self.faults.transcripts == Transcripts::Multipart && audio_ms > 0 {
            2
        } else {
            1
        };
        let value = json!({"id": item_id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user", "content": vec![part; parts]});
        let item = Item {
            id: item_id.to_owned(),
            value: value.clone(),
            origin: Origin::Heard,
            words: String::new(),
            audio_ms,
            truncated_ms: None,
        };
        let previous = self.items.push(item);
        self.emit(json!({"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": item_id}));
        self.emit(json!({"type": "conversation.item.added", "previous_item_id": previous, "item": value}));
        self.emit(json!({"type": "conversation.item.done", "previous_item_id": previous, "item": value}));
    }

    /// The stand-in for what was said: it says that it is one, and how long the speech was.
    fn words(&mut self, loud_ms: u64) -> String {
        let (turn, seconds) = (self.ear.turns, loud_ms as f64 / 1_000.0);
        let heard = std::mem::take(&mut self.ear.digits);
        match self.setup.mode {
            Mode::Interviewer => format!("[simulated transcript] turn {turn}, speech of {seconds:.1} s"),
            Mode::Judge => {
                let digits: Vec<String> = heard.iter().map(ToString::to_string).collect();
                format!("[simulated transcript] turn {turn}, digits {}", digits.join(" "))
            }
            Mode::Exam => format!("[simulated transcript] turn {turn}, digits {}", words_of(&heard)),
        }
    }

    fn transcribe(&mut self, now: Duration, item_id: &str, words: &str, parts: usize, loud_ms: u64) {
        const ROOT: &str = "conversation.item.input_audio_transcription";
        let pace = self.faults.slow.max(0.1);
        let mut delay = Duration::from_millis(TRANSCRIBE_MS).mul_f32(pace);
        let audio = loud_ms.div_ceil(100);
        let usage = |text: &str| {
            let out = (text.len() as u64).div_ceil(4);
            json!({"type": "tokens", "total_tokens": audio + out, "input_tokens": audio, "output_tokens": out,
                "input_token_details": {"text_tokens": 0, "audio_tokens": audio}})
        };
        // Some transcription models end their text in a line break.
        let completed = |index: usize, text: &str| {
            json!({"type": format!("{ROOT}.completed"), "item_id": item_id, "content_index": index,
                "transcript": format!("{text}\n"), "usage": usage(text)})
        };
        let delta = |index: usize, text: &str| json!({"type": format!("{ROOT}.delta"), "item_id": item_id, "content_index": index, "delta": text});
        let events = match self.faults.transcripts {
            Transcripts::Missing => return,
            Transcripts::Failed => {
                let error = json!({"type": "transcription_error", "code": "audio_unintelligible", "message": "Simulated: the audio could not be transcribed.", "param": null});
                vec![json!({"type": format!("{ROOT}.failed"), "item_id": item_id, "content_index": 0, "error": error})]
            }
            Transcripts::Empty => vec![
                json!({"type": format!("{ROOT}.completed"), "item_id": item_id, "content_index": 0, "transcript": "", "usage": usage("")}),
            ],
            mode => {
                if let Transcripts::Late { ms } = mode {
                    delay = Duration::from_millis(ms);
                }
                match words.split_once(',').filter(|_| parts == 2) {
                    Some((first, second)) => {
                        let second = second.trim();
                        vec![
                            delta(1, second),
                            completed(1, second),
                            delta(0, first),
                            completed(0, first),
                        ]
                    }
                    None => vec![delta(0, words), completed(0, words)],
                }
            }
        };
        self.plan(now + delay, Due::Say(events));
    }

    /// A transcription event is due: the item keeps the words, the client gets the event.
    pub(crate) fn transcribed(&mut self, _now: Duration, event: Value) {
        let index = event["content_index"].as_u64().unwrap_or(0) as usize;
        let item = event["item_id"].as_str().and_then(|id| self.items.get_mut(id));
        let Some(item) = item else { return }; // deleted meanwhile
        if let (Some(text), Some(part)) = (event["transcript"].as_str(), item.value["content"].get_mut(index)) {
            part["transcript"] = json!(text);
        }
        self.emit(event);
    }

    /// `input_audio_buffer.commit`.
    pub(crate) fn commit_by_hand(&mut self, now: Duration) -> Result<(), ApiError> {
        let ms = self.ear.buffered_ms;
        if ms < 100 {
            let message = format!(
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has {ms}.00ms of audio."
            );
            return Err(ApiError::new("input_audio_buffer_commit_empty", message));
        }
        // of a turn in progress what was said, not the silence before it
        let said_ms = self.ear.vad.loud_ms().unwrap_or(ms);
        self.ear.vad.reset();
        let item_id = self.ear.pending.take().unwrap_or_else(|| self.id("item"));
        self.turn(now, &item_id, said_ms);
        Ok(())
    }

    /// `input_audio_buffer.clear`.
    pub(crate) fn clear_by_hand(&mut self) {
        self.ear.vad.reset();
        self.ear.pending = None;
        self.ear.buffered_ms = 0;
        self.emit(json!({"type": "input_audio_buffer.cleared"}));
    }
}
