//! Two legs and what joins them (pure): datagrams and ticks in, datagrams and events out.
//!
//! Contract: after each call that takes `now`, take what is in `out` and drain [`Core::poll_output`]; then
//! [`Core::poll_timeout`] says when to call [`Core::tick`]. Isn't: a socket, a clock, a queue to another thread (`shard`).
//! **Law:** of one side's description, addresses, identifiers, RTCP and header extensions nothing reaches the other;
//! Opus payloads do, untouched.

mod limit;
mod side;
mod stream;
#[cfg(test)]
mod tests;

use crate::event::{CallStats, CloseCause, Event, LegEvent, LegStats};
use crate::leg::ai::AiLeg;
use crate::leg::candidate::CandidateLeg;
use crate::leg::{Media, PeerEvent, Setup, Transmit, sdp};
use crate::rtcp::Asked;
use crate::rtp::Header;
use crate::splice::Source;
use crate::websocket::{Frame, Speech};
use bytes::Bytes;
use limit::Limit;
pub(crate) use side::Side;
use side::{Leg, Legs, Placed};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use stream::Stream;
use tokio::sync::mpsc;

/// Why a command on a call was refused. Never holds SDP, addresses or credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The SDP or candidate line does not parse or lacks what a leg needs.
    #[error("bad SDP: {0}")]
    Sdp(&'static str),
    /// Larger than any honest description (64 KiB).
    #[error("the SDP is too long")]
    SdpTooLong,
    /// An offer without an audio section that can be used.
    #[error("the offer has no usable audio section")]
    NoAudio,
    /// An answer without an offer of ours, or a second one.
    #[error("no offer is waiting for an answer")]
    NoOffer,
    /// The AI leg's socket could not be opened.
    #[error("no socket for the AI leg: {0}")]
    Socket(std::io::ErrorKind),
    /// The WebRTC peer refused.
    #[error("the peer refused: {0}")]
    Peer(String),
    /// Opus could not be set up for the PCM transport.
    #[error("no codec: {0}")]
    Codec(String),
    /// The call is closed, or its shard has ended.
    #[error("the call is closed")]
    Closed,
}

/// Between two reports on a leg.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// What the driver is to do, beside sending.
#[derive(Debug)]
pub(crate) enum Output {
    /// Tell the owner.
    Event(Event),
    /// Datagrams from there are this candidate leg's.
    Accepted { generation: u32, address: SocketAddr },
    /// That leg is gone, with its ufrags, addresses and socket.
    Gone { side: Side, generation: u32 },
}

/// A datagram to send, and by which leg's socket.
#[derive(Debug)]
pub(crate) struct Send {
    pub(crate) side: Side,
    pub(crate) generation: u32,
    pub(crate) datagram: Transmit,
}

/// Monotonic time told as NTP time: taken once, so that a step of the wall clock is no round trip.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NtpClock {
    pub(crate) at: Instant,
    pub(crate) ntp: u64,
}

impl NtpClock {
    fn at(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.at);
        self.ntp
            .wrapping_add((passed.as_nanos() << 32).wrapping_div(1_000_000_000) as u64)
    }
}

/// One call.
pub(crate) struct Core {
    setup: Setup,
    advertise: Vec<SocketAddr>,
    clock: NtpClock,
    legs: [Legs; 2],
    /// Towards each side.
    streams: [Stream; 2],
    /// The AI side as PCM, in place of a leg.
    pcm: Option<Pcm>,
    generation: u32,
    is_muted: bool,
    /// Whether the candidate's speech goes to the AI; `None`: as soon as it can.
    release: Option<bool>,
    /// Texts that a candidate may send.
    texts: Limit,
    next_report: Instant,
    lost_before: [u64; 2],
    compound: Vec<u8>,
    scratch: Vec<u8>,
    /// What is to be sent. Drained by the owner after each call.
    pub(crate) out: Vec<Send>,
    outputs: VecDeque<Output>,
    is_closed: bool,
}

