//! STUN as far as a leg needs it beside the agent: whose message is it, is it authentic, and our own consent checks.
//!
//! Isn't: an ICE agent (that is `rtc`'s). **Law:** nothing that has not been authenticated here is shown to the agent, so
//! that a stranger can neither grow its candidate lists nor reach its parser. RFC 8489, 5 and 14; RFC 8445, 7.

use rtc::crypto::{HmacAlgorithm, RTCCrypto};
use std::net::{IpAddr, SocketAddr};

/// A transaction's name: 96 random bits.
pub(crate) type TransactionId = [u8; 12];

const HEADER_LEN: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const INTEGRITY_LEN: usize = 20;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;
const ICE_CONTROLLING: u16 = 0x802A;

/// What a Binding message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// A Binding message, parsed as far as its attributes' bounds: each lies within the datagram.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding<'a> {
    bytes: &'a [u8],
    pub(crate) class: Class,
    pub(crate) transaction: TransactionId,
    /// USERNAME, as it came.
    pub(crate) username: Option<&'a [u8]>,
    pub(crate) use_candidate: bool,
    /// Where MESSAGE-INTEGRITY begins.
    integrity_at: Option<usize>,
}

impl<'a> Binding<'a> {
    /// `None` for anything but a well-formed Binding message.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let head = bytes.get(..HEADER_LEN)?;
        if head[4..8] != COOKIE {
            return None;
        }
        let class = match [head[0], head[1]] {
            [0x00, 0x01] => Class::Request,
            [0x00, 0x11] => Class::Indication,
            [0x01, 0x01] => Class::Success,
            [0x01, 0x11] => Class::Error,
            _ => return None,
        };
        if usize::from(u16::from_be_bytes([head[2], head[3]])) + HEADER_LEN != bytes.len()
            || !bytes.len().is_multiple_of(4)
        {
            return None;
        }
        let mut transaction = [0; 12];
        transaction.copy_from_slice(&head[8..20]);
        let mut binding = Self {
            bytes,
            class,
            transaction,
            username: None,
            use_candidate: false,
            integrity_at: None,
        };
        let mut at = HEADER_LEN;
        while at < bytes.len() {
            let attribute = bytes.get(at..at + 4)?;
            let (kind, len) = (
                u16::from_be_bytes([attribute[0], attribute[1]]),
                u16::from_be_bytes([attribute[2], attribute[3]]),
            );
            let value = bytes.get(at + 4..at + 4 + usize::from(len))?;
            // What follows the integrity is not covered by it (RFC 8489, 14.5), so it is not looked at.
            if binding.integrity_at.is_none() {
                match kind {
                    USERNAME => binding.username = Some(value),
                    USE_CANDIDATE => binding.use_candidate = true,
                    MESSAGE_INTEGRITY if value.len() == INTEGRITY_LEN => binding.integrity_at = Some(at),
                    MESSAGE_INTEGRITY => return None,
                    _ => {}
                }
            }
            at += 4 + usize::from(len).next_multiple_of(4);
        }
        Some(binding)
    }

    /// The ufrag of the one who is asked: what stands before the colon of USERNAME.
    pub(crate) fn asked_ufrag(&self) -> Option<&'a [u8]> {
        self.username?.split(|byte| *byte == b':').next()
    }

    /// Whether MESSAGE-INTEGRITY is there and was made with this password.
    pub(crate) fn is_authentic(&self, password: &str, crypto: &dyn RTCCrypto) -> bool {
        let Some(at) = self.integrity_at else { return false };
        let (Some(covered), Some(tag)) = (self.bytes.get(4..at), self.bytes.get(at + 4..at + 4 + INTEGRITY_LEN)) else {
            return false;
        };
        // The length that is covered ends with the integrity attribute, whatever follows it.
        let len = ((at + 4 + INTEGRITY_LEN - HEADER_LEN) as u16).to_be_bytes();
        let head = [self.bytes[0], self.bytes[1], len[0], len[1]];
        crypto
            .new_hmac(HmacAlgorithm::Sha1, password.as_bytes())
            .and_then(|mut mac| mac.verify(&[&head, covered], tag))
            .is_ok()
    }
}

/// The local ufrag that a datagram asks for, if it is a Binding request. For `demux`: no more is looked at.
pub(crate) fn asked_ufrag(bytes: &[u8]) -> Option<&[u8]> {
    let binding = Binding::parse(bytes)?;
    if binding.class == Class::Request {
        binding.asked_ufrag()
    } else {
        None
    }
}

/// What a consent check of ours says of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) transaction: TransactionId,
    /// `theirs:ours`.
    pub(crate) username: &'a str,
    /// Theirs.
    pub(crate) password: &'a str,
    pub(crate) controlling: bool,
    pub(crate) tie_breaker: u64,
    pub(crate) use_candidate: bool,
}

/// A Binding request of ours. `None` if the crypto provider fails.
pub(crate) fn request(ask: &Ask<'_>, crypto: &dyn RTCCrypto) -> Option<Vec<u8>> {
    let mut message = begin([0x00, 0x01], ask.transaction);
    put(&mut message, USERNAME, ask.username.as_bytes());
    // A peer-reflexive candidate's (RFC 8445, 7.1.1): type preference 110, first of its kind, component 1.
    put(
        &mut message,
        PRIORITY,
        &((110_u32 << 24) | (65_535 << 8) | 255).to_be_bytes(),
    );
    put(
        &mut message,
        if ask.controlling {
            ICE_CONTROLLING
        } else {
            ICE_CONTROLLED
        },
        &ask.tie_breaker.to_be_bytes(),
    );
    if ask.use_candidate {
        put(&mut message, USE_CANDIDATE, &[]);
    }
    finish(message, ask.password, crypto)
}

