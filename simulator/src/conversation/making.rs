//! One item of an answer, made word by word: its events, and the sound that belongs to each word.

use std::{ops::Range, time::Duration};

use serde_json::{Value, json};

use super::{
    Conversation, Mode, Transport,
    items::{Item, Origin},
    script::Call,
    session::Format,
    speaking::Answer,
    usage::Tokens,
};
use crate::{
    audio::{FRAME, FRAME_MS, g711, voice::Utterance},
    judge::{digits_from, digits_in_words},
};

/// What an item will be.
#[derive(Debug)]
pub(crate) enum Part {
    Message(Utterance),
    Call(Call),
}

/// The item that is being made.
#[derive(Debug)]
pub(crate) struct Making {
    item_id: String,
    part: Part,
    words: Vec<String>,
    /// Words told so far.
    told: usize,
    call_id: String,
}

impl Making {
    /// Whether every word has been told.
    pub(crate) fn is_told(&self) -> bool {
        self.told >= self.words.len()
    }

    fn text(&self) -> String {
        self.words[..self.told].concat()
    }

    /// An event about this item.
    fn event(&self, answer: &Answer, kind: &str) -> Value {
        json!({"type": kind, "response_id": answer.id, "item_id": self.item_id, "output_index": answer.output.len()})
    }

    /// An event about its only content part, with one more field.
    fn part_event(&self, answer: &Answer, kind: &str, field: &str, value: Value) -> Value {
        let mut event = self.event(answer, kind);
        event["content_index"] = json!(0);
        event[field] = value;
        event
    }

    /// The item as it stands.
    fn value(&self, answer: &Answer, status: &str) -> Value {
        let (id, text) = (&self.item_id, self.text());
        match &self.part {
            Part::Message(_) => {
                let content = match (status, answer.speaks) {
                    ("in_progress", _) => json!([]),
                    (_, true) => json!([{"type": "output_audio", "transcript": text}]),
                    (_, false) => json!([{"type": "output_text", "text": text}]),
                };
                json!({"id": id, "object": "realtime.item", "type": "message", "status": status, "role": "assistant", "content": content})
            }
            Part::Call(call) => json!({
                "id": id, "object": "realtime.item", "type": "function_call", "status": status,
                "name": call.name, "call_id": self.call_id, "arguments": text,
            }),
        }
    }
}

fn part_value(answer: &Answer, text: &str) -> Value {
    if answer.speaks {
        json!({"type": "audio", "transcript": text})
    } else {
        json!({"type": "text", "text": text})
    }
}

impl Conversation {
    /// Announces an item.
    pub(super) fn begin(&mut self, answer: &Answer, part: Part) -> Making {
        let (item_id, call_id) = (self.id("item"), self.id("call"));
        let words = match &part {
            Part::Message(utterance) => utterance.text().split_inclusive(' ').map(str::to_owned).collect(),
            Part::Call(call) => vec![call.arguments.clone()],
        };
        let making = Making {
            item_id,
            part,
            words,
            told: 0,
            call_id,
        };
        let value = making.value(answer, "in_progress");
        self.emit(json!({
            "type": "response.output_item.added", "response_id": answer.id, "output_index": answer.output.len(), "item": value,
        }));
        if answer.in_conversation {
            let previous = self.items.push(Item {
                id: making.item_id.clone(),
                value: value.clone(),
                origin: Origin::Ours,
                words: String::new(),
                audio_ms: 0,
                truncated_ms: None,
            });
            self.emit(json!({"type": "conversation.item.added", "previous_item_id": previous, "item": value}));
        }
        if let Part::Message(utterance) = &making.part {
            self.emit(making.part_event(answer, "response.content_part.added", "part", part_value(answer, "")));
            if answer.speaks {
                self.open_sound(answer, &making, utterance);
            }
        }
        making
    }

    fn open_sound(&mut self, answer: &Answer, making: &Making, utterance: &Utterance) {
        self.speaking.spoke = true;
        if self.setup.mode.decodes() {
            self.record.will_say(&making.item_id, self.bursts(utterance));
        }
        if self.setup.transport == Transport::WebRtc {
            self.playout.open(&answer.id, &making.item_id);
        }
    }

