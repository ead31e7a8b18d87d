//! The simulator's side of one session without a transport: for tests that run it in virtual time.
//!
//! Is: the pure conversation behind a few plain types. Isn't: HTTP or a peer; who drives it carries texts and sound.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::{
    audio::Sound,
    conversation::{Action, Conversation, Faults, Input, Mode, Session, Setup, Transport},
    registry::Defaults,
};

/// What it wants carried.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// An event on the channel.
    Event(String),
    /// 20 ms of Opus on the track.
    Sound(Bytes),
    /// The session is over: everything closes.
    Close,
}

/// One session over WebRTC.
pub struct Model {
    conversation: Conversation,
}

impl Model {
    /// `epoch_ms`: the wall clock. `tag` makes its ids its own; `session` is the one that the call brought; `defaults` as the control endpoint takes them.
    ///
    /// # Errors
    /// Either makes no sense; in words.
    pub fn new(tag: &str, session: &Value, defaults: &Value, epoch_ms: u64) -> Result<Self, String> {
        let defaults = Defaults::default().with(defaults).map_err(|e| e.to_string())?;
        let model = session["model"].as_str().unwrap_or("gpt-realtime-2.1");
        let mut made = Session::new(
            &format!("sess_sim_{tag}"),
            model,
            epoch_ms / 1_000 + defaults.lifetime_s,
        );
        made.update(session, false).map_err(|e| e.message.clone())?;
        let setup = Setup {
            tag: tag.to_owned(),
            transport: Transport::WebRtc,
            mode: defaults.mode,
            questions: defaults.questions,
            judge: defaults.judge,
            exam: defaults.exam,
            faults: defaults.faults,
            epoch_ms,
            continuous: defaults.continuous,
            think: Duration::from_millis(defaults.think_ms),
            word: Duration::from_millis(defaults.word_ms),
            lifetime: Duration::from_secs(defaults.lifetime_s),
        };
        debug_assert!(setup.mode != Mode::Interviewer || setup.questions > 0);
        Ok(Self {
            conversation: Conversation::new(setup, made),
        })
    }

    /// The client can hear events. All times are since the session began.
    pub fn open(&mut self, now: Duration) {
        self.conversation.handle(now, Input::Open);
    }

    /// A text of the client's.
    pub fn text(&mut self, now: Duration, text: &str) {
        self.conversation.handle(now, Input::Client(text));
    }

    /// Sound that was received, 24 kHz mono, the sender's time.
    pub fn hear(&mut self, now: Duration, pcm: Vec<i16>) {
        self.conversation
            .handle(now, Input::Heard(&Sound::Heard { pcm, told: 0 }));
    }

    /// So many of the next answers never come.
    pub fn stall(&mut self, now: Duration, answers: u32) {
        let faults = Faults {
            stall: answers,
            ..Faults::default()
        };
        self.conversation.handle(now, Input::Faults(faults));
    }

    /// The session's time is over.
    pub fn expire(&mut self, now: Duration) {
        self.conversation.handle(now, Input::Expire);
    }

    /// When to call [`Model::due`].
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.conversation.poll_timeout()
    }

    /// That time has come.
    pub fn due(&mut self, now: Duration) {
        self.conversation.handle(now, Input::Due);
    }

    /// What is to be carried.
    pub fn poll(&mut self) -> Option<Said> {
        self.conversation.poll_action().map(|action| match action {
            Action::Event(event) => Said::Event(event.to_string()),
            Action::Sound(packet) => Said::Sound(packet),
            Action::Close { .. } => Said::Close,
        })
    }

    /// What was said and heard, as the control endpoint tells it.
    pub fn record(&self) -> Value {
        self.conversation.record()
    }
}
