//! Conversations as the service tells them, and what must be recorded of them: the model that `world` holds the tap to.

use super::super::*;
use crate::store::Source;
use serde_json::{Value, json};

/// One thing that happens in a conversation.
#[derive(Clone, Debug)]
pub(super) enum Turn {
    /// The candidate speaks; each part transcribed, failed, or left without.
    Speaks(Vec<Heard>),
    /// The candidate types.
    Types(String),
    /// The AI answers, in one or more messages of one or more parts; perhaps cut off.
    Answers { messages: Vec<Vec<String>>, cut: Cut },
    /// The AI calls a tool; it is answered.
    Calls,
    /// We tell the model something.
    Note,
    /// A response beside the conversation.
    Aside(String),
    /// A message of an earlier call, told again.
    Replays(String),
    /// The last item is deleted from the context.
    Forgets,
}
#[derive(Clone, Debug)]
pub(super) enum Heard {
    Words(String),
    Failed,
    Nothing,
    Empty,
}
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cut {
    No,
    /// While it sounds, all being generated.
    Sounding(i64),
    /// While it is generated.
    Generating(i64),
    /// Before a word.
    AtOnce,
}

/// What the record must say of a turn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expected {
    pub(super) item: String,
    pub(super) speaker: Speaker,
    pub(super) text: String,
    pub(super) source: Source,
    pub(super) interrupted: bool,
    pub(super) heard_ms: Option<i64>,
    pub(super) gap: Option<&'static str>,
}

/// A conversation as the service tells it, and as it must be recorded.
#[derive(Default)]
pub(super) struct World {
    pub(super) events: Vec<Value>,
    pub(super) expected: Vec<Expected>,
    pub(super) replayed: Vec<String>,
    last: Option<String>,
    items: u32,
    responses: u32,
    clock_ms: i64,
}

impl World {
    pub(super) fn of(turns: &[Turn]) -> Self {
        let mut world = Self::default();
        for turn in turns {
            world.play(turn);
        }
        for (n, event) in world.events.iter_mut().enumerate() {
            event["event_id"] = json!(format!("event_{n}"));
        }
        world
    }

    fn tell(&mut self, event: Value) {
        self.events.push(event);
    }

    fn item(&mut self) -> String {
        self.items += 1;
        format!("item_{:04x}", self.items.wrapping_mul(40_503) & 0xffff) // ids do not sort by age
    }

    /// Adds an item at the end of the conversation.
    fn enter(&mut self, item: &Value, ends: &Value) {
        let previous = self.last.take();
        self.tell(json!({"type":"conversation.item.added","previous_item_id":previous,"item":item}));
        self.tell(json!({"type":"conversation.item.done","previous_item_id":previous,"item":ends}));
        self.last = item["id"].as_str().map(str::to_owned);
    }

