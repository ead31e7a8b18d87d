//! The WebRTC side: one `webrtc` peer connection a call, answering as OpenAI answers.
//!
//! `answer` takes an offer and gives the SDP to send back and the call's task; what it hears and says goes through
//! `call.rs`. **Law:** nothing here decides what is said; sound is decoded and handed on, frames are sent as told.

mod answer;
mod front;
mod hearing;
mod outlet;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use rand::Rng;
use rtc::{
    media_stream::MediaStreamTrack,
    peer_connection::{configuration::setting_engine::SctpMaxMessageSize, transport::RTCDtlsRole},
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
    },
};
use tokio::sync::mpsc;
use webrtc::{
    data_channel::{DataChannel, DataChannelEvent},
    media_stream::{
        track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
        track_remote::{TrackRemote, TrackRemoteEvent},
    },
    peer_connection::{
        MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
        RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder,
    },
};

use self::{front::FrontRuntime, hearing::Hearing, outlet::PeerOutlet};
pub(crate) use self::{front::FrontState, hearing::HearingStats};
use crate::call::{Command, Outlet};

/// The channel that carries events.
const CHANNEL: &str = "oai-events";
/// How long gathering and negotiating may take.
const NEGOTIATE: Duration = Duration::from_secs(10);

/// The crate's own words may quote the offer, and an offer is never logged.
const REFUSED: &str = "the peer connection refuses it";

/// Why no answer was given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The offer is not one we can answer.
    #[error("offer: {0}")]
    Offer(&'static str),
    /// The peer connection failed.
    #[error("peer: {0}")]
    Peer(#[from] webrtc::error::Error),
    /// Negotiation took too long.
    #[error("no local description within {} s", NEGOTIATE.as_secs())]
    Slow,
}

/// How peers are made.
#[derive(Debug, Clone)]
pub(crate) struct PeerConfig {
    /// Addresses to bind, one socket each, each a host candidate.
    pub(crate) ips: Vec<IpAddr>,
    /// Binding requests without USE-CANDIDATE are not answered once a pair is nominated.
    pub(crate) strict: bool,
    /// TCP candidate lines are told, though nobody listens.
    pub(crate) tcp_lines: bool,
}

/// What an offer came to.
pub(crate) struct Answered {
    pub(crate) sdp: String,
    pub(crate) outlet: Box<dyn Outlet>,
    pub(crate) front: Arc<FrontState>,
    pub(crate) hearing: Arc<HearingStats>,
}

/// Answers an offer. Commands of the peer (channel open, messages, sound, end) go to `commands`.
pub(crate) async fn answer(
    offer: &str,
    config: &PeerConfig,
    commands: mpsc::Sender<Command>,
) -> Result<Answered, Error> {
    let wanted = answer::Offer::parse(offer).map_err(Error::Offer)?;
    let front = Arc::new(FrontState::new(wanted.ice_pwd.clone(), config.strict));
    let hearing = Arc::new(HearingStats::default());
    let (gathered, mut done) = mpsc::channel(1);
    let handler = Arc::new(Handler {
        commands,
        gathered,
        hearing: Arc::clone(&hearing),
    });
    let credentials = (secret(8, true), secret(24, false));
    let settings = SettingEngineBuilder::new()
        .with_lite(true)
        .with_answering_dtls_role(RTCDtlsRole::Client)
        .with_ice_credentials(credentials.0, credentials.1)
        // Life is judged by the front, which sees every request; the agent's own clock is off.
        .with_ice_timeouts(Some(Duration::ZERO), Some(Duration::ZERO), Some(Duration::from_secs(2)))
        .with_ice_connection_attempts(Some(Duration::from_millis(20)), Some(200))
        .with_include_loopback_candidate(true)
        .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(1 << 20))
        .build();
    let mut engine = MediaEngine::default();
    let opus = RTCRtpCodecParameters {
        rtp_codec: opus_codec(),
        payload_type: wanted.opus_pt,
    };
    engine.register_codec(opus, RtpCodecKind::Audio)?;
    let addresses: Vec<SocketAddr> = config.ips.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
    let peer: Arc<dyn PeerConnection> = Arc::new(
        Box::pin(
            PeerConnectionBuilder::new()
                .with_setting_engine(settings)
                .with_media_engine(engine)
                .with_interceptor_registry(Registry::new())
                .with_runtime(Arc::new(FrontRuntime::new(Arc::clone(&front))))
                .with_udp_addrs(addresses)
                .with_handler(handler)
                .build(),
        )
        .await?,
    );
    let ssrc = rand::rng().random::<u32>();
    let track = Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "realtimeapi".to_owned(),
        "audio".to_owned(),
        "audio".to_owned(),
        RtpCodecKind::Audio,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                ..Default::default()
            },
            codec: opus_codec(),
            ..Default::default()
        }],
    )));
    peer.add_track(Arc::clone(&track) as Arc<dyn TrackLocal>).await?;
    let offer = RTCSessionDescription::offer(offer.to_owned()).map_err(|_| Error::Offer(REFUSED))?;
    peer.set_remote_description(offer)
        .await
        .map_err(|_| Error::Offer(REFUSED))?;
    let local = peer.create_answer(None).await?;
    peer.set_local_description(local).await?;
    let complete = tokio::time::timeout(NEGOTIATE, done.recv()).await;
    let local = peer
        .local_description()
        .await
        .filter(|_| complete.is_ok())
        .ok_or(Error::Slow)?;
    let sdp = answer::compose(&wanted, &local.sdp, ssrc, config.tcp_lines);
    let outlet = Box::new(PeerOutlet::new(peer, track, ssrc, wanted.opus_pt, Arc::clone(&front)));
    Ok(Answered {
        sdp,
        outlet,
        front,
        hearing,
    })
}

