//! What the candidate could not hear for a moment, on a leg that is not lost.

use super::world::{To, World, numbers};
use crate::call::Side;
use crate::leg::tests::MS;

/// Each number once, in order; those that were heard more often, and those that were not heard.
fn seams(heard: &[u16], all: std::ops::Range<u16>) -> (Vec<u16>, Vec<u16>) {
    let times = |n: u16| heard.iter().filter(|it| **it == n).count();
    (
        all.clone().filter(|n| times(*n) > 1).collect(),
        all.filter(|n| times(*n) == 0).collect(),
    )
}

/// Numbers and times of the stream rise; what is heard again comes under new ones.
fn is_rising(world: &World) {
    for pair in world.browser.heard.windows(2) {
        let (before, after) = (&pair[0].1, &pair[1].1);
        let seq = |packet: &[u8]| u16::from_be_bytes([packet[2], packet[3]]);
        let ts = |packet: &[u8]| u32::from_be_bytes(packet[4..8].try_into().unwrap());
        assert!(seq(after).wrapping_sub(seq(before)) as i16 > 0);
        assert!(ts(after).wrapping_sub(ts(before)) as i32 > 0);
    }
}

#[test]
fn what_was_said_to_an_address_that_was_left_is_said_again() {
    let mut world = World::joined(30_000);
    world.talk(0..100);
    world.browser.address = "10.0.0.9:5009".parse().unwrap();
    let moved = world.now;
    world.talk(100..200);
    world.run(1000 * MS);
    let (again, missing) = seams(&numbers(&world.browser.heard), 0..200);
    assert!(missing.is_empty(), "{missing:?}");
    assert!(
        again.len() <= 4 && again.iter().all(|n| (95..101).contains(n)),
        "{again:?}"
    );
    is_rising(&world);
    assert_eq!(world.counters().remedy_pair_follow.get(), 1);
    let first = world
        .browser
        .heard
        .iter()
        .find(|(at, _)| *at > moved + 20 * MS)
        .unwrap();
    assert!(first.0 - moved < 250 * MS, "{:?}", first.0 - moved);
}

#[test]
fn what_was_said_while_nothing_of_theirs_came_for_a_moment_is_said_again() {
    let mut world = World::joined(30_000);
    world.talk(0..100);
    world.loses = Box::new(|to, _| matches!(to, To::Relay(Side::Candidate) | To::Browser));
    world.talk(100..150);
    world.loses = Box::new(|_, _| false);
    world.talk(150..250);
    world.run(1000 * MS);
    let (again, missing) = seams(&numbers(&world.browser.heard), 0..250);
    assert!(missing.is_empty(), "{missing:?}");
    assert!(again.len() <= 4, "{again:?}");
    is_rising(&world);
}

#[test]
fn a_muted_candidate_whose_leg_is_well_hears_nothing_twice() {
    let mut world = World::joined(30_000);
    world.talk(0..50);
    for n in 50..400 {
        world.openai_speaks(n);
        world.run(20 * MS);
    }
    world.run(500 * MS);
    assert_eq!(numbers(&world.browser.heard), (0..400).collect::<Vec<u16>>());
}