    fn play(&mut self, turn: &Turn) {
        self.clock_ms += 1000;
        match turn {
            Turn::Speaks(parts) => self.speaks(parts),
            Turn::Types(text) => {
                let id = self.item();
                let item = json!({"id":id,"type":"message","role":"user","status":"completed",
                    "content":[{"type":"input_text","text":text}]});
                self.enter(&item, &item);
                self.expect(id, Speaker::Candidate, text.clone(), |e| e.source = Source::Typed);
            }
            Turn::Answers { messages, cut } => self.answers(messages, *cut),
            Turn::Calls => {
                let (call, output) = (self.item(), self.item());
                let item = json!({"id":call,"type":"function_call","name":"x","call_id":"c","arguments":"{}","status":"completed"});
                self.enter(&item, &item);
                self.tell(json!({"type":"response.function_call_arguments.done","item_id":call,"call_id":"c","arguments":"{}"}));
                let item = json!({"id":output,"type":"function_call_output","call_id":"c","output":"{}"});
                self.enter(&item, &item);
            }
            Turn::Note => {
                let id = self.item();
                let item =
                    json!({"id":id,"type":"message","role":"system","content":[{"type":"input_text","text":"note"}]});
                self.enter(&item, &item);
            }
            Turn::Aside(text) => {
                let (response, item) = (self.response(), self.item());
                let done = json!({"id":item,"type":"message","role":"assistant","status":"completed",
                    "content":[{"type":"output_text","text":text}]});
                let whole =
                    |status: &str| json!({"id":response,"conversation_id":null,"status":status,"output":[done]});
                self.tell(json!({"type":"response.created","response":whole("in_progress")}));
                self.tell(
                    json!({"type":"response.output_text.delta","response_id":response,"item_id":item,"delta":text}),
                );
                self.tell(
                    json!({"type":"response.output_text.done","response_id":response,"item_id":item,"text":text}),
                );
                self.tell(json!({"type":"response.output_item.done","response_id":response,"item":done}));
                self.tell(json!({"type":"response.done","response":whole("completed")}));
            }
            Turn::Replays(text) => {
                let id = self.item();
                self.replayed.push(id.clone());
                let item = json!({"id":id,"type":"message","role":"user","status":"completed",
                    "content":[{"type":"input_text","text":text}]});
                self.enter(&item, &item);
            }
            Turn::Forgets => {
                if let Some(id) = self.last.clone() {
                    self.tell(json!({"type":"conversation.item.deleted","item_id":id}));
                }
            }
        }
    }

    fn expect(&mut self, item: String, speaker: Speaker, text: String, change: impl FnOnce(&mut Expected)) {
        let mut expected = Expected {
            item,
            speaker,
            text: text.trim().to_owned(),
            source: Source::Tap,
            interrupted: false,
            heard_ms: None,
            gap: None,
        };
        change(&mut expected);
        self.expected.push(expected);
    }

    fn speaks(&mut self, parts: &[Heard]) {
        let id = self.item();
        let from = self.clock_ms;
        self.tell(json!({"type":"input_audio_buffer.speech_started","item_id":id,"audio_start_ms":from}));
        self.tell(json!({"type":"input_audio_buffer.speech_stopped","item_id":id,"audio_end_ms":from + 700}));
        self.tell(json!({"type":"input_audio_buffer.committed","item_id":id,"previous_item_id":self.last}));
        let content: Vec<Value> = parts
            .iter()
            .map(|_| json!({"type":"input_audio","transcript":null}))
            .collect();
        let item = json!({"id":id,"type":"message","role":"user","status":"completed","content":content});
        self.enter(&item, &item);
        for (n, part) in parts.iter().enumerate() {
            let kind = |end: &str| format!("conversation.item.input_audio_transcription.{end}");
            match part {
                Heard::Words(text) => {
                    for piece in text.split_inclusive(' ') {
                        self.tell(json!({"type":kind("delta"),"item_id":id,"content_index":n,"delta":piece}));
                    }
                    self.tell(json!({"type":kind("completed"),"item_id":id,"content_index":n,"transcript":format!("{text}\n")}));
                }
                Heard::Failed => {
                    self.tell(json!({"type":kind("failed"),"item_id":id,"content_index":n,"error":{"code":"x"}}));
                }
                Heard::Empty => {
                    self.tell(json!({"type":kind("completed"),"item_id":id,"content_index":n,"transcript":"\n"}));
                }
                Heard::Nothing => {}
            }
        }
        let words: Vec<&str> = parts
            .iter()
            .filter_map(|part| {
                if let Heard::Words(text) = part {
                    Some(text.trim())
                } else {
                    None
                }
            })
            .collect();
        let gap = parts.iter().find_map(|part| match part {
            Heard::Words(_) => None,
            Heard::Failed => Some("transcription_failed"),
            Heard::Nothing => Some("no_transcription"),
            Heard::Empty => Some("empty_transcription"),
        });
        self.expect(id, Speaker::Candidate, words.join(" "), |e| e.gap = gap);
    }

