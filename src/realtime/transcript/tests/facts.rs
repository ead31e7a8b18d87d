//! What a line of the record does not show: numbers, times, captions, bounds, counts.

use super::super::*;
use super::events::*;
use super::rig::{Rig, T0};
use crate::store::Source;
use serde_json::json;

#[test]
fn a_late_transcription_does_not_renumber_what_came_before_it() {
    let mut rig = played(all(vec![
        turn("u1", None, 0, 900),
        answer("r1", "a1", Some("u1"), &["Good."]),
    ]));
    assert_eq!(rig.lines(), ["2 ai: Good."]);
    let puts = rig.puts;
    rig.feed(&transcribed("u1", "Morning."));
    assert_eq!(
        (rig.lines(), rig.puts),
        (
            vec!["1 candidate: Morning.".to_owned(), "2 ai: Good.".to_owned()],
            puts + 1
        )
    );
}

#[test]
fn a_second_conversation_numbers_on() {
    let mut rig = Rig::after(7);
    rig.tap.skip("old");
    rig.feed(&added(&ai_item("old", "completed", Some("Replayed.")), None));
    for event in turn("u1", Some("old"), 0, 900) {
        rig.feed(&event);
    }
    rig.feed(&transcribed("u1", "New."));
    assert_eq!(rig.lines(), ["8 candidate: New."]);
    assert_eq!(rig.tap.last_sequence(), 8);
}

#[test]
fn a_close_keeps_what_was_generated() {
    let mut rig = played(all(vec![
        turn("u1", None, 0, 900),
        answer("r1", "a1", Some("u1"), &["I was ", "saying"])[..7].to_vec(),
    ]));
    assert!(!rig.tap.is_settled());
    rig.close();
    assert_eq!(
        rig.lines(),
        ["1 candidate: !no_transcription", "2 ai: I was saying |?|"]
    );
}

#[test]
fn times_are_those_of_the_speech() {
    let mut rig = Rig::new();
    rig.pass(10_000);
    rig.feed(&started("u1", 9500)); // told at 10 010: the clock's zero is at 510
    rig.pass(2490);
    rig.feed(&stopped("u1", 11_500)); // told 500 ms late
    rig.feed(&committed("u1", None));
    rig.feed(&transcribed("u1", "Hm."));
    for event in answer("r1", "a1", Some("u1"), &["Yes."]) {
        rig.feed(&event);
    }
    let begins = rig.at_ms - 30; // `started` came four events ago
    rig.pass(800);
    rig.feed(&play("stopped", "r1"));
    let record = rig.record();
    let ms = |at: OffsetDateTime| (at - T0).whole_milliseconds() as i64;
    assert_eq!(
        (ms(record[0].start_time), record[0].end_time.map(ms)),
        (10_010, Some(12_010))
    );
    assert_eq!(
        (ms(record[1].start_time), record[1].end_time.map(ms)),
        (begins, Some(rig.at_ms))
    );
}

#[test]
fn what_was_heard_is_measured_where_the_sound_is_ours() {
    let mut rig = played(answer("r1", "a1", None, &["aaaa bbbb ", "cccc dddd."])[..6].to_vec());
    let second = "A".repeat(48_000 / 3 * 4); // one second of silence
    for n in 0..2 {
        rig.feed(&json!({"type":"response.output_audio.delta","event_id":n.to_string(),"response_id":"r1","item_id":"a1","delta":second}));
    }
    rig.feed(&text_done("r1", "a1", "aaaa bbbb cccc dddd."));
    rig.tap.heard("a1", 1480);
    rig.feed(&truncated("a1", 1480));
    assert_eq!(rig.lines(), ["1 ai: aaaa bbbb cccc dddd. |aaaa bbbb cccc|"]);
    let entry = &rig.record()[0];
    assert_eq!(
        (
            entry.heard_ms,
            (entry.end_time.unwrap() - entry.start_time).whole_milliseconds()
        ),
        (Some(1480), 1480)
    );
}

