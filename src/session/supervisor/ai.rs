//! The AI's side: dialling, what is sent to it, and what its events mean.

use super::{Supervisor, candidate::close_word, clock};
use crate::{
    config::Transport,
    metrics::{Direction, Leg},
    realtime::{
        dial,
        event::What,
        instructions::first_name,
        link::{Link, LinkEvent},
        session::Brief,
        transcript::Transcript,
    },
    session::{
        machine::{DialFailure, Event},
        meaning::{Meaning, Reader},
    },
};
use serde_json::Value;
use std::time::Duration;
use tokio::task::JoinError;
use vivavoce_media::{CloseCause, LegEvent};

/// How long a dial may take, all told.
const DIAL_MAX: Duration = Duration::from_secs(12);

impl Supervisor {
    /// Dials in a task of its own; the answer comes to [`Supervisor::dialled`].
    pub(super) fn dial(&mut self, transport: Transport) {
        self.ready_early = false;
        self.reader = Reader::default();
        if !self.record.is_empty() {
            let last = self.transcript.last_sequence();
            self.transcript = Transcript::new(self.begin.session.id, last);
        }
        let (ai, dialect, call, begin) = (
            self.deps.ai.clone(),
            self.deps.dialect.clone(),
            self.call.clone(),
            self.begin.clone(),
        );
        self.dialling.abort_all();
        self.dialling.spawn(async move {
            let first_name = first_name(&begin.candidate_name);
            let session = dialect.session(&Brief {
                position: &begin.position,
                first_name: first_name.as_deref(),
                model: &ai.model,
                transcription_model: &ai.transcription_model,
            });
            Link::connect(&ai, dialect, &call, &session, transport, DIAL_MAX).await
        });
    }

    pub(super) fn dialled(&mut self, result: Result<Result<Link, dial::Error>, JoinError>) {
        match result {
            Ok(Ok(link)) => {
                let over_websocket = link.is_websocket();
                self.link = Some(link);
                self.tell(Event::Dialled);
                if over_websocket || std::mem::take(&mut self.ready_early) {
                    self.tell(Event::AiReady);
                }
            }
            Ok(Err(error)) => {
                tracing::warn!(leg = "ai", %error, "the AI could not be dialled");
                self.tell(Event::DialFailed(DialFailure {
                    cause: error.to_string(),
                    permanent: error.permanence() == dial::Permanence::Permanent,
                    transport_fault: error.is_transport_fault(),
                    retry_after: error.retry_after(),
                }));
            }
            Err(gone) if gone.is_cancelled() => {} // superseded by a newer dial
            Err(panicked) => {
                tracing::error!(leg = "ai", error = %panicked, "a dial failed in a way that is our bug");
                let cause = "internal".to_owned();
                self.tell(Event::DialFailed(DialFailure {
                    cause,
                    permanent: false,
                    transport_fault: true,
                    retry_after: None,
                }));
            }
        }
    }

    /// Gives up the AI leg; the service is told beside, with a deadline.
    pub(super) fn hang_up(&mut self) {
        self.dialling.abort_all();
        self.ready_early = false;
        self.transcript.close();
        self.call.ai_close();
        if let Some(link) = self.link.take() {
            self.deps.tasks.spawn(link.hang_up());
        }
    }

    pub(super) fn send_ai(&mut self, events: Vec<Value>) {
        let Some(link) = &self.link else { return };
        for event in events {
            link.send(&event);
        }
    }

    /// Notes of ours to the model: not speech of the conversation.
    pub(super) fn send_ai_unspoken(&mut self, events: Vec<Value>) {
        for id in events
            .iter()
            .filter_map(|event| event.pointer("/item/id").and_then(Value::as_str))
        {
            self.transcript.skip(id);
        }
        self.send_ai(events);
    }

    /// A new AI leg in a conversation that has begun: its history, no second greeting.
    pub(super) fn take_up_again(&mut self) {
        let history: Vec<_> = self.record.in_order().into_iter().cloned().collect();
        self.send_ai_unspoken(self.deps.dialect.take_up(&history));
    }

