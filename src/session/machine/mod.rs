//! One interview (pure): what has happened, what is to be done, and until when.
//!
//! Is: the states of the session, of both its legs and of its end; deadlines; retries. Isn't: sockets, the words that are
//! spoken (`realtime::transcript`), or the AI service's protocol (`realtime::dialect`).
//! **Law:** `handle(now, event)`, then drain `poll_action()`, then `poll_timeout()` says when to send `Event::Due` and why.
//! The interviewer greets once in a session's life; a session ends once.

mod ai;
mod away;
mod back;
mod candidate;
mod deadlines;
mod floor;
mod goodbye;
mod rotation;
mod stuck;
mod types;

#[cfg(test)]
mod tests;

pub use types::{Action, AiLeg, Deadline, DialFailure, Event, Leg, Limits, Phase, Snapshot, Speaking};

use crate::store::EndReason;
use back::Back;
use floor::Floor;
use goodbye::Goodbye;
use rand::{SeedableRng, rngs::SmallRng};
use rotation::Rotation;
use std::{collections::VecDeque, time::Instant};
use stuck::Watch;

/// The machine of one interview. `supervisor.rs` drives it.
pub struct Machine {
    limits: Limits,
    /// Spreads retries; seeded by the caller so that a run can be replayed.
    random: SmallRng,
    phase: Phase,
    candidate: Leg,
    ai: AiLeg,
    /// The AI's channel is open: what is sent is received.
    ai_ready: bool,
    /// Dials or connects that failed in a row.
    ai_failures: u32,
    /// Since when there is no AI, in an interview that had one or wants one.
    ai_missed_since: Option<Instant>,
    /// The candidate was told that this may last.
    ai_noticed: bool,
    /// Of those, how many were WebRTC's own (not the service's refusals): what the fallback is decided by. They stand while the
    /// WebSocket that they led to does.
    webrtc_failures: u32,
    /// The interviewer has greeted, on whichever leg.
    greeted: bool,
    /// The interviewer began: the interview's time counts from here.
    started: Option<Instant>,
    /// The candidate's leg was up for the first time in this process: bounds a session whose interviewer never comes.
    first_up: Option<Instant>,
    /// The AI was told that time is short.
    warned: bool,
    sockets: u32,
    /// Since when nobody of the candidate's is there: no leg, no socket.
    alone_since: Option<Instant>,
    /// Which response was asked for, or is being made.
    floor: Floor,
    /// The response that is being made has given sound.
    spoke: bool,
    /// The AI's sound is being played.
    playing: bool,
    /// Sound has ended since the response began.
    sounded: bool,
    speaking: Speaking,
    /// The AI hears the candidate speak: what is said is not yet a turn of theirs.
    candidate_speaks: bool,
    /// A turn of theirs ended while the AI was answering something before it, and no answer has begun since.
    unanswered: bool,
    goodbye: Option<Goodbye>,
    /// The AI was cut off, or has not answered, since the candidate could not hear: it is to go on once they can.
    owed: bool,
    /// When it is to go on, unless the candidate speaks first.
    go_on_at: Option<Instant>,
    /// When an AI that listens since it took over is asked what it would do.
    idle_at: Option<Instant>,
    watch: Watch,
    rotation: Rotation,
    /// The AI leg is over a WebSocket.
    websocket: bool,
    back: Back,
    actions: VecDeque<Action>,
}

impl Machine {
    /// A session that nobody has joined in this process. `greeted`: the interviewer has spoken before (a session taken up
    /// again); `started`: how long ago it began, if it has.
    pub fn new(limits: Limits, seed: u64, greeted: bool, started: Option<Instant>) -> Self {
        Self {
            limits,
            random: SmallRng::seed_from_u64(seed),
            phase: Phase::Waiting,
            candidate: Leg::None,
            ai: AiLeg::None,
            ai_ready: false,
            ai_failures: 0,
            ai_missed_since: None,
            ai_noticed: false,
            webrtc_failures: 0,
            greeted,
            started,
            first_up: None,
            warned: false,
            sockets: 0,
            alone_since: None,
            floor: Floor::default(),
            spoke: false,
            playing: false,
            sounded: false,
            speaking: Speaking::Nobody,
            candidate_speaks: false,
            unanswered: false,
            goodbye: None,
            owed: false,
            go_on_at: None,
            idle_at: None,
            watch: Watch::default(),
            rotation: Rotation::default(),
            websocket: false,
            back: Back::default(),
            actions: VecDeque::new(),
        }
    }

