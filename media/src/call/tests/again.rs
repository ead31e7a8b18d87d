//! Another AI leg in place of one that is lost, or beside it: the candidate's turn goes to it whole, once and in order.

use super::world::{To, World, is_one_stream, numbers};
use crate::call::Side;
use crate::leg::tests::MS;
use crate::{Event, LegEvent};

/// The candidate speaks on, and the AI says nothing.
fn speaks(world: &mut World, numbers: std::ops::Range<u16>) {
    for n in numbers {
        world.browser_speaks(n);
        world.run(20 * MS);
    }
}

fn is_lost(world: &World) -> bool {
    let lost = |(_, event): &(_, Event)| matches!(event, Event::Ai(LegEvent::Lost { .. }));
    world.events.iter().any(lost)
}

/// Speaks from `from` until the AI leg is known to be lost; the number that follows.
fn until_lost(world: &mut World, from: u16) -> u16 {
    let gone = world.now;
    let mut n = from;
    while !is_lost(world) {
        speaks(world, n..n + 1);
        n += 1;
        assert!(world.now - gone < 1500 * MS, "noticed in time");
    }
    n
}

/// Another leg comes up while the candidate speaks from `from` on; the number that follows.
fn another(world: &mut World, from: u16) -> u16 {
    world.loses = Box::new(|_, _| false);
    world.openai_heard.clear();
    world.openai_dialled();
    let mut n = from;
    while !world.both_up() {
        speaks(world, n..n + 1);
        n += 1;
        assert!(n < from + 100, "it comes up");
    }
    n
}

#[test]
fn the_turn_of_an_ai_that_vanishes_goes_to_the_next_whole() {
    let mut world = World::joined(120_000);
    speaks(&mut world, 0..50);
    world.core.ai_has(world.now, true, 1);
    speaks(&mut world, 50..80);
    world.loses = Box::new(|to, _| matches!(to, To::Relay(Side::Ai) | To::OpenAi));
    let n = until_lost(&mut world, 80);
    // the owner is told a moment later
    speaks(&mut world, n..n + 3);
    world.core.ai_again(world.now);
    world.core.close_side(world.now, Side::Ai);
    let n = another(&mut world, n + 3);
    speaks(&mut world, n..n + 10);
    assert!(world.openai_heard.is_empty(), "first it is told what was said");
    world.core.release_to_ai(world.now, true);
    speaks(&mut world, n + 10..n + 100);
    // and the two packets that were on their way when it said what it has
    assert_eq!(numbers(&world.openai_heard), (48..n + 100).collect::<Vec<u16>>());
    is_one_stream(&world.openai_heard);
}

#[test]
fn of_speech_that_no_turn_is_known_of_the_last_second_before_it_was_heard_goes_too() {
    let mut world = World::joined(120_000);
    speaks(&mut world, 0..300);
    world.loses = Box::new(|to, _| matches!(to, To::Relay(Side::Ai) | To::OpenAi));
    let n = until_lost(&mut world, 300);
    world.core.ai_again(world.now);
    world.core.close_side(world.now, Side::Ai);
    let n = another(&mut world, n);
    world.core.release_to_ai(world.now, true);
    speaks(&mut world, n..n + 60);
    let heard = numbers(&world.openai_heard);
    assert!((230..260).contains(&heard[0]), "from {}", heard[0]);
    assert_eq!(heard, (heard[0]..n + 60).collect::<Vec<u16>>());
}
