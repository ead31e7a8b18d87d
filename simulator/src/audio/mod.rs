//! Sound without a transport: voice activity, the spoken clips, G.711.

pub(crate) mod file;
pub(crate) mod g711;
pub(crate) mod vad;
pub(crate) mod voice;

/// Sound as a receiver hands it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sound {
    /// What the sender's own time holds: decoded packets and the gaps between them, 24 kHz mono. Of its beginning, `told`
    /// samples were silence that has been handed on already.
    Heard { pcm: Vec<i16>, told: usize },
    /// So many samples of silence, because nothing comes. Turn detection needs them; the sender's time knows nothing of
    /// them, so a judge who counts what arrived must not hear them.
    Silence(usize),
}

/// Samples a second of everything the conversation hears and decodes.
pub(crate) const RATE: u32 = 24_000;
/// Samples in one frame of 20 ms at [`RATE`].
pub(crate) const FRAME: usize = 480;
/// Length of one frame, in ms.
pub(crate) const FRAME_MS: u64 = 20;
