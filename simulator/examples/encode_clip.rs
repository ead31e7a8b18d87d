//! Writes one Ogg Opus file for each WAV of a folder: `encode_clip IN_DIR OUT_DIR`. Used by `clips/render.sh` alone.
//!
//! Mono, 48 kHz, 20 ms packets, 20 kbit/s. Takes 16-bit mono PCM WAV of any rate, as espeak-ng writes it.
#![allow(clippy::print_stdout)]

use std::{error::Error, fs, path::Path};

use ogg::writing::{PacketWriteEndInfo, PacketWriter};
use opus::{Application, Bitrate, Channels, Encoder, Signal};

const RATE: u32 = 48_000;
const FRAME: usize = 960;
const PRE_SKIP: u16 = 312;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(from), Some(to)) = (args.next(), args.next()) else {
        return Err("usage: encode_clip IN_DIR OUT_DIR".into());
    };
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(stem) = path.file_stem().and_then(|s| s.to_str()) else {
            continue;
        };
        let (rate, pcm) = read_wav(&fs::read(&path)?)?;
        let out = Path::new(&to).join(format!("{stem}.opus"));
        let bytes = encode(&resample(&trim(&pcm), rate))?;
        println!("{} {} bytes", out.display(), bytes.len());
        fs::write(out, bytes)?;
    }
    Ok(())
}

fn read_wav(bytes: &[u8]) -> Result<(u32, Vec<i16>), Box<dyn Error>> {
    let word = |at: usize| -> Option<u32> { Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?)) };
    let rate = word(24).ok_or("short WAV")?;
    let mut at = 12;
    while let (Some(id), Some(len)) = (bytes.get(at..at + 4), word(at + 4)) {
        if id == b"data" {
            let end = (at + 8).saturating_add(len as usize).min(bytes.len());
            let pcm = bytes[at + 8..end]
                .chunks_exact(2)
                .map(|b| i16::from_le_bytes([b[0], b[1]]))
                .collect();
            return Ok((rate, pcm));
        }
        at += 8 + len as usize;
    }
    Err("no data chunk".into())
}

/// Silence at both ends goes, but for 60 ms.
fn trim(pcm: &[i16]) -> Vec<i16> {
    let loud = |s: &i16| s.unsigned_abs() > 200;
    let (Some(first), Some(last)) = (pcm.iter().position(loud), pcm.iter().rposition(loud)) else {
        return Vec::new();
    };
    pcm[first.saturating_sub(1323)..(last + 1323).min(pcm.len())].to_vec()
}

/// Windowed sinc, 32 taps a side.
fn resample(pcm: &[i16], rate: u32) -> Vec<i16> {
    let ratio = f64::from(rate) / f64::from(RATE);
    let len = (pcm.len() as f64 / ratio) as usize;
    let sample = |n: usize| {
        let centre = n as f64 * ratio;
        let first = centre.floor() as i64 - 31;
        let sum: f64 = (first..first + 64)
            .filter_map(|i| {
                let s = f64::from(*pcm.get(usize::try_from(i).ok()?)?);
                let x = centre - i as f64;
                let sinc = if x.abs() < 1e-9 {
                    1.0
                } else {
                    (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x)
                };
                Some(s * sinc * 0.5 * (1.0 + (std::f64::consts::PI * x / 32.0).cos()))
            })
            .sum();
        sum.clamp(-32_768.0, 32_767.0) as i16
    };
    (0..len).map(sample).collect()
}

fn encode(pcm: &[i16]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = Encoder::new(RATE, Channels::Mono, Application::Voip)?;
    encoder.set_bitrate(Bitrate::Bits(20_000))?;
    encoder.set_signal(Signal::Voice)?;
    encoder.set_complexity(10)?;
    let mut out = PacketWriter::new(Vec::new());
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend_from_slice(&PRE_SKIP.to_le_bytes());
    head.extend_from_slice(&RATE.to_le_bytes());
    head.extend_from_slice(&[0, 0, 0]);
    out.write_packet(head, 1, PacketWriteEndInfo::EndPage, 0)?;
    let mut tags = b"OpusTags".to_vec();
    tags.extend_from_slice(&9u32.to_le_bytes());
    tags.extend_from_slice(b"vivavoce!");
    tags.extend_from_slice(&0u32.to_le_bytes());
    out.write_packet(tags, 1, PacketWriteEndInfo::EndPage, 0)?;
    let frames = pcm.len().div_ceil(FRAME);
    for (n, chunk) in pcm.chunks(FRAME).enumerate() {
        let mut frame = chunk.to_vec();
        frame.resize(FRAME, 0);
        let packet = encoder.encode_vec(&frame, 1_275)?;
        let end = if n + 1 == frames {
            PacketWriteEndInfo::EndStream
        } else {
            PacketWriteEndInfo::NormalPacket
        };
        out.write_packet(packet, 1, end, ((n + 1) * FRAME) as u64)?;
    }
    Ok(out.into_inner())
}
