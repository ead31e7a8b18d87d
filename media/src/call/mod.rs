//! Two legs and what joins them (pure): datagrams and ticks in, datagrams and events out.

/// Why a command on a call was refused. Never holds SDP, addresses or credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The SDP or candidate line does not parse or lacks what a leg needs.
    #[error("bad SDP: {0}")]
    Sdp(&'static str),
    /// Larger than any honest description (64 KiB).
    #[error("the SDP is too long")]
    SdpTooLong,
    /// An offer without an audio section that can be used.
    #[error("the offer has no usable audio section")]
    NoAudio,
    /// An answer without an offer of ours, or a second one.
    #[error("no offer is waiting for an answer")]
    NoOffer,
    /// The AI leg's socket could not be opened.
    #[error("no socket for the AI leg: {0}")]
    Socket(std::io::ErrorKind),
    /// The WebRTC peer refused.
    #[error("the peer refused: {0}")]
    Peer(String),
    /// The call is closed, or its shard has ended.
    #[error("the call is closed")]
    Closed,
}
