//! Remedy: the lost DTLS flight, in either role.
//!
//! Defect (rtc-dtls 0.21.1): as client, a lost flight 5 is never sent again though the server repeats flight 4; as
//! server, a lost flight 4 likewise, and a lost flight 6 leaves the client without Finished. One lost datagram, and the
//! handshake is stuck for good. Remedy: the last handshake datagrams sent are kept and sent again, word for word, after
//! 80 ms, doubling; and once we are done, whenever the far end shows by a handshake record that it is not. RFC 6347, 4.2.4.

use bytes::BytesMut;
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(80);
const LONGEST: Duration = Duration::from_secs(1);
/// Datagrams of a flight: a certificate of ours fits in one or two.
const DATAGRAMS_MAX: usize = 8;
/// Repeats of the last flight after the handshake, to a far end that asks.
const AFTERWARDS_MAX: u32 = 20;

/// The flight that is out.
#[derive(Debug, Default)]
pub(crate) struct DtlsFlight {
    datagrams: Vec<BytesMut>,
    due: Option<Instant>,
    wait: Duration,
    is_done: bool,
    afterwards: u32,
    /// No repeat before this, however often the far end repeats itself.
    not_before: Option<Instant>,
}

/// ChangeCipherSpec or Handshake (RFC 6347, 4.1).
pub(crate) fn is_handshake(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(20 | 22))
}

impl DtlsFlight {
    /// One drain of the peer has sent these handshake datagrams: a new flight, or the same by upstream's own timer.
    pub(crate) fn sent(&mut self, now: Instant, datagrams: Vec<BytesMut>) {
        if datagrams.is_empty() || datagrams.len() > DATAGRAMS_MAX {
            return;
        }
        self.datagrams = datagrams;
        self.wait = FIRST;
        self.due = if self.is_done { None } else { Some(now + self.wait) };
        self.not_before = Some(now + FIRST);
    }

    /// The handshake is complete here. The flight is kept for a far end that may have missed it.
    pub(crate) fn complete(&mut self) {
        self.is_done = true;
        self.due = None;
    }

    /// When to call [`DtlsFlight::repeat_due`].
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// What to send again now.
    pub(crate) fn repeat_due(&mut self, now: Instant) -> &[BytesMut] {
        match self.due {
            Some(due) if due <= now => {
                self.wait = (self.wait * 2).min(LONGEST);
                self.due = Some(now + self.wait);
                &self.datagrams
            }
            _ => &[],
        }
    }

    /// A handshake record has come after we were done, and upstream has not answered it: what to send again.
    pub(crate) fn repeat_asked(&mut self, now: Instant) -> &[BytesMut] {
        if !self.is_done || self.afterwards >= AFTERWARDS_MAX || self.not_before.is_some_and(|at| at > now) {
            return &[];
        }
        self.afterwards += 1;
        self.not_before = Some(now + FIRST);
        &self.datagrams
    }
}
