//! A candidate that is not a browser: the async `webrtc` crate with a microphone and ears of its own.
//!
//! It speaks PCM as 20 ms Opus packets in real time, silence in between, and decodes what it hears with the wall time of
//! each packet, so that a test can say what arrived, how late, and in which order.

use rtc::{
    peer_connection::configuration::media_engine::MIME_TYPE_OPUS,
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
    },
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use webrtc::{
    data_channel::{DataChannel, DataChannelEvent},
    media_stream::{
        MediaStreamTrack,
        track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
        track_remote::{TrackRemote, TrackRemoteEvent},
    },
    peer_connection::{
        MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
        RTCPeerConnectionState, RTCSessionDescription,
    },
};

#[path = "keeping.rs"]
mod keeping;
use keeping::{Keeping, Sent};

pub const RATE: u32 = 48_000;
const FRAME: usize = 960;
/// A sample below this is nothing that is said.
const QUIET: u16 = 200;

/// One decoded packet: when it came, its RTP timestamp, its sound.
#[derive(Clone)]
pub struct Heard {
    pub at_ms: u64,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub pcm: Vec<i16>,
}

/// A marked frame has left: its wall time, and its packet's number.
#[derive(Clone, Copy, Debug)]
pub struct Spoken {
    pub mark: u64,
    pub at_ms: u64,
    pub sequence: u16,
}

/// A microphone's queue and what was heard: they outlive a peer when a page makes another.
#[derive(Default)]
pub struct Voice {
    mouth: Mutex<VecDeque<(Vec<i16>, Option<u64>)>>,
    spoken: Mutex<Vec<Spoken>>,
    ears: Mutex<Vec<Heard>>,
    messages: Mutex<Vec<String>>,
    /// The microphone gives nothing.
    is_held: AtomicBool,
    /// What the microphone has sent, as a page keeps it.
    sent: Mutex<Keeping>,
}

pub struct Peer {
    pc: Arc<dyn PeerConnection>,
    shared: Arc<Voice>,
    ssrc: u32,
    state: watch::Receiver<RTCPeerConnectionState>,
    channel: Option<Arc<dyn DataChannel>>,
    channel_open: watch::Receiver<bool>,
    tasks: Vec<JoinHandle<()>>,
}

struct Handler {
    shared: Arc<Voice>,
    gathered: mpsc::Sender<()>,
    state: watch::Sender<RTCPeerConnectionState>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.gathered.try_send(());
        }
    }
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let _ = self.state.send(state);
    }
    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let mut decoder = opus::Decoder::new(RATE, opus::Channels::Mono).unwrap();
            while let Some(event) = track.poll().await {
                match event {
                    TrackRemoteEvent::OnRtpPacket(packet) => {
                        let mut pcm = vec![0i16; 5760];
                        let n = decoder.decode(&packet.payload, &mut pcm, false).unwrap_or(0);
                        pcm.truncate(n);
                        shared.ears.lock().unwrap().push(Heard {
                            at_ms: wall_ms(),
                            sequence: packet.header.sequence_number,
                            timestamp: packet.header.timestamp,
                            ssrc: packet.header.ssrc,
                            pcm,
                        });
                    }
                    TrackRemoteEvent::OnEnded => break,
                    _ => {}
                }
            }
        });
    }
}

impl Voice {
    /// Queues sound; the first frame's wall time of leaving is kept under `mark`.
    pub fn say(&self, pcm: &[i16], mark: Option<u64>) {
        let mut mouth = self.mouth.lock().unwrap();
        for (index, frame) in pcm.chunks(FRAME).enumerate() {
            let mut frame = frame.to_vec();
            frame.resize(FRAME, 0);
            mouth.push_back((frame, mark.filter(|_| index == 0)));
        }
    }

    /// Frames still to be spoken.
    pub fn unspoken(&self) -> usize {
        self.mouth.lock().unwrap().len()
    }

    /// The microphone is taken away, at the next quiet moment, or given back.
    pub fn hold(&self, on: bool) {
        self.is_held.store(on, Ordering::Relaxed);
    }

    /// A sound has begun, and the rest of it is still to be spoken.
    pub fn is_sounding(&self) -> bool {
        let mouth = self.mouth.lock().unwrap();
        let is_quiet = |frame: &[i16]| frame.iter().all(|sample| sample.unsigned_abs() < QUIET);
        mouth.front().is_some_and(|(frame, _)| !is_quiet(frame))
    }

