//! A peer as it is made: `rtc`'s core as we set it up.

use super::{Peer, refused};
use crate::Counters;
use crate::call::Error;
use crate::leg::keys::KeyTap;
use crate::leg::liveness::Liveness;
use crate::leg::remedies::Remedies;
use crate::leg::remedies::dtls_flight::DtlsFlight;
use crate::leg::remedies::failed_candidates::{TIMEOUTS_OFF, host_candidate};
use crate::leg::remedies::keepalive::Keepalive;
use crate::leg::remedies::pair_follow::PairFollow;
use crate::leg::remedies::use_candidate::UseCandidate;
use crate::leg::sdp;
use rtc::crypto::RTCCryptoProvider;
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::RTCPeerConnectionBuilder;
use rtc::peer_connection::certificate::RTCCertificate;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::{SctpMaxMessageSize, SettingEngineBuilder};
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The largest message on a data channel, in bytes.
const MESSAGE_LEN_MAX: u32 = 256 * 1024;

/// How the two kinds of leg differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// We nominate (RFC 8445, 6.1.1), as offerer or against a lite agent.
    pub(crate) controlling: bool,
    /// Between consent checks.
    pub(crate) consent_every: Duration,
    /// While nothing is heard: after how long to ask out of turn, and how often from then on.
    pub(crate) consent_quiet: (Duration, Duration),
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
            pc: Box::new(pc),
            sender,
            tapped,
            ours: Vec::new(),
            theirs: None,
            before: None,
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
            source: None,
            early: VecDeque::new(),
            early_dtls: Vec::new(),
            channels: Vec::new(),
            waiting: VecDeque::new(),
            flight: DtlsFlight::default(),
            use_candidate: UseCandidate::default(),
            keepalive: Keepalive::new(manner.consent_every, manner.consent_quiet),
            follow: PairFollow::default(),
            liveness: Liveness::new(now),
            there: now,
            next: None,
            core_next: None,
            sends: Vec::new(),
            events: VecDeque::new(),
            setup,
            manner,
        };
        peer.add_locals();
        Ok(peer)
    }

    pub(super) fn add_locals(&mut self) {
        for address in &self.setup.locals {
            if let Some(candidate) = host_candidate(*address) {
                let _ = self.pc.add_local_candidate(candidate);
            }
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
