//! The machine in virtual time: orders of events, refusals, interruptions, faults, and what must hold whatever happens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod exam;
mod orders;
mod property;
mod rules;

use super::*;

/// A conversation with its clock and everything it did.
struct World {
    conversation: Conversation,
    now: Duration,
    events: Vec<Value>,
    sounds: usize,
    closed: Option<u16>,
}

const MS: fn(u64) -> Duration = Duration::from_millis;

fn setup(transport: Transport) -> Setup {
    Setup {
        tag: "t".into(),
        transport,
        mode: Mode::Interviewer,
        questions: 3,
        judge: Judge::default(),
        exam: Exam::default(),
        faults: Faults::default(),
        epoch_ms: 1_000_000,
        continuous: true,
        think: MS(200),
        word: MS(25),
        lifetime: Duration::from_hours(1),
    }
}

impl World {
    fn new(setup: Setup) -> Self {
        let mut session = Session::new("sess_sim_t", "gpt-realtime-2.1", 0);
        let update = json!({"type": "realtime", "tools": [{"type": "function", "name": "end_session"}],
            "audio": {"input": {"transcription": {"model": "m"}, "turn_detection": {"type": "server_vad", "silence_duration_ms": 400}}}});
        session.update(&update, false).unwrap();
        let conversation = Conversation::new(setup, session);
        let mut world = Self {
            conversation,
            now: Duration::ZERO,
            events: Vec::new(),
            sounds: 0,
            closed: None,
        };
        world.input(Input::Open);
        world
    }

    fn web_rtc() -> Self {
        Self::new(setup(Transport::WebRtc))
    }

    fn input(&mut self, input: Input<'_>) {
        self.conversation.handle(self.now, input);
        while let Some(action) = self.conversation.poll_action() {
            match action {
                Action::Event(event) => self.events.push(event),
                Action::Sound(_) => self.sounds += 1,
                Action::Close { code, .. } => self.closed = Some(code),
            }
        }
    }

    fn send(&mut self, event: &Value) {
        self.input(Input::Client(&event.to_string()));
    }

    /// Time passes; nobody speaks and no sound comes.
    fn wait(&mut self, ms: u64) {
        let end = self.now + MS(ms);
        while let Some(due) = self.conversation.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.input(Input::Due);
        }
        self.now = end;
    }

    /// Sound comes in as it would over RTP, 20 ms at a time.
    fn hear(&mut self, pcm: &[i16]) {
        for frame in pcm.chunks(480) {
            self.wait(20);
            self.input(Input::Heard(&Sound::Heard {
                pcm: frame.to_vec(),
                told: 0,
            }));
        }
    }

    fn talk(&mut self, loud_ms: u64, quiet_ms: u64) {
        let pcm: Vec<i16> = (0..(loud_ms + quiet_ms) * 24)
            .map(|n| {
                if n < loud_ms * 24 {
                    ((n as f32 * 0.08).sin() * 6_000.0) as i16
                } else {
                    0
                }
            })
            .collect();
        self.hear(&pcm);
    }

    /// Types of the events since the last call, deltas once each in a row.
    fn take(&mut self) -> Vec<String> {
        let mut kinds: Vec<String> = self
            .events
            .drain(..)
            .map(|e| e["type"].as_str().unwrap().to_owned())
            .collect();
        kinds.dedup();
        kinds
    }

    fn find(&self, kind: &str) -> &Value {
        let found = self.events.iter().rfind(|e| e["type"] == kind);
        found.unwrap_or_else(|| {
            panic!(
                "no {kind} among {:?}",
                self.events.iter().map(|e| &e["type"]).collect::<Vec<_>>()
            )
        })
    }
}

const TURN: [&str; 5] = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
];
