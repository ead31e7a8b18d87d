//! A shard without a thread, a socket or a clock, and peers to be its far ends: for tests that run whole interviews in virtual time.
//!
//! Is: the real calls with their whole ICE, DTLS, SRTP and SCTP, and the real `demux`, behind the same handles as a shard's; who
//! drives it says what time it is and carries every datagram. Isn't: part of any server: the feature `world` alone builds it.
#![allow(clippy::missing_panics_doc, clippy::expect_used, reason = "of a test")]

use crate::call::{Core, NtpClock, Output, Side};
use crate::demux::{Demux, LegKey};
use crate::handle::{Action, Command, Inner};
use crate::leg::ai::AiLeg;
use crate::leg::candidate::CandidateLeg;
use crate::leg::remedies::Remedies;
use crate::leg::{Media, Peer, PeerEvent, Setup};
use crate::{CloseCause, Counters, Event, Shard, call};
use rtc::crypto::SignatureScheme;
use rtc::peer_connection::certificate::{CertificateParams, RTCCertificate};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// A datagram on its way, in the clear about where from and where to.
#[derive(Debug, Clone)]
pub struct Datagram {
    /// Of the socket that sent it.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// As on the wire.
    pub bytes: Vec<u8>,
}

fn setup(address: SocketAddr, counters: Arc<Counters>) -> Setup {
    let crypto = rtc::crypto::default_provider().expect("a provider is built in");
    let certificate = RTCCertificate::generate(
        crypto.crypto(),
        SignatureScheme::EcdsaP256Sha256,
        CertificateParams::default(),
    );
    Setup {
        locals: vec![address],
        certificate: certificate.expect("a certificate"),
        crypto,
        ssrc: rand::random(),
        remedies: Remedies::default(),
        counters,
    }
}

struct Live {
    core: Core,
    events: mpsc::Sender<Event>,
    handle: Weak<Inner>,
    /// AI legs' own addresses, by generation.
    ai: Vec<(u32, SocketAddr)>,
    is_over: bool,
}

/// See the module.
pub struct VirtualShard {
    setup: Setup,
    public: SocketAddr,
    ai_ip: IpAddr,
    ai_port: u16,
    clock: NtpClock,
    commands: mpsc::Receiver<Command>,
    demux: Demux,
    calls: BTreeMap<u64, Live>,
    sends: Vec<Datagram>,
    /// Offers to an AI service that were made and not answered yet.
    dials: BTreeSet<u64>,
    has_told: bool,
}

impl VirtualShard {
    /// A shard at these addresses, and its handle.
    pub fn new(now: Instant, public: SocketAddr, ai_ip: IpAddr) -> (Self, Shard) {
        let counters = Arc::new(Counters::default());
        let (shard, commands) = Shard::without_thread(public, counters.clone());
        let this = Self {
            setup: setup(public, counters),
            public,
            ai_ip,
            ai_port: 20_000,
            clock: NtpClock {
                at: now,
                ntp: 0xE000_0000_0000_0000,
            },
            commands,
            demux: Demux::default(),
            calls: BTreeMap::new(),
            sends: Vec::new(),
            dials: BTreeSet::new(),
            has_told: false,
        };
        (this, shard)
    }

    /// Does what handles have asked. Answers whether there was anything.
    pub fn obey(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Ok(command) = self.commands.try_recv() {
            any = true;
            match command {
                Command::Stop => {}
                Command::Open {
                    config,
                    call,
                    heard,
                    id,
                    events,
                } => {
                    let advertise = vec![self.public];
                    let mut core = Core::new(now, self.clock, self.setup.clone(), advertise, config.hold_ms_max);
                    core.heard = heard;
                    core.heard_before(&config.heard_before);
                    let live = Live {
                        core,
                        events,
                        handle: call,
                        ai: Vec::new(),
                        is_over: false,
                    };
                    self.calls.insert(id, live);
                }
                Command::Call { id, action } => self.act(now, id, action),
            }
        }
        any
    }