    fn response(&mut self) -> String {
        self.responses += 1;
        format!("resp_{}", self.responses)
    }

    fn answers(&mut self, messages: &[Vec<String>], cut: Cut) {
        let response = self.response();
        self.tell(json!({"type":"response.created","response":{"id":response,"conversation_id":"conv","status":"in_progress","output":[]}}));
        let mut output = Vec::new();
        let last_message = messages.len() - 1;
        for (index, parts) in messages.iter().enumerate() {
            let cut = if index == last_message { cut } else { Cut::No };
            output.push(self.message(&response, index, parts, cut));
        }
        let (status, details) = match cut {
            Cut::Generating(_) | Cut::AtOnce => ("cancelled", json!({"type":"cancelled","reason":"turn_detected"})),
            Cut::No | Cut::Sounding(_) => ("completed", Value::Null),
        };
        self.tell(
            json!({"type":"response.done","response":{"id":response,"conversation_id":"conv","status":status,
            "status_details":details,"output":output}}),
        );
        let end = if cut == Cut::No { "stopped" } else { "cleared" };
        if cut != Cut::AtOnce {
            self.tell(json!({"type":"output_audio_buffer.started","response_id":response}));
            self.tell(json!({"type":format!("output_audio_buffer.{end}"),"response_id":response}));
        }
    }

    fn message(&mut self, response: &str, index: usize, parts: &[String], cut: Cut) -> Value {
        let id = self.item();
        let whole = !matches!(cut, Cut::Generating(_) | Cut::AtOnce);
        let shown = |status: &str, content: &[Value]| json!({"id":id,"type":"message","role":"assistant","status":status,"content":content});
        // A truncated item has lost its transcript.
        let content: Vec<Value> = parts
            .iter()
            .map(|text| {
                if cut == Cut::No {
                    json!({"type":"output_audio","transcript":text})
                } else {
                    json!({"type":"output_audio"})
                }
            })
            .collect();
        let ended = shown(
            if whole { "completed" } else { "incomplete" },
            if cut == Cut::AtOnce { &[] } else { &content },
        );
        let begun = shown("in_progress", &[]);
        self.tell(
            json!({"type":"response.output_item.added","response_id":response,"output_index":index,"item":begun}),
        );
        self.enter(&begun, &ended);
        if cut != Cut::AtOnce {
            for (n, text) in parts.iter().enumerate() {
                let at = |mut event: Value| {
                    for (key, value) in [
                        ("response_id", json!(response)),
                        ("item_id", json!(id)),
                        ("output_index", json!(index)),
                        ("content_index", json!(n)),
                    ] {
                        event[key] = value;
                    }
                    event
                };
                self.tell(at(
                    json!({"type":"response.content_part.added","part":{"type":"audio"}}),
                ));
                for piece in text.split_inclusive(' ') {
                    self.tell(at(
                        json!({"type":"response.output_audio_transcript.delta","delta":piece}),
                    ));
                }
                self.tell(at(
                    json!({"type":"response.output_audio_transcript.done","transcript":text}),
                ));
                self.tell(at(
                    json!({"type":"response.content_part.done","part":{"type":"audio","transcript":text}}),
                ));
            }
            let heard = match cut {
                Cut::Sounding(ms) | Cut::Generating(ms) => Some(ms),
                Cut::No | Cut::AtOnce => None,
            };
            if let Some(ms) = heard {
                self.tell(
                    json!({"type":"conversation.item.truncated","item_id":id,"content_index":0,"audio_end_ms":ms}),
                );
            }
            let words: Vec<&str> = parts.iter().map(|part| part.trim()).collect();
            self.expect(id.clone(), Speaker::Ai, words.join(" "), |e| {
                e.interrupted = cut != Cut::No;
                e.heard_ms = heard;
            });
        }
        self.tell(json!({"type":"response.output_item.done","response_id":response,"output_index":index,"item":ended}));
        ended
    }
}
