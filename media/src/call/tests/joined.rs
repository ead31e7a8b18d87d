//! What passes between two legs, and what waits.

use super::world::{To, World, is_one_stream, numbers};
use crate::call::Side;
use crate::leg::tests::MS;
use crate::websocket::Frame;
use crate::{CloseCause, Event, LegEvent, LossCause};
use bytes::Bytes;
use tokio::sync::mpsc;

#[test]
fn speech_passes_both_ways_and_nothing_of_either_far_end_with_it() {
    let mut world = World::joined(30_000);
    world.talk(0..200);
    world.run(100 * MS);
    let expected: Vec<u16> = (0..200).collect();
    assert_eq!(numbers(&world.openai_heard), expected);
    assert_eq!(numbers(&world.browser.heard), expected);
    is_one_stream(&world.openai_heard);
    is_one_stream(&world.browser.heard);

    let theirs = world.browser.leg.peer.ssrc().to_be_bytes();
    assert!(world.openai_heard.iter().all(|(_, packet)| packet[8..12] != theirs));
    assert!(world.openai_rtcp.len() >= 3, "one report a second");
    assert!(
        world
            .openai_rtcp
            .iter()
            .all(|compound| !compound.windows(4).any(|window| window == theirs))
    );
    let stats = world.core.stats();
    assert_eq!(
        (
            stats.candidate.packets_in,
            stats.ai.packets_out,
            stats.candidate.lost_in
        ),
        (200, 200, 0)
    );
    assert_eq!(world.candidate_told(|event| *event == LegEvent::FirstMedia), 1);
}

#[test]
fn nothing_of_the_candidates_description_is_in_the_offer_to_the_ai() {
    let mut world = World::new(1000);
    world.browser_joins();
    let (_, offer) = world
        .core
        .ai_offer(world.now, "10.0.0.3:7000".parse().unwrap(), false)
        .unwrap();
    assert!(offer.ends_with("\r\n"));
    let theirs = world.browser.leg.offer();
    for name in ["ice-ufrag", "ice-pwd", "msid", "ssrc"] {
        let value = crate::leg::sdp::attribute(theirs, name).unwrap();
        assert!(!offer.contains(value), "{name}");
    }
    for absent in ["10.0.0.1", "a=candidate", "a=extmap", "usedtx", "transport-cc"] {
        assert!(!offer.contains(absent), "{absent} in {offer}");
    }
    for present in ["a=setup:actpass", "a=sendrecv", "useinbandfec=1", "webrtc-datachannel"] {
        assert!(offer.contains(present), "{present} not in {offer}");
    }
}

#[test]
fn the_first_words_wait_for_the_far_leg_and_come_in_order_before_the_live_ones() {
    let mut world = World::new(30_000);
    world.browser_joins();
    assert!(world.until(2000 * MS, |world| world.browser.leg.peer.is_up()));
    for n in 0..150 {
        world.browser_speaks(n);
        world.run(20 * MS);
    }
    assert!(
        (2900..=3000).contains(&world.core.stats().held_ms[0]),
        "{:?}",
        world.core.stats()
    );
    world.openai_dialled();
    world.talk(150..400);
    world.run(200 * MS);
    assert_eq!(numbers(&world.openai_heard), (0..400).collect::<Vec<u16>>());
    is_one_stream(&world.openai_heard);
    assert_eq!(world.core.stats().held_ms, [0, 0]);
    // Caught up: the last live word took no longer than the two hops of the net.
    let last = world.openai_heard.last().unwrap().0;
    assert!(world.now - last >= 180 * MS, "the last word came late");
}

#[test]
fn the_ais_first_words_wait_for_the_candidate() {
    let mut world = World::new(30_000);
    world.openai_dialled();
    assert!(world.until(2000 * MS, |world| {
        world.core.stats().ai.up && world.openai.as_ref().is_some_and(|openai| openai.peer.is_up())
    }));
    for n in 0..50 {
        world.openai_speaks(n);
        world.run(20 * MS);
    }
    world.browser_joins();
    world.run(2000 * MS);
    assert_eq!(numbers(&world.browser.heard), (0..50).collect::<Vec<u16>>());
}

