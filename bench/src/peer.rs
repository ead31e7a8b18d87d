//! A far end: a full WebRTC peer of the relay's, as a browser is or as OpenAI is, without a socket or a clock.
//!
//! Is: `rtc`'s sans-IO core for ICE, DTLS and SCTP, SRTP beside it. Isn't: any of the relay's code, so that a mistake there is
//! not mirrored here; nor a measure of anything (`engine.rs`).

mod again;
mod keys;

use std::{net::SocketAddr, sync::Arc, time::Duration, time::Instant};

use bytes::BytesMut;
use rtc::{
    crypto::default_provider,
    dtls::extension::extension_use_srtp::SrtpProtectionProfile,
    interceptor::Registry,
    media_stream::MediaStreamTrack,
    peer_connection::{
        RTCPeerConnection, RTCPeerConnectionBuilder,
        configuration::{
            RTCConfigurationBuilder,
            media_engine::{MIME_TYPE_OPUS, MediaEngine},
            setting_engine::SettingEngineBuilder,
        },
        event::{RTCDataChannelEvent, RTCPeerConnectionEvent},
        message::RTCMessage,
        sdp::RTCSessionDescription,
        state::{RTCIceConnectionState, RTCPeerConnectionState},
        transport::{CandidateConfig, CandidateHostConfig, RTCDtlsRole, RTCIceCandidate},
    },
    rtp_transceiver::{
        RTCRtpSenderId,
        rtp_sender::{
            RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
        },
    },
    shared::{TaggedBytesMut, TransportContext, TransportProtocol},
    srtp::context::Context,
};
use sansio::Protocol as _;

use again::Again;
use keys::{LookingOn, Seen};

/// What went wrong, in the words of `rtc`.
#[derive(Debug, thiserror::Error)]
#[error("far end: {0}")]
pub struct Error(String);