struct Pcm {
    generation: u32,
    speech: mpsc::Sender<Speech>,
    /// Where its frames' numbers and times begin.
    seq: u16,
    timestamp: u32,
}

impl Core {
    /// A call without legs. `setup.ssrc` is not looked at: each side has its own.
    pub(crate) fn new(
        now: Instant,
        clock: NtpClock,
        setup: Setup,
        advertise: Vec<SocketAddr>,
        hold_ms_max: u32,
    ) -> Self {
        let hold_ms_max = hold_ms_max.clamp(20, 120_000);
        Self {
            setup,
            advertise,
            clock,
            legs: [Legs::default(), Legs::default()],
            streams: [Stream::new(now, hold_ms_max), Stream::new(now, hold_ms_max)],
            pcm: None,
            generation: 0,
            is_muted: false,
            release: None,
            texts: Limit::new(now, 256, 100),
            next_report: now + Duration::from_millis(u64::from(rand::random::<u16>() % 1000)),
            lost_before: [0; 2],
            compound: Vec::new(),
            scratch: Vec::new(),
            out: Vec::new(),
            outputs: VecDeque::new(),
            is_closed: false,
        }
    }

    fn setup_for(&self, side: Side) -> Setup {
        Setup {
            ssrc: self.streams[side as usize].splice.ssrc(),
            ..self.setup.clone()
        }
    }

    fn next_generation(&mut self) -> u32 {
        self.generation += 1;
        self.generation
    }

    /// See [`crate::Call::candidate_offer`].
    pub(crate) fn candidate_offer(&mut self, now: Instant, offer: &str) -> Result<String, Error> {
        let answer = self.answer(now, offer);
        if answer.is_err() {
            self.setup.counters.refused_sdp.bump();
        }
        self.settle(now);
        answer
    }

    fn answer(&mut self, now: Instant, offer: &str) -> Result<String, Error> {
        if offer.len() > sdp::SDP_LEN_MAX {
            return Err(Error::SdpTooLong);
        }
        for placed in self.legs[Side::Candidate as usize].all() {
            if let Leg::Candidate(leg) = &mut placed.leg
                && !leg.peer.is_closed()
                && leg.is_same_offer(offer)
            {
                return Ok(leg.answer().to_owned());
            }
        }
        if let Some(Placed {
            leg: Leg::Candidate(leg),
            ..
        }) = &mut self.legs[Side::Candidate as usize].current
            && leg.is_same_peer(offer)
        {
            leg.answer_again(now, offer)?;
            let answer = leg.answer().to_owned();
            self.retune(Side::Candidate);
            return Ok(answer);
        }
        let leg = CandidateLeg::new(now, self.setup_for(Side::Candidate), &self.advertise, offer)?;
        let answer = leg.answer().to_owned();
        self.place(now, Side::Candidate, Leg::Candidate(leg));
        Ok(answer)
    }

    /// A leg that is to come up in place of what is there.
    fn place(&mut self, now: Instant, side: Side, leg: Leg) -> u32 {
        let generation = self.next_generation();
        let placed = Placed {
            generation,
            leg,
            has_media: false,
        };
        if let Some(superseded) = self.legs[side as usize].next.replace(placed) {
            self.discard(now, side, superseded);
        }
        generation
    }

    /// Closes a leg that is no longer in its place, without a word to the owner.
    fn discard(&mut self, now: Instant, side: Side, mut placed: Placed) {
        placed.leg.peer().close(now);
        for datagram in std::mem::take(&mut placed.leg.peer().sends) {
            self.out.push(Send {
                side,
                generation: placed.generation,
                datagram,
            });
        }
        self.outputs.push_back(Output::Gone {
            side,
            generation: placed.generation,
        });
    }

