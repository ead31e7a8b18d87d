//! The peer that both kinds of leg are made of: `rtc`'s sans-IO core, its remedies, and SRTP beside it.
//!
//! **Law:** `rtc` sees STUN that has been authenticated, DTLS from addresses that have, and no media. Contract: after
//! each call that takes `now`, drain `sends` and `poll_event`; then [`Peer::poll_timeout`] says when to call
//! [`Peer::tick`].

use super::keys::{KeyTap, Tapped};
use super::liveness::Liveness;
use super::remedies::dtls_flight::{self, DtlsFlight};
use super::remedies::failed_candidates::{TIMEOUTS_OFF, host_candidate};
use super::remedies::keepalive::Keepalive;
use super::remedies::pair_follow::PairFollow;
use super::remedies::use_candidate::UseCandidate;
use super::remedies::{Remedies, client_hello};
use super::sdp;
use super::stun::{self, Ask, Binding, Class, TransactionId};
use crate::call::Error;
use crate::srtp::{Profile, Srtp};
use crate::{CloseCause, Counters, LossCause};
use bytes::BytesMut;
use rtc::crypto::RTCCryptoProvider;
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::certificate::RTCCertificate;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::{SctpMaxMessageSize, SettingEngineBuilder};
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::{RTCIceConnectionState, RTCPeerConnectionState};
use rtc::peer_connection::transport::{RTCDtlsRole, RTCDtlsTransportState, RTCIceCandidateInit};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use rtc::statistics::StatsSelector;
use sansio::Protocol as _;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A leg that is not up by then never will be.
const CONNECT_MAX: Duration = Duration::from_secs(30);
/// The largest message on a data channel, in bytes.
pub(crate) const MESSAGE_LEN_MAX: u32 = 256 * 1024;
/// What may wait in SCTP for a far end that does not take it, in bytes.
const OUTSTANDING_MAX: usize = 4 << 20;
/// Texts that may wait for a channel to open.
const WAITING_MAX: usize = 64;
/// Channels that a far end may open; more are left alone.
const CHANNELS_MAX: usize = 8;
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

/// How the two kinds of leg differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// We nominate (RFC 8445, 6.1.1), as offerer or against a lite agent.
    pub(crate) controlling: bool,
    /// Between consent checks.
    pub(crate) consent_every: Duration,
    /// Silence after which the leg is lost, where the far end answers our checks.
    pub(crate) silence_max: Duration,
    /// The same where it has never answered one.
    pub(crate) silence_max_unanswered: Duration,
    /// Between ICE checks while connecting.
    pub(crate) check_every: Duration,
}

/// What a peer is made from.
#[derive(Clone)]
pub(crate) struct Setup {
    /// What the agent takes for its own addresses: one for each family.
    pub(crate) locals: Vec<SocketAddr>,
    pub(crate) certificate: RTCCertificate,
    pub(crate) crypto: Arc<dyn RTCCryptoProvider>,
    /// Of what we send on this leg.
    pub(crate) ssrc: u32,
    pub(crate) remedies: Remedies,
    pub(crate) counters: Arc<Counters>,
}

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
    Accepted(SocketAddr),
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
    Closed {
        cause: CloseCause,
    },
}

/// A packet in the clear.
#[derive(Debug)]
pub(crate) enum Media {
    Rtp(BytesMut),
    Rtcp(BytesMut),
}

#[derive(Clone)]
struct Credentials {
    ufrag: String,
    password: String,
}

impl Credentials {
    fn of(sdp: &str) -> Option<Self> {
        let (ufrag, password) = (sdp::attribute(sdp, "ice-ufrag")?, sdp::attribute(sdp, "ice-pwd")?);
        Some(Self {
            ufrag: ufrag.to_owned(),
            password: password.to_owned(),
        })
    }
}

struct Channel {
    id: usize,
    label: String,
}

