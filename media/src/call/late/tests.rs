#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;

const MS: Duration = Duration::from_millis(1);
const SSRC: u32 = 7;
/// Close to the wrap of the timestamps.
const START: u32 = u32::MAX - 30 * 960;

/// A browser that keeps all that it says, what reaches the relay of it, and what goes on from there.
struct World {
    late: Late,
    now: Instant,
    /// Numbers of packets that went on, in order.
    out: Vec<u16>,
    sources: Vec<Source>,
    asked: Vec<Received>,
    /// Of which stream, and from when, speech is not safe here.
    safe: Option<(u32, u32)>,
}

fn timestamp(n: u16) -> u32 {
    START.wrapping_add(u32::from(n) * 960)
}

fn payload(n: u16) -> Bytes {
    Bytes::from([&[0x78, 9, 9][..], &n.to_be_bytes()].concat())
}

fn number(packet: &[u8]) -> u16 {
    u16::from_be_bytes(packet[packet.len() - 2..].try_into().unwrap())
}

#[expect(clippy::disallowed_methods, reason = "an origin for a virtual clock")]
fn epoch() -> Instant {
    Instant::now()
}

impl World {
    fn new(is_kept: bool) -> Self {
        let now = epoch();
        let mut late = Late::new(now);
        late.set_kept(now, is_kept);
        Self {
            late,
            now,
            out: Vec::new(),
            sources: Vec::new(),
            asked: Vec::new(),
            safe: None,
        }
    }

    fn live(&mut self, n: u16) {
        self.live_of(SSRC, 1, n);
    }

    fn live_of(&mut self, ssrc: u32, generation: u32, n: u16) {
        let bytes = [
            &[0x80, 111][..],
            &(n.wrapping_add(65_500)).to_be_bytes(),
            &timestamp(n).to_be_bytes(),
            &ssrc.to_be_bytes(),
            &payload(n),
        ]
        .concat();
        let header = Header::parse(&bytes).unwrap();
        if generation > self.late.generation {
            self.late.set_up(self.now, self.now);
        }
        match self.late.live(self.now, generation, &header, &bytes) {
            Way::On(source) | Way::Before(source) => self.goes(source, &bytes),
            Way::Wait => {
                if self.late.wait(generation, &bytes) {
                    self.open();
                }
            }
            Way::Nowhere => {}
        }
        self.settle();
    }

    /// The browser answers with packets of these numbers.
    fn kept(&mut self, ssrc: u32, numbers: std::ops::Range<u16>, is_last: bool) {
        let kept = Kept {
            stream: ssrc,
            time: timestamp(numbers.start),
            packets: numbers.map(payload).collect(),
            is_last,
        };
        for (source, packet) in self.late.kept(self.now, &kept) {
            self.goes(source, &packet);
        }
        self.settle();
    }

    fn goes(&mut self, source: Source, packet: &[u8]) {
        self.out.push(number(packet));
        self.sources.push(source);
    }

    fn settle(&mut self) {
        while let Some(told) = self.late.poll_told(|| self.safe) {
            self.asked.push(told);
        }
        if self.late.is_whole() || self.late.is_due(self.now) {
            self.open();
        }
    }

    fn open(&mut self) {
        for (source, packet) in self.late.open(self.now) {
            self.goes(source, &packet);
        }
    }

    fn pass(&mut self, span: Duration) {
        self.now += span;
        self.settle();
    }

    fn talks(&mut self, numbers: std::ops::Range<u16>) {
        for n in numbers {
            self.live(n);
            self.pass(20 * MS);
        }
    }

    /// An outage of so many packets.
    fn away(&mut self, packets: u16) {
        self.now += 20 * MS * u32::from(packets);
    }
}

#[test]
fn what_was_said_during_an_outage_goes_before_what_is_said_after_it() {
    let mut world = World::new(true);
    world.talks(0..50);
    world.away(250);
    world.talks(300..310);
    assert_eq!(world.out, (0..50).collect::<Vec<_>>(), "live speech waits");
    assert_eq!(
        world.asked.last().unwrap(),
        &Received {
            stream: SSRC,
            up_to: timestamp(50),
            lacks: vec![(timestamp(50), Some(timestamp(300)))],
            knows: 0,
        }
    );
    world.kept(SSRC, 50..200, false);
    world.kept(SSRC, 200..300, true);
    world.talks(310..320);
    assert_eq!(world.out, (0..320).collect::<Vec<_>>());
    assert!(world.sources.is_sorted_by_key(|source| source.0));
    world.late.age();
    world.settle();
    assert_eq!(
        (world.asked.last().unwrap().up_to, world.late.take_lost_ms()),
        (timestamp(320), 0)
    );
}