    fn is_silent(&self) -> bool {
        self.is_held.load(Ordering::Relaxed) && !self.is_sounding()
    }

    /// What was heard so far, through `read`.
    pub fn heard<T>(&self, read: impl FnOnce(&[Heard]) -> T) -> T {
        read(&self.ears.lock().unwrap())
    }

    /// What the page has of it.
    pub fn keeping(&self) -> MutexGuard<'_, Keeping> {
        self.sent.lock().unwrap()
    }
}

pub fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn opus_codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: RATE,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: vec![],
    }
}

impl Peer {
    /// A peer and its offer, with all its candidates. `channel`: the label of a data channel made before the offer.
    pub async fn offer(channel: Option<&str>) -> (Self, String) {
        Self::offer_as(Arc::new(Voice::default()), channel).await
    }

    /// The same with a voice that there is. It speaks once it is up.
    pub async fn offer_as(shared: Arc<Voice>, channel: Option<&str>) -> (Self, String) {
        let (gathered, mut gathering) = mpsc::channel(1);
        let (state_in, state) = watch::channel(RTCPeerConnectionState::New);
        let mut media = MediaEngine::default();
        media
            .register_codec(
                RTCRtpCodecParameters {
                    rtp_codec: opus_codec(),
                    payload_type: 111,
                },
                RtpCodecKind::Audio,
            )
            .unwrap();
        let pc = PeerConnectionBuilder::new()
            .with_media_engine(media)
            .with_handler(Arc::new(Handler {
                shared: shared.clone(),
                gathered,
                state: state_in,
            }))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await
            .unwrap();
        let pc: Arc<dyn PeerConnection> = Arc::new(pc);
        let ssrc: u32 = rand::random();
        let track = Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
            "mic".into(),
            "mic".into(),
            "mic".into(),
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
        pc.add_track(track.clone() as Arc<dyn TrackLocal>).await.unwrap();
        let (open_in, channel_open) = watch::channel(false);
        let mut tasks = vec![];
        let channel = match channel {
            Some(label) => {
                let channel = pc.create_data_channel(label, None).await.unwrap();
                let (polled, shared) = (channel.clone(), shared.clone());
                tasks.push(tokio::spawn(async move {
                    while let Some(event) = polled.poll().await {
                        match event {
                            DataChannelEvent::OnOpen => drop(open_in.send(true)),
                            DataChannelEvent::OnMessage(message) => {
                                shared
                                    .messages
                                    .lock()
                                    .unwrap()
                                    .push(String::from_utf8_lossy(&message.data).into_owned());
                            }
                            DataChannelEvent::OnClose => break,
                            _ => {}
                        }
                    }
                }));
                Some(channel)
            }
            None => None,
        };
        let offer = pc.create_offer(None).await.unwrap();
        pc.set_local_description(offer).await.unwrap();
        let _ = tokio::time::timeout(Duration::from_secs(5), gathering.recv()).await;
        let sdp = pc.local_description().await.unwrap().sdp;
        let (mouth, mut up) = (shared.clone(), state.clone());
        tasks.push(tokio::spawn(async move {
            let _ = up.wait_for(|s| *s == RTCPeerConnectionState::Connected).await;
            speak(mouth, track, ssrc).await;
        }));
        (
            Self {
                pc,
                shared,
                ssrc,
                state,
                channel,
                channel_open,
                tasks,
            },
            sdp,
        )
    }

    pub async fn answer(&self, sdp: &str) {
        let answer = RTCSessionDescription::answer(sdp.to_owned()).unwrap();
        self.pc.set_remote_description(answer).await.unwrap();
    }

    /// An ICE restart: the new offer.
    pub async fn restart(&self) -> String {
        let before = self.pc.local_description().await.unwrap().sdp;
        self.pc.restart_ice().await.unwrap();
        let offer = self.pc.create_offer(None).await.unwrap();
        self.pc.set_local_description(offer).await.unwrap();
        let gathering = async || {
            let sdp = self.pc.local_description().await.unwrap().sdp;
            (sdp != before && sdp.contains("a=candidate:")).then_some(sdp)
        };
        super::stack::until(Duration::from_secs(5), "candidates are gathered", gathering).await
    }

    /// Waits until that many more packets have been heard.
    pub async fn hears_on(&self, more: usize) {
        let before = self.heard(<[Heard]>::len);
        let so = async || (self.heard(<[Heard]>::len) >= before + more).then_some(());
        super::stack::until(Duration::from_secs(20), "the interviewer is heard on", so).await;
    }

