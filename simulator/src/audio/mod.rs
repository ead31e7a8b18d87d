//! Sound without a transport: voice activity, the spoken clips, G.711.

pub(crate) mod g711;
pub(crate) mod vad;
pub(crate) mod voice;

/// Samples a second of everything the conversation hears and decodes.
pub(crate) const RATE: u32 = 24_000;
/// Samples in one frame of 20 ms at [`RATE`].
pub(crate) const FRAME: usize = 480;
/// Length of one frame, in ms.
pub(crate) const FRAME_MS: u64 = 20;
