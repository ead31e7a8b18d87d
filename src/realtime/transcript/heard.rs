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

/// Who has heard so much of a word has understood it. With all of it asked for, two words would often be said again where one was cut.
const UNDERSTOOD: f64 = 0.75;

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
        prefix(text, self.fits(text, ms, whole_ms))
    }

    /// True if all of `text` fits in `ms` of sound, by what is known: its length, or a rate that has been learnt.
    pub(super) fn covers(&self, text: &str, ms: i64, whole_ms: Option<f64>) -> bool {
        let is_known = whole_ms.is_some() || self.seconds > 0.0;
        is_known && self.fits(text, ms, whole_ms) >= text.chars().count() as f64
    }

    /// For how long `text` sounds, if that is known: by the length of its sound, or by a rate that has been learnt.
    pub(super) fn lasts(&self, text: &str, whole_ms: Option<f64>) -> Option<Duration> {
        let by_rate = || (self.seconds > 0.0).then(|| text.chars().count() as f64 / self.per_second(text));
        let seconds = whole_ms.map(|ms| ms / 1000.0).or_else(by_rate)?;
        Some(Duration::seconds_f64(seconds.clamp(0.0, 86_400.0)))
    }

    /// Characters.
    fn fits(&self, text: &str, ms: i64, whole_ms: Option<f64>) -> f64 {
        let ms = ms.max(0) as f64;
        match whole_ms {
            Some(whole) if whole >= 1.0 => text.chars().count() as f64 * (ms / whole),
            _ => self.per_second(text) * ms / 1000.0,
        }
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

/// The first `fits` characters, to the end of a word: of the word that is cut, if so much of it is in that it is understood, else of the
/// one before.
fn prefix(text: &str, fits: f64) -> &str {
    let Some((at, next)) = text.char_indices().nth(fits as usize) else {
        return text;
    };
    if !is_of_word(next) {
        return text[..at].trim_end();
    }
    let before = &text[..at];
    let start = before.trim_end_matches(is_of_word).len();
    let end = at + text[at..].find(|c| !is_of_word(c)).unwrap_or(text.len() - at);
    let chars = |from: usize, to: usize| text[from..to].chars().count() as f64;
    let is_in = (fits.fract() + chars(start, at)) / chars(start, end);
    text[..if is_in >= UNDERSTOOD { end } else { start }].trim_end()
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
            ("one two three", 0.0, ""),
            ("one two three", 2.2, ""),
            ("one two three", 2.3, "one"),
            ("one two three", 3.0, "one"),
            ("one two three", 4.0, "one"),
            ("one two three", 6.2, "one"),
            ("one two three", 6.3, "one two"),
            ("one two three", 11.7, "one two"),
            ("one two three", 11.8, "one two three"),
            ("one two three", 99.0, "one two three"),
            ("Don't stop.", 3.7, ""),
            ("Don't stop.", 10.0, "Don't stop"),
            ("größer als ß", 8.0, "größer"),
            ("we, unterwegs", 11.0, "we, unterwegs"),
            ("我们开始吧。", 3.9, "我们开"),
            ("", 3.0, ""),
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
