//! The offer read, the answer written in OpenAI's form: text in, text out.
//!
//! The `webrtc` crate negotiates; this only words the result as the captured answers are worded: ICE-lite, `setup:active`,
//! session-level fingerprint, one payload type, no extmap, no rtcp-fb, host candidates that end in `ufrag X`.

use std::fmt::Write;

/// What is wanted of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) opus_pt: u8,
    pub(crate) ice_pwd: String,
    sections: Vec<Section>,
    /// A trickling offer's own bundle; without one each section stands alone and only the first is taken.
    bundled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Section {
    media: String,
    mid: String,
    direction: &'static str,
}

impl Offer {
    /// Reads an offer; says what is wrong with it otherwise.
    pub(crate) fn parse(sdp: &str) -> Result<Self, &'static str> {
        if !sdp.starts_with("v=0") {
            return Err("it does not begin with v=0");
        }
        if !sdp.ends_with("\r\n") && !sdp.ends_with('\n') {
            return Err("its last line does not end");
        }
        let mut offer = Self {
            opus_pt: 0,
            ice_pwd: String::new(),
            sections: Vec::new(),
            bundled: false,
        };
        for line in sdp.lines() {
            let line = line.trim_end();
            if let Some(media) = line.strip_prefix("m=") {
                offer.sections.push(Section {
                    media: media.to_owned(),
                    mid: String::new(),
                    direction: "sendrecv",
                });
            } else if line.starts_with("a=group:BUNDLE") {
                offer.bundled = true;
            } else if let Some(pwd) = line.strip_prefix("a=ice-pwd:") {
                pwd.clone_into(&mut offer.ice_pwd);
            } else if let Some(rtpmap) = line.strip_prefix("a=rtpmap:") {
                let opus = rtpmap
                    .split_once(' ')
                    .filter(|(_, codec)| codec.to_lowercase().starts_with("opus/48000"));
                if let (Some((pt, _)), 0) = (opus, offer.opus_pt) {
                    offer.opus_pt = pt.parse().unwrap_or(0);
                }
            }
            if let Some(section) = offer.sections.last_mut() {
                section.read(line);
            }
        }
        if !offer.sections.iter().any(|s| s.media.starts_with("audio ")) || offer.opus_pt == 0 {
            return Err("it has no audio section with Opus");
        }
        if offer.ice_pwd.is_empty() {
            return Err("it has no ICE credentials");
        }
        Ok(offer)
    }
}

impl Section {
    fn read(&mut self, line: &str) {
        if let Some(mid) = line.strip_prefix("a=mid:") {
            mid.clone_into(&mut self.mid);
        }
        self.direction = match line {
            "a=sendonly" => "recvonly",
            "a=recvonly" => "sendonly",
            "a=inactive" => "inactive",
            _ => self.direction,
        };
    }
}

/// The answer. `local` is the crate's own description, after gathering.
pub(crate) fn compose(offer: &Offer, local: &str, ssrc: u32, tcp_lines: bool) -> String {
    let find = |prefix: &str| {
        local
            .lines()
            .find_map(|l| l.strip_prefix(prefix))
            .unwrap_or_default()
            .trim_end()
    };
    let (ufrag, pwd, fingerprint) = (find("a=ice-ufrag:"), find("a=ice-pwd:"), find("a=fingerprint:"));
    let transport = format!("a=setup:active\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n");
    let candidates = candidates(local, ufrag, tcp_lines);
    let mids: Vec<_> = offer
        .sections
        .iter()
        .filter(|s| s.taken())
        .map(|s| s.mid.as_str())
        .collect();
    let mut sdp = format!(
        "v=0\r\no=- {} 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=msid-semantic:WMS*\r\na=fingerprint:{fingerprint}\r\na=ice-lite\r\n",
        u64::from(ssrc) << 20 | 1
    );
    if offer.bundled {
        let _ = write!(sdp, "a=group:BUNDLE {}\r\n", mids.join(" "));
    }
    let mut first = true;
    for section in &offer.sections {
        let here = if std::mem::take(&mut first) {
            candidates.as_str()
        } else {
            ""
        };
        let mid = if section.mid.is_empty() {
            String::new()
        } else {
            format!("a=mid:{}\r\n", section.mid)
        };
        let pt = offer.opus_pt;
        let _ = if section.media.starts_with("audio ") {
            write!(
                sdp,
                "m=audio 9 UDP/TLS/RTP/SAVPF {pt}\r\nc=IN IP4 0.0.0.0\r\n{transport}{mid}a=rtcp-mux\r\na=rtcp-rsize\r\n\
                 a=rtpmap:{pt} opus/48000/2\r\na=fmtp:{pt} minptime=10;useinbandfec=1\r\n\
                 a=ssrc:{ssrc} cname:realtimeapi\r\na=ssrc:{ssrc} msid:realtimeapi audio\r\na=msid:realtimeapi audio\r\n\
                 a={}\r\n{here}",
                section.direction
            )
        } else if section.taken() {
            write!(
                sdp,
                "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n{transport}{mid}a=sendrecv\r\n\
                 a=sctp-port:5000\r\na=max-message-size:1073741823\r\n{here}"
            )
        } else {
            let mut words = section.media.split(' ');
            let (kind, rest) = (
                words.next().unwrap_or("video"),
                words.skip(1).collect::<Vec<_>>().join(" "),
            );
            write!(sdp, "m={kind} 0 {rest}\r\nc=IN IP4 0.0.0.0\r\n{mid}a=inactive\r\n")
        };
    }
    sdp
}

