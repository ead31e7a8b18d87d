//! A call, a browser, an AI, and a net between, in one loop.

use super::super::{Core, NtpClock, Output, Side};
use crate::leg::ai::AiLeg;
use crate::leg::candidate::CandidateLeg;
use crate::leg::remedies::Remedies;
use crate::leg::tests::{MS, epoch, setup};
use crate::leg::{Media, Peer, PeerEvent};
use crate::{Event, LegEvent};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Where each lives.
const RELAY: &str = "10.0.0.2:6000";
const RELAY_AI: &str = "10.0.0.3:7000";

/// Who a datagram is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Relay(Side),
    Browser,
    OpenAi,
}

/// A rule of the net.
type Loses = Box<dyn FnMut(To, &[u8]) -> bool>;

/// A browser (any peer that offers) that the call answers.
pub(super) struct Browser {
    pub(super) leg: AiLeg,
    pub(super) address: SocketAddr,
    pub(super) seq: u16,
    pub(super) heard: Vec<(Instant, Vec<u8>)>,
    pub(super) events: Vec<PeerEvent>,
}

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) core: Core,
    /// The newest generation on each side that the demux would know.
    generations: [u32; 2],
    pub(super) browser: Browser,
    pub(super) openai: Option<CandidateLeg>,
    pub(super) openai_heard: Vec<(Instant, Vec<u8>)>,
    pub(super) openai_rtcp: Vec<Vec<u8>>,
    openai_seq: u16,
    flying: BTreeMap<(Instant, u64), (To, SocketAddr, Vec<u8>)>,
    count: u64,
    /// Asked for each datagram: is it lost?
    pub(super) loses: Loses,
    pub(super) events: Vec<(Instant, Event)>,
}

impl Browser {
    fn new(now: Instant, address: &str) -> Self {
        let leg = AiLeg::new(now, setup(address, Remedies::default())).unwrap();
        Self {
            leg,
            address: address.parse().unwrap(),
            seq: 60,
            heard: Vec::new(),
            events: Vec::new(),
        }
    }
}

impl World {
    /// A call without legs.
    pub(super) fn new(hold_ms_max: u32) -> Self {
        let now = epoch() + Duration::from_secs(1000);
        let clock = NtpClock {
            at: now,
            ntp: 0xE000_0000_0000_0000,
        };
        let core = Core::new(
            now,
            clock,
            setup(RELAY, Remedies::default()),
            vec![RELAY.parse().unwrap()],
            hold_ms_max,
        );
        Self {
            now,
            core,
            generations: [0; 2],
            browser: Browser::new(now, "10.0.0.1:5000"),
            openai: None,
            openai_heard: Vec::new(),
            openai_rtcp: Vec::new(),
            openai_seq: 900,
            flying: BTreeMap::new(),
            count: 0,
            loses: Box::new(|_, _| false),
            events: Vec::new(),
        }
    }

    /// The browser's offer, answered.
    pub(super) fn browser_joins(&mut self) {
        let offer = self.browser.leg.offer().to_owned();
        let answer = self.core.candidate_offer(self.now, &offer).unwrap();
        self.browser.leg.accept(self.now, &answer).unwrap();
        self.name();
    }

    /// The answer was given before.
    pub(super) fn browser_again(&mut self) {
        self.name();
    }

    /// Another browser in its place, from another address.
    pub(super) fn another_browser(&mut self, address: &str) {
        self.browser = Browser::new(self.now, address);
        self.browser_joins();
    }

    fn name(&mut self) {
        self.generations[0] = self.core.ufrags().map(|(generation, _)| generation).max().unwrap_or(0);
    }

    pub(super) fn openai_dialled(&mut self) {
        self.openai_dialled_as(false);
    }

    /// `staged`: beside what is there, until it is told to take over.
    pub(super) fn openai_dialled_as(&mut self, staged: bool) {
        let (generation, offer) = self.core.ai_offer(self.now, RELAY_AI.parse().unwrap(), staged).unwrap();
        self.generations[1] = generation;
        let address: SocketAddr = "10.0.0.4:8000".parse().unwrap();
        let openai = CandidateLeg::new(
            self.now,
            setup("10.0.0.4:8000", Remedies::default()),
            &[address],
            &offer,
        )
        .unwrap();
        self.core.ai_answer(self.now, openai.answer()).unwrap();
        self.openai = Some(openai);
    }

