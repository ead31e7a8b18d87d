//! Which of the speech that a browser has kept is silence (pure, but for the decoder that it drives).
//!
//! Is: a level, against what is quiet in this room. Isn't: a judgement of words. **Law:** of a silence, [`HEAD_MS`] after sound and
//! [`TAIL_MS`] before it stay as they are; what is written over is a packet of a TOC alone, which any decoder plays as a pause (RFC 6716, 3.1
//! and 3.2.1) and the call leaves out of a long run. Where the room is loud, nothing is silence.

use vivavoce_media::opus::{Decoder, Error};
use vivavoce_signaling::speech::Speech;

/// Stays of a silence after sound: a turn's end is heard by it.
const HEAD_MS: u32 = 400;
/// And before sound, which may begin softly.
const TAIL_MS: u32 = 200;
/// RMS of 16 bit samples: below -60 dBFS is silence in any room, above -45 in none, and in between what is within 6 dB of the
/// quietest yet.
const RMS: (f32, f32) = (33.0, 184.0);
const NEAR: f32 = 2.0;
/// A decoder's first packets come softer than they were.
const SETTLES: u32 = 5;
/// Of the TOC: one frame in the packet (RFC 6716, 3.1).
const CODE: u8 = 3;
const TICKS_PER_MS: u32 = 48;

/// See the module.
#[derive(Default)]
pub(super) struct Silence {
    ear: Option<Ear>,
    /// RMS of the quietest packet yet.
    floor: Option<f32>,
}

/// One run of packets without a gap.
struct Ear {
    stream: u32,
    /// Where it goes on.
    time: u64,
    decoder: Decoder,
    /// Packets so far.
    count: u32,
    /// Of the silence that is going on.
    silent_ms: u32,
}

impl Silence {
    /// Writes over what is silence in a frame.
    ///
    /// # Errors
    ///
    /// libopus gives no decoder: the frame is as it was.
    pub(super) fn write_over(&mut self, speech: &mut Speech) -> Result<(), Error> {
        let goes_on = |ear: &Ear| ear.stream == speech.stream && ear.time == speech.time;
        let mut ear = match self.ear.take().filter(goes_on) {
            Some(ear) => ear,
            None => Ear {
                stream: speech.stream,
                time: speech.time,
                decoder: Decoder::new()?,
                count: 0,
                silent_ms: 0,
            },
        };
        let mut is_spare = Vec::with_capacity(speech.packets.len());
        for packet in &speech.packets {
            ear.time += u64::from(packet.samples);
            ear.count += 1;
            let rms = ear.decoder.decode(&packet.opus).map_or(f32::INFINITY, rms);
            if self.is_silent(rms, ear.count > SETTLES) {
                ear.silent_ms += packet.samples / TICKS_PER_MS;
            } else {
                ear.silent_ms = 0;
            }
            is_spare.push(ear.silent_ms > HEAD_MS);
        }
        let mut before_sound_ms = 0;
        for (packet, is_spare) in speech.packets.iter_mut().zip(is_spare).rev() {
            if !is_spare {
                before_sound_ms = 0;
                continue;
            }
            before_sound_ms += packet.samples / TICKS_PER_MS;
            let is_single = packet.opus.first().is_some_and(|toc| toc & CODE == 0);
            if is_single && before_sound_ms > TAIL_MS {
                packet.opus.truncate(1);
            }
        }
        self.ear = Some(ear);
        Ok(())
    }

    fn is_silent(&mut self, rms: f32, is_settled: bool) -> bool {
        if is_settled && rms.is_finite() {
            self.floor = Some(self.floor.map_or(rms, |floor| floor.min(rms)));
        }
        let near = self.floor.map_or(0.0, |floor| floor * NEAR);
        rms < near.clamp(RMS.0, RMS.1)
    }
}

