//! One session: the machine between a client's events and sound, and the server's.
//!
//! Is: pure. `handle(now, input)`, then drain `poll_action()` until it is empty, then `poll_timeout()` says when to call
//! again. Isn't: a transport; `Sound` is an Opus frame for a track, on a WebSocket sound travels in events.
//! **Law:** it reads no clock (`now` is the time since the call began), and what the candidate's turns do is decided by the
//! sound that was heard alone.

mod client;
mod error;
mod exam;
mod items;
mod listening;
mod making;
mod playout;
mod record;
mod script;
mod session;
mod setup;
mod speaking;
#[cfg(test)]
mod tests;
mod usage;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};

pub(crate) use self::{
    error::ApiError,
    exam::Exam,
    script::QUESTIONS_MAX,
    session::Session,
    setup::{Faults, Judge, Mode, Setup, Transcripts, Transport},
};
use self::{
    items::Items,
    listening::Ear,
    playout::{Playout, Tick},
    record::Record,
    speaking::Speaking,
};
use crate::audio::{FRAME_MS, Sound, voice::SILENCE};

/// What happens to a conversation.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    /// The client can hear events.
    Open,
    /// A text message of the client's.
    Client(&'a str),
    /// Sound of the candidate's.
    Heard(&'a Sound),
    /// Faults are as told from here on.
    Faults(Faults),
    /// The session's time is over.
    Expire,
    /// A deadline of `poll_timeout` has come.
    Due,
}

/// What the driver owes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Send this event.
    Event(Value),
    /// Send 20 ms of Opus on the track.
    Sound(Bytes),
    /// Close the session with this WebSocket code.
    Close { code: u16, reason: &'static str },
}

/// What falls due.
#[derive(Debug)]
enum Due {
    /// The next step of the answer that is being made.
    Step,
    /// A transcription event or several.
    Say(Vec<Value>),
    Expire,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Conversation {
    setup: Setup,
    faults: Faults,
    session: Session,
    items: Items,
    ear: Ear,
    speaking: Speaking,
    playout: Playout,
    record: Record,
    agenda: BTreeMap<(Duration, u64), Due>,
    actions: VecDeque<Action>,
    /// When the next 20 ms go out; None before the channel opens and on a WebSocket.
    next_frame: Option<Duration>,
    serial: u64,
    open: bool,
}

impl Conversation {
    pub(crate) fn new(setup: Setup, session: Session) -> Self {
        let mut agenda = BTreeMap::new();
        agenda.insert((setup.lifetime, 0), Due::Expire);
        Self {
            faults: setup.faults.clone(),
            session,
            items: Items::default(),
            ear: Ear::new(),
            speaking: Speaking::default(),
            playout: Playout::default(),
            record: Record::default(),
            agenda,
            actions: VecDeque::new(),
            next_frame: None,
            serial: 0,
            open: false,
            setup,
        }
    }

    /// One thing happened, `now` after the call began.
    pub(crate) fn handle(&mut self, now: Duration, input: Input<'_>) {
        match input {
            Input::Open => self.opened(now),
            Input::Client(text) => self.client(now, text),
            Input::Heard(Sound::Heard { pcm, told }) => self.hear(now, pcm, *told),
            Input::Heard(Sound::Silence(samples)) => self.listen(now, &vec![0; *samples]),
            Input::Faults(faults) => self.faults = faults,
            Input::Expire => self.expire(),
            Input::Due => self.due(now),
        }
    }

    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call with `Due`, if nothing else happens before.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        let agenda = self.agenda.keys().next().map(|(at, _)| *at);
        agenda.into_iter().chain(self.next_frame).min()
    }

    /// What was said and heard so far.
    pub(crate) fn record(&self) -> Value {
        self.record.value(&self.setup, &self.items, &self.session)
    }

    fn opened(&mut self, now: Duration) {
        if self.open {
            return;
        }
        self.open = true;
        if self.setup.transport == Transport::WebRtc {
            self.next_frame = Some(now);
        }
        let session = self.session.value().clone();
        self.emit(json!({"type": "session.created", "session": session}));
    }

    fn due(&mut self, now: Duration) {
        while let Some(entry) = self.agenda.first_entry() {
            if entry.key().0 > now {
                break;
            }
            match entry.remove() {
                Due::Step => self.step(now),
                Due::Say(events) => events.into_iter().for_each(|e| self.transcribed(now, e)),
                Due::Expire => self.expire(),
            }
        }
        while let Some(at) = self.next_frame.filter(|at| *at <= now) {
            // A driver that slept too long catches up to half a second; what is older is not owed.
            let late = now.saturating_sub(at) > Duration::from_millis(500);
            self.frame(at);
            self.next_frame = Some(if late {
                now
            } else {
                at + Duration::from_millis(FRAME_MS)
            });
        }
    }

    fn frame(&mut self, now: Duration) {
        let active = self.speaking.active_id().map(str::to_owned);
        let ticks = self.playout.tick(|response| active.as_deref() == Some(response));
        let mut sent = false;
        for tick in ticks {
            match tick {
                Tick::Started { response_id } => {
                    self.emit(json!({"type": "output_audio_buffer.started", "response_id": response_id}));
                }
                Tick::Stopped { response_id } => {
                    self.ear.touch();
                    self.emit(json!({"type": "output_audio_buffer.stopped", "response_id": response_id}));
                }
                Tick::Frame {
                    item_id,
                    number,
                    packet,
                } => {
                    sent = true;
                    self.record.sent(self.setup.epoch_ms, now, &item_id, number);
                    self.actions.push_back(Action::Sound(packet));
                }
            }
        }
        if !sent && self.setup.continuous {
            self.actions.push_back(Action::Sound(Bytes::from_static(SILENCE)));
        }
    }

    fn expire(&mut self) {
        let minutes = self.setup.lifetime.as_secs() / 60;
        let message = format!("Your session hit the maximum duration of {minutes} minutes.");
        self.emit(ApiError::new("session_expired", message).event(None));
        self.actions.push_back(Action::Close {
            code: 1001,
            reason: "session_expired",
        });
    }

    /// Sends an event under its own id.
    fn emit(&mut self, mut event: Value) {
        let id = self.id("event");
        if let Some(object) = event.as_object_mut() {
            object.insert("event_id".into(), json!(id));
        }
        self.record.note(&event);
        self.actions.push_back(Action::Event(event));
    }

    fn refuse(&mut self, error: &ApiError, event_id: Option<&str>) {
        self.emit(error.event(event_id));
    }

    fn plan(&mut self, at: Duration, due: Due) {
        self.serial += 1;
        self.agenda.insert((at, self.serial), due);
    }

    /// A fresh id; unique beyond this call, since it carries the call's own.
    fn id(&mut self, kind: &str) -> String {
        self.serial += 1;
        format!("{kind}_sim_{}_{}", self.setup.tag, self.serial)
    }
}
