//! Turns, answers, interruptions: which events, in which order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

#[test]
fn an_answer_comes_in_order_and_text_outruns_sound() {
    let mut world = World::web_rtc();
    assert_eq!(world.take(), ["session.created"]);
    world.send(&json!({"type": "response.create"}));
    world.wait(1_500);
    let mut kinds = world.take();
    kinds.retain(|k| k != "rate_limits.updated" && k != "output_audio_buffer.started");
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio_transcript.delta",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
    );
    let audio_ms = world.conversation.items.iter().next().unwrap().audio_ms;
    assert!(audio_ms > 5_000, "{audio_ms}");
    world.wait(audio_ms);
    assert_eq!(world.take(), ["output_audio_buffer.stopped"]);
}

#[test]
fn a_turn_comes_in_order_and_is_transcribed_later() {
    let mut world = World::web_rtc();
    world.take();
    world.talk(1_000, 440);
    let mut kinds = world.take();
    assert_eq!(kinds.pop().unwrap(), "response.created");
    assert_eq!(kinds, TURN);
    world.wait(300);
    assert_eq!(
        world.find("conversation.item.input_audio_transcription.completed")["transcript"],
        "[simulated transcript] turn 1, speech of 1.0 s\n"
    );
}

#[test]
fn a_silent_candidate_gets_no_answer() {
    let mut world = World::web_rtc();
    world.take();
    for _ in 0..60 {
        world.talk(0, 10_000);
    }
    assert_eq!(world.take(), Vec::<String>::new());
    assert_eq!(world.sounds, 600_000 / 20 + 1); // one goes out as the call begins
}

#[test]
fn breaking_in_while_it_sounds_truncates_what_was_sent() {
    let mut world = World::web_rtc();
    world.send(&json!({"type": "response.create"}));
    world.wait(2_500); // all words are told, most are not heard
    world.take();
    world.talk(500, 0);
    assert_eq!(world.events.len(), 3, "{:?}", world.events);
    let cut = world.find("conversation.item.truncated")["audio_end_ms"]
        .as_u64()
        .unwrap();
    // Sound began at the first word, 250 ms in; speech counts after three loud frames.
    assert!((2_200..=2_400).contains(&cut), "{cut}");
    assert_eq!(
        world.take(),
        [
            "input_audio_buffer.speech_started",
            "output_audio_buffer.cleared",
            "conversation.item.truncated"
        ]
    );
}

#[test]
fn breaking_in_while_it_is_made_finishes_everything_it_announced() {
    let mut world = World::web_rtc();
    world.send(&json!({"type": "response.create"}));
    world.wait(400);
    world.take();
    world.talk(60, 0);
    assert_eq!(
        world.find("response.done")["response"]["status_details"],
        json!({"type": "cancelled", "reason": "turn_detected"})
    );
    assert_eq!(world.find("response.output_item.done")["item"]["status"], "incomplete");
    let mut kinds = world.take();
    kinds.retain(|k| k != "rate_limits.updated" && k != "response.output_audio_transcript.delta");
    assert_eq!(
        kinds,
        [
            "input_audio_buffer.speech_started",
            "output_audio_buffer.cleared",
            "conversation.item.truncated",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
    );
}

#[test]
fn what_the_session_says_of_turns_is_honoured() {
    let detection = |fields: Value| json!({"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": fields}}}});
    let mut world = World::web_rtc();
    world.send(&detection(json!({"type": "server_vad", "create_response": false})));
    world.take();
    world.talk(500, 900);
    assert_eq!(
        world.take().last().unwrap(),
        "conversation.item.input_audio_transcription.completed"
            .to_owned()
            .as_str()
    );
    assert_eq!(world.conversation.speaking.active_id(), None);

    world.send(&detection(
        json!({"type": "server_vad", "create_response": true, "interrupt_response": false}),
    ));
    world.send(&json!({"type": "response.create"}));
    world.wait(400);
    world.take();
    world.talk(500, 600);
    let kinds = world.take();
    assert!(
        !kinds.iter().any(|k| k.contains("cleared") || k.contains("truncated")),
        "{kinds:?}"
    );

    world.send(&detection(Value::Null));
    world.wait(20_000);
    world.take();
    world.talk(2_000, 2_000);
    assert_eq!(world.take(), Vec::<String>::new());
    world.send(&json!({"type": "input_audio_buffer.commit"}));
    assert_eq!(world.take(), &TURN[2..]);
}

#[test]
fn an_interview_ends_with_goodbye_and_the_tool_in_one_answer() {
    let mut world = World::web_rtc();
    world.send(&json!({"type": "response.create"}));
    for _ in 0..3 {
        world.wait(12_000);
        world.talk(800, 600);
    }
    world.wait(12_000);
    let response = world.find("response.done")["response"].clone();
    let output = response["output"].as_array().unwrap();
    assert_eq!(output[0]["type"], "message");
    assert_eq!(
        (&output[1]["type"], &output[1]["name"], &output[1]["status"]),
        (&json!("function_call"), &json!("end_session"), &json!("completed"))
    );
    assert_eq!(world.find("response.function_call_arguments.done")["arguments"], "{}");
    assert!(
        response["usage"]["input_token_details"]["audio_tokens"]
            .as_u64()
            .unwrap()
            > 0
    );
    world.take();
    world.send(&json!({"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": output[1]["call_id"], "output": "ok"}}));
    world.send(&json!({"type": "response.create"}));
    world.wait(2_000);
    assert_eq!(world.find("response.done")["response"]["output"], json!([]));
    assert!(!world.take().contains(&"output_audio_buffer.started".to_owned()));
}

#[test]
fn a_tools_answer_belongs_to_a_call_that_is_there_or_was_replayed() {
    let mut world = World::web_rtc();
    let answer = json!({"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "call_7", "output": "ok"}});
    world.send(&answer);
    assert_eq!(world.find("error")["error"]["code"], "invalid_tool_call_id");
    world.take();
    world.send(&json!({"type": "conversation.item.create", "item": {"type": "function_call", "call_id": "call_7", "name": "end_session", "arguments": "{}"}}));
    world.send(&answer);
    assert_eq!(world.find("conversation.item.done")["item"]["call_id"], "call_7");
    assert!(!world.take().contains(&"error".to_owned()));
}