impl Section {
    fn taken(&self) -> bool {
        self.media.starts_with("audio ") || self.media.contains("webrtc-datachannel")
    }
}

fn candidates(local: &str, ufrag: &str, tcp_lines: bool) -> String {
    let mut text = String::new();
    let mut seen = Vec::new();
    for line in local.lines().map(str::trim_end) {
        let Some(rest) = line.strip_prefix("a=candidate:") else {
            continue;
        };
        let words: Vec<_> = rest.split(' ').collect();
        let [_, component, transport, priority, ip, port, ..] = words[..] else {
            continue;
        };
        if component != "1" || !transport.eq_ignore_ascii_case("udp") || seen.contains(&(ip, port)) {
            continue;
        }
        seen.push((ip, port));
        let foundation = seen.len();
        let _ = write!(
            text,
            "a=candidate:{foundation} 1 udp {priority} {ip} {port} typ host ufrag {ufrag}\r\n"
        );
        if tcp_lines {
            let lower: u32 = priority.parse::<u32>().unwrap_or(1).saturating_sub(1 << 24);
            let _ = write!(
                text,
                "a=candidate:{foundation}1 1 tcp {lower} {ip} 443 typ host tcptype passive ufrag {ufrag}\r\n"
            );
        }
    }
    text + "a=end-of-candidates\r\n"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\n\
        a=ice-ufrag:a\r\na=ice-pwd:bbbb\r\na=mid:0\r\na=extmap:1 urn:x\r\na=rtpmap:63 red/48000/2\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
        a=sendonly\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n";

    #[test]
    fn the_answer_is_in_openais_form() {
        let offer = Offer::parse(OFFER).unwrap();
        let local = "a=ice-ufrag:u/f\r\na=ice-pwd:pw\r\na=fingerprint:sha-256 AA\r\na=candidate:1 1 udp 2130706431 127.0.0.1 4000 typ host\r\n\
            a=candidate:1 2 udp 2130706431 127.0.0.1 4000 typ host\r\na=candidate:1 1 udp 2130706431 127.0.0.1 4000 typ host\r\n";
        let answer = compose(&offer, local, 9, true);
        for line in [
            "a=ice-lite",
            "a=setup:active",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            "a=fmtp:111 minptime=10;useinbandfec=1",
            "a=recvonly",
            "a=candidate:1 1 udp 2130706431 127.0.0.1 4000 typ host ufrag u/f",
            "a=group:BUNDLE 0 1",
            "a=max-message-size:1073741823",
        ] {
            assert!(answer.lines().any(|l| l == line), "{line} is not in\n{answer}");
        }
        assert_eq!(answer.matches(" udp ").count(), 1);
        assert!(!answer.contains("extmap") && !answer.contains("rtcp-fb") && answer.ends_with("\r\n"));
    }

    #[test]
    fn offers_that_cannot_be_answered() {
        for bad in [
            "",
            "v=0",
            OFFER.trim_end(),
            &OFFER.replace("opus", "PCMU"),
            &OFFER.replace("a=ice-pwd:bbbb\r\n", ""),
        ] {
            assert!(Offer::parse(bad).is_err(), "{bad:?}");
        }
    }
}
