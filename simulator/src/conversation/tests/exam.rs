//! Whole interviews in digits, in one session and over several.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::judge::{self, Detector, Pattern};

const ALL: &str = "zero one two three four five six seven eight nine";

fn exam(transport: Transport, turns: usize) -> World {
    let exam = Exam {
        turns,
        ..Exam::default()
    };
    World::new(Setup {
        mode: Mode::Exam,
        exam,
        ..setup(transport)
    })
}

impl World {
    fn says(&mut self, digits: &[u8]) {
        self.hear(&judge::encode(digits, &Pattern::at(24_000)));
        self.hear(&vec![0; 24_000]);
    }

    fn ask(&mut self) {
        self.send(&json!({"type": "response.create"}));
    }

    fn replay(&mut self, role: &str, text: &str) {
        let kind = if role == "assistant" {
            "output_text"
        } else {
            "input_text"
        };
        let item = json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]});
        self.send(&json!({"type": "conversation.item.create", "item": item}));
    }
}

#[test]
fn an_interview_in_digits_takes_turns_and_ends() {
    let mut world = exam(Transport::WebRtc, 3);
    world.ask();
    for turn in 1..=3 {
        world.wait(4_000);
        assert_eq!(world.find("response.output_audio_transcript.done")["transcript"], ALL);
        world.says(&[turn, 5]);
        let words = judge::words_of(&[turn, 5]);
        let told = &world.find("conversation.item.input_audio_transcription.completed")["transcript"];
        assert_eq!(
            *told,
            json!(format!("[simulated transcript] turn {turn}, digits {words}\n"))
        );
    }
    world.wait(9_000);
    let response = &world.find("response.done")["response"];
    assert_eq!(response["output"][1]["name"], "end_session");
    let record = world.conversation.record();
    assert_eq!(record["said_by_user"], "152535");
    assert_eq!(record["said_by_assistant"], "0123456789".repeat(3));
    assert_eq!(record["spoken_digits_text"], "0123456789".repeat(3));
    assert_eq!(record["digits_text"], "152535");
}

#[test]
fn words_go_at_the_pace_of_speech_and_fifteen_characters_are_a_second() {
    let mut world = exam(Transport::WebRtc, 3);
    world.ask();
    world.wait(5_000);
    let item = world.conversation.items.iter().next().unwrap();
    let per_second = ALL.len() as f64 * 1_000.0 / item.audio_ms as f64;
    assert!((14.0..15.5).contains(&per_second), "{per_second}");
    let spoken = world.conversation.record()["spoken_digits"].as_array().unwrap().clone();
    let at: Vec<f64> = spoken.iter().map(|d| d["at_ms"].as_f64().unwrap()).collect();
    assert!(
        at.windows(2).all(|w| (310.0..=350.0).contains(&(w[1] - w[0]))),
        "{at:?}"
    );
}

/// The words that an estimate by the rate gives for what was heard hold no digit that was not, and lack one at most.
#[test]
fn a_reader_of_the_rate_says_no_digit_that_did_not_sound() {
    let pattern = Exam::default().pattern();
    let bursts = |ms: u32, part_ms: u32| {
        (0..10)
            .filter(|n| pattern.lead_ms + n * pattern.interval_ms + part_ms <= ms)
            .count()
    };
    // what ten digits teach, and what is taken for usual before anything is learnt
    for per_second in [49.0 / 3.34, 15.0] {
        for ms in 0..3_300u32 {
            let chars = (f64::from(ms) * per_second / 1_000.0) as usize;
            let ends = (0..=chars.min(ALL.len())).rev();
            let end = ends
                .into_iter()
                .find(|n| matches!(ALL.as_bytes().get(*n), None | Some(b' ')));
            let words = end.map_or(0, |end| judge::digits_in_words(&ALL[..end]).len());
            let (whole, told) = (bursts(ms, pattern.burst_ms), bursts(ms, pattern.burst_ms / 2));
            assert!(words <= whole, "{words} of {whole} after {ms} ms at {per_second}");
            assert!(words + 1 >= told, "{words} of {told} after {ms} ms at {per_second}");
        }
    }
}

