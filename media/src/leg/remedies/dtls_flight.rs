//! Remedy: the lost DTLS flight, in either role.
//!
//! Defect (rtc-dtls 0.21.1): a flight that waits for its answer has a timer of 1 s, which a repeat of the far end's last
//! flight stops for good, without being answered. So as client a lost flight 5, as server a lost flight 4, is never sent again
//! where the far end's timer is the shorter one: Chromium repeats after 50 ms. One lost datagram, and the handshake is stuck.
//! Remedy: the last handshake datagrams sent are kept and sent again, word for word, after 80 ms, doubling, until it is done.
//! (A lost flight 6 upstream repairs by itself, when the far end repeats flight 5.) RFC 6347, 4.2.4.

use bytes::BytesMut;
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(80);
const LONGEST: Duration = Duration::from_secs(1);
/// Datagrams of a flight: a certificate of ours fits in one or two.
const DATAGRAMS_MAX: usize = 8;

/// The flight that is out.
#[derive(Debug, Default)]
pub(crate) struct DtlsFlight {
    datagrams: Vec<BytesMut>,
    due: Option<Instant>,
    wait: Duration,
    is_done: bool,
}

/// ChangeCipherSpec or Handshake (RFC 6347, 4.1).
pub(crate) fn is_handshake(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(20 | 22))
}

impl DtlsFlight {
    /// One drain of the peer has sent these handshake datagrams: a new flight, or the same by upstream's own timer.
    pub(crate) fn sent(&mut self, now: Instant, datagrams: Vec<BytesMut>) {
        if datagrams.is_empty() || datagrams.len() > DATAGRAMS_MAX || self.is_done {
            return;
        }
        self.datagrams = datagrams;
        self.wait = FIRST;
        self.due = Some(now + self.wait);
    }

    /// The handshake is complete here.
    pub(crate) fn complete(&mut self) {
        self.is_done = true;
        self.due = None;
        self.datagrams.clear();
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
}