fn rms(samples: &[i16]) -> f32 {
    let power: f32 = samples.iter().map(|sample| f32::from(*sample).powi(2)).sum();
    (power / samples.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng, rngs::SmallRng};
    use vivavoce_media::opus::{Encoder, FRAME};
    use vivavoce_signaling::speech::Packet;

    /// A frame of 20 ms, of about that RMS.
    #[derive(Clone, Copy, Debug)]
    enum Sound {
        Voice(f32),
        Noise(f32),
    }
    use Sound::{Noise, Voice};

    fn packets(sounds: impl IntoIterator<Item = Sound>) -> Vec<Packet> {
        let mut encoder = Encoder::new().unwrap();
        let mut dice = SmallRng::seed_from_u64(1);
        let mut n = 0.0f32;
        let mut packet = |sound: Sound| {
            let frame: [i16; FRAME] = std::array::from_fn(|_| {
                n += 1.0;
                match sound {
                    Voice(rms) => ((n * 0.05).sin() * 1.4 * rms) as i16,
                    Noise(rms) => (dice.random_range(-1.7..1.7) * rms) as i16,
                }
            });
            Packet {
                opus: encoder.encode(&frame).unwrap().to_vec(),
                samples: 960,
            }
        };
        sounds.into_iter().map(&mut packet).collect()
    }

    fn frame(stream: u32, n: u64, packets: &[Packet]) -> Speech {
        Speech {
            stream,
            sequence: n as u32,
            time: n * 960,
            packets: packets.to_vec(),
            is_last: false,
        }
    }

    /// Which packets are written over, given in frames of so many.
    fn written_over(packets: &[Packet], at_once: usize) -> Vec<bool> {
        let mut silence = Silence::default();
        let mut n = 0;
        let frames = packets.chunks(at_once).flat_map(|some| {
            let mut speech = frame(7, n, some);
            n += some.len() as u64;
            silence.write_over(&mut speech).unwrap();
            speech.packets
        });
        frames.map(|packet| packet.opus.len() == 1).collect()
    }

    fn said(sound: f32, noise: f32) -> Vec<Packet> {
        packets([vec![Voice(sound); 50], vec![Noise(noise); 400], vec![Voice(sound); 50]].concat())
    }

    #[test]
    fn of_a_long_silence_its_ends_stay() {
        for noise in [0.0, 10.0, 60.0] {
            let over = written_over(&said(3_000.0, noise), 200);
            assert!(!over[..69].iter().any(|it| *it), "sound and 400 ms, {noise}");
            let count = over.iter().filter(|it| **it).count();
            assert!((330..=370).contains(&count), "{noise}: {count}");
            assert!(!over[440..].iter().any(|it| *it), "200 ms and sound, {noise}");
        }
    }

    #[test]
    fn in_a_loud_room_nothing_is_silence() {
        assert!(!written_over(&said(3_000.0, 300.0), 200).contains(&true));
    }

    #[test]
    fn a_voice_that_is_soft_stays() {
        for sound in [250.0, 400.0] {
            let over = written_over(&said(sound, 10.0), 200);
            assert!(![&over[..69], &over[440..]].concat().contains(&true), "{sound}");
        }
    }

    #[test]
    fn another_stream_or_a_gap_is_heard_afresh() {
        let quiet = packets([Noise(0.0); 30]);
        let mut silence = Silence::default();
        for (stream, n) in [(7, 0), (7, 31), (8, 61)] {
            let mut speech = frame(stream, n, &quiet);
            silence.write_over(&mut speech).unwrap();
            let over = speech.packets.iter().filter(|packet| packet.opus.len() == 1).count();
            assert_eq!(over, 0, "600 ms at each beginning");
        }
    }

    #[test]
    fn what_is_no_single_frame_is_left() {
        let mut speech = frame(7, 0, &packets([Noise(0.0); 100]));
        for packet in &mut speech.packets {
            packet.opus[0] |= 3; // code 3: the second byte counts frames
        }
        let before = speech.clone();
        Silence::default().write_over(&mut speech).unwrap();
        assert!(speech == before);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Whatever is loud stays, however it is cut into frames; lengths and order are kept.
        #[test]
        fn sound_stays(runs in prop::collection::vec((any::<bool>(), 1usize..60), 1..8), at_once in 1usize..250) {
            let sounds: Vec<Sound> = runs.iter().flat_map(|(loud, n)| vec![if *loud { Voice(3_000.0) } else { Noise(5.0) }; *n]).collect();
            let over = written_over(&packets(sounds.clone()), at_once);
            prop_assert_eq!(over.len(), sounds.len());
            for (is_over, sound) in over.iter().zip(&sounds) {
                prop_assert!(!is_over || matches!(sound, Noise(_)));
            }
        }
    }
}
