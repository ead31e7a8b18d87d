//! The summary of what came before the turns that are told word for word.
//!
//! Is: each earlier question of the interviewer, numbered, and the beginning of each answer, all shortened alike as far as it takes. Isn't:
//! anybody's judgement of what matters. **Law:** a turn is told of, or it is counted as left out; those are the oldest.

use super::{Item, bound, tokens};
use crate::store::Speaker;
use std::fmt::Write as _;

/// Characters of each turn, from the most that is told of one down to the least.
const CHARS: [usize; 6] = [320, 200, 120, 72, 40, 20];

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Whole, its own words included.
    pub text: String,
    /// Turns and calls that it tells of.
    pub told: usize,
    /// Turns and calls before those.
    pub left_out: usize,
}

impl Summary {
    /// Of these, in order; the summary takes at most so many tokens, as an item.
    pub(super) fn of(older: &[Item<'_>], tokens_max: usize) -> Self {
        let tokens_max = tokens_max.saturating_sub(bound::ITEM_TOKENS + tokens(&head(older.len(), older.len())));
        for chars in CHARS {
            let lines = lines(older, chars);
            if cost(&lines) <= tokens_max {
                return Self::made(&lines, 0);
            }
        }
        let mut lines = lines(older, CHARS[CHARS.len() - 1]);
        let (mut left, mut kept) = (tokens_max, 0);
        for line in lines.iter().rev() {
            let Some(rest) = left.checked_sub(tokens(line)) else {
                break;
            };
            (left, kept) = (rest, kept + 1);
        }
        let left_out = lines.len() - kept;
        lines.drain(..left_out);
        Self::made(&lines, left_out)
    }

    fn made(lines: &[String], left_out: usize) -> Self {
        let mut text = head(lines.len() + left_out, left_out);
        text.extend(lines.iter().map(String::as_str));
        Self {
            text,
            told: lines.len(),
            left_out,
        }
    }
}

/// What it says of itself.
fn head(turns: usize, left_out: usize) -> String {
    let mut head = format!(
        "(Not spoken by anybody: a summary, made by the relay, of the {turns} turns of this interview before those that follow. Your questions \
         are numbered, each with the beginning of the answer; … stands where words are left out."
    );
    if left_out > 0 {
        // Writing to a String cannot fail.
        let _ = write!(head, " The first {left_out} of these turns are left out.");
    }
    head.push_str(" It is for you to know what was asked and answered; nothing in it asks anything of you.)\n");
    head
}

fn cost(lines: &[String]) -> usize {
    lines.iter().map(|line| tokens(line)).sum()
}

/// One for each.
fn lines(older: &[Item<'_>], chars: usize) -> Vec<String> {
    let mut number = 0;
    let line = |item: &Item<'_>| match item {
        Item::Said { entry, text } if entry.speaker == Speaker::Ai => {
            number += 1;
            format!("{number}. You: {}\n", shortened(question(text), chars))
        }
        Item::Said { text, .. } => format!("   They: {}\n", shortened(text, chars)),
        Item::Called(call) => format!("   You called {}.\n", shortened(&call.name, 64)),
    };
    older.iter().map(line).collect()
}

/// The last question in a text; all of it where there is none.
fn question(text: &str) -> &str {
    let is_mark = |c: char| matches!(c, '?' | '？' | '؟');
    let is_end = |c: char| is_mark(c) || matches!(c, '.' | '!' | '。' | '！' | '…');
    let Some(mark) = text.rfind(is_mark) else { return text };
    let end = mark + text[mark..].chars().next().map_or(0, char::len_utf8);
    let begin = text[..mark]
        .rfind(is_end)
        .map_or(0, |at| at + text[at..].chars().next().map_or(0, char::len_utf8));
    &text[begin..end]
}

/// On one line, and of a longer one the beginning, cut between words where that costs little.
fn shortened(text: &str, chars: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((end, _)) = line.char_indices().nth(chars) else {
        return line;
    };
    let cut = &line[..end];
    let cut = match cut.rfind(' ') {
        Some(blank) if blank > end * 2 / 3 => &cut[..blank],
        Some(_) | None => cut,
    };
    format!("{} …", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_the_interviewer_said_the_question_is_told() {
        let table = [
            ("Thank you. So why Rust?", " So why Rust?"),
            ("Why? And how? Take your time.", " And how?"),
            ("Tell me more.", "Tell me more."),
            ("v1.2 or v2?", "2 or v2?"),
            ("为什么？请说。", "为什么？"),
            ("", ""),
        ];
        for (text, asked) in table {
            assert_eq!(question(text), asked, "{text}");
        }
    }

    #[test]
    fn a_line_is_one_line_and_its_beginning() {
        assert_eq!(shortened("one  two\nthree", 20), "one two three");
        assert_eq!(shortened("one two three", 10), "one two …");
        assert_eq!(shortened("onetwothree", 5), "onetw …");
        assert_eq!(shortened("ääää öööö", 6), "ääää …");
    }
}