impl From<rtc::shared::error::Error> for Error {
    fn from(error: rtc::shared::error::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<rtc::crypto::CryptoError> for Error {
    fn from(error: rtc::crypto::CryptoError) -> Self {
        Self(error.to_string())
    }
}

/// Which far end it plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A browser: it offers, full ICE.
    Candidate,
    /// OpenAI: it answers, ICE-lite, DTLS client at once.
    Ai,
}

/// One far end.
pub struct Peer {
    pc: RTCPeerConnection,
    sender: RTCRtpSenderId,
    seen: Seen,
    srtp: Option<(Context, Context)>,
    local: SocketAddr,
    remote: Option<SocketAddr>,
    is_client: bool,
    connected: bool,
    next: Option<Instant>,
    again: Again,
    /// Texts that came on data channels.
    pub texts: Vec<String>,
    /// Datagrams to send. Drain after each call.
    pub sends: Vec<(SocketAddr, BytesMut)>,
    /// A channel has been opened: its number.
    pub channel: Option<usize>,
    /// Of what we send.
    pub ssrc: u32,
}

impl Peer {
    /// A far end at `local`, which must be the very address that datagrams come in on.
    pub fn new(now: Instant, role: Role, local: SocketAddr) -> Result<Self, Error> {
        let (looking, seen) = LookingOn::new(default_provider()?);
        let mut media = MediaEngine::default();
        let codec = RTCRtpCodecParameters {
            rtp_codec: opus(),
            payload_type: 111,
        };
        media.register_codec(codec, RtpCodecKind::Audio)?;
        let settings = SettingEngineBuilder::new()
            .with_crypto_provider(Arc::new(looking))
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            .with_lite(role == Role::Ai)
            .with_answering_dtls_role(RTCDtlsRole::Client)
            .with_ice_timeouts(Some(Duration::ZERO), Some(Duration::ZERO), Some(Duration::from_secs(2)))
            .with_ice_connection_attempts(Some(Duration::from_millis(20)), Some(500))
            .build();
        let mut pc = RTCPeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_setting_engine(settings)
            .with_media_engine(media)
            .with_interceptor_registry(Registry::new())
            .build(now)?;
        let ssrc = rand::random();
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                ..Default::default()
            },
            codec: opus(),
            ..Default::default()
        };
        let name = || "far".to_owned();
        let track = MediaStreamTrack::new(name(), name(), name(), RtpCodecKind::Audio, vec![encoding]);
        let sender = pc.add_track(track)?;
        let base_config = CandidateConfig {
            network: "udp".into(),
            address: local.ip().to_string(),
            port: local.port(),
            component: 1,
            ..Default::default()
        };
        let candidate = CandidateHostConfig {
            base_config,
            ..Default::default()
        }
        .new_candidate_host()?;
        pc.add_local_candidate(RTCIceCandidate::from(&candidate).to_json()?)?;
        Ok(Self {
            pc,
            sender,
            seen,
            srtp: None,
            local,
            remote: None,
            is_client: false,
            connected: false,
            next: None,
            again: Again::default(),
            texts: vec![],
            sends: vec![],
            channel: None,
            ssrc,
        })
    }

    /// Its offer.
    pub fn offer(&mut self, now: Instant) -> Result<String, Error> {
        let offer = self.pc.create_offer(None)?;
        self.pc.set_local_description(now, offer)?;
        let offer = self.described()?;
        self.drain(now);
        Ok(offer)
    }

    /// Takes the answer to its offer.
    pub fn accept(&mut self, now: Instant, answer: String) -> Result<(), Error> {
        self.is_client = answer.contains("a=setup:passive");
        self.pc
            .set_remote_description(now, RTCSessionDescription::answer(answer)?)?;
        self.drain(now);
        Ok(())
    }

    /// Its answer to an offer.
    pub fn answer(&mut self, now: Instant, offer: String) -> Result<String, Error> {
        self.pc
            .set_remote_description(now, RTCSessionDescription::offer(offer)?)?;
        let answer = self.pc.create_answer(None)?;
        self.pc.set_local_description(now, answer)?;
        let answer = self.described()?;
        self.is_client = answer.contains("a=setup:active");
        self.drain(now);
        Ok(answer)
    }

    /// ICE, DTLS and SRTP are up.
    pub fn is_up(&self) -> bool {
        self.srtp.is_some()
    }

    /// When to call [`Peer::tick`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next.into_iter().chain(self.again.due).min()
    }

    /// Something is due.
    pub fn tick(&mut self, now: Instant) {
        if self.next.is_some_and(|due| due <= now) {
            // A refusal is a peer that is over: it shows as packets that do not arrive.
            let _ = self.pc.handle_timeout(now);
            self.drain(now);
        }
        self.sends.extend_from_slice(self.again.repeat(now));
    }

    /// A datagram came. An RTP packet comes back in the clear.
    pub fn datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> Option<BytesMut> {
        match (bytes.first(), bytes.get(1), &mut self.srtp) {
            (Some(128..=191), Some(192..=223), Some((read, _))) => {
                let _ = read.decrypt_rtcp(bytes);
                None
            }
            (Some(128..=191), _, Some((read, _))) => read.decrypt_rtp(bytes).ok(),
            (Some(128..=191), ..) => None,
            _ => {
                let transport = TransportContext {
                    local_addr: self.local,
                    peer_addr: from,
                    ecn: None,
                    transport_protocol: TransportProtocol::UDP,
                };
                let message = BytesMut::from(bytes);
                let _ = self.pc.handle_read(TaggedBytesMut {
                    now,
                    transport,
                    message,
                });
                self.drain(now);
                None
            }
        }
    }

    /// Protects an RTP packet; `None` while it is not up.
    pub fn protect(&mut self, packet: &[u8]) -> Option<(SocketAddr, BytesMut)> {
        let (_, write) = self.srtp.as_mut()?;
        Some((self.remote?, write.encrypt_rtp(packet).ok()?))
    }

    /// Sends a text on the channel that is open.
    pub fn send_text(&mut self, now: Instant, text: &str) {
        if let Some(mut channel) = self.channel.and_then(|id| self.pc.data_channel(id)) {
            let _ = channel.send_text(now, text);
        }
        self.drain(now);
    }

    /// Says goodbye: `close_notify` is left in `sends`.
    pub fn close(&mut self, now: Instant) {
        let _ = self.pc.close();
        self.drain(now);
    }

    fn described(&self) -> Result<String, Error> {
        Ok(self
            .pc
            .local_description()
            .ok_or_else(|| Error("no local description".into()))?
            .sdp)
    }

    fn drain(&mut self, now: Instant) {
        let before = self.sends.len();
        self.drain_all(now);
        if self.connected {
            self.again.done();
        } else {
            self.again.sent(now, self.sends.get(before..).unwrap_or_default());
        }
    }

    fn drain_all(&mut self, now: Instant) {
        loop {
            self.drain_writes();
            let mut connected = false;
            while let Some(event) = self.pc.poll_event() {
                match event {
                    // `rtc` sends its ClientHello at the next timeout only.
                    RTCPeerConnectionEvent::OnIceConnectionStateChangeEvent(RTCIceConnectionState::Connected) => {
                        connected = true;
                    }
                    RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Connected) => {
                        self.connected = true;
                    }
                    RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) => self.channel = Some(id),
                    _ => {}
                }
            }
            if !connected {
                break;
            }
            let _ = self.pc.handle_timeout(now);
        }
        while let Some(message) = self.pc.poll_read() {
            if let RTCMessage::DataChannelMessage(_, message) = message.message
                && let Ok(text) = String::from_utf8(message.data.to_vec())
            {
                self.texts.push(text);
            }
        }
        self.drain_writes();
        if self.connected && self.srtp.is_none() {
            self.remote = self.selected();
            self.srtp = self.seen.contexts(self.is_client);
        }
        self.next = self.pc.poll_timeout();
    }

    fn drain_writes(&mut self) {
        while let Some(write) = self.pc.poll_write() {
            self.sends.push((write.transport.peer_addr, write.message));
        }
    }

    fn selected(&mut self) -> Option<SocketAddr> {
        let id = self.sender;
        let sender = self.pc.rtp_sender(id)?;
        let pair = sender.transport()?.ice_transport().get_selected_candidate_pair()?;
        Some(SocketAddr::new(pair.remote().address.parse().ok()?, pair.remote().port))
    }
}

fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".into(),
        rtcp_feedback: vec![],
    }
}
