//! What a call sends over its peer connection: events on the channel, frames on the track.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use webrtc::{
    data_channel::DataChannel,
    media_stream::track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
    peer_connection::PeerConnection,
};

use super::{front::FrontState, rtp_packet};
use crate::call::{Outlet, SEND_MAX};

/// How long the channel may take to empty at the end, and how often that is looked at.
const DRAIN_MAX: Duration = Duration::from_millis(500);
const DRAIN_STEP: Duration = Duration::from_millis(5);

/// One call's sending side.
pub(crate) struct PeerOutlet {
    peer: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    channel: Option<Arc<dyn DataChannel>>,
    front: Arc<FrontState>,
    ssrc: u32,
    pt: u8,
    seq: u16,
    timestamp: u32,
    sent: u64,
}

impl PeerOutlet {
    pub(crate) fn new(
        peer: Arc<dyn PeerConnection>,
        track: Arc<TrackLocalStaticRTP>,
        ssrc: u32,
        pt: u8,
        front: Arc<FrontState>,
    ) -> Self {
        Self {
            peer,
            track,
            channel: None,
            front,
            ssrc,
            pt,
            seq: rand::random(),
            timestamp: rand::random(),
            sent: 0,
        }
    }
}

#[async_trait::async_trait]
impl Outlet for PeerOutlet {
    fn channel(&mut self, channel: Arc<dyn DataChannel>) {
        self.channel = Some(channel);
    }

    async fn event(&mut self, text: &str) -> bool {
        let Some(channel) = &self.channel else { return false };
        matches!(
            tokio::time::timeout(SEND_MAX, channel.send_text(text)).await,
            Ok(Ok(()))
        )
    }

    async fn sound(&mut self, packet: Bytes) {
        let packet = rtp_packet(self.ssrc, self.pt, self.seq, self.timestamp, self.sent == 0, packet);
        self.seq = self.seq.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(960);
        self.sent += 1;
        let _ = tokio::time::timeout(SEND_MAX, self.track.write_rtp(packet)).await;
    }

    async fn close_channel(&mut self) {
        if let Some(channel) = self.channel.take() {
            let _ = tokio::time::timeout(SEND_MAX, channel.close()).await;
        }
    }

    async fn close(&mut self, _code: u16, _reason: &str) {
        // The last events, an error that tells why among them, reach the client before the channel goes.
        if let Some(channel) = &self.channel {
            let drained = async {
                while channel.outstanding_bytes().await.is_ok_and(|n| n > 0) {
                    tokio::time::sleep(DRAIN_STEP).await;
                }
            };
            let _ = tokio::time::timeout(DRAIN_MAX, drained).await;
        }
        let _ = tokio::time::timeout(SEND_MAX, self.peer.close()).await;
    }

    fn stats(&self) -> Value {
        json!({"packets_sent": self.sent, "ssrc": self.ssrc, "ice": self.front.value()})
    }
}
