//! Remedy: the first USE-CANDIDATE, which the controlled agent ignores.
//!
//! Defect (rtc-ice 0.21.1): a nominating request on a pair that has not succeeded yet is neither answered nor remembered;
//! the pair is nominated only when the controlling side asks again, some 50 ms later in Chromium (RFC 8445, 7.3.1.5 has it
//! nominated once the triggered check succeeds). Remedy: keep that request, and show it to the agent again when a success
//! response has come from the same address.

use std::net::SocketAddr;

/// The last nominating request that was shown to the agent.
#[derive(Debug, Default)]
pub(crate) struct UseCandidate {
    waiting: Option<(SocketAddr, Vec<u8>)>,
}

impl UseCandidate {
    /// An authenticated nominating request was shown to the agent, which answered it or did not.
    pub(crate) fn asked(&mut self, from: SocketAddr, request: &[u8], was_answered: bool) {
        self.waiting = if was_answered {
            None
        } else {
            Some((from, request.to_vec()))
        };
    }

    /// An authenticated success response from there was shown to the agent: the request to show again, if one waits.
    pub(crate) fn succeeded(&mut self, from: SocketAddr) -> Option<Vec<u8>> {
        match self.waiting.take() {
            Some((asked_from, request)) if asked_from == from => Some(request),
            other => {
                self.waiting = other;
                None
            }
        }
    }

    /// The session it belonged to has been restarted.
    pub(crate) fn forget(&mut self) {
        self.waiting = None;
    }
}
