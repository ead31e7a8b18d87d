//! One conversation after another: what was unfinished in the first is finished in the second, once and in its place.

use super::super::*;
use super::rig::{Rig, T0};
use serde_json::json;

fn started(id: &str) -> serde_json::Value {
    json!({ "type": "input_audio_buffer.speech_started", "item_id": id, "audio_start_ms": 0 })
}

fn committed(id: &str, previous: Option<&str>) -> serde_json::Value {
    json!({ "type": "input_audio_buffer.committed", "item_id": id, "previous_item_id": previous })
}

fn written(id: &str, text: &str) -> serde_json::Value {
    json!({ "type": "conversation.item.input_audio_transcription.completed", "item_id": id, "content_index": 0, "transcript": text })
}

/// The AI's whole answer in item `id` of response `r-id`; its sound begins and goes on.
fn answered(id: &str, previous: Option<&str>, text: &str) -> Vec<serde_json::Value> {
    let r = format!("r-{id}");
    let item = json!({ "id": id, "type": "message", "role": "assistant", "status": "completed",
        "content": [{ "type": "output_audio", "transcript": text }] });
    vec![
        json!({ "type": "response.created", "response": { "id": r, "status": "in_progress", "conversation_id": "c" } }),
        json!({ "type": "conversation.item.added", "previous_item_id": previous, "item": { "id": id, "type": "message",
            "role": "assistant", "status": "in_progress", "content": [] } }),
        json!({ "type": "response.output_item.added", "response_id": r, "output_index": 0, "item": { "id": id,
            "type": "message", "role": "assistant", "status": "in_progress", "content": [] } }),
        json!({ "type": "output_audio_buffer.started", "response_id": r }),
        json!({ "type": "response.output_audio_transcript.done", "response_id": r, "item_id": id, "output_index": 0,
            "content_index": 0, "transcript": text }),
        json!({ "type": "response.output_item.done", "response_id": r, "output_index": 0, "item": item }),
        json!({ "type": "response.done", "response": { "id": r, "status": "completed", "conversation_id": "c", "output": [item] } }),
    ]
}

/// The conversation ends at the rig's time, and another takes it up.
fn succeed(rig: &mut Rig) {
    let legacy = rig.tap.hand_over();
    rig.drain();
    rig.tap = Transcript::take_up(SessionId(uuid::Uuid::from_u128(7)), legacy);
}

#[test]
fn a_turn_that_was_not_written_down_keeps_its_place_and_is_written_once() {
    let mut rig = Rig::new();
    for event in answered("a1", None, "What do you do?") {
        rig.feed(&event);
    }
    rig.feed(&json!({ "type": "output_audio_buffer.stopped", "response_id": "r-a1" }));
    rig.feed(&started("u1"));
    rig.feed(&committed("u1", Some("a1")));
    // the answer had begun before the words were known
    for event in answered("a2", Some("u1"), "I see, and how do you do that?") {
        rig.feed(&event);
    }
    rig.pass(800);
    rig.tap.cut(rig.wall());
    succeed(&mut rig);
    assert_eq!(rig.record().len(), 2, "{:?}", rig.lines());
    assert!(!rig.tap.is_settled(), "words are awaited");
    // the same speech, on another leg
    assert_eq!(rig.tap.last_speaker(), None);
    rig.feed(&started("n1"));
    rig.feed(&committed("n1", None));
    let is_theirs = Some(crate::store::Speaker::Candidate);
    assert_eq!(rig.tap.last_speaker(), is_theirs, "though it stands before the AI's");
    rig.feed(&written("n1", "I look after payments."));
    for event in answered("n2", Some("n1"), "Go on.") {
        rig.feed(&event);
    }
    assert_eq!(rig.tap.last_speaker(), Some(crate::store::Speaker::Ai));
    assert!(rig.tap.is_settled());
    let record = rig.record();
    let said: Vec<(i32, &str, bool)> = record
        .iter()
        .map(|e| (e.sequence, e.text.as_str(), e.interrupted))
        .collect();
    assert_eq!(
        said,
        [
            (1, "What do you do?", false),
            (2, "I look after payments.", false),
            (3, "I see, and how do you do that?", true),
            (4, "Go on.", false),
        ]
    );
    assert!(
        record[1].start_time < T0 + time::Duration::seconds(1),
        "it was spoken then"
    );
}

#[test]
fn a_turn_whose_words_were_overtaken_keeps_its_place_when_the_process_dies() {
    let mut rig = Rig::new();
    rig.feed(&started("u1"));
    rig.feed(&committed("u1", None));
    assert!(rig.awaited.is_empty(), "nothing is stored after it yet");
    for event in answered("a1", Some("u1"), "I see.") {
        rig.feed(&event);
    }
    assert_eq!(rig.awaited, [(1, "u1".to_owned())]);
    let session = SessionId(uuid::Uuid::from_u128(7));
    let awaited = rig.awaited.drain(..).map(|(place, item)| (place, item, T0)).collect();
    rig.tap = Transcript::take_up(session, Legacy::restored(session, 2, awaited));
    rig.feed(&started("n1"));
    rig.feed(&committed("n1", None));
    rig.feed(&written("n1", "I look after payments."));
    let said: Vec<(i32, String)> = rig
        .record()
        .into_iter()
        .map(|entry| (entry.sequence, entry.text))
        .collect();
    assert_eq!(
        said,
        [(1, "I look after payments.".to_owned()), (2, "I see.".to_owned())]
    );
}

