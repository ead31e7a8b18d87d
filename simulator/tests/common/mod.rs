//! A client made of the `webrtc` crate, as the tests need it: one call, its events, its sound.
#![allow(
    clippy::large_futures,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    missing_docs
)]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use rtc::{
    media_stream::MediaStreamTrack,
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
    },
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use vivavoce_simulator::{Config, Simulator, judge};
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

pub const WAIT: Duration = Duration::from_secs(20);

pub fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

pub async fn simulator(defaults: Value) -> Simulator {
    Simulator::start(Config {
        defaults,
        ..Config::default()
    })
    .await
    .unwrap()
}

pub async fn control(simulator: &Simulator, path: &str) -> Value {
    http()
        .get(format!("http://{}/control/{path}", simulator.addr()))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

pub async fn order(simulator: &Simulator, path: &str, body: Value) -> Value {
    let url = format!("http://{}/control/{path}", simulator.addr());
    let response = http().post(url).json(&body).send().await.unwrap();
    assert!(response.status().is_success(), "{path}: {}", response.status());
    response.json().await.unwrap_or(Value::Null)
}

/// The whole session as a relay would send it.
pub fn session(model: &str) -> Value {
    json!({"type": "realtime", "model": model, "instructions": "Interview.", "output_modalities": ["audio"],
        "tools": [{"type": "function", "name": "end_session", "description": "Ends.", "parameters": {"type": "object", "properties": {}}}],
        "audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 400}}}})
}

pub struct Peer {
    pub call_id: String,
    pub answer: String,
    pub pc: Arc<dyn PeerConnection>,
    pub events: mpsc::UnboundedReceiver<Value>,
    pub states: mpsc::UnboundedReceiver<RTCPeerConnectionState>,
    /// Opus packets of the far end, as they come.
    pub sound: mpsc::UnboundedReceiver<Bytes>,
    pub channel: Arc<dyn DataChannel>,
    track: Arc<TrackLocalStaticRTP>,
    seq: u16,
    timestamp: u32,
}

const SSRC: u32 = 77;

struct Handler {
    gathered: mpsc::Sender<()>,
    states: mpsc::UnboundedSender<RTCPeerConnectionState>,
    sound: mpsc::UnboundedSender<Bytes>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.gathered.try_send(());
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let _ = self.states.send(state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let sound = self.sound.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let _ = sound.send(packet.payload);
                }
            }
        });
    }
}

fn codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: "audio/opus".to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: vec![],
    }
}