/// The success response to a request that came from `from`.
pub(crate) fn success(
    request: &Binding<'_>,
    from: SocketAddr,
    password: &str,
    crypto: &dyn RTCCrypto,
) -> Option<Vec<u8>> {
    let mut message = begin([0x01, 0x01], request.transaction);
    let mut key = [0; 16];
    key[..4].copy_from_slice(&COOKIE);
    key[4..].copy_from_slice(&request.transaction);
    let port = (from.port() ^ 0x2112).to_be_bytes();
    let mut value = vec![0, 1, port[0], port[1]];
    match from.ip() {
        IpAddr::V4(ip) => value.extend(ip.octets().iter().zip(key).map(|(byte, key)| byte ^ key)),
        IpAddr::V6(ip) => {
            value[1] = 2;
            value.extend(ip.octets().iter().zip(key).map(|(byte, key)| byte ^ key));
        }
    }
    put(&mut message, XOR_MAPPED_ADDRESS, &value);
    finish(message, password, crypto)
}

fn begin(kind: [u8; 2], transaction: TransactionId) -> Vec<u8> {
    let mut message = Vec::with_capacity(128);
    message.extend(kind);
    message.extend([0, 0]);
    message.extend(COOKIE);
    message.extend(transaction);
    message
}

fn put(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend((value.len() as u16).to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

fn set_len(message: &mut [u8], len: usize) {
    message[2..4].copy_from_slice(&((len - HEADER_LEN) as u16).to_be_bytes());
}

fn finish(mut message: Vec<u8>, password: &str, crypto: &dyn RTCCrypto) -> Option<Vec<u8>> {
    let covered = message.len() + 4 + INTEGRITY_LEN;
    set_len(&mut message, covered);
    let mut tag = [0; INTEGRITY_LEN];
    let mut mac = crypto.new_hmac(HmacAlgorithm::Sha1, password.as_bytes()).ok()?;
    mac.sign(&[&message], &mut tag).ok()?;
    put(&mut message, MESSAGE_INTEGRITY, &tag);
    let whole = message.len() + 8;
    set_len(&mut message, whole);
    let crc = rtc::stun::fingerprint::fingerprint_value(&message);
    put(&mut message, FINGERPRINT, &crc.to_be_bytes());
    Some(message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use rtc::stun::integrity::MessageIntegrity;
    use rtc::stun::message::{Getter as _, Message};

    fn ask() -> Ask<'static> {
        Ask {
            transaction: *b"abcdefghijkl",
            username: "their/s:ours1",
            password: "a password of their own",
            controlling: true,
            tie_breaker: 7,
            use_candidate: true,
        }
    }

    fn crypto() -> std::sync::Arc<dyn rtc::crypto::RTCCryptoProvider> {
        rtc::crypto::default_provider().unwrap()
    }

    /// The judge is `rtc-stun`, which shares no line with this file but the checksum.
    #[test]
    fn what_we_build_is_what_another_implementation_reads() {
        let bytes = request(&ask(), crypto().crypto()).unwrap();
        let mut message = Message {
            raw: bytes.clone(),
            ..Message::default()
        };
        message.decode().unwrap();
        rtc::stun::fingerprint::FINGERPRINT.check(&message).unwrap();
        MessageIntegrity::check(&mut message, ask().password.as_bytes(), crypto().crypto()).unwrap();

        let asked = Binding::parse(&bytes).unwrap();
        assert!(asked.use_candidate && asked.is_authentic(ask().password, crypto().crypto()));
        assert!(!asked.is_authentic("another password", crypto().crypto()));
        assert_eq!(asked.asked_ufrag(), Some(&b"their/s"[..]));

        for from in ["192.0.2.7:4711", "[2001:db8::7]:4711"] {
            let from: SocketAddr = from.parse().unwrap();
            let mut answer = Message {
                raw: success(&asked, from, "pw", crypto().crypto()).unwrap(),
                ..Message::default()
            };
            answer.decode().unwrap();
            MessageIntegrity::check(&mut answer, b"pw", crypto().crypto()).unwrap();
            let mut mapped = rtc::stun::xoraddr::XorMappedAddress::default();
            mapped.get_from(&answer).unwrap();
            assert_eq!((mapped.ip, mapped.port), (from.ip(), from.port()));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_no_changed_byte_stays_authentic(
            noise in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..200, flip in 1_u8..=255, cut in 0_usize..200,
        ) {
            let (provider, good) = (crypto(), request(&ask(), crypto().crypto()).unwrap());
            let mut changed = good.clone();
            // FINGERPRINT (the last 8 bytes) is not covered by the integrity.
            let at = at % (good.len() - 8);
            changed[at] ^= flip;
            for bytes in [&noise[..], &changed, &good[..cut.min(good.len() - 1)]] {
                if let Some(binding) = Binding::parse(bytes) {
                    prop_assert!(!binding.is_authentic(ask().password, provider.crypto()));
                }
            }
        }
    }
}
