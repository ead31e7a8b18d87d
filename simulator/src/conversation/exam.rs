//! Exam mode: an interview in digits, so that ears at both ends can count what became of every word.
//!
//! Turns are taken by the sound, as an interviewer takes them. The candidate's turn is an item whose words are the digits
//! heard in it; each answer counts on from the last digit that the assistant has said in its items, up to the next 9. So
//! whatever became of the sessions in between, a candidate hears 0 1 2 … 9 again and again, none missing.
//! **Law:** like `script`, it reads the items alone. What was cut off in this session counts as far as it was sent; what a
//! client replays counts as far as its text goes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    items::Item,
    script::{Plan, end_call, wants_end},
};
use crate::{
    audio::voice,
    judge::{Pattern, digits_in_words},
};

/// The last digit of a count.
const LAST: u8 = 9;

/// Exam mode's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Exam {
    /// Counts to 9 before the goodbye, 1 to 1000.
    pub(crate) turns: usize,
    /// From one burst's start to the next's, in ms. Ten of the usual ones take as long as their words: 15 characters a second.
    pub(crate) interval_ms: u32,
    /// Length of a burst, in ms.
    pub(crate) burst_ms: u32,
    /// 0 to 1 of full scale.
    pub(crate) level: f32,
}

impl Default for Exam {
    fn default() -> Self {
        Self {
            turns: 6,
            interval_ms: 330,
            burst_ms: 80,
            level: 0.25,
        }
    }
}

impl Exam {
    pub(crate) fn pattern(&self) -> Pattern {
        let burst_ms = self.burst_ms.clamp(40, 100);
        Pattern {
            burst_ms,
            interval_ms: self.interval_ms.clamp(burst_ms + 60, 5_000),
            level: self.level,
            ..Pattern::at(48_000)
        }
    }

    /// How many whole bursts `ms` of an answer's sound hold.
    fn bursts_in(&self, ms: u64) -> usize {
        let pattern = self.pattern();
        let end_of_first = u64::from(pattern.lead_ms + pattern.burst_ms);
        ms.checked_sub(end_of_first)
            .map_or(0, |rest| 1 + (rest / u64::from(pattern.interval_ms)) as usize)
    }
}

/// The next answer. Nothing is said where it is the candidate's turn: who asks then is told nothing.
pub(crate) fn next<'a>(items: impl Iterator<Item = &'a Item>, exam: &Exam, tools: &[Value], asked: &str) -> Plan {
    let mut place = Place::default();
    for item in items {
        place.pass(item, exam);
    }
    let end = |name: &str| Plan {
        speech: voice::line(name),
        call: end_call(tools),
    };
    let count = |from: u8| Plan {
        speech: Some(voice::count(from, LAST, &exam.pattern())),
        call: None,
    };
    if place.parted == Parted::Whole {
        return Plan {
            speech: place.answered.then(|| voice::line("over")).flatten(),
            // said in another session, which did not come to that
            call: if place.called { None } else { end_call(tools) },
        };
    }
    if place.told_to_end || wants_end(asked) {
        return end("timeup");
    }
    if place.parted == Parted::Begun {
        return end("goodbye");
    }
    match place.last {
        Some(last) if last < LAST => count(last + 1),
        Some(_) if !place.answered => Plan::default(),
        Some(_) if place.counts >= exam.turns.clamp(1, 1_000) => end("goodbye"),
        None | Some(_) => count(0),
    }
}

#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
enum Parted {
    #[default]
    No,
    /// A goodbye was begun and cut off.
    Begun,
    Whole,
}

/// Where the conversation stands.
#[derive(Debug, Default)]
struct Place {
    /// The last digit the assistant has said.
    last: Option<u8>,
    /// Nines said.
    counts: usize,
    /// The candidate said something since.
    answered: bool,
    parted: Parted,
    /// The interview was ended, by the tool.
    called: bool,
    told_to_end: bool,
    /// `last`, `counts` and `answered` before the assistant's last item.
    before: Option<(Option<u8>, usize, bool)>,
}

impl Place {
    /// Of the last item no more was heard than these, a client says.
    fn heard_only(&mut self, digits: &[u8]) {
        let Some((last, counts, answered)) = self.before else {
            return;
        };
        self.last = digits.last().copied().or(last);
        self.counts = counts + digits.iter().map(|d| usize::from(*d == LAST)).sum::<usize>();
        self.answered = answered && digits.is_empty();
        self.parted = Parted::No;
    }

