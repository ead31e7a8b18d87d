//! Sound to digits.
//!
//! A window of 20 ms every 5 ms is measured at the eight frequencies. A digit is one low and one high tone that hold most
//! of the window's energy, each well above its neighbours. It counts once three windows in a row agree, and no further
//! digit counts until five windows in a row (25 ms) have held none: bursts are 60 ms apart or more.

use std::collections::VecDeque;

use super::{HIGH_HZ, KEYS, LOW_HZ};

/// One digit that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// 0 to 9.
    pub digit: u8,
    /// Sample, counted from the detector's first, at which the burst began (± 10 ms).
    pub at_sample: u64,
}

/// Windows that must agree before a digit counts, and windows without it before the next may.
const AGREE: u32 = 3;
const RELEASE: u32 = 5;
/// Mean square below which a window is silence: -46 dB of full scale.
const FLOOR: f32 = 2.5e-5;

/// Recognises digits in a stream of mono PCM.
#[derive(Debug)]
pub struct Detector {
    window: usize,
    hop: usize,
    /// Of the four low frequencies, then of the four high ones.
    tones: [f32; 8],
    pcm: VecDeque<i16>,
    /// Sample number of the front of `pcm`.
    front: u64,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Quiet,
    Rising {
        digit: u8,
        since: u64,
        windows: u32,
    },
    /// A digit was reported; `without` windows in a row have not held it.
    Sounding {
        digit: u8,
        without: u32,
        other: u32,
    },
}

impl Detector {
    /// For PCM at `rate` samples a second (a multiple of 200).
    pub fn new(rate: u32) -> Self {
        let coefficient = |hz: f32| 2.0 * (std::f32::consts::TAU * hz / rate as f32).cos();
        Self {
            window: (rate / 50) as usize,
            hop: (rate / 200) as usize,
            tones: std::array::from_fn(|i| coefficient(if i < 4 { LOW_HZ[i] } else { HIGH_HZ[i - 4] })),
            pcm: VecDeque::new(),
            front: 0,
            state: State::Quiet,
        }
    }

    /// Samples taken so far.
    pub fn samples(&self) -> u64 {
        self.front + self.pcm.len() as u64
    }

    /// Takes the next samples; answers the digits that they complete.
    pub fn push(&mut self, pcm: &[i16]) -> Vec<Heard> {
        self.pcm.extend(pcm);
        let mut heard = Vec::new();
        while self.pcm.len() >= self.window {
            let found = self.measure();
            heard.extend(self.step(found));
            self.pcm.drain(..self.hop);
            self.front += self.hop as u64;
        }
        heard
    }

    fn step(&mut self, found: Option<u8>) -> Option<Heard> {
        let (next, heard) = match (self.state, found) {
            (State::Quiet | State::Rising { .. }, None) => (State::Quiet, None),
            (State::Rising { digit, since, windows }, Some(d)) if d == digit => {
                if windows + 1 >= AGREE {
                    // A window is found once the burst fills about half of it.
                    let at_sample = since + self.window as u64 / 2;
                    (
                        State::Sounding {
                            digit,
                            without: 0,
                            other: 0,
                        },
                        Some(Heard { digit, at_sample }),
                    )
                } else {
                    (
                        State::Rising {
                            digit,
                            since,
                            windows: windows + 1,
                        },
                        None,
                    )
                }
            }
            (State::Quiet | State::Rising { .. }, Some(digit)) => (
                State::Rising {
                    digit,
                    since: self.front,
                    windows: 1,
                },
                None,
            ),
            (State::Sounding { digit, .. }, Some(d)) if d == digit => (
                State::Sounding {
                    digit,
                    without: 0,
                    other: 0,
                },
                None,
            ),
            // Another digit with no pause before it: believed only after as long as a pause would take.
            (State::Sounding { digit, without, other }, found) => {
                let other = if found.is_some() { other + 1 } else { 0 };
                match found {
                    _ if without + 1 < RELEASE => (
                        State::Sounding {
                            digit,
                            without: without + 1,
                            other,
                        },
                        None,
                    ),
                    None => (State::Quiet, None),
                    Some(d) => (
                        State::Rising {
                            digit: d,
                            since: self.front,
                            windows: 1,
                        },
                        None,
                    ),
                }
            }
        };
        self.state = next;
        heard
    }

    /// The digit that the window at the front holds, if any.
    fn measure(&mut self) -> Option<u8> {
        let window = &self.pcm.make_contiguous()[..self.window];
        let energy: f32 = window.iter().map(|s| scaled(*s).powi(2)).sum();
        let n = self.window as f32;
        if energy / n < FLOOR {
            return None;
        }
        let powers = powers(window, self.tones);
        let (row, low) = strongest(&powers[..4])?;
        let (column, high) = strongest(&powers[4..])?;
        // Codecs and browsers tilt the two tones against each other; 9 dB either way is let pass.
        let twisted = low > high * 8.0 || high > low * 8.0;
        if twisted || low + high < energy * 0.55 {
            return None;
        }
        KEYS[row][column]
    }
}

fn scaled(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

/// |X(f)|² · 2/N of each tone: the energy that it puts into the window (Goertzel, all tones in one pass).
fn powers(window: &[i16], tones: [f32; 8]) -> [f32; 8] {
    let (mut a, mut b) = ([0.0f32; 8], [0.0f32; 8]);
    for sample in window {
        let s = scaled(*sample);
        for ((a, b), coefficient) in a.iter_mut().zip(&mut b).zip(tones) {
            (*a, *b) = (s + coefficient * *a - *b, *a);
        }
    }
    let n = window.len() as f32;
    std::array::from_fn(|i| (a[i] * a[i] + b[i] * b[i] - tones[i] * a[i] * b[i]) * 2.0 / n)
}

/// Index and power of the strongest of four, if it stands 6 dB above the second.
fn strongest(powers: &[f32]) -> Option<(usize, f32)> {
    let (best, power) = powers.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let second = powers
        .iter()
        .enumerate()
        .filter(|(n, _)| *n != best)
        .map(|(_, p)| *p)
        .fold(0.0, f32::max);
    (power > second * 4.0).then_some((best, power))
}
