//! G.711 at 8 kHz against 24 kHz PCM (ITU-T G.711), for sessions whose format is `audio/pcmu` or `audio/pcma`.

/// 24 kHz PCM to 8 kHz µ-law or A-law.
pub(crate) fn encode(pcm24: &[i16], a_law: bool) -> Vec<u8> {
    pcm24
        .chunks(3)
        .map(|c| (c.iter().map(|s| i32::from(*s)).sum::<i32>() / c.len() as i32) as i16)
        .map(|s| if a_law { to_a(s) } else { to_u(s) })
        .collect()
}

/// 8 kHz µ-law or A-law to 24 kHz PCM (linear interpolation).
pub(crate) fn decode(bytes: &[u8], a_law: bool) -> Vec<i16> {
    let mut last = 0i32;
    let mut pcm = Vec::with_capacity(bytes.len() * 3);
    for byte in bytes {
        let next = i32::from(if a_law { from_a(*byte) } else { from_u(*byte) });
        pcm.extend((1..=3).map(|n| (last + (next - last) * n / 3) as i16));
        last = next;
    }
    pcm
}

fn to_u(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80u8 } else { 0 };
    let magnitude = (i32::from(sample).abs().min(32_635) + 132) as u32;
    let exponent = (24 - magnitude.leading_zeros()).min(7);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | (exponent as u8) << 4 | mantissa as u8)
}

fn from_u(byte: u8) -> i16 {
    let byte = !byte;
    let exponent = u32::from(byte >> 4) & 7;
    let magnitude = ((((i32::from(byte) & 0x0f) << 3) + 132) << exponent) - 132;
    if byte & 0x80 == 0 {
        magnitude as i16
    } else {
        -magnitude as i16
    }
}

fn to_a(sample: i16) -> u8 {
    let sign = if sample < 0 { 0u8 } else { 0x80 };
    let magnitude = (i32::from(sample).abs().min(32_767) >> 3) as u32;
    let byte = if magnitude < 32 {
        magnitude as u8 >> 1
    } else {
        let exponent = 27 - magnitude.leading_zeros();
        (exponent as u8) << 4 | (magnitude >> exponent) as u8 & 0x0f
    };
    (byte | sign) ^ 0x55
}

fn from_a(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (exponent, mantissa) = (u32::from(byte >> 4) & 7, i32::from(byte) & 0x0f);
    let magnitude = if exponent == 0 {
        (mantissa << 4) + 8
    } else {
        ((mantissa << 4) + 264) << (exponent - 1)
    };
    if byte & 0x80 == 0 {
        -magnitude as i16
    } else {
        magnitude as i16
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn both_laws_come_back_within_their_step() {
        for a_law in [false, true] {
            for sample in (-32_000..32_000).step_by(97) {
                let back = i32::from(if a_law {
                    from_a(to_a(sample))
                } else {
                    from_u(to_u(sample))
                });
                let step = (i32::from(sample).abs() / 16).max(16);
                assert!(
                    (back - i32::from(sample)).abs() <= step,
                    "{sample} came back as {back}, a_law {a_law}"
                );
            }
        }
    }

    #[test]
    fn rates_are_three_to_one() {
        assert_eq!(encode(&[0; 480], false).len(), 160);
        assert_eq!(decode(&[0xff; 160], false).len(), 480);
    }
}