impl Peer {
    pub async fn connect(simulator: &Simulator, session: &Value) -> Self {
        let (gathered, mut done) = mpsc::channel(1);
        let (states_in, states) = mpsc::unbounded_channel();
        let (sound_in, sound) = mpsc::unbounded_channel();
        let mut engine = MediaEngine::default();
        let parameters = RTCRtpCodecParameters {
            rtp_codec: codec(),
            payload_type: 111,
        };
        engine.register_codec(parameters, RtpCodecKind::Audio).unwrap();
        let settings = SettingEngineBuilder::new()
            .with_include_loopback_candidate(true)
            .with_ice_connection_attempts(Some(Duration::from_millis(20)), Some(200))
            .build();
        let pc: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_media_engine(engine)
                .with_setting_engine(settings)
                .with_interceptor_registry(Registry::new())
                .with_handler(Arc::new(Handler {
                    gathered,
                    states: states_in,
                    sound: sound_in,
                }))
                .with_udp_addrs(vec!["127.0.0.1:0".to_string()])
                .build()
                .await
                .unwrap(),
        );
        let coding = RTCRtpCodingParameters {
            ssrc: Some(SSRC),
            ..Default::default()
        };
        let encodings = vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: coding,
            codec: codec(),
            ..Default::default()
        }];
        let media = MediaStreamTrack::new("s".into(), "t".into(), "l".into(), RtpCodecKind::Audio, encodings);
        let track = Arc::new(TrackLocalStaticRTP::new(media));
        pc.add_track(Arc::clone(&track) as Arc<dyn TrackLocal>).await.unwrap();
        let channel = pc.create_data_channel("oai-events", None).await.unwrap();
        let offer = pc.create_offer(None).await.unwrap();
        pc.set_local_description(offer).await.unwrap();
        tokio::time::timeout(WAIT, done.recv()).await.unwrap();
        let offer = pc.local_description().await.unwrap().sdp;
        let form = reqwest::multipart::Form::new()
            .part(
                "sdp",
                reqwest::multipart::Part::text(offer)
                    .mime_str("application/sdp")
                    .unwrap(),
            )
            .part(
                "session",
                reqwest::multipart::Part::text(session.to_string())
                    .mime_str("application/json")
                    .unwrap(),
            );
        let url = format!("http://{}/v1/realtime/calls", simulator.addr());
        let response = http()
            .post(url)
            .bearer_auth("sk-test")
            .multipart(form)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["x-vivavoce-simulator"], "1");
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        let answer = response.text().await.unwrap();
        pc.set_remote_description(RTCSessionDescription::answer(answer.clone()).unwrap())
            .await
            .unwrap();
        let (events_in, events) = mpsc::unbounded_channel();
        let listening = Arc::clone(&channel);
        tokio::spawn(async move {
            while let Some(event) = listening.poll().await {
                match event {
                    DataChannelEvent::OnMessage(message) => {
                        let _ = events_in.send(serde_json::from_slice(&message.data).unwrap());
                    }
                    DataChannelEvent::OnClose => break,
                    _ => {}
                }
            }
        });
        Self {
            call_id: location.rsplit('/').next().unwrap().to_owned(),
            answer,
            pc,
            events,
            states,
            sound,
            channel,
            track,
            seq: 65_500,
            timestamp: 1,
        }
    }

    pub async fn send(&self, event: Value) {
        self.channel.send_text(&event.to_string()).await.unwrap();
    }

    /// Sends Opus packets of 20 ms at their pace.
    pub async fn speak(&mut self, packets: &[Bytes]) {
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
        for packet in packets {
            pace.tick().await;
            self.packet(packet.clone()).await;
        }
    }

    pub async fn packet(&mut self, payload: Bytes) {
        let header = rtc::rtp::header::Header {
            version: 2,
            payload_type: 111,
            sequence_number: self.seq,
            timestamp: self.timestamp,
            ssrc: SSRC,
            ..Default::default()
        };
        self.seq = self.seq.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(960);
        let _ = self.track.write_rtp(rtc::rtp::Packet { header, payload }).await;
    }

    /// The next event of this type; what comes before it is passed over.
    pub async fn event(&mut self, kind: &str) -> Value {
        let mut seen = Vec::new();
        let found = tokio::time::timeout(WAIT, async {
            loop {
                let event = self.events.recv().await.expect("the channel closed");
                if event["type"] == kind {
                    return event;
                }
                seen.push(event["type"].to_string());
            }
        })
        .await;
        found.unwrap_or_else(|_| panic!("no {kind} came; {seen:?} did"))
    }
}

/// Opus of 48 kHz mono PCM.
pub fn opus(pcm: &[i16]) -> Vec<Bytes> {
    let mut encoder = opus::Encoder::new(48_000, opus::Channels::Mono, opus::Application::Voip).unwrap();
    let mut pcm = pcm.to_vec();
    pcm.resize(pcm.len().next_multiple_of(960), 0);
    pcm.chunks_exact(960)
        .map(|f| Bytes::from(encoder.encode_vec(f, 1_275).unwrap()))
        .collect()
}

/// Speech-like sound and then quiet, in ms.
pub fn talk(loud_ms: usize, quiet_ms: usize) -> Vec<Bytes> {
    let tone = |n: usize| ((n as f32 * 0.03).sin() * (1.0 + (n as f32 * 0.0005).sin()) * 6_000.0) as i16;
    let mut pcm: Vec<i16> = (0..loud_ms * 48).map(tone).collect();
    pcm.resize((loud_ms + quiet_ms) * 48, 0);
    opus(&pcm)
}

/// A far ear: Opus in, digits out.
pub struct FarEar {
    decoder: opus::Decoder,
    detector: judge::Detector,
    pub digits: Vec<u8>,
}

impl FarEar {
    pub fn new() -> Self {
        let decoder = opus::Decoder::new(48_000, opus::Channels::Mono).unwrap();
        Self {
            decoder,
            detector: judge::Detector::new(48_000),
            digits: Vec::new(),
        }
    }

    pub fn hear(&mut self, packet: &[u8]) {
        let mut pcm = [0; 5_760];
        let n = self.decoder.decode(packet, &mut pcm, false).unwrap();
        self.digits
            .extend(self.detector.push(&pcm[..n]).iter().map(|h| h.digit));
    }
}
