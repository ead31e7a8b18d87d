//! The AI side as PCM: the WebSocket transport's audio. Types first; the body is `mediapure`'s.

use std::time::Duration;

/// The candidate's speech as 24 kHz mono PCM.
#[derive(Debug)]
pub struct PcmIn {
    _todo: (),
}

impl PcmIn {
    /// The next 20 ms frame or so; `None` once the transport is closed.
    #[expect(clippy::unused_async, reason = "body to come")]
    pub async fn next(&mut self) -> Option<Vec<i16>> {
        None
    }
}

/// Plays the AI's speech to the candidate at real time.
#[derive(Debug)]
pub struct PcmOut {
    _todo: (),
}

/// What had been played when play-out was cleared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Played {
    /// The item that was being played; `None` when nothing was.
    pub item: Option<String>,
    /// How much of it was played.
    pub played: Duration,
}

impl PcmOut {
    /// Queues 24 kHz mono PCM of an item.
    pub fn play(&self, item: &str, pcm: &[i16]) {
        let _ = (item, pcm);
    }

    /// Drops what is queued; says what of the current item was played.
    pub fn clear(&self) -> Played {
        Played::default()
    }

    /// How much of an item has been played.
    pub fn played(&self, item: &str) -> Duration {
        let _ = item;
        Duration::ZERO
    }

    /// Waits until everything queued has been played.
    #[expect(clippy::unused_async, reason = "body to come")]
    pub async fn drained(&self) {}
}
