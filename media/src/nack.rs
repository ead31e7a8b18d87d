//! What is sent again: a short history of packets, and the far end's generic NACKs (RFC 4585, 6.2.1) answered.
//!
//! Is: the very bytes that were given to it, kept and given again. On the wire or in the clear is the caller's choice: SRTP
//! makes the same of the same, so no nonce is used for two texts. Isn't: RTX (RFC 4588), nor reading RTCP (`rtcp.rs` finds
//! the numbers).
//! **Bounds:** so many packets, so old, so often each, and in all no more than a share of what is sent: whoever asks for
//! everything again and again (or forges it) makes us send half as much again at most.

use std::time::{Duration, Instant};

/// Packets kept: 128 of 20 ms are 2.5 s, more than any jitter buffer waits.
const PACKETS: usize = 128;
/// Longer packets are not kept: speech never is.
const LEN_MAX: usize = 1200;
/// An older packet comes too late to be heard.
const AGE_MAX: Duration = Duration::from_secs(1);
/// Times one packet is sent again.
const AGAIN_MAX: u8 = 3;
/// Least time between two of them.
const AGAIN_GAP: Duration = Duration::from_millis(10);
/// What may be sent again at once, in half packets; each packet sent earns one half.
const CREDIT_MAX: u32 = 64;

/// What was asked for and given, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Numbers asked for.
    pub asked: u64,
    /// Packets sent again.
    pub again: u64,
    /// Asked for and not kept: never sent, or too old.
    pub gone: u64,
    /// Asked for and withheld by a bound.
    pub withheld: u64,
}

/// One leg's history.
#[derive(Debug)]
pub struct History {
    slots: Box<[Slot]>,
    credit: u32,
    counts: Counts,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    /// `None`: nothing kept here.
    sent: Option<Instant>,
    seq: u16,
    again: u8,
    last: Option<Instant>,
    bytes: Vec<u8>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            slots: vec![Slot::default(); PACKETS].into_boxed_slice(),
            credit: 0,
            counts: Counts::default(),
        }
    }
}

impl History {
    /// An empty history. It allocates while it is filled the first time, then no more.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps what was sent: `packet` with `seq` as its number.
    pub fn keep(&mut self, now: Instant, seq: u16, packet: &[u8]) {
        let Some(slot) = self.slots.get_mut(usize::from(seq) % PACKETS) else {
            return;
        };
        self.credit = (self.credit + 1).min(CREDIT_MAX);
        slot.sent = (packet.len() <= LEN_MAX).then_some(now);
        (slot.seq, slot.again, slot.last) = (seq, 0, None);
        slot.bytes.clear();
        if slot.sent.is_some() {
            slot.bytes.extend_from_slice(packet);
        }
    }

    /// The packet that the far end asks for, if it may have it again.
    pub fn again(&mut self, now: Instant, seq: u16) -> Option<&[u8]> {
        self.counts.asked += 1;
        let slot = self.slots.get_mut(usize::from(seq) % PACKETS)?;
        if slot.seq != seq
            || slot
                .sent
                .is_none_or(|sent| now.saturating_duration_since(sent) > AGE_MAX)
        {
            self.counts.gone += 1;
            return None;
        }
        let too_soon = slot
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < AGAIN_GAP);
        if too_soon || slot.again >= AGAIN_MAX || self.credit < 2 {
            self.counts.withheld += 1;
            return None;
        }
        self.credit -= 2;
        self.counts.again += 1;
        slot.again += 1;
        slot.last = Some(now);
        Some(&slot.bytes)
    }

    /// What was asked for and given so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn epoch() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "where virtual time begins does not matter")]
        Instant::now()
    }

    #[test]
    fn gives_the_very_bytes_within_its_bounds() {
        let (t, mut history) = (epoch(), History::new());
        for n in 0..40_u16 {
            let seq = 65_520_u16.wrapping_add(n);
            history.keep(t + 20 * MS * u32::from(n), seq, &seq.to_be_bytes());
        }
        let now = t + 800 * MS;
        let table = [
            ("sent 280 ms ago, across the wrap", 10_u16, now, true),
            ("again at once", 10, now + 5 * MS, false),
            ("again after a while", 10, now + 10 * MS, true),
            ("a third time", 10, now + 20 * MS, true),
            ("a fourth", 10, now + 30 * MS, false),
            ("never sent", 900, now, false),
            ("another number of the same slot", 10 + 128, now, false),
            ("too old", 65_520, t + 1001 * MS, false),
            ("just not too old", 65_520, t + 1000 * MS, true),
        ];
        for (name, seq, at, given) in table {
            let want = given.then(|| seq.to_be_bytes().to_vec());
            assert_eq!(history.again(at, seq).map(<[u8]>::to_vec), want, "{name}");
        }
        assert_eq!(
            history.counts(),
            Counts {
                asked: 9,
                again: 4,
                gone: 3,
                withheld: 2
            }
        );
    }

    #[test]
    fn oversized_packets_are_not_kept() {
        let (t, mut history) = (epoch(), History::new());
        history.keep(t, 1, &[0; LEN_MAX + 1]);
        assert_eq!(history.again(t, 1), None);
    }

    proptest! {
        #[test]
        fn never_more_than_half_as_much_again(asks in prop::collection::vec((0_u16..200, 0_u32..30), 0..600)) {
            let (mut now, mut history) = (epoch(), History::new());
            let (mut sent, mut again) = (0_u16, 0_u64);
            for (back, wait) in asks {
                now += MS * wait;
                history.keep(now, sent, &sent.to_be_bytes());
                sent += 1;
                for n in 0..3 {
                    let seq = sent.wrapping_sub(back).wrapping_sub(n);
                    if let Some(bytes) = history.again(now, seq) {
                        prop_assert_eq!(bytes, &seq.to_be_bytes()[..]);
                        again += 1;
                    }
                }
                prop_assert!(again * 2 <= u64::from(sent));
            }
        }
    }
}
