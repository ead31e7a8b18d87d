//! The way of a packet: in from one leg, past mute, hold and splice, out on the other.

use super::side::{Legs, Side};
use super::stream::Stream;
use super::{Core, Send};
use crate::LegEvent;
use crate::leg::{Media, Transmit};
use crate::rtcp::Asked;
use crate::rtp::{FIXED, Header};
use crate::splice::Source;
use crate::websocket::{Frame, Speech};
use bytes::{Bytes, BytesMut};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// The AI side as PCM, in place of a leg.
pub(super) struct Pcm {
    pub(super) generation: u32,
    pub(super) speech: mpsc::Sender<Speech>,
    /// Where its frames' numbers and times begin.
    pub(super) seq: u16,
    pub(super) timestamp: u32,
}

impl Core {
    /// A datagram of that leg's has come.
    pub(crate) fn datagram(&mut self, now: Instant, side: Side, generation: u32, from: SocketAddr, bytes: &[u8]) {
        let is_media = is_media(bytes);
        let Some(placed) = self.legs[side as usize].get(generation) else {
            self.setup.counters.dropped_stranger.bump();
            return;
        };
        let peer = placed.leg.peer();
        let media = if is_media {
            peer.media(now, from, bytes)
        } else {
            peer.datagram(now, from, bytes);
            None
        };
        if side == Side::Candidate {
            self.heard.hear(peer.last_heard());
            if let Some(round_trip) = peer.round_trip().filter(|_| !is_media) {
                self.heard.answer(round_trip);
            }
        }
        if !is_media {
            self.settle(now);
            return;
        }
        if let Some(media) = media {
            self.media(now, side, generation, media);
        }
        self.drain_peer(now, side, generation);
        if !self.streams[Side::Candidate as usize].hold.is_empty() {
            self.settle(now);
        }
    }

    pub(super) fn media(&mut self, now: Instant, side: Side, generation: u32, media: Media) {
        match media {
            Media::Rtp(mut packet) => {
                let agreed = self.legs[side as usize]
                    .get(generation)
                    .and_then(|placed| placed.leg.agreed());
                let header = Header::parse(&packet);
                let (Some(header), Some(agreed)) = (header, agreed) else {
                    self.setup.counters.dropped_srtp.bump();
                    return;
                };
                if header.pt != agreed.payload_type {
                    self.setup.counters.dropped_early.bump();
                    return;
                }
                if self.legs[side as usize].is_staged(generation) {
                    return; // it has nothing to say yet
                }
                self.setup.counters.rtp_in[side as usize].bump();
                self.streams[side as usize].reports.received(now, &header);
                if let Some(placed) = self.legs[side as usize].get(generation)
                    && !std::mem::replace(&mut placed.has_media, true)
                {
                    self.tell(side, LegEvent::FirstMedia);
                }
                match side {
                    Side::Candidate => self.candidate_speaks(now, generation, &header, &mut packet),
                    Side::Ai => self.forward(now, side, Source(u64::from(generation)), &mut packet),
                }
            }
            Media::Rtcp(compound) => self.rtcp(now, side, generation, &compound),
        }
    }

    fn rtcp(&mut self, now: Instant, side: Side, generation: u32, compound: &[u8]) {
        let ntp = self.clock.at(now);
        let Stream { reports, history, .. } = &mut self.streams[side as usize];
        let Some(to) = self.legs[side as usize]
            .get(generation)
            .and_then(|placed| placed.leg.peer().dest())
        else {
            return;
        };
        let (out, counters) = (&mut self.out, &self.setup.counters);
        reports.handle(ntp, compound, |asked| {
            if let (Asked::Again(seq), Some(history)) = (asked, history.as_mut())
                && let Some(bytes) = history.again(now, seq)
            {
                counters.rtp_repeated[side as usize].bump();
                out.push(Send {
                    side,
                    generation,
                    datagram: Transmit {
                        to,
                        bytes: bytes.into(),
                    },
                });
            }
        });
    }

    /// One side's packet (in the clear) goes to the other side, or waits for it.
    pub(super) fn forward(&mut self, now: Instant, from: Side, source: Source, packet: &mut [u8]) {
        let to = from.other();
        let stream = &mut self.streams[to as usize];
        if !stream.hold.is_empty() || !is_open(to, &mut self.legs[to as usize], self.pcm.as_ref(), self.release) {
            let lost_ms = stream.keep(source, packet);
            self.setup.counters.speech_dropped_ms[from as usize].add(lost_ms);
            return;
        }
        stream.discards = false;
        self.send(now, to, source, packet);
    }

