//! A far peer by the async `webrtc` crate: as a browser is (it offers), or as OpenAI is (it answers, ICE-lite, DTLS client).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::large_futures)]

use bytes::Bytes;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder,
};

/// What a far peer has seen.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) packets: Mutex<Vec<rtc::rtp::Packet>>,
    pub(crate) texts: Mutex<Vec<String>>,
    pub(crate) states: Mutex<Vec<RTCPeerConnectionState>>,
    channels: Mutex<Vec<Arc<dyn DataChannel>>>,
}

pub(crate) struct Far {
    peer: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    gathered: tokio::sync::Mutex<mpsc::Receiver<()>>,
    pub(crate) seen: Arc<Seen>,
}

struct Handler {
    gathered: mpsc::Sender<()>,
    seen: Arc<Seen>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.gathered.try_send(());
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.seen.states.lock().unwrap().push(state);
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        listen(channel, self.seen.clone());
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let seen = self.seen.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    seen.packets.lock().unwrap().push(packet);
                }
            }
        });
    }
}

fn listen(channel: Arc<dyn DataChannel>, seen: Arc<Seen>) {
    seen.channels.lock().unwrap().push(channel.clone());
    tokio::spawn(async move {
        while let Some(event) = channel.poll().await {
            if let DataChannelEvent::OnMessage(message) = event {
                seen.texts
                    .lock()
                    .unwrap()
                    .push(String::from_utf8_lossy(&message.data).into_owned());
            }
        }
    });
}

fn opus(nack: bool) -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: "audio/opus".to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: if nack {
            vec![RTCPFeedback {
                typ: "nack".into(),
                parameter: String::new(),
            }]
        } else {
            vec![]
        },
    }
}

impl Far {
    async fn new(settings: SettingEngineBuilder, payload_type: u8) -> Self {
        let (gathered, done) = mpsc::channel(4);
        let seen = Arc::new(Seen::default());
        let mut engine = MediaEngine::default();
        let codec = RTCRtpCodecParameters {
            rtp_codec: opus(true),
            payload_type,
        };
        engine.register_codec(codec, RtpCodecKind::Audio).unwrap();
        let settings = settings
            .with_ice_connection_attempts(Some(Duration::from_millis(20)), Some(200))
            .with_include_loopback_candidate(true)
            .build();
        let peer: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_setting_engine(settings)
                .with_media_engine(engine)
                .with_interceptor_registry(Registry::new())
                .with_udp_addrs(vec![SocketAddr::from(([127, 0, 0, 1], 0))])
                .with_handler(Arc::new(Handler {
                    gathered,
                    seen: seen.clone(),
                }))
                .build()
                .await
                .unwrap(),
        );
        let ssrc = rand::random();
        let track = Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
            "far".to_owned(),
            "far".to_owned(),
            "far".to_owned(),
            RtpCodecKind::Audio,
            vec![RTCRtpEncodingParameters {
                rtp_coding_parameters: RTCRtpCodingParameters {
                    ssrc: Some(ssrc),
                    ..Default::default()
                },
                codec: opus(true),
                ..Default::default()
            }],
        )));
        peer.add_track(track.clone() as Arc<dyn TrackLocal>).await.unwrap();
        Self {
            peer,
            track,
            ssrc,
            gathered: tokio::sync::Mutex::new(done),
            seen,
        }
    }

    /// As a browser is, with a data channel, and its offer.
    pub(crate) async fn browser(payload_type: u8) -> (Self, String) {
        Self::browser_with(SettingEngineBuilder::new(), payload_type).await
    }

    /// The same, set otherwise.
    pub(crate) async fn browser_with(settings: SettingEngineBuilder, payload_type: u8) -> (Self, String) {
        let far = Self::new(settings, payload_type).await;
        let channel = far.peer.create_data_channel("openai-control", None).await.unwrap();
        listen(channel, far.seen.clone());
        let offer = far.peer.create_offer(None).await.unwrap();
        far.peer.set_local_description(offer).await.unwrap();
        let offer = far.described().await;
        (far, offer)
    }

    async fn described(&self) -> String {
        let _ = tokio::time::timeout(Duration::from_secs(10), self.gathered.lock().await.recv()).await;
        self.peer.local_description().await.unwrap().sdp
    }

    /// The browser takes the answer.
    pub(crate) async fn accept(&self, answer: &str) {
        let answer = RTCSessionDescription::answer(answer.to_owned()).unwrap();
        self.peer.set_remote_description(answer).await.unwrap();
    }

    /// An ICE restart of the browser's: its new offer.
    pub(crate) async fn restart(&self) -> String {
        self.peer.restart_ice().await.unwrap();
        let offer = self.peer.create_offer(None).await.unwrap();
        self.peer.set_local_description(offer).await.unwrap();
        self.described().await
    }

    /// As OpenAI is: ICE-lite, DTLS client unless told otherwise; and its answer, as OpenAI words it.
    pub(crate) async fn openai(offer: &str, dtls: RTCDtlsRole) -> (Self, String) {
        let settings = SettingEngineBuilder::new()
            .with_lite(true)
            .with_answering_dtls_role(dtls)
            .with_ice_credentials("Ab/cd+e7".into(), "a/password+of/theirs+that0is1long".into())
            .with_ice_timeouts(Some(Duration::ZERO), Some(Duration::ZERO), Some(Duration::from_secs(2)));
        let far = Self::new(settings, 111).await;
        far.peer
            .set_remote_description(RTCSessionDescription::offer(offer.to_owned()).unwrap())
            .await
            .unwrap();
        let answer = far.peer.create_answer(None).await.unwrap();
        far.peer.set_local_description(answer).await.unwrap();
        let answer = far.described().await;
        let mut worded = String::new();
        for line in answer.lines() {
            if let Some(candidate) = line.strip_prefix("a=candidate:") {
                let tcp = candidate.replace(" udp ", " tcp ");
                for (candidate, kind) in [(candidate, ""), (&tcp, " tcptype passive")] {
                    _ = write!(worded, "a=candidate:{candidate}{kind} ufrag Ab/cd+e7\r\n");
                }
            } else if !line.starts_with("a=rtcp-fb") {
                worded.push_str(line);
                worded.push_str("\r\n");
            }
        }
        (far, worded)
    }

    /// Sends a made-up Opus packet, 20 ms of it.
    pub(crate) async fn speak(&self, payload_type: u8, seq: u16, payload: &[u8]) {
        let packet = rtc::rtp::Packet {
            header: rtc::rtp::header::Header {
                version: 2,
                payload_type,
                sequence_number: seq,
                timestamp: u32::from(seq) * 960,
                ssrc: self.ssrc,
                ..Default::default()
            },
            payload: Bytes::copy_from_slice(payload),
        };
        let _ = self.track.write_rtp(packet).await;
    }

    pub(crate) async fn say(&self, text: &str) -> bool {
        let channels = self.seen.channels.lock().unwrap().clone();
        for channel in channels {
            if channel.send_text(text).await.is_ok() {
                return true;
            }
        }
        false
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.seen.states.lock().unwrap().last() == Some(&RTCPeerConnectionState::Connected)
    }

    pub(crate) fn heard(&self) -> usize {
        self.seen.packets.lock().unwrap().len()
    }

    pub(crate) async fn close(&self) {
        let _ = self.peer.close().await;
    }
}
