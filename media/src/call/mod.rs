//! Two legs and what joins them (pure): datagrams and ticks in, datagrams and events out.
//!
//! Contract: after each call that takes `now`, take what is in `out` and drain [`Core::poll_output`]; then
//! [`Core::poll_timeout`] says when to call [`Core::tick`]. Isn't: a socket, a clock, a queue to another thread (`shard`).
//! **Law:** of one side's description, addresses, identifiers, RTCP and header extensions nothing reaches the other;
//! Opus payloads do, untouched.

mod commands;
mod kept;
mod last_heard;
pub(crate) mod late;
mod lately;
mod limit;
mod packets;
mod side;
mod stats;
mod stream;
#[cfg(test)]
mod tests;

use crate::demux::Sign;
use crate::event::{CloseCause, Event, LegEvent};
use crate::leg::{PeerEvent, Setup, Transmit};
use kept::Kept;
pub(crate) use last_heard::LastHeard;
use late::Late;
use limit::Limit;
pub(crate) use packets::is_media;
use packets::{Pcm, is_open};
use side::Legs;
pub(crate) use side::Side;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stream::Stream;

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

/// A candidate's leg that has told nothing for so long when another takes its place was heard by nobody any more.
const DEAF_MIN: Duration = Duration::from_millis(100);
/// Between two reports on a leg.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// What the driver is to do, beside sending.
#[derive(Debug)]
pub(crate) enum Output {
    /// Tell the owner.
    Event(Event),
    /// Datagrams from there are this candidate leg's.
    Accepted { generation: u32, sign: Sign },
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
    /// The one that is to take the AI side's place when it is told to: it hears nothing, and is not heard.
    next_pcm: Option<Pcm>,
    /// The candidate's speech that the AI may have to be given again.
    kept: Kept,
    /// The AI's speech that the candidate may have missed.
    said: Kept,
    generation: u32,
    is_muted: bool,
    /// What is lacking of the candidate's speech.
    late: Late,
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
    /// When the candidate was.
    pub(crate) heard: Arc<LastHeard>,
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
            next_pcm: None,
            kept: Kept::default(),
            said: Kept::default(),
            generation: 0,
            is_muted: false,
            late: Late::new(now),
            release: None,
            texts: Limit::new(now, 256, 100),
            next_report: now + Duration::from_millis(u64::from(rand::random::<u16>() % 1000)),
            lost_before: [0; 2],
            compound: Vec::new(),
            scratch: Vec::new(),
            out: Vec::new(),
            outputs: VecDeque::new(),
            is_closed: false,
            heard: Arc::default(),
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
            self.late.age();
            self.tell_late();
        }
        self.settle_late(now);
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
        legs.chain(holds).chain(reports).chain(self.late.poll_timeout()).min()
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
            PeerEvent::Accepted(sign) => {
                if side == Side::Candidate {
                    self.outputs.push_back(Output::Accepted { generation, sign });
                }
            }
            PeerEvent::Up { took } => self.up(now, side, generation, took),
            PeerEvent::ChannelOpen { label } => self.tell_of(side, generation, LegEvent::ChannelOpen { label }),
            PeerEvent::ChannelClosed { label } => self.tell_of(side, generation, LegEvent::ChannelClosed { label }),
            PeerEvent::Message { text } => {
                if side == Side::Candidate && !self.texts.allows(now) {
                    self.setup.counters.dropped_message.bump();
                } else {
                    self.tell_of(side, generation, LegEvent::Message { text });
                }
            }
            PeerEvent::Lost { cause } => {
                let heard = self.legs[side as usize]
                    .get(generation)
                    .map_or(now, |placed| placed.leg.peer_ref().last_heard());
                let silent = now.saturating_duration_since(heard);
                if side == Side::Candidate && self.legs[side as usize].is_current(generation) {
                    self.late.set_lost(now, true);
                }
                self.tell_of(side, generation, LegEvent::Lost { cause, silent });
            }
            PeerEvent::Missed { since } if side == Side::Candidate => {
                if self.legs[side as usize].is_current(generation) {
                    self.candidate_missed_since(since);
                }
            }
            // what the AI may have missed is known by what it has told since
            PeerEvent::Missed { .. } => {}
            PeerEvent::Back => {
                if side == Side::Candidate {
                    self.late.set_lost(now, false);
                }
                self.tell_of(side, generation, LegEvent::Back);
            }
            PeerEvent::Closed { cause } => self.closed(now, side, generation, cause),
        }
    }

    fn up(&mut self, now: Instant, side: Side, generation: u32, took: Duration) {
        if self.legs[side as usize].is_staged(generation) {
            self.tell_of(side, generation, LegEvent::Up { took });
            return;
        }
        let legs = &mut self.legs[side as usize];
        if legs.next.as_ref().is_some_and(|placed| placed.generation == generation) {
            let old = std::mem::replace(&mut legs.current, legs.next.take());
            if let Some(old) = old {
                let heard = old.leg.peer_ref().last_heard();
                self.discard(now, side, old);
                if side == Side::Candidate && now.saturating_duration_since(heard) >= DEAF_MIN {
                    self.candidate_missed_since(heard);
                }
            }
        }
        if side == Side::Candidate {
            // a browser may be up, and speak, long before its last handshake message comes through an outage
            self.late.set_up(now, now.checked_sub(took).unwrap_or(now));
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
        let is_current = legs.is_current(generation);
        let was_staged = legs.is_staged(generation);
        let place = if is_current { &mut legs.current } else { &mut legs.next };
        if let Some(placed) = place.take() {
            let heard = placed.leg.peer_ref().last_heard();
            self.discard(now, side, placed);
            // its successor is on its way: what nobody heard any more waits for that
            if side == Side::Candidate && is_current && self.legs[side as usize].next.is_some() {
                self.candidate_missed_since(heard);
            }
        }
        if was_staged {
            self.outputs
                .push_back(Output::Event(Event::AiNext(LegEvent::Closed { cause })));
            return;
        }
        // While another leg is there or coming, the side is not gone.
        let legs = &self.legs[side as usize];
        if legs.current.is_none() && legs.next.is_none() {
            self.tell(side, LegEvent::Closed { cause });
        }
    }

    fn tell_of(&mut self, side: Side, generation: u32, event: LegEvent) {
        if self.legs[side as usize].is_staged(generation) {
            self.outputs.push_back(Output::Event(Event::AiNext(event)));
        } else {
            self.tell(side, event);
        }
    }

    fn tell(&mut self, side: Side, event: LegEvent) {
        let event = match side {
            Side::Candidate => Event::Candidate(event),
            Side::Ai => Event::Ai(event),
        };
        self.outputs.push_back(Output::Event(event));
    }
}
