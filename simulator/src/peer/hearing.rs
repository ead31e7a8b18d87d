//! RTP in, PCM out: order, loss and gaps, then Opus decoded to 24 kHz mono.
//!
//! Is: pure but for the decoder's memory; the caller says what time it is. Isn't: a jitter buffer: it adds no delay, so a
//! packet that comes after a later one is counted and dropped.
//! **Law:** `Sound::Heard` is the sender's time, whole and in order, however late it comes: lost packets are concealed (with the next packet's FEC
//! where it has one), gaps of DTX are silence. Where packets stop, `Sound::Silence` runs on, as in a real receiver.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use opus::{Channels, Decoder};
use rtc::rtp::header::Header;
use serde_json::{Value, json};

use crate::audio::{FRAME_MS, RATE, Sound};

/// RTP's clock for Opus, per ms.
const TICKS_PER_MS: u32 = 48;
/// So long without a packet, and silence runs on.
const QUIET_MS: u64 = 120;
/// The longest gap that is filled; a longer one is a new start.
const GAP_MAX_MS: u64 = 10_000;
/// Lost frames that are concealed one by one; more are silence.
const CONCEAL_MAX: u64 = 5;

/// Counters, read by the control endpoint.
#[derive(Debug, Default)]
pub(crate) struct HearingStats {
    pub(crate) packets: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) late: AtomicU64,
    pub(crate) undecodable: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) silence_ms: AtomicU64,
    pub(crate) ssrcs: AtomicU64,
}

impl HearingStats {
    pub(crate) fn value(&self) -> Value {
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        json!({
            "packets": read(&self.packets), "bytes": read(&self.bytes), "lost": read(&self.lost), "late": read(&self.late),
            "undecodable": read(&self.undecodable), "dropped": read(&self.dropped), "silence_ms": read(&self.silence_ms),
            "ssrcs": read(&self.ssrcs),
        })
    }
}

/// One track's receiver.
pub(crate) struct Hearing {
    decoder: Decoder,
    stats: Arc<HearingStats>,
    last: Option<Last>,
}

struct Last {
    ssrc: u32,
    seq: u16,
    /// RTP time at which the sound handed on ends.
    ends: u32,
    /// When the last packet came.
    at_ms: u64,
    /// Silence handed on since then.
    filled_ms: u64,
}

impl Hearing {
    /// None if libopus gives no decoder.
    pub(crate) fn new(stats: Arc<HearingStats>) -> Option<Self> {
        Some(Self {
            decoder: Decoder::new(RATE, Channels::Mono).ok()?,
            stats,
            last: None,
        })
    }

    pub(crate) fn stats(&self) -> &HearingStats {
        &self.stats
    }

