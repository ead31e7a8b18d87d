//! Two real legs, the AI side's and the candidate's, each the other's far end, in one loop on a virtual clock.
//!
//! No sockets, no sleep: a whole connect takes a millisecond or two. The other judge, the async `webrtc` crate over real
//! sockets, is in `tests/far_peer.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unchecked_time_subtraction
)]

use super::ai::AiLeg;
use super::candidate::CandidateLeg;
use super::peer::{Media, Peer, PeerEvent, Setup};
use super::remedies::Remedies;
use crate::{CloseCause, Counters, LossCause};
use rtc::peer_connection::certificate::RTCCertificate;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) const MS: Duration = Duration::from_millis(1);

pub(crate) fn epoch() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "where virtual time begins does not matter")]
    Instant::now()
}

pub(crate) fn setup(address: &str, remedies: Remedies) -> Setup {
    let crypto = rtc::crypto::default_provider().unwrap();
    let certificate = RTCCertificate::generate(
        crypto.crypto(),
        rtc::crypto::SignatureScheme::EcdsaP256Sha256,
        rtc::peer_connection::certificate::CertificateParams::default(),
    )
    .unwrap();
    Setup {
        locals: vec![address.parse().unwrap()],
        certificate,
        crypto,
        ssrc: rand::random(),
        remedies,
        counters: Arc::new(Counters::default()),
    }
}

/// Which leg. Also an index.
pub(crate) const AI: usize = 0;
pub(crate) const CANDIDATE: usize = 1;

/// A datagram on its way, as the net's rule sees it.
pub(crate) struct Passing<'a> {
    pub(crate) from: usize,
    pub(crate) bytes: &'a [u8],
    pub(crate) at: Duration,
}

/// What a rule does with a datagram: the address that it seems to come from, or `None` for lost.
type Rule = Box<dyn FnMut(&Passing<'_>) -> Option<SocketAddr>>;

pub(crate) struct Duo {
    pub(crate) now: Instant,
    start: Instant,
    pub(crate) ai: AiLeg,
    pub(crate) candidate: CandidateLeg,
    addresses: [SocketAddr; 2],
    flying: BTreeMap<(Instant, u64), (usize, SocketAddr, Vec<u8>)>,
    count: u64,
    pub(crate) latency: Duration,
    pub(crate) rule: Rule,
    /// Datagrams come up to 120 ms late, out of order, some of them twice.
    pub(crate) is_wild: bool,
    pub(crate) events: [Vec<(Duration, PeerEvent)>; 2],
    pub(crate) media: [Vec<Media>; 2],
    /// Every datagram that was sent, with the leg it was for.
    pub(crate) captured: Vec<(usize, SocketAddr, Vec<u8>)>,
}

impl Duo {
    /// Offer and answer are exchanged; no datagram has flown. `remedies` are of the AI leg, then the candidate's.
    pub(crate) fn new(remedies: [Remedies; 2]) -> Self {
        let start = epoch() + Duration::from_secs(1000);
        let addresses: [SocketAddr; 2] = ["10.0.0.1:5000".parse().unwrap(), "10.0.0.2:6000".parse().unwrap()];
        let mut ai = AiLeg::new(start, setup("10.0.0.1:5000", remedies[0])).unwrap();
        let offer = ai.offer().to_owned();
        let candidate = CandidateLeg::new(start, setup("10.0.0.2:6000", remedies[1]), &addresses[1..], &offer).unwrap();
        ai.accept(start, candidate.answer()).unwrap();
        Self {
            now: start,
            start,
            ai,
            candidate,
            addresses,
            flying: BTreeMap::new(),
            count: 0,
            latency: 10 * MS,
            rule: Box::new(move |passing| Some(addresses[passing.from])),
            is_wild: false,
            events: [Vec::new(), Vec::new()],
            media: [Vec::new(), Vec::new()],
            captured: Vec::new(),
        }
    }

    pub(crate) fn peer(&mut self, which: usize) -> &mut Peer {
        if which == AI {
            &mut self.ai.peer
        } else {
            &mut self.candidate.peer
        }
    }

    /// A rule of the net, by what is sent and when; default addresses.
    pub(crate) fn lose(&mut self, mut is_lost: impl FnMut(&Passing<'_>) -> bool + 'static) {
        let addresses = self.addresses;
        self.rule = Box::new(move |passing| (!is_lost(passing)).then(|| addresses[passing.from]));
    }

    fn collect(&mut self) {
        for which in [AI, CANDIDATE] {
            let at = self.now - self.start;
            while let Some((from, bytes)) = self.peer(which).pop_early() {
                let now = self.now;
                if let Some(media) = self.peer(which).media(now, from, &bytes) {
                    self.media[which].push(media);
                }
            }
            for send in std::mem::take(&mut self.peer(which).sends) {
                self.captured
                    .push((1 - which, self.addresses[which], send.bytes.to_vec()));
                let passing = Passing {
                    from: which,
                    bytes: &send.bytes,
                    at,
                };
                if let Some(seen_from) = (self.rule)(&passing) {
                    let copies = if self.is_wild && rand::random::<f64>() < 0.3 {
                        2
                    } else {
                        1
                    };
                    for _ in 0..copies {
                        let late = if self.is_wild {
                            MS * (rand::random::<u32>() % 120)
                        } else {
                            Duration::ZERO
                        };
                        self.count += 1;
                        self.flying.insert(
                            (self.now + self.latency + late, self.count),
                            (1 - which, seen_from, send.bytes.to_vec()),
                        );
                    }
                }
            }
            while let Some(event) = self.peer(which).poll_event() {
                self.events[which].push((at, event));
            }
        }
    }

    /// Steps until it is so, or that much virtual time has passed: whether it was so.
    pub(crate) fn until(&mut self, bound: Duration, mut so: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now + bound;
        loop {
            self.collect();
            if so(self) {
                return true;
            }
            let flying = self.flying.keys().next().map(|(at, _)| *at);
            let ticking = [self.ai.peer.poll_timeout(), self.candidate.peer.poll_timeout()]
                .into_iter()
                .flatten()
                .min();
            let Some(next) = [flying, ticking].into_iter().flatten().min() else {
                return false;
            };
            if next > end {
                self.now = end;
                return false;
            }
            // What is overdue is done a little later, as a driver would: time goes on.
            self.now = if next > self.now { next } else { self.now + MS / 10 };
            if flying.is_some_and(|at| at <= self.now) {
                let (_, (to, from, bytes)) = self.flying.pop_first().unwrap();
                self.deliver(to, from, &bytes);
            }
            let now = self.now;
            for which in [AI, CANDIDATE] {
                if self.peer(which).poll_timeout().is_some_and(|due| due <= now) {
                    self.peer(which).tick(now);
                }
            }
        }
    }

    pub(crate) fn deliver(&mut self, to: usize, from: SocketAddr, bytes: &[u8]) {
        let now = self.now;
        if matches!(bytes.first(), Some(128..=191)) {
            if let Some(media) = self.peer(to).media(now, from, bytes) {
                self.media[to].push(media);
            }
        } else {
            self.peer(to).datagram(now, from, bytes);
        }
    }

    pub(crate) fn run(&mut self, span: Duration) {
        self.until(span, |_| false);
    }

    pub(crate) fn connect(&mut self, bound: Duration) -> bool {
        self.until(bound, |duo| {
            duo.ai.peer.is_up()
                && duo.candidate.peer.is_up()
                && [AI, CANDIDATE]
                    .iter()
                    .all(|which| duo.has(*which, |event| matches!(event, PeerEvent::ChannelOpen { .. })))
        })
    }

    pub(crate) fn has(&self, which: usize, is: impl Fn(&PeerEvent) -> bool) -> bool {
        self.events[which].iter().any(|(_, event)| is(event))
    }

    /// Sends a made-up Opus packet from one leg's stream.
    pub(crate) fn send_rtp(&mut self, which: usize, seq: u16) {
        let packet = rtp(self.peer(which).ssrc(), seq);
        let transmit = self.peer(which).protect_rtp(&packet);
        self.peer(which).sends.extend(transmit);
    }
}

pub(crate) fn rtp(ssrc: u32, seq: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 111];
    packet.extend(seq.to_be_bytes());
    packet.extend((u32::from(seq) * 960).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0x78; 40]);
    packet
}

