//! Judge mode's sounds: digits as dual tones, made and recognised.
//!
//! Is: a tone generator and a Goertzel detector on mono PCM at 24 or 48 kHz (any rate divisible by 100).
//! Isn't: a transport or a clock; the detector counts samples and nothing else.
//! **Law:** the detector reports a digit once per burst, in the order heard, with the sample at which it began.
//! Public, so that a test can be the far ear of a relay; the relay itself never uses it.

mod detector;
mod tones;
mod words;

pub use detector::{Detector, Heard};
pub use tones::{Pattern, digits_from, encode};
pub use words::{digits_in_words, words_of};

/// The four low and four high frequencies of ITU-T Q.23, in Hz.
const LOW_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH_HZ: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

/// The keypad of ITU-T Q.23: row is the low tone, column the high one. Only its ten digits are used.
const KEYS: [[Option<u8>; 4]; 4] = [
    [Some(1), Some(2), Some(3), None],
    [Some(4), Some(5), Some(6), None],
    [Some(7), Some(8), Some(9), None],
    [None, Some(0), None, None],
];

fn pair_of(digit: u8) -> (f32, f32) {
    for (row, keys) in KEYS.iter().enumerate() {
        for (column, key) in keys.iter().enumerate() {
            if *key == Some(digit % 10) {
                return (LOW_HZ[row], HIGH_HZ[column]);
            }
        }
    }
    (LOW_HZ[3], HIGH_HZ[1])
}

#[cfg(test)]
mod tests;
