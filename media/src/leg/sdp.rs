//! The few things that a leg reads from SDP, and the few that it changes in what `rtc` wrote.
//!
//! Isn't: an SDP library (that is `rtc-sdp`, which has the say on what is valid). Works on lines, keeps what it does not
//! know. RFC 8866; RFC 7587, 7 for Opus.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

/// Larger than any honest description, in bytes.
pub(crate) const SDP_LEN_MAX: usize = 64 * 1024;

/// Candidates taken from one description; a browser has some ten.
const CANDIDATES_MAX: usize = 64;

/// Speech, mono: full band since Opus in a browser starts there, FEC in band, no DTX asked for.
const OPUS_FMTP: &str = "minptime=10;useinbandfec=1;stereo=0;sprop-stereo=0;maxplaybackrate=48000";

/// The Opus parameters that a leg's own description carries.
pub(crate) fn opus_fmtp() -> &'static str {
    OPUS_FMTP
}

/// The first value of `a=name:` anywhere.
pub(crate) fn attribute<'a>(sdp: &'a str, name: &str) -> Option<&'a str> {
    sdp.lines()
        .find_map(|line| line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

/// Names the far peer: its session's id (which an ICE restart keeps, and a new peer connection does not, even where a page
/// gives it an old certificate) and its fingerprint.
pub(crate) fn peer(sdp: &str) -> Option<(&str, &str)> {
    let origin = sdp.lines().find_map(|line| line.strip_prefix("o="))?;
    Some((origin.split(' ').nth(1)?, attribute(sdp, "fingerprint")?))
}

/// What was agreed for audio, read from the answer of whoever answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Audio {
    /// Opus' payload type.
    pub(crate) payload_type: u8,
    /// The answerer sends.
    pub(crate) answerer_sends: bool,
    /// The answerer receives.
    pub(crate) answerer_receives: bool,
    /// NACK was agreed.
    pub(crate) nack: bool,
}

/// The first audio section of an answer that is not refused and names Opus.
pub(crate) fn audio(sdp: &str) -> Option<Audio> {
    let session_direction = sdp
        .lines()
        .take_while(|line| !line.starts_with("m="))
        .find_map(direction);
    sections(sdp).into_iter().find_map(|section| {
        let media = section.first()?.strip_prefix("m=audio ")?;
        if media.split(' ').next()? == "0" {
            return None;
        }
        let payload_type = section.iter().find_map(|line| {
            let (payload_type, codec) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
            let number: u8 = payload_type.parse().ok()?;
            let is_listed = media.split(' ').skip(2).any(|listed| listed == payload_type);
            (codec.to_ascii_lowercase().starts_with("opus/48000") && number < 128 && is_listed).then_some(number)
        })?;
        let (answerer_sends, answerer_receives) = section
            .iter()
            .find_map(|line| direction(line))
            .or(session_direction)
            .unwrap_or((true, true));
        let nack = [payload_type.to_string().as_str(), "*"]
            .iter()
            .any(|which| section.iter().any(|line| *line == format!("a=rtcp-fb:{which} nack")));
        Some(Audio {
            payload_type,
            answerer_sends,
            answerer_receives,
            nack,
        })
    })
}

fn direction(line: &str) -> Option<(bool, bool)> {
    match line.trim_end() {
        "a=sendrecv" => Some((true, true)),
        "a=sendonly" => Some((true, false)),
        "a=recvonly" => Some((false, true)),
        "a=inactive" => Some((false, false)),
        _ => None,
    }
}

/// Where both directions of an answer's section are within what the offer's section leaves: an offer that only sends is
/// answered with one that only receives (RFC 3264, 6.1). `rtc` answers `sendrecv`.
pub(crate) fn reconcile(offer: &str, answer: &str) -> String {
    let whole = offer
        .lines()
        .take_while(|line| !line.starts_with("m="))
        .find_map(direction)
        .unwrap_or((true, true));
    let offered: Vec<(bool, bool)> = sections(offer)
        .iter()
        .map(|section| section.iter().find_map(|line| direction(line)).unwrap_or(whole))
        .collect();
    let mut reconciled = String::with_capacity(answer.len());
    let mut section = None;
    for line in answer.lines().map(str::trim_end) {
        if line.starts_with("m=") {
            section = Some(section.map_or(0, |index: usize| index + 1));
        }
        let their = section.and_then(|index| offered.get(index)).copied();
        let line = match (direction(line), their) {
            (Some((sends, receives)), Some((they_send, they_receive))) => {
                match (sends && they_receive, receives && they_send) {
                    (true, true) => "a=sendrecv",
                    (true, false) => "a=sendonly",
                    (false, true) => "a=recvonly",
                    (false, false) => "a=inactive",
                }
            }
            _ => line,
        };
        reconciled.push_str(line);
        reconciled.push_str("\r\n");
    }
    reconciled
}

/// Media sections, each from its `m=` line on.
fn sections(sdp: &str) -> Vec<Vec<&str>> {
    let mut sections: Vec<Vec<&str>> = Vec::new();
    for line in sdp.lines().map(str::trim_end) {
        if line.starts_with("m=") {
            sections.push(vec![line]);
        } else if let Some(section) = sections.last_mut() {
            section.push(line);
        }
    }
    sections
}