#[test]
fn nothing_waits_and_nothing_is_asked_where_the_browser_keeps_nothing() {
    let mut world = World::new(false);
    world.talks(0..50);
    world.away(250);
    world.talks(300..310);
    assert_eq!(world.out, (0..50).chain(300..310).collect::<Vec<_>>());
    assert!(world.asked.is_empty());
    assert_eq!(world.late.take_lost_ms(), 5000);
}

#[test]
fn ordinary_loss_is_left_to_the_far_end() {
    let mut world = World::new(true);
    for n in (0..500).filter(|n| n % 20 > 3) {
        world.now += 20 * MS;
        world.live(n);
    }
    assert!(world.asked.is_empty(), "{:?}", world.asked);
    assert_eq!(world.out.len(), 400);
}

#[test]
fn a_browser_that_does_not_answer_costs_a_bounded_wait_and_the_next_time_less() {
    let mut world = World::new(true);
    world.talks(0..50);
    world.away(250);
    let back = world.now;
    world.talks(300..600);
    assert_eq!(world.out.len(), 350);
    assert_eq!(world.late.take_lost_ms(), 0, "it may still come");
    world.away(250);
    assert_eq!(
        world.now - back,
        PATIENCE.1 + Duration::from_secs(7),
        "the first has waited 4 s, then flowed"
    );
    let before = world.out.len();
    world.talks(850..899);
    assert_eq!(world.out.len(), before, "and waits again");
    world.talks(899..902);
    assert_eq!(world.out.len(), before + 52, "but a second only");
}

#[test]
fn a_browser_that_cannot_be_asked_is_waited_for_until_it_is_back() {
    let mut world = World::new(true);
    world.talks(0..50);
    world.away(10);
    world.talks(60..70);
    world.late.set_away(world.now);
    world.talks(70..250);
    assert_eq!(world.out.len(), 50, "3.8 s, where it is asked in vain for one");
    world.late.set_kept(world.now, true);
    world.talks(250..290);
    world.kept(SSRC, 50..60, true);
    world.talks(290..300);
    assert_eq!(world.out, (0..300).collect::<Vec<_>>(), "in order");
}

#[test]
fn a_browser_that_was_out_of_reach_again_is_not_blamed_for_its_silence() {
    let mut world = World::new(true);
    world.talks(0..50);
    world.away(100);
    world.talks(150..160);
    world.away(1_500); // and with it goes what it was asked
    world.pass(Duration::ZERO);
    let before = world.out.len();
    world.talks(1_660..1_700);
    world.late.set_away(world.now);
    world.talks(1_700..1_880);
    assert_eq!(world.out.len(), before, "it is waited for as one that answers");
}

#[test]
fn what_comes_after_the_wait_is_still_passed_on_and_live_speech_joins_behind_it() {
    let mut world = World::new(true);
    world.talks(0..50);
    world.away(250);
    world.talks(300..600);
    world.kept(SSRC, 50..300, true);
    world.talks(600..650);
    let mut sorted = world.out.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..650).collect::<Vec<_>>(), "nothing lost or doubled");
    assert!(
        world.sources.is_sorted_by_key(|source| source.0),
        "splice lets all of it pass"
    );
}

#[test]
fn what_the_browser_has_no_more_is_lost_and_said_so() {
    let mut world = World::new(true);
    world.talks(0..50);
    world.away(250);
    world.talks(300..305);
    world.kept(SSRC, 250..300, false);
    world.kept(SSRC, 300..300, true);
    assert_eq!(world.out, (0..50).chain(250..305).collect::<Vec<_>>());
    assert_eq!(world.late.take_lost_ms(), 4000);
}