#[test]
fn a_hold_is_bounded_and_keeps_the_newest() {
    let mut world = World::new(1000);
    world.browser_joins();
    assert!(world.until(2000 * MS, |world| world.browser.leg.peer.is_up()));
    for n in 0..200 {
        world.browser_speaks(n);
        world.run(20 * MS);
    }
    let stats = world.core.stats();
    assert!(stats.held_ms[0] <= 1000 && stats.dropped_ms[0] >= 2900, "{stats:?}");
    world.openai_dialled();
    world.run(2000 * MS);
    assert_eq!(numbers(&world.openai_heard), (150..200).collect::<Vec<u16>>());
}

#[test]
fn speech_that_is_not_released_waits_though_the_ai_is_up() {
    let mut world = World::new(30_000);
    world.core.release_to_ai(world.now, false);
    world.browser_joins();
    world.openai_dialled();
    assert!(world.until(2000 * MS, World::both_up));
    world.talk(0..50);
    world.run(100 * MS);
    assert!(world.openai_heard.is_empty());
    assert_eq!(numbers(&world.browser.heard).len(), 50, "the other way is open");
    world.core.release_to_ai(world.now, true);
    world.talk(50..100);
    world.run(500 * MS);
    assert_eq!(numbers(&world.openai_heard), (0..100).collect::<Vec<u16>>());
}

#[test]
fn a_mute_leaves_no_hole() {
    let mut world = World::joined(30_000);
    world.talk(0..20);
    world.core.mute(true);
    world.talk(20..70);
    world.core.mute(false);
    world.talk(70..90);
    world.run(100 * MS);
    assert_eq!(
        numbers(&world.openai_heard),
        (0..20).chain(70..90).collect::<Vec<u16>>()
    );
    is_one_stream(&world.openai_heard);
}

#[test]
fn what_the_network_loses_is_lost_and_no_more() {
    let mut world = World::joined(30_000);
    let mut n = 0;
    world.loses = Box::new(move |to, bytes| {
        let counts = to == To::Relay(Side::Candidate) && matches!(bytes.first(), Some(144));
        n += u32::from(counts);
        counts && n % 50 == 25
    });
    world.talk(0..1000);
    world.run(100 * MS);
    assert_eq!(numbers(&world.openai_heard).len(), 980);
    assert_eq!(world.core.stats().candidate.lost_in, 20);
    let (first, last) = (&world.openai_heard[0].1, &world.openai_heard[979].1);
    let seq = |packet: &[u8]| u16::from_be_bytes([packet[2], packet[3]]);
    assert_eq!(
        seq(last).wrapping_sub(seq(first)),
        999,
        "the holes stay, for FEC to see"
    );
}

#[test]
fn a_repeat_that_is_asked_for_is_given_word_for_word() {
    let mut world = World::joined(30_000);
    // One packet to the AI is lost; the AI asks for it.
    let mut n = 0;
    world.loses = Box::new(move |to, bytes| {
        let counts = to == To::OpenAi && bytes.starts_with(&[0x80, 111]);
        n += u32::from(counts);
        counts && n == 10
    });
    world.talk(0..20);
    world.run(100 * MS);
    let heard = &world.openai_heard;
    let seq = |packet: &[u8]| u16::from_be_bytes([packet[2], packet[3]]);
    let hole = heard
        .windows(2)
        .find(|pair| seq(&pair[1].1).wrapping_sub(seq(&pair[0].1)) == 2)
        .unwrap();
    let (ssrc, missing) = (hole[0].1[8..12].to_vec(), seq(&hole[0].1).wrapping_add(1));
    let mut nack = vec![0x81, 205, 0, 3, 0, 0, 0, 7];
    nack.extend(&ssrc);
    nack.extend(missing.to_be_bytes());
    nack.extend([0, 0]);
    let peer = &mut world.openai.as_mut().unwrap().peer;
    let transmit = peer.protect_rtcp(&nack);
    peer.sends.extend(transmit);
    world.run(100 * MS);
    let mut heard = numbers(&world.openai_heard);
    heard.sort_unstable();
    assert_eq!(heard, (0..20).collect::<Vec<u16>>());
    assert_eq!(world.core.stats().ai.repeated, 1);
}

