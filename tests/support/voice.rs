//! What a candidate of these tests says, and how it knows that the interviewer has finished.

use crate::peer::{Peer, RATE, wall_ms};
use std::time::Duration;

/// Something like a voice: a buzz of a low pitch, louder and softer as syllables are.
pub fn speech(ms: u64) -> Vec<i16> {
    let samples = (u64::from(RATE) * ms / 1000) as usize;
    (0..samples)
        .map(|n| {
            let t = n as f32 / RATE as f32;
            let pitch = 130.0 + 20.0 * (t * 3.0).sin();
            let buzz: f32 = (1..12)
                .map(|k| (std::f32::consts::TAU * pitch * k as f32 * t).sin() / k as f32)
                .sum();
            let syllable = 0.55 + 0.45 * (std::f32::consts::TAU * 4.0 * t).sin();
            (buzz * syllable * 5_000.0) as i16
        })
        .collect()
}

fn is_voiced(pcm: &[i16]) -> bool {
    let energy: f64 = pcm.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    !pcm.is_empty() && (energy / pcm.len() as f64).sqrt() > 250.0
}

/// Wall ms of the first and the last voiced packet heard since `since`.
pub fn voiced(peer: &Peer, since: u64) -> Option<(u64, u64)> {
    peer.heard(|heard| {
        let mut voiced = heard
            .iter()
            .filter(|h| h.at_ms >= since && is_voiced(&h.pcm))
            .map(|h| h.at_ms);
        let first = voiced.next()?;
        Some((first, voiced.next_back().unwrap_or(first)))
    })
}

/// The interviewer has spoken since `since`, and has been silent for `pause` after it.
pub fn is_heard_out(peer: &Peer, since: u64, pause: Duration) -> bool {
    voiced(peer, since).is_some_and(|(_, last)| wall_ms() >= last + pause.as_millis() as u64)
}
