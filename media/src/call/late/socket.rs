//! What goes over a browser's socket about its speech: what it gives, and what it is told.

use bytes::Bytes;

/// Speech that a browser has kept, in the order it was spoken.
#[derive(Debug)]
pub struct Kept {
    /// The RTP stream that it was made for, by SSRC.
    pub stream: u32,
    /// RTP timestamp of the first packet; each begins where the one before ends.
    pub time: u32,
    /// Opus packets.
    pub packets: Vec<Bytes>,
    /// Of what was asked for, nothing more is coming that was spoken before the end of these.
    pub is_last: bool,
}

/// How far one stream of the candidate's has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The RTP stream, by SSRC.
    pub stream: u32,
    /// RTP timestamp up to which nothing more is wanted.
    pub up_to: u32,
    /// RTP timestamps from and to which it is lacking and wanted now; without a second: to its end.
    pub lacks: Vec<(u32, Option<u32>)>,
    /// Which word of what is the AI's for good had come by then ([`crate::Call::ai_has`]); 0: none.
    pub knows: u64,
}
