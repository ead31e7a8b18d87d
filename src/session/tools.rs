//! Which tools the AI has called in this interview, over all of its legs (pure): a new leg is told of them in their places.
//!
//! Is: each call from its last argument on, then with its answer; as a row of `session_events` and back, so that a process that dies
//! takes none with it. Isn't: what a call does (`machine`), or its words for the model (`realtime::dialect`).
//! **What becomes of a call when its leg is lost:** one that was whole was acted upon and answered at once, so that it is told with
//! its answer, whether or not that had arrived. One that was not whole has done nothing: it is not told, and is made again.

use crate::{
    realtime::{
        event::{Call, What},
        history::ToolCall,
        session::END_SESSION,
    },
    store::SessionEvent,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The event of a call.
pub(super) const CALLED: &str = "tool";
/// Calls that are remembered. An interview has one or two; the oldest go, and a model that calls on and on is told of the newest.
const CALLS_MAX: usize = 32;
/// Bytes of a call's arguments that are told again; of longer ones none are.
const ARGUMENTS_BYTES_MAX: usize = 1_024;
/// Bytes of a name or an id: the service's own bound for a name.
const NAME_BYTES_MAX: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Tools {
    answered: Vec<ToolCall>,
    /// Whole, and not answered.
    open: Vec<ToolCall>,
}

/// A row's cause. Arguments are a model's words, which a row never has.
#[derive(Serialize, Deserialize)]
struct Row {
    call: String,
    name: String,
    after: i32,
    output: String,
}

impl Tools {
    /// As the rows tell, in their order.
    pub(super) fn of(events: &[SessionEvent]) -> Self {
        let mut tools = Self::default();
        for event in events.iter().filter(|event| event.leg == "ai" && event.what == CALLED) {
            // A row of a version to come may not be understood: that call is made again.
            if let Ok(row) = serde_json::from_str::<Row>(&event.cause) {
                tools.keep(ToolCall {
                    call_id: row.call,
                    name: row.name,
                    arguments: "{}".to_owned(),
                    output: row.output,
                    after: row.after,
                });
            }
        }
        tools
    }

    /// An event of the AI's; the record has `after` entries.
    pub(super) fn read(&mut self, what: &What, after: i32) {
        let call = match what {
            What::CallDone { call, .. } => Some(call),
            What::OutputItemDone { item, .. } => item.call.as_ref(),
            _ => None,
        };
        if let Some(call) = call.filter(|call| can_be_told(call)) {
            self.made(call, after);
        }
    }

    fn made(&mut self, call: &Call, after: i32) {
        // A call shows in two events, and services repeat them.
        let is_known = |known: &ToolCall| known.call_id == call.call_id;
        if self.open.iter().any(is_known) || self.answered.iter().any(is_known) || self.open.len() >= CALLS_MAX {
            return;
        }
        let is_json = call.arguments.len() <= ARGUMENTS_BYTES_MAX
            && serde_json::from_str::<Value>(&call.arguments).is_ok_and(|arguments| arguments.is_object());
        self.open.push(ToolCall {
            call_id: call.call_id.clone(),
            name: call.name.clone(),
            arguments: if is_json {
                call.arguments.clone()
            } else {
                "{}".to_owned()
            },
            output: String::new(),
            after,
        });
    }

    /// A call is answered. What its row says, if it is to be told of.
    pub(super) fn answer(&mut self, call_id: &str, output: &Value) -> Option<String> {
        let at = self.open.iter().position(|call| call.call_id == call_id)?;
        let call = ToolCall {
            output: output.to_string(),
            ..self.open.remove(at)
        };
        let row = Row {
            call: call.call_id.clone(),
            name: call.name.clone(),
            after: call.after,
            output: call.output.clone(),
        };
        self.keep(call);
        serde_json::to_string(&row).ok()
    }

    /// The leg is gone: what it was not answered it cannot be.
    pub(super) fn forget_unanswered(&mut self) {
        self.open.clear();
    }

    /// In the order of the record.
    pub(super) fn answered(&self) -> &[ToolCall] {
        &self.answered
    }

    /// The interviewer has asked to end the interview.
    pub(super) fn asked_to_end(&self) -> bool {
        self.answered.iter().any(|call| call.name == END_SESSION)
    }

    fn keep(&mut self, call: ToolCall) {
        if self.answered.iter().any(|known| known.call_id == call.call_id) {
            return;
        }
        if self.answered.len() >= CALLS_MAX {
            self.answered.remove(0);
        }
        let place = self.answered.partition_point(|known| known.after <= call.after);
        self.answered.insert(place, call);
    }
}

/// Whether a service would take the call as an item.
fn can_be_told(call: &Call) -> bool {
    let is_name = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    !call.name.is_empty()
        && call.name.len() <= NAME_BYTES_MAX
        && call.name.bytes().all(is_name)
        && (1..=NAME_BYTES_MAX).contains(&call.call_id.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::realtime::dialect::{Dialect as _, OpenAiRealtime};
    use serde_json::json;
    use time::macros::datetime;

    fn done(call_id: &str, name: &str, arguments: &str) -> What {
        let event = json!({ "type": "response.function_call_arguments.done", "response_id": "r", "item_id": "i",
            "call_id": call_id, "name": name, "arguments": arguments });
        OpenAiRealtime.parse(&event.to_string()).what
    }

    fn row(cause: String) -> SessionEvent {
        SessionEvent {
            id: uuid::Uuid::nil(),
            at: datetime!(2026-11-24 16:40 UTC),
            leg: "ai".into(),
            what: CALLED.into(),
            cause,
        }
    }

    #[test]
    fn a_call_is_told_once_it_is_answered_in_its_place_and_once() {
        let mut tools = Tools::default();
        tools.read(&done("b", "look_up", r#"{"n":1}"#), 7);
        tools.read(&done("b", "look_up", r#"{"n":1}"#), 8);
        assert!(tools.answered().is_empty(), "not yet");
        assert!(tools.answer("b", &json!({ "ok": true })).is_some());
        assert_eq!(tools.answer("b", &json!({ "ok": true })), None, "it is answered");
        tools.read(&done("b", "look_up", "{}"), 9);
        assert_eq!(tools.answer("b", &json!({})), None);
        tools.read(&done("a", END_SESSION, "{}"), 9);
        assert!(!tools.asked_to_end());
        tools.answer("a", &json!({ "ok": true }));
        assert!(tools.asked_to_end());
        let told: Vec<_> = tools
            .answered()
            .iter()
            .map(|call| (call.call_id.as_str(), call.after))
            .collect();
        assert_eq!(told, [("b", 7), ("a", 9)]);
        assert_eq!(tools.answered()[0].arguments, r#"{"n":1}"#);
        assert_eq!(tools.answered()[0].output, r#"{"ok":true}"#);
    }

    #[test]
    fn a_call_whose_leg_was_lost_before_it_was_answered_is_made_again() {
        let mut tools = Tools::default();
        tools.read(&done("a", END_SESSION, "{}"), 3);
        tools.forget_unanswered();
        assert_eq!(tools.answer("a", &json!({ "ok": true })), None);
        assert!(tools.answered().is_empty() && !tools.asked_to_end());
    }

    #[test]
    fn a_process_that_follows_knows_the_calls_and_none_of_their_words() {
        let mut tools = Tools::default();
        tools.read(&done("a", "look_up", r#"{"q":"what they said"}"#), 3);
        let first = tools.answer("a", &json!({ "error": "there is no such tool" })).unwrap();
        assert!(!first.contains("what they said"), "{first}");
        tools.read(&done("b", END_SESSION, "{}"), 5);
        let second = tools.answer("b", &json!({ "ok": true })).unwrap();
        let rows = [
            row(first.clone()),
            row("of a version to come".into()),
            row(second),
            row(first),
        ];
        let restored = Tools::of(&rows);
        assert!(restored.asked_to_end());
        let told: Vec<_> = restored
            .answered()
            .iter()
            .map(|call| {
                (
                    call.call_id.as_str(),
                    call.after,
                    call.arguments.as_str(),
                    call.output.as_str(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("a", 3, "{}", r#"{"error":"there is no such tool"}"#),
                ("b", 5, "{}", r#"{"ok":true}"#)
            ]
        );
    }

    #[test]
    fn what_a_service_would_not_take_as_an_item_is_not_told() {
        let mut tools = Tools::default();
        let long = "x".repeat(65);
        for (id, name) in [
            ("a", "two words"),
            ("b", ""),
            ("c", long.as_str()),
            (long.as_str(), "ok"),
            ("", "ok"),
        ] {
            tools.read(&done(id, name, "{}"), 1);
            assert_eq!(tools.answer(id, &json!({})), None, "{id} {name}");
        }
        // arguments that are none, or too many, are told as none
        for (id, arguments) in [
            ("d", "nonsense"),
            ("e", &format!("{{\"x\":\"{}\"}}", "y".repeat(2_000))),
            ("f", "[]"),
        ] {
            tools.read(&done(id, "ok", arguments), 1);
            tools.answer(id, &json!({}));
        }
        assert!(tools.answered().iter().all(|call| call.arguments == "{}"));
        for n in 0..100 {
            tools.read(&done(&format!("n{n}"), "ok", "{}"), 2);
            tools.answer(&format!("n{n}"), &json!({}));
        }
        assert_eq!(tools.answered().len(), CALLS_MAX);
        assert_eq!(tools.answered().last().unwrap().call_id, "n99");
    }
}