    fn act(&mut self, now: Instant, id: u64, action: Action) {
        let Some(live) = self.calls.get_mut(&id) else { return };
        let core = &mut live.core;
        match action {
            Action::CandidateOffer(offer, reply) => {
                let answer = core.candidate_offer(now, &offer);
                let mut named: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
                for (generation, ufrag) in core.ufrags() {
                    named.entry(generation).or_default().push(ufrag);
                }
                for (generation, ufrags) in named {
                    self.demux.name(LegKey { call: id, generation }, ufrags.into_iter());
                }
                let _ = reply.send(answer);
            }
            Action::AiOffer(staged, reply) => {
                self.ai_port += 1;
                let local = SocketAddr::new(self.ai_ip, self.ai_port);
                let offer = core.ai_offer(now, local, staged).map(|(generation, offer)| {
                    live.ai.push((generation, local));
                    offer
                });
                self.dials.insert(id);
                let _ = reply.send(offer);
            }
            Action::AiAnswer(answer, reply) => {
                self.dials.remove(&id);
                let _ = reply.send(core.ai_answer(now, &answer));
            }
            Action::AiPcm(_, _, reply) => {
                let _ = reply.send(Err(call::Error::Closed)); // no codec beside the path in the world yet
            }
            Action::CandidateIce(candidate) => core.candidate_ice(now, &candidate),
            Action::CandidateSend(text) => core.candidate_send(now, &text),
            Action::CandidateClose => core.close_side(now, Side::Candidate),
            Action::AiSend(text) => core.ai_send(now, &text),
            Action::AiClose => {
                self.dials.remove(&id);
                core.close_side(now, Side::Ai);
            }
            Action::Play(generation, frame) => core.play(now, generation, &frame),
            Action::AiSendNext(text) => core.ai_send_next(now, &text),
            Action::AiSwitch => core.ai_switch(now),
            Action::AiDropNext => core.ai_drop_next(now),
            Action::AiHas(told, is_open, nth) => core.ai_has(told, is_open, nth),
            Action::AiAgain => core.ai_again(now),
            Action::CandidateMissed => core.candidate_missed(),
            Action::Keep(on) => core.keep(now, on),
            Action::KeeperAway => core.keeper_away(now),
            Action::Kept(kept) => core.kept(now, &kept),
            Action::Mute(on) => core.mute(on),
            Action::Release(on) => core.release_to_ai(now, on),
            Action::Received(reply) => {
                let _ = reply.send(Ok(core.received()));
            }
            Action::Stats(reply) => {
                let _ = reply.send(Ok(core.stats()));
            }
            Action::Close => core.close(now, CloseCause::Local),
        }
        self.carry_out(now, id);
    }

    /// Offers to the AI service that it has not answered: who drives lets no time pass meanwhile. A refused one is taken back.
    pub fn dials(&self) -> usize {
        self.dials.len()
    }

    /// Whether its handles were told something since this was asked last.
    pub fn has_told(&mut self) -> bool {
        std::mem::take(&mut self.has_told)
    }

    /// The service has refused one.
    pub fn refused(&mut self) {
        self.dials.clear();
    }

    /// A datagram has arrived at an address of ours.
    pub fn datagram(&mut self, now: Instant, datagram: &Datagram) {
        let Datagram { from, to, bytes } = datagram;
        let found = if *to == self.public {
            let key = self.demux.find(*from, bytes);
            key.map(|key| (key.call, Side::Candidate, key.generation))
        } else {
            self.calls.iter().find_map(|(id, live)| {
                let (generation, _) = live.ai.iter().find(|(_, address)| address == to)?;
                Some((*id, Side::Ai, *generation))
            })
        };
        let Some((id, side, generation)) = found else { return };
        if let Some(live) = self.calls.get_mut(&id) {
            live.core.datagram(now, side, generation, *from, bytes);
            self.carry_out(now, id);
        }
    }

