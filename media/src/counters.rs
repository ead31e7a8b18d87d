//! A shard's counters: relaxed atomics that `/metrics` reads while the shard's thread counts.
//!
//! **Law:** only ever added to (but for `calls`), by the shard's thread alone; so no update is contended.

use std::sync::atomic::{AtomicU64, Ordering};

/// One counter, or gauge.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds one.
    pub(crate) fn bump(&self) {
        self.add(1);
    }

    /// Adds `n`.
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Sets a gauge.
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// The value as it stands.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything that a shard counts. Datagrams and packets; never by call.
#[derive(Debug, Default)]
pub struct Counters {
    /// Gauge: calls open.
    pub calls: Count,
    /// RTP packets received and authenticated, `[candidate, ai]`.
    pub rtp_in: [Count; 2],
    /// RTP packets sent, `[candidate, ai]`.
    pub rtp_out: [Count; 2],
    /// Packets missed in a sequence, `[candidate, ai]`.
    pub rtp_lost: [Count; 2],
    /// Packets sent again on a NACK, `[candidate, ai]`.
    pub rtp_repeated: [Count; 2],
    /// Datagrams on the public port that name no call (unknown address, unknown or missing ufrag).
    pub dropped_stranger: Count,
    /// STUN that did not parse or did not authenticate.
    pub dropped_stun: Count,
    /// DTLS that was refused.
    pub dropped_dtls: Count,
    /// SRTP or SRTCP that did not authenticate, was replayed, or did not parse.
    pub dropped_srtp: Count,
    /// Media before its keys, or of a kind that was not negotiated.
    pub dropped_early: Count,
    /// Datagrams of none of the kinds of RFC 7983, empty or oversized.
    pub dropped_unknown: Count,
    /// Data-channel messages refused: binary, not UTF-8, oversized, or on a closed channel.
    pub dropped_message: Count,
    /// Offers, answers and candidates that did not parse or could not be accepted.
    pub refused_sdp: Count,
    /// Datagrams that the socket would not take (its buffer full, or no route).
    pub dropped_send: Count,
    /// Commands dropped since the shard's queue was full.
    pub dropped_command: Count,
    /// Calls closed since their owner did not read their events.
    pub overruns: Count,
    /// Speech dropped since a hold was full, in ms, `[candidate, ai]`.
    pub speech_dropped_ms: [Count; 2],
    /// Speech that went through a hold, in ms, `[candidate, ai]`.
    pub speech_held_ms: [Count; 2],
    /// Remedies that acted: DTLS flights sent again by us.
    pub remedy_dtls_flight: Count,
    /// Remedies that acted: USE-CANDIDATE requests shown again.
    pub remedy_use_candidate: Count,
    /// Remedies that acted: pairs followed to a new address.
    pub remedy_pair_follow: Count,
    /// Loops of the driver.
    pub wakes: Count,
}
