//! What a session has said to its browser, numbered, and as much of it as still matters.
//!
//! Is: `seq`, and the choice of what a browser that comes back is told again. Isn't: a queue to a socket (`src/session`
//! owns that), nor the record: a page that needs every word reads the transcript.
//! **Law:** `seq` rises with every frame, for the session and not for the socket; what is told again gets a new one, so
//! that it rises on the wire too. What has been superseded is not told again. Bounded: the oldest captions go first.
//! After a crash, `seq` goes on above any given before: it starts from the wall clock, and no session speaks 256 times a
//! millisecond; a browser's own `lastSeq` lifts it further, should the clock have gone back.

use crate::messages::ServerMessage;
use std::collections::VecDeque;

/// Captions kept.
pub const CAPTIONS_MAX: usize = 400;
/// Bytes of text in them.
pub const CAPTION_BYTES_MAX: usize = 256 * 1024;
/// Notices kept, one of each code.
pub const NOTICES_MAX: usize = 16;
/// Trickled candidates kept, of the newest answer.
pub const CANDIDATES_MAX: usize = 32;
/// Streams of kept speech whose newest ack is kept.
pub const ACKS_MAX: usize = 8;
/// JavaScript counts exactly to 2^53; half of it is never reached by a clock (year 3000: 2^53 / 1.1).
const SEQ_CLAIM_MAX: u64 = 1 << 52;

/// A frame to write, and its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// Its place in the session's order.
    pub seq: u64,
    /// The text to write.
    pub frame: String,
}

/// See the module.
#[derive(Debug)]
pub struct Outbox {
    /// The next number.
    next: u64,
    /// What still matters, in order of its number.
    kept: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    seq: u64,
    message: ServerMessage,
}

impl Outbox {
    /// At the start of a session in this process. `wall_ms`: Unix time in ms.
    pub fn starting_at(wall_ms: u64) -> Self {
        Self {
            next: wall_ms.saturating_mul(256).clamp(1, SEQ_CLAIM_MAX),
            kept: VecDeque::new(),
        }
    }

    /// Numbers a message and keeps it if it may matter to a browser that comes back.
    pub fn push(&mut self, message: ServerMessage) -> Numbered {
        let seq = self.next;
        self.next += 1;
        let frame = message.to_frame(seq);
        self.supersede(&message);
        if self.is_worth_keeping(&message) {
            self.kept.push_back(Kept { seq, message });
            self.bound();
        }
        Numbered { seq, frame }
    }

    /// The first frames of a socket: the welcome, then all that it has not seen and that still matters.
    /// `last_seq`: the browser's, None if it is new here.
    pub fn greet(&mut self, welcome: ServerMessage, last_seq: Option<u64>) -> Vec<Numbered> {
        let unseen_from = self.unseen_from(last_seq);
        let mut frames = vec![self.push(welcome)];
        frames.extend(self.tell_again(unseen_from));
        frames
    }

    /// All after `last_seq` that still matters, in order, under new numbers.
    pub fn replay_after(&mut self, last_seq: Option<u64>) -> Vec<Numbered> {
        let unseen_from = self.unseen_from(last_seq);
        self.tell_again(unseen_from)
    }

    /// How many messages are kept.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    fn unseen_from(&mut self, last_seq: Option<u64>) -> u64 {
        match last_seq {
            // A number never given here, and no clock can give: the browser is mistaken. It is told everything.
            Some(seq) if seq >= SEQ_CLAIM_MAX => 0,
            // Given by a process before this one whose clock ran ahead: go on above it, and tell everything.
            Some(seq) if seq >= self.next => {
                self.next = seq + 1;
                0
            }
            Some(seq) => seq + 1,
            None => 0,
        }
    }

    fn tell_again(&mut self, from: u64) -> Vec<Numbered> {
        // Kept in order of number: what is unseen is a tail, and stays in order when all of it is numbered anew.
        let first = self.kept.partition_point(|kept| kept.seq < from);
        let mut frames = Vec::with_capacity(self.kept.len() - first);
        for kept in self.kept.range_mut(first..) {
            kept.seq = self.next;
            self.next += 1;
            frames.push(Numbered {
                seq: kept.seq,
                frame: kept.message.to_frame(kept.seq),
            });
        }
        frames
    }

    /// Forgets what `new` makes pointless.
    fn supersede(&mut self, new: &ServerMessage) {
        use ServerMessage as M;
        self.kept.retain(|kept| match (new, &kept.message) {
            (M::State(_), M::State(_))
            | (M::Answer { .. }, M::Answer { .. } | M::Candidate { .. } | M::Renegotiate { .. })
            | (M::Renegotiate { .. }, M::Renegotiate { .. })
            | (M::Moved { .. }, M::Moved { .. })
            | (M::Ended { .. }, M::Ended { .. } | M::Answer { .. } | M::Candidate { .. } | M::Renegotiate { .. }) => {
                false
            }
            (M::Caption(new), M::Caption(old)) => old.item_id != new.item_id || (old.is_final && !new.is_final),
            (M::Ack { stream, .. }, M::Ack { stream: old, .. }) => stream != old,
            (M::Notice { code, .. }, M::Notice { code: old, .. }) => code != old,
            _ => true,
        });
    }

    fn is_worth_keeping(&self, message: &ServerMessage) -> bool {
        match message {
            // Said to one socket alone.
            ServerMessage::Welcome { .. } | ServerMessage::Error { .. } => false,
            // A late partial of what is final.
            ServerMessage::Caption(new) => {
                new.is_final
                    || !self
                        .kept
                        .iter()
                        .any(|kept| matches!(&kept.message, ServerMessage::Caption(old) if old.item_id == new.item_id))
            }
            ServerMessage::Answer { .. }
            | ServerMessage::Candidate { .. }
            | ServerMessage::Renegotiate { .. }
            | ServerMessage::Moved { .. }
            | ServerMessage::State(_)
            | ServerMessage::Ack { .. }
            | ServerMessage::Notice { .. }
            | ServerMessage::Ended { .. } => true,
        }
    }

    /// Drops the oldest of a kind that has grown over its bound.
    fn bound(&mut self) {
        self.drop_over(CAPTIONS_MAX, CAPTION_BYTES_MAX, |m| match m {
            ServerMessage::Caption(caption) => Some(caption.text.len()),
            _ => None,
        });
        self.drop_over(NOTICES_MAX, usize::MAX, |m| {
            matches!(m, ServerMessage::Notice { .. }).then_some(0)
        });
        self.drop_over(CANDIDATES_MAX, usize::MAX, |m| {
            matches!(m, ServerMessage::Candidate { .. }).then_some(0)
        });
        self.drop_over(ACKS_MAX, usize::MAX, |m| {
            matches!(m, ServerMessage::Ack { .. }).then_some(0)
        });
    }

    /// `size_of`: bytes of a message of the kind in question, None for others.
    fn drop_over(&mut self, count_max: usize, bytes_max: usize, size_of: impl Fn(&ServerMessage) -> Option<usize>) {
        let sizes = self.kept.iter().filter_map(|kept| size_of(&kept.message));
        let (mut count, mut bytes) = sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
        if count <= count_max && bytes <= bytes_max {
            return;
        }
        self.kept.retain(|kept| match size_of(&kept.message) {
            Some(size) if count > count_max || bytes > bytes_max => {
                count -= 1;
                bytes -= size;
                false
            }
            _ => true,
        });
    }
}

#[cfg(test)]
mod tests;
