//! What a call tells its owner: events of its legs, and figures on demand.
//!
//! Isn't: anything per packet. Events are rare (state, and messages on data channels).

use crate::call::late::Received;
use std::time::Duration;

/// One thing that happened on a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// On the leg to the candidate's browser.
    Candidate(LegEvent),
    /// On the leg to the AI side.
    Ai(LegEvent),
    /// On the leg that is to take its place: see [`crate::Call::ai_offer_staged`].
    AiNext(LegEvent),
    /// [`crate::Call::ai_switch`] was carried out: events of the leg that was there came before this, those of the one that took its
    /// place come after it. Where there was nothing to take its place, that is told next, as its end.
    AiSwitched,
    /// The call is over: [`crate::Call::close`], its last handle dropped, or the event queue overran. Nothing follows.
    Closed(CloseCause),
}

/// One thing that happened on a leg.
#[derive(Debug, Clone, PartialEq)]
pub enum LegEvent {
    /// ICE, DTLS and SRTP are up: the far end can hear. Comes again after a fresh offer has replaced the leg.
    Up {
        /// From the offer (ours or theirs) to here.
        took: Duration,
    },
    /// The first authenticated RTP packet of this leg has arrived.
    FirstMedia,
    /// A data channel is open.
    ChannelOpen {
        /// The label that its maker gave it.
        label: String,
    },
    /// A data channel was closed by the far end, or with the leg.
    ChannelClosed {
        /// The label that its maker gave it.
        label: String,
    },
    /// A text message on a data channel. At most 256 KiB; binary messages are dropped and counted.
    Message {
        /// The text. Valid UTF-8; nothing else is known of it.
        text: String,
    },
    /// How far the candidate's speech has arrived, and what of it is lacking. Only where it is kept ([`crate::Call::keep`]): at
    /// once when something lacks, else once a second at most.
    Received(Received),
    /// Neither media nor consent arrives. The leg is kept and may come back by itself or by an ICE restart.
    Lost {
        /// What was missed.
        cause: LossCause,
        /// For how long nothing authenticated had come by then: the far end heard nothing since about the beginning of it.
        silent: Duration,
    },
    /// Lost, and heard again.
    Back,
    /// The leg is gone. Only a new offer brings another.
    Closed {
        /// Why.
        cause: CloseCause,
    },
}

/// Why a leg counts as lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LossCause {
    /// Nothing authenticated (SRTP, SRTCP, STUN, DTLS) has arrived for as long as the leg's kind allows.
    Silent,
    /// ICE has no working pair any more.
    Ice,
}

/// Why a leg, or a call, is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseCause {
    /// The far end closed DTLS (`close_notify`), or its SCTP association.
    Peer,
    /// It never came up, or DTLS failed for good.
    Failed,
    /// Closed by us: a command, or the call's end.
    Local,
    /// The call's owner did not read its events: the bounded queue was full.
    Overrun,
}

/// Both legs' quality at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallStats {
    /// The candidate leg. All zero before its first offer.
    pub candidate: LegStats,
    /// The AI leg. All zero before its first offer.
    pub ai: LegStats,
    /// Speech held, in ms: `[0]` the candidate's, waiting for the AI; `[1]` the AI's, waiting for the candidate.
    pub held_ms: [u32; 2],
    /// Speech that was held and had to be dropped since the bound was reached, in ms, by direction as in `held_ms`.
    pub dropped_ms: [u32; 2],
}

/// One leg's quality at one moment; counts are since the call began, over all legs of this side.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LegStats {
    /// ICE, DTLS and SRTP are up, and the leg is not lost.
    pub up: bool,
    /// RTP packets received and authenticated.
    pub packets_in: u64,
    /// RTP packets sent, repeats not included.
    pub packets_out: u64,
    /// Bytes of RTP payload received.
    pub octets_in: u64,
    /// Bytes of RTP payload sent.
    pub octets_out: u64,
    /// Packets that never arrived here (RFC 3550, A.3); late ones lower it again.
    pub lost_in: u64,
    /// Packets that the far end reported as not arrived there, of the current stream.
    pub lost_out: u64,
    /// Packets sent again since the far end asked (NACK).
    pub repeated: u64,
    /// Interarrival jitter of what arrives here, in ms (RFC 3550, 6.4.1).
    pub jitter_ms: f32,
    /// Round trip by the far end's receiver reports, in ms; `None` until one has answered ours.
    pub rtt_ms: Option<f32>,
}