    /// When to call [`VirtualShard::tick`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.calls.values().filter_map(|live| live.core.poll_timeout()).min()
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        let due = |live: &Live| live.core.poll_timeout().is_some_and(|due| due <= now);
        let ids: Vec<u64> = self
            .calls
            .iter()
            .filter(|(_, live)| due(live))
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            if let Some(live) = self.calls.get_mut(&id) {
                live.core.tick(now);
            }
            self.carry_out(now, id);
        }
        let orphans: Vec<u64> = self
            .calls
            .iter()
            .filter(|(_, live)| live.handle.strong_count() == 0)
            .map(|(id, _)| *id)
            .collect();
        for id in orphans {
            if let Some(live) = self.calls.get_mut(&id) {
                live.core.close(now, CloseCause::Local);
            }
            self.carry_out(now, id);
        }
    }

    /// What is to be carried.
    pub fn take_sends(&mut self) -> Vec<Datagram> {
        std::mem::take(&mut self.sends)
    }

    fn carry_out(&mut self, now: Instant, id: u64) {
        let Some(live) = self.calls.get_mut(&id) else { return };
        loop {
            for send in live.core.out.drain(..) {
                let from = match send.side {
                    Side::Candidate => Some(self.public),
                    Side::Ai => {
                        let ours = live.ai.iter().find(|(generation, _)| *generation == send.generation);
                        ours.map(|(_, address)| *address)
                    }
                };
                self.sends.extend(from.map(|from| Datagram {
                    from,
                    to: send.datagram.to,
                    bytes: send.datagram.bytes.to_vec(),
                }));
            }
            let Some(output) = live.core.poll_output() else { break };
            match output {
                Output::Event(event) => {
                    self.has_told = true;
                    live.is_over |= matches!(event, Event::Closed(_));
                    if live.events.try_send(event).is_err() {
                        live.core.close(now, CloseCause::Overrun);
                    }
                }
                Output::Accepted { generation, sign } => {
                    self.demux.accept(LegKey { call: id, generation }, sign);
                }
                Output::Gone {
                    side: Side::Candidate,
                    generation,
                } => self.demux.remove(LegKey { call: id, generation }),
                Output::Gone {
                    side: Side::Ai,
                    generation,
                } => live.ai.retain(|(of, _)| *of != generation),
            }
        }
        if live.is_over {
            self.dials.remove(&id);
            self.calls.remove(&id);
        }
    }
}

/// What a far end notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FarEvent {
    /// It can send and hear.
    Up,
    /// Its channel is open.
    ChannelOpen,
    /// A text came on a channel.
    Text(String),
    /// It is over.
    Closed,
}

enum Kind {
    /// Offers, as a browser does.
    Browser(AiLeg),
    /// Answers, as the AI service does.
    Service(CandidateLeg),
}

/// One far end: a peer of our own make.
pub struct Far {
    kind: Kind,
    /// Where it lives.
    pub address: SocketAddr,
    sequence: u16,
    timestamp: u32,
}

impl Far {
    /// A browser and its offer.
    pub fn browser(now: Instant, address: SocketAddr) -> (Self, String) {
        let leg = AiLeg::new(now, setup(address, Arc::default())).expect("a leg");
        let offer = leg.offer().to_owned();
        (Self::of(Kind::Browser(leg), address), offer)
    }

    /// The service's end and its answer.
    ///
    /// # Errors
    /// The offer cannot be answered.
    pub fn service(now: Instant, address: SocketAddr, offer: &str) -> Result<(Self, String), call::Error> {
        let leg = CandidateLeg::new(now, setup(address, Arc::default()), &[address], offer)?;
        let answer = leg.answer().to_owned();
        Ok((Self::of(Kind::Service(leg), address), answer))
    }

    fn of(kind: Kind, address: SocketAddr) -> Self {
        Self {
            kind,
            address,
            sequence: rand::random(),
            timestamp: rand::random(),
        }
    }

    fn peer(&mut self) -> &mut Peer {
        match &mut self.kind {
            Kind::Browser(leg) => &mut leg.peer,
            Kind::Service(leg) => &mut leg.peer,
        }
    }