#[test]
fn captions_grow_and_end_once() {
    let mut events = all(vec![
        answer("r1", "a1", None, &["Hello, ", "you."]),
        turn("u1", Some("a1"), 0, 5),
        vec![
            json!({"type":"conversation.item.input_audio_transcription.delta","event_id":"d1","item_id":"u1","delta":"Hel"}),
            json!({"type":"conversation.item.input_audio_transcription.delta","event_id":"d2","item_id":"u1","delta":"lo"}),
            transcribed("u1", "Hello."),
        ],
    ]);
    let again = events.clone();
    events.extend(again); // all of it doubled
    let rig = played(events);
    let shown: Vec<_> = rig
        .captions
        .iter()
        .map(|c| (c.item_id.as_str(), c.text.as_str(), c.is_final))
        .collect();
    let wanted = [
        ("a1", "Hello,", false),
        ("a1", "Hello, you.", false),
        ("a1", "Hello, you.", true),
        ("u1", "Hel", false),
        ("u1", "Hello", false),
        ("u1", "Hello.", true),
    ];
    assert_eq!(shown[..6], wanted);
    // The doubled deltas of the answer had no event id, so cannot be known as doubled; nothing of them is shown.
    assert_eq!(shown.len(), 6);
    assert_eq!(rig.captions[5].previous_item_id.as_deref(), Some("a1"));
    assert_eq!(rig.lines(), ["1 ai: Hello, you.", "2 candidate: Hello."]);
}

#[test]
fn a_browsers_report_is_found_within_what_was_tapped() {
    let rig = played(all(vec![
        answer("r1", "a1", None, &["Hello, ", "tell  me "])[..6].to_vec(),
        turn("u1", Some("a1"), 0, 5),
        vec![transcribed("u1", "I write Rust.")],
    ]));
    let growing = rig.tap.find(Speaker::Ai, " tell me\n");
    assert!(growing.is_some() && growing == rig.tap.find(Speaker::Ai, "Hello,"));
    assert_eq!(
        rig.tap.find(Speaker::Candidate, "I write Rust.\n"),
        rig.record().first().map(|entry| entry.id)
    );
    assert_eq!(rig.tap.find(Speaker::Candidate, "Hello,"), None);
    assert_eq!(rig.tap.find(Speaker::Ai, "  "), None);
}

#[test]
fn typed_words_say_so() {
    let rig = played(vec![added(
        &json!({"id":"t","type":"message","role":"user","content":[{"type":"input_text","text":"x"}]}),
        None,
    )]);
    assert_eq!(rig.record()[0].source, Source::Typed);
    let rig = played(all(vec![turn("u", None, 0, 1), vec![transcribed("u", "x")]]));
    assert_eq!(rig.record()[0].source, Source::Tap);
}

#[test]
fn a_flood_stays_within_bounds() {
    let mut rig = Rig::new();
    for n in 0..ITEMS_MAX + 10 {
        rig.tap.ingest(
            rig.now(),
            rig.wall(),
            &Event::from_value(started(&format!("u{n}"), 1)).what,
        );
    }
    assert_eq!((rig.tap.items.len(), rig.tap.counts().dropped), (ITEMS_MAX, 10));
    let mut rig = played(turn("u", None, 0, 1));
    rig.feed(&transcribed("u", &"é".repeat(PART_BYTES_MAX)));
    assert_eq!(
        (rig.record()[0].text.len(), rig.tap.counts().dropped),
        (PART_BYTES_MAX, 1)
    );
}

#[test]
fn doubled_and_unknown_frames_are_counted() {
    let mut rig = Rig::new();
    let delta = json!({"type":"response.output_text.delta","event_id":"e","item_id":"a","response_id":"r","delta":"x"});
    rig.feed(&delta);
    rig.feed(&delta);
    rig.feed(&json!({"type":"what.is.this"}));
    rig.tap.handle(rig.now(), rig.wall(), &Event::parse("{"));
    let counts = rig.tap.counts();
    assert_eq!((counts.doubled, counts.unknown, counts.malformed), (1, 1, 1));
}
