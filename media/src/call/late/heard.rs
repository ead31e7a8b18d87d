//! Which times of one browser's stream have arrived here, and which are lacking (pure).
//!
//! Is: arithmetic on RTP timestamps, unwrapped to 64 bits. Isn't: a judgement on what to do about a gap (`late.rs`).
//! **Laws:** a time is taken once, by whichever way it comes first; what is lacking is bounded in number and in age, and what
//! is given up is told as lost. A packet right behind the newest costs one comparison.

use std::collections::VecDeque;
use std::ops::Range;

/// Ticks of the 48 kHz clock in a second.
const SECOND: u64 = 48_000;
/// Fewer ticks in a row that are missing are the network's ordinary loss, which FEC and concealment mend: 100 ms.
const GAP_MIN: u64 = SECOND / 10;
/// How far back from the newest a gap may lie and still be filled: 130 s, so that an outage of 120 s is whole.
const WINDOW: u64 = 130 * SECOND;
/// Stretches that are told apart; beyond it the oldest gap is given up.
const RANGES_MAX: usize = 64;
/// A source's clock that moves this much more than time has passed has been set anew.
const LEAP_MAX: u64 = 2 * SECOND;

/// What a live packet is to the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The next, or one behind that nothing is known against.
    Next,
    /// The next after a gap of so many ticks.
    AfterGap(u64),
    /// Of a time that was lacking.
    Fills(u64),
    /// Of a time that the socket has brought.
    Again,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Heard {
    /// In order, apart from each other; never empty.
    ranges: VecDeque<Range<u64>>,
    /// What the socket has brought, in the order it came.
    brought: VecDeque<Range<u64>>,
    newest_seq: u16,
    /// It began with a packet that need not have been the stream's first: what was spoken before was not had.
    is_open_below: bool,
    /// Nothing is known to have been spoken before: a gap there is no loss.
    first: u64,
}

impl Heard {
    /// A stream of which nothing before `timestamp` is wanted.
    pub(super) fn new(timestamp: u32) -> Self {
        // Room below, so that what lies before the first can be named.
        let at = (1 << 32) | u64::from(timestamp);
        let mut ranges = VecDeque::new();
        ranges.push_back(at..at);
        Self {
            ranges,
            brought: VecDeque::new(),
            newest_seq: 0,
            is_open_below: false,
            first: 0,
        }
    }

    /// A stream whose first packet here is of that time. One that was lost before it, as its leg came up, is wanted if it is brought;
    /// so many ticks before it are lacking.
    pub(super) fn from_first(timestamp: u32, lacking: u64) -> Self {
        let mut heard = Self::new(timestamp);
        heard.is_open_below = true;
        heard.first = heard.begin();
        if lacking > 0 {
            let begin = heard.first - lacking.min(WINDOW);
            heard.ranges.push_front(begin..begin);
        }
        heard
    }

    /// A packet came by the leg, `passed` ticks after the one before.
    pub(super) fn live(&mut self, seq: u16, timestamp: u32, ticks: u32, passed: u64) -> Place {
        let (at, end) = (self.unwrap(timestamp), self.end());
        if at < end {
            return self.behind(at, ticks);
        }
        let follows = seq == self.newest_seq.wrapping_add(1) || self.newest().is_empty();
        self.newest_seq = seq;
        let missing = at - end;
        if missing > passed + LEAP_MAX {
            self.ranges.clear();
            self.ranges.push_back(at..at + u64::from(ticks));
            return Place::Next;
        }
        if follows || missing < GAP_MIN {
            self.newest().end = at + u64::from(ticks);
            return Place::Next;
        }
        self.ranges.push_back(at..at + u64::from(ticks));
        Place::AfterGap(missing)
    }

    fn behind(&mut self, at: u64, ticks: u32) -> Place {
        if self.enter(at, ticks) {
            Place::Fills(at)
        } else if self.brought.iter().any(|range| range.contains(&at)) {
            Place::Again
        } else {
            Place::Next
        }
    }

    /// A packet came by the socket. The time it is of, or `None` if that was here already or lies too far off.
    pub(super) fn bring(&mut self, timestamp: u32, ticks: u32) -> Option<u64> {
        let (at, end) = (self.unwrap(timestamp), self.end());
        if at >= end + WINDOW {
            return None;
        }
        if at >= end {
            self.ranges.push_back(at..at + u64::from(ticks));
            self.join();
        } else if self.is_open_below && at < self.begin() && at + WINDOW > end {
            self.ranges.push_front(at..(at + u64::from(ticks)).min(self.begin()));
            self.join();
        } else if !self.enter(at, ticks) {
            return None;
        }
        match self.brought.back_mut().filter(|last| last.end == at) {
            Some(last) => last.end += u64::from(ticks),
            None => self.brought.push_back(at..at + u64::from(ticks)),
        }
        if self.brought.len() > RANGES_MAX {
            self.brought.pop_front();
        }
        Some(at)
    }

    /// Takes a time that lies in a gap; false if it lies in none.
    fn enter(&mut self, at: u64, ticks: u32) -> bool {
        let after = self.ranges.partition_point(|range| range.start <= at);
        let (Some(before), Some(next)) = (after.checked_sub(1), self.ranges.get(after)) else {
            return false;
        };
        let upper = next.start;
        if self.ranges.get(before).is_none_or(|range| at < range.end) {
            return false;
        }
        self.ranges
            .insert(after, at..(at + u64::from(ticks)).min(upper).max(at + 1));
        self.join();
        true
    }

