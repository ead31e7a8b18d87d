//! What is known of a response: whether it belongs to the conversation, how it ended, when it sounded.

use crate::realtime::event::{self, Band, Ending};
use time::OffsetDateTime;

/// One turn of the AI's.
#[derive(Debug, Default)]
pub(super) struct Response {
    pub(super) band: Band,
    /// Its `response.created` or `.done` has come, so that `band` is known.
    pub(super) announced: bool,
    pub(super) ending: Option<Ending>,
    /// Its sound began, ended, was cut off.
    pub(super) started: Option<OffsetDateTime>,
    pub(super) stopped: Option<OffsetDateTime>,
    pub(super) cleared: Option<OffsetDateTime>,
    /// Its rate of speech has been learnt.
    pub(super) learnt: bool,
}

impl Response {
    /// Takes in what an event says. An ending stands; a band said stands against one unsaid.
    pub(super) fn absorb(&mut self, said: &event::Response) {
        self.announced = true;
        if said.band != Band::Unsaid && self.band != Band::Out {
            self.band = said.band;
        }
        if self.ending.is_none() {
            self.ending = said.ending;
        }
    }

    /// It ended before it had generated all it would.
    pub(super) fn was_cut_short(&self) -> bool {
        matches!(
            self.ending,
            Some(Ending::Cancelled | Ending::Incomplete | Ending::Failed)
        )
    }

    /// Its sound was cut off before its end.
    pub(super) fn silenced(&self) -> bool {
        self.cleared.is_some() && self.stopped.is_none()
    }
}
