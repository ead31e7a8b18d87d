//! Whole conversations, told in any order: shuffled, doubled, delayed, across deadlines. The record must be the same.
//!
//! The service's own order is kept by no delivery here; what must hold is the record alone, not what is shown meanwhile.

use super::conversation::{Cut, Expected, Heard, Turn, World};
use super::rig::Rig;
use proptest::prelude::*;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::Value;

/// How the events arrive.
#[derive(Clone, Copy, Debug)]
enum Delivery {
    /// In any order, a third of them twice.
    Shuffled,
    /// Each late by up to this many events, a third of them twice.
    Delayed(usize),
    /// Shuffled, with pauses beyond every deadline between them.
    AcrossDeadlines,
}

fn deliver(events: &[Value], how: Delivery, rng: &mut StdRng) -> Vec<Value> {
    let mut keyed: Vec<(usize, Value)> = Vec::new();
    for (n, event) in events.iter().enumerate() {
        for _ in 0..if rng.random_ratio(1, 3) { 2 } else { 1 } {
            let key = match how {
                Delivery::Shuffled | Delivery::AcrossDeadlines => rng.random_range(0..1_000_000),
                Delivery::Delayed(by) => n + rng.random_range(0..=by),
            };
            keyed.push((key, event.clone()));
        }
    }
    keyed.shuffle(rng);
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, event)| event).collect()
}

/// Plays a conversation and checks its record. Answers how many turns arrived out of place, of how many.
fn check(turns: &[Turn], how: Delivery, seed: u64) -> (usize, usize) {
    let world = World::of(turns);
    let mut rng = StdRng::seed_from_u64(seed);
    let arriving = deliver(&world.events, how, &mut rng);
    let mut rig = Rig::new();
    for id in &world.replayed {
        rig.tap.skip(id);
    }
    for event in &arriving {
        rig.feed(event);
        if matches!(how, Delivery::AcrossDeadlines) && rng.random_ratio(1, 10) {
            rig.pass(60_000);
        }
    }
    rig.pass(60_000); // what never comes is a gap by then
    let record = rig.record();
    let is: Vec<Expected> = record
        .iter()
        .map(|entry| Expected {
            item: entry.item_id.clone(),
            speaker: entry.speaker,
            text: entry.text.clone(),
            source: entry.source,
            interrupted: entry.interrupted,
            heard_ms: entry.heard_ms,
            gap: entry.gap.as_deref().map(|gap| {
                ["no_transcription", "transcription_failed", "empty_transcription"]
                    .into_iter()
                    .find(|known| *known == gap)
                    .unwrap()
            }),
        })
        .collect();
    assert_eq!(is, world.expected, "{how:?} {seed}");
    let numbers: Vec<i32> = record.iter().map(|entry| entry.sequence).collect();
    assert_eq!(
        numbers,
        (1..=record.len() as i32).collect::<Vec<_>>(),
        "numbered from 1 without a hole"
    );
    assert!(rig.tap.is_settled());
    for entry in record.iter().filter(|entry| entry.heard_ms.is_some()) {
        let heard = entry.heard_text.as_deref().unwrap();
        assert!(
            entry.text.starts_with(heard),
            "{heard:?} is no beginning of {:?}",
            entry.text
        );
        let rest = &entry.text[heard.len()..];
        assert!(
            rest.is_empty() || heard.is_empty() || !rest.starts_with(char::is_alphanumeric),
            "a word was cut"
        );
    }
    displaced(&arriving, &world.expected)
}

/// Turns whose words were whole at another place than the conversation gives them.
fn displaced(arriving: &[Value], expected: &[Expected]) -> (usize, usize) {
    let whole = |item: &str| {
        arriving.iter().position(|event| {
            let kind = event["type"].as_str().unwrap();
            event["item_id"] == item && (kind.ends_with("transcription.completed") || kind.ends_with("transcript.done"))
        })
    };
    let mut by_arrival: Vec<(Option<usize>, usize)> = expected
        .iter()
        .enumerate()
        .map(|(place, turn)| (whole(&turn.item), place))
        .collect();
    by_arrival.sort_unstable();
    let moved = by_arrival
        .iter()
        .enumerate()
        .filter(|(arrived, (_, place))| arrived != place)
        .count();
    (moved, expected.len())
}

fn words() -> impl Strategy<Value = String> {
    prop::collection::vec("[a-zé]{1,8}[,.]?", 1..8).prop_map(|words| words.join(" "))
}

fn turn() -> impl Strategy<Value = Turn> {
    let heard = prop_oneof![6 => words().prop_map(Heard::Words), 1 => Just(Heard::Failed), 1 => Just(Heard::Nothing), 1 => Just(Heard::Empty)];
    let cut = prop_oneof![
        3 => Just(Cut::No), 1 => (0..9000_i64).prop_map(Cut::Sounding),
        1 => (0..9000_i64).prop_map(Cut::Generating), 1 => Just(Cut::AtOnce)
    ];
    let messages = prop::collection::vec(prop::collection::vec(words(), 1..3), 1..3);
    prop_oneof![
        5 => prop::collection::vec(heard, 1..3).prop_map(Turn::Speaks),
        5 => (messages, cut).prop_map(|(messages, cut)| Turn::Answers { messages, cut }),
        1 => words().prop_map(Turn::Types),
        1 => Just(Turn::Calls),
        1 => Just(Turn::Note),
        1 => words().prop_map(Turn::Aside),
        1 => words().prop_map(Turn::Replays),
        1 => Just(Turn::Forgets),
    ]
}

fn delivery() -> impl Strategy<Value = Delivery> {
    prop_oneof![
        Just(Delivery::Shuffled),
        (1..60_usize).prop_map(Delivery::Delayed),
        Just(Delivery::AcrossDeadlines)
    ]
}

proptest! {
    #[test]
    fn any_delivery_gives_the_same_record(
        turns in prop::collection::vec(turn(), 1..14), how in delivery(), seed: u64,
    ) {
        check(&turns, how, seed);
    }
}

/// The disorder is real: in most turns of these conversations the arrival differs from the conversation.
#[test]
fn most_turns_arrive_out_of_place_and_none_is_recorded_so() {
    let speaks = |n: usize| Turn::Speaks(vec![Heard::Words(format!("candidate {n} said this"))]);
    let answers = |n: usize| Turn::Answers {
        messages: vec![vec![format!("the answer to {n} is long enough")]],
        cut: if n.is_multiple_of(3) {
            Cut::Sounding(900)
        } else {
            Cut::No
        },
    };
    let turns: Vec<Turn> = (0..12).flat_map(|n| [speaks(n), answers(n)]).collect();
    for how in [Delivery::Shuffled, Delivery::Delayed(60), Delivery::AcrossDeadlines] {
        let (mut moved, mut all) = (0, 0);
        for seed in 0..40 {
            let (m, a) = check(&turns, how, seed);
            (moved, all) = (moved + m, all + a);
        }
        assert!(
            moved * 2 > all,
            "{how:?}: only {moved} of {all} turns arrived out of place"
        );
        println!("{how:?}: {moved} of {all} turns arrived out of place");
    }
    assert_eq!(
        check(&turns, Delivery::Delayed(0), 0).0,
        0,
        "undisturbed, each arrives in its place"
    );
}