    /// Resolves once ICE, DTLS and SRTP are up.
    pub async fn up(&self) {
        let mut state = self.state.clone();
        tokio::time::timeout(
            Duration::from_secs(15),
            state.wait_for(|s| *s == RTCPeerConnectionState::Connected),
        )
        .await
        .expect("the leg comes up")
        .unwrap();
    }

    /// Resolves once the peer has seen its connection end.
    pub async fn down(&self) {
        let mut state = self.state.clone();
        let down = |s: &RTCPeerConnectionState| {
            matches!(
                s,
                RTCPeerConnectionState::Closed | RTCPeerConnectionState::Failed | RTCPeerConnectionState::Disconnected
            )
        };
        tokio::time::timeout(Duration::from_secs(30), state.wait_for(down))
            .await
            .expect("the leg goes")
            .unwrap();
    }

    /// Queues sound; the first frame's wall time of leaving is kept under `mark`.
    pub fn say(&self, pcm: &[i16], mark: Option<u64>) {
        self.shared.say(pcm, mark);
    }

    /// Frames still to be spoken.
    pub fn unspoken(&self) -> usize {
        self.shared.unspoken()
    }

    /// The first frame of each marked sound that has left.
    pub fn spoken(&self) -> Vec<Spoken> {
        self.shared.spoken.lock().unwrap().clone()
    }

    /// What was heard so far, through `read`.
    pub fn heard<T>(&self, read: impl FnOnce(&[Heard]) -> T) -> T {
        self.shared.heard(read)
    }

    /// The SSRC of what is sent.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// What was sent in RTP times `from` to `to`.
    pub fn sent(&self, from: u32, to: Option<u32>) -> Vec<Vec<u8>> {
        self.shared.keeping().sent(self.ssrc, from, to)
    }

    /// Whether ICE could be restarted on it.
    pub fn is_alive(&self) -> bool {
        !matches!(
            *self.state.borrow(),
            RTCPeerConnectionState::Closed | RTCPeerConnectionState::Failed
        )
    }

    /// As a tab that is closed or a process that dies: nothing more is said, nobody is told.
    pub fn drop_silently(self) {
        for task in &self.tasks {
            task.abort();
        }
    }

    pub fn messages(&self) -> Vec<String> {
        self.shared.messages.lock().unwrap().clone()
    }

    pub async fn send(&self, text: &str) {
        let mut open = self.channel_open.clone();
        tokio::time::timeout(Duration::from_secs(10), open.wait_for(|open| *open))
            .await
            .expect("it opens")
            .unwrap();
        self.channel
            .as_ref()
            .expect("made with a channel")
            .send_text(text)
            .await
            .unwrap();
    }

    pub async fn close(self) {
        let _ = self.pc.close().await;
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn speak(shared: Arc<Voice>, track: Arc<TrackLocalStaticRTP>, ssrc: u32) {
    let mut encoder = opus::Encoder::new(RATE, opus::Channels::Mono, opus::Application::Audio).unwrap();
    encoder.set_bitrate(opus::Bitrate::Bits(48_000)).unwrap();
    encoder.set_inband_fec(true).unwrap();
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let (mut sequence, mut timestamp) = (1u16, 1u32);
    loop {
        ticks.tick().await;
        if shared.is_silent() {
            timestamp = timestamp.wrapping_add(FRAME as u32);
            continue;
        }
        let (pcm, mark) = shared
            .mouth
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or_else(|| (vec![0; FRAME], None));
        let payload = encoder.encode_vec(&pcm, 1200).unwrap();
        shared.keeping().keep(Sent {
            stream: ssrc,
            time: timestamp,
            opus: payload.clone(),
        });
        let header = rtc::rtp::header::Header {
            version: 2,
            marker: sequence == 1,
            payload_type: 111,
            sequence_number: sequence,
            timestamp,
            ssrc,
            ..Default::default()
        };
        let packet = rtc::rtp::Packet {
            header,
            payload: payload.into(),
        };
        if let Some(mark) = mark {
            let at_ms = wall_ms();
            shared.spoken.lock().unwrap().push(Spoken { mark, at_ms, sequence });
        }
        sequence = sequence.wrapping_add(1);
        timestamp = timestamp.wrapping_add(FRAME as u32);
        if track.write_rtp(packet).await.is_err() {
            return;
        }
    }
}