fn all() -> [Remedies; 2] {
    [Remedies::default(); 2]
}

#[test]
fn two_legs_come_up_and_carry_media_and_text_both_ways() {
    let mut duo = Duo::new(all());
    assert!(duo.connect(2 * Duration::from_secs(1)), "{:?}", duo.events);
    for which in [AI, CANDIDATE] {
        for seq in 1..=50 {
            duo.send_rtp(which, seq);
        }
        let now = duo.now;
        duo.peer(which).send_text(now, "viva voce", false);
    }
    duo.run(200 * MS);
    for which in [AI, CANDIDATE] {
        assert_eq!(duo.media[which].len(), 50);
        assert!(duo.has(which, |event| *event
            == PeerEvent::Message {
                text: "viva voce".into()
            }));
    }
    let now = duo.now;
    duo.peer(AI).close(now);
    duo.run(200 * MS);
    assert!(duo.has(CANDIDATE, |event| *event
        == PeerEvent::Closed {
            cause: CloseCause::Peer
        }));
    assert!(duo.has(AI, |event| *event
        == PeerEvent::Closed {
            cause: CloseCause::Local
        }));
}

#[test]
fn a_leg_that_hears_nothing_is_lost_within_2_s_and_back_with_the_net() {
    let mut duo = Duo::new(all());
    assert!(duo.connect(2 * Duration::from_secs(1)));
    duo.run(Duration::from_secs(60));
    assert!(
        !duo.has(CANDIDATE, |event| matches!(event, PeerEvent::Lost { .. })),
        "consent alone keeps a leg"
    );
    assert!(!duo.has(AI, |event| matches!(event, PeerEvent::Lost { .. })));

    let gone = duo.now - duo.start;
    duo.lose(|_| true);
    duo.run(Duration::from_secs(40));
    let lost = |duo: &Duo, which: usize| {
        duo.events[which]
            .iter()
            .find(|(_, event)| {
                *event
                    == PeerEvent::Lost {
                        cause: LossCause::Silent,
                    }
            })
            .unwrap()
            .0
    };
    assert!(
        lost(&duo, CANDIDATE) - gone <= Duration::from_secs(2),
        "{:?}",
        lost(&duo, CANDIDATE) - gone
    );
    assert!(lost(&duo, AI) - gone <= Duration::from_secs(8));

    duo.lose(|_| false);
    duo.run(Duration::from_secs(3));
    for which in [AI, CANDIDATE] {
        assert!(
            duo.has(which, |event| *event == PeerEvent::Back),
            "{which}: by itself, after 40 s of nothing"
        );
    }
}

