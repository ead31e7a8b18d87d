//! What the candidate has heard, digit by digit, each with the wall time at which its burst arrived.

use crate::peer::{Heard, RATE};
use std::collections::VecDeque;
use vivavoce_simulator::judge::Detector;

/// A digit at the candidate's ear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digit {
    pub digit: u8,
    pub at_ms: u64,
}

/// Packets in, digits out; each packet is listened to once.
pub struct Ear {
    detector: Detector,
    taken: usize,
    last: Option<(u32, u32)>,
    /// Sample at which each of the latest packets begins, and when it came.
    times: VecDeque<(u64, u64)>,
    pub digits: Vec<Digit>,
    /// The longest stretch between two packets so far, in ms, and when it ended.
    pub gap: (u64, u64),
    came_ms: Option<u64>,
}

impl Ear {
    pub fn new() -> Self {
        Self {
            detector: Detector::new(RATE / 2),
            taken: 0,
            last: None,
            times: VecDeque::new(),
            digits: Vec::new(),
            gap: (0, 0),
            came_ms: None,
        }
    }

    /// How many packets it has taken.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Takes the next ones.
    pub fn listen(&mut self, heard: &[Heard]) {
        for packet in heard {
            self.packet(packet);
        }
        self.taken += heard.len();
    }

    fn packet(&mut self, packet: &Heard) {
        if let Some(before) = self.came_ms.replace(packet.at_ms) {
            let gap = packet.at_ms.saturating_sub(before);
            if gap > self.gap.0 {
                self.gap = (gap, packet.at_ms);
            }
        }
        if let Some((ssrc, next)) = self.last {
            let gap = packet.timestamp.wrapping_sub(next);
            if gap > u32::MAX / 2 && ssrc == packet.ssrc {
                return; // late, and its place was silence
            }
            // a longer one is as good as this to tell two bursts apart
            self.silence(gap.min(RATE / 5) as usize);
        }
        self.last = Some((packet.ssrc, packet.timestamp.wrapping_add(packet.pcm.len() as u32)));
        self.times.push_back((self.detector.samples(), packet.at_ms));
        // half the rate is enough for the tones, and a quarter of the work
        let half: Vec<i16> = packet.pcm.chunks_exact(2).map(|two| two[0] / 2 + two[1] / 2).collect();
        self.push(&half);
    }

    fn silence(&mut self, samples: usize) {
        self.push(&vec![0; samples / 2]);
    }

    fn push(&mut self, pcm: &[i16]) {
        for heard in self.detector.push(pcm) {
            while self.times.len() > 1 && self.times[1].0 <= heard.at_sample {
                self.times.pop_front();
            }
            let at_ms = self.times.front().map_or(0, |(_, at_ms)| *at_ms);
            self.digits.push(Digit {
                digit: heard.digit,
                at_ms,
            });
        }
    }
}