#[test]
fn an_answer_to_what_was_asked_before_gives_up_nothing_that_was_asked_since() {
    let mut world = World::new(true);
    world.talks(0..50);
    world.away(50);
    world.talks(100..105);
    world.away(50);
    world.talks(155..160);
    world.kept(SSRC, 50..100, true);
    assert_eq!(world.late.take_lost_ms(), 0);
    world.kept(SSRC, 105..155, true);
    assert_eq!(world.late.take_lost_ms(), 0);
    let mut sorted = world.out.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..160).collect::<Vec<_>>());
}

#[test]
fn another_peer_connection_waits_for_the_tail_of_the_one_before() {
    let mut world = World::new(true);
    world.talks(0..50);
    world.away(100);
    for n in 1000..1010 {
        world.live_of(8, 2, n);
        world.pass(20 * MS);
    }
    let asked = world.asked.last().unwrap();
    assert_eq!((asked.stream, &asked.lacks[..]), (SSRC, &[(timestamp(50), None)][..]));
    assert_eq!(world.out.len(), 50);
    world.kept(SSRC, 50..140, true);
    assert_eq!(world.out, (0..140).chain(1000..1010).collect::<Vec<_>>());
    assert!(world.sources.is_sorted_by_key(|source| source.0));
    assert_eq!(
        world.asked.last().unwrap().up_to,
        timestamp(140),
        "the browser may forget the tail"
    );
}

#[test]
fn a_page_that_was_reloaded_and_has_nothing_to_say_of_it_costs_no_wait() {
    let mut world = World::new(true);
    world.talks(0..50);
    world.away(100);
    world.live_of(8, 2, 1000);
    world.kept(SSRC, 50..50, true);
    assert_eq!(world.out.last(), Some(&1000));
}

#[test]
fn a_second_gap_goes_behind_what_waits_for_the_first() {
    let mut world = World::new(true);
    world.talks(0..20);
    world.away(10);
    world.talks(30..40);
    world.away(10);
    world.talks(50..55);
    world.kept(SSRC, 20..30, true);
    assert_eq!(world.out, (0..30).collect::<Vec<_>>());
    world.kept(SSRC, 40..50, true);
    world.talks(55..60);
    assert_eq!(world.out, (0..60).collect::<Vec<_>>());
    assert!(world.sources.is_sorted_by_key(|source| source.0));
}

#[test]
fn a_page_that_went_with_less_than_it_had_sent_is_not_asked_without_end() {
    let mut world = World::new(true);
    world.talks(0..50);
    world.live_of(SSRC + 1, 2, 0);
    let asked = world.asked.len();
    // it had kept up to 47: what it answers is behind what has come, and tells nothing new
    for _ in 0..100 {
        world.kept(SSRC, 47..47, true);
    }
    assert_eq!(
        world.asked.len(),
        asked,
        "an answer that changes nothing asks for nothing"
    );
    world.kept(SSRC, 50..50, true);
    world.talks(50..51);
    assert!(world.asked.last().unwrap().lacks.is_empty());
}

#[test]
fn speech_of_a_stream_that_only_a_process_before_this_one_knew_is_taken_once() {
    let mut world = World::new(true);
    world.live_of(8, 1, 1000);
    world.kept(SSRC, 90..90, true); // what that one had asked for
    for _ in 0..2 {
        world.kept(SSRC, 50..90, true);
    }
    world.live_of(8, 1, 1001);
    assert_eq!(
        world.out,
        [1000].into_iter().chain(50..90).chain([1001]).collect::<Vec<_>>()
    );
    assert!(world.sources.is_sorted_by_key(|source| source.0));
}

#[test]
fn what_a_process_before_this_one_had_is_not_taken_again_and_its_streams_keep_their_order() {
    let mut world = World::new(true);
    world.late.heard_before(SSRC, timestamp(60));
    world.kept(SSRC, 50..70, true);
    world.kept(7, 1000..1010, true);
    world.live_of(8, 1, 2000);
    world.kept(7, 1010..1010, true);
    world.live_of(8, 1, 2001);
    let said = (60..70).chain(1000..1010).chain(2000..2002);
    assert_eq!(world.out, said.collect::<Vec<_>>());
    assert!(world.sources.is_sorted_by_key(|source| source.0));
}