    /// Both up.
    pub(super) fn joined(hold_ms_max: u32) -> Self {
        let mut world = Self::new(hold_ms_max);
        world.browser_joins();
        world.openai_dialled();
        assert!(world.until(2000 * MS, Self::both_up), "{:?}", world.events);
        world
    }

    pub(super) fn both_up(&mut self) -> bool {
        let stats = self.core.stats();
        stats.candidate.up
            && stats.ai.up
            && self.browser.leg.peer.is_up()
            && self.openai.as_ref().is_some_and(|openai| openai.peer.is_up())
    }

    /// The browser's microphone: 20 ms of sound that is known by its number.
    pub(super) fn browser_speaks(&mut self, n: u16) {
        let peer = &mut self.browser.leg.peer;
        let packet = packet(peer.ssrc(), self.browser.seq, n);
        self.browser.seq += 1;
        let transmit = peer.protect_rtp(&packet);
        peer.sends.extend(transmit);
        self.collect();
    }

    pub(super) fn openai_speaks(&mut self, n: u16) {
        let peer = &mut self.openai.as_mut().unwrap().peer;
        let packet = packet(peer.ssrc(), self.openai_seq, n);
        self.openai_seq += 1;
        let transmit = peer.protect_rtp(&packet);
        peer.sends.extend(transmit);
        self.collect();
    }

    /// Both talk, 50 packets a second, numbers from `from` on.
    pub(super) fn talk(&mut self, numbers: std::ops::Range<u16>) {
        for n in numbers {
            self.browser_speaks(n);
            if self.openai.is_some() {
                self.openai_speaks(n);
            }
            self.run(20 * MS);
        }
    }

    fn fly(&mut self, to: To, from: SocketAddr, bytes: Vec<u8>) {
        if !(self.loses)(to, &bytes) {
            self.count += 1;
            self.flying.insert((self.now + 10 * MS, self.count), (to, from, bytes));
        }
    }

    pub(super) fn collect(&mut self) {
        for send in std::mem::take(&mut self.core.out) {
            let bytes = send.datagram.bytes.to_vec();
            match send.side {
                Side::Candidate if send.datagram.to == self.browser.address => {
                    self.fly(To::Browser, RELAY.parse().unwrap(), bytes);
                }
                Side::Candidate => {}
                Side::Ai => self.fly(To::OpenAi, RELAY_AI.parse().unwrap(), bytes),
            }
        }
        while let Some(output) = self.core.poll_output() {
            if let Output::Event(event) = output {
                self.events.push((self.now, event));
            }
        }
        for transmit in std::mem::take(&mut self.browser.leg.peer.sends) {
            self.fly(
                To::Relay(Side::Candidate),
                self.browser.address,
                transmit.bytes.to_vec(),
            );
        }
        while let Some(event) = self.browser.leg.peer.poll_event() {
            self.browser.events.push(event);
        }
        if let Some(openai) = &mut self.openai {
            while openai.peer.poll_event().is_some() {}
            for transmit in std::mem::take(&mut openai.peer.sends) {
                self.fly(
                    To::Relay(Side::Ai),
                    "10.0.0.4:8000".parse().unwrap(),
                    transmit.bytes.to_vec(),
                );
            }
        }
    }

