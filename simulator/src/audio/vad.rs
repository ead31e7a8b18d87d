//! Whether somebody speaks: energy with hysteresis, decided from the sound alone.
//!
//! Is: a pure machine over 24 kHz mono PCM, in frames of 20 ms. Isn't: a recogniser of speech; a loud noise is speech to it.
//! **Law:** only samples move it. No sound, no change: a silent candidate never starts a turn, and a turn ends only after
//! `silence_ms` of quiet that was really received.

use super::{FRAME, FRAME_MS, RATE};

/// The parts of a session's `turn_detection` that decide.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Settings {
    /// 0 to 1; 0.5 is -42 dB of full scale, each 0.1 is 4 dB.
    pub(crate) threshold: f32,
    /// Sound before the first loud frame that belongs to the turn.
    pub(crate) prefix_ms: u64,
    /// Quiet that ends a turn.
    pub(crate) silence_ms: u64,
}

/// What a frame changed. Times are ms of sound received since the call began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Speech began; `start_ms` includes the prefix.
    Started { start_ms: u64 },
    /// Speech ended; `end_ms` includes the silence, `loud_ms` is from the first loud frame to the last.
    Stopped { end_ms: u64, loud_ms: u64 },
}

/// Loud frames, of the last `WINDOW`, that begin a turn: a click is shorter.
const ENOUGH: u32 = 3;
const WINDOW: u32 = 4;

/// The machine.
#[derive(Debug)]
pub(crate) struct Vad {
    rest: Vec<i16>,
    frames: u64,
    /// Bit n: the frame n before the last one was loud.
    recent: u32,
    speech: Option<Speech>,
}

#[derive(Debug)]
struct Speech {
    first_loud: u64,
    last_loud: u64,
}

impl Vad {
    pub(crate) fn new() -> Self {
        Self {
            rest: Vec::new(),
            frames: 0,
            recent: 0,
            speech: None,
        }
    }

    /// Sound received so far, in ms.
    pub(crate) fn heard_ms(&self) -> u64 {
        self.frames * FRAME_MS + self.rest.len() as u64 * 1_000 / u64::from(RATE)
    }

    pub(crate) fn speaking(&self) -> bool {
        self.speech.is_some()
    }

    /// From the first loud frame of the turn in progress to its last so far, in ms.
    pub(crate) fn loud_ms(&self) -> Option<u64> {
        let speech = self.speech.as_ref()?;
        Some((speech.last_loud + 1 - speech.first_loud) * FRAME_MS)
    }

    /// Forgets a turn in progress: its sound was committed or cleared by hand.
    pub(crate) fn reset(&mut self) {
        self.speech = None;
        self.recent = 0;
    }

    /// Takes the next samples. `settings` None: time passes, nothing is decided.
    pub(crate) fn push(&mut self, pcm: &[i16], settings: Option<&Settings>) -> Vec<Change> {
        self.rest.extend_from_slice(pcm);
        let whole = self.rest.len() / FRAME * FRAME;
        let frames: Vec<i16> = self.rest.drain(..whole).collect();
        let mut changes = Vec::new();
        for frame in frames.chunks_exact(FRAME) {
            if let Some(settings) = settings {
                changes.extend(self.frame(level_db(frame), settings));
            }
            self.frames += 1;
        }
        changes
    }

    fn frame(&mut self, level_db: f32, settings: &Settings) -> Option<Change> {
        let on = -42.0 + (settings.threshold.clamp(0.0, 1.0) - 0.5) * 40.0;
        let off = on - 6.0;
        match &mut self.speech {
            None => {
                self.recent = (self.recent << 1 | u32::from(level_db > on)) & ((1 << WINDOW) - 1);
                if self.recent.count_ones() < ENOUGH {
                    return None;
                }
                let first_loud = self.frames + 1 - u64::from(u32::BITS - self.recent.leading_zeros());
                self.recent = 0;
                self.speech = Some(Speech {
                    first_loud,
                    last_loud: self.frames,
                });
                Some(Change::Started {
                    start_ms: (first_loud * FRAME_MS).saturating_sub(settings.prefix_ms),
                })
            }
            Some(speech) => {
                if level_db > off {
                    speech.last_loud = self.frames;
                    return None;
                }
                if (self.frames - speech.last_loud) * FRAME_MS < settings.silence_ms {
                    return None;
                }
                let loud_ms = (speech.last_loud + 1 - speech.first_loud) * FRAME_MS;
                self.speech = None;
                Some(Change::Stopped {
                    end_ms: (self.frames + 1) * FRAME_MS,
                    loud_ms,
                })
            }
        }
    }
}

