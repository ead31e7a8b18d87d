//! The RTP header (RFC 3550, 5.1) of a packet in the clear, and how much sound its Opus payload holds.
//!
//! Is: reading, and writing in place. Isn't: SRTP, and no judgement on order or loss (`splice.rs`, `rtcp.rs`).
//! **Law:** whatever the bytes, no panic and no read past the end; what does not parse is `None`.

use std::ops::Range;

/// Ticks of the Opus RTP clock in a millisecond (RFC 7587, 4.1: always 48 kHz).
pub const TICKS_PER_MS: u32 = 48;
/// The header without CSRCs and extensions.
pub const FIXED: usize = 12;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// First packet of a spurt of talk.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub pt: u8,
    /// Sequence number.
    pub seq: u16,
    /// Timestamp in 48 kHz ticks.
    pub ts: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Where the payload begins.
    pub payload_at: usize,
    /// Where it ends: padding lies beyond.
    pub payload_end: usize,
}

impl Header {
    /// Reads a packet's header; `None` for what is no RTP packet: another version, lengths that lie, padding that eats
    /// into the header.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; FIXED] = packet.first_chunk()?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let mut at = FIXED + usize::from(fixed[0] & 0x0f) * 4;
        if fixed[0] & 0x10 != 0 {
            let extension: &[u8; 4] = packet.get(at..)?.first_chunk()?;
            at += 4 + usize::from(u16::from_be_bytes([extension[2], extension[3]])) * 4;
        }
        let mut end = packet.len();
        if fixed[0] & 0x20 != 0 {
            let padding = usize::from(*packet.last()?);
            if padding == 0 {
                return None;
            }
            end = end.checked_sub(padding)?;
        }
        (at <= end).then_some(Self {
            marker: fixed[1] & 0x80 != 0,
            pt: fixed[1] & 0x7f,
            seq: u16::from_be_bytes([fixed[2], fixed[3]]),
            ts: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            payload_at: at,
            payload_end: end,
        })
    }

    /// Writes this header right before the payload: what lies in the range that is returned is a packet without extension,
    /// CSRC and padding. Moves nothing but the twelve bytes it writes. `packet` is what this header was parsed from.
    pub fn write_before(&self, packet: &mut [u8]) -> Range<usize> {
        let start = self.payload_at.saturating_sub(FIXED);
        if let Some(fixed) = packet.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
            *fixed = self.bytes();
        }
        start..self.payload_end
    }

    /// The twelve bytes of a plain header.
    pub fn bytes(&self) -> [u8; FIXED] {
        let mut fixed = [0; FIXED];
        fixed[0] = 0x80;
        fixed[1] = u8::from(self.marker) << 7 | self.pt & 0x7f;
        fixed[2..4].copy_from_slice(&self.seq.to_be_bytes());
        fixed[4..8].copy_from_slice(&self.ts.to_be_bytes());
        fixed[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        fixed
    }
}

/// How far `to` lies ahead of `from`, negative if behind (RFC 1982).
pub fn seq_ahead(to: u16, from: u16) -> i16 {
    to.wrapping_sub(from) as i16
}

/// Length of an Opus packet in 48 kHz ticks, from its table of contents (RFC 6716, 3.1); `None` for an empty packet, or one
/// that claims more than the 120 ms that Opus allows.
pub fn opus_ticks(payload: &[u8]) -> Option<u32> {
    let toc = *payload.first()?;
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1920, 2880][usize::from(config & 3)],
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        config => 120 << (config & 3),
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(*payload.get(1)? & 0x3f),
    };
    let ticks = frame * frames;
    (1..=5760).contains(&ticks).then_some(ticks)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strips_what_is_not_payload() {
        let mut packet = [
            0xb1, 0xef, 0, 7, 0, 0, 0, 9, 0, 0, 0, 5, // V P X, one CSRC, marker, pt 111
            1, 2, 3, 4, // CSRC
            0xbe, 0xde, 0, 1, 0x10, 50, 0, 0, // extension of one word
            0xaa, 0xbb, 0xcc, // payload
            0, 0, 3, // padding
        ];
        let header = Header::parse(&packet).unwrap();
        assert_eq!(
            (header.pt, header.marker, header.seq, header.ts, header.ssrc),
            (111, true, 7, 9, 5)
        );
        let range = header.write_before(&mut packet);
        assert_eq!(
            packet[range],
            [0x80, 0xef, 0, 7, 0, 0, 0, 9, 0, 0, 0, 5, 0xaa, 0xbb, 0xcc]
        );
    }

    #[test]
    fn refuses_lies() {
        let table: [(&str, &[u8]); 6] = [
            ("empty", &[]),
            ("short", &[0x80; 11]),
            ("version 1", &[0x40, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9]),
            ("CSRCs beyond the end", &[0x8f, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9]),
            (
                "padding longer than all",
                &[0xa0, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 99],
            ),
            ("padding of nothing", &[0xa0, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0]),
        ];
        for (name, bytes) in table {
            assert_eq!(Header::parse(bytes), None, "{name}");
        }
    }

    #[test]
    fn opus_lengths() {
        let table: [(&[u8], Option<u32>); 8] = [
            (&[], None),
            (&[0x78, 1], Some(960)),  // hybrid, 20 ms, one frame
            (&[0x08, 1], Some(960)),  // SILK, 20 ms
            (&[0x18], Some(2880)),    // SILK, 60 ms
            (&[0xe0], Some(120)),     // CELT, 2.5 ms
            (&[0xf9, 1], Some(1920)), // CELT, two of 20 ms
            (&[0xfb, 3], Some(2880)), // three of 20 ms
            (&[0xfb, 0x3f], None),    // more than 120 ms
        ];
        for (payload, ticks) in table {
            assert_eq!(opus_ticks(payload), ticks, "{payload:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(mut bytes in prop::collection::vec(any::<u8>(), 0..80), v in any::<bool>()) {
            if v && !bytes.is_empty() { bytes[0] = bytes[0] & 0x3f | 0x80; }
            let _ = opus_ticks(&bytes);
            if let Some(header) = Header::parse(&bytes) {
                let payload = bytes[header.payload_at..header.payload_end].to_vec();
                let range = header.write_before(&mut bytes);
                prop_assert_eq!(&bytes[range.clone()][FIXED..], &payload[..]);
                let again = Header::parse(&bytes[range]).unwrap();
                prop_assert_eq!((again.seq, again.ts, again.ssrc), (header.seq, header.ts, header.ssrc));
            }
        }
    }
}
