//! A peer's media, which `rtc` never sees: SRTP in and out, its keys, and what comes before them.

use super::{EARLY_MAX, Peer, PeerEvent, Transmit};
use crate::CloseCause;
use crate::demux::Sign;
use crate::leg::remedies::pair_follow::Follow;
use crate::srtp::{Profile, Srtp};
use bytes::BytesMut;
use rtc::statistics::StatsSelector;
use std::net::SocketAddr;
use std::time::Instant;

/// A packet in the clear.
#[derive(Debug)]
pub(crate) enum Media {
    Rtp(BytesMut),
    Rtcp(BytesMut),
}

impl Peer {
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
        self.hear_from(now, from);
        if let Some(dest) = self.dest
            && self.setup.remedies.pair_follow
        {
            match self.follow.media(from, dest) {
                Follow::Stay => {}
                Follow::Ask => {
                    self.accept_address(from); // its answer is to reach us
                    self.check(now, from);
                }
                Follow::Go => self.go_to(now, from),
            }
        }
        if let Some(Media::Rtp(packet)) = &media {
            self.note_source(packet);
        }
        media
    }

    /// By its SSRC the far end's media is known wherever it comes from next.
    fn note_source(&mut self, packet: &[u8]) {
        let ssrc = packet
            .get(8..12)
            .map(|it| u32::from_be_bytes([it[0], it[1], it[2], it[3]]));
        if self.source != ssrc {
            self.source = ssrc;
            self.events
                .extend(ssrc.map(|ssrc| PeerEvent::Accepted(Sign::Source(ssrc))));
        }
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

    pub(super) fn up(&mut self, now: Instant) {
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
}
