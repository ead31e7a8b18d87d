//! Digits to sound.

use super::pair_of;

/// Below every digit's tones.
const HUM_HZ: f32 = 250.0;

/// How digits are laid out in time. Defaults: bursts of 80 ms every 160 ms at a quarter of full scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pattern {
    /// Samples a second.
    pub rate: u32,
    /// Silence before the first digit, in ms.
    pub lead_ms: u32,
    /// Length of one burst, in ms; at most 100, since noise suppression eats steady tones.
    pub burst_ms: u32,
    /// From the start of one burst to the start of the next, in ms; at least 60 more than the burst.
    pub interval_ms: u32,
    /// Peak of the sum of both tones, 0 to 1 of full scale.
    pub level: f32,
    /// Peak of a low hum under all of it, pauses too, 0 to 1 of full scale: an ear can then tell a pause from what was cut off.
    /// At most 0.006, or it is no longer silence to the detector; 0 is none.
    pub hum: f32,
}

impl Pattern {
    /// The default layout at `rate` samples a second.
    pub fn at(rate: u32) -> Self {
        Self {
            rate,
            lead_ms: 40,
            burst_ms: 80,
            interval_ms: 160,
            level: 0.25,
            hum: 0.0,
        }
    }

    fn samples(&self, ms: u32) -> usize {
        (u64::from(self.rate) * u64::from(ms) / 1_000) as usize
    }
}

/// The sound of `digits` (each taken modulo 10), mono, with a pause after the last one as after every other.
pub fn encode(digits: &[u8], pattern: &Pattern) -> Vec<i16> {
    let interval = pattern.samples(pattern.interval_ms.max(pattern.burst_ms));
    let mut pcm = vec![0; pattern.samples(pattern.lead_ms)];
    for digit in digits {
        let start = pcm.len();
        pcm.extend(burst(*digit, pattern));
        pcm.resize(start + interval, 0);
    }
    if pattern.hum > 0.0 {
        let step = HUM_HZ / pattern.rate as f32 * std::f32::consts::TAU;
        let peak = pattern.hum.min(0.006) * f32::from(i16::MAX);
        for (n, sample) in pcm.iter_mut().enumerate() {
            *sample = sample.saturating_add((peak * (step * n as f32).sin()) as i16);
        }
    }
    pcm
}

fn burst(digit: u8, pattern: &Pattern) -> impl Iterator<Item = i16> {
    let (low, high) = pair_of(digit);
    let rate = pattern.rate as f32;
    let len = pattern.samples(pattern.burst_ms);
    let ramp = (pattern.samples(5)).max(1);
    let peak = pattern.level.clamp(0.0, 1.0) * 0.5 * f32::from(i16::MAX);
    (0..len).map(move |n| {
        let t = n as f32 / rate * std::f32::consts::TAU;
        // Edges of 5 ms: a hard edge spreads over the whole band and looks like every digit.
        let edge = (n.min(len - 1 - n) as f32 / ramp as f32).min(1.0);
        (peak * edge * ((low * t).sin() + (high * t).sin())) as i16
    })
}

/// The digits among the characters of `text`, in order.
pub fn digits_from(text: &str) -> Vec<u8> {
    text.chars().filter_map(|c| c.to_digit(10)).map(|d| d as u8).collect()
}
