//! Speech that was sent and may not be safe where it went: the candidate's, given again, first of all, to the next AI leg; the
//! AI's, given again to a candidate who moved or was out of reach for a moment.
//!
//! Is: copies in the clear, in the order they were sent, in one ring of bytes that is reused. Isn't: the hold, which has what
//! was never sent. **Policy when full:** the oldest goes and is counted by the caller. **Law:** what the owner has said to be the AI's
//! for good ([`Kept::release`]) is never given again.

use crate::rtp::{FIXED, Header};
use crate::splice::Source;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Kept while no turn is open: a leg's loss is noticed, and the beginning of speech told, within this.
pub(super) const RECENT: Duration = Duration::from_secs(4);
/// The most that is kept of an open turn; as long as a hold may be.
const AGE_MAX: Duration = Duration::from_secs(120);
/// The same, in bytes: [`AGE_MAX`] at 64 kbit/s.
const BYTES_MAX: usize = 1024 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Kept {
    packets: VecDeque<Packet>,
    bytes: VecDeque<u8>,
    /// A turn of the candidate's is open: all of it is kept.
    is_open: bool,
    /// What was sent before is the AI's for good.
    floor: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Packet {
    at: Instant,
    source: Source,
    len: usize,
}

impl Kept {
    /// A packet is being sent, header and all.
    pub(super) fn keep(&mut self, now: Instant, source: Source, packet: &[u8]) {
        self.packets.push_back(Packet {
            at: now,
            source,
            len: packet.len(),
        });
        self.bytes.extend(packet);
        let age_max = if self.is_open { AGE_MAX } else { RECENT };
        while self
            .packets
            .front()
            .is_some_and(|oldest| now.saturating_duration_since(oldest.at) > age_max || self.bytes.len() > BYTES_MAX)
        {
            self.drop_oldest();
        }
    }

    /// What was sent before `upto` is the AI's for good. `is_open`: what was sent since is of a turn that is not.
    pub(super) fn release(&mut self, upto: Instant, is_open: bool) {
        self.floor = Some(self.floor.map_or(upto, |floor| floor.max(upto)));
        self.is_open = is_open;
        while self.packets.front().is_some_and(|oldest| oldest.at < upto) {
            self.drop_oldest();
        }
    }

    /// SSRC and RTP timestamp of the oldest, as its sender gave them.
    pub(super) fn oldest(&self) -> Option<(u32, u32)> {
        let oldest = self.packets.front()?;
        let mut fixed = [0; FIXED];
        for (to, from) in fixed.iter_mut().zip(self.bytes.iter().take(oldest.len)) {
            *to = *from;
        }
        // Without what the header may claim to have behind its twelve bytes, which are all that is asked for.
        fixed[0] &= 0xc0;
        Header::parse(&fixed).map(|header| (header.ssrc, header.ts))
    }

    /// Takes all of it, in order. The AI was last heard at `heard`: of speech that no turn is known of, what was sent well before
    /// then was silence. Nothing is kept, and no turn is open, from here on.
    pub(super) fn take(&mut self, heard: Instant, give: impl FnMut(Source, &[u8])) {
        let from = if self.is_open {
            None
        } else {
            heard.checked_sub(ONSET_MAX)
        };
        self.take_since(from, give);
    }

    /// The same, of what was sent from then on alone.
    pub(super) fn take_since(&mut self, from: Option<Instant>, mut give: impl FnMut(Source, &[u8])) {
        let from = [from, self.floor].into_iter().flatten().max();
        let mut packet = Vec::new();
        while let Some(oldest) = self.packets.pop_front() {
            packet.clear();
            packet.extend(self.bytes.drain(..oldest.len));
            if from.is_none_or(|from| oldest.at >= from) {
                give(oldest.source, &packet);
            }
        }
        self.is_open = false;
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.packets.pop_front() {
            self.bytes.drain(..oldest.len);
        }
    }
}

/// From the beginning of speech until the AI has told of it, at most.
const ONSET_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for a virtual clock")]
    fn origin() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    const SOURCE: Source = Source(1);

    /// A packet each 20 ms for so long, numbered from `first`.
    fn speak(kept: &mut Kept, from: Instant, first: u32, ms: u64) -> Instant {
        for n in 0..ms / 20 {
            let number = first + u32::try_from(n).expect("small");
            kept.keep(from + Duration::from_millis(n * 20), SOURCE, &number.to_be_bytes());
        }
        from + Duration::from_millis(ms)
    }

    fn taken(kept: &mut Kept, heard: Instant) -> Vec<u32> {
        let mut numbers = Vec::new();
        kept.take(heard, |source, packet| {
            assert_eq!(source, SOURCE);
            numbers.push(u32::from_be_bytes(packet.try_into().expect("four bytes")));
        });
        numbers
    }

    #[test]
    fn of_an_open_turn_all_is_given_again_once() {
        let (mut kept, began) = (Kept::default(), origin());
        let now = speak(&mut kept, began, 0, 2_000);
        kept.release(began + Duration::from_millis(500), true);
        let now = speak(&mut kept, now, 100, 20_000);
        assert_eq!(taken(&mut kept, now), (25..1100).collect::<Vec<u32>>());
        assert!(taken(&mut kept, now).is_empty(), "it is given once");
    }

    #[test]
    fn where_no_turn_is_open_what_the_ai_may_not_have_told_of_is_given_again() {
        let (mut kept, began) = (Kept::default(), origin());
        speak(&mut kept, began, 0, 60_000);
        assert!(kept.bytes.len() < 4 * 50 * 5, "no more than is recent");
        // last heard two seconds ago
        let heard = began + Duration::from_secs(58);
        assert_eq!(taken(&mut kept, heard), (2850..3000).collect::<Vec<u32>>());
    }

    #[test]
    fn what_is_the_ais_for_good_is_not_given_again() {
        let (mut kept, began) = (Kept::default(), origin());
        let now = speak(&mut kept, began, 0, 5_000);
        kept.release(began + Duration::from_millis(4_900), false);
        assert_eq!(taken(&mut kept, now), (245..250).collect::<Vec<u32>>());
        // an older word changes nothing
        let now = speak(&mut kept, now, 250, 1_000);
        kept.release(now, true);
        kept.release(began, true);
        assert!(taken(&mut kept, now).is_empty());
    }

    #[test]
    fn a_turn_without_end_is_bounded_in_time_and_in_bytes() {
        let (mut kept, began) = (Kept::default(), origin());
        kept.release(began, true);
        let now = speak(&mut kept, began, 0, 200_000);
        let numbers = taken(&mut kept, now);
        assert_eq!(numbers.len(), 6_001, "the last two minutes");
        assert_eq!(numbers.last(), Some(&9_999));
        kept.release(began, true);
        for n in 0..100 {
            kept.keep(now + Duration::from_millis(n), SOURCE, &vec![0; 60_000]);
        }
        assert!(kept.bytes.len() <= BYTES_MAX);
    }
}
