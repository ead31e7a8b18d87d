//! The shorter form of `make world`: what holds, holds; and the judge notices a law that is broken on purpose.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::large_futures,
    missing_docs
)]

use vivavoce_media::broken::{Law, break_law};
use vivavoce_world::{Schedule, World, schedule::Fault};

/// Interviews of one of the parts that run beside each other, of five turns and two faults each.
const PART: u64 = 64;

/// So many interviews from a seed on.
fn hold(seed: u64, count: u64, faults: usize) {
    let mut world = World::begin();
    for seed in seed..seed + count {
        let schedule = Schedule::draw(seed, 5, faults, None);
        let outcome = world.interview(&schedule);
        assert_eq!(outcome.violations, Vec::<String>::new(), "{schedule:?}");
        assert!(!outcome.technical_failure, "{schedule:?}");
        assert!(outcome.virtual_ms > 60_000 && outcome.datagrams > 4_000, "{outcome:?}");
        // the last may have been to come after the end
        assert!(outcome.struck.len() + 1 >= faults, "{outcome:?}");
    }
}

macro_rules! parts {
    ($($name:ident: $nth:literal),*) => {
        $(#[test]
        fn $name() {
            hold(1 + $nth * PART, PART, 2);
        })*
    };
}

// 512 in all; `make world N=…` does as many as are asked for.
parts!(part_1: 0, part_2: 1, part_3: 2, part_4: 3, part_5: 4, part_6: 5, part_7: 6, part_8: 7);

