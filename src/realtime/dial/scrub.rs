//! Keys, and what looks like one, out of a text that may be logged.

/// The text on one line, at most `chars_max` characters, with every word replaced that holds a key, the tail of one, or a
/// piece of SDP.
pub(in crate::realtime) fn scrub(text: &str, key: Option<&str>, chars_max: usize) -> String {
    let mut clean = String::new();
    for word in text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
    {
        if !clean.is_empty() {
            clean.push(' ');
        }
        clean.push_str(if is_secret(word, key) { "[redacted]" } else { word });
        if clean.len() > chars_max * 4 {
            break;
        }
    }
    clean.chars().take(chars_max).collect()
}

fn is_secret(word: &str, key: Option<&str>) -> bool {
    let looks = ["sk-", "ek_", "sess-", "eyJ"].iter().any(|mark| word.contains(mark));
    // Services mask the middle of a key and echo its end.
    let masked = word.contains("**") || word.contains("...") && word.len() > 8;
    let sdp = ["a=", "ice-pwd", "ice-ufrag", "fingerprint:", "c=IN", "o=-"]
        .iter()
        .any(|mark| word.contains(mark));
    let ours = key.is_some_and(|key| {
        let tail: String = key
            .chars()
            .rev()
            .take(4)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        key.len() >= 8 && word.contains(&tail)
    });
    looks || masked || sdp || ours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_their_tails_and_sdp_go() {
        let key = "sk-proj-abcdefghijklmnopWXYZ";
        let table = [
            (
                "Incorrect API key provided: sk-proj-********WXYZ. You can find",
                "Incorrect API key provided: [redacted] You can find",
            ),
            ("token ek_68af000011112222 expired", "token [redacted] expired"),
            ("key (WXYZ) is bad", "key [redacted] is bad"),
            ("bad a=ice-pwd:secret here", "bad [redacted] here"),
            ("Bearer eyJhbGciOi.x.y", "Bearer [redacted]"),
            ("two\r\nlines\0here", "two lines here"),
            ("model gpt-x not found", "model gpt-x not found"),
        ];
        for (text, clean) in table {
            assert_eq!(scrub(text, Some(key), 200), clean);
        }
        assert_eq!(scrub(&"é ".repeat(999), None, 10).chars().count(), 10);
        assert_eq!(scrub(&format!("x{}", "y".repeat(100_000)), None, 5), "xyyyy");
    }
}