/// Whether a candidate line's value (after `candidate:`) is one that a leg can use: UDP, and an address, not a name.
/// What follows `typ` (as OpenAI's `ufrag X`) is none of our business and taken off.
pub(crate) fn usable_candidate(value: &str) -> Option<String> {
    let words: Vec<&str> = value.split_ascii_whitespace().take(8).collect();
    let [foundation, component, transport, priority, address, port, typ, kind] = words[..] else {
        return None;
    };
    let ip: IpAddr = address.parse().ok()?;
    let port: u16 = port.parse().ok()?;
    let _: u32 = priority.parse().ok()?;
    let is_usable = transport.eq_ignore_ascii_case("udp")
        && component == "1"
        && typ == "typ"
        && matches!(kind, "host" | "srflx" | "prflx" | "relay")
        && foundation.len() <= 32
        && !ip.is_unspecified()
        && !ip.is_multicast()
        && port != 0;
    // As a host candidate whatever it is: `rtc` treats remote kinds alike but for their priority, which is kept.
    is_usable.then(|| format!("{foundation} 1 udp {priority} {ip} {port} typ host"))
}

/// A remote description without the candidates that no leg can use, and with those that it can in plain form; CRLF ends
/// each line.
pub(crate) fn admit(sdp: &str) -> String {
    let mut admitted = String::with_capacity(sdp.len() + 64);
    let mut candidates = 0;
    for line in sdp.lines() {
        if let Some(value) = line.strip_prefix("a=candidate:") {
            if let Some(value) = usable_candidate(value)
                && candidates < CANDIDATES_MAX
            {
                candidates += 1;
                let _ = write!(admitted, "a=candidate:{value}\r\n");
            }
        } else {
            admitted.push_str(line.trim_end());
            admitted.push_str("\r\n");
        }
    }
    admitted
}

/// Our own description as it goes out: Opus' parameters ours, no header extensions, and the candidates that are told to
/// the world in place of the one that the agent knows itself by.
pub(crate) fn polish(sdp: &str, opus: Option<u8>, advertise: &[SocketAddr]) -> String {
    let fmtp = opus.map(|payload_type| (payload_type, format!("a=fmtp:{payload_type} ")));
    let mut polished = String::with_capacity(sdp.len() + 512);
    let mut has_candidates = false;
    for line in sdp.lines() {
        let is_dropped = line.starts_with("a=candidate:")
            || line.starts_with("a=end-of-candidates")
            || line.starts_with("a=extmap")
            || line.contains(" transport-cc");
        if is_dropped {
            continue;
        }
        match &fmtp {
            Some((payload_type, prefix)) if line.starts_with(prefix.as_str()) => {
                let _ = write!(polished, "a=fmtp:{payload_type} {OPUS_FMTP}\r\n");
            }
            _ => {
                polished.push_str(line.trim_end());
                polished.push_str("\r\n");
            }
        }
        // Candidates belong to the first section of the bundle; after its ICE password they are in good company.
        if line.starts_with("a=ice-pwd:") && !has_candidates && !advertise.is_empty() {
            has_candidates = true;
            for (index, address) in advertise.iter().enumerate() {
                let priority = (126_u32 << 24) | ((65_535 - index as u32) << 8) | 255;
                let (ip, port) = (address.ip(), address.port());
                let _ = write!(
                    polished,
                    "a=candidate:{} 1 udp {priority} {ip} {port} typ host\r\n",
                    index + 1
                );
            }
            polished.push_str("a=end-of-candidates\r\n");
        }
    }
    polished
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn candidates_of_openai_and_of_browsers() {
        let table = [
            (
                "1 1 udp 2130706431 172.214.226.198 3478 typ host ufrag Ab/cd",
                Some("1 1 udp 2130706431 172.214.226.198 3478 typ host"),
            ),
            (
                "2 1 tcp 1671430143 172.214.226.198 443 typ host tcptype passive ufrag Ab/cd",
                None,
            ),
            (
                "842163049 1 udp 1677729535 203.0.113.7 40678 typ srflx raddr 0.0.0.0 rport 0 generation 0",
                Some("842163049 1 udp 1677729535 203.0.113.7 40678 typ host"),
            ),
            (
                "1 1 UDP 1 fd00::7 4711 typ host",
                Some("1 1 udp 1 fd00::7 4711 typ host"),
            ),
            ("1 1 udp 1 4f0ec5b1-3a0e.local 4711 typ host", None),
            ("1 2 udp 1 192.0.2.1 4711 typ host", None),
            ("1 1 udp 1 192.0.2.1 0 typ host", None),
            ("1 1 udp 1 192.0.2.1", None),
            ("", None),
        ];
        for (line, usable) in table {
            assert_eq!(usable_candidate(line).as_deref(), usable, "{line}");
        }
    }

    #[test]
    fn what_an_answer_agrees_on() {
        let head = "v=0\r\na=group:BUNDLE 0\r\n";
        let table = [
            (
                "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n",
                Some((111, true, true, false)),
            ),
            (
                "m=audio 9 UDP/TLS/RTP/SAVPF 9 109\r\na=rtpmap:9 G722/8000\r\na=rtpmap:109 OPUS/48000/2\r\na=rtcp-fb:109 nack\r\na=recvonly\r\n",
                Some((109, false, true, true)),
            ),
            ("m=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n", None),
            ("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtpmap:0 PCMU/8000\r\n", None),
            ("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n", None),
        ];
        for (section, expected) in table {
            let found = audio(&format!("{head}{section}")).map(|audio| {
                (
                    audio.payload_type,
                    audio.answerer_sends,
                    audio.answerer_receives,
                    audio.nack,
                )
            });
            assert_eq!(found, expected, "{section}");
        }
    }
}
