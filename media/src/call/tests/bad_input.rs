//! Malformed, truncated, oversized, repeated and late input at each boundary of a call: never a panic, a counter moves,
//! and the call goes on.

use super::world::{To, World, numbers};
use crate::call::Side;
use crate::leg::PeerEvent;
use crate::leg::tests::MS;
use crate::{Counters, LegEvent};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

fn dropped(counters: &Counters) -> u64 {
    [
        &counters.dropped_stun,
        &counters.dropped_dtls,
        &counters.dropped_srtp,
        &counters.dropped_early,
        &counters.dropped_unknown,
        &counters.dropped_stranger,
    ]
    .iter()
    .map(|count| count.get())
    .sum()
}

/// What has flown.
type Seen = Arc<Mutex<Vec<(To, Vec<u8>)>>>;

/// One of the ways in which a datagram goes wrong.
fn mutate(rng: &mut StdRng, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    match rng.random_range(0..6) {
        0 => {
            for _ in 0..rng.random_range(1..5) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
        }
        1 => bytes.truncate(rng.random_range(0..bytes.len())),
        2 => bytes = (0..rng.random_range(0..200)).map(|_| rng.random()).collect(),
        3 => bytes[0] = rng.random(),
        4 => bytes.extend((0..rng.random_range(1..1800)).map(|_| rng.random::<u8>())),
        _ => {} // A repeat.
    }
    bytes
}

/// A browser and an AI join and talk, while all that flew in another such call, and mutants of it, and mutants of what
/// flies in this one, pour in at both legs.
fn poured(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let seen: Seen = Arc::default();
    let mut world = World::new(30_000);
    let captured = seen.clone();
    world.loses = Box::new(move |to, bytes| {
        let mut captured = captured.lock().unwrap();
        if captured.len() < 4000 {
            captured.push((to, bytes.to_vec()));
        }
        false
    });
    world.browser_joins();
    world.openai_dialled();
    let mut pour = |world: &mut World, how_many: usize, from_stranger: bool| {
        for _ in 0..how_many {
            let (to, bytes) = {
                let seen = seen.lock().unwrap();
                if seen.is_empty() {
                    return;
                }
                let (to, bytes) = &seen[rng.random_range(0..seen.len())];
                (*to, mutate(&mut rng, bytes))
            };
            let To::Relay(side) = to else { continue };
            let from: SocketAddr = match (from_stranger, side) {
                (true, _) => SocketAddr::from(([192, 0, 2, 7], rng.random_range(1..65_535))),
                (false, Side::Candidate) => world.browser.address,
                (false, Side::Ai) => "10.0.0.4:8000".parse().unwrap(),
            };
            world.deliver(to, from, &bytes);
            world.collect();
        }
    };
    // From strangers throughout; from the far ends' own addresses once DTLS is up, since who can forge those before
    // can always keep a handshake from completing.
    for _ in 0..40 {
        pour(&mut world, 10, true);
        world.run(5 * MS);
    }
    assert!(
        world.until(5000 * MS, World::both_up),
        "seed {seed}: {:?}",
        world.events
    );
    for n in 0..50 {
        pour(&mut world, 20, true);
        pour(&mut world, 20, false);
        world.talk(n..n + 1);
    }
    world.run(500 * MS);
    assert_eq!(
        numbers(&world.openai_heard),
        (0..50).collect::<Vec<u16>>(),
        "seed {seed}"
    );
    assert_eq!(
        numbers(&world.browser.heard),
        (0..50).collect::<Vec<u16>>(),
        "seed {seed}"
    );
    assert!(
        dropped(&world.core.setup.counters) > 500,
        "seed {seed}: {:?}",
        world.core.setup.counters
    );
    let now = world.now;
    world.browser.leg.peer.send_text(now, "still here", false);
    world.run(5000 * MS);
    assert_eq!(
        world.candidate_told(|event| *event
            == LegEvent::Message {
                text: "still here".into()
            }),
        1,
        "seed {seed}: the channel lives"
    );
}

#[test]
fn datagrams_of_every_wrong_kind() {
    for seed in 0..12 {
        poured(seed);
    }
}

#[test]
fn descriptions_of_every_wrong_kind() {
    let mut rng = StdRng::seed_from_u64(7);
    let mut world = World::joined(1000);
    let good = World::new(1000).browser.leg.offer().to_owned();
    let mut refused = 0;
    for _ in 0..600 {
        let mut lines: Vec<String> = good.split("\r\n").map(str::to_owned).collect();
        for _ in 0..rng.random_range(1..5) {
            let at = rng.random_range(0..lines.len());
            match rng.random_range(0..4) {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, lines[at].clone()),
                2 => {
                    let len = lines[at].len();
                    lines[at].truncate(rng.random_range(0..=len));
                }
                _ => {
                    let mut bytes = lines[at].clone().into_bytes();
                    if !bytes.is_empty() {
                        let at = rng.random_range(0..bytes.len());
                        bytes[at] = rng.random_range(32..127);
                    }
                    lines[at] = String::from_utf8(bytes).unwrap();
                }
            }
            if lines.is_empty() {
                break;
            }
        }
        let bad = lines.join("\r\n");
        refused += u32::from(world.core.candidate_offer(world.now, &bad).is_err());
        world.core.candidate_ice(
            world.now,
            &bad.chars().take(rng.random_range(0..300)).collect::<String>(),
        );
        let _ = world.core.ai_answer(world.now, &bad);
    }
    assert!(refused > 50 && world.core.setup.counters.refused_sdp.get() >= u64::from(refused));
    world.talk(0..50);
    world.run(200 * MS);
    assert_eq!(numbers(&world.openai_heard), (0..50).collect::<Vec<u16>>());
    assert_eq!(numbers(&world.browser.heard), (0..50).collect::<Vec<u16>>());
}

#[test]
fn a_flood_of_texts_is_cut_and_counted_and_sound_goes_on() {
    let mut world = World::joined(1000);
    assert!(world.until(2000 * MS, |world| {
        world.candidate_told(|event| matches!(event, LegEvent::ChannelOpen { .. })) == 1
            && world
                .browser
                .events
                .iter()
                .any(|event| matches!(event, PeerEvent::ChannelOpen { .. }))
    }));
    for n in 0..50 {
        for _ in 0..20 {
            let now = world.now;
            world.browser.leg.peer.send_text(now, "flood", false);
        }
        world.talk(n..n + 1);
    }
    world.run(2000 * MS);
    let told = world.candidate_told(|event| matches!(event, LegEvent::Message { .. }));
    assert!((256..700).contains(&told), "{told}");
    assert_eq!(world.core.setup.counters.dropped_message.get(), 1000 - told as u64);
    assert_eq!(numbers(&world.openai_heard), (0..50).collect::<Vec<u16>>());
}