    /// Makes one of ranges that touch.
    fn join(&mut self) {
        let mut at = 1;
        while let (Some(before), Some(range)) = (self.ranges.get(at - 1).cloned(), self.ranges.get(at).cloned()) {
            if before.end >= range.start {
                self.ranges.remove(at);
                if let Some(joined) = self.ranges.get_mut(at - 1) {
                    joined.end = before.end.max(range.end);
                }
            } else {
                at += 1;
            }
        }
    }

    /// The gaps, the oldest first.
    pub(super) fn lacks(&self) -> impl Iterator<Item = Range<u64>> {
        self.ranges
            .iter()
            .zip(self.ranges.iter().skip(1))
            .map(|(before, after)| before.end..after.start)
    }

    /// Up to where nothing is lacking.
    pub(super) fn up_to(&self) -> u64 {
        self.ranges.front().map_or(0, |first| first.end)
    }

    /// The same, but no later than `timestamp`.
    pub(super) fn no_later(&self, timestamp: u32) -> u64 {
        self.up_to().min(self.unwrap(timestamp))
    }

    /// Where it begins.
    pub(super) fn begin(&self) -> u64 {
        self.ranges.front().map_or(0, |first| first.start)
    }

    /// Where the newest ends.
    pub(super) fn end(&self) -> u64 {
        self.ranges.back().map_or(0, |last| last.end)
    }

    /// Gives up what is too old or too much. Ticks that are lost by it.
    pub(super) fn age(&mut self) -> u64 {
        let oldest = self.end().saturating_sub(WINDOW);
        self.give_up(|ranges| ranges.len() > RANGES_MAX || ranges.get(1).is_some_and(|second| second.start < oldest))
    }

    /// Gives up all that is lacking. Ticks that are lost by it.
    pub(super) fn settle(&mut self) -> u64 {
        self.give_up(|ranges| ranges.len() > 1)
    }

    /// The same for the gaps that end by `timestamp`. Whether that is as far as all that has come.
    pub(super) fn settle_until(&mut self, timestamp: u32) -> (u64, bool) {
        let until = self.unwrap(timestamp);
        let lost = self.give_up(|ranges| ranges.get(1).is_some_and(|second| second.start <= until));
        (lost, until >= self.end())
    }

    fn give_up(&mut self, is_too_much: impl Fn(&VecDeque<Range<u64>>) -> bool) -> u64 {
        let mut lost = 0;
        while is_too_much(&self.ranges) {
            let Some(first) = self.ranges.pop_front() else { break };
            if let Some(second) = self.ranges.front_mut() {
                lost += second.start.max(self.first) - first.end.max(self.first);
                second.start = first.start;
            }
        }
        lost
    }

    fn newest(&mut self) -> &mut Range<u64> {
        let last = self.ranges.len() - 1;
        &mut self.ranges[last]
    }

    fn unwrap(&self, timestamp: u32) -> u64 {
        let end = self.end();
        end.wrapping_add_signed(i64::from(timestamp.wrapping_sub(end as u32) as i32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: u32 = 100 * 960;

    #[test]
    fn what_was_lost_before_the_first_that_came_is_taken_once() {
        let mut heard = Heard::from_first(AT, 0);
        heard.live(7, AT, 960, 0);
        assert!(heard.bring(AT - 1920, 960).is_some());
        assert_eq!(heard.lacks().map(|gap| gap.end - gap.start).collect::<Vec<_>>(), [960]);
        assert_eq!(heard.up_to() as u32, AT - 960);
        assert!(heard.bring(AT - 960, 960).is_some());
        assert_eq!(heard.bring(AT - 960, 960), None, "it is here");
        assert_eq!((heard.begin() as u32, heard.up_to() as u32), (AT - 1920, AT + 960));
        assert_eq!(heard.bring(AT.wrapping_sub(131 * 48_000), 960), None, "too old");
    }

    #[test]
    fn what_it_may_have_begun_with_is_asked_for_and_is_no_loss() {
        let mut heard = Heard::from_first(AT, 4_800);
        assert_eq!(heard.live(7, AT, 960, 0), Place::Next);
        assert_eq!((heard.up_to() as u32, heard.end() as u32), (AT - 4_800, AT + 960));
        assert_eq!(
            heard.lacks().map(|gap| gap.end - gap.start).collect::<Vec<_>>(),
            [4_800]
        );
        assert!(heard.bring(AT - 1_920, 960).is_some());
        assert_eq!(heard.settle_until(AT), (0, false), "what was not spoken is not lost");
        assert_eq!(heard.up_to() as u32, AT + 960);
        heard.live(20, AT + 9_600, 960, 9_600);
        assert_eq!(heard.settle(), 8_640, "what was is");
    }

    #[test]
    fn what_the_record_has_is_not() {
        let mut heard = Heard::new(AT);
        heard.live(7, AT, 960, 0);
        assert_eq!(heard.bring(AT - 960, 960), None);
    }
}