#[test]
fn it_goes_over_as_often_as_legs_are_lost_and_is_a_gap_only_at_the_end() {
    let mut rig = Rig::new();
    rig.feed(&started("u1"));
    rig.feed(&committed("u1", None));
    for n in 1..5 {
        succeed(&mut rig);
        assert!(rig.record().is_empty());
        let id = format!("n{n}");
        rig.feed(&started(&id));
        if n % 2 == 0 {
            rig.feed(&committed(&id, None));
        }
    }
    succeed(&mut rig);
    rig.close();
    assert_eq!(rig.record().len(), 1, "{:?}", rig.lines());
    let entry = &rig.record()[0];
    assert_eq!((entry.sequence, entry.gap.as_deref()), (1, Some("no_transcription")));
    assert_eq!(entry.item_id, "u1");
}

#[test]
fn a_gap_that_was_recorded_is_filled_when_the_turn_is_said_again() {
    let mut rig = Rig::new();
    rig.feed(&started("u1"));
    rig.feed(&committed("u1", None));
    rig.pass(TRANSCRIPTION_MAX.as_millis() as i64 + 10);
    assert_eq!(rig.record()[0].gap.as_deref(), Some("no_transcription"));
    succeed(&mut rig);
    rig.feed(&started("n1"));
    rig.feed(&committed("n1", None));
    rig.feed(&written("n1", "Here it is."));
    let record = rig.record();
    assert_eq!(
        (record.len(), record[0].text.as_str(), record[0].gap.as_deref()),
        (1, "Here it is.", None)
    );
}

#[test]
fn speech_that_was_no_turn_yet_is_one_of_the_next_conversation() {
    let mut rig = Rig::new();
    rig.feed(&started("u1"));
    succeed(&mut rig);
    assert!(rig.tap.is_settled());
    rig.feed(&started("n1"));
    rig.feed(&committed("n1", None));
    rig.feed(&written("n1", "All of it."));
    assert_eq!(rig.lines().len(), 1, "{:?}", rig.lines());
}

#[test]
fn what_sounded_is_cut_where_it_was_last_heard() {
    let text = "One two three four five six seven eight nine ten.";
    let mut rig = Rig::new();
    for event in answered("a1", None, text) {
        rig.feed(&event);
    }
    rig.pass(3_400);
    rig.feed(&json!({ "type": "output_audio_buffer.stopped", "response_id": "r-a1" }));
    for event in answered("a2", Some("a1"), text) {
        rig.feed(&event);
    }
    rig.pass(1_700);
    // the leg was last heard a second ago
    let cuts = rig.tap.cut(rig.wall() - time::Duration::milliseconds(1_000));
    rig.drain();
    assert_eq!(cuts.len(), 1);
    assert!((700..760).contains(&cuts[0].1), "{cuts:?}");
    assert_eq!(
        rig.tap.cut(rig.wall() - time::Duration::milliseconds(1_000)),
        [],
        "no news"
    );
    let record = rig.record();
    assert!(!record[0].interrupted, "the first had been heard to its end");
    assert_eq!((record[1].interrupted, record[1].text.as_str()), (true, text));
    let heard = record[1].heard_text.as_deref().unwrap();
    assert!(text.starts_with(heard) && heard.len() < text.len() / 2, "{heard}");
}

#[test]
fn what_had_not_begun_to_sound_was_not_heard_and_what_had_ended_was() {
    let text = "One two three four five six seven eight nine ten.";
    let mut rig = Rig::new();
    for event in answered("a1", None, text) {
        rig.feed(&event);
    }
    rig.pass(3_400);
    rig.feed(&json!({ "type": "output_audio_buffer.stopped", "response_id": "r-a1" }));
    let mut second = answered("a2", Some("a1"), text);
    second.retain(|event| event["type"] != "output_audio_buffer.started");
    for event in second {
        rig.feed(&event);
    }
    rig.tap.cut(rig.wall());
    rig.drain();
    let record = rig.record();
    assert_eq!(record[1].heard_ms, Some(0));
    assert_eq!(record[1].heard_text.as_deref(), Some(""));
    // all of its sound had left when the leg was lost, though nobody said so
    let mut rig = Rig::new();
    for event in answered("a1", None, text) {
        rig.feed(&event);
    }
    rig.pass(3_400);
    rig.feed(&json!({ "type": "output_audio_buffer.stopped", "response_id": "r-a1" }));
    for event in answered("a2", Some("a1"), text) {
        rig.feed(&event);
    }
    rig.pass(3_600);
    assert!(rig.tap.cut(rig.wall()).is_empty());
    assert!(!rig.record()[1].interrupted);
}

#[test]
fn what_came_all_at_once_was_not_heard_in_a_moment() {
    let text = "One two three four five six seven eight nine ten.";
    let stopped = |id: &str| json!({ "type": "output_audio_buffer.stopped", "response_id": id });
    let mut rig = Rig::new();
    for event in answered("a1", None, text) {
        rig.feed(&event);
    }
    rig.pass(3_400);
    rig.feed(&stopped("r-a1"));
    for event in answered("a2", Some("a1"), text) {
        rig.feed(&event);
    }
    rig.pass(20);
    rig.feed(&stopped("r-a2"));
    rig.pass(1_000);
    let cuts = rig.tap.cut(rig.wall());
    rig.drain();
    assert!((1_000..1_100).contains(&cuts[0].1), "{cuts:?}");
    assert_eq!(rig.record()[1].heard_text.as_deref(), Some("One two three"));
    assert!(!rig.record()[0].interrupted);
}
