//! Traces in the order that the service gives them (docs of its events; beta and GA), and single disorders.

use super::super::*;
use super::rig::{Rig, T0};
use crate::store::Source;
use serde_json::{Value, json};

fn started(item: &str, ms: i64) -> Value {
    json!({"type":"input_audio_buffer.speech_started","item_id":item,"audio_start_ms":ms})
}
fn stopped(item: &str, ms: i64) -> Value {
    json!({"type":"input_audio_buffer.speech_stopped","item_id":item,"audio_end_ms":ms})
}
fn committed(item: &str, previous: Option<&str>) -> Value {
    json!({"type":"input_audio_buffer.committed","item_id":item,"previous_item_id":previous})
}
fn user_item(kind: &str, item: &str, previous: Option<&str>) -> Value {
    json!({"type":format!("conversation.item.{kind}"),"previous_item_id":previous,"item":{"id":item,"type":"message",
        "status":"completed","role":"user","content":[{"type":"input_audio","transcript":null}]}})
}
fn transcribed(item: &str, text: &str) -> Value {
    json!({"type":"conversation.item.input_audio_transcription.completed","item_id":item,"content_index":0,"transcript":text})
}
fn failed(item: &str) -> Value {
    json!({"type":"conversation.item.input_audio_transcription.failed","item_id":item,"content_index":0,
        "error":{"code":"audio_unintelligible"}})
}
/// A whole turn of the candidate's, but for the transcription.
fn turn(item: &str, previous: Option<&str>, from: i64, to: i64) -> Vec<Value> {
    vec![
        started(item, from),
        stopped(item, to),
        committed(item, previous),
        user_item("added", item, previous),
        user_item("done", item, previous),
    ]
}
fn response(kind: &str, id: &str, status: &str, output: &[Value]) -> Value {
    json!({"type":format!("response.{kind}"),"response":{"id":id,"status":status,"conversation_id":"conv_1","output":output}})
}
fn ai_item(item: &str, status: &str, text: Option<&str>) -> Value {
    let content: Vec<Value> = text
        .iter()
        .map(|text| json!({"type":"output_audio","transcript":text}))
        .collect();
    json!({"id":item,"type":"message","role":"assistant","status":status,"content":content})
}
fn added(item: &Value, previous: Option<&str>) -> Value {
    json!({"type":"conversation.item.added","previous_item_id":previous,"item":item})
}
fn delta(response: &str, item: &str, text: &str) -> Value {
    json!({"type":"response.output_audio_transcript.delta","response_id":response,"item_id":item,"output_index":0,
        "content_index":0,"delta":text})
}
fn text_done(response: &str, item: &str, text: &str) -> Value {
    json!({"type":"response.output_audio_transcript.done","response_id":response,"item_id":item,"output_index":0,
        "content_index":0,"transcript":text})
}
fn item_done(response: &str, item: &Value) -> Value {
    json!({"type":"response.output_item.done","response_id":response,"output_index":0,"item":item})
}
fn play(kind: &str, response: &str) -> Value {
    json!({"type":format!("output_audio_buffer.{kind}"),"response_id":response})
}
fn truncated(item: &str, ms: i64) -> Value {
    json!({"type":"conversation.item.truncated","item_id":item,"content_index":0,"audio_end_ms":ms})
}
/// An answer up to its words' end: created, item, deltas, done.
fn answer(id: &str, item: &str, previous: Option<&str>, words: &[&str]) -> Vec<Value> {
    let whole = words.concat();
    let mut events = vec![
        response("created", id, "in_progress", &[]),
        json!({"type":"response.output_item.added","response_id":id,"output_index":0,"item":ai_item(item,"in_progress",None)}),
        added(&ai_item(item, "in_progress", None), previous),
        json!({"type":"response.content_part.added","response_id":id,"item_id":item,"output_index":0,"content_index":0,
            "part":{"type":"audio","transcript":""}}),
    ];
    events.extend(words.iter().map(|word| delta(id, item, word)));
    events.push(play("started", id));
    events.push(text_done(id, item, &whole));
    events.push(item_done(id, &ai_item(item, "completed", Some(&whole))));
    events.push(response(
        "done",
        id,
        "completed",
        &[ai_item(item, "completed", Some(&whole))],
    ));
    events
}

/// Plays a trace; a number is a pause in ms.
fn played(events: Vec<Value>) -> Rig {
    let mut rig = Rig::new();
    for event in events {
        match event.as_i64() {
            Some(ms) => rig.pass(ms),
            None => rig.feed(&event),
        }
    }
    rig
}
fn all(parts: Vec<Vec<Value>>) -> Vec<Value> {
    parts.concat()
}

