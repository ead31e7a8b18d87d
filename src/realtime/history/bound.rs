//! How much a new AI leg may be told: derived from the model's limits, in tokens that are reckoned and not counted.
//!
//! **Law:** an estimate errs upwards. No tokenizer is at hand here, and a service's own changes with its models.

/// Of the models of the family `gpt-realtime-2`: the context, and what of it a response may take (OpenAI's model pages, 2026).
const LARGE: (usize, usize) = (128_000, 32_000);
/// Of the models before them, and of any that we do not know (OpenAI's developer notes on Realtime, 2025).
const SMALL: (usize, usize) = (32_768, 4_096);
/// Instructions and tools together, at most: the service refuses more (OpenAI's guide to Realtime).
const INSTRUCTIONS_TOKENS_MAX: usize = 16_384;
/// Items that are told word for word. Each is acknowledged by two events, for which the queue of a socket has 1024 places; and
/// a take-over is to be quick.
const ITEMS_MAX: usize = 200;
/// Of a summary, at most: some two hundred questions with the beginning of each answer.
const SUMMARY_TOKENS_MAX: usize = 8_000;
/// What an item takes beside its text: role, marks, separators.
pub(super) const ITEM_TOKENS: usize = 8;
/// The note that goes behind the history, and others of ours that follow.
const NOTES_TOKENS: usize = 512;

/// How much may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Of the model's context, in tokens.
    pub tokens: usize,
    /// Items of the service's, the summary's included.
    pub items: usize,
}

impl Bound {
    /// For that model. What is left of its context beside the instructions and one response is shared: half for what was said,
    /// as text, half for what will be said, as sound. When that is full the service drops the oldest, the summary first.
    pub fn of_model(model: &str) -> Self {
        let (context, response) = if model.starts_with("gpt-realtime-2") {
            LARGE
        } else {
            SMALL
        };
        Self {
            tokens: (context - response - INSTRUCTIONS_TOKENS_MAX) / 2 - NOTES_TOKENS,
            items: ITEMS_MAX,
        }
    }

    /// Of it, for the summary, where there is one.
    pub(super) fn summary_tokens(self) -> usize {
        (self.tokens / 4).min(SUMMARY_TOKENS_MAX)
    }
}

/// Tokens that a text takes, at most, in sixths: letters and digits of ASCII three to a token (English has more than four), other ASCII one each;
/// of letters that UTF-8 writes in two bytes (Cyrillic, Greek, Arabic) two to a token, in three (Chinese, Thai) one each.
fn sixths(c: char) -> usize {
    match c.len_utf8() {
        1 if c.is_ascii_alphanumeric() || c == ' ' => 2,
        1 | 3 => 6,
        2 => 3,
        _ => 18,
    }
}

/// Tokens that a text takes, at most: see [`Bound`].
pub fn tokens(text: &str) -> usize {
    text.chars().map(sixths).sum::<usize>().div_ceil(6)
}

/// The longest beginning of a text that takes no more than so many tokens.
fn beginning(text: &str, tokens_max: usize) -> &str {
    let mut left = tokens_max * 6;
    for (at, c) in text.char_indices() {
        let Some(rest) = left.checked_sub(sixths(c)) else {
            return &text[..at];
        };
        left = rest;
    }
    text
}

/// The longest end of a text that takes no more than so many tokens.
fn end(text: &str, tokens_max: usize) -> &str {
    let mut left = tokens_max * 6;
    for (at, c) in text.char_indices().rev() {
        let Some(rest) = left.checked_sub(sixths(c)) else {
            return &text[at + c.len_utf8()..];
        };
        left = rest;
    }
    text
}

/// Both ends of a text that takes more than so many tokens, and how many characters are left out between them.
pub(super) fn both_ends(text: &str, tokens_max: usize) -> String {
    // "… (characters left out: 123456) …" takes fewer
    let half = tokens_max.saturating_sub(32) / 2;
    let (first, last) = (beginning(text, half), end(text, half));
    let between = text.chars().count() - first.chars().count() - last.chars().count();
    format!("{first} … (characters left out: {between}) … {last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_leaves_room_for_instructions_an_answer_and_what_is_yet_to_be_said() {
        for (model, (context, response)) in [
            ("gpt-realtime-2.1", LARGE),
            ("gpt-realtime-2.1-mini", LARGE),
            ("gpt-realtime", SMALL),
            ("another", SMALL),
        ] {
            let bound = Bound::of_model(model);
            assert!(
                2 * (bound.tokens + NOTES_TOKENS) + INSTRUCTIONS_TOKENS_MAX + response <= context,
                "{model}"
            );
            assert!(
                bound.tokens > 5_000 && bound.summary_tokens() <= bound.tokens / 4,
                "{model}"
            );
        }
    }

    #[test]
    fn tokens_are_reckoned_upwards() {
        // with what a tokenizer of 200,000 entries makes of them
        let table = [
            ("Tell me about a project that you are proud of.", 11),
            ("Erzählen Sie mir von einem Projekt, auf das Sie stolz sind.", 15),
            ("Расскажите мне о проекте, которым вы гордитесь.", 13),
            ("请介绍一个让你感到自豪的项目。", 11),
            ("()[]{}<>;:,.!?", 10),
            ("", 0),
        ];
        for (text, counted) in table {
            let reckoned = tokens(text);
            assert!((counted..=3 * counted).contains(&reckoned), "{text}: {reckoned}");
        }
    }

    #[test]
    fn of_a_long_text_both_ends_are_told() {
        let text = format!("first {} last", "ä€".repeat(5_000));
        let told = both_ends(&text, 200);
        assert!(told.starts_with("first ä€") && told.ends_with("€ last"), "{told}");
        assert!(tokens(&told) <= 200, "{}", tokens(&told));
        let (left, kept) = (told.matches('€').count(), 5_000);
        let said: usize = told
            .split(": ")
            .nth(1)
            .unwrap()
            .split(')')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!((said / 2).abs_diff(kept - left) <= 1, "{said} of {left}");
    }
}
