//! Binary frames: the candidate's own speech, kept by the browser while its leg was down.
//!
//! Is: the layout, read and checked. Isn't: playing it, or knowing which of it was heard already (the session does).
//! **Law:** a frame that breaks the layout anywhere is refused whole; nothing past its bounds is read or kept.
//!
//! All numbers are big-endian. One header, then packets to the end of the frame:
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | version, 1 |
//! | 1 | bit 0: of what was asked for, nothing more comes that was spoken before the end of these; the others are ignored |
//! | 2 | number of packets, 1 to 3000; with bit 0 it may be 0 |
//! | 4 | stream: SSRC of the browser's RTP stream that the packets were made for; its own for each peer connection |
//! | 4 | sequence number of the first packet within the stream |
//! | 8 | time of the first packet (where there is none, of what would follow), in samples at 48 kHz; its lower 32 bits are the RTP timestamp |
//! | each: 2 + n | length n, 1 to 1275; an Opus packet (RFC 6716, section 3) |

/// Bytes before the first packet.
pub const HEADER_BYTES: usize = 20;
/// Packets in a frame: a minute of 20 ms ones.
pub const PACKETS_MAX: u16 = 3000;
/// Longest Opus packet of one frame, bytes (RFC 6716, section 3.2.1). Browsers send one frame a packet.
pub const PACKET_BYTES_MAX: usize = 1275;
const VERSION: u8 = 1;
/// The bit of "nothing more".
const LAST: u8 = 1;
/// RFC 6716, R5: a packet lasts 120 ms at most.
const PACKET_SAMPLES_MAX: u32 = 5760;

/// One frame of kept speech.
#[derive(Clone, PartialEq, Eq)]
pub struct Speech {
    /// SSRC of the RTP stream it was made for.
    pub stream: u32,
    /// Sequence number of the first packet; the others follow by one.
    pub sequence: u32,
    /// Time of the first packet, samples at 48 kHz; the lower 32 bits are its RTP timestamp.
    pub time: u64,
    /// The packets, without a gap between them; only where `is_last` perhaps none.
    pub packets: Vec<Packet>,
    /// Of what was asked for, nothing more comes that was spoken before the end of these.
    pub is_last: bool,
}

/// One Opus packet.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    /// As encoded.
    pub opus: Vec<u8>,
    /// How long it lasts, samples at 48 kHz: 120 to 5760.
    pub samples: u32,
}

/// What is wrong with a binary frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Shorter than its header or than a packet's stated length.
    #[error("truncated")]
    Truncated,
    /// Not version 1.
    #[error("unknown version")]
    Version,
    /// No packets though more are to come, or more than 3000.
    #[error("number of packets")]
    Count,
    /// A packet that no Opus encoder makes.
    #[error("not an Opus packet")]
    Opus,
    /// Bytes after the last packet.
    #[error("bytes after the last packet")]
    Trailing,
    /// Sequence or time would pass its range.
    #[error("sequence or time out of range")]
    Range,
}

impl Speech {
    /// Reads a frame.
    ///
    /// # Errors
    /// [`Error`], for the first thing that is wrong.
    pub fn parse(frame: &[u8]) -> Result<Self, Error> {
        let mut rest = frame;
        let [version, flags] = take::<2>(&mut rest)?;
        if version != VERSION {
            return Err(Error::Version);
        }
        let count = u16::from_be_bytes(take(&mut rest)?);
        let stream = u32::from_be_bytes(take(&mut rest)?);
        let sequence = u32::from_be_bytes(take(&mut rest)?);
        let time = u64::from_be_bytes(take(&mut rest)?);
        let is_last = flags & LAST != 0;
        if !(u16::from(!is_last)..=PACKETS_MAX).contains(&count) {
            return Err(Error::Count);
        }
        // JavaScript counts to 2^53; a time beyond it was never a browser's.
        if sequence.checked_add(u32::from(count)).is_none() || time >= 1 << 53 {
            return Err(Error::Range);
        }
        // A frame cannot hold more packets than a third of its bytes, whatever it claims.
        let mut packets = Vec::with_capacity(usize::from(count).min(rest.len() / 3 + 1));
        for _ in 0..count {
            let length = usize::from(u16::from_be_bytes(take(&mut rest)?));
            if !(1..=PACKET_BYTES_MAX).contains(&length) {
                return Err(Error::Opus);
            }
            let (opus, after) = rest.split_at_checked(length).ok_or(Error::Truncated)?;
            packets.push(Packet {
                opus: opus.to_vec(),
                samples: samples(opus).ok_or(Error::Opus)?,
            });
            rest = after;
        }
        if !rest.is_empty() {
            return Err(Error::Trailing);
        }
        Ok(Self {
            stream,
            sequence,
            time,
            packets,
            is_last,
        })
    }

    /// Sequence number of the last packet.
    pub fn last_sequence(&self) -> u32 {
        self.sequence + (self.packets.len() as u32).saturating_sub(1)
    }

