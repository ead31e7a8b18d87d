//! Live speech waits behind what is lacking before it, and for how long (pure).
//!
//! Is: the wait of one gap, or of several that follow one another. Isn't: a judgement of what is lacking (`heard.rs`).
//! **Law:** it ends. Whoever is out of reach is waited for beyond that, since nothing comes of them meanwhile that would wait.

use bytes::BytesMut;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// In all, from when it began or from when they were back last.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// A browser of which nothing came for so long has not heard what it was asked. Live, it sends 50 packets a second.
pub(super) const OUT_OF_REACH: Duration = Duration::from_millis(500);
/// By then who is out of reach is known to be lost.
const NOTICED: Duration = Duration::from_secs(2);
/// The longest outage in which a browser keeps speech.
const LOST_MAX: Duration = Duration::from_secs(130);

/// See the module.
pub(super) struct Gate {
    until: Instant,
    bound: Instant,
    shut_at: Instant,
    pub(super) is_answered: bool,
    /// The leg's generation, and the packet.
    pub(super) waiting: VecDeque<(u32, BytesMut)>,
    pub(super) bytes: usize,
}

impl Gate {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            until: now,
            bound: now + WAIT_MAX,
            shut_at: now,
            is_answered: false,
            waiting: VecDeque::new(),
            bytes: 0,
        }
    }

    /// It waits so long from now at least.
    pub(super) fn wait(&mut self, now: Instant, patience: Duration) {
        self.until = (now + patience).max(self.until).min(self.bound);
    }

    /// It has been answered, and waits so long for more.
    pub(super) fn answered(&mut self, now: Instant, patience: Duration) {
        self.is_answered = true;
        self.until = (now + patience).min(self.bound);
    }

    /// They are back, and have the time to answer.
    pub(super) fn back(&mut self, now: Instant, patience: Duration) {
        self.bound = now + WAIT_MAX;
        self.wait(now, patience);
    }

    /// When it has waited for long enough. `at`: when anything came of them last.
    pub(super) fn due(&self, at: Instant, is_lost: bool) -> Instant {
        if is_lost {
            self.until.max(self.shut_at + LOST_MAX)
        } else if at + OUT_OF_REACH <= self.until {
            self.until.max(at + NOTICED)
        } else {
            self.until
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::*;
    use bytes::Bytes;

    const STREAM: u32 = 7;

    struct Speaker {
        late: Late,
        now: Instant,
        on: Vec<u16>,
    }

    fn payload(n: u16) -> Bytes {
        Bytes::from([&[9 << 3, 1, 2][..], &n.to_be_bytes()].concat())
    }

    fn number(packet: &[u8]) -> u16 {
        u16::from_be_bytes(*packet.last_chunk().unwrap())
    }

    impl Speaker {
        fn new() -> Self {
            #[expect(clippy::disallowed_methods, reason = "an origin for a virtual clock")]
            let now = Instant::now();
            let mut late = Late::new(now);
            late.set_kept(now, true);
            Self {
                late,
                now,
                on: Vec::new(),
            }
        }

        fn pass(&mut self, ms: u64) {
            self.now += Duration::from_millis(ms);
            if self.late.is_whole() || self.late.is_due(self.now) {
                let open = self.late.open(self.now);
                self.on.extend(open.iter().map(|(_, packet)| number(packet)));
            }
        }

        fn live(&mut self, numbers: std::ops::Range<u16>) {
            for n in numbers {
                let times = [&(u32::from(n) * 960).to_be_bytes()[..], &STREAM.to_be_bytes()].concat();
                let packet = [&[0x80, 111][..], &n.to_be_bytes(), &times, &payload(n)].concat();
                let header = Header::parse(&packet).unwrap();
                match self.late.live(self.now, 1, &header, &packet) {
                    Way::On(_) | Way::Before(_) => self.on.push(n),
                    Way::Wait => assert!(!self.late.wait(1, &packet)),
                    Way::Nowhere => {}
                }
                self.pass(20);
            }
        }

        fn kept(&mut self, numbers: std::ops::Range<u16>) {
            let kept = Kept {
                stream: STREAM,
                time: u32::from(numbers.start) * 960,
                packets: numbers.map(payload).collect(),
                is_last: true,
            };
            let on = self.late.kept(self.now, &kept);
            self.on.extend(on.iter().map(|(_, packet)| number(packet)));
            self.pass(0);
        }
    }

    /// Back for a moment between two outages, in which the browser had no time to answer.
    #[test]
    fn who_is_lost_again_is_waited_for() {
        let mut speaker = Speaker::new();
        speaker.live(0..10);
        speaker.pass(5_000);
        speaker.live(260..264);
        speaker.pass(1_750);
        speaker.late.set_lost(speaker.now, true);
        speaker.pass(60_000);
        assert_eq!(speaker.on, (0..10).collect::<Vec<u16>>());
        speaker.late.set_lost(speaker.now, false);
        speaker.live(3_350..3_352);
        speaker.kept(10..260);
        speaker.kept(264..3_350);
        speaker.live(3_352..3_354);
        assert_eq!(speaker.on, (0..3_354).collect::<Vec<u16>>());
    }

    #[test]
    fn and_not_for_ever() {
        let mut speaker = Speaker::new();
        speaker.live(0..10);
        speaker.pass(2_000);
        speaker.live(110..112);
        speaker.late.set_lost(speaker.now, true);
        speaker.pass(LOST_MAX_MS - 100);
        assert_eq!(speaker.on.len(), 10);
        speaker.pass(100);
        assert_eq!(speaker.on.last(), Some(&111));
    }

    /// A microphone that ends says nothing either, and its leg is well.
    #[test]
    fn who_only_says_nothing_is_waited_for_until_a_loss_would_be_known() {
        let mut speaker = Speaker::new();
        speaker.live(0..10);
        speaker.pass(1_000);
        speaker.live(60..61);
        speaker.pass(1_900);
        assert_eq!(speaker.on.len(), 10);
        speaker.pass(100);
        assert_eq!(speaker.on.last(), Some(&60));
    }

    /// Its network was cut as its leg came up: nothing of the stream is known but what comes when it is back.
    #[test]
    fn a_leg_that_was_up_before_any_of_it_came_is_asked_for_its_beginning() {
        let mut speaker = Speaker::new();
        let answered = speaker.now;
        speaker.pass(4_000);
        // its handshake ended for us as the network was back
        speaker.late.set_up(speaker.now, answered);
        speaker.pass(1_000);
        speaker.live(250..253);
        let told = speaker.late.poll_told(|| None).unwrap();
        let begin = (250_u32 * 960).wrapping_sub(5_500 * 48);
        assert_eq!(
            (told.up_to, told.lacks),
            (begin, vec![(begin, Some(250 * 960))]),
            "the browser drops none of it"
        );
        assert!(speaker.on.is_empty());
        speaker.kept(0..250);
        speaker.live(253..255);
        assert_eq!(speaker.on, (0..255).collect::<Vec<u16>>());
        assert_eq!(speaker.late.take_lost_ms(), 0);

        let mut mute = Speaker::new();
        mute.late.set_up(mute.now, mute.now);
        mute.pass(5_000);
        mute.live(250..252);
        mute.kept(250..250);
        assert_eq!(mute.on, [250, 251], "there was none");
        assert_eq!(mute.late.take_lost_ms(), 0);

        let mut prompt = Speaker::new();
        prompt.late.set_up(prompt.now, prompt.now);
        prompt.pass(60);
        prompt.live(0..2);
        assert_eq!(prompt.on, [0, 1], "nobody waits");
    }

    const LOST_MAX_MS: u64 = 130_000;
}
