//! Opus to 24 kHz mono PCM and back, for what stands beside the packet path: the WebSocket transport, levels, recordings.
//!
//! Is: 20 ms frames, loss concealed, in-band FEC used. Isn't: in the path of a packet that is forwarded.
//! There is no resampler: libopus decodes to and encodes from 24 kHz by itself (RFC 6716, 2: any of 8, 12, 16, 24, 48 kHz on
//! either side, whatever the other uses), and what lies above 12 kHz is lost at 24 kHz in any case. A resampler behind a 48 kHz
//! decoder would add its delay and its CPU for the same samples.

use std::time::Duration;

/// Samples a second of the PCM.
pub const RATE: u32 = 24_000;
/// Samples of a 20 ms frame.
pub const FRAME: usize = 480;
/// Bytes that one encoded 20 ms frame may take: 1275 is RFC 6716's most.
const PACKET_MAX: usize = 1275;
/// Samples of the longest packet, 120 ms.
const DECODED_MAX: usize = 2880;

/// libopus refused. Its own words; none of the sound's.
#[derive(Debug, thiserror::Error)]
#[error("opus: {0}")]
pub struct Error(#[from] opus::Error);

/// One speech stream's decoder. What a packet sounds like depends on those before it: one for each source.
#[derive(Debug)]
pub struct Decoder {
    inner: opus::Decoder,
    samples: Box<[i16; DECODED_MAX]>,
}

impl Decoder {
    /// A fresh one. About 20 KB.
    pub fn new() -> Result<Self, Error> {
        let inner = opus::Decoder::new(RATE, opus::Channels::Mono)?;
        Ok(Self {
            inner,
            samples: Box::new([0; DECODED_MAX]),
        })
    }

    /// The packet's samples; stereo comes mixed to mono.
    pub fn decode(&mut self, packet: &[u8]) -> Result<&[i16], Error> {
        if packet.is_empty() {
            return Ok(&[]); // libopus would take it for a loss
        }
        let count = self.inner.decode(packet, &mut self.samples[..], false)?;
        Ok(self.samples.get(..count).unwrap_or_default())
    }

    /// What the lost packet before `next` held, as far as `next` carries it (in-band FEC), else a guess. `samples` is how much
    /// was lost, at most 120 ms.
    pub fn recover(&mut self, next: &[u8], samples: usize) -> Result<&[i16], Error> {
        self.lost(next, samples, true)
    }

    /// A guess at what a lost packet held. `samples` at most 120 ms.
    pub fn conceal(&mut self, samples: usize) -> Result<&[i16], Error> {
        self.lost(&[], samples, false)
    }

    fn lost(&mut self, next: &[u8], samples: usize, fec: bool) -> Result<&[i16], Error> {
        // libopus wants multiples of 2.5 ms.
        let samples = (samples / 60 * 60).clamp(60, DECODED_MAX);
        let out = self.samples.get_mut(..samples).unwrap_or_default();
        let count = self.inner.decode(next, out, fec)?;
        Ok(self.samples.get(..count).unwrap_or_default())
    }
}

/// One speech stream's encoder: mono, 20 ms frames, in-band FEC, no DTX.
#[derive(Debug)]
pub struct Encoder {
    inner: opus::Encoder,
    packet: Box<[u8; PACKET_MAX]>,
}

impl Encoder {
    /// A fresh one for speech.
    pub fn new() -> Result<Self, Error> {
        let mut inner = opus::Encoder::new(RATE, opus::Channels::Mono, opus::Application::Voip)?;
        // 40 kbit/s is transparent for speech at this bandwidth and leaves FEC its share; complexity 5 costs half of 10.
        inner.set_bitrate(opus::Bitrate::Bits(40_000))?;
        inner.set_signal(opus::Signal::Voice)?;
        inner.set_complexity(5)?;
        inner.set_inband_fec(true)?;
        inner.set_packet_loss_perc(5)?;
        Ok(Self {
            inner,
            packet: Box::new([0; PACKET_MAX]),
        })
    }

    /// The frame as a packet.
    pub fn encode(&mut self, frame: &[i16; FRAME]) -> Result<&[u8], Error> {
        let len = self.inner.encode(frame, &mut self.packet[..])?;
        Ok(self.packet.get(..len).unwrap_or_default())
    }
}

/// How long so many samples last.
pub fn duration(samples: u64) -> Duration {
    Duration::from_micros(samples * 1_000_000 / u64::from(RATE))
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A tone, `n`th frame.
    pub(crate) fn tone(hertz: f32, n: usize) -> [i16; FRAME] {
        std::array::from_fn(|i| {
            let t = (n * FRAME + i) as f32 / RATE as f32;
            (8000.0 * (std::f32::consts::TAU * hertz * t).sin()) as i16
        })
    }

    /// How much of the sound's power lies at a frequency (Goertzel), 0 to 1.
    pub(crate) fn share(samples: &[i16], hertz: f32) -> f32 {
        let w = std::f32::consts::TAU * hertz / RATE as f32;
        let (mut re, mut im, mut all) = (0.0_f32, 0.0_f32, 1.0_f32);
        for (i, &sample) in samples.iter().enumerate() {
            let (sample, angle) = (f32::from(sample), w * i as f32);
            (re, im, all) = (
                re + sample * angle.cos(),
                im + sample * angle.sin(),
                all + sample * sample,
            );
        }
        (re * re + im * im) * 2.0 / (all * samples.len().max(1) as f32)
    }

    #[test]
    fn a_tone_survives_both_ways() {
        let (mut encoder, mut decoder) = (Encoder::new().unwrap(), Decoder::new().unwrap());
        let mut heard = vec![];
        for n in 0..25 {
            let packet = encoder.encode(&tone(1000.0, n)).unwrap().to_vec();
            assert_eq!(crate::rtp::opus_ticks(&packet), Some(960));
            heard.extend_from_slice(decoder.decode(&packet).unwrap());
        }
        assert_eq!(heard.len(), 25 * FRAME);
        assert!(share(&heard[5 * FRAME..], 1000.0) > 0.8);
        assert!(share(&heard[5 * FRAME..], 1700.0) < 0.05);
    }

    #[test]
    fn a_lost_packet_is_recovered_from_the_next() {
        // The same noise of speech-like pitch with one packet lost: with FEC the hole is nearer to what was said.
        let mut encoder = Encoder::new().unwrap();
        encoder.inner.set_packet_loss_perc(30).unwrap();
        let said: Vec<_> = (0..40).map(|n| tone(if n < 20 { 300.0 } else { 700.0 }, n)).collect();
        let packets: Vec<_> = said
            .iter()
            .map(|frame| encoder.encode(frame).unwrap().to_vec())
            .collect();
        let hole = |fec: bool| {
            let mut decoder = Decoder::new().unwrap();
            for packet in &packets[..21] {
                decoder.decode(packet).unwrap();
            }
            let lost = if fec {
                decoder.recover(&packets[22], FRAME)
            } else {
                decoder.conceal(FRAME)
            };
            share(lost.unwrap(), 700.0)
        };
        assert!(hole(true) > hole(false), "{} {}", hole(true), hole(false));
    }

    #[test]
    fn bad_packets_are_errors_or_silence_never_panics() {
        let mut decoder = Decoder::new().unwrap();
        for len in 0..200_usize {
            for seed in 0..40_u8 {
                let packet: Vec<u8> = (0..len)
                    .map(|i| (i as u8).wrapping_mul(37).wrapping_add(seed.wrapping_mul(59)))
                    .collect();
                let _ = decoder.decode(&packet);
                let _ = decoder.recover(&packet, FRAME);
            }
        }
        assert!(decoder.decode(&[]).unwrap().is_empty());
        assert_eq!(decoder.conceal(1).unwrap().len(), 60);
        assert_eq!(decoder.conceal(1 << 20).unwrap().len(), DECODED_MAX);
    }
}