fn opus_codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: "audio/opus".to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: vec![],
    }
}

/// ICE characters; OpenAI's ufrags hold slashes, so ours always holds one.
fn secret(len: usize, slashed: bool) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut rng = rand::rng();
    let mut text: String = (0..len)
        .map(|_| char::from(ALPHABET[rng.random_range(0..62)]))
        .collect();
    if slashed {
        text.replace_range(len / 2..=len / 2, "/");
    }
    text
}

struct Handler {
    commands: mpsc::Sender<Command>,
    gathered: mpsc::Sender<()>,
    hearing: Arc<HearingStats>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.gathered.try_send(());
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        tracing::debug!(%state, "peer");
        if matches!(state, RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed) {
            let _ = self.commands.send(Command::Gone(format!("peer {state}"))).await;
        }
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        let label = channel.label().await.unwrap_or_default();
        let commands = self.commands.clone();
        // Ends with the channel, which ends with the peer connection.
        tokio::spawn(async move {
            if label == CHANNEL {
                let _ = commands.send(Command::Channel(Arc::clone(&channel))).await;
            } else {
                tracing::warn!(label, "a channel that is not {CHANNEL} is ignored");
            }
            while let Some(event) = channel.poll().await {
                match event {
                    DataChannelEvent::OnMessage(message) if label == CHANNEL && message.is_string => {
                        let text = String::from_utf8_lossy(&message.data).into_owned();
                        if commands.send(Command::Client(text)).await.is_err() {
                            break;
                        }
                    }
                    DataChannelEvent::OnClose if label == CHANNEL => {
                        let _ = commands.send(Command::ChannelClosed).await;
                        break;
                    }
                    _ => {}
                }
            }
        });
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let commands = self.commands.clone();
        let stats = Arc::clone(&self.hearing);
        // Ends with the track, which ends with the peer connection.
        tokio::spawn(async move {
            let Some(mut hearing) = Hearing::new(stats) else { return };
            let mut silence = tokio::time::interval(Duration::from_millis(20));
            silence.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                let pcm = tokio::select! {
                    event = track.poll() => match event {
                        Some(TrackRemoteEvent::OnRtpPacket(packet)) => hearing.packet(now_ms(), &packet.header, &packet.payload),
                        Some(TrackRemoteEvent::OnEnded) | None => break,
                        Some(_) => continue,
                    },
                    _ = silence.tick() => hearing.silence(now_ms()),
                };
                if pcm.is_some_and(|sound| commands.try_send(Command::Heard(sound)).is_err()) {
                    hearing.stats().dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "driver")]
fn now_ms() -> u64 {
    use std::{sync::LazyLock, time::Instant};
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_millis() as u64
}

/// A packet as the outlet sends it.
fn rtp_packet(ssrc: u32, pt: u8, seq: u16, timestamp: u32, marker: bool, payload: Bytes) -> rtc::rtp::Packet {
    rtc::rtp::Packet {
        header: rtc::rtp::header::Header {
            version: 2,
            marker,
            payload_type: pt,
            sequence_number: seq,
            timestamp,
            ssrc,
            ..Default::default()
        },
        payload,
    }
}
