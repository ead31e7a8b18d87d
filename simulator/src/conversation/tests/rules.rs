//! Refusals, out-of-band answers, the WebSocket's differences, faults, the judge.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::judge::{self, Pattern};

#[test]
fn refusals() {
    let table = [
        ("{", "invalid_json"),
        (r#"{"x": 1}"#, "missing_required_parameter"),
        (r#"{"type": "no.such"}"#, "invalid_value"),
        (
            r#"{"type": "session.update", "session": {"voice": "x"}}"#,
            "missing_required_parameter",
        ),
        (r#"{"type": "response.cancel"}"#, "response_cancel_not_active"),
        (
            r#"{"type": "input_audio_buffer.commit"}"#,
            "input_audio_buffer_commit_empty",
        ),
        (
            r#"{"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": 1}"#,
            "item_truncate_invalid_item_id",
        ),
        (
            r#"{"type": "conversation.item.retrieve", "item_id": "x"}"#,
            "item_retrieve_invalid_item_id",
        ),
        (
            r#"{"type": "conversation.item.delete", "item_id": "x"}"#,
            "item_delete_invalid_item_id",
        ),
        (
            r#"{"type": "conversation.item.create", "previous_item_id": "x", "item": {"type": "message", "role": "user", "content": []}}"#,
            "item_create_invalid_previous_item_id",
        ),
        (
            r#"{"type": "conversation.item.create", "item": {"type": "message", "role": "assistant", "content": [{"type": "output_audio"}]}}"#,
            "invalid_value",
        ),
        (
            r#"{"type": "input_audio_buffer.append", "audio": "%"}"#,
            "invalid_value",
        ),
    ];
    for (text, code) in table {
        let mut world = World::web_rtc();
        let before = world.conversation.record()["items"].clone();
        world.input(Input::Client(text));
        assert_eq!(world.find("error")["error"]["code"], code, "{text}");
        assert_eq!(world.conversation.record()["items"], before);
    }
    let mut world = World::web_rtc();
    world.send(&json!({"type": "response.create"}));
    world.send(&json!({"type": "response.create", "event_id": "mine"}));
    let error = &world.find("error")["error"];
    assert_eq!(
        (&error["code"], &error["event_id"]),
        (&json!("conversation_already_has_active_response"), &json!("mine"))
    );
}

#[test]
fn out_of_band_answers_leave_no_items_and_wait_their_turn() {
    let mut world = World::web_rtc();
    world.send(&json!({"type": "response.create"}));
    world.send(&json!({"type": "response.create", "response": {"conversation": "none", "output_modalities": ["text"], "metadata": {"for": "me"}, "input": []}}));
    world.wait(5_000);
    let done: Vec<_> = world.events.iter().filter(|e| e["type"] == "response.done").collect();
    assert_eq!(done.len(), 2);
    assert_eq!(done[1]["response"]["conversation_id"], Value::Null);
    assert_eq!(done[1]["response"]["metadata"]["for"], "me");
    assert_eq!(
        world.find("response.output_text.done")["response_id"],
        done[1]["response"]["id"]
    );
    assert_eq!(world.conversation.items.iter().count(), 1);
}

#[test]
fn over_a_websocket_sound_is_in_events_and_the_client_truncates() {
    let mut world = World::new(setup(Transport::WebSocket));
    world.send(&json!({"type": "response.create"}));
    world.wait(3_000);
    assert_eq!(world.sounds, 0);
    let item = world.find("response.output_audio.delta")["item_id"].clone();
    let bytes: usize = world
        .events
        .iter()
        .filter_map(|e| {
            e["delta"]
                .as_str()
                .filter(|_| e["type"] == "response.output_audio.delta")
        })
        .map(|d| {
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, d)
                .unwrap()
                .len()
        })
        .sum();
    let audio_ms = world.conversation.items.iter().next().unwrap().audio_ms;
    assert_eq!(bytes as u64, audio_ms * 48);
    let truncate = |end: u64| json!({"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": end});
    world.send(&truncate(audio_ms + 1));
    assert_eq!(world.find("error")["error"]["code"], "invalid_value");
    world.take();
    world.send(&truncate(700));
    assert_eq!(world.take(), ["conversation.item.truncated"]);
    world.send(&json!({"type": "output_audio_buffer.clear"}));
    assert_eq!(world.take(), ["error"]);
}

#[test]
fn transcripts_fail_as_told() {
    let root = "conversation.item.input_audio_transcription";
    let table = [
        (Transcripts::Failed, vec!["failed"]),
        (Transcripts::Empty, vec!["completed"]),
        (Transcripts::Missing, vec![]),
        (Transcripts::Multipart, vec!["delta", "completed", "delta", "completed"]),
        (Transcripts::Late { ms: 3_000 }, vec!["delta", "completed"]),
    ];
    for (transcripts, want) in table {
        let faults = Faults {
            transcripts,
            ..Faults::default()
        };
        let mut world = World::new(Setup {
            faults,
            ..setup(Transport::WebRtc)
        });
        world.talk(500, 440);
        world.wait(2_000);
        let mut kinds: Vec<_> = world
            .take()
            .iter()
            .filter_map(|k| Some(k.strip_prefix(root)?.trim_start_matches('.').to_owned()))
            .collect();
        if matches!(transcripts, Transcripts::Late { .. }) {
            assert_eq!(kinds, Vec::<String>::new());
            world.wait(1_500);
            kinds = world
                .take()
                .iter()
                .filter_map(|k| Some(k.strip_prefix(root)?.trim_start_matches('.').to_owned()))
                .collect();
        }
        assert_eq!(kinds, want, "{transcripts:?}");
    }
}

#[test]
fn stalls_and_the_hour() {
    let faults = Faults {
        stall: 1,
        ..Faults::default()
    };
    let mut world = World::new(Setup {
        faults,
        ..setup(Transport::WebRtc)
    });
    world.take();
    world.send(&json!({"type": "response.create"}));
    world.wait(30_000);
    assert_eq!(world.take(), Vec::<String>::new());
    world.send(&json!({"type": "response.create"}));
    assert_eq!(world.take(), ["response.created"]);
    world.wait(3_600_000 - 31_000);
    assert_eq!(world.closed, None);
    world.wait(2_000);
    assert_eq!(
        (world.closed, &world.find("error")["error"]["code"]),
        (Some(1001), &json!("session_expired"))
    );
}

#[test]
fn an_idle_timeout_counts_silence_that_was_heard() {
    let mut world = World::web_rtc();
    world.send(&json!({"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}}}}));
    world.take();
    world.wait(60_000); // no sound at all is no silence
    assert_eq!(world.take(), Vec::<String>::new());
    world.talk(0, 5_100);
    assert_eq!(
        world.take()[..2],
        ["input_audio_buffer.timeout_triggered", "input_audio_buffer.committed"]
    );
}

#[test]
fn a_judge_hears_and_says_digits_and_is_interrupted_only_when_asked() {
    for barge_in in [false, true] {
        let judge = Judge {
            count: 30,
            barge_in,
            ..Judge::default()
        };
        let mut world = World::new(Setup {
            mode: Mode::Judge,
            judge,
            ..setup(Transport::WebRtc)
        });
        world.send(&json!({"type": "response.create"}));
        world.wait(2_000);
        world.hear(&judge::encode(&[4, 0, 7], &Pattern::at(24_000)));
        world.hear(&vec![0; 24_000]);
        world.wait(5_000);
        let record = world.conversation.record();
        assert_eq!(record["digits_text"], "407");
        let at = record["digits"][0]["at_ms"].as_f64().unwrap();
        assert!((2_030.0..2_075.0).contains(&at), "{at}"); // 40 ms lead, and a frame arrives when it ends
        if barge_in {
            let cut = record["truncations"][0]["audio_end_ms"].as_u64().unwrap();
            let spoken = record["spoken_digits"].as_array().unwrap().len() as u64;
            assert_eq!(spoken, (cut - 40).div_ceil(160), "{cut}");
            assert_eq!(
                record["items"][1]["words"],
                "[simulated transcript] turn 1, digits 4 0 7"
            );
        } else {
            assert_eq!(record["truncations"], json!([]));
            assert_eq!(record["spoken_digits"].as_array().unwrap().len(), 30);
        }
    }
}
