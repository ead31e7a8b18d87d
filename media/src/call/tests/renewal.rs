//! Offers that come again: the same, a restart, a fresh one.

use super::world::{World, is_one_stream, numbers};
use crate::call::Error;
use crate::leg::tests::MS;
use crate::{CloseCause, LegEvent};

#[test]
fn the_same_offer_has_the_same_answer() {
    let mut world = World::new(1000);
    let offer = world.browser.leg.offer().to_owned();
    let answer = world.core.candidate_offer(world.now, &offer).unwrap();
    assert_eq!(
        world.core.candidate_offer(world.now, &offer).unwrap(),
        answer,
        "while it comes up"
    );
    world.browser.leg.accept(world.now, &answer).unwrap();
    world.browser_again();
    assert!(world.until(2000 * MS, |world| world.core.stats().candidate.up));
    assert_eq!(
        world.core.candidate_offer(world.now, &offer).unwrap(),
        answer,
        "and when it is up"
    );
}

#[test]
fn an_ice_restart_keeps_dtls_and_loses_no_packet() {
    let mut world = World::joined(30_000);
    world.talk(0..50);
    let offer = world.browser.leg.restart(world.now);
    let answer = world.core.candidate_offer(world.now, &offer).unwrap();
    assert_eq!(world.core.ufrags().count(), 2, "the old one and the new");
    world.talk(50..60);
    world.browser.leg.accept_again(world.now, &answer).unwrap();
    world.talk(60..150);
    world.run(200 * MS);
    assert_eq!(numbers(&world.openai_heard), (0..150).collect::<Vec<u16>>());
    assert_eq!(numbers(&world.browser.heard), (0..150).collect::<Vec<u16>>());
    assert_eq!(
        world.candidate_told(|event| matches!(event, LegEvent::Up { .. })),
        1,
        "the same leg"
    );
    assert_eq!(world.candidate_told(|event| matches!(event, LegEvent::Lost { .. })), 0);
}

#[test]
fn a_fresh_offer_replaces_the_leg_once_it_is_up() {
    let mut world = World::joined(30_000);
    world.talk(0..50);
    let old = std::mem::take(&mut world.browser.heard);
    is_one_stream(&old);
    world.another_browser("10.0.0.9:5009");
    assert!(world.until(2000 * MS, World::both_up));
    world.talk(50..100);
    world.run(200 * MS);
    let heard = numbers(&world.openai_heard);
    assert_eq!(heard, (0..100).collect::<Vec<u16>>());
    is_one_stream(&world.openai_heard);
    // the last that was said to the old one was still on its way; what may have been is said again
    assert_eq!(numbers(&old).last(), Some(&48));
    assert_eq!(numbers(&world.browser.heard), (47..100).collect::<Vec<u16>>());
    assert_eq!(world.candidate_told(|event| matches!(event, LegEvent::Up { .. })), 2);
    assert_eq!(
        world.candidate_told(|event| matches!(event, LegEvent::Closed { .. })),
        0,
        "replaced, not gone"
    );
}

#[test]
fn a_fresh_offer_that_never_comes_up_leaves_the_old_leg_be() {
    let mut world = World::joined(30_000);
    let other = World::new(1000);
    world
        .core
        .candidate_offer(world.now, other.browser.leg.offer())
        .unwrap();
    for n in 0..2000 {
        world.browser_speaks(n);
        world.run(20 * MS);
    }
    assert_eq!(numbers(&world.openai_heard).len(), 2000);
    assert_eq!(
        world.candidate_told(|event| matches!(event, LegEvent::Closed { .. })),
        0
    );
    assert_eq!(world.core.ufrags().count(), 1);
}

#[test]
fn a_leg_that_never_comes_up_is_given_up() {
    let mut world = World::new(1000);
    world.browser_joins();
    world.loses = Box::new(|_, _| true);
    world.run(31_000 * MS);
    assert_eq!(
        world.candidate_told(|event| *event
            == LegEvent::Closed {
                cause: CloseCause::Failed
            }),
        1
    );
}

#[test]
fn an_offer_that_only_sends_is_answered_recvonly() {
    let mut world = World::new(1000);
    let offer = world.browser.leg.offer().replace("a=sendrecv", "a=sendonly");
    let answer = world.core.candidate_offer(world.now, &offer).unwrap();
    assert!(
        answer.contains("a=recvonly") && !answer.contains("a=sendrecv"),
        "{answer}"
    );
}

#[test]
fn the_answer_asks_for_speech_in_mono_without_dtx() {
    let mut world = World::new(1000);
    // As Firefox numbers it, and with what a browser offers beside.
    let offer = world.browser.leg.offer().replace("111", "109").replace(
        "a=rtpmap:109 opus/48000/2\r\n",
        "a=rtpmap:109 opus/48000/2\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=rtcp-fb:109 transport-cc\r\n",
    );
    let answer = world.core.candidate_offer(world.now, &offer).unwrap();
    let fmtp = answer.lines().find(|line| line.starts_with("a=fmtp:109 ")).unwrap();
    for parameter in ["useinbandfec=1", "stereo=0", "maxplaybackrate=48000", "minptime=10"] {
        assert!(fmtp.contains(parameter), "{fmtp}");
    }
    for absent in ["usedtx", "extmap:", "transport-cc"] {
        assert!(!answer.contains(absent), "{absent} in {answer}");
    }
    assert!(answer.contains("a=rtcp-fb:109 nack"), "{answer}");
    assert!(
        answer.contains("a=candidate:1 1 udp") && answer.contains("10.0.0.2 6000 typ host"),
        "{answer}"
    );
    assert!(answer.contains("a=setup:active"), "DTLS client, at once");
    assert!(answer.ends_with("\r\n"));
}

#[test]
fn offers_that_cannot_be_answered() {
    let mut world = World::new(1000);
    let offer = world.browser.leg.offer().to_owned();
    let audio = |with: &str| offer.replace("m=audio 9 UDP/TLS/RTP/SAVPF 111", with);
    let table = [
        (String::new(), Error::NoAudio),
        (audio("m=video 9 UDP/TLS/RTP/SAVPF 111"), Error::NoAudio),
        (
            offer.replace("a=ice-ufrag", "a=x-ufrag"),
            Error::Sdp("no ICE credentials"),
        ),
        ("v=0\r\n".repeat(20_000), Error::SdpTooLong),
    ];
    for (offer, error) in table {
        assert_eq!(world.core.candidate_offer(world.now, &offer), Err(error));
    }
    assert_eq!(world.core.ai_answer(world.now, "v=0\r\n"), Err(Error::NoOffer));
    assert_eq!(world.core.ufrags().count(), 0);
}
