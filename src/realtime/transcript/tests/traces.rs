//! Traces in the order that the service gives them (docs of its events; beta and GA), and single disorders.

use super::super::*;
use super::events::*;
use serde_json::{Value, json};

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