    /// The candidate legs' local ufrags, for `demux`.
    pub(crate) fn ufrags(&self) -> impl Iterator<Item = (u32, &str)> {
        self.legs[Side::Candidate as usize]
            .iter()
            .flat_map(|placed| placed.leg.peer_ref().ufrags().map(|ufrag| (placed.generation, ufrag)))
    }

    /// See [`crate::Call::candidate_ice`].
    pub(crate) fn candidate_ice(&mut self, now: Instant, candidate: &str) {
        let legs = &mut self.legs[Side::Candidate as usize];
        // The newest description is what a browser trickles for.
        if let Some(Placed {
            leg: Leg::Candidate(leg),
            ..
        }) = legs.next.as_mut().or(legs.current.as_mut())
            && (candidate.len() > 1024 || leg.trickle(now, candidate).is_err())
        {
            self.setup.counters.refused_sdp.bump();
        }
        self.settle(now);
    }

    /// See [`crate::Call::candidate_send`].
    pub(crate) fn candidate_send(&mut self, now: Instant, text: &str) {
        if let Some(placed) = &mut self.legs[Side::Candidate as usize].current {
            placed.leg.peer().send_text(now, text, false);
        }
        self.settle(now);
    }

    /// See [`crate::Call::candidate_close`], [`crate::Call::ai_close`].
    pub(crate) fn close_side(&mut self, now: Instant, side: Side) {
        if let Some(next) = self.legs[side as usize].next.take() {
            self.discard(now, side, next);
        }
        if let Some(current) = &mut self.legs[side as usize].current {
            current.leg.peer().close(now);
        }
        if side == Side::Ai
            && let Some(pcm) = self.pcm.take()
        {
            self.outputs.push_back(Output::Gone {
                side,
                generation: pcm.generation,
            });
        }
        self.settle(now);
    }

    /// See [`crate::Call::ai_offer`]; with the leg's generation, and the socket's address that it is made for.
    pub(crate) fn ai_offer(&mut self, now: Instant, local: SocketAddr) -> Result<(u32, String), Error> {
        let setup = Setup {
            locals: vec![local],
            ..self.setup_for(Side::Ai)
        };
        let leg = AiLeg::new(now, setup)?;
        let offer = leg.offer().to_owned();
        let generation = self.place(now, Side::Ai, Leg::Ai(leg));
        self.settle(now);
        Ok((generation, offer))
    }

    /// See [`crate::Call::ai_answer`].
    pub(crate) fn ai_answer(&mut self, now: Instant, answer: &str) -> Result<(), Error> {
        let result = if answer.len() > sdp::SDP_LEN_MAX {
            Err(Error::SdpTooLong)
        } else if let Some(Placed { leg: Leg::Ai(leg), .. }) = &mut self.legs[Side::Ai as usize].next {
            leg.accept(now, answer)
        } else {
            Err(Error::NoOffer)
        };
        if result.is_err() {
            self.setup.counters.refused_sdp.bump();
        }
        self.settle(now);
        result
    }

    /// See [`crate::Call::ai_send`].
    pub(crate) fn ai_send(&mut self, now: Instant, text: &str) {
        let legs = &mut self.legs[Side::Ai as usize];
        let current = legs
            .current
            .as_mut()
            .filter(|placed| !placed.leg.peer_ref().is_closed());
        match current.or(legs.next.as_mut()) {
            Some(placed) => placed.leg.peer().send_text(now, text, true),
            None => self.setup.counters.dropped_message.bump(),
        }
        self.settle(now);
    }