    /// One thing happened. Drain [`Machine::poll_action`] before the next call.
    pub fn handle(&mut self, now: Instant, event: Event) {
        if matches!(self.phase, Phase::Over { .. }) {
            self.echo(&event);
            return; // a session ends once
        }
        let before = self.snapshot();
        match event {
            Event::Offered => self.offered(now),
            Event::CandidateUp => self.candidate_up(now),
            Event::CandidateLost(cause) => self.candidate_lost(now, cause),
            Event::CandidateBack => self.candidate_back(now),
            Event::CandidateClosed(cause) => self.candidate_closed(now, cause),
            Event::Dialled => self.dialled(now),
            Event::DialFailed(failure) => self.dial_failed(now, &failure),
            Event::AiReady => self.ai_ready(now),
            Event::AiClosed(cause) => self.ai_closed(now, &cause),
            Event::AiExpires { after } => self.session_begins(now, after),
            Event::NextReady => self.next_ready(),
            Event::NextExpires { after } => self.next_expires(now, after),
            Event::NextFailed(cause) => self.next_failed(now, &cause),
            Event::TakenUp { speaks } => self.taken_up(now, speaks),
            Event::CutOff => self.cut_off(),
            Event::ResponseStarted => self.response_started(now),
            Event::ResponseSpeaks => self.response_speaks(),
            Event::ResponseDone => self.response_done(now),
            Event::SoundStarted => self.sound_started(),
            Event::SoundStopped => self.sound_stopped(now),
            Event::ResponseRefused => self.response_refused(now),
            Event::AnswerWanted => self.answer_wanted(now),
            Event::Nudged => self.nudged(now),
            Event::CandidateSpeaks(on) => self.candidate_speaks(now, on),
            Event::EndTool { call_id } => self.end_tool(now, call_id),
            Event::EndAsked(reason) => self.over(now, reason, None),
            Event::SocketAttached => {
                self.sockets += 1;
                self.presence(now);
            }
            Event::SocketDetached => {
                self.sockets = self.sockets.saturating_sub(1);
                self.presence(now);
            }
            Event::Due => self.due(now),
        }
        self.heed_pause(now);
        // the end tells everyone by itself, and is the last action of all
        if self.snapshot() != before && !matches!(self.phase, Phase::Over { .. }) {
            self.actions.push_back(Action::Tell);
        }
    }

    /// What is to be done next, in order.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`Machine::handle`] with [`Event::Due`], and for which deadline.
    pub fn poll_timeout(&self) -> Option<(Instant, Deadline)> {
        self.deadlines().into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// How things stand, in the words of the wire.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            session: self.phase.word(),
            candidate: self.candidate.word(),
            ai: self.ai.word(),
            speaking: self.speaking,
            ends_at: self.ends_at(),
        }
    }

    /// The interviewer has greeted.
    pub fn greeted(&self) -> bool {
        self.greeted
    }

    fn over(&mut self, now: Instant, reason: EndReason, failure: Option<String>) {
        if self.ai_ready {
            self.last_words();
        }
        self.note("session", "ended", failure.as_deref().unwrap_or(""));
        self.phase = Phase::Over { reason, at: now };
        self.goodbye = None;
        self.speaking = Speaking::Nobody;
        self.candidate = Leg::Gone {
            since: now,
            cause: "ended",
        };
        self.ai = AiLeg::Gone { cause: "ended" };
        self.actions.push_back(Action::End { reason, failure });
    }

    fn note(&mut self, leg: &'static str, what: &'static str, cause: &str) {
        self.actions.push_back(Action::Note {
            leg,
            what,
            cause: cause.to_owned(),
        });
    }
}
