//! The candidate's ears and mouth, as a WebSocket needs them: the media crate's, or a test's.

use async_trait::async_trait;
use std::fmt::Debug;
use std::time::Duration;
use vivavoce_media::{PcmIn, PcmOut};

/// What the candidate says, as 24 kHz mono PCM.
#[async_trait]
pub trait Ears: Send + Debug {
    /// The next some 20 ms; `None` once the call's side is closed. Cancel safe.
    async fn next(&mut self) -> Option<Vec<i16>>;
}

/// What was cut off, where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// What was being played, and how much of it had been.
    pub item: Option<(String, Duration)>,
    /// What waited behind it.
    pub unheard: Vec<String>,
}

/// Plays to the candidate in real time.
pub trait Mouth: Send + Sync + Debug {
    /// Queues sound of an item. What is refused (a cleared item, a full queue) is not heard.
    fn play(&self, item: &str, pcm: &[i16]);
    /// All of the item has been queued.
    fn finish(&self, item: &str);
    /// Falls silent at once.
    fn clear(&self) -> Cut;
    /// How much of the item has been played.
    fn played(&self, item: &str) -> Duration;
}

#[async_trait]
impl Ears for PcmIn {
    async fn next(&mut self) -> Option<Vec<i16>> {
        Self::next(self).await
    }
}

impl Mouth for PcmOut {
    fn play(&self, item: &str, pcm: &[i16]) {
        let refused = Self::play(self, item, pcm);
        if !refused.is_zero() {
            tracing::debug!(
                refused_ms = refused.as_millis() as u64,
                "sound of the AI was not taken for play-out"
            );
        }
    }
    fn finish(&self, item: &str) {
        Self::finish(self, item);
    }
    fn clear(&self) -> Cut {
        let cleared = Self::clear(self);
        Cut {
            item: cleared.item.map(|item| (item, cleared.played)),
            unheard: cleared.unheard,
        }
    }
    fn played(&self, item: &str) -> Duration {
        Self::played(self, item)
    }
}