    /// How long it lasts, samples at 48 kHz.
    pub fn samples(&self) -> u64 {
        self.packets.iter().map(|packet| u64::from(packet.samples)).sum()
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Error> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(Error::Truncated)?;
    *rest = tail;
    Ok(*head)
}

/// How long an Opus packet lasts (RFC 6716, section 3.1), samples at 48 kHz; None where its first bytes are impossible.
fn samples(opus: &[u8]) -> Option<u32> {
    let toc = *opus.first()?;
    let config = toc >> 3;
    let frame: u32 = match config {
        0..=11 => [480, 960, 1920, 2880][usize::from(config % 4)], // SILK
        12..=15 => [480, 960][usize::from(config % 2)],            // hybrid
        _ => [120, 240, 480, 960][usize::from(config % 4)],        // CELT
    };
    let frames = match toc & 3 {
        0 => 1,
        1 if opus.len() % 2 == 1 => 2, // two frames of one size (R3)
        2 if opus.len() >= 2 => 2,
        1 | 2 => return None,
        _ => u32::from(opus.get(1)? & 0x3f),
    };
    let all = frame * frames;
    (frames > 0 && all <= PACKET_SAMPLES_MAX).then_some(all)
}

impl std::fmt::Debug for Speech {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Speech")
            .field("stream", &self.stream)
            .field("sequence", &self.sequence)
            .field("packets", &self.packets.len())
            .field("is_last", &self.is_last)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    /// SILK wide band, 20 ms, mono, one frame.
    const TOC_20_MS: u8 = 9 << 3;

    fn frame(stream: u32, sequence: u32, time: u64, packets: &[&[u8]]) -> Vec<u8> {
        let mut out = vec![1, 0];
        out.extend((packets.len() as u16).to_be_bytes());
        out.extend(stream.to_be_bytes());
        out.extend(sequence.to_be_bytes());
        out.extend(time.to_be_bytes());
        for packet in packets {
            out.extend((packet.len() as u16).to_be_bytes());
            out.extend(*packet);
        }
        out
    }

    #[test]
    fn a_frame_is_read() {
        let speech = Speech::parse(&frame(2, 100, 48_000, &[&[TOC_20_MS, 1, 2], &[TOC_20_MS]])).unwrap();
        assert_eq!((speech.stream, speech.sequence, speech.time), (2, 100, 48_000));
        assert_eq!(speech.packets[0].opus, [TOC_20_MS, 1, 2]);
        assert_eq!((speech.last_sequence(), speech.samples()), (101, 1920));
        assert!(!speech.is_last);
    }

    #[test]
    fn the_last_frame_may_hold_nothing() {
        let mut none = frame(2, 100, 48_000, &[]);
        none[1] = 0xff;
        let speech = Speech::parse(&none).unwrap();
        assert!(speech.is_last && speech.packets.is_empty());
        let mut some = frame(2, 100, 48_000, &[&[TOC_20_MS]]);
        some[1] = LAST;
        assert!(Speech::parse(&some).unwrap().is_last);
    }

    #[test]
    fn every_truncation_is_refused() {
        let whole = frame(1, 0, 0, &[&[TOC_20_MS, 1, 2], &[TOC_20_MS, 3]]);
        let taken: Vec<usize> = (0..whole.len())
            .filter(|length| Speech::parse(&whole[..*length]).is_ok())
            .collect();
        assert!(taken.is_empty(), "taken though cut to {taken:?}");
    }

    #[test]
    fn what_breaks_the_layout_is_named() {
        let mut version = frame(1, 0, 0, &[&[TOC_20_MS]]);
        version[0] = 2;
        let mut trailing = frame(1, 0, 0, &[&[TOC_20_MS]]);
        trailing.push(0);
        let long = vec![TOC_20_MS; PACKET_BYTES_MAX + 1];
        let table = [
            (version, Error::Version),
            (trailing, Error::Trailing),
            (frame(1, 0, 0, &[]), Error::Count),
            (frame(1, 0, 0, &vec![&[TOC_20_MS][..]; 3001]), Error::Count),
            (frame(1, 0, 0, &[&[]]), Error::Opus),
            (frame(1, 0, 0, &[&long]), Error::Opus),
            (frame(1, 0, 0, &[&[TOC_20_MS | 3]]), Error::Opus),
            (frame(1, 0, 0, &[&[TOC_20_MS | 3, 0]]), Error::Opus),
            (frame(1, 0, 0, &[&[TOC_20_MS | 3, 7]]), Error::Opus), // 140 ms
            (frame(1, 0, 0, &[&[TOC_20_MS | 1, 7]]), Error::Opus),
            (frame(1, u32::MAX, 0, &[&[TOC_20_MS]]), Error::Range),
            (frame(1, 0, 1 << 53, &[&[TOC_20_MS]]), Error::Range),
        ];
        for (bytes, why) in table {
            assert_eq!(Speech::parse(&bytes).unwrap_err(), why);
        }
    }

    #[test]
    fn durations_follow_the_rfc() {
        let table: [(&[u8], u32); 7] = [
            (&[0], 480),
            (&[3 << 3], 2880),
            (&[13 << 3], 960),
            (&[16 << 3], 120),
            (&[31 << 3], 960),
            (&[(31 << 3) | 1, 0, 0], 1920),
            (&[(31 << 3) | 3, 6], 5760),
        ];
        for (packet, lasts) in table {
            assert_eq!(samples(packet), Some(lasts), "{packet:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = Speech::parse(&bytes);
        }

        #[test]
        fn a_flipped_byte_never_panics(at in 0usize..60, to in any::<u8>()) {
            let mut bytes = frame(1, 5, 960, &[&[TOC_20_MS; 18], &[TOC_20_MS; 18]]);
            bytes[at] = to;
            if let Ok(speech) = Speech::parse(&bytes) {
                prop_assert!(speech.packets.iter().all(|packet| packet.samples <= PACKET_SAMPLES_MAX));
            }
        }
    }
}
