//! How much of a text was heard, as an estimate: text outruns sound, and truncation erases the service's own copy.
//!
//! Where the length of the whole sound is known (WebSocket), by proportion. Else by the rate of this voice in this
//! conversation, learnt from answers that sounded to their end; before any has, by a usual one.

use time::Duration;

/// Characters a second of the voices at speed 1, of a script with letters (English, measured by others: 14 to 16) and of
/// one with syllables or words for characters.
const LETTERS_PER_S: f64 = 15.0;
const IDEOGRAPHS_PER_S: f64 = 5.0;
/// Nobody speaks outside these; a measurement that says so is not one.
const PLAUSIBLE_PER_S: std::ops::RangeInclusive<f64> = 2.0..=40.0;
/// Shorter sounds teach nothing.
const LESSON_MIN: Duration = Duration::milliseconds(1000);

/// What is known of the voice's rate.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    chars: f64,
    seconds: f64,
}

impl Rate {
    /// `text` took `sound` to say.
    pub(crate) fn learn(&mut self, text: &str, sound: Duration) {
        let (chars, seconds) = (text.chars().count() as f64, sound.as_seconds_f64());
        if sound >= LESSON_MIN && PLAUSIBLE_PER_S.contains(&(chars / seconds)) {
            self.chars += chars;
            self.seconds += seconds;
        }
    }

    /// The beginning of `text` that fits in `ms` of sound; `whole_ms`: how long all of it would have been, if known.
    pub(crate) fn heard<'a>(&self, text: &'a str, ms: i64, whole_ms: Option<f64>) -> &'a str {
        let chars = text.chars().count();
        let ms = ms.max(0) as f64;
        let fits = match whole_ms {
            Some(whole) if whole >= 1.0 => chars as f64 * (ms / whole),
            _ => self.per_second(text) * ms / 1000.0,
        };
        prefix(text, if fits >= chars as f64 { chars } else { fits as usize })
    }

    /// True if all of `text` fits in `ms` of sound, by what is known: its length, or a rate that has been learnt.
    pub(super) fn covers(&self, text: &str, ms: i64, whole_ms: Option<f64>) -> bool {
        (whole_ms.is_some() || self.seconds > 0.0) && self.heard(text, ms, whole_ms) == text
    }

    fn per_second(&self, text: &str) -> f64 {
        if self.seconds > 0.0 {
            return self.chars / self.seconds;
        }
        let wide = text.chars().filter(|c| is_wide(*c)).count();
        if wide * 2 > text.chars().count() {
            IDEOGRAPHS_PER_S
        } else {
            LETTERS_PER_S
        }
    }
}

/// The first `chars` characters, back to the end of a word.
fn prefix(text: &str, chars: usize) -> &str {
    let Some((mut end, next)) = text.char_indices().nth(chars) else {
        return text;
    };
    if is_of_word(next) {
        // Back over the word that is cut: what is left ends where a word ends.
        while let Some(last) = text[..end].chars().next_back()
            && is_of_word(last)
        {
            end -= last.len_utf8();
        }
    }
    text[..end].trim_end()
}

/// A letter of a script that parts words by blanks.
fn is_of_word(c: char) -> bool {
    (c.is_alphanumeric() || c == '\'' || c == '’' || c == '-') && !is_wide(c)
}

/// CJK and the like, where each character is a syllable or a word.
fn is_wide(c: char) -> bool {
    matches!(u32::from(c), 0x2E80..=0xD7FF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_a_word_ends() {
        let table = [
            ("one two three", 0, ""),
            ("one two three", 2, ""),
            ("one two three", 3, "one"),
            ("one two three", 4, "one"),
            ("one two three", 6, "one"),
            ("one two three", 7, "one two"),
            ("one two three", 13, "one two three"),
            ("one two three", 99, "one two three"),
            ("Don't stop.", 4, ""),
            ("Don't stop.", 10, "Don't stop"),
            ("größer als ß", 8, "größer"),
            ("我们开始吧。", 3, "我们开"),
            ("", 3, ""),
        ];
        for (text, chars, heard) in table {
            assert_eq!(prefix(text, chars), heard, "{text:?} {chars}");
        }
    }

    #[test]
    fn a_known_length_goes_by_proportion_and_an_unknown_by_rate() {
        let mut rate = Rate::default();
        let text = "abcde abcde abcde abcde abcde";
        assert_eq!(rate.heard(text, 1000, Some(2000.0)), "abcde abcde");
        assert_eq!(rate.heard(text, 9000, Some(2000.0)), text);
        assert_eq!(rate.heard(text, 1000, None), "abcde abcde");
        rate.learn("0123456789 0123456789 0123456", Duration::seconds(1)); // 29 a second
        assert_eq!(rate.heard(text, 1000, None), text);
        assert_eq!(rate.heard(text, 0, None), "");
        assert_eq!(rate.heard(text, i64::MIN, Some(f64::NAN)), "");
    }

    #[test]
    fn absurd_measurements_teach_nothing() {
        let mut rate = Rate::default();
        rate.learn("a", Duration::seconds(60));
        rate.learn(&"a".repeat(10_000), Duration::seconds(1));
        rate.learn("abcdefghijkl", Duration::milliseconds(10));
        assert!((rate.per_second("abc") - LETTERS_PER_S).abs() < f64::EPSILON);
        assert!((rate.per_second("我们") - IDEOGRAPHS_PER_S).abs() < f64::EPSILON);
    }
}
