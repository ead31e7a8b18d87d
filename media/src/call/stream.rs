//! What one far end hears: one RTP stream, what is kept of it to be sent again, what waits for it, and the reports on it.
//!
//! One for each side of a call, for the call's whole life: legs come and go under it, SSRC and numbering stay.

use crate::hold::{Bound, Hold};
use crate::leg::{Peer, Transmit};
use crate::nack::History;
use crate::rtcp::Reports;
use crate::splice::{Source, Splice, Start};
use bytes::BytesMut;
use std::time::Instant;

/// How much faster than it was spoken held speech is handed over.
const HAND_OVER_SPEED: u32 = 8;

/// Towards one far end.
pub(super) struct Stream {
    pub(super) splice: Splice,
    pub(super) reports: Reports,
    /// Kept only where the far end asks for repeats.
    pub(super) history: Option<History>,
    /// What waits for this far end.
    pub(super) hold: Hold,
    /// Until this far end can hear again, what comes for it goes: it will be said again.
    pub(super) discards: bool,
}

impl Stream {
    pub(super) fn new(now: Instant, hold_ms_max: u32) -> Self {
        let start = Start {
            ssrc: rand::random(),
            pt: 111,
            // Below half: a receiver that misses the first packets cannot mistake the wrap count (RFC 3711, 3.3.1).
            seq: rand::random::<u16>() >> 2,
            ts: rand::random(),
        };
        let cname = format!("{:016x}", rand::random::<u64>());
        Self {
            splice: Splice::new(start),
            reports: Reports::new(now, start.ssrc, cname),
            history: None,
            hold: Hold::new(Bound::of_ms(hold_ms_max)),
            discards: false,
        }
    }

    /// The next packet of this stream, made of a source's (in the clear), protected and addressed.
    pub(super) fn send(
        &mut self,
        now: Instant,
        source: Source,
        packet: &mut [u8],
        peer: &mut Peer,
    ) -> Option<Transmit> {
        // A newer leg takes over with its first packet; what comes late from an older one must not win the stream back.
        self.splice.take_over(source);
        let written = self.splice.rewrite(now, source, packet).ok()?;
        let transmit = peer.protect_rtp(packet.get(written.packet)?)?;
        if let Some(history) = &mut self.history {
            history.keep(now, written.seq, &transmit.bytes);
        }
        self.reports.sent(now, written.ts, written.payload_len);
        Some(transmit)
    }

    /// Keeps a packet until the far end can hear. Milliseconds that had to go for it.
    pub(super) fn keep(&mut self, source: Source, packet: &[u8]) -> u64 {
        if self.discards {
            return 0;
        }
        let before = self.hold.counts().lost_ms;
        self.hold.push(source, BytesMut::from(packet));
        self.hold.counts().lost_ms - before
    }

    /// The far end can hear: begin to hand over.
    pub(super) fn hand_over(&mut self, now: Instant) {
        if !self.hold.is_empty() {
            self.hold.release(now, HAND_OVER_SPEED);
        }
    }
}
