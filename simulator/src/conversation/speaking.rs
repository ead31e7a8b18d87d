//! Our side: answers begun, finished, interrupted. How an item of one is made is `making.rs`.
//!
//! **Law:** one answer at a time; what is announced is finished (`done`), whatever cuts it short.

use std::{collections::VecDeque, time::Duration};

use serde_json::{Value, json};

use super::{
    Conversation, Due, Mode, exam,
    items::Item,
    making::{Making, Part},
    script::{self, Plan},
    session,
    usage::{self, Tokens},
};
use crate::{audio::voice, judge::digits_from};

/// Out-of-band answers that may wait for the one in progress; further ones are refused.
const WAITING_MAX: usize = 16;

/// What speaking keeps.
#[derive(Debug, Default)]
pub(crate) struct Speaking {
    pub(super) active: Option<Answer>,
    /// An answer was due while another was being made.
    again: bool,
    /// Out-of-band answers asked for meanwhile.
    waiting: VecDeque<(Value, Option<Vec<Item>>)>,
    /// The voice was heard: it can no longer be changed.
    pub(super) spoke: bool,
    made: u64,
    cached: Tokens,
}

impl Speaking {
    /// The response that is being made.
    pub(crate) fn active_id(&self) -> Option<&str> {
        self.active.as_ref().map(|a| a.id.as_str())
    }

    /// Keeps an out-of-band request until the answer in progress is done; false if too many wait.
    pub(crate) fn wait(&mut self, options: Value, context: Option<Vec<Item>>) -> bool {
        let room = self.waiting.len() < WAITING_MAX;
        if room {
            self.waiting.push_back((options, context));
        }
        room
    }
}

/// The answer that is being made.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(super) id: String,
    /// False: out of band, leaves no items.
    pub(super) in_conversation: bool,
    metadata: Value,
    pub(super) speaks: bool,
    parts: VecDeque<Part>,
    now_making: Option<Making>,
    pub(super) output: Vec<Value>,
    input: Tokens,
    pub(super) made: Tokens,
}

impl Conversation {
    /// A turn is over and the session wants an answer.
    pub(crate) fn answer(&mut self, now: Duration) {
        if self.speaking.active.is_some() {
            self.speaking.again = true;
            return;
        }
        self.respond(now, &json!({}), None);
    }

    /// Begins an answer. `context`: the items it is given in place of the conversation.
    pub(crate) fn respond(&mut self, now: Duration, options: &Value, context: Option<&[Item]>) {
        if self.faults.stall > 0 {
            self.faults.stall -= 1;
            return;
        }
        let in_conversation = options["conversation"] != "none";
        let tools = options["tools"].as_array().map_or(self.session.tools(), Vec::as_slice);
        let choice = options["tool_choice"]
            .as_str()
            .or(self.session.value()["tool_choice"].as_str());
        let plan = self.plan_answer(options, context, tools, in_conversation);
        let call = plan.call.filter(|_| choice != Some("none")).map(Part::Call);
        let instructions = options["instructions"].as_str().unwrap_or(self.session.instructions());
        let seen = match context {
            Some(items) => Tokens::sum(items.iter()),
            None => Tokens::sum(self.items.iter()),
        };
        let answer = Answer {
            in_conversation,
            metadata: options["metadata"].clone(),
            speaks: session::speaks(&options["output_modalities"]).unwrap_or(self.session.speaks()),
            parts: plan.speech.map(Part::Message).into_iter().chain(call).collect(),
            now_making: None,
            output: Vec::new(),
            input: seen.plus(Tokens::of_text(instructions)),
            made: Tokens::default(),
            id: self.id("resp"),
        };
        let response = self.response_value(&answer, "in_progress", &Value::Null, None);
        self.speaking.made += 1;
        self.speaking.active = Some(answer);
        self.emit(json!({"type": "response.created", "response": response}));
        if self.speaking.made.is_multiple_of(3) {
            self.rate_limits();
        }
        self.plan(now + self.setup.think.mul_f32(self.pace()), Due::Step);
    }

    fn plan_answer(&self, options: &Value, context: Option<&[Item]>, tools: &[Value], in_conversation: bool) -> Plan {
        if self.setup.mode == Mode::Judge {
            let asked = options["metadata"]["digits"].as_str().map(digits_from);
            let digits = asked.unwrap_or_else(|| self.setup.judge.sequence());
            return Plan {
                speech: Some(voice::digits(&digits, &self.setup.judge.pattern())),
                call: None,
            };
        }
        if !in_conversation {
            return Plan {
                speech: voice::line("listening"),
                call: None,
            };
        }
        let asked = options["instructions"].as_str().unwrap_or_default();
        if self.setup.mode == Mode::Exam {
            return match context {
                Some(items) => exam::next(items.iter(), &self.setup.exam, tools, asked),
                None => exam::next(self.items.iter(), &self.setup.exam, tools, asked),
            };
        }
        match context {
            Some(items) => script::next(items.iter(), self.setup.questions, tools, asked),
            None => script::next(self.items.iter(), self.setup.questions, tools, asked),
        }
    }

