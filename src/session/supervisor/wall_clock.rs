//! The machine's clock is set in the midst of an interview: the record's own time does not move, and whoever takes the session up
//! after this process is told by how much the two differ.

use super::Supervisor;
use crate::{clock, session::fate};

impl Supervisor {
    /// Notes by how much the machine's clock is ahead of the record's, where that has changed.
    pub(super) fn watch_clock(&mut self) {
        let now = self.wall.now();
        let ahead = clock::wall() - now;
        if (ahead - self.clock_ahead).abs() < clock::SET_BY {
            return;
        }
        self.clock_ahead = ahead;
        let ms = ahead.whole_milliseconds();
        tracing::warn!(ms = %ms, "the machine's clock was set; the record goes on by its own");
        let told = fate::clock_told(ms, self.begin.fence);
        self.record.note(now, "session", fate::CLOCK_AHEAD, told);
    }
}
