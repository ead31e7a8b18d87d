//! A handshake's last datagrams, sent again until they are answered, as a browser's DTLS does it.
//!
//! `rtc` never sends some of them again (`docs/webrtc-rs.md`): a far end without this would count a fault of its own as the
//! relay's. 50 ms, doubling, are Chromium's times.

use bytes::BytesMut;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// What was sent last, and when it is sent again.
#[derive(Debug, Default)]
pub(super) struct Again {
    flight: Vec<(SocketAddr, BytesMut)>,
    wait: Duration,
    pub(super) due: Option<Instant>,
}

impl Again {
    /// These were sent together: those of the handshake among them are the new flight.
    pub(super) fn sent(&mut self, now: Instant, sends: &[(SocketAddr, BytesMut)]) {
        // ChangeCipherSpec or Handshake (RFC 6347, 4.1).
        let is_handshake = |(_, bytes): &&(SocketAddr, BytesMut)| matches!(bytes.first(), Some(20 | 22));
        let flight: Vec<_> = sends.iter().filter(is_handshake).cloned().collect();
        if !flight.is_empty() {
            (self.flight, self.wait, self.due) = (flight, FIRST, Some(now + FIRST));
        }
    }

    /// The handshake is over.
    pub(super) fn done(&mut self) {
        self.due = None;
        self.flight.clear();
    }

    /// What is to be sent again now.
    pub(super) fn repeat(&mut self, now: Instant) -> &[(SocketAddr, BytesMut)] {
        if self.due.is_none_or(|due| due > now) {
            return &[];
        }
        self.wait = (self.wait * 2).min(LONGEST);
        self.due = Some(now + self.wait);
        &self.flight
    }
}
