//! What the interviewer says next, read off the conversation alone, as a model would.
//!
//! Nothing is remembered beside the items: a conversation replayed into a new session goes on where it was.

use serde_json::Value;

use super::items::{Item, Origin};
use crate::audio::voice::{self, Utterance};

/// An answer: words to say (none: nothing is said), then perhaps the call that ends the interview.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) speech: Option<Utterance>,
    pub(crate) call: Option<Call>,
}

/// A function call to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: String,
}

/// The tool that ends an interview, as a session may offer it.
const END_TOOL: &str = "end_session";

/// The most questions there are clips for.
pub(crate) const QUESTIONS_MAX: usize = 8;

fn question(n: usize) -> String {
    format!("q{n}")
}

fn say(names: &[&str]) -> Option<Utterance> {
    let parts: Vec<_> = names.iter().filter_map(|n| voice::line(n)).collect();
    (!parts.is_empty()).then(|| Utterance::join(&parts))
}

fn holds(words: &str, name: &str) -> bool {
    voice::line(name).is_some_and(|l| words.contains(l.text()))
}

/// The next answer. `questions` 1 to 8; `tools` the session's; `asked` the instructions of this response alone.
pub(crate) fn next<'a>(
    items: impl DoubleEndedIterator<Item = &'a Item>,
    questions: usize,
    tools: &[Value],
    asked: &str,
) -> Plan {
    let questions = questions.clamp(1, QUESTIONS_MAX);
    let mut place = Place::default();
    for item in items {
        place.pass(item);
    }
    let end = |names: &[&str]| Plan {
        speech: say(names),
        call: end_call(tools),
    };
    let only = |names: &[&str]| Plan {
        speech: say(names),
        call: None,
    };
    if place.ended {
        // The tool was answered and nobody spoke since: nothing to add.
        return if place.answered {
            only(&["over"])
        } else {
            Plan::default()
        };
    }
    if place.told_to_end || wants_end(asked) {
        return end(&["timeup"]);
    }
    let next = question(place.asked + 1);
    match (place.asked, place.answered) {
        (0, _) => only(&["hello", "q1"]),
        (n, true) if n >= questions => end(&["goodbye"]),
        (_, true) => only(&[&next]),
        (n, false) if place.replayed => only(&["resume", &question(n)]),
        (_, false) => only(&["listening"]),
    }
}

pub(super) fn end_call(tools: &[Value]) -> Option<Call> {
    let tool = tools.iter().find(|t| t["name"] == END_TOOL)?;
    let mut arguments = serde_json::Map::new();
    // Strings that the tool requires get a reason; a model would fill them too.
    if let Some(properties) = tool["parameters"]["properties"].as_object() {
        for (name, schema) in properties {
            let value = match schema["enum"].as_array().and_then(|e| e.first()) {
                Some(first) => first.clone(),
                None if schema["type"] == "string" => "all questions were asked (simulated)".into(),
                None => continue,
            };
            arguments.insert(name.clone(), value);
        }
    }
    Some(Call {
        name: END_TOOL.to_owned(),
        arguments: Value::Object(arguments).to_string(),
    })
}

pub(super) fn wants_end(text: &str) -> bool {
    let text = text.to_lowercase();
    ["say goodbye", "time is up"].iter().any(|w| text.contains(w))
}

/// Where the conversation stands.
#[derive(Debug, Default)]
struct Place {
    /// The last question asked, from 1.
    asked: usize,
    /// The candidate said something since our last words.
    answered: bool,
    /// Goodbye was said.
    ended: bool,
    /// Our last words were replayed by the client, not spoken in this session.
    replayed: bool,
    told_to_end: bool,
}

impl Place {
    fn pass(&mut self, item: &Item) {
        if item.is_user() {
            self.answered = true;
        } else if item.role() == "system" {
            self.told_to_end |= wants_end(&item.words);
        } else if item.role() == "assistant" {
            let last = (1..=QUESTIONS_MAX).rev().find(|n| holds(&item.words, &question(*n)));
            self.asked = last.unwrap_or(self.asked);
            self.ended |= ["goodbye", "timeup"].iter().any(|n| holds(&item.words, n));
            self.answered = false;
            self.told_to_end = false;
            self.replayed = item.origin == Origin::Client;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;
    use crate::conversation::items::accept;

    fn item(role: &str, words: &str) -> Item {
        let kind = if role == "assistant" {
            "output_text"
        } else {
            "input_text"
        };
        accept(
            &json!({"type": "message", "role": role, "content": [{"type": kind, "text": words}]}),
            words,
        )
        .unwrap()
    }

    fn ours(words: &str) -> Item {
        Item {
            origin: Origin::Ours,
            ..item("assistant", words)
        }
    }

    fn words(plan: &Plan) -> &str {
        plan.speech.as_ref().map_or("", Utterance::text)
    }

    #[test]
    fn a_whole_interview() {
        let tools = [
            json!({"type": "function", "name": "end_session", "parameters": {"properties": {"reason": {"type": "string"}}}}),
        ];
        let mut items = Vec::new();
        for n in 1..=6 {
            let plan = next(items.iter(), 6, &tools, "");
            assert!(holds(words(&plan), &question(n)), "{n}: {}", words(&plan));
            assert_eq!(plan.call, None);
            items.push(ours(words(&plan)));
            items.push(item("user", "an answer"));
        }
        let plan = next(items.iter(), 6, &tools, "");
        assert!(holds(words(&plan), "goodbye"));
        assert_eq!(plan.call.as_ref().unwrap().name, "end_session");
        items.push(ours(words(&plan)));
        assert!(next(items.iter(), 6, &tools, "").speech.is_none());
        items.push(item("user", "wait"));
        assert!(holds(words(&next(items.iter(), 6, &tools, "")), "over"));
        assert!(next(items.iter(), 6, &tools, "").call.is_none());
    }

    #[test]
    fn a_replayed_conversation_goes_on() {
        let said = format!(
            "{} {}",
            voice::line("hello").unwrap().text(),
            voice::line("q1").unwrap().text()
        );
        let mut items = vec![item("assistant", &said)];
        let plan = next(items.iter(), 6, &[], "");
        assert!(holds(words(&plan), "resume") && holds(words(&plan), "q1"));
        items.push(item("user", "yes"));
        assert!(holds(words(&next(items.iter(), 6, &[], "")), "q2"));
    }

    #[test]
    fn told_to_end_it_ends_and_asked_again_it_waits() {
        let asked = [ours(voice::line("q3").unwrap().text())];
        assert!(holds(words(&next(asked.iter(), 6, &[], "")), "listening"));
        assert!(holds(words(&next(asked.iter(), 6, &[], "Say goodbye now.")), "timeup"));
        let told = [
            ours(voice::line("q3").unwrap().text()),
            item("system", "Time is up: say goodbye and call end_session."),
        ];
        assert!(holds(words(&next(told.iter(), 6, &[], "")), "timeup"));
    }
}
