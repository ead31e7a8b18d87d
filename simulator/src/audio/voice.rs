//! What the simulator says: committed clips by name, or digits as tones; each as Opus packets and as PCM.
//!
//! **Law:** an utterance is whole 20 ms frames; frame n of `packets` is frame n of `pcm24`.

use std::{
    collections::BTreeMap,
    io::Cursor,
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;
use ogg::PacketReader;
use opus::{Application, Bitrate, Channels, Decoder, Encoder};

use super::{FRAME, RATE};
use crate::judge::{self, Pattern};

/// An Opus packet of 20 ms of silence.
pub(crate) const SILENCE: &[u8] = &[0xf8, 0xff, 0xfe];
const MAX_PACKET: usize = 1_275;
/// Counts that are kept once they were made: an exam has ten.
const COUNTS_MAX: usize = 64;

/// A piece of speech with its words.
#[derive(Debug, Clone)]
pub(crate) struct Utterance(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    text: String,
    packets: Vec<Bytes>,
    pcm24: OnceLock<Arc<[i16]>>,
}

impl Utterance {
    fn new(text: String, packets: Vec<Bytes>) -> Self {
        Self(Arc::new(Inner {
            text,
            packets,
            pcm24: OnceLock::new(),
        }))
    }

    /// The words, as a transcript would have them.
    pub(crate) fn text(&self) -> &str {
        &self.0.text
    }

    /// One Opus packet for each 20 ms.
    pub(crate) fn packets(&self) -> &[Bytes] {
        &self.0.packets
    }

    /// The same sound at 24 kHz mono; decoded at the first asking.
    pub(crate) fn pcm24(&self) -> Arc<[i16]> {
        Arc::clone(self.0.pcm24.get_or_init(|| decode(&self.0.packets).into()))
    }

    /// Several, one after the other.
    pub(crate) fn join(parts: &[Utterance]) -> Self {
        let text = parts.iter().map(Utterance::text).collect::<Vec<_>>().join(" ");
        Self::new(text, parts.iter().flat_map(Utterance::packets).cloned().collect())
    }
}

/// A clip of `clips/lines.txt` by its name.
pub(crate) fn line(name: &str) -> Option<Utterance> {
    LINES.get(name).cloned()
}

/// Digits as dual tones.
pub(crate) fn digits(digits: &[u8], pattern: &Pattern) -> Utterance {
    let pattern = Pattern {
        rate: 48_000,
        ..*pattern
    };
    let mut pcm = judge::encode(digits, &pattern);
    pcm.resize(pcm.len().next_multiple_of(FRAME * 2), 0);
    let text = digits.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    Utterance::new(text, encode(&pcm))
}

/// Digits from one to another as dual tones, their words being words: frame for frame as long as the next.
pub(crate) fn count(from: u8, to: u8, pattern: &Pattern) -> Utterance {
    static MADE: Mutex<Vec<(u8, u8, Pattern, Utterance)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let is_it = |known: &&(u8, u8, Pattern, Utterance)| (known.0, known.1, known.2) == (from, to, *pattern);
    if let Some(known) = made.iter().find(is_it) {
        return known.3.clone();
    }
    let digits: Vec<u8> = (from..=to).collect();
    let spoken = self::digits(&digits, pattern);
    let spoken = Utterance::new(judge::words_of(&digits), spoken.packets().to_vec());
    if made.len() < COUNTS_MAX {
        made.push((from, to, *pattern, spoken.clone()));
    }
    spoken
}

fn encode(pcm48: &[i16]) -> Vec<Bytes> {
    let Ok(mut encoder) = Encoder::new(48_000, Channels::Mono, Application::Voip) else {
        return Vec::new();
    };
    let _ = encoder.set_bitrate(Bitrate::Bits(32_000));
    let _ = encoder.set_complexity(3);
    pcm48
        .chunks_exact(FRAME * 2)
        .filter_map(|f| encoder.encode_vec(f, MAX_PACKET).ok())
        .map(Bytes::from)
        .collect()
}

fn decode(packets: &[Bytes]) -> Vec<i16> {
    let mut pcm = vec![0; packets.len() * FRAME];
    if let Ok(mut decoder) = Decoder::new(RATE, Channels::Mono) {
        for (packet, out) in packets.iter().zip(pcm.chunks_exact_mut(FRAME)) {
            // A packet that does not decode stays silence; the frames keep their places.
            let _ = decoder.decode(packet, out, false);
        }
    }
    pcm
}

static LINES: LazyLock<BTreeMap<&'static str, Utterance>> = LazyLock::new(|| {
    let texts: BTreeMap<&str, &str> = include_str!("../../clips/lines.txt")
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| l.split_once('|'))
        .collect();
    let clip = |(name, bytes): &(&'static str, &'static [u8])| {
        let text = texts.get(name).copied().unwrap_or_default();
        (*name, Utterance::new(text.to_owned(), packets_of(bytes)))
    };
    CLIPS.iter().map(clip).collect()
});

/// The packets of an Ogg Opus file, without its two headers.
fn packets_of(bytes: &'static [u8]) -> Vec<Bytes> {
    let mut reader = PacketReader::new(Cursor::new(bytes));
    let next = || reader.read_packet().ok().flatten().map(|p| Bytes::from(p.data));
    std::iter::from_fn(next).skip(2).collect()
}

macro_rules! clips {
    ($($name:literal),*) => { &[$(($name, include_bytes!(concat!("../../clips/", $name, ".opus")))),*] };
}

const CLIPS: &[(&str, &[u8])] = clips![
    "hello",
    "q1",
    "q2",
    "q3",
    "q4",
    "q5",
    "q6",
    "q7",
    "q8",
    "listening",
    "resume",
    "goodbye",
    "timeup",
    "over"
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_clip_has_its_words_and_is_heard() {
        for (name, _) in CLIPS {
            let clip = line(name).unwrap();
            assert!(!clip.text().is_empty(), "{name} has no line in lines.txt");
            let pcm = clip.pcm24();
            assert_eq!(pcm.len(), clip.packets().len() * FRAME, "{name}");
            let energy = pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64;
            assert!(energy.sqrt() > 500.0, "{name} is silent: {}", energy.sqrt());
        }
    }
}