    /// The answer to a browser's offer.
    ///
    /// # Errors
    /// It does not fit.
    pub fn accept(&mut self, now: Instant, answer: &str) -> Result<(), call::Error> {
        match &mut self.kind {
            Kind::Browser(leg) => leg.accept(now, answer),
            Kind::Service(_) => Err(call::Error::NoOffer),
        }
    }

    /// A browser's ICE restart: the new offer.
    pub fn restart(&mut self, now: Instant) -> String {
        match &mut self.kind {
            Kind::Browser(leg) => leg.restart(now),
            Kind::Service(_) => String::new(),
        }
    }

    /// The answer to [`Far::restart`].
    ///
    /// # Errors
    /// It does not fit.
    pub fn accept_again(&mut self, now: Instant, answer: &str) -> Result<(), call::Error> {
        match &mut self.kind {
            Kind::Browser(leg) => leg.accept_again(now, answer),
            Kind::Service(_) => Err(call::Error::NoOffer),
        }
    }

    /// A datagram for it; answers an RTP packet in the clear.
    pub fn datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> Option<Vec<u8>> {
        let peer = self.peer();
        if !matches!(bytes.first(), Some(128..=191)) {
            peer.datagram(now, from, bytes);
            return None;
        }
        match peer.media(now, from, bytes) {
            Some(Media::Rtp(packet)) => Some(packet.to_vec()),
            Some(Media::Rtcp(_)) | None => None,
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.peer().tick(now);
        }
    }

    /// When to call [`Far::tick`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.kind {
            Kind::Browser(leg) => leg.peer.poll_timeout(),
            Kind::Service(leg) => leg.peer.poll_timeout(),
        }
    }

    /// Sends 20 ms of sound.
    pub fn speak(&mut self, opus: &[u8]) {
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(960);
        let (sequence, timestamp) = (self.sequence, self.timestamp);
        let peer = self.peer();
        let mut packet = vec![0x80, 111];
        packet.extend(sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(peer.ssrc().to_be_bytes());
        packet.extend(opus);
        let transmit = peer.protect_rtp(&packet);
        peer.sends.extend(transmit);
    }

    /// SSRC, and RTP time of the last packet sent.
    pub fn spoken(&mut self) -> (u32, u32) {
        (self.peer().ssrc(), self.timestamp)
    }

    /// Sends a text on its channel.
    pub fn send_text(&mut self, now: Instant, text: &str) {
        self.peer().send_text(now, text, true);
    }

    /// Whether media can flow.
    pub fn is_up(&mut self) -> bool {
        self.peer().is_up()
    }

    /// Ends it, and says so.
    pub fn close(&mut self, now: Instant) {
        self.peer().close(now);
    }

    /// What is to be carried.
    pub fn take_sends(&mut self) -> Vec<Datagram> {
        let from = self.address;
        let sends = std::mem::take(&mut self.peer().sends);
        let carried = sends.into_iter().map(|send| Datagram {
            from,
            to: send.to,
            bytes: send.bytes.to_vec(),
        });
        carried.collect()
    }

    /// What it has noticed.
    pub fn poll_event(&mut self) -> Option<FarEvent> {
        while let Some(event) = self.peer().poll_event() {
            match event {
                PeerEvent::Up { .. } => return Some(FarEvent::Up),
                PeerEvent::ChannelOpen { .. } => return Some(FarEvent::ChannelOpen),
                PeerEvent::Message { text } => return Some(FarEvent::Text(text)),
                PeerEvent::Closed { .. } | PeerEvent::ChannelClosed { .. } => return Some(FarEvent::Closed),
                PeerEvent::Accepted(_) | PeerEvent::Lost { .. } | PeerEvent::Missed { .. } | PeerEvent::Back => {}
            }
        }
        None
    }
}

/// The least by which time goes on: timers that ask for now are asked again after it.
pub const GRAIN: Duration = Duration::from_micros(100);
