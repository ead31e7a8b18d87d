//! The candidate's way to the relay is cut, and what was said meanwhile comes by another.

use super::world::{To, World, is_one_stream, numbers};
use crate::call::Side;
use crate::leg::tests::MS;
use crate::{Event, Kept, LegEvent, Received};
use bytes::Bytes;

/// What the browser kept of its packets of these numbers; the world's browser counts its packets from 60.
fn kept(world: &World, numbers: std::ops::Range<u16>, is_last: bool) -> Kept {
    Kept {
        stream: world.browser.leg.peer.ssrc(),
        time: u32::from(numbers.start + 60) * 960,
        packets: numbers
            .map(|n| Bytes::from([&[0x78, 9, 9][..], &n.to_be_bytes()].concat()))
            .collect(),
        is_last,
    }
}

fn received(world: &World) -> Vec<Received> {
    let events = world.events.iter();
    events
        .filter_map(|(_, event)| match event {
            Event::Candidate(LegEvent::Received(received)) => Some(received.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn five_seconds_that_came_by_the_socket_are_heard_in_their_place() {
    let mut world = World::joined(30_000);
    world.core.keep(world.now, true);
    world.talk(0..100);
    world.loses = Box::new(|to, _| matches!(to, To::Relay(Side::Candidate) | To::Browser));
    world.talk(100..350);
    world.loses = Box::new(|_, _| false);
    world.talk(350..360);
    let asked = received(&world);
    let ticks = |n: u32| (n + 60) * 960;
    assert_eq!(asked.last().unwrap().lacks, [(ticks(100), Some(ticks(350)))]);
    world.core.kept(world.now, &kept(&world, 100..350, true));
    world.talk(360..700);
    world.run(1000 * MS);
    assert_eq!(numbers(&world.openai_heard), (0..700).collect::<Vec<u16>>());
    is_one_stream(&world.openai_heard);
    let times: Vec<u32> = world
        .openai_heard
        .iter()
        .map(|(_, packet)| u32::from_be_bytes(packet[4..8].try_into().unwrap()))
        .collect();
    assert!(
        times.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == 960),
        "delayed, not torn apart"
    );
    let last = world.openai_heard.last().unwrap().0;
    assert!(world.now - last >= 960 * MS, "caught up");
    let newest = received(&world).pop().unwrap();
    // all has arrived; what the AI may not have for good, the browser keeps: the last four seconds, as no turn was told of
    assert!((ticks(490)..ticks(510)).contains(&newest.up_to), "{newest:?}");
    world.core.ai_has(world.now, false, 1);
    world.collect();
    let newest = received(&world).pop().unwrap();
    assert_eq!((newest.up_to, newest.lacks), (ticks(700), Vec::new()));
    let held = world.core.stats();
    assert_eq!((held.held_ms, held.dropped_ms), ([0, 0], [0, 0]));
}

#[test]
fn two_minutes_fit() {
    let mut world = World::joined(30_000);
    world.core.keep(world.now, true);
    world.talk(0..10);
    world.loses = Box::new(|to, _| to == To::Relay(Side::Candidate));
    world.talk(10..6010);
    world.loses = Box::new(|_, _| false);
    world.talk(6010..6015);
    for from in (10..6010).step_by(500) {
        world
            .core
            .kept(world.now, &kept(&world, from..from + 500, from == 5510));
    }
    world.run(45_000 * MS);
    assert_eq!(numbers(&world.openai_heard), (0..6015).collect::<Vec<u16>>());
}

#[test]
fn what_the_browser_could_not_keep_is_counted() {
    let mut world = World::joined(30_000);
    world.core.keep(world.now, true);
    world.talk(0..100);
    world.loses = Box::new(|to, _| to == To::Relay(Side::Candidate));
    world.talk(100..200);
    world.loses = Box::new(|_, _| false);
    world.talk(200..210);
    world.core.kept(world.now, &kept(&world, 200..200, true));
    world.talk(210..250);
    world.run(500 * MS);
    assert_eq!(
        numbers(&world.openai_heard),
        (0..100).chain(200..250).collect::<Vec<u16>>()
    );
    let lost = world.counters().speech_dropped_ms.each_ref().map(crate::Count::get);
    assert_eq!(lost, [2000, 0]);
}

#[test]
fn who_is_muted_is_not_heard_when_live_speech_waits() {
    let mut world = World::joined(30_000);
    world.core.keep(world.now, true);
    world.talk(0..100);
    world.loses = Box::new(|to, _| to == To::Relay(Side::Candidate));
    world.talk(100..200);
    world.loses = Box::new(|_, _| false);
    world.core.mute(true);
    world.talk(200..210);
    world.core.kept(world.now, &kept(&world, 100..200, true));
    world.talk(210..250);
    world.run(500 * MS);
    assert_eq!(numbers(&world.openai_heard), (0..200).collect::<Vec<u16>>());
}

#[test]
fn the_websocket_hears_late_speech_in_its_place_too_as_one_stream() {
    let mut world = World::new(30_000);
    world.browser_joins();
    assert!(world.until(2000 * MS, |world| world.browser.leg.peer.is_up()));
    let (speech, mut heard) = tokio::sync::mpsc::channel(1000);
    world.core.ai_pcm(world.now, speech);
    world.core.keep(world.now, true);
    world.talk(0..100);
    world.loses = Box::new(|to, _| to == To::Relay(Side::Candidate));
    world.talk(100..350);
    world.loses = Box::new(|_, _| false);
    world.talk(350..360);
    world.core.kept(world.now, &kept(&world, 100..350, true));
    world.talk(360..500);
    world.run(2000 * MS);
    let heard: Vec<_> = std::iter::from_fn(|| heard.try_recv().ok()).collect();
    let numbers: Vec<u16> = heard
        .iter()
        .map(|it| u16::from_be_bytes([it.payload[3], it.payload[4]]))
        .collect();
    assert_eq!(numbers, (0..500).collect::<Vec<u16>>());
    for pair in heard.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq.wrapping_add(1));
        assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(960));
    }
}
