//! The AI's side: dialling, what is sent to it, and what its events mean.

use super::{Supervisor, candidate::close_word, clock};
use crate::{
    config::Transport,
    metrics::{Direction, Leg},
    realtime::{
        dial,
        event::What,
        history::{self, Bound},
        link::{Link, LinkEvent},
        transcript::{Legacy, Transcript},
    },
    session::{
        machine::{DialFailure, Event},
        meaning::{Meaning, Reader},
        standing::{self, Standing},
        tools,
    },
};
use serde_json::Value;
use std::time::Duration;
use tokio::task::JoinError;
use vivavoce_media::broken::{Law, is_broken};
use vivavoce_media::{CloseCause, LegEvent};

/// A candidate who was heard so recently is there.
const THERE: Duration = Duration::from_millis(100);
/// What was on its way to a candidate whose round trip is not known, and at most.
const ON_ITS_WAY: Duration = Duration::from_millis(120);
const ON_ITS_WAY_MAX: Duration = Duration::from_secs(1);
/// How long a dial may take, all told.
pub(super) const DIAL_MAX: Duration = Duration::from_secs(12);

impl Supervisor {
    /// Dials in a task of its own; the answer comes to [`Supervisor::dialled`].
    pub(super) fn dial(&mut self, transport: Transport) {
        self.ready_early = false;
        self.reader = Reader::default();
        // nothing of the candidate's before the history
        self.call.release_to_ai(!self.machine.greeted());
        let (ai, dialect, call, begin) = (
            self.deps.ai.clone(),
            self.deps.dialect.clone(),
            self.call.clone(),
            self.begin.clone(),
        );
        self.dialling.abort_all();
        self.dialling.spawn(async move {
            let session = begin.ai_session(&ai, &*dialect);
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

    /// The AI leg is lost, and another is to take its place: what was unfinished goes over.
    pub(super) fn lose_ai(&mut self) {
        let legacy = self.leave_conversation();
        self.call.ai_again();
        self.hang_up();
        self.transcript = Transcript::take_up(self.begin.session.id, legacy);
    }

    /// What was unfinished in the conversation that ends here, for the next.
    pub(super) fn leave_conversation(&mut self) -> Legacy {
        let silent = std::mem::take(&mut self.ai_silent);
        self.cut_where_it_ends(silent);
        let legacy = self.transcript.hand_over();
        self.tools.forget_unanswered();
        self.is_open = self.turns.is_open() || legacy.turns() > 0;
        self.turns.forget();
        while let Some(action) = self.transcript.poll_action() {
            self.record_or_show(action);
        }
        legacy
    }

    /// What the AI is saying ends here: it has been silent for so long. What a candidate who is away, noticed or not, was sent meanwhile
    /// they have not heard.
    pub(super) fn cut_where_it_ends(&mut self, silent: Duration) {
        let away = self.call.candidate_silence(clock::monotonic()).unwrap_or_default();
        let unheard = if away < THERE {
            Duration::ZERO
        } else {
            self.unheard(away)
        };
        self.transcript.cut(self.wall.now() - unheard.max(silent));
    }

    /// Since when a candidate who is silent for so long has heard nothing: what they sent last left them half a round trip before it came,
    /// and what they had not got by then was sent half a round trip before that.
    fn unheard(&self, silent: Duration) -> Duration {
        let round_trip = self.call.candidate_round_trip().unwrap_or(ON_ITS_WAY);
        silent + round_trip.min(ON_ITS_WAY_MAX)
    }

    /// The candidate has heard nothing for some time: what the AI said since is not said.
    pub(super) fn cut_at_heard(&mut self) {
        let silent = std::mem::take(&mut self.candidate_silent);
        let heard_until = self.wall.now() - self.unheard(silent);
        let heard_until = self
            .deaf_since
            .map_or(heard_until, |deaf_since| deaf_since.min(heard_until));
        self.deaf_since = Some(heard_until);
        self.call.candidate_missed();
        let cuts = self.transcript.cut(heard_until);
        if !cuts.is_empty() {
            self.machine.handle(clock::monotonic(), Event::CutOff);
        }
        for (item_id, ms) in cuts {
            // the service knows of what it sent, not of what was heard
            self.send_ai(vec![self.deps.dialect.truncate(&item_id, ms)]);
        }
    }

    /// The candidate can hear again, and was cut off from the AI's words.
    pub(super) fn go_on(&mut self) {
        let record: Vec<_> = self.record.in_order().into_iter().cloned().collect();
        let from = standing::go_on(&record, self.transcript.last_speaker());
        self.send_ai_unspoken(self.deps.dialect.go_on(from));
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
            self.mirror.hide(id);
        }
        self.send_ai(events);
    }

    /// A new AI leg in a conversation that has begun: its history, then the candidate's speech that was kept.
    pub(super) fn take_up_again(&mut self) {
        let mut history: Vec<_> = self.record.in_order().into_iter().cloned().collect();
        if is_broken(Law::LastItem) {
            history.pop();
        }
        let standing = Standing::of(&history, std::mem::take(&mut self.is_open));
        let bound = Bound::of_model(&self.deps.ai.model);
        let told = history::tell(&history, self.tools.answered(), bound);
        let (items, summary) = (told.items.len(), told.summary.as_ref());
        let (told_in_short, left_out) = summary.map_or((0, 0), |summary| (summary.told, summary.left_out));
        let events = self.deps.dialect.take_up(&told);
        self.mirror.forget_hidden();
        self.send_ai_unspoken(events);
        self.call.release_to_ai(true);
        tracing::info!(
            leg = "ai",
            ?standing,
            items,
            told_in_short,
            left_out,
            "a new leg takes the interview up"
        );
        let speaks = standing != Standing::Candidates;
        self.machine.handle(clock::monotonic(), Event::TakenUp { speaks });
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
            LegEvent::Lost { silent, .. } => {
                self.ai_silent = silent;
                self.tell(Event::AiClosed("silent".into()));
            }
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
        let (now, wall) = (clock::monotonic(), self.wall.now());
        let event = self.deps.dialect.parse(text);
        self.transcript.handle(now, wall, &event);
        self.measure(now, &event.what);
        if let Some(has) = self.turns.read(now, &event.what) {
            self.call.ai_has(has.told, has.is_open, self.late.next_word());
        }
        self.committed(&event.what);
        self.tools.read(&event.what, self.transcript.last_sequence());
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
                self.answer_tool(&call_id, &output);
                self.tell(Event::AnswerWanted);
            }
        }
    }

    /// Answers a call, and has whoever comes after this leg, or this process, know of both.
    pub(super) fn answer_tool(&mut self, call_id: &str, output: &Value) {
        self.send_ai(self.deps.dialect.tool_answer(call_id, output));
        if let Some(row) = self.tools.answer(call_id, output) {
            self.record.note(self.wall.now(), "ai", tools::CALLED, row);
        }
    }

    fn measure(&mut self, now: std::time::Instant, what: &What) {
        match what {
            What::SpeechStopped { .. } => self.ceased = Some(now),
            What::SessionCreated {
                expires_at: Some(expires_at),
            } => {
                let after = lasts(*expires_at);
                self.tell(Event::AiExpires { after });
            }
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

/// For how long a session that ends then (Unix seconds) lasts.
pub(super) fn lasts(expires_at: i64) -> Duration {
    let left = expires_at - clock::wall().unix_timestamp();
    Duration::from_secs(u64::try_from(left).unwrap_or_default())
}
