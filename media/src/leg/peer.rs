//! The peer that both kinds of leg are made of: `rtc`'s sans-IO core, its remedies, and SRTP beside it.
//!
//! **Law:** `rtc` sees STUN that has been authenticated, DTLS from addresses that have, and no media. Contract: after
//! each call that takes `now`, drain `sends` and `poll_event`; then [`Peer::poll_timeout`] says when to call
//! [`Peer::tick`].

mod build;
mod channels;
mod checks;
mod describe;
mod media;

use super::keys::Tapped;
use super::liveness::Liveness;
use super::remedies::client_hello;
use super::remedies::dtls_flight::{self, DtlsFlight};
use super::remedies::keepalive::Keepalive;
use super::remedies::pair_follow::PairFollow;
use super::remedies::use_candidate::UseCandidate;
use super::stun::{Binding, Class, TransactionId};
use crate::call::Error;
use crate::demux::Sign;
use crate::srtp::Srtp;
use crate::{CloseCause, LossCause};
pub(crate) use build::{Manner, Setup};
use bytes::BytesMut;
use channels::Channel;
use describe::{Credentials, Session};
pub(crate) use media::Media;
use rtc::peer_connection::RTCPeerConnection;
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::state::{RTCIceConnectionState, RTCPeerConnectionState};
use rtc::peer_connection::transport::RTCDtlsTransportState;
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use sansio::Protocol as _;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The most that a long way adds to the silence after which a leg is lost.
const ROUND_TRIPS_MAX: Duration = Duration::from_secs(2);
/// A leg that is not up by then never will be.
const CONNECT_MAX: Duration = Duration::from_secs(30);
/// Media that may wait for its keys: the handshake's last datagram can be overtaken.
const EARLY_MAX: usize = 64;
/// DTLS that may wait for ICE to settle: OpenAI's ClientHello follows its answer to our check on foot.
const EARLY_DTLS_MAX: usize = 4;
/// Addresses that have authenticated; the oldest is forgotten.
const ACCEPTED_MAX: usize = 8;
/// Distinct addresses shown to the agent in one ICE session: each costs it a candidate that it never forgets.
const SHOWN_MAX: usize = 128;
/// Requests of the agent's whose answers are awaited.
const ASKED_MAX: usize = 64;

/// A datagram to send.
#[derive(Debug)]
pub(crate) struct Transmit {
    pub(crate) to: SocketAddr,
    pub(crate) bytes: BytesMut,
}

/// What happened on a peer.
#[derive(Debug, PartialEq)]
pub(crate) enum PeerEvent {
    /// This address has authenticated: its datagrams are this leg's.
    Accepted(Sign),
    Up {
        took: Duration,
    },
    ChannelOpen {
        label: String,
    },
    ChannelClosed {
        label: String,
    },
    Message {
        text: String,
    },
    Lost {
        cause: LossCause,
    },
    Back,
    /// It is heard, and what was sent to it since then may not have arrived: it was silent for a while, or has moved.
    Missed {
        since: Instant,
    },
    Closed {
        cause: CloseCause,
    },
}

/// One WebRTC peer, without a socket or a clock.
pub(crate) struct Peer {
    /// Boxed: some 8 KB, and legs are moved about.
    pc: Box<RTCPeerConnection>,
    sender: RTCRtpSenderId,
    setup: Setup,
    manner: Manner,
    tapped: Tapped,
    /// Ours, the newest last: two over a restart, so that the old session is answered until the new one stands.
    ours: Vec<Credentials>,
    theirs: Option<Credentials>,
    /// Over a restart: what the session that stood before it is known by, until the new one is proven. A browser that has not got
    /// our answer, which may be lost with the socket, knows nothing else.
    before: Option<Session>,
    tie_breaker: u64,
    is_client: bool,
    is_ice_connected: bool,
    srtp: Option<Srtp>,
    began: Instant,
    is_closed: bool,
    /// Where media and DTLS go.
    dest: Option<SocketAddr>,
    accepted: Vec<SocketAddr>,
    shown: Vec<SocketAddr>,
    asked: VecDeque<(TransactionId, SocketAddr)>,
    /// The SSRC of the far end's media, as last told.
    source: Option<u32>,
    early: VecDeque<(SocketAddr, BytesMut)>,
    early_dtls: Vec<(SocketAddr, BytesMut)>,
    channels: Vec<Channel>,
    waiting: VecDeque<String>,
    flight: DtlsFlight,
    use_candidate: UseCandidate,
    keepalive: Keepalive,
    follow: PairFollow,
    liveness: Liveness,
    /// When something authentic last came from where ours goes.
    there: Instant,
    next: Option<Instant>,
    /// When the core wants to be called, as of the last time it was.
    core_next: Option<Instant>,
    /// What is to be sent. Drained by the owner after each call.
    pub(crate) sends: Vec<Transmit>,
    events: VecDeque<PeerEvent>,
}