/// Root mean square in dB of full scale; -100 at least.
fn level_db(frame: &[i16]) -> f32 {
    let sum: f64 = frame.iter().map(|s| f64::from(*s).powi(2)).sum();
    let rms = (sum / frame.len().max(1) as f64).sqrt() / 32_768.0;
    (20.0 * rms.max(1e-5).log10()) as f32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    const SETTINGS: Settings = Settings {
        threshold: 0.5,
        prefix_ms: 300,
        silence_ms: 500,
    };

    fn tone(ms: u64, peak: f32) -> Vec<i16> {
        (0..ms * 24)
            .map(|n| ((n as f32 * 0.08).sin() * peak * 32_767.0) as i16)
            .collect()
    }

    #[test]
    fn a_turn_has_its_times() {
        let mut vad = Vad::new();
        let pcm = [tone(1_000, 0.0), tone(2_400, 0.2), tone(1_000, 0.0)].concat();
        let changes: Vec<_> = pcm.chunks(137).flat_map(|c| vad.push(c, Some(&SETTINGS))).collect();
        assert_eq!(
            changes,
            [
                Change::Started { start_ms: 700 },
                Change::Stopped {
                    end_ms: 3_900,
                    loud_ms: 2_400
                }
            ]
        );
    }

    #[test]
    fn clicks_and_hum_start_nothing() {
        let mut vad = Vad::new();
        for _ in 0..50 {
            assert_eq!(vad.push(&tone(20, 0.5), Some(&SETTINGS)), []);
            assert_eq!(vad.push(&tone(200, 0.003), Some(&SETTINGS)), []);
        }
    }

    #[test]
    fn a_pause_shorter_than_the_silence_stays_in_the_turn() {
        let mut vad = Vad::new();
        let pcm = [tone(400, 0.2), tone(480, 0.0), tone(400, 0.2), tone(600, 0.0)].concat();
        assert_eq!(vad.push(&pcm, Some(&SETTINGS)).len(), 2);
    }

    #[test]
    fn threshold_is_obeyed() {
        let quiet = tone(1_000, 0.02); // -37 dB
        assert_eq!(Vad::new().push(&quiet, Some(&SETTINGS)).len(), 1);
        assert_eq!(
            Vad::new()
                .push(
                    &quiet,
                    Some(&Settings {
                        threshold: 0.9,
                        ..SETTINGS
                    })
                )
                .len(),
            0
        );
    }

    proptest! {
        #[test]
        fn starts_and_stops_alternate_and_chunks_do_not_matter(
            parts in prop::collection::vec((20u64..1_500, any::<bool>()), 1..12),
            chunk in 1usize..2_000,
        ) {
            let pcm: Vec<i16> = parts.iter().flat_map(|(ms, loud)| tone(*ms, if *loud { 0.3 } else { 0.0 })).collect();
            let whole = Vad::new().push(&pcm, Some(&SETTINGS));
            let mut vad = Vad::new();
            let cut: Vec<_> = pcm.chunks(chunk).flat_map(|c| vad.push(c, Some(&SETTINGS))).collect();
            prop_assert_eq!(&whole, &cut);
            for (n, change) in whole.iter().enumerate() {
                prop_assert_eq!(matches!(change, Change::Started { .. }), n % 2 == 0);
            }
            prop_assert_eq!(vad.speaking(), whole.len() % 2 == 1);
        }
    }
}