#[test]
fn a_browser_keeps_what_would_be_lost_with_this_process() {
    let mut world = World::new(true);
    world.talks(0..50);
    world.safe = Some((SSRC, timestamp(30)));
    world.late.age();
    world.settle();
    assert_eq!(world.asked.last().unwrap().up_to, timestamp(30));
    world.live_of(8, 2, 1000);
    world.kept(SSRC, 50..50, true);
    world.late.tell(1);
    world.settle();
    let told: Vec<_> = world
        .asked
        .iter()
        .rev()
        .take(2)
        .map(|told| (told.stream, told.up_to))
        .collect();
    assert_eq!(
        told,
        [(8, timestamp(1000)), (SSRC, timestamp(30))],
        "nor anything after it"
    );
    world.safe = None;
    world.late.tell(1);
    world.settle();
    let told: Vec<_> = world
        .asked
        .iter()
        .rev()
        .take(2)
        .map(|told| (told.stream, told.up_to))
        .collect();
    assert_eq!(told, [(8, timestamp(1001)), (SSRC, timestamp(50))]);
}

#[test]
fn a_clock_that_was_set_anew_is_no_gap() {
    let mut world = World::new(true);
    world.talks(0..50);
    world.live(20_000);
    assert!(world.asked.is_empty());
    assert_eq!(world.out.last(), Some(&20_000));
}

#[test]
fn silence_that_is_not_sent_is_no_gap() {
    let mut world = World::new(true);
    world.live(0);
    for n in 1..20u16 {
        world.now += 400 * MS;
        let bytes = [
            &[0x80, 111][..],
            &(n.wrapping_add(65_500)).to_be_bytes(),
            &timestamp(n * 20).to_be_bytes(),
            &SSRC.to_be_bytes(),
            &payload(n),
        ]
        .concat();
        let way = world.late.live(world.now, 1, &Header::parse(&bytes).unwrap(), &bytes);
        assert!(matches!(way, Way::On(_)), "{n}: {way:?}");
    }
}

proptest! {
    /// Outages of any place and length, stragglers, answers that take their time: in order if they come in time, and in any
    /// case nothing lost and nothing doubled.
    #[test]
    fn each_packet_goes_on_once(
        outages in prop::collection::vec((20u16..200, 6u16..150, 0u32..6000, any::<bool>()), 1..5),
        tail in 10u16..300,
        doubled in any::<bool>(),
    ) {
        let mut world = World::new(true);
        let mut n = 0u16;
        let mut answers: BTreeMap<Instant, Vec<(std::ops::Range<u16>, bool)>> = BTreeMap::new();
        let mut is_prompt = true;
        let say = |world: &mut World, answers: &mut BTreeMap<Instant, Vec<(std::ops::Range<u16>, bool)>>, n: u16| {
            world.live(n);
            world.pass(20 * MS);
            while let Some(entry) = answers.first_entry().filter(|entry| *entry.key() <= world.now) {
                for (range, is_last) in entry.remove() {
                    world.kept(SSRC, range.clone(), is_last);
                    if doubled { world.kept(SSRC, range, is_last); }
                }
            }
        };
        for (talk, outage, delay, split) in outages {
            for _ in 0..talk { say(&mut world, &mut answers, n); n += 1; }
            let gap = n..n + outage;
            n += outage;
            world.away(outage);
            say(&mut world, &mut answers, n);
            n += 1;
            is_prompt &= delay < 900;
            let middle = if split { gap.start + outage / 2 } else { gap.start };
            // one socket: what is answered later comes later
            let at = (world.now + delay * MS).max(answers.last_key_value().map_or(world.now, |(at, _)| *at));
            answers.entry(at).or_default().extend([(gap.start..middle, false), (middle..gap.end, true)]);
        }
        for _ in 0..tail { say(&mut world, &mut answers, n); n += 1; }
        for _ in 0..400 { say(&mut world, &mut answers, n); n += 1; }
        let mut sorted = world.out.clone();
        sorted.sort_unstable();
        prop_assert_eq!(&sorted, &(0..n).collect::<Vec<_>>());
        prop_assert!(world.sources.is_sorted_by_key(|source| source.0));
        if is_prompt { prop_assert_eq!(&world.out, &sorted, "in order"); }
        prop_assert_eq!(world.late.take_lost_ms(), 0);
    }
}