#[test]
fn a_candidate_that_falls_silent_is_lost_and_what_the_ai_says_meanwhile_waits() {
    let mut world = World::joined(30_000);
    world.talk(0..10);
    world.loses = Box::new(|to, _| matches!(to, To::Relay(Side::Candidate) | To::Browser));
    let gone = world.now;
    world.talk(10..260);
    let lost = world.events.iter().find_map(|(at, event)| match event {
        Event::Candidate(LegEvent::Lost {
            cause: LossCause::Silent,
            silent,
        }) => Some((*at, *silent)),
        _ => None,
    });
    let (at, silent) = lost.unwrap();
    assert!(at - gone <= 2000 * MS);
    assert!((1700 * MS..1800 * MS).contains(&silent), "{silent:?}");
    assert!(world.core.stats().held_ms[1] > 2500);
    world.loses = Box::new(|_, _| false);
    world.run(1000 * MS);
    assert_eq!(world.candidate_told(|event| *event == LegEvent::Back), 1);
    world.run(2000 * MS);
    let heard = numbers(&world.browser.heard);
    let held: Vec<u16> = heard.iter().copied().filter(|n| *n >= 100).collect();
    assert_eq!(
        held,
        (100..260).collect::<Vec<u16>>(),
        "all since it was known to be lost"
    );
}

#[test]
fn the_ai_side_as_pcm() {
    let mut world = World::new(30_000);
    world.browser_joins();
    assert!(world.until(2000 * MS, |world| world.browser.leg.peer.is_up()));
    let (speech, mut heard) = mpsc::channel(256);
    for n in 0..10 {
        world.browser_speaks(n);
        world.run(20 * MS);
    }
    let generation = world.core.ai_pcm(world.now, speech);
    for n in 10..50 {
        world.browser_speaks(n);
        world.run(20 * MS);
    }
    let mut got = Vec::new();
    while let Ok(speech) = heard.try_recv() {
        got.push(u16::from_be_bytes([speech.payload[3], speech.payload[4]]));
    }
    assert_eq!(got, (0..50).collect::<Vec<u16>>());
    for n in 0..50_u16 {
        let mut payload = vec![0x78, 9, 9];
        payload.extend(n.to_be_bytes());
        world.core.play(
            world.now,
            generation,
            &Frame {
                seq: n,
                ts: u32::from(n) * 960,
                payload: Bytes::from(payload),
            },
        );
        world.run(20 * MS);
    }
    world.core.play(
        world.now,
        generation + 1,
        &Frame {
            seq: 0,
            ts: 0,
            payload: Bytes::from_static(&[0x78, 9, 9, 9, 9]),
        },
    );
    world.run(100 * MS);
    assert_eq!(numbers(&world.browser.heard), (0..50).collect::<Vec<u16>>());
    is_one_stream(&world.browser.heard);
}

#[test]
fn a_call_that_is_closed_says_so_to_both_far_ends() {
    let mut world = World::joined(1000);
    world.core.close(world.now, CloseCause::Local);
    world.run(100 * MS);
    assert_eq!(
        world.events.last().map(|(_, event)| event.clone()),
        Some(Event::Closed(CloseCause::Local))
    );
    assert!(world.browser.leg.peer.is_closed() && world.openai.as_ref().unwrap().peer.is_closed());
}