    fn pace(&self) -> f32 {
        self.faults.slow.clamp(0.1, 1_000.0)
    }

    /// One step of the answer that is being made.
    pub(crate) fn step(&mut self, now: Duration) {
        let Some(mut answer) = self.speaking.active.take() else {
            return;
        };
        match answer.now_making.take() {
            None => match answer.parts.pop_front() {
                None => return self.finish(now, &answer, "completed", &Value::Null),
                Some(part) => answer.now_making = Some(self.begin(&answer, part)),
            },
            Some(mut making) => {
                self.tell(now, &answer, &mut making);
                if making.is_told() {
                    self.end(&mut answer, &making, "completed");
                } else {
                    answer.now_making = Some(making);
                }
            }
        }
        self.speaking.active = Some(answer);
        self.plan(now + self.setup.word.mul_f32(self.pace()), Due::Step);
    }

    fn finish(&mut self, now: Duration, answer: &Answer, status: &str, details: &Value) {
        let used = usage::value(answer.input, self.speaking.cached, answer.made);
        self.speaking.cached = answer.input;
        let response = self.response_value(answer, status, details, Some(&used));
        self.emit(json!({"type": "response.done", "response": response}));
        if self.speaking.made % 3 == 1 {
            self.rate_limits();
        }
        self.ear.touch();
        if std::mem::take(&mut self.speaking.again) {
            self.respond(now, &json!({}), None);
        } else if let Some((options, context)) = self.speaking.waiting.pop_front() {
            self.respond(now, &options, context.as_deref());
        }
    }

    /// Cuts short the answer that is being made, if one is.
    pub(crate) fn cancel(&mut self, now: Duration, reason: &str) -> bool {
        let Some(mut answer) = self.speaking.active.take() else {
            return false;
        };
        if let Some(making) = answer.now_making.take() {
            self.end(&mut answer, &making, "incomplete");
        }
        self.agenda.retain(|_, due| !matches!(due, Due::Step));
        self.finish(
            now,
            &answer,
            "cancelled",
            &json!({"type": "cancelled", "reason": reason}),
        );
        true
    }

    /// The candidate began to speak.
    pub(crate) fn interrupt(&mut self, now: Duration) {
        self.speaking.again = false;
        self.hush();
        self.cancel(now, "turn_detected");
    }

    /// Silences what is sounding (WebRTC): `cleared`, and `truncated` for each item with what was sent of it.
    pub(crate) fn hush(&mut self) {
        let Some((response_id, cuts)) = self.playout.clear() else {
            return;
        };
        self.emit(json!({"type": "output_audio_buffer.cleared", "response_id": response_id}));
        for cut in cuts {
            self.truncate(&cut.item_id, cut.sent_ms);
        }
    }

    /// Erases the server's copy of what was not heard.
    pub(crate) fn truncate(&mut self, item_id: &str, audio_end_ms: u64) {
        if let Some(item) = self.items.get_mut(item_id) {
            item.truncated_ms = Some(audio_end_ms);
            item.value["content"] = json!([{"type": "output_audio", "transcript": null}]);
        }
        self.emit(json!({
            "type": "conversation.item.truncated", "item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms,
        }));
    }

    fn rate_limits(&mut self) {
        let made = self.speaking.made;
        let limit = |name: &str, limit: u64| json!({"name": name, "limit": limit, "remaining": limit - made.min(limit), "reset_seconds": 0.06});
        let limits = [limit("requests", 1_000), limit("tokens", 40_000)];
        self.emit(json!({"type": "rate_limits.updated", "rate_limits": limits}));
    }

    fn response_value(&self, answer: &Answer, status: &str, details: &Value, usage: Option<&Value>) -> Value {
        let session = self.session.value();
        json!({
            "object": "realtime.response", "id": answer.id, "status": status, "status_details": details,
            "output": answer.output, "metadata": answer.metadata, "usage": usage,
            "conversation_id": answer.in_conversation.then(|| format!("conv_sim_{}", self.setup.tag)),
            "output_modalities": [if answer.speaks { "audio" } else { "text" }],
            "max_output_tokens": session["max_output_tokens"], "audio": {"output": session["audio"]["output"]},
        })
    }
}
