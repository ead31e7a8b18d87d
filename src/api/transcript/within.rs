//! Whether a browser's text lies within what the tap has: pure.

use crate::ids::EntryId;

/// The last entry that holds the text, white space aside. The last, since a browser reports what it just heard.
pub(super) fn find<'a>(entries: impl Iterator<Item = (EntryId, &'a str)>, text: &str) -> Option<EntryId> {
    let text = plain(text);
    entries
        .filter(|(_, tapped)| plain(tapped).contains(&text))
        .last()
        .map(|(id, _)| id)
}

/// Words with one space between. Browsers and the service cut and pad deltas differently.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !plain.is_empty() {
            plain.push(' ');
        }
        plain.push_str(word);
    }
    plain
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn texts_are_found_where_they_lie() {
        let (a, b) = (EntryId::new(), EntryId::new());
        let entries = [
            (a, "Hello,  welcome\nto the interview."),
            (b, "Tell me about the interview you had."),
        ];
        let table = [
            ("Hello, welcome to the interview.", Some(a)),
            (" welcome to", Some(a)),
            ("lo, wel", Some(a)),
            ("the interview", Some(b)),
            ("hello", None),
            ("Goodbye", None),
            ("Hello, welcome to the interview. Tell me", None),
        ];
        for (text, expected) in table {
            assert_eq!(find(entries.into_iter(), text), expected, "{text}");
        }
    }
}
