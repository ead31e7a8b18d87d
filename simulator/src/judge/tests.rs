#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

fn heard(detector: &mut Detector, pcm: &[i16]) -> Vec<u8> {
    pcm.chunks(441)
        .flat_map(|chunk| detector.push(chunk))
        .map(|h| h.digit)
        .collect()
}

#[test]
fn times_are_those_of_the_bursts() {
    let pattern = Pattern::at(24_000);
    let mut detector = Detector::new(24_000);
    let found = detector.push(&encode(&[1, 1, 0, 9], &pattern));
    let at: Vec<i64> = found.iter().map(|h| (h.at_sample / 24) as i64).collect();
    for (at, want) in at.iter().zip([40, 200, 360, 520]) {
        assert!((at - want).abs() <= 12, "{at} for {want}");
    }
    assert_eq!(found.len(), 4);
}

#[test]
fn speech_and_noise_are_no_digits() {
    let pcm = crate::audio::voice::line("hello").expect("a committed clip").pcm24();
    assert_eq!(heard(&mut Detector::new(24_000), &pcm), Vec::<u8>::new());
    let mut seed = 7u32;
    let noise: Vec<i16> = (0..240_000)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) as u16 as i16 / 4
        })
        .collect();
    assert_eq!(heard(&mut Detector::new(24_000), &noise), Vec::<u8>::new());
}

#[test]
fn opus_at_low_bitrate_keeps_every_digit() {
    let digits: Vec<u8> = (0..200).map(|n| (n * 7 % 10) as u8).collect();
    for burst_ms in [60, 80, 100] {
        let pattern = Pattern {
            burst_ms,
            ..Pattern::at(48_000)
        };
        let mut encoder = opus::Encoder::new(48_000, opus::Channels::Mono, opus::Application::Voip).unwrap();
        encoder.set_bitrate(opus::Bitrate::Bits(16_000)).unwrap();
        let mut decoder = opus::Decoder::new(24_000, opus::Channels::Mono).unwrap();
        let mut detector = Detector::new(24_000);
        let mut found = Vec::new();
        for frame in encode(&digits, &pattern).chunks_exact(960) {
            let packet = encoder.encode_vec(frame, 1_275).unwrap();
            let mut out = [0; 480];
            decoder.decode(&packet, &mut out, false).unwrap();
            found.extend(detector.push(&out).iter().map(|h| h.digit));
        }
        assert_eq!(found, digits, "bursts of {burst_ms} ms");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_said_is_heard(
        digits in prop::collection::vec(0u8..10, 0..40),
        burst_ms in 60u32..=100,
        pause_ms in 60u32..200,
        lead_ms in 0u32..90,
        level in 0.05f32..0.9,
        hum in prop_oneof![Just(0.0f32), Just(0.004)],
        wide in any::<bool>(),
    ) {
        let rate = if wide { 48_000 } else { 24_000 };
        let pattern = Pattern { rate, lead_ms, burst_ms, interval_ms: burst_ms + pause_ms, level, hum };
        prop_assert_eq!(heard(&mut Detector::new(rate), &encode(&digits, &pattern)), digits);
    }
}