    fn pass(&mut self, item: &Item, exam: &Exam) {
        self.called |= item.value["type"] == "function_call";
        if item.is_user() {
            self.answered = true;
        } else if item.role() == "system" {
            self.told_to_end |= wants_end(&item.words);
            if let Some(heard) = told_heard(&item.words) {
                self.heard_only(&digits_in_words(heard));
            }
        } else if item.role() == "assistant" {
            self.told_to_end = false;
            let mut digits = digits_in_words(&item.words);
            if let Some(ms) = item.truncated_ms {
                digits.truncate(exam.bursts_in(ms));
            }
            let parting = parting(item);
            self.before = Some((self.last, self.counts, self.answered));
            // Of an answer that was cut off before its first digit nothing is known: the turn is as it was.
            self.answered &= digits.is_empty() && parting == Parted::No;
            self.counts += digits.iter().map(|d| usize::from(*d == LAST)).sum::<usize>();
            self.last = digits.last().copied().or(self.last);
            if self.parted != Parted::Whole {
                self.parted = parting;
            }
        }
    }
}

/// What a note says was heard of the assistant's last words: in quotes, or nothing. A model would understand it in any words.
fn told_heard(words: &str) -> Option<&str> {
    if words.contains("heard nothing of what you said last") {
        return Some("");
    }
    let (_, rest) = words.split_once("they heard this: \"")?;
    rest.split_once('"').map(|(heard, _)| heard)
}

/// How much of a goodbye an item holds.
fn parting(item: &Item) -> Parted {
    for name in ["goodbye", "timeup"] {
        let Some(line) = voice::line(name) else { continue };
        if item.words.contains(line.text()) && item.truncated_ms.is_none() {
            return Parted::Whole;
        }
        let said = item.words.split(" …").next().unwrap_or_default().trim();
        if !said.is_empty() && line.text().starts_with(said) {
            return Parted::Begun;
        }
    }
    Parted::No
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;
    use crate::{
        audio::voice::Utterance,
        conversation::items::{Origin, accept},
    };

    fn item(role: &str, words: &str) -> Item {
        let kind = if role == "assistant" {
            "output_text"
        } else {
            "input_text"
        };
        let value = json!({"type": "message", "role": role, "content": [{"type": kind, "text": words}]});
        accept(&value, words).unwrap()
    }

    fn cut(words: &str, ms: u64) -> Item {
        Item {
            origin: Origin::Ours,
            truncated_ms: Some(ms),
            ..item("assistant", words)
        }
    }

    fn said(items: &[Item], turns: usize) -> (String, bool) {
        let exam = Exam {
            turns,
            ..Exam::default()
        };
        let plan = next(items.iter(), &exam, &[json!({"name": "end_session"})], "");
        (
            plan.speech.as_ref().map_or("", Utterance::text).to_owned(),
            plan.call.is_some(),
        )
    }

    const ALL: &str = "zero one two three four five six seven eight nine";

    #[test]
    fn each_answer_counts_on_from_the_last_digit_said() {
        let user = || item("user", "[simulated transcript] turn 1, digits nine one");
        let all = || item("assistant", ALL);
        let goodbye = voice::line("goodbye").unwrap();
        let goodbye = goodbye.text();
        let table: [(&[Item], &str, bool); 13] = [
            (&[], ALL, false),
            (&[item("system", "It is back.")], ALL, false),
            (&[all()], "", false),
            (&[all(), user()], ALL, false),
            (&[all(), user(), all(), user()], goodbye, true),
            (
                &[item("assistant", "zero one two … (interrupted)")],
                "three four five six seven eight nine",
                false,
            ),
            (
                &[item("assistant", "zero one two … (interrupted)"), user()],
                "three four five six seven eight nine",
                false,
            ),
            (&[all(), user(), item("assistant", " … (interrupted)")], ALL, false),
            (&[all(), user(), cut(ALL, 119)], ALL, false),
            (
                &[all(), user(), cut(ALL, 120), user()],
                "one two three four five six seven eight nine",
                false,
            ),
            (&[all(), user(), cut(ALL, 40 + 330 * 8 + 80)], "nine", false),
            (&[all(), user(), item("assistant", goodbye)], "", true),
            (
                &[all(), user(), item("assistant", "Thank you. Those … (interrupted)")],
                goodbye,
                true,
            ),
        ];
        for (n, (items, words, ends)) in table.into_iter().enumerate() {
            assert_eq!(said(items, 2), (words.to_owned(), ends), "line {n}");
        }
    }

    #[test]
    fn no_clip_of_the_end_holds_a_digit() {
        for name in ["goodbye", "timeup", "over"] {
            assert!(digits_in_words(voice::line(name).unwrap().text()).is_empty(), "{name}");
        }
    }

    #[test]
    fn told_to_end_it_ends() {
        let items = [item("assistant", ALL), item("system", "The time is up.")];
        assert!(said(&items, 6).0.contains("our time is up"));
    }
}