    /// See [`crate::Call::ai_pcm`]: the candidate's speech goes there; what is played comes by [`Core::play`].
    pub(crate) fn ai_pcm(&mut self, now: Instant, speech: mpsc::Sender<Speech>) -> u32 {
        self.close_side(now, Side::Ai);
        let generation = self.next_generation();
        let (seq, timestamp) = (rand::random(), rand::random());
        self.pcm = Some(Pcm {
            generation,
            speech,
            seq,
            timestamp,
        });
        self.settle(now);
        generation
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

    /// See [`crate::Call::mute`].
    pub(crate) fn mute(&mut self, on: bool) {
        if self.is_muted && !on {
            // What comes joins on: the pause is no loss.
            let splice = &mut self.streams[Side::Ai as usize].splice;
            if let Some(source) = splice.selected() {
                splice.select(source);
            }
        }
        self.is_muted = on;
    }

    /// See [`crate::Call::release_to_ai`].
    pub(crate) fn release_to_ai(&mut self, now: Instant, on: bool) {
        self.release = Some(on);
        self.settle(now);
    }

    /// A datagram of that leg's has come.
    pub(crate) fn datagram(&mut self, now: Instant, side: Side, generation: u32, from: SocketAddr, bytes: &[u8]) {
        let is_media = matches!(bytes.first(), Some(128..=191));
        let Some(placed) = self.legs[side as usize].get(generation) else {
            self.setup.counters.dropped_stranger.bump();
            return;
        };
        if !is_media {
            placed.leg.peer().datagram(now, from, bytes);
            self.settle(now);
            return;
        }
        let media = placed.leg.peer().media(now, from, bytes);
        if let Some(media) = media {
            self.media(now, side, generation, media);
        }
        self.drain_peer(now, side, generation);
    }

    fn media(&mut self, now: Instant, side: Side, generation: u32, media: Media) {
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
                self.setup.counters.rtp_in[side as usize].bump();
                self.streams[side as usize].reports.received(now, &header);
                if let Some(placed) = self.legs[side as usize].get(generation)
                    && !std::mem::replace(&mut placed.has_media, true)
                {
                    self.tell(side, LegEvent::FirstMedia);
                }
                if side == Side::Candidate && self.is_muted {
                    return;
                }
                self.forward(now, side, Source(u64::from(generation)), &mut packet);
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
    fn forward(&mut self, now: Instant, from: Side, source: Source, packet: &mut [u8]) {
        let to = from.other();
        let stream = &mut self.streams[to as usize];
        if !stream.hold.is_empty() || !is_open(to, &mut self.legs[to as usize], self.pcm.as_ref(), self.release) {
            let lost_ms = stream.keep(source, packet);
            self.setup.counters.speech_dropped_ms[from as usize].add(lost_ms);
            return;
        }
        self.send(now, to, source, packet);
    }

    fn send(&mut self, now: Instant, to: Side, source: Source, packet: &mut [u8]) {
        if to == Side::Ai
            && let Some(pcm) = &self.pcm
        {
            let Some(header) = Header::parse(packet) else { return };
            let Some(payload) = packet.get(header.payload_at..header.payload_end) else {
                return;
            };
            let speech = Speech {
                seq: header.seq,
                timestamp: header.ts,
                payload: Bytes::copy_from_slice(payload),
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

    /// Something is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        for legs in &mut self.legs {
            for placed in legs.all() {
                let peer = placed.leg.peer();
                if peer.poll_timeout().is_some_and(|due| due <= now) {
                    peer.tick(now);
                }
            }
        }
        if self.next_report <= now {
            self.next_report = now + REPORT_EVERY;
            self.report(now);
        }
        self.settle(now);
    }

    fn report(&mut self, now: Instant) {
        let ntp = self.clock.at(now);
        for side in [Side::Candidate, Side::Ai] {
            let stream = &mut self.streams[side as usize];
            let lost = stream.reports.stats().lost_in;
            // A late packet lowers it again; the counter does not follow.
            let more = lost.saturating_sub(self.lost_before[side as usize]);
            self.lost_before[side as usize] += more;
            self.setup.counters.rtp_lost[side as usize].add(more);
            let Some(placed) = &mut self.legs[side as usize].current else {
                continue;
            };
            if !placed.leg.peer().is_up() {
                continue;
            }
            stream.reports.build(now, ntp, &mut self.compound);
            let generation = placed.generation;
            if let Some(datagram) = placed.leg.peer().protect_rtcp(&self.compound) {
                self.out.push(Send {
                    side,
                    generation,
                    datagram,
                });
            }
        }
    }

    /// When to call [`Core::tick`].
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let legs = self
            .legs
            .iter()
            .flat_map(|legs| legs.iter().filter_map(|placed| placed.leg.peer_ref().poll_timeout()));
        let holds = self.streams.iter().filter_map(|stream| stream.hold.poll_timeout());
        let reports = self
            .legs
            .iter()
            .any(|legs| legs.current.is_some())
            .then_some(self.next_report);
        legs.chain(holds).chain(reports).min()
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Takes what the peers have to say, and hands held speech over where it can be heard.
    fn settle(&mut self, now: Instant) {
        for side in [Side::Candidate, Side::Ai] {
            let generations: [Option<u32>; 2] = {
                let legs = &self.legs[side as usize];
                [&legs.current, &legs.next].map(|placed| placed.as_ref().map(|placed| placed.generation))
            };
            for generation in generations.into_iter().flatten() {
                self.drain_peer(now, side, generation);
            }
        }
        for to in [Side::Candidate, Side::Ai] {
            let stream = &mut self.streams[to as usize];
            if stream.hold.is_empty() {
                continue;
            }
            if !is_open(to, &mut self.legs[to as usize], self.pcm.as_ref(), self.release) {
                stream.hold.pause();
                continue;
            }
            stream.hand_over(now);
            while let Some(mut held) = self.streams[to as usize].hold.poll(now) {
                self.setup.counters.speech_held_ms[to.other() as usize].add(u64::from(held.ticks / 48));
                self.send(now, to, held.source, &mut held.packet);
            }
        }
    }

    fn drain_peer(&mut self, now: Instant, side: Side, generation: u32) {
        loop {
            let Some(placed) = self.legs[side as usize].get(generation) else {
                return;
            };
            let peer = placed.leg.peer();
            for datagram in peer.sends.drain(..) {
                self.out.push(Send {
                    side,
                    generation,
                    datagram,
                });
            }
            let Some(event) = peer.poll_event() else { return };
            self.peer_event(now, side, generation, event);
        }
    }

    fn peer_event(&mut self, now: Instant, side: Side, generation: u32, event: PeerEvent) {
        match event {
            PeerEvent::Accepted(address) => {
                if side == Side::Candidate {
                    self.outputs.push_back(Output::Accepted { generation, address });
                }
            }
            PeerEvent::Up { took } => self.up(now, side, generation, took),
            PeerEvent::ChannelOpen { label } => self.tell(side, LegEvent::ChannelOpen { label }),
            PeerEvent::ChannelClosed { label } => self.tell(side, LegEvent::ChannelClosed { label }),
            PeerEvent::Message { text } => {
                if side == Side::Candidate && !self.texts.allows(now) {
                    self.setup.counters.dropped_message.bump();
                } else {
                    self.tell(side, LegEvent::Message { text });
                }
            }
            PeerEvent::Lost { cause } => self.tell(side, LegEvent::Lost { cause }),
            PeerEvent::Back => self.tell(side, LegEvent::Back),
            PeerEvent::Closed { cause } => self.closed(now, side, generation, cause),
        }
    }

    fn up(&mut self, now: Instant, side: Side, generation: u32, took: Duration) {
        let legs = &mut self.legs[side as usize];
        if legs.next.as_ref().is_some_and(|placed| placed.generation == generation) {
            let old = std::mem::replace(&mut legs.current, legs.next.take());
            if let Some(old) = old {
                self.discard(now, side, old);
            }
        }
        self.retune(side);
        self.tell(side, LegEvent::Up { took });
        while let Some((from, bytes)) = self.legs[side as usize]
            .get(generation)
            .and_then(|placed| placed.leg.peer().pop_early())
        {
            let media = self.legs[side as usize]
                .get(generation)
                .and_then(|placed| placed.leg.peer().media(now, from, &bytes));
            if let Some(media) = media {
                self.media(now, side, generation, media);
            }
        }
    }

    /// The stream towards a side takes on what was agreed with its leg.
    fn retune(&mut self, side: Side) {
        let Some(agreed) = self.legs[side as usize]
            .current
            .as_ref()
            .and_then(|placed| placed.leg.agreed())
        else {
            return;
        };
        let stream = &mut self.streams[side as usize];
        stream.splice.set_pt(agreed.payload_type);
        // Kept bytes were protected for the leg before.
        stream.history = agreed.nack.then(crate::nack::History::new);
    }

    fn closed(&mut self, now: Instant, side: Side, generation: u32, cause: CloseCause) {
        let legs = &mut self.legs[side as usize];
        let is_current = legs
            .current
            .as_ref()
            .is_some_and(|placed| placed.generation == generation);
        let place = if is_current { &mut legs.current } else { &mut legs.next };
        if let Some(placed) = place.take() {
            self.discard(now, side, placed);
        }
        // While another leg is there or coming, the side is not gone.
        let legs = &self.legs[side as usize];
        if legs.current.is_none() && legs.next.is_none() {
            self.tell(side, LegEvent::Closed { cause });
        }
    }

    fn tell(&mut self, side: Side, event: LegEvent) {
        let event = match side {
            Side::Candidate => Event::Candidate(event),
            Side::Ai => Event::Ai(event),
        };
        self.outputs.push_back(Output::Event(event));
    }

    /// See [`crate::Call::stats`].
    pub(crate) fn stats(&self) -> CallStats {
        let leg = |side: Side| {
            let stream = &self.streams[side as usize];
            let stats = stream.reports.stats();
            let current = self.legs[side as usize]
                .current
                .as_ref()
                .map(|placed| placed.leg.peer_ref());
            LegStats {
                up: current.is_some_and(|peer| peer.is_up() && !peer.is_lost())
                    || (side == Side::Ai && self.pcm.is_some()),
                packets_in: stats.packets_in,
                packets_out: stats.packets_out,
                octets_in: stats.octets_in,
                octets_out: stats.octets_out,
                lost_in: stats.lost_in,
                lost_out: stats.lost_out,
                repeated: stream.history.as_ref().map_or(0, |history| history.counts().again),
                jitter_ms: stats.jitter_in.as_secs_f32() * 1000.0,
                rtt_ms: stats
                    .rtt
                    .or_else(|| current.and_then(crate::leg::Peer::round_trip))
                    .map(|rtt| rtt.as_secs_f32() * 1000.0),
            }
        };
        // What waits for the AI is the candidate's speech.
        let holds = [Side::Ai, Side::Candidate].map(|to| &self.streams[to as usize].hold);
        CallStats {
            candidate: leg(Side::Candidate),
            ai: leg(Side::Ai),
            held_ms: holds.map(crate::hold::Hold::ms),
            dropped_ms: holds.map(|hold| hold.counts().lost_ms as u32),
        }
    }

    /// See [`crate::Call::close`].
    pub(crate) fn close(&mut self, now: Instant, cause: CloseCause) {
        if std::mem::replace(&mut self.is_closed, true) {
            return;
        }
        self.close_side(now, Side::Candidate);
        self.close_side(now, Side::Ai);
        self.outputs.push_back(Output::Event(Event::Closed(cause)));
    }
}

/// Whether what is sent to that side now is heard there.
fn is_open(to: Side, legs: &mut Legs, pcm: Option<&Pcm>, release: Option<bool>) -> bool {
    match to {
        Side::Candidate => legs.hearing().is_some(),
        Side::Ai => release != Some(false) && (pcm.is_some() || legs.hearing().is_some()),
    }
}