    /// Frame number and digit of each burst in a spoken sequence.
    fn bursts(&self, utterance: &Utterance) -> Vec<(u64, u8)> {
        let pattern = self.setup.pattern();
        let at = |n: usize| u64::from(pattern.lead_ms) + n as u64 * u64::from(pattern.interval_ms);
        let digits = match self.setup.mode {
            Mode::Exam => digits_in_words(utterance.text()),
            Mode::Interviewer | Mode::Judge => digits_from(utterance.text()),
        };
        digits
            .into_iter()
            .enumerate()
            .map(|(n, d)| (at(n) / FRAME_MS, d))
            .collect()
    }

    /// The next word and the sound that belongs to it.
    pub(super) fn tell(&mut self, now: Duration, answer: &Answer, making: &mut Making) {
        let Some(word) = making.words.get(making.told).cloned() else {
            return;
        };
        making.told += 1;
        let utterance = match &making.part {
            Part::Call(_) => {
                let mut event = making.event(answer, "response.function_call_arguments.delta");
                event["call_id"] = json!(making.call_id);
                event["delta"] = json!(word);
                return self.emit(event);
            }
            Part::Message(utterance) => utterance.clone(),
        };
        let kind = if answer.speaks {
            "response.output_audio_transcript.delta"
        } else {
            "response.output_text.delta"
        };
        self.emit(making.part_event(answer, kind, "delta", json!(word)));
        if answer.speaks {
            let (total, words) = (utterance.packets().len(), making.words.len());
            let frames = total * (making.told - 1) / words..total * making.told / words;
            self.sound(now, answer, making, &utterance, frames);
        }
    }

    fn sound(&mut self, now: Duration, answer: &Answer, making: &Making, utterance: &Utterance, frames: Range<usize>) {
        if let Some(item) = self.items.get_mut(&making.item_id) {
            item.audio_ms = frames.end as u64 * FRAME_MS;
        }
        if self.setup.transport == Transport::WebRtc {
            self.playout.add(&making.item_id, &utterance.packets()[frames]);
            return;
        }
        // The client keeps the play-out clock; what is known here is when the sound was given.
        for number in frames.clone() {
            self.record
                .sent(self.setup.epoch_ms, now, &making.item_id, number as u64);
        }
        let pcm = utterance.pcm24();
        let pcm = &pcm[frames.start * FRAME..frames.end * FRAME];
        let bytes = match self.session.output_format() {
            Format::Pcm => pcm.iter().flat_map(|s| s.to_le_bytes()).collect(),
            Format::G711 { a_law } => g711::encode(pcm, a_law),
        };
        let delta = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
        self.emit(making.part_event(answer, "response.output_audio.delta", "delta", json!(delta)));
    }

    /// Finishes an item: every `done` that it is owed.
    pub(super) fn end(&mut self, answer: &mut Answer, making: &Making, status: &str) {
        let text = making.text();
        match &making.part {
            Part::Message(_) => {
                if answer.speaks {
                    self.playout.complete(&making.item_id);
                    let mut done = making.event(answer, "response.output_audio.done");
                    done["content_index"] = json!(0);
                    self.emit(done);
                    let kind = "response.output_audio_transcript.done";
                    self.emit(making.part_event(answer, kind, "transcript", json!(text)));
                } else {
                    self.emit(making.part_event(answer, "response.output_text.done", "text", json!(text)));
                }
                let part = part_value(answer, &text);
                self.emit(making.part_event(answer, "response.content_part.done", "part", part));
            }
            Part::Call(call) => {
                let mut event = making.event(answer, "response.function_call_arguments.done");
                event["call_id"] = json!(making.call_id);
                event["name"] = json!(call.name);
                event["arguments"] = json!(text);
                self.emit(event);
            }
        }
        let value = making.value(answer, status);
        let mut made = Tokens::of_text(&text);
        if answer.in_conversation {
            let previous = self.items.before(&making.item_id);
            if let Some(item) = self.items.get_mut(&making.item_id) {
                item.words = text;
                item.value["status"] = json!(status);
                // A truncation that came first has erased the server's copy.
                if item.truncated_ms.is_none() {
                    item.value = value.clone();
                }
                made.audio = item.audio_ms.div_ceil(50);
            }
            self.emit(json!({"type": "conversation.item.done", "previous_item_id": previous, "item": value}));
        }
        self.emit(json!({
            "type": "response.output_item.done", "response_id": answer.id, "output_index": answer.output.len(), "item": value,
        }));
        answer.made = answer.made.plus(made);
        answer.output.push(value);
    }
}
