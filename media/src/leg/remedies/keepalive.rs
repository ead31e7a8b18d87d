//! Remedy: keepalives that OpenAI does not answer; and so, consent of our own on every leg.
//!
//! Defect (rtc-ice 0.21.1, with OpenAI's ICE): the agent's keepalives carry no USE-CANDIDATE, OpenAI answers none such
//! while media flows, and only STUN refreshes the agent's clock: `Disconnected` at 5 s, `Failed` at 30 s on a healthy
//! call. Remedy: the agent's keepalives and timeouts are off (0); these checks go in their place, to where media goes, with
//! USE-CANDIDATE where we control (RFC 8445, 8.1.1 lets the controlling agent repeat it); life is judged by all that is
//! authentic (`leg/liveness.rs`). Also RFC 7675: consent.

use crate::leg::stun::TransactionId;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Requests whose answers are still awaited; older ones are taken for lost.
const PENDING_MAX: usize = 16;

/// One leg's consent checks.
#[derive(Debug)]
pub(crate) struct Keepalive {
    every: Duration,
    /// While nothing is heard: after how long to ask out of turn, and how often from then on.
    quiet: (Duration, Duration),
    due: Option<Instant>,
    sent: Option<Instant>,
    pending: Vec<(TransactionId, SocketAddr, Instant)>,
    answered: u64,
    round_trip: Option<Duration>,
}

impl Keepalive {
    /// `quiet`: while nothing at all is heard, after how long to ask out of turn, and how often from then on.
    pub(crate) fn new(every: Duration, quiet: (Duration, Duration)) -> Self {
        Self {
            every,
            quiet,
            due: None,
            sent: None,
            pending: Vec::new(),
            answered: 0,
            round_trip: None,
        }
    }

    /// There is somewhere to send to: begin, at once, so that it is soon known whether the far end answers.
    pub(crate) fn start(&mut self, now: Instant) {
        if self.due.is_none() {
            self.due = Some(now);
        }
    }

    /// When a check is due, of a far end that was last heard then.
    pub(crate) fn poll_timeout(&self, heard: Instant) -> Option<Instant> {
        let (first, then) = self.quiet;
        let asked = self.sent.map(|sent| sent + then);
        let out_of_turn = asked.map_or(heard + first, |again| again.max(heard + first));
        self.due.map(|due| due.min(out_of_turn))
    }

    /// Whether to send a check now, to where media goes.
    pub(crate) fn is_due(&mut self, now: Instant, heard: Instant) -> bool {
        match self.poll_timeout(heard) {
            Some(due) if due <= now => {
                self.due = Some(now + self.every);
                self.sent = Some(now);
                true
            }
            _ => false,
        }
    }

    /// A check goes out, of this name, to there.
    pub(crate) fn note(&mut self, now: Instant, to: SocketAddr, transaction: TransactionId) {
        if self.pending.len() >= PENDING_MAX {
            self.pending.remove(0);
        }
        self.pending.push((transaction, to, now));
    }

    /// Whether this transaction is one of ours.
    pub(crate) fn knows(&self, transaction: &TransactionId) -> bool {
        self.pending.iter().any(|(ours, ..)| ours == transaction)
    }

    /// An authentic success response to one of ours; true if it came from where the request went.
    pub(crate) fn answered(&mut self, now: Instant, from: SocketAddr, transaction: &TransactionId) -> bool {
        let Some(at) = self.pending.iter().position(|(ours, ..)| ours == transaction) else {
            return false;
        };
        let (_, to, sent) = self.pending.swap_remove(at);
        self.answered += 1;
        self.round_trip = Some(now.saturating_duration_since(sent));
        to == from
    }

    /// Whether the far end has ever answered: only then does its silence mean something.
    pub(crate) fn is_answered(&self) -> bool {
        self.answered > 0
    }

    /// Of the last answer.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }
}
