//! Digits as Opus packets that are known again: what the browser says, and what the service hears of it without decoding.

use bytes::Bytes;
use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{Arc, LazyLock},
    time::Instant,
};
use vivavoce_simulator::judge::{Detector, Pattern, encode};

/// Frames of 20 ms from the start of one of the candidate's digits to the next.
pub const FRAMES: usize = 10;
/// 20 ms of silence.
pub static SILENCE: LazyLock<Bytes> = LazyLock::new(|| VOICE.silence.clone());

struct Voice {
    digits: Vec<Vec<Bytes>>,
    silence: Bytes,
    pcm: HashMap<Bytes, Arc<[i16]>>,
}

static VOICE: LazyLock<Voice> = LazyLock::new(|| {
    let pattern = Pattern {
        lead_ms: 0,
        interval_ms: 200,
        ..Pattern::at(48_000)
    };
    let mut pcm = HashMap::new();
    let mut packets = |sound: &[i16]| -> Vec<Bytes> {
        let mut encoder = opus::Encoder::new(48_000, opus::Channels::Mono, opus::Application::Audio).unwrap();
        encoder.set_bitrate(opus::Bitrate::Bits(48_000)).unwrap();
        let mut decoder = opus::Decoder::new(24_000, opus::Channels::Mono).unwrap();
        let frames = sound.chunks_exact(960).map(|frame| {
            let packet = Bytes::from(encoder.encode_vec(frame, 1_200).unwrap());
            let mut out = vec![0; 480];
            decoder.decode(&packet, &mut out, false).unwrap();
            pcm.entry(packet.clone()).or_insert_with(|| out.into());
            packet
        });
        frames.collect()
    };
    let digits = (0..10).map(|digit| packets(&encode(&[digit], &pattern))).collect();
    let silence = packets(&vec![0; 960 * 20]).pop().unwrap();
    Voice { digits, silence, pcm }
});

/// The packets of a turn.
pub fn turn(digits: &[u8]) -> impl Iterator<Item = Bytes> {
    digits
        .iter()
        .flat_map(|digit| VOICE.digits[usize::from(*digit)].clone())
}

/// What the service hears of a packet, 24 kHz; silence of one that nobody made here.
pub fn pcm(packet: &[u8]) -> Arc<[i16]> {
    VOICE.pcm.get(packet).cloned().unwrap_or_else(|| Arc::from([0; 480]))
}

/// The one stream that a far end hears, by its headers alone: what comes later in the numbering is later in time.
#[derive(Default)]
pub struct Stream {
    newest: Option<(u32, u16, u32)>,
    /// Timestamps that were given again, or ran backwards.
    pub repeated: usize,
}

impl Stream {
    /// An RTP packet in the clear.
    pub fn take(&mut self, packet: &[u8]) {
        let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
        let sequence = u16::from_be_bytes(packet[2..4].try_into().unwrap());
        let (timestamp, ssrc) = (word(4), word(8));
        if let Some((of, number, time)) = self.newest
            && of == ssrc
        {
            if !(1..0x8000).contains(&sequence.wrapping_sub(number)) {
                return;
            }
            self.repeated += usize::from(!(1..0x8000_0000).contains(&timestamp.wrapping_sub(time)));
        }
        self.newest = Some((ssrc, sequence, timestamp));
    }
}

/// What packets sound like, each after the one before it: the interviewer says the same ten digits all the time.
struct Sounds {
    decoder: opus::Decoder,
    /// The last that the decoder had.
    had: Bytes,
    known: HashMap<(Bytes, Bytes), Arc<[i16]>>,
}

/// Pairs that are kept.
const SOUNDS_MAX: usize = 8_192;

impl Sounds {
    fn new() -> Self {
        Self {
            decoder: opus::Decoder::new(24_000, opus::Channels::Mono).unwrap(),
            had: Bytes::new(),
            known: HashMap::new(),
        }
    }

    fn of(&mut self, before: &Bytes, packet: &Bytes) -> Arc<[i16]> {
        let pair = (before.clone(), packet.clone());
        if let Some(known) = self.known.get(&pair) {
            return known.clone();
        }
        let mut pcm = vec![0; 2_880];
        if self.had != *before && !before.is_empty() {
            let _ = self.decoder.decode(before, &mut pcm, false);
        }
        let samples = self.decoder.decode(packet, &mut pcm, false).unwrap_or(0);
        self.had = packet.clone();
        let sound: Arc<[i16]> = pcm[..samples].into();
        if self.known.len() < SOUNDS_MAX {
            self.known.insert(pair, sound.clone());
        }
        sound
    }
}

thread_local! {
    static SOUNDS: RefCell<Sounds> = RefCell::new(Sounds::new());
}

/// Less is silence.
const LOUD: u16 = 300;

/// The candidate's ear: Opus in the order of RTP time, digits out.
pub struct Ear {
    /// The packet that was heard last.
    last: Bytes,
    detector: Detector,
    next: Option<(u32, u32)>,
    pub digits: Vec<u8>,
    /// When each was heard.
    pub times: Vec<Instant>,
    /// When it last was not silent.
    pub sounded_at: Option<Instant>,
    pub stream: Stream,
}

impl Ear {
    pub fn new() -> Self {
        Self {
            last: Bytes::new(),
            detector: Detector::new(24_000),
            next: None,
            digits: vec![],
            times: vec![],
            sounded_at: None,
            stream: Stream::default(),
        }
    }

    /// An RTP packet in the clear.
    pub fn hear(&mut self, now: Instant, packet: &[u8]) {
        self.stream.take(packet);
        let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
        let (timestamp, ssrc) = (word(4), word(8));
        if let Some((known, next)) = self.next {
            let gap = timestamp.wrapping_sub(next);
            if known == ssrc && gap > u32::MAX / 2 {
                return; // late, and its place was silence
            }
            let silence = vec![0; gap.min(9_600) as usize / 2];
            self.take(&silence);
        }
        self.next = Some((ssrc, timestamp.wrapping_add(960)));
        let opus = Bytes::copy_from_slice(&packet[12..]);
        let before = std::mem::replace(&mut self.last, opus.clone());
        let pcm = SOUNDS.with_borrow_mut(|sounds| sounds.of(&before, &opus));
        if pcm.iter().any(|sample| sample.unsigned_abs() > LOUD) {
            self.sounded_at = Some(now);
        }
        self.take(&pcm);
        self.times.resize(self.digits.len(), now);
    }

    fn take(&mut self, pcm: &[i16]) {
        let found = self.detector.push(pcm);
        self.digits.extend(found.iter().map(|heard| heard.digit));
    }
}

impl Default for Ear {
    fn default() -> Self {
        Self::new()
    }
}