#[test]
fn each_trace_gives_its_record() {
    let hello = || answer("r1", "a1", None, &["Hello, ", "tell me ", "about you."]);
    let table: Vec<(&str, Vec<Value>, Vec<&str>)> = vec![
        (
            "the usual: the transcription comes during the answer",
            all(vec![
                hello(),
                vec![play("stopped", "r1")],
                turn("u1", Some("a1"), 5000, 7000),
                answer("r2", "a2", Some("u1"), &["Why ", "Rust?"])[..5].to_vec(),
                vec![transcribed("u1", "I write Rust.\n")],
                answer("r2", "a2", Some("u1"), &["Why ", "Rust?"])[7..].to_vec(),
            ]),
            vec![
                "1 ai: Hello, tell me about you.",
                "2 candidate: I write Rust.",
                "3 ai: Why Rust?",
            ],
        ),
        (
            "the answer is whole before the transcription comes",
            all(vec![
                turn("u1", None, 0, 900),
                answer("r1", "a1", Some("u1"), &["Good."]),
                vec![transcribed("u1", "Morning.")],
            ]),
            vec!["1 candidate: Morning.", "2 ai: Good."],
        ),
        (
            "a transcription that fails is a marked gap",
            all(vec![hello(), turn("u1", Some("a1"), 1, 2), vec![failed("u1")]]),
            vec!["1 ai: Hello, tell me about you.", "2 candidate: !transcription_failed"],
        ),
        (
            "one that never comes is a gap at its deadline",
            all(vec![
                turn("u1", None, 1, 2),
                vec![json!(TRANSCRIPTION_MAX.as_millis() as u64)],
            ]),
            vec!["1 candidate: !no_transcription"],
        ),
        (
            "but not before",
            all(vec![
                turn("u1", None, 1, 2),
                vec![json!(TRANSCRIPTION_MAX.as_millis() as u64 - 100)],
            ]),
            vec![],
        ),
        (
            "and is mended when it comes late",
            all(vec![
                turn("u1", None, 1, 2),
                vec![json!(60_000), transcribed("u1", "Sorry.")],
            ]),
            vec!["1 candidate: Sorry."],
        ),
        (
            "failed, then transcribed after all",
            all(vec![
                turn("u1", None, 1, 2),
                vec![failed("u1"), transcribed("u1", "Yes.")],
            ]),
            vec!["1 candidate: Yes."],
        ),
        (
            "transcribed, then a stray failure",
            all(vec![
                turn("u1", None, 1, 2),
                vec![transcribed("u1", "Yes."), failed("u1")],
            ]),
            vec!["1 candidate: Yes."],
        ),
        (
            "empty words are marked",
            all(vec![turn("u1", None, 1, 2), vec![transcribed("u1", " \n")]]),
            vec!["1 candidate: !empty_transcription"],
        ),
        (
            "barge-in: full text kept, an estimate of what was heard",
            all(vec![
                answer("r1", "a1", None, &["One two three four ", "five six seven eight."]),
                vec![
                    started("u1", 3000),
                    play("cleared", "r1"),
                    truncated("a1", 1000), // 15 characters at the usual rate
                ],
            ]),
            vec!["1 ai: One two three four five six seven eight. |One two three|"],
        ),
        (
            "barge-in while generating: done and item say less and less",
            all(vec![
                answer("r1", "a1", None, &["One two ", "three"])[..7].to_vec(),
                vec![
                    started("u1", 900),
                    play("cleared", "r1"),
                    truncated("a1", 500),
                    text_done("r1", "a1", "One two three"),
                    item_done("r1", &ai_item("a1", "incomplete", Some("One"))),
                    response("done", "r1", "cancelled", &[ai_item("a1", "incomplete", None)]),
                ],
            ]),
            vec!["1 ai: One two three |One two|"],
        ),
        (
            "cancelled before a word: no entry, and no number kept for it",
            all(vec![
                answer("r1", "a1", None, &[])[..4].to_vec(),
                vec![response(
                    "done",
                    "r1",
                    "cancelled",
                    &[ai_item("a1", "incomplete", None)],
                )],
                turn("u1", Some("a1"), 1, 2),
                vec![transcribed("u1", "Wait.")],
            ]),
            vec!["1 candidate: Wait."],
        ),
        (
            "cleared without a truncation: cut off, how much is not known",
            all(vec![hello(), vec![play("cleared", "r1")]]),
            vec!["1 ai: Hello, tell me about you. |?|"],
        ),
        (
            "out of tokens: kept, as cut short",
            all(vec![
                answer("r1", "a1", None, &["I was about"])[..7].to_vec(),
                vec![response(
                    "done",
                    "r1",
                    "incomplete",
                    &[ai_item("a1", "incomplete", Some("I was about"))],
                )],
            ]),
            vec!["1 ai: I was about |?|"],
        ),
        (
            "no done at all: the item's own words",
            all(vec![
                answer("r1", "a1", None, &["x"])[..3].to_vec(),
                vec![item_done("r1", &ai_item("a1", "completed", Some("Said by the item.")))],
            ]),
            vec!["1 ai: Said by the item."],
        ),
        (
            "an empty done does not erase the deltas",
            all(vec![
                answer("r1", "a1", None, &["Kept ", "words"])[..7].to_vec(),
                vec![text_done("r1", "a1", "")],
            ]),
            vec!["1 ai: Kept words"],
        ),
        (
            "a tool call is no speech, and keeps the chain",
            all(vec![
                hello(),
                vec![
                    added(
                        &json!({"id":"f1","type":"function_call","name":"end_session","call_id":"c"}),
                        Some("a1"),
                    ),
                    added(
                        &json!({"id":"o1","type":"function_call_output","call_id":"c","output":"{}"}),
                        Some("f1"),
                    ),
                    added(
                        &json!({"id":"s1","type":"message","role":"system","content":[{"type":"input_text","text":"hush"}]}),
                        Some("o1"),
                    ),
                ],
                turn("u1", Some("s1"), 1, 2),
                vec![transcribed("u1", "Bye.")],
            ]),
            vec!["1 ai: Hello, tell me about you.", "2 candidate: Bye."],
        ),
        (
            "typed words are theirs, as typed",
            vec![added(
                &json!({"id":"t1","type":"message","role":"user","content":[{"type":"input_text","text":"Typed. "}]}),
                None,
            )],
            vec!["1 candidate: Typed."],
        ),
        (
            "an out-of-band response leaves no trace",
            vec![
                json!({"type":"response.created","response":{"id":"x","conversation_id":null,"status":"in_progress"}}),
                delta("x", "xa", "secret"),
                text_done("x", "xa", "secret"),
                item_done("x", &ai_item("xa", "completed", Some("secret"))),
                json!({"type":"response.done","response":{"id":"x","conversation_id":null,"status":"completed",
                    "output":[ai_item("xa","completed",Some("secret"))]}}),
                json!(60_000),
            ],
            vec![],
        ),
        (
            "words of a response without an item event are adopted at their deadline",
            vec![
                response("created", "r1", "in_progress", &[]),
                text_done("r1", "a1", "Here."),
                json!(60_000),
            ],
            vec!["1 ai: Here."],
        ),
        (
            "deleted from the context, said all the same",
            all(vec![
                hello(),
                turn("u1", Some("a1"), 1, 2),
                vec![
                    json!({"type":"conversation.item.deleted","item_id":"u1"}),
                    json!({"type":"conversation.item.deleted","item_id":"a1"}),
                    transcribed("u1", "I said it."),
                ],
            ]),
            vec!["1 ai: Hello, tell me about you.", "2 candidate: I said it."],
        ),
        (
            "speech that was never committed is none",
            vec![started("u1", 100), stopped("u1", 300), json!(60_000)],
            vec![],
        ),
        (
            "an unknown kind, an error and rate limits change nothing",
            all(vec![
                hello(),
                vec![
                    json!({"type":"a.new.kind","item_id":"a1"}),
                    json!({"type":"error","error":{"code":"item_truncate_invalid_item_id"}}),
                    json!({"type":"rate_limits.updated","rate_limits":[]}),
                ],
            ]),
            vec!["1 ai: Hello, tell me about you."],
        ),
        (
            "the beta's names",
            all(vec![
                vec![
                    json!({"type":"response.created","response":{"id":"r","status":"in_progress"}}),
                    json!({"type":"conversation.item.created","previous_item_id":null,"item":ai_item("a","in_progress",None)}),
                    json!({"type":"response.audio_transcript.delta","response_id":"r","item_id":"a","delta":"Hi"}),
                    json!({"type":"response.audio_transcript.done","response_id":"r","item_id":"a","transcript":"Hi there."}),
                ],
                vec![committed("u", Some("a"))],
                vec![
                    json!({"type":"conversation.item.created","previous_item_id":"a","item":{"id":"u","type":"message",
                    "role":"user","content":[{"type":"input_audio","transcript":null}]}}),
                ],
                vec![transcribed("u", "Hey.")],
            ]),
            vec!["1 ai: Hi there.", "2 candidate: Hey."],
        ),
        (
            "parts are joined by their index",
            vec![
                added(
                    &json!({"id":"u","type":"message","role":"user","content":[{"type":"input_audio","transcript":null},
                    {"type":"input_audio","transcript":null}]}),
                    None,
                ),
                json!({"type":"conversation.item.input_audio_transcription.completed","item_id":"u","content_index":1,"transcript":"second."}),
                transcribed("u", "First,"),
            ],
            vec!["1 candidate: First, second."],
        ),
        (
            "one part failed: the other's words, and the gap told",
            vec![
                added(
                    &json!({"id":"u","type":"message","role":"user","content":[{"type":"input_audio","transcript":null},
                    {"type":"input_audio","transcript":null}]}),
                    None,
                ),
                json!({"type":"conversation.item.input_audio_transcription.failed","item_id":"u","content_index":1}),
                transcribed("u", "First,"),
            ],
            vec!["1 candidate: First,!transcription_failed"],
        ),
        (
            "items in a circle, or after themselves, are kept",
            vec![
                added(&ai_item("a", "completed", Some("A")), Some("b")),
                added(&ai_item("b", "completed", Some("B")), Some("a")),
                added(&ai_item("c", "completed", Some("C")), Some("c")),
            ],
            vec!["1 ai: C", "2 ai: A", "3 ai: B"],
        ),
    ];
    let mut wrong = Vec::new();
    for (name, events, record) in table {
        let rig = played(events);
        if rig.lines() != record {
            wrong.push(format!("{name}:\n  is     {:?}\n  should {record:?}", rig.lines()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

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