    pub(super) fn until(&mut self, bound: Duration, mut so: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now + bound;
        loop {
            self.collect();
            if so(self) {
                return true;
            }
            let flying = self.flying.keys().next().map(|(at, _)| *at);
            let openai = self.openai.as_ref().and_then(|openai| openai.peer.poll_timeout());
            let due = [
                flying,
                self.core.poll_timeout(),
                self.browser.leg.peer.poll_timeout(),
                openai,
            ];
            let Some(next) = due.into_iter().flatten().min().filter(|next| *next <= end) else {
                self.now = end;
                return false;
            };
            self.now = if next > self.now {
                next
            } else {
                (self.now + MS / 10).min(end)
            };
            if flying.is_some_and(|at| at <= self.now) {
                let (_, (to, from, bytes)) = self.flying.pop_first().unwrap();
                self.deliver(to, from, &bytes);
            }
            let now = self.now;
            if self.core.poll_timeout().is_some_and(|due| due <= now) {
                self.core.tick(now);
            }
            let openai = self.openai.as_mut().map(|openai| &mut openai.peer);
            for peer in [Some(&mut self.browser.leg.peer), openai].into_iter().flatten() {
                if peer.poll_timeout().is_some_and(|due| due <= now) {
                    peer.tick(now);
                }
            }
            if self.now >= end {
                return false;
            }
        }
    }

    pub(super) fn run(&mut self, span: Duration) {
        self.until(span, |_| false);
    }

    pub(super) fn deliver(&mut self, to: To, from: SocketAddr, bytes: &[u8]) {
        let now = self.now;
        match to {
            To::Relay(side) => self
                .core
                .datagram(now, side, self.generations[side as usize], from, bytes),
            To::Browser => {
                let heard = hears(now, &mut self.browser.leg.peer, from, bytes);
                if let Some(Media::Rtp(packet)) = heard {
                    self.browser.heard.push((now, packet.to_vec()));
                }
            }
            To::OpenAi => {
                let Some(openai) = &mut self.openai else { return };
                match hears(now, &mut openai.peer, from, bytes) {
                    Some(Media::Rtp(packet)) => self.openai_heard.push((now, packet.to_vec())),
                    Some(Media::Rtcp(compound)) => self.openai_rtcp.push(compound.to_vec()),
                    None => {}
                }
            }
        }
    }

    pub(super) fn counters(&self) -> &crate::Counters {
        &self.core.setup.counters
    }

    pub(super) fn told(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| is(event)).count()
    }

    pub(super) fn candidate_told(&self, is: impl Fn(&LegEvent) -> bool) -> usize {
        self.told(|event| matches!(event, Event::Candidate(event) if is(event)))
    }
}

fn hears(now: Instant, peer: &mut Peer, from: SocketAddr, bytes: &[u8]) -> Option<Media> {
    if matches!(bytes.first(), Some(128..=191)) {
        return peer.media(now, from, bytes);
    }
    peer.datagram(now, from, bytes);
    None
}

fn packet(ssrc: u32, seq: u16, n: u16) -> Vec<u8> {
    // With a header extension, as browsers send, and which is nobody else's business.
    let mut packet = vec![0x90, 111];
    packet.extend(seq.to_be_bytes());
    packet.extend((u32::from(seq) * 960).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0xBE, 0xDE, 0, 1, 0x10, 0x55, 0, 0]);
    packet.extend([0x78, 9, 9]);
    packet.extend(n.to_be_bytes());
    packet
}

/// The numbers of what was heard, each packet in plain form: no extension, no padding.
pub(super) fn numbers(heard: &[(Instant, Vec<u8>)]) -> Vec<u16> {
    heard
        .iter()
        .map(|(_, packet)| {
            assert_eq!((packet[0], packet.len()), (0x80, 17));
            u16::from_be_bytes([packet[15], packet[16]])
        })
        .collect()
}

/// Asserts one SSRC, numbers one after the other, and times that never run backwards.
pub(super) fn is_one_stream(heard: &[(Instant, Vec<u8>)]) {
    for pair in heard.windows(2) {
        let (before, after) = (&pair[0].1, &pair[1].1);
        let word = |packet: &[u8], at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
        let seq = |packet: &[u8]| u16::from_be_bytes([packet[2], packet[3]]);
        assert_eq!(word(before, 8), word(after, 8), "one SSRC");
        assert_eq!(seq(after), seq(before).wrapping_add(1), "no hole, no repeat");
        let step = word(after, 4).wrapping_sub(word(before, 4));
        assert!((960..48_000 * 60).contains(&step), "time goes on: {step}");
    }
}
