//! Digits as words, as a transcript has them.

const WORDS: [&str; 10] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
];

/// `digits` (each taken modulo 10) as words with a blank between them.
pub fn words_of(digits: &[u8]) -> String {
    let words: Vec<&str> = digits.iter().map(|d| WORDS[usize::from(d % 10)]).collect();
    words.join(" ")
}

/// The digits that are written as words in `text`, in order. Numerals are none: "turn 3, digits one two" holds 1 and 2.
pub fn digits_in_words(text: &str) -> Vec<u8> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter_map(|word| WORDS.iter().position(|w| w.eq_ignore_ascii_case(word)))
        .map(|digit| digit as u8)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn words_are_read_back_and_nothing_else_is() {
        let all: Vec<u8> = (0..10).collect();
        assert_eq!(digits_in_words(&words_of(&all)), all);
        let table: [(&str, &[u8]); 5] = [
            ("[simulated transcript] turn 3, digits one two two", &[1, 2, 2]),
            ("Zero one … (interrupted)", &[0, 1]),
            ("someone, anyone, ninety 7", &[]),
            ("nine\n", &[9]),
            ("", &[]),
        ];
        for (text, digits) in table {
            assert_eq!(digits_in_words(text), digits, "{text:?}");
        }
    }
}