/// What was found once, and mended: it stays so.
#[test]
fn what_was_found_before_holds() {
    let cases = [
        // a clock set back had the record say that nothing was heard of what had long been heard
        (69, 0, [(28_278, Fault::ClockJumps(-300)), (39_487, Fault::AiVanishes)]),
        // what was sent to a candidate who was away, and not yet known to be, was taken for heard
        (231, 0, [(1_542, Fault::Away(100)), (2_431, Fault::AiVanishes)]),
        // an answer that was due, and never began, was nobody's once the candidate had been away
        (554, 0, [(50_923, Fault::AiStalls(1)), (51_298, Fault::Away(30))]),
        // the last packet of a leg came a second too late, and was heard behind what followed
        (108, 0, [(16_123, Fault::Away(5)), (46_183, Fault::AiStalls(1))]),
        // a browser that was out of reach again when it was asked was taken for one that does not answer
        (1_289, 1_231, [(52_429, Fault::BothLegs), (54_634, Fault::Away(30))]),
        // an answer that was asked for in vain before the candidate was lost was nobody's
        (
            2_450,
            2_099,
            [(35_682, Fault::AiStalls(1_000)), (45_313, Fault::Away(5))],
        ),
        // and so was one that they spoke on behind
        (3_298, 0, [(3_060, Fault::Away(30)), (5_892, Fault::AiStalls(1_000))]),
        // what the record had already was taken again by another process
        (2_235, 0, [(18_881, Fault::Away(30)), (22_198, Fault::Terminated)]),
        // another process took what was heard for longer than it was, by as much as the clock had been set
        (
            2_381,
            0,
            [(33_069, Fault::ClockJumps(8)), (34_660, Fault::Killed(1_293))],
        ),
        // and for shorter, where no heartbeat had reached the database
        (4_179, 0, [(8_711, Fault::StoreAway(33)), (41_535, Fault::Killed(395))]),
        // a turn whose words were late lost its place with the process
        (
            5_302,
            2_794,
            [(48_946, Fault::Killed(342)), (51_633, Fault::TakenOver(235))],
        ),
        // a turn in two streams came to a third process the wrong way round
        (10_047, 0, [(36_250, Fault::Terminated), (46_392, Fault::Killed(1_132))]),
        // a browser whose ICE restart had not been answered was asked for consent in the session that it did not know
        (20_864, 0, [(1_012, Fault::Away(30)), (19_616, Fault::Microphone(19))]),
        // what had arrived within the last 120 ms was said again, a word more than the one at the seam
        (40_044, 0, [(10_919, Fault::Away(30)), (45_132, Fault::AiExpires)]),
        (71_012, 2_237, [(382, Fault::AiExpires), (42_575, Fault::AiVanishes)]),
        // an old tab that had hung up was taken for one that hears
        (50_208, 0, [(23_129, Fault::SecondTab), (46_000, Fault::Rotates(46))]),
        // a leg was told that its last words had not been heard, which another had said
        (51_672, 2_090, [(34_786, Fault::Terminated), (46_700, Fault::BothLegs)]),
        (60_018, 0, [(5_794, Fault::SecondTab), (8_954, Fault::Killed(108))]),
        // a session was given away as heard while nobody heard it
        (52_191, 0, [(12_647, Fault::Terminated), (19_128, Fault::Away(5))]),
        // what was on its way when a turn was written was noted for it
        (60_227, 0, [(657, Fault::BothLegs), (27_101, Fault::Terminated)]),
        // what was known of a process that died went with the socket that had asked for its session
        (60_830, 0, [(9_744, Fault::TakenOver(128)), (10_981, Fault::Away(5))]),
        // what a process said to its last counted as heard by a page that was away already
        (110_193, 0, [(1_758, Fault::Away(100)), (3_434, Fault::TakenOver(550))]),
        (100_361, 0, [(47_973, Fault::Away(100)), (49_622, Fault::Killed(188))]),
        // what a tab kept went with it when a second one took over, and then the process before it was written down
        (71_904, 2_788, [(14_074, Fault::Terminated), (16_973, Fault::SecondTab)]),
        (
            201_065,
            2_198,
            [(20_128, Fault::SecondTab), (22_733, Fault::TakenOver(498))],
        ),
        // what is said again goes eight times as fast as it was spoken: a turn's end was taken for what came behind it
        (
            221_609,
            1_485,
            [(19_256, Fault::BothLegs), (24_894, Fault::TakenOver(664))],
        ),
        // who was back for a moment between two outages was heard in the wrong order
        (303_668, 729, [(16_649, Fault::Away(5)), (21_713, Fault::Away(5))]),
        // what was on its way to a page as it was reloaded, before anybody had measured how far it is, was not said again
        (314_083, 1_058, [(1_960, Fault::Reloads), (17_282, Fault::Moves)]),
        // a tab that was replaced while it was away came back in a moment in which the one in its place had no socket
        (202_534, 0, [(32_235, Fault::Away(30)), (41_483, Fault::SecondTab)]),
        // a leg was cut as it came up: what it had begun with was not asked for
        (600_938, 0, [(40_837, Fault::BothLegs), (43_586, Fault::Away(5))]),
        (704_112, 1_714, [(33_867, Fault::Terminated), (34_845, Fault::BothLegs)]),
        // two words were said again where one was cut
        (610_946, 0, [(24_210, Fault::Killed(474)), (26_836, Fault::AiVanishes)]),
        // a WebSocket that was refused, as by a proxy, was asked for again and again, and WebRTC never more
        (
            753_612,
            0,
            [(10_541, Fault::AiStalls(1_000)), (35_884, Fault::AiExpires)],
        ),
        // an answer to a process that was gone kept the next from taking what was spoken before it
        (
            720_596,
            1_254,
            [(4_362, Fault::Away(5)), (10_118, Fault::TakenOver(767))],
        ),
        // a clock was set while the interviewer spoke and nothing else happened, and nobody noted it before the process died
        (
            812_307,
            0,
            [(21_031, Fault::ClockJumps(8)), (21_246, Fault::Killed(961))],
        ),
        // the AI had been silent for less than half a second when the process died: what it had not said counted as heard
        (757_686, 0, [(19_136, Fault::AiVanishes), (19_797, Fault::Killed(785))]),
    ];
    let mut world = World::begin();
    for (seed, late_ms, faults) in cases {
        let schedule = Schedule {
            faults: faults.to_vec(),
            late_ms,
            ..Schedule::draw(seed, 5, 0, None)
        };
        assert_eq!(
            world.interview(&schedule).violations,
            Vec::<String>::new(),
            "{schedule:?}"
        );
    }
}

#[test]
fn undisturbed_interviews_are_whole() {
    hold(1, 4, 0);
}

/// How many interviews it takes until the judge finds fault with a relay that breaks that law.
fn noticed(law: Law) {
    break_law(Some(law));
    let mut world = World::begin();
    let found = (1..=100).find(|seed| {
        !world
            .interview(&Schedule::draw(*seed, 5, 2, None))
            .violations
            .is_empty()
    });
    break_law(None);
    assert!(found.is_some(), "{law:?}: a hundred interviews, and nobody has noticed");
}

#[test]
fn a_hold_that_drops_its_oldest_second_is_noticed() {
    noticed(Law::Hold);
}

#[test]
fn a_splice_that_gives_a_timestamp_twice_is_noticed() {
    noticed(Law::Timestamp);
}

#[test]
fn a_record_in_the_order_of_arrival_is_noticed() {
    noticed(Law::Order);
}

#[test]
fn a_new_leg_that_is_not_told_of_the_last_item_is_noticed() {
    noticed(Law::LastItem);
}
