//! Fragments of SDP (RFC 8840): what WHIP's PATCH carries.
//!
//! Is: text to text. Isn't: ICE; the media crate sees whole offers alone, so a restart is made one here.
//! **Law:** of a fragment only ICE passes: credentials, candidates, the end of candidates. Bounded by [`CANDIDATES_MAX`].

use super::CANDIDATE_BYTES_MAX;

/// Candidates of one fragment; the rest is dropped. Browsers gather some 20.
pub(super) const CANDIDATES_MAX: usize = 64;

/// What a fragment says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fragment {
    /// `a=ice-ufrag`.
    pub(super) ufrag: Option<String>,
    /// `a=ice-pwd`.
    pub(super) pwd: Option<String>,
    /// Values of `a=candidate`, each once, as `candidate:…`.
    pub(super) candidates: Vec<String>,
    /// `a=end-of-candidates`.
    pub(super) is_end: bool,
}

impl Fragment {
    /// Reads a fragment; None where it is not one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut fragment = Self::default();
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            let (kind, value) = line.split_once('=').filter(|(kind, _)| kind.len() == 1)?;
            if kind != "a" {
                continue;
            }
            if let Some(ufrag) = value.strip_prefix("ice-ufrag:") {
                fragment.ufrag.get_or_insert(ice_chars(ufrag, 4)?);
            } else if let Some(pwd) = value.strip_prefix("ice-pwd:") {
                fragment.pwd.get_or_insert(ice_chars(pwd, 22)?);
            } else if value.starts_with("candidate:") {
                if value.len() > CANDIDATE_BYTES_MAX {
                    return None;
                }
                let is_new = !fragment.candidates.iter().any(|known| known == value);
                if is_new && fragment.candidates.len() < CANDIDATES_MAX {
                    fragment.candidates.push(value.to_owned());
                }
            } else if value == "end-of-candidates" {
                fragment.is_end = true;
            }
        }
        Some(fragment)
    }
}

/// RFC 8839, section 5.4: `ice-char`s, of which there are `min` to 256.
fn ice_chars(value: &str, min: usize) -> Option<String> {
    let is_good = |c: u8| c.is_ascii_alphanumeric() || c == b'+' || c == b'/';
    // Browsers and RFC 8839 alike; `-`, `_` and `=` are seen in the wild and harm nobody.
    let is_seen = |c: u8| is_good(c) || matches!(c, b'-' | b'_' | b'=');
    ((min..=256).contains(&value.len()) && value.bytes().all(is_seen)).then(|| value.to_owned())
}

/// The first value of an attribute anywhere in an SDP.
pub(super) fn attribute<'a>(sdp: &'a str, name: &str) -> Option<&'a str> {
    sdp.lines().find_map(|line| {
        let value = line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':')?;
        Some(value.trim_end())
    })
}

/// The offer of an ICE restart: the last offer under new credentials, with the fragment's candidates in place of the old.
pub(super) fn restart_offer(offer: &str, ufrag: &str, pwd: &str, fragment: &Fragment) -> String {
    let mut out = String::with_capacity(offer.len() + 1024);
    let mut push = |line: &str| {
        out.push_str(line);
        out.push_str("\r\n");
    };
    let mut sections = 0;
    let candidates = |push: &mut dyn FnMut(&str)| {
        for candidate in &fragment.candidates {
            push(&format!("a={candidate}"));
        }
        if fragment.is_end {
            push("a=end-of-candidates");
        }
    };
    for line in offer.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if line.starts_with("m=") {
            if sections == 1 {
                candidates(&mut push);
            }
            sections += 1;
        }
        if line.starts_with("a=candidate:") || line == "a=end-of-candidates" {
        } else if line.starts_with("a=ice-ufrag:") {
            push(&format!("a=ice-ufrag:{ufrag}"));
        } else if line.starts_with("a=ice-pwd:") {
            push(&format!("a=ice-pwd:{pwd}"));
        } else if let Some(origin) = line.strip_prefix("o=") {
            push(&format!("o={}", next_version(origin)));
        } else {
            push(line);
        }
    }
    if sections == 1 {
        candidates(&mut push);
    }
    out
}

