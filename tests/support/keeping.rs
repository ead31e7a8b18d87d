//! What a page keeps of the microphone until the relay has acknowledged it, and gives where it is lacking (SPEC.md, the WebSocket's
//! `ack` and binary frames).

use serde_json::Value;

/// Packets of kept speech in a frame: 4 s.
const FRAME_PACKETS: usize = 200;
/// From one packet to the next, in RTP time.
const STEP: u32 = 960;

/// One packet of the microphone's: SSRC, RTP timestamp, Opus. All follow each other by 20 ms.
#[derive(Clone)]
pub struct Sent {
    pub stream: u32,
    pub time: u32,
    pub opus: Vec<u8>,
}

#[derive(Default)]
pub struct Keeping {
    sent: Vec<Sent>,
}

fn is_before(time: u32, than: u32) -> bool {
    (time.wrapping_sub(than) as i32) < 0
}

impl Keeping {
    pub fn keep(&mut self, sent: Sent) {
        self.sent.push(sent);
    }

    /// The streams of which something is kept, oldest first.
    pub fn streams(&self) -> Vec<u32> {
        let mut streams: Vec<u32> = self.sent.iter().map(|it| it.stream).collect();
        streams.dedup();
        streams
    }

    /// What is kept of a stream from then until then.
    pub fn sent(&self, stream: u32, from: u32, to: Option<u32>) -> Vec<Vec<u8>> {
        let is_within = |it: &&Sent| !is_before(it.time, from) && to.is_none_or(|to| is_before(it.time, to));
        let of_stream = self.sent.iter().filter(|it| it.stream == stream);
        of_stream.filter(is_within).map(|it| it.opus.clone()).collect()
    }

    /// The relay wants nothing more of that stream from before then.
    fn acknowledged(&mut self, stream: u32, up_to: u32) {
        self.sent.retain(|it| it.stream != stream || !is_before(it.time, up_to));
    }

    /// What to send when the relay says `welcome` or `ack`.
    pub fn answer(&mut self, message: &Value) -> Vec<Vec<u8>> {
        let number = |it: &Value| it.as_u64().unwrap_or_default() as u32;
        if message["type"] == "welcome" {
            let heard = message["heardUpTo"].as_array().into_iter().flatten();
            let known: Vec<(u32, u32)> = heard.map(|it| (number(&it["stream"]), number(&it["upTo"]))).collect();
            for (stream, up_to) in &known {
                self.acknowledged(*stream, *up_to);
            }
            // a relay that knows nothing of a stream is told all of it
            let mut unknown = self.streams();
            unknown.retain(|stream| known.iter().all(|(it, _)| it != stream));
            return unknown
                .iter()
                .flat_map(|stream| self.give(*stream, None, None))
                .collect();
        }
        let stream = number(&message["stream"]);
        self.acknowledged(stream, number(&message["upTo"]));
        let lacks = message["lacks"].as_array().into_iter().flatten();
        lacks
            .flat_map(|gap| self.give(stream, Some(number(&gap[0])), gap[1].as_u64().map(|to| to as u32)))
            .collect()
    }

    /// Frames of what is kept from then until then; one empty frame says that there is nothing.
    fn give(&self, stream: u32, from: Option<u32>, to: Option<u32>) -> Vec<Vec<u8>> {
        let is_within =
            |time: u32| from.is_none_or(|from| !is_before(time, from)) && to.is_none_or(|to| is_before(time, to));
        let kept: Vec<&Sent> = self
            .sent
            .iter()
            .filter(|it| it.stream == stream && is_within(it.time))
            .collect();
        let end = to.or(kept.last().map(|last| last.time.wrapping_add(STEP))).or(from);
        let chunks = kept.chunks(FRAME_PACKETS);
        let last = chunks.len().saturating_sub(1);
        let nothing: &[&Sent] = &[];
        let frame = |(n, packets): (usize, &[&Sent])| {
            let time = packets.first().map(|first| first.time).or(end).unwrap_or_default();
            let mut frame = vec![1, u8::from(n == last)];
            frame.extend((packets.len() as u16).to_be_bytes());
            frame.extend(stream.to_be_bytes());
            frame.extend((time / STEP).to_be_bytes());
            frame.extend(u64::from(time).to_be_bytes());
            for packet in packets {
                frame.extend((packet.opus.len() as u16).to_be_bytes());
                frame.extend(&packet.opus);
            }
            frame
        };
        chunks
            .chain(kept.is_empty().then_some(nothing))
            .enumerate()
            .map(frame)
            .collect()
    }
}