    pub(super) fn send(&mut self, now: Instant, to: Side, source: Source, packet: &mut [u8]) {
        match to {
            Side::Ai => self.kept.keep(now, source, packet),
            Side::Candidate => self.said.keep(now, source, packet),
        }
        if to == Side::Ai
            && let Some(pcm) = &self.pcm
        {
            // The same one stream that a leg would hear: whoever listens need not know of sources.
            let splice = &mut self.streams[to as usize].splice;
            splice.take_over(source);
            let Ok(written) = splice.rewrite(now, source, packet) else {
                return;
            };
            let payload = packet.get(written.packet.start + FIXED..written.packet.end);
            let speech = Speech {
                seq: written.seq,
                timestamp: written.ts,
                payload: Bytes::copy_from_slice(payload.unwrap_or_default()),
            };
            if pcm.speech.try_send(speech).is_err() {
                self.setup.counters.speech_dropped_ms[Side::Candidate as usize].add(20);
            }
            return;
        }
        let Some(placed) = &mut self.legs[to as usize].current else {
            return;
        };
        if placed.leg.agreed().is_none_or(|agreed| !agreed.we_send) {
            return;
        }
        if let Some(datagram) = self.streams[to as usize].send(now, source, packet, placed.leg.peer()) {
            self.setup.counters.rtp_out[to as usize].bump();
            self.out.push(Send {
                side: to,
                generation: placed.generation,
                datagram,
            });
        }
    }

    /// The candidate was last heard then, from where ours goes: what was on its way to them by then may not have arrived either.
    pub(super) fn candidate_missed_since(&mut self, heard: Instant) {
        let reported = self.streams[Side::Candidate as usize].reports.stats().rtt;
        let known = reported.max(self.heard.round_trip());
        let on_its_way = known.map_or(UNKNOWN_ON_ITS_WAY, |known| known.clamp(ON_ITS_WAY.0, ON_ITS_WAY.1));
        self.say_again(heard.checked_sub(on_its_way).unwrap_or(heard));
    }

    /// What was sent to the candidate since then is said once more, before all that follows, as late audio on the stream: a receiver
    /// has passed over its place in the numbering by now.
    pub(super) fn say_again(&mut self, since: Instant) {
        let stream = &mut self.streams[Side::Candidate as usize];
        if stream.discards {
            return;
        }
        let mut again = Vec::new();
        self.said.take_since(Some(since), |source, packet| {
            again.push((source, BytesMut::from(packet)));
        });
        if again.is_empty() {
            return;
        }
        stream.hold.put_first(again.into_iter());
        stream.splice.deselect();
    }

    /// A frame of the AI's speech from the PCM transport of that generation.
    pub(crate) fn play(&mut self, now: Instant, generation: u32, frame: &Frame) {
        let Some(pcm) = self.pcm.as_ref().filter(|pcm| pcm.generation == generation) else {
            return;
        };
        let header = Header {
            marker: false,
            pt: 111,
            seq: pcm.seq.wrapping_add(frame.seq),
            ts: pcm.timestamp.wrapping_add(frame.ts),
            ssrc: generation,
            payload_at: 12,
            payload_end: 12 + frame.payload.len(),
        };
        let mut packet = std::mem::take(&mut self.scratch);
        packet.clear();
        packet.extend_from_slice(&header.bytes());
        packet.extend_from_slice(&frame.payload);
        self.forward(now, Side::Ai, Source(u64::from(generation)), &mut packet);
        self.scratch = packet;
        self.settle(now);
    }
}

/// What was on its way to the candidate when they were last heard is a round trip's worth: at least, at most.
const ON_ITS_WAY: (Duration, Duration) = (Duration::from_millis(40), Duration::from_millis(400));
/// And this, while nobody has measured it.
const UNKNOWN_ON_ITS_WAY: Duration = Duration::from_millis(120);

/// RFC 7983, 7: SRTP and SRTCP, on a port that STUN and DTLS share.
pub(crate) fn is_media(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(128..=191))
}

/// Whether what is sent to that side now is heard there.
pub(super) fn is_open(to: Side, legs: &mut Legs, pcm: Option<&Pcm>, release: Option<bool>) -> bool {
    match to {
        Side::Candidate => legs.hearing().is_some(),
        Side::Ai => release != Some(false) && (pcm.is_some() || legs.hearing().is_some()),
    }
}