/// RFC 8866, section 5.2: a changed description has a higher version.
fn next_version(origin: &str) -> String {
    let mut fields: Vec<String> = origin.split(' ').map(str::to_owned).collect();
    if let Some(version) = fields.get_mut(2)
        && let Ok(number) = version.parse::<u64>()
    {
        *version = number.wrapping_add(1).to_string();
    }
    fields.join(" ")
}

/// The ICE of an answer as a fragment: its credentials, and the candidates of its first section, where all is bundled.
pub(super) fn of_answer(answer: &str) -> String {
    let mut out = String::new();
    let mut sections = 0;
    for line in answer.lines().map(str::trim_end) {
        if line.starts_with("m=") {
            sections += 1;
        }
        let is_ice = ["a=ice-lite", "a=ice-options:", "a=group:BUNDLE", "a=end-of-candidates"]
            .iter()
            .any(|prefix| line.starts_with(prefix))
            || ["m=", "a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:"]
                .iter()
                .any(|prefix| line.starts_with(prefix));
        if is_ice && sections < 2 {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    const OFFER: &str = "v=0\r\no=- 42 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:oldu\r\n\
        a=ice-pwd:oldoldoldoldoldoldoldol\r\na=fingerprint:sha-256 AB\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n\
        a=end-of-candidates\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\na=ice-ufrag:oldu\r\n\
        a=ice-pwd:oldoldoldoldoldoldoldol\r\na=fingerprint:sha-256 AB\r\n";
    const FRAGMENT: &str = "a=ice-ufrag:newu\r\na=ice-pwd:newnewnewnewnewnewnewne\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n\
        a=candidate:2 1 udp 2 192.0.2.2 2 typ host\r\na=candidate:2 1 udp 2 192.0.2.2 2 typ host\r\na=end-of-candidates\r\n";

    #[test]
    fn a_fragment_is_read() {
        let fragment = Fragment::parse(FRAGMENT).unwrap();
        let expected = Fragment {
            ufrag: Some("newu".into()),
            pwd: Some("newnewnewnewnewnewnewne".into()),
            candidates: vec!["candidate:2 1 udp 2 192.0.2.2 2 typ host".into()],
            is_end: true,
        };
        assert_eq!(fragment, expected);
        assert_eq!(Fragment::parse(&FRAGMENT.replace("\r\n", "\n")).unwrap(), expected);
        assert_eq!(Fragment::parse("").unwrap(), Fragment::default());
    }

    #[test]
    fn what_is_no_fragment_is_refused() {
        let long = format!("a=candidate:{}", "x".repeat(CANDIDATE_BYTES_MAX));
        for text in [
            "{}",
            "candidate:1",
            "a=ice-ufrag:abc",
            "a=ice-ufrag:ab cd",
            "a=ice-pwd:short",
            &long,
        ] {
            assert_eq!(Fragment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_restart_changes_ice_and_nothing_else() {
        let fragment = Fragment::parse(FRAGMENT).unwrap();
        let restarted = restart_offer(OFFER, "newu", "newnewnewnewnewnewnewne", &fragment);
        let expected = OFFER
            .replace("oldu", "newu")
            .replace("oldoldoldoldoldoldoldol", "newnewnewnewnewnewnewne")
            .replace("- 42 2 IN", "- 42 3 IN")
            .replace("candidate:1 1 udp 1 192.0.2.1 1", "candidate:2 1 udp 2 192.0.2.2 2");
        assert_eq!(restarted, expected);
        let one = OFFER.split("m=application").next().unwrap();
        let restarted = restart_offer(one, "newu", "newnewnewnewnewnewnewne", &fragment);
        assert!(restarted.ends_with("a=candidate:2 1 udp 2 192.0.2.2 2 typ host\r\na=end-of-candidates\r\n"));
    }

    #[test]
    fn an_answers_ice_is_a_fragment() {
        let text = of_answer(OFFER);
        let fragment = Fragment::parse(&text).unwrap();
        assert_eq!(fragment.ufrag.as_deref(), Some("oldu"));
        assert_eq!((fragment.candidates.len(), fragment.is_end), (1, true));
        assert!(
            !text.contains("fingerprint") && !text.contains("m=application"),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([am]=)?.{0,60}(\r\n)?.{0,60}") {
            let _ = Fragment::parse(&text);
            let _ = of_answer(&text);
            let _ = restart_offer(&text, "u", "p", &Fragment::default());
        }
    }
}
