//! A call's figures, on demand.

use super::Core;
use super::side::Side;
use crate::{CallStats, LegStats};

impl Core {
    /// See [`crate::Call::stats`].
    pub(crate) fn stats(&self) -> CallStats {
        let leg = |side: Side| {
            let stream = &self.streams[side as usize];
            let stats = stream.reports.stats();
            let current = self.legs[side as usize]
                .current
                .as_ref()
                .map(|placed| placed.leg.peer_ref());
            LegStats {
                up: current.is_some_and(|peer| peer.is_up() && !peer.is_lost())
                    || (side == Side::Ai && self.pcm.is_some()),
                packets_in: stats.packets_in,
                packets_out: stats.packets_out,
                octets_in: stats.octets_in,
                octets_out: stats.octets_out,
                lost_in: stats.lost_in,
                lost_out: stats.lost_out,
                repeated: stream.history.as_ref().map_or(0, |history| history.counts().again),
                jitter_ms: stats.jitter_in.as_secs_f32() * 1000.0,
                rtt_ms: stats
                    .rtt
                    .or_else(|| current.and_then(crate::leg::Peer::round_trip))
                    .map(|rtt| rtt.as_secs_f32() * 1000.0),
            }
        };
        // What waits for the AI is the candidate's speech.
        let holds = [Side::Ai, Side::Candidate].map(|to| &self.streams[to as usize].hold);
        CallStats {
            candidate: leg(Side::Candidate),
            ai: leg(Side::Ai),
            held_ms: holds.map(crate::hold::Hold::ms),
            dropped_ms: holds.map(|hold| hold.counts().lost_ms as u32),
        }
    }
}