    pub(super) fn typed(&mut self, text: &str, id: &str) {
        // the same id gives the same item: said twice by a browser that was unsure, it is taken once
        let item = uuid::Uuid::new_v5(&self.begin.session.id.0, id.as_bytes())
            .simple()
            .to_string();
        if !text.trim().is_empty() && self.typed.insert(item.clone()) {
            self.send_ai(self.deps.dialect.say(&item, text.trim()));
            self.tell(Event::AnswerWanted);
        }
    }

    pub(super) fn link_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Message(text) => self.heard(&text),
            LinkEvent::Played { item_id, ms } => {
                self.transcript.heard(&item_id, ms);
                self.carry_out();
            }
            LinkEvent::AllPlayed => {}
            LinkEvent::Closed(cause) => {
                self.link = None;
                self.tell(Event::AiClosed(cause));
            }
        }
    }

    pub(super) fn ai_event(&mut self, event: LegEvent) {
        match event {
            LegEvent::Up { took } => self.deps.metrics.connected(Leg::Ai, took),
            LegEvent::ChannelOpen { .. } => {
                if self.link.is_some() {
                    self.tell(Event::AiReady);
                } else {
                    self.ready_early = true;
                }
            }
            LegEvent::Message { text } => self.heard(&text),
            LegEvent::ChannelClosed { .. } => self.tell(Event::AiClosed("its channel was closed".into())),
            LegEvent::Lost { .. } => self.tell(Event::AiClosed("silent".into())),
            LegEvent::Closed {
                cause: CloseCause::Local,
            }
            | LegEvent::Back
            | LegEvent::FirstMedia
            | LegEvent::Received(_) => {}
            LegEvent::Closed { cause } => self.tell(Event::AiClosed(close_word(cause).into())),
        }
    }

    /// One event of the service's: to the record, to the interview's life, to the browser's data channel.
    fn heard(&mut self, text: &str) {
        let (now, wall) = (clock::monotonic(), clock::wall());
        let event = self.deps.dialect.parse(text);
        self.transcript.handle(now, wall, &event);
        self.measure(now, &event.what);
        self.committed(&event.what);
        for frame in self.mirror.frames(text) {
            self.call.candidate_send(frame);
        }
        if let Some(meaning) = self.reader.read(&event.what) {
            self.mean(meaning);
        }
        self.carry_out();
    }

    fn mean(&mut self, meaning: Meaning) {
        match meaning {
            Meaning::Tell(event) => self.tell(event),
            Meaning::NoSuchTool { call_id } => {
                let output = serde_json::json!({ "error": "there is no such tool" });
                self.send_ai(self.deps.dialect.tool_answer(&call_id, &output));
                self.tell(Event::AnswerWanted);
            }
        }
    }

    fn measure(&mut self, now: std::time::Instant, what: &What) {
        match what {
            What::SpeechStopped { .. } => self.ceased = Some(now),
            What::Malformed => self.deps.metrics.ai_event_unread("malformed"),
            What::Unknown { .. } => self.deps.metrics.ai_event_unread("unknown"),
            What::PlayStarted { .. } => {
                if let Some(ceased) = self.ceased.take() {
                    self.deps.metrics.turn(now - ceased);
                }
            }
            What::ResponseDone(response) => {
                if let Some(usage) = &response.usage {
                    let metrics = &self.deps.metrics;
                    metrics.tokens(Direction::In, "text", usage.input_text);
                    metrics.tokens(Direction::In, "audio", usage.input_audio);
                    metrics.tokens(Direction::In, "cached", usage.input_cached);
                    metrics.tokens(Direction::Out, "text", usage.output_text);
                    metrics.tokens(Direction::Out, "audio", usage.output_audio);
                }
            }
            What::Error(fault) => {
                tracing::warn!(
                    leg = "ai",
                    kind = fault.kind,
                    code = fault.code,
                    "the AI service complains"
                );
            }
            _ => {}
        }
    }
}
