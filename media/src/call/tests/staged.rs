//! A leg, or PCM, beside what is there: it hears nothing and is not heard until it is told to take over; then it has the candidate's
//! open turn whole, once and in order, whichever transport follows which.

use super::world::{World, is_one_stream, numbers};
use crate::leg::tests::MS;
use crate::websocket::{Frame, Speech};
use crate::{CloseCause, Event, LegEvent};
use bytes::Bytes;
use tokio::sync::mpsc;

/// Of fifty packets that were said, the first that may have been on its way when the AI said what it has: how far it is is not known
/// over a WebSocket, and 120 ms are taken. A leg is 20 ms away here, and another 20 are added.
const ON_THE_WAY: u16 = 44;

/// The candidate speaks on, and the AI says nothing.
fn speaks(world: &mut World, numbers: std::ops::Range<u16>) {
    for n in numbers {
        world.browser_speaks(n);
        world.run(20 * MS);
    }
}

fn taken(heard: &mut mpsc::Receiver<Speech>) -> Vec<u16> {
    let number = |speech: Speech| u16::from_be_bytes([speech.payload[3], speech.payload[4]]);
    std::iter::from_fn(|| heard.try_recv().ok().map(number)).collect()
}

fn plays(world: &mut World, generation: u32, numbers: std::ops::Range<u16>) {
    for n in numbers {
        let mut payload = vec![0x78, 9, 9];
        payload.extend(n.to_be_bytes());
        let frame = Frame {
            seq: n,
            ts: u32::from(n) * 960,
            payload: Bytes::from(payload),
        };
        world.core.play(world.now, generation, &frame);
        world.run(20 * MS);
    }
}

fn seated() -> World {
    let mut world = World::new(120_000);
    world.browser_joins();
    assert!(world.until(2000 * MS, |world| world.browser.leg.peer.is_up()));
    world
}

fn switched(world: &World) -> usize {
    world.told(|event| *event == Event::AiSwitched)
}

#[test]
fn pcm_takes_over_from_pcm_with_the_open_turn() {
    let mut world = seated();
    let (speech, mut first) = mpsc::channel(512);
    let (staged, mut second) = mpsc::channel(512);
    let old = world.core.ai_pcm(world.now, speech);
    speaks(&mut world, 0..50);
    world.core.ai_has(world.now, true, 1);
    let new = world.core.ai_pcm_staged(world.now, staged);
    speaks(&mut world, 50..100);
    plays(&mut world, new, 0..10);
    assert!(taken(&mut second).is_empty(), "it hears nothing");
    assert!(world.browser.heard.is_empty(), "and is not heard");
    plays(&mut world, old, 0..10);
    assert_eq!(taken(&mut first), (0..100).collect::<Vec<u16>>());

    world.core.ai_switch(world.now);
    speaks(&mut world, 100..110);
    assert!(taken(&mut second).is_empty(), "first it is told what was said");
    world.core.release_to_ai(world.now, true);
    speaks(&mut world, 110..200);
    assert_eq!(
        taken(&mut second),
        (ON_THE_WAY..200).collect::<Vec<u16>>(),
        "of the open turn all"
    );
    assert!(
        first.try_recv().is_err() && first.is_closed(),
        "the one before is let go of"
    );
    plays(&mut world, old, 10..20);
    plays(&mut world, new, 10..20);
    assert_eq!(numbers(&world.browser.heard), (0..20).collect::<Vec<u16>>());
    is_one_stream(&world.browser.heard);
    assert_eq!(switched(&world), 1);
}

#[test]
fn a_leg_takes_over_from_pcm() {
    let mut world = seated();
    let (speech, mut heard) = mpsc::channel(512);
    let old = world.core.ai_pcm(world.now, speech);
    speaks(&mut world, 0..50);
    world.core.ai_has(world.now, true, 1);
    world.openai_dialled_as(true);
    assert!(world.until(2000 * MS, |world| {
        world.openai.as_ref().is_some_and(|openai| openai.peer.is_up())
    }));
    speaks(&mut world, 50..80);
    plays(&mut world, old, 0..10);
    assert_eq!(taken(&mut heard), (0..80).collect::<Vec<u16>>());
    assert!(world.openai_heard.is_empty(), "it hears nothing");
    let next_up = |event: &Event| matches!(event, Event::AiNext(LegEvent::Up { .. }));
    assert_eq!(world.told(next_up), 1);

    world.core.ai_switch(world.now);
    world.core.release_to_ai(world.now, true);
    speaks(&mut world, 80..160);
    assert_eq!(numbers(&world.openai_heard), (ON_THE_WAY..160).collect::<Vec<u16>>());
    is_one_stream(&world.openai_heard);
    assert!(heard.try_recv().is_err() && heard.is_closed());
    plays(&mut world, old, 10..20);
    for n in 10..20 {
        world.openai_speaks(n);
        world.run(20 * MS);
    }
    world.run(100 * MS);
    assert_eq!(numbers(&world.browser.heard), (0..20).collect::<Vec<u16>>());
    is_one_stream(&world.browser.heard);
}

#[test]
fn pcm_takes_over_from_a_leg() {
    let mut world = World::joined(120_000);
    speaks(&mut world, 0..50);
    world.core.ai_has(world.now, true, 1);
    let (staged, mut heard) = mpsc::channel(512);
    let new = world.core.ai_pcm_staged(world.now, staged);
    speaks(&mut world, 50..80);
    assert_eq!(numbers(&world.openai_heard).last(), Some(&79), "the leg goes on");
    world.core.ai_switch(world.now);
    world.core.release_to_ai(world.now, true);
    speaks(&mut world, 80..160);
    assert_eq!(taken(&mut heard), (48..160).collect::<Vec<u16>>());
    plays(&mut world, new, 0..10);
    assert_eq!(numbers(&world.browser.heard), (0..10).collect::<Vec<u16>>());
    assert!(world.openai.as_ref().unwrap().peer.is_closed(), "in good order");
    let closed = |event: &Event| matches!(event, Event::Ai(LegEvent::Closed { .. }));
    assert_eq!(world.told(closed), 0, "replaced, not gone");
}

#[test]
fn of_what_is_staged_there_is_one_and_it_can_be_given_up() {
    let mut world = seated();
    let (speech, mut heard) = mpsc::channel(512);
    world.core.ai_pcm(world.now, speech);
    let (older, mut gone) = mpsc::channel(8);
    let (staged, mut newest) = mpsc::channel(8);
    world.core.ai_pcm_staged(world.now, older);
    world.core.ai_pcm_staged(world.now, staged);
    assert!(gone.try_recv().is_err() && gone.is_closed());
    world.openai_dialled_as(true);
    assert!(newest.try_recv().is_err() && newest.is_closed());
    world.core.ai_drop_next(world.now);
    world.run(100 * MS);
    speaks(&mut world, 0..20);
    assert_eq!(taken(&mut heard), (0..20).collect::<Vec<u16>>(), "the first goes on");

    // and what is not there does not take over: that is told as its end
    world.core.ai_switch(world.now);
    world.collect();
    let last: Vec<_> = world
        .events
        .iter()
        .rev()
        .take(2)
        .map(|(_, event)| event.clone())
        .collect();
    let cause = CloseCause::Failed;
    assert_eq!(last, [Event::Ai(LegEvent::Closed { cause }), Event::AiSwitched]);
    speaks(&mut world, 20..30);
    assert_eq!(taken(&mut heard), (20..30).collect::<Vec<u16>>());
}