#[test]
fn a_conversation_taken_up_elsewhere_counts_on() {
    let mut first = exam(Transport::WebRtc, 3);
    first.ask();
    first.wait(4_000);
    first.says(&[7, 7]);
    first.wait(500); // some digits of the second count have sounded
    let sounded = first.conversation.record()["spoken_digits_text"]
        .as_str()
        .unwrap()
        .len()
        - 10;
    assert!((2..=6).contains(&sounded), "{sounded}");
    let heard: Vec<&str> = ALL.split(' ').take(sounded).collect();

    let mut second = exam(Transport::WebRtc, 3);
    second.replay("assistant", ALL);
    second.replay("user", "[simulated transcript] turn 1, digits seven seven");
    second.replay("assistant", &format!("{} … (interrupted)", heard.join(" ")));
    second.ask();
    second.wait(5_000);
    let said = second.conversation.record()["spoken_digits_text"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(said, "0123456789"[sounded..]);
    second.says(&[8]);
    second.wait(4_000);
    let record = second.conversation.record();
    assert_eq!(record["said_by_user"], "778");
    assert_eq!(record["spoken_digits_text"], format!("{said}0123456789"));
}

#[test]
fn what_is_broken_into_goes_on_where_it_was_cut() {
    let mut world = exam(Transport::WebRtc, 3);
    world.ask();
    world.wait(1_500);
    world.says(&[4]);
    world.wait(6_000);
    let record = world.conversation.record();
    let spoken = record["spoken_digits_text"].as_str().unwrap();
    // The burst that was sounding may be said again.
    let once = ["0123456789", "01234456789", "0123456789", "012343456789", "0123345678"];
    assert!(once.contains(&spoken), "{spoken}");
    assert_eq!(
        world.find("response.output_audio_transcript.done")["transcript"]
            .as_str()
            .unwrap()
            .split(' ')
            .next_back(),
        Some("nine")
    );
}

#[test]
fn what_a_client_says_was_heard_is_what_was_heard() {
    for (note, goes_on) in [
        (
            "Of what you said last they heard this: \"zero one two …\". Go on right after that.",
            "three",
        ),
        ("They have heard nothing of what you said last. Say it now.", "zero"),
        ("Answer what they said last.", "zero"),
    ] {
        let mut world = exam(Transport::WebRtc, 3);
        world.ask();
        world.wait(4_000);
        let is_unanswered = goes_on == "zero" && note.starts_with("Answer");
        if is_unanswered {
            world.replay("user", "x");
        }
        let item = json!({"type": "message", "role": "system", "content": [{"type": "input_text", "text": note}]});
        world.send(&json!({"type": "conversation.item.create", "item": item}));
        world.ask();
        world.wait(5_000);
        let said = world.find("response.output_audio_transcript.done")["transcript"].to_string();
        assert!(said.trim_matches('"').starts_with(goes_on), "{note}: {said}");
    }
}

#[test]
fn speech_in_an_item_is_heard_and_not_told_back() {
    for transport in [Transport::WebRtc, Transport::WebSocket] {
        let mut world = exam(transport, 3);
        world.replay("assistant", ALL);
        let pcm: Vec<u8> = judge::encode(&[2, 4, 6], &Pattern::at(24_000))
            .iter()
            .flat_map(|s| s.to_le_bytes())
            .collect();
        let audio = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pcm);
        let part = json!({"type": "input_audio", "audio": audio, "transcript": "nine"});
        let item = json!({"type": "message", "role": "user", "content": [part]});
        world.send(&json!({"type": "conversation.item.create", "item": item}));
        assert_eq!(
            world.find("conversation.item.added")["item"]["content"],
            json!([{"type": "input_audio", "transcript": "nine"}])
        );
        assert_eq!(world.conversation.record()["said_by_user"], "246");
        world.ask();
        world.wait(4_000);
        assert_eq!(world.find("response.output_audio_transcript.done")["transcript"], ALL);
    }
}

#[test]
fn over_a_websocket_the_digits_are_in_the_sound_that_is_given() {
    let mut world = exam(Transport::WebSocket, 3);
    world.ask();
    world.wait(1_000);
    let mut ear = Detector::new(24_000);
    let mut heard = Vec::new();
    for delta in world
        .events
        .iter()
        .filter(|e| e["type"] == "response.output_audio.delta")
    {
        let bytes = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            delta["delta"].as_str().unwrap(),
        )
        .unwrap();
        let pcm: Vec<i16> = bytes
            .chunks_exact(2)
            .map(|b| i16::from_le_bytes([b[0], b[1]]))
            .collect();
        heard.extend(ear.push(&pcm).iter().map(|h| h.digit));
    }
    assert_eq!(heard, (0..10).collect::<Vec<u8>>());
}
