//! What a text that a recruiter writes has to be: the same rules, and the same words, for every field of its sort.

use super::problem::Problem;

/// An address is no longer (RFC 5321, 4.5.3.1.3).
const EMAIL_BYTES_MAX: usize = 254;

/// One line for people to read: 1 to `max` characters, none of them a control character.
pub(super) fn line(pointer: &str, text: &str, max: usize) -> Result<(), Problem> {
    let count = text.chars().count();
    if text.trim().is_empty() || count > max || text.chars().any(char::is_control) {
        let detail = format!("should be one line of 1 to {max} characters");
        return Err(Problem::invalid(pointer, detail));
    }
    Ok(())
}

/// Text of up to `max` characters, of one line or several; it may be empty.
pub(super) fn text(pointer: &str, text: &str, max: usize) -> Result<(), Problem> {
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.chars().count() > max || text.chars().any(odd) {
        let detail = format!("should be text of at most {max} characters");
        return Err(Problem::invalid(pointer, detail));
    }
    Ok(())
}

/// A number within bounds.
pub(super) fn number(pointer: &str, number: u16, least: u16, most: u16) -> Result<(), Problem> {
    if (least..=most).contains(&number) {
        return Ok(());
    }
    Err(Problem::invalid(pointer, format!("should be from {least} to {most}")))
}

/// One e-mail address, as loosely as mail itself: what comes of it the mail server knows.
pub(super) fn email(pointer: &str, email: &str) -> Result<(), Problem> {
    let is_shaped = email
        .rsplit_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    let is_plain = email.chars().all(|c| !c.is_control() && !c.is_whitespace());
    let separates = email.contains([',', ';', '<', '>']);
    if !is_shaped || !is_plain || separates || email.len() > EMAIL_BYTES_MAX {
        return Err(Problem::invalid(pointer, "should be one e-mail address"));
    }
    Ok(())
}

/// A BCP 47 tag, by its shape (RFC 5646, 2.1): `en`, `de-CH`, `zh-Hant-TW`.
pub(super) fn language(pointer: &str, tag: &str) -> Result<(), Problem> {
    let mut parts = tag.split('-');
    let first = parts.next().unwrap_or_default();
    let is_language = (2..=8).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic());
    let are_subtags =
        parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    if !is_language || !are_subtags || tag.len() > 35 {
        return Err(Problem::invalid(pointer, "should be a BCP 47 tag such as en or de-CH"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn lines_and_texts_are_what_they_should_be() {
        let table = [
            ("a", true),
            ("á b", true),
            ("", false),
            ("  ", false),
            ("a\nb", false),
            ("12345\u{7}", false),
            ("123456", false),
        ];
        for (given, good) in table {
            assert_eq!(line("/x", given, 5).is_ok(), good, "{given:?}");
        }
        let table = [
            ("", true),
            ("a\nb\t", true),
            ("a\0", false),
            ("123456", false),
            ("ééééé", true),
        ];
        for (given, good) in table {
            assert_eq!(text("/x", given, 5).is_ok(), good, "{given:?}");
        }
        assert_eq!(line("/x", "", 5).unwrap_err().errors[0].pointer, "/x");
    }

    #[test]
    fn addresses_and_tags_have_their_shape() {
        let long = format!("{}@x.example", "a".repeat(250));
        let table = [
            ("a@b.example", true),
            ("\"a@b\"@c", true),
            ("jösé@müller.example", true),
            ("a", false),
            ("@b", false),
            ("a@", false),
            ("a b@c", false),
            ("a@b,c@d", false),
            ("A <a@b>", false),
            ("a@b\r\nBcc: c@d", false),
            (long.as_str(), false),
        ];
        for (given, good) in table {
            assert_eq!(email("/x", given).is_ok(), good, "{given:?}");
        }
        let table = [
            ("en", true),
            ("de-CH", true),
            ("zh-Hant-TW", true),
            ("e", false),
            ("", false),
            ("en_GB", false),
            ("en-", false),
            ("e1", false),
        ];
        for (given, good) in table {
            assert_eq!(language("/x", given).is_ok(), good, "{given:?}");
        }
    }
}