impl Peer {
    /// STUN or DTLS has come. (Media: [`Peer::media`].)
    pub(crate) fn datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        match bytes.first() {
            _ if self.is_closed => {}
            Some(0..=3) => self.stun(now, from, bytes),
            Some(20..=63) => self.dtls(now, from, bytes),
            _ => self.setup.counters.dropped_unknown.bump(),
        }
    }

    fn dtls(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        if !self.is_ice_connected {
            if self.early_dtls.len() < EARLY_DTLS_MAX {
                self.early_dtls.push((from, BytesMut::from(bytes)));
            } else {
                self.setup.counters.dropped_early.bump();
            }
            return;
        }
        if !self.accepted.contains(&from) {
            self.setup.counters.dropped_dtls.bump();
            return;
        }
        self.read(now, from, bytes);
        let state = self
            .pc
            .rtp_sender(self.sender)
            .and_then(|sender| sender.transport().map(|dtls| dtls.state()));
        match state {
            Some(RTCDtlsTransportState::Closed) => self.end(CloseCause::Peer),
            Some(RTCDtlsTransportState::Failed) => self.end(CloseCause::Failed),
            _ => {}
        }
    }

    /// Shows the core a datagram.
    fn read(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let Some(local) = self.setup.locals.iter().find(|local| local.is_ipv4() == from.is_ipv4()) else {
            return;
        };
        let transport = TransportContext {
            local_addr: *local,
            peer_addr: from,
            ecn: None,
            transport_protocol: TransportProtocol::UDP,
        };
        let _ = self.pc.handle_read(TaggedBytesMut {
            now,
            transport,
            message: BytesMut::from(bytes),
        });
        self.drain(now);
    }

    /// Of what we send on this leg.
    #[cfg(any(test, feature = "world"))]
    pub(crate) fn ssrc(&self) -> u32 {
        self.setup.ssrc
    }

    /// No restart waits to be proven.
    #[cfg(test)]
    pub(crate) fn is_of_one_session(&self) -> bool {
        self.before.is_none()
    }

    /// Where media goes.
    pub(crate) fn dest(&self) -> Option<SocketAddr> {
        self.dest
    }

    /// ICE, DTLS and SRTP are up: the far end can hear.
    pub(crate) fn is_up(&self) -> bool {
        self.srtp.is_some() && !self.is_closed
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.liveness.is_lost()
    }

    /// When something authentic last came.
    pub(crate) fn last_heard(&self) -> Instant {
        self.liveness.last_heard()
    }

    /// Of the last consent check that was answered.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.keepalive.round_trip()
    }

    /// Something is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.is_closed {
            self.next = None;
            return;
        }
        if let Some(due) = self.next {
            self.liveness.excuse(now, due);
        }
        if let Some(to) = self.dest {
            for datagram in self.flight.repeat_due(now) {
                self.setup.counters.remedy_dtls_flight.bump();
                self.sends.push(Transmit {
                    to,
                    bytes: datagram.clone(),
                });
            }
        }
        let is_core_due = self.core_next.is_some_and(|due| due <= now);
        if is_core_due {
            let _ = self.pc.handle_timeout(now);
        }
        self.consent(now);
        if self.is_up() && self.liveness.check(now, self.silence_max()) {
            self.events.push_back(PeerEvent::Lost {
                cause: LossCause::Silent,
            });
        }
        if self.srtp.is_none() && now.saturating_duration_since(self.began) >= CONNECT_MAX {
            self.end(CloseCause::Failed);
        }
        // Most ticks are of our own timers, and the core, which is large, has nothing to say then.
        if is_core_due {
            self.drain(now);
        } else {
            self.schedule();
        }
    }

    fn silence_max(&self) -> Duration {
        if self.keepalive.is_answered() {
            // an answer that is on its way is not missed
            let under_way = self.keepalive.round_trip().unwrap_or_default() * 2;
            self.manner.silence_max + under_way.min(ROUND_TRIPS_MAX)
        } else {
            self.manner.silence_max_unanswered
        }
    }

    /// When to call [`Peer::tick`].
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    pub(crate) fn poll_event(&mut self) -> Option<PeerEvent> {
        self.events.pop_front()
    }

    /// Closes the leg: `close_notify` is left in `sends`.
    pub(crate) fn close(&mut self, now: Instant) {
        if !self.is_closed {
            let _ = self.pc.close();
            self.drain(now);
            self.end(CloseCause::Local);
        }
    }

    fn end(&mut self, cause: CloseCause) {
        if !std::mem::replace(&mut self.is_closed, true) {
            for channel in self.channels.drain(..) {
                self.events.push_back(PeerEvent::ChannelClosed { label: channel.label });
            }
            self.events.push_back(PeerEvent::Closed { cause });
        }
    }

    /// Takes out of the core what it has to say.
    fn drain(&mut self, now: Instant) {
        let base = self.sends.len();
        loop {
            self.drain_writes(now);
            let mut flush = false;
            while let Some(event) = self.pc.poll_event() {
                flush |= self.core_event(now, &event);
            }
            while let Some(message) = self.pc.poll_read() {
                if let RTCMessage::DataChannelMessage(_, message) = message.message {
                    self.message(now, message.is_string, &message.data);
                }
            }
            if !flush {
                break;
            }
            let _ = self.pc.handle_timeout(now);
        }
        self.drain_writes(now);
        if self.setup.remedies.dtls_flight {
            let flight: Vec<BytesMut> = self.sends[base.min(self.sends.len())..]
                .iter()
                .filter(|send| dtls_flight::is_handshake(&send.bytes))
                .map(|send| send.bytes.clone())
                .collect();
            self.flight.sent(now, flight);
            if self.srtp.is_some() {
                self.flight.complete();
            }
        }
        self.core_next = self.pc.poll_timeout();
        self.schedule();
        if self.is_ice_connected && !self.early_dtls.is_empty() {
            for (from, bytes) in std::mem::take(&mut self.early_dtls) {
                self.dtls(now, from, &bytes);
            }
        }
    }

    /// When to be called again. The core changes by what is followed by [`Peer::drain`] alone.
    fn schedule(&mut self) {
        let live = self
            .is_up()
            .then(|| self.liveness.poll_timeout(self.silence_max()))
            .flatten();
        let give_up = self.srtp.is_none().then_some(self.began + CONNECT_MAX);
        let consent = if self.setup.remedies.keepalive {
            self.keepalive.poll_timeout(self.liveness.last_heard())
        } else {
            None
        };
        self.next = [self.core_next, self.flight.poll_timeout(), consent, live, give_up]
            .into_iter()
            .flatten()
            .min();
    }

    fn drain_writes(&mut self, _now: Instant) {
        while let Some(write) = self.pc.poll_write() {
            let (mut to, bytes) = (write.transport.peer_addr, write.message);
            match bytes.first() {
                Some(0..=3) => {
                    if let Some(binding) = Binding::parse(&bytes)
                        && binding.class == Class::Request
                    {
                        if self.asked.len() >= ASKED_MAX {
                            self.asked.pop_front();
                        }
                        self.asked.push_back((binding.transaction, to));
                    }
                }
                _ => to = self.dest.unwrap_or(to),
            }
            self.sends.push(Transmit { to, bytes });
        }
    }

    /// True if `handle_timeout` is wanted at once.
    fn core_event(&mut self, now: Instant, event: &RTCPeerConnectionEvent) -> bool {
        match event {
            RTCPeerConnectionEvent::OnIceConnectionStateChangeEvent(state) => {
                if *state == RTCIceConnectionState::Connected {
                    self.is_ice_connected = true;
                    self.settle(now);
                }
                if *state == RTCIceConnectionState::Failed {
                    self.events.push_back(PeerEvent::Lost { cause: LossCause::Ice });
                }
                return self.setup.remedies.client_hello && client_hello::wants_flush(*state);
            }
            RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Connected) => self.up(now),
            RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) => self.channel_open(now, *id),
            RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnClose(id)) => {
                if let Some(at) = self.channels.iter().position(|channel| channel.id == *id) {
                    let label = self.channels.remove(at).label;
                    self.events.push_back(PeerEvent::ChannelClosed { label });
                }
            }
            _ => {}
        }
        false
    }
}

/// The core's refusals name no secrets, but may quote what they refuse: only their kind is told.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(error: rtc::shared::error::Error) -> Error {
    let text = error.to_string();
    let kind: String = text
        .chars()
        .take_while(|char| char.is_ascii_alphanumeric() || " _-.,'".contains(*char))
        .collect();
    Error::Peer(kind.chars().take(120).collect())
}
