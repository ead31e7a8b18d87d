//! Sound in a file, as a request for a transcription brings it: WAV of 16 bits, or Opus in Ogg.

use std::io::Cursor;

use ogg::PacketReader;
use opus::{Channels, Decoder};

use super::RATE;

/// The most that one file may hold, in s: longer is cut.
const MAX_S: usize = 3_600;

/// Mono PCM of a file and its samples a second. None: it is neither of the two, or no rate that digits can be heard at.
pub(crate) fn decode(bytes: &[u8]) -> Option<(u32, Vec<i16>)> {
    match bytes.get(..4)? {
        b"RIFF" => wav(bytes),
        b"OggS" => Some((RATE, ogg_opus(bytes)?)),
        _ => None,
    }
}

fn wav(bytes: &[u8]) -> Option<(u32, Vec<i16>)> {
    let (mut rate, mut channels, mut rest) = (0, 0, bytes.get(12..)?);
    while let [a, b, c, d, l0, l1, l2, l3, tail @ ..] = rest {
        let len = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
        let body = &tail[..len.min(tail.len())];
        match &[*a, *b, *c, *d] {
            b"fmt " => {
                let field = |at: usize| Some(u16::from_le_bytes([*body.get(at)?, *body.get(at + 1)?]));
                channels = usize::from(field(2)?);
                rate = u32::from_le_bytes(body.get(4..8)?.try_into().ok()?);
                if field(0)? != 1 || field(14)? != 16 || channels == 0 || rate < 8_000 || !rate.is_multiple_of(200) {
                    return None;
                }
            }
            b"data" if channels > 0 => {
                let frames = body.chunks_exact(2 * channels).take(MAX_S * rate as usize);
                return Some((rate, frames.map(|f| i16::from_le_bytes([f[0], f[1]])).collect()));
            }
            _ => {}
        }
        rest = tail.get(len.next_multiple_of(2)..).unwrap_or_default();
    }
    None
}

fn ogg_opus(bytes: &[u8]) -> Option<Vec<i16>> {
    let mut reader = PacketReader::new(Cursor::new(bytes));
    let mut decoder = Decoder::new(RATE, Channels::Mono).ok()?;
    let mut next = || reader.read_packet().ok().flatten().map(|p| p.data);
    let head = next()?;
    next()?;
    if !head.starts_with(b"OpusHead") {
        return None;
    }
    let (mut pcm, mut out) = (Vec::new(), [0; RATE as usize * 120 / 1_000]);
    while let Some(packet) = next().filter(|_| pcm.len() < MAX_S * RATE as usize) {
        let samples = decoder.decode(&packet, &mut out, false).unwrap_or(0);
        pcm.extend_from_slice(&out[..samples]);
    }
    Some(pcm)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::judge::{Detector, Pattern, encode};

    fn wav_of(rate: u32, pcm: &[i16]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x01\0".to_vec();
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * 2).to_le_bytes());
        bytes.extend([2, 0, 16, 0]);
        bytes.extend(b"data");
        bytes.extend((pcm.len() as u32 * 2).to_le_bytes());
        bytes.extend(pcm.iter().flat_map(|s| s.to_le_bytes()));
        bytes
    }

    fn digits(file: &[u8]) -> Vec<u8> {
        let (rate, pcm) = decode(file).unwrap();
        Detector::new(rate).push(&pcm).iter().map(|h| h.digit).collect()
    }

    #[test]
    fn digits_are_heard_in_files() {
        let said = [3, 1, 4, 1, 5];
        for rate in [16_000, 24_000, 48_000] {
            assert_eq!(
                digits(&wav_of(rate, &encode(&said, &Pattern::at(rate)))),
                said,
                "{rate}"
            );
        }
        assert!(digits(include_bytes!("../../clips/over.opus")).is_empty());
        assert!(decode(include_bytes!("../../clips/over.opus")).unwrap().1.len() > 24_000);
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        let whole = wav_of(24_000, &[0; 10]);
        for len in 0..whole.len() - 20 {
            assert_eq!(decode(&whole[..len]).map(|f| f.1.len()), None, "{len}");
        }
        assert_eq!(decode(b"OggS and nothing"), None);
        assert_eq!(decode(b"ID3 and more"), None);
    }
}