/// One WebRTC peer, without a socket or a clock.
pub(crate) struct Peer {
    pc: RTCPeerConnection,
    sender: RTCRtpSenderId,
    setup: Setup,
    manner: Manner,
    tapped: Tapped,
    /// Ours, the newest last: two over a restart, so that the old session is answered until the new one stands.
    ours: Vec<Credentials>,
    theirs: Option<Credentials>,
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
    early: VecDeque<(SocketAddr, BytesMut)>,
    early_dtls: Vec<(SocketAddr, BytesMut)>,
    channels: Vec<Channel>,
    waiting: VecDeque<String>,
    flight: DtlsFlight,
    use_candidate: UseCandidate,
    keepalive: Keepalive,
    follow: PairFollow,
    liveness: Liveness,
    next: Option<Instant>,
    /// What is to be sent. Drained by the owner after each call.
    pub(crate) sends: Vec<Transmit>,
    events: VecDeque<PeerEvent>,
}

impl Peer {
    /// A peer that has neither offered nor answered.
    pub(crate) fn new(now: Instant, setup: Setup, manner: Manner) -> Result<Self, Error> {
        let (tap, tapped) = KeyTap::new(setup.crypto.clone());
        let mut media = MediaEngine::default();
        media
            .register_codec(
                RTCRtpCodecParameters {
                    rtp_codec: opus(),
                    payload_type: 111,
                    ..Default::default()
                },
                RtpCodecKind::Audio,
            )
            .map_err(refused)?;
        // On the AI leg it is the keepalives that go unanswered on a healthy call; on the candidate's, the net that fails.
        let is_timeless = if manner.controlling {
            setup.remedies.keepalive
        } else {
            setup.remedies.failed_candidates
        };
        let (disconnected, failed) = if is_timeless {
            TIMEOUTS_OFF
        } else {
            (Some(Duration::from_secs(5)), Some(Duration::from_secs(25)))
        };
        // The agent's own keepalives, where ours do not take their place.
        let keepalive = if setup.remedies.keepalive {
            Duration::ZERO
        } else {
            Duration::from_secs(2)
        };
        let settings = SettingEngineBuilder::new()
            .with_crypto_provider(Arc::new(tap))
            .with_srtp_protection_profiles(vec![
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            ])
            .with_answering_dtls_role(RTCDtlsRole::Client)
            .with_ice_timeouts(disconnected, failed, Some(keepalive))
            .with_ice_connection_attempts(Some(manner.check_every), Some(1000))
            .with_prflx_acceptance_min_wait(Some(Duration::ZERO))
            .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(MESSAGE_LEN_MAX))
            .build();
        let mut pc = RTCPeerConnectionBuilder::new()
            .with_configuration(
                RTCConfigurationBuilder::new()
                    .with_certificates(vec![setup.certificate.clone()])
                    .build(),
            )
            .with_setting_engine(settings)
            .with_media_engine(media)
            .with_interceptor_registry(Registry::new())
            .build(now)
            .map_err(refused)?;
        let stream = format!("{:08x}", rand::random::<u32>());
        let track = MediaStreamTrack::new(
            stream.clone(),
            stream.clone(),
            stream,
            RtpCodecKind::Audio,
            vec![RTCRtpEncodingParameters {
                rtp_coding_parameters: RTCRtpCodingParameters {
                    ssrc: Some(setup.ssrc),
                    ..Default::default()
                },
                codec: opus(),
                ..Default::default()
            }],
        );
        let sender = pc.add_track(track).map_err(refused)?;
        let mut peer = Self {
            pc,
            sender,
            tapped,
            ours: Vec::new(),
            theirs: None,
            tie_breaker: rand::random(),
            is_client: false,
            is_ice_connected: false,
            srtp: None,
            began: now,
            is_closed: false,
            dest: None,
            accepted: Vec::new(),
            shown: Vec::new(),
            asked: VecDeque::new(),
            early: VecDeque::new(),
            early_dtls: Vec::new(),
            channels: Vec::new(),
            waiting: VecDeque::new(),
            flight: DtlsFlight::default(),
            use_candidate: UseCandidate::default(),
            keepalive: Keepalive::new(manner.consent_every),
            follow: PairFollow::default(),
            liveness: Liveness::new(now),
            next: None,
            sends: Vec::new(),
            events: VecDeque::new(),
            setup,
            manner,
        };
        peer.add_locals();
        Ok(peer)
    }

    fn add_locals(&mut self) {
        for address in &self.setup.locals {
            if let Some(candidate) = host_candidate(*address) {
                let _ = self.pc.add_local_candidate(candidate);
            }
        }
    }

    /// Opens a data channel of ours, before the offer.
    pub(crate) fn open_channel(&mut self, label: &str) -> Result<(), Error> {
        self.pc.create_data_channel(label, None).map(drop).map_err(refused)
    }

    /// Answers an offer (admitted, see `sdp`), the first or a later one: `rtc`'s own answer.
    pub(crate) fn answer(&mut self, now: Instant, offer: String) -> Result<String, Error> {
        let theirs = Credentials::of(&offer).ok_or(Error::Sdp("no ICE credentials"))?;
        let offer = RTCSessionDescription::offer(offer).map_err(refused)?;
        self.pc.set_remote_description(now, offer).map_err(refused)?;
        if self.setup.remedies.failed_candidates {
            self.add_locals();
        }
        let answer = self.pc.create_answer(None).map_err(refused)?;
        self.pc.set_local_description(now, answer).map_err(refused)?;
        let answer = self.local_sdp()?;
        self.is_client = answer.contains("a=setup:active");
        self.theirs = Some(theirs);
        self.drain(now);
        Ok(answer)
    }

    /// `rtc`'s own offer.
    pub(crate) fn offer(&mut self, now: Instant) -> Result<String, Error> {
        let offer = self.pc.create_offer(None).map_err(refused)?;
        self.pc.set_local_description(now, offer).map_err(refused)?;
        let offer = self.local_sdp()?;
        self.drain(now);
        Ok(offer)
    }

    /// Takes the answer (admitted) to [`Peer::offer`].
    pub(crate) fn accept(&mut self, now: Instant, answer: String) -> Result<(), Error> {
        let theirs = Credentials::of(&answer).ok_or(Error::Sdp("no ICE credentials"))?;
        self.is_client = answer.contains("a=setup:passive");
        let answer = RTCSessionDescription::answer(answer).map_err(refused)?;
        self.pc.set_remote_description(now, answer).map_err(refused)?;
        self.theirs = Some(theirs);
        self.drain(now);
        Ok(())
    }

    fn local_sdp(&mut self) -> Result<String, Error> {
        let sdp = self
            .pc
            .local_description()
            .ok_or(Error::Sdp("no local description"))?
            .sdp;
        let ours = Credentials::of(&sdp).ok_or(Error::Sdp("no ICE credentials"))?;
        if self.ours.last().is_none_or(|newest| newest.ufrag != ours.ufrag) {
            self.ours.push(ours);
            if self.ours.len() > 2 {
                self.ours.remove(0);
            }
            self.use_candidate.forget();
            self.follow.restart();
            self.shown.clear();
            self.asked.clear();
        }
        Ok(sdp)
    }

    /// The local ufrags that datagrams may ask for, the newest last.
    pub(crate) fn ufrags(&self) -> impl Iterator<Item = &str> {
        self.ours.iter().map(|ours| ours.ufrag.as_str())
    }

    /// A trickled candidate (admitted).
    pub(crate) fn add_remote_candidate(&mut self, now: Instant, candidate: String) -> Result<(), Error> {
        let candidate = RTCIceCandidateInit {
            candidate,
            ..Default::default()
        };
        self.pc.add_remote_candidate(candidate).map_err(refused)?;
        self.drain(now);
        Ok(())
    }

    /// STUN or DTLS has come. (Media: [`Peer::media`].)
    pub(crate) fn datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        match bytes.first() {
            _ if self.is_closed => {}
            Some(0..=3) => self.stun(now, from, bytes),
            Some(20..=63) => self.dtls(now, from, bytes),
            _ => self.setup.counters.dropped_unknown.bump(),
        }
    }

    fn stun(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let taken = Binding::parse(bytes).is_some_and(|binding| match binding.class {
            Class::Request => self.check_asked(now, from, &binding, bytes),
            Class::Success => self.check_answered(now, from, &binding, bytes),
            Class::Indication | Class::Error => false,
        });
        if !taken {
            self.setup.counters.dropped_stun.bump();
        }
    }

    /// A check of the far end's. False if it is to be dropped.
    fn check_asked(&mut self, now: Instant, from: SocketAddr, binding: &Binding<'_>, bytes: &[u8]) -> bool {
        let asked = binding.asked_ufrag();
        let Some(which) = self.ours.iter().position(|ours| Some(ours.ufrag.as_bytes()) == asked) else {
            return false;
        };
        if !binding.is_authentic(&self.ours[which].password, self.setup.crypto.crypto()) {
            return false;
        }
        self.hear(now);
        self.accept_address(from);
        if which + 1 < self.ours.len() {
            // Of the session before the restart: answered here, so that the browser keeps it until the new one stands.
            let answer = stun::success(binding, from, &self.ours[which].password, self.setup.crypto.crypto());
            self.sends.extend(answer.map(|bytes| Transmit {
                to: from,
                bytes: BytesMut::from(&bytes[..]),
            }));
            return true;
        }
        if !self.shown.contains(&from) {
            if self.shown.len() >= SHOWN_MAX {
                return false;
            }
            self.shown.push(from);
        }
        let base = self.sends.len();
        self.read(now, from, bytes);
        if binding.use_candidate {
            let was_answered = self.sends[base..]
                .iter()
                .any(|send| is_success(&send.bytes, &binding.transaction));
            if self.setup.remedies.use_candidate {
                self.use_candidate.asked(from, bytes, was_answered);
            }
            self.nominate(now, from);
        }
        true
    }

    /// An answer to a check of the agent's or ours. False if it is to be dropped.
    fn check_answered(&mut self, now: Instant, from: SocketAddr, binding: &Binding<'_>, bytes: &[u8]) -> bool {
        let Some(theirs) = &self.theirs else { return false };
        let is_consent = self.keepalive.knows(&binding.transaction);
        let asked = self
            .asked
            .iter()
            .position(|(transaction, _)| *transaction == binding.transaction);
        if (!is_consent && asked.is_none()) || !binding.is_authentic(&theirs.password, self.setup.crypto.crypto()) {
            return false;
        }
        self.hear(now);
        if is_consent {
            if self.keepalive.answered(now, from, &binding.transaction) {
                self.accept_address(from);
                self.follow.prove(from);
            }
            return true;
        }
        if asked
            .and_then(|at| self.asked.remove(at))
            .is_some_and(|(_, to)| to == from)
        {
            self.accept_address(from);
            self.follow.prove(from);
        }
        self.read(now, from, bytes);
        if let Some(request) = self.use_candidate.succeeded(from) {
            self.setup.counters.remedy_use_candidate.bump();
            self.read(now, from, &request);
            self.nominate(now, from);
        }
        true
    }

    fn nominate(&mut self, now: Instant, from: SocketAddr) {
        if self.setup.remedies.pair_follow
            && !self.manner.controlling
            && let Some(dest) = self.dest
            && let Some(there) = self.follow.nominated(from, dest)
        {
            self.go_to(now, there);
        }
    }

    fn go_to(&mut self, now: Instant, there: SocketAddr) {
        self.setup.counters.remedy_pair_follow.bump();
        self.dest = Some(there);
        self.keepalive.start(now);
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

    /// SRTP or SRTCP has come.
    pub(crate) fn media(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> Option<Media> {
        let Some(srtp) = &mut self.srtp else {
            if self.early.len() < EARLY_MAX && !self.is_closed && self.accepted.contains(&from) {
                self.early.push_back((from, BytesMut::from(bytes)));
            } else {
                self.setup.counters.dropped_early.bump();
            }
            return None;
        };
        // RFC 5761, 4: RTCP packet types, seen where RTP has its marker and payload type.
        let media = match bytes.get(1) {
            Some(192..=223) => srtp.unprotect_rtcp(bytes).map(Media::Rtcp),
            _ => srtp.unprotect_rtp(bytes).map(Media::Rtp),
        };
        if media.is_none() {
            self.setup.counters.dropped_srtp.bump();
            return None;
        }
        self.hear(now);
        if let Some(dest) = self.dest
            && dest != from
            && self.setup.remedies.pair_follow
            && let Some(there) = self.follow.media(from, dest)
        {
            self.go_to(now, there);
        }
        media
    }

    /// Media that came before its keys, the oldest first; to be given to [`Peer::media`] again once the leg is up.
    pub(crate) fn pop_early(&mut self) -> Option<(SocketAddr, BytesMut)> {
        self.srtp.as_ref()?;
        self.early.pop_front()
    }

    /// Protects an RTP packet of ours and says where it goes.
    pub(crate) fn protect_rtp(&mut self, packet: &[u8]) -> Option<Transmit> {
        let to = self.dest?;
        let bytes = self.srtp.as_mut()?.protect_rtp(packet)?;
        Some(Transmit { to, bytes })
    }

    /// The same for a compound RTCP packet.
    pub(crate) fn protect_rtcp(&mut self, packet: &[u8]) -> Option<Transmit> {
        let to = self.dest?;
        let bytes = self.srtp.as_mut()?.protect_rtcp(packet)?;
        Some(Transmit { to, bytes })
    }

    /// Of what we send on this leg.
    #[cfg(test)]
    pub(crate) fn ssrc(&self) -> u32 {
        self.setup.ssrc
    }

    /// The next offer restarts ICE.
    #[cfg(test)]
    pub(crate) fn restart(&mut self) {
        self.pc.restart_ice();
        self.add_locals();
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

    /// Of the last consent check that was answered.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.keepalive.round_trip()
    }

    /// Sends a text to every open channel; one that is ours to open may be waited for.
    pub(crate) fn send_text(&mut self, now: Instant, text: &str, wait: bool) {
        if self.channels.is_empty() {
            if wait && self.waiting.len() < WAITING_MAX && !self.is_closed {
                self.waiting.push_back(text.to_owned());
            } else {
                self.setup.counters.dropped_message.bump();
            }
            return;
        }
        for index in 0..self.channels.len() {
            let sent = self
                .pc
                .data_channel(self.channels[index].id)
                .is_some_and(|mut channel| {
                    channel.outstanding_bytes() <= OUTSTANDING_MAX && channel.send_text(now, text).is_ok()
                });
            if !sent {
                self.setup.counters.dropped_message.bump();
            }
        }
        self.drain(now);
    }

    /// Something is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.is_closed {
            self.next = None;
            return;
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
        if self.pc.poll_timeout().is_some_and(|due| due <= now) {
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
        self.drain(now);
    }

    fn silence_max(&self) -> Duration {
        if self.keepalive.is_answered() {
            self.manner.silence_max
        } else {
            self.manner.silence_max_unanswered
        }
    }

    /// A consent check, if one is due.
    fn consent(&mut self, now: Instant) {
        let (Some(to), Some(theirs), Some(ours)) = (self.dest, &self.theirs, self.ours.last()) else {
            return;
        };
        let transaction: TransactionId = rand::random();
        if !self.setup.remedies.keepalive || !self.keepalive.is_due(now, to, transaction) {
            return;
        }
        let username = format!("{}:{}", theirs.ufrag, ours.ufrag);
        let ask = Ask {
            transaction,
            username: &username,
            password: &theirs.password,
            controlling: self.manner.controlling,
            tie_breaker: self.tie_breaker,
            use_candidate: self.manner.controlling,
        };
        let request = stun::request(&ask, self.setup.crypto.crypto());
        self.sends.extend(request.map(|bytes| Transmit {
            to,
            bytes: BytesMut::from(&bytes[..]),
        }));
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

    fn hear(&mut self, now: Instant) {
        if self.liveness.hear(now) {
            self.events.push_back(PeerEvent::Back);
        }
    }

    fn accept_address(&mut self, address: SocketAddr) {
        if self.accepted.last() == Some(&address) {
            return;
        }
        let was_known = self.accepted.iter().position(|known| *known == address);
        if let Some(at) = was_known {
            self.accepted.remove(at);
        } else {
            self.events.push_back(PeerEvent::Accepted(address));
            if self.accepted.len() >= ACCEPTED_MAX {
                self.accepted.remove(0);
            }
        }
        self.accepted.push(address);
    }

    /// Takes out of the core what it has to say.
    fn drain(&mut self, now: Instant) {
        let base = self.sends.len();
        loop {
            self.drain_writes(now);
            let mut flush = false;
            while let Some(event) = self.pc.poll_event() {
                flush |= self.core_event(now, event);
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
        let live = self
            .is_up()
            .then(|| self.liveness.poll_timeout(self.silence_max()))
            .flatten();
        let give_up = self.srtp.is_none().then_some(self.began + CONNECT_MAX);
        let consent = if self.setup.remedies.keepalive {
            self.keepalive.poll_timeout()
        } else {
            None
        };
        self.next = [
            self.pc.poll_timeout(),
            self.flight.poll_timeout(),
            consent,
            live,
            give_up,
        ]
        .into_iter()
        .flatten()
        .min();
        if self.is_ice_connected && !self.early_dtls.is_empty() {
            for (from, bytes) in std::mem::take(&mut self.early_dtls) {
                self.dtls(now, from, &bytes);
            }
        }
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
    fn core_event(&mut self, now: Instant, event: RTCPeerConnectionEvent) -> bool {
        match event {
            RTCPeerConnectionEvent::OnIceConnectionStateChangeEvent(state) => {
                if state == RTCIceConnectionState::Connected {
                    self.is_ice_connected = true;
                    self.settle(now);
                }
                if state == RTCIceConnectionState::Failed {
                    self.events.push_back(PeerEvent::Lost { cause: LossCause::Ice });
                }
                return self.setup.remedies.client_hello && client_hello::wants_flush(state);
            }
            RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Connected) => self.up(now),
            RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) => self.channel_open(now, id),
            RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnClose(id)) => {
                if let Some(at) = self.channels.iter().position(|channel| channel.id == id) {
                    let label = self.channels.remove(at).label;
                    self.events.push_back(PeerEvent::ChannelClosed { label });
                }
            }
            _ => {}
        }
        false
    }

    /// The agent has selected a pair: media goes there.
    fn settle(&mut self, now: Instant) {
        let pair = self
            .pc
            .rtp_sender(self.sender)
            .and_then(|sender| sender.transport()?.ice_transport().get_selected_candidate_pair());
        let Some(pair) = pair else { return };
        let Ok(ip) = pair.remote().address.parse() else { return };
        let there = SocketAddr::new(ip, pair.remote().port);
        self.dest = Some(there);
        self.accept_address(there);
        self.keepalive.start(now);
    }

    fn up(&mut self, now: Instant) {
        if self.srtp.is_some() {
            return;
        }
        let Some(material) = self.tapped.take() else { return };
        let report = self.pc.get_stats(now, StatsSelector::None);
        let profile = report
            .transport()
            .and_then(|transport| Profile::from_name(&transport.srtp_cipher));
        self.srtp = profile.and_then(|profile| Srtp::new(&material, profile, self.is_client, &self.setup.crypto));
        if self.srtp.is_some() {
            self.hear(now);
            let took = now.saturating_duration_since(self.began);
            self.events.push_back(PeerEvent::Up { took });
        } else {
            self.end(CloseCause::Failed);
        }
    }

    fn channel_open(&mut self, now: Instant, id: usize) {
        let Some(label) = self.pc.data_channel(id).map(|channel| channel.label().to_owned()) else {
            return;
        };
        if self.channels.len() >= CHANNELS_MAX || self.channels.iter().any(|channel| channel.id == id) {
            return;
        }
        self.hear(now);
        self.channels.push(Channel {
            id,
            label: label.clone(),
        });
        self.events.push_back(PeerEvent::ChannelOpen { label });
        while let Some(text) = self.waiting.pop_front() {
            if let Some(mut channel) = self.pc.data_channel(id) {
                let _ = channel.send_text(now, text);
            }
        }
    }

    fn message(&mut self, now: Instant, is_text: bool, data: &[u8]) {
        self.hear(now);
        match std::str::from_utf8(data) {
            Ok(text) if is_text => self.events.push_back(PeerEvent::Message { text: text.to_owned() }),
            _ => self.setup.counters.dropped_message.bump(),
        }
    }
}

fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: sdp::opus_fmtp().to_owned(),
        rtcp_feedback: vec![RTCPFeedback {
            typ: "nack".into(),
            parameter: String::new(),
        }],
    }
}

fn is_success(bytes: &[u8], transaction: &TransactionId) -> bool {
    bytes.starts_with(&[1, 1]) && bytes.get(8..20) == Some(&transaction[..])
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