#[test]
fn a_restart_whose_answer_does_not_arrive_loses_nobody() {
    let mut duo = Duo::new(all());
    assert!(duo.connect(2 * Duration::from_secs(1)));
    // No media flows: consent alone keeps it. The browser offers, the answers are lost with its socket, and it offers again.
    for nth in 1..=3 {
        let offer = duo.ai.restart(duo.now);
        duo.candidate.answer_again(duo.now, &offer).unwrap();
        duo.run(Duration::from_secs(5));
        assert!(
            !duo.has(CANDIDATE, |event| matches!(event, PeerEvent::Lost { .. })),
            "{nth} restarts"
        );
    }
    let (now, answer) = (duo.now, duo.candidate.answer().to_owned());
    duo.ai.accept_again(now, &answer).unwrap();
    duo.run(Duration::from_secs(20));
    for which in [AI, CANDIDATE] {
        assert!(duo.peer(which).is_of_one_session(), "the new session has been proven");
        assert!(!duo.has(which, |event| matches!(event, PeerEvent::Lost { .. })));
    }
}

fn is_handshake(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(20 | 22))
}

#[test]
fn no_lost_handshake_datagram_is_fatal() {
    let off = Remedies {
        dtls_flight: false,
        ..Remedies::default()
    };
    let mut stuck = 0;
    for side in [AI, CANDIDATE] {
        for which in 0..3 {
            let lost_once = |remedies: Remedies| {
                let mut duo = Duo::new([remedies; 2]);
                let mut seen = 0;
                duo.lose(move |passing| {
                    seen += u32::from(passing.from == side && is_handshake(passing.bytes));
                    passing.from == side && is_handshake(passing.bytes) && seen == which + 1
                });
                duo.connect(Duration::from_secs(30)).then(|| duo.now - duo.start)
            };
            let took = lost_once(Remedies::default());
            // Flights 1 to 3 have timers of upstream's own (1 s); and flight 6 comes again once the client's does.
            assert!(
                took.is_some_and(|took| took < 1500 * MS),
                "{side}, datagram {which}: {took:?}"
            );
            stuck += u32::from(lost_once(off).is_none());
        }
    }
    assert_eq!(
        stuck, 2,
        "flight 4 as server and flight 5 as client, if nothing is done"
    );
}

#[test]
fn five_percent_loss_fails_none_of_200_connects() {
    let mut times = Vec::new();
    for _ in 0..200 {
        let mut duo = Duo::new(all());
        duo.latency = 40 * MS;
        duo.lose(|_| rand::random::<f64>() < 0.05);
        assert!(duo.connect(Duration::from_secs(30)), "{:?}", duo.events);
        times.push(duo.now - duo.start);
    }
    times.sort();
    println!(
        "connect and channel at 80 ms round trip, 5 % loss: median {:?}, longest {:?}",
        times[100], times[199]
    );
}

#[test]
fn datagrams_out_of_order_and_twice_fail_no_connect() {
    for _ in 0..200 {
        let mut duo = Duo::new(all());
        duo.is_wild = true;
        duo.lose(|_| rand::random::<f64>() < 0.02);
        assert!(duo.connect(Duration::from_secs(30)), "{:?}", duo.events);
    }
}

#[test]
fn the_client_hello_leaves_in_the_moment_that_ice_connects() {
    let delay = |remedies: Remedies| {
        let mut duo = Duo::new([Remedies::default(), remedies]);
        let hello = std::rc::Rc::new(std::cell::Cell::new(None));
        let seen = hello.clone();
        duo.lose(move |passing| {
            if passing.from == CANDIDATE && is_handshake(passing.bytes) && seen.get().is_none() {
                seen.set(Some(passing.at));
            }
            false
        });
        assert!(duo.until(Duration::from_secs(2), |duo| duo.candidate.peer.dest().is_some()));
        let connected = duo.now - duo.start;
        assert!(duo.until(Duration::from_secs(2), |_| hello.get().is_some()));
        hello.get().unwrap() - connected
    };
    assert_eq!(delay(Remedies::default()), Duration::ZERO);
    let late = delay(Remedies {
        client_hello: false,
        ..Remedies::default()
    });
    assert!(
        late >= 5 * MS,
        "upstream sends it at once: the remedy is needless ({late:?})"
    );
}