    /// A packet came; answers the sound it completes.
    pub(crate) fn packet(&mut self, now_ms: u64, header: &Header, payload: &[u8]) -> Option<Sound> {
        self.stats.packets.fetch_add(1, Ordering::Relaxed);
        self.stats.bytes.fetch_add(payload.len() as u64, Ordering::Relaxed);
        let samples = self.decoder.get_nb_samples(payload).unwrap_or(0);
        if samples == 0 {
            self.stats.undecodable.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let (mut pcm, mut told) = (Vec::new(), 0);
        let same = self.last.as_ref().filter(|l| l.ssrc == header.ssrc);
        if let Some(last) = same {
            let ahead = header.sequence_number.wrapping_sub(last.seq);
            if ahead == 0 || ahead > 0x8000 {
                self.stats.late.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            let lost = u64::from(ahead - 1);
            self.stats.lost.fetch_add(lost, Ordering::Relaxed);
            let gap_ms = u64::from(header.timestamp.wrapping_sub(last.ends) / TICKS_PER_MS);
            let gap_ms = if gap_ms > GAP_MAX_MS { 0 } else { gap_ms };
            told = (last.filled_ms.min(gap_ms) * u64::from(RATE) / 1_000) as usize;
            self.fill(&mut pcm, payload, lost, gap_ms);
        } else {
            self.stats.ssrcs.fetch_add(1, Ordering::Relaxed);
        }
        let start = pcm.len();
        pcm.resize(start + samples, 0);
        if self.decoder.decode(payload, &mut pcm[start..], false).is_err() {
            self.stats.undecodable.fetch_add(1, Ordering::Relaxed);
        }
        self.last = Some(Last {
            ssrc: header.ssrc,
            seq: header.sequence_number,
            ends: header.timestamp.wrapping_add(samples as u32 * 2),
            at_ms: now_ms,
            filled_ms: 0,
        });
        Some(Sound::Heard { pcm, told })
    }

    /// What lies between the last packet and this one.
    fn fill(&mut self, pcm: &mut Vec<i16>, payload: &[u8], lost: u64, gap_ms: u64) {
        let frames = gap_ms / FRAME_MS;
        let concealed = if lost > 0 && frames <= CONCEAL_MAX { frames } else { 0 };
        let quiet = (gap_ms - concealed * FRAME_MS) as usize * RATE as usize / 1_000;
        pcm.resize(pcm.len() + quiet, 0);
        for n in 0..concealed {
            let start = pcm.len();
            pcm.resize(start + FRAME_MS as usize * RATE as usize / 1_000, 0);
            let last = n + 1 == concealed;
            let (from, fec): (&[u8], bool) = if last { (payload, true) } else { (&[], false) };
            let _ = self.decoder.decode(from, &mut pcm[start..], fec);
        }
    }

    /// Time passed; answers silence if packets have stopped.
    pub(crate) fn silence(&mut self, now_ms: u64) -> Option<Sound> {
        let last = self.last.as_mut()?;
        let away = now_ms.saturating_sub(last.at_ms);
        if away < QUIET_MS {
            return None;
        }
        let owed = (away - FRAME_MS).saturating_sub(last.filled_ms) / FRAME_MS * FRAME_MS;
        last.filled_ms += owed;
        self.stats.silence_ms.fetch_add(owed, Ordering::Relaxed);
        (owed > 0).then(|| Sound::Silence(owed as usize * RATE as usize / 1_000))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::{
        audio::voice,
        judge::{Detector, Pattern},
    };

    fn header(seq: u16, timestamp: u32) -> Header {
        Header {
            sequence_number: seq,
            timestamp,
            ssrc: 7,
            ..Default::default()
        }
    }

    /// All sound, and what of it turn detection gets.
    fn take(sound: Option<Sound>) -> (Vec<i16>, usize) {
        match sound {
            None => (Vec::new(), 0),
            Some(Sound::Silence(samples)) => (Vec::new(), samples),
            Some(Sound::Heard { pcm, told }) => {
                let listened = pcm.len() - told;
                (pcm, listened)
            }
        }
    }

    #[test]
    fn the_senders_time_is_kept_through_loss_doubles_and_delays() {
        let digits = [1, 2, 2, 4, 5, 6, 7, 8, 9, 0];
        let said = voice::digits(&digits, &Pattern::at(48_000));
        let stats = Arc::new(HearingStats::default());
        let mut hearing = Hearing::new(Arc::clone(&stats)).unwrap();
        let mut detector = Detector::new(RATE);
        let (mut heard, mut total, mut lost, mut now) = (Vec::new(), 0, 0, 0);
        let start = u16::MAX - 20; // wraps on the way
        for (n, packet) in said.packets().iter().enumerate() {
            if n % 17 == 9 {
                lost += 1;
                continue;
            }
            // Every so often delivery stands still for longer than a receiver waits, in the middle of a burst too.
            now += if n % 13 == 5 { 400 } else { 20 };
            take(hearing.silence(now));
            let header = header(start.wrapping_add(n as u16), (n as u32).wrapping_mul(960));
            let (pcm, _) = take(hearing.packet(now, &header, packet));
            total += pcm.len();
            heard.extend(detector.push(&pcm).iter().map(|h| h.digit));
            assert_eq!(hearing.packet(now, &header, packet), None);
        }
        assert_eq!(total, said.packets().len() * 480);
        assert_eq!(heard, digits);
        assert_eq!(stats.lost.load(Ordering::Relaxed), lost);
    }

    #[test]
    fn silence_runs_on_where_packets_stop_and_is_listened_to_once() {
        let mut hearing = Hearing::new(Arc::default()).unwrap();
        assert_eq!(hearing.silence(5_000), None); // nothing was ever heard
        let mut listened = take(hearing.packet(0, &header(1, 0), voice::SILENCE)).1;
        for now in (0..1_000).step_by(20) {
            listened += take(hearing.silence(now)).1;
        }
        assert!(listened > 20_000, "{listened}");
        // The gap in the packets' own time is 1 s; most of it was listened to already.
        let (pcm, rest) = take(hearing.packet(1_000, &header(2, 48_000), voice::SILENCE));
        assert_eq!((pcm.len(), listened + rest), (24_000, 24_000 + 480));
    }
}
