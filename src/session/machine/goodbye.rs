//! The end of an interview that is not cut short: the goodbye is said, heard to its last sound, and then it is over.

use super::{
    Action, Event, Leg, Limits, Machine, Phase, Speaking,
    floor::{Floor, Wish},
};
use crate::store::EndReason;
use std::time::Instant;

/// A goodbye in progress.
pub(super) struct Goodbye {
    pub(super) reason: EndReason,
    /// When it was wished for: the bound of it all counts from here.
    since: Instant,
    stage: Stage,
}

enum Stage {
    /// The AI is in the middle of a response; it is to be asked once that is made.
    ToBeAsked,
    /// It is being made or played.
    Said,
    /// The last sound was sent; the far end still plays it.
    Tail { until: Instant },
}

impl Goodbye {
    pub(super) fn due(&self, limits: &Limits) -> Instant {
        let last = self.since + limits.goodbye_max;
        match self.stage {
            Stage::ToBeAsked | Stage::Said => last,
            Stage::Tail { until } => until.min(last),
        }
    }
}

impl Machine {
    /// The AI wants to end. If it has said goodbye in this response (or still does), that is heard out; else it is asked.
    pub(super) fn end_tool(&mut self, now: Instant, call_id: String) {
        self.actions.push_back(Action::AnswerEndTool { call_id });
        if self.goodbye.is_some() {
            return;
        }
        let stage = if self.spoke || self.playing {
            Stage::Said
        } else {
            Stage::ToBeAsked
        };
        self.begin_goodbye(now, EndReason::Interviewer, stage);
    }

    /// The interviewer asked to end it in a process before this one: it says goodbye, once somebody hears it.
    pub fn end_was_asked(&mut self, now: Instant) {
        if self.goodbye.is_none() {
            self.begin_goodbye(now, EndReason::Interviewer, Stage::ToBeAsked);
        }
    }

    pub(super) fn time_is_up(&mut self, now: Instant) {
        if !self.ai_ready {
            // nobody is there to say goodbye; and where nobody ever was, that is a failure
            let failure = (!self.greeted).then(|| "ai: the interviewer was never reached".to_owned());
            let reason = if self.greeted {
                EndReason::Time
            } else {
                EndReason::Failed
            };
            self.over(now, reason, failure);
            return;
        }
        self.actions.push_back(Action::Notice("time_up"));
        self.begin_goodbye(now, EndReason::Time, Stage::ToBeAsked);
    }

    fn begin_goodbye(&mut self, now: Instant, reason: EndReason, stage: Stage) {
        self.goodbye = Some(Goodbye {
            reason,
            since: now,
            stage,
        });
        self.phase = Phase::Ending { reason };
        self.idle_at = None;
        self.forget_next();
        self.floor.forget_wishes();
        if self.ai_ready {
            self.actions.push_back(Action::StopAnswering);
        }
        self.ask_goodbye_if_due(now);
    }

    /// Asks for the goodbye as soon as the AI is free: one response at a time.
    pub(super) fn ask_goodbye_if_due(&mut self, now: Instant) {
        if !self.floor.is_free() || !self.ai_ready || !self.candidate_hears() {
            return;
        }
        if let Some(goodbye) = &mut self.goodbye
            && matches!(goodbye.stage, Stage::ToBeAsked)
        {
            goodbye.stage = Stage::Said;
            self.spoke = false;
            self.actions.push_back(Action::AskGoodbye(goodbye.reason));
            self.ask(now, Wish::Owed);
        }
    }

    pub(super) fn response_started(&mut self, now: Instant) {
        self.floor.started();
        self.idle_at = None;
        self.unanswered = false;
        self.spoke = false;
        self.sounded = false;
        if self.breaks_off_unheard() {
            return;
        }
        if self.candidate_hears() {
            self.owed = false; // this is it: what they said while they were away may have come before they could hear
        }
        self.watch.begin(now);
        self.goodbye_goes_on();
    }

    pub(super) fn response_speaks(&mut self) {
        self.spoke = true;
        self.watch.rest();
    }

    /// What was said of it did not reach the candidate: it is to be said again.
    pub(super) fn goodbye_was_not_heard(&mut self) {
        if let Some(goodbye) = &mut self.goodbye
            && !matches!(goodbye.stage, Stage::ToBeAsked)
        {
            goodbye.stage = Stage::ToBeAsked;
        }
    }

    /// The AI leg is gone in the middle of it. False if all of it was heard.
    pub(super) fn goodbye_is_to_be_said_again(&mut self) -> bool {
        let heard_out = self
            .goodbye
            .as_ref()
            .is_some_and(|goodbye| matches!(goodbye.stage, Stage::Tail { .. }));
        if !heard_out {
            self.goodbye_was_not_heard();
        }
        !heard_out
    }

    pub(super) fn response_done(&mut self, now: Instant) {
        self.watch.rest();
        if self.floor_free(now) {
            return; // another is asked for: this was not the last
        }
        self.answer_ended(now);
        let heard_out = !self.playing && (!self.spoke || self.sounded);
        if let Some(goodbye) = &mut self.goodbye {
            match goodbye.stage {
                // the tool was called first and the goodbye spoken after it, in one response
                Stage::ToBeAsked
                    if self.spoke
                        && goodbye.reason == EndReason::Interviewer
                        && matches!(self.candidate, Leg::Up { .. }) =>
                {
                    goodbye.stage = Stage::Said;
                }
                Stage::ToBeAsked => {
                    self.ask_goodbye_if_due(now);
                    return;
                }
                Stage::Said | Stage::Tail { .. } => {}
            }
        }
        if heard_out {
            self.tail(now);
        }
    }

    pub(super) fn sound_started(&mut self) {
        self.playing = true;
        self.spoke = true;
        self.watch.rest();
        if self.breaks_off_unheard() {
            return;
        }
        self.speaking = Speaking::Ai;
        self.goodbye_goes_on();
    }

    pub(super) fn sound_stopped(&mut self, now: Instant) {
        self.playing = false;
        self.sounded = true;
        if self.speaking == Speaking::Ai {
            self.speaking = Speaking::Nobody;
        }
        if self.greeted && !self.candidate_hears() {
            // it may have come all at once, before it could be broken off
            self.actions.push_back(Action::CutAtHeard);
        }
        self.answer_ended(now);
        if self.floor.is_free() {
            self.tail(now);
        }
    }

    /// What was thought to be the last sound was not: someone speaks on. The bound of it all stays.
    pub(super) fn goodbye_goes_on(&mut self) {
        if let Some(goodbye) = &mut self.goodbye
            && matches!(goodbye.stage, Stage::Tail { .. })
        {
            goodbye.stage = Stage::Said;
        }
    }

    /// All that was to be heard was: a moment more, unless the candidate is speaking. What they say is theirs to finish.
    pub(super) fn tail(&mut self, now: Instant) {
        if self.candidate_speaks {
            return;
        }
        let until = now + self.limits.tail;
        if let Some(goodbye) = &mut self.goodbye
            && matches!(goodbye.stage, Stage::Said)
        {
            goodbye.stage = Stage::Tail { until };
        }
    }

    /// The interview ends here, whatever is being said: the candidate's words become a turn, to be transcribed and not to be
    /// answered; the AI's break off where they were last heard.
    pub(super) fn last_words(&mut self) {
        if self.goodbye.is_none() {
            self.actions.push_back(Action::StopAnswering);
        }
        if self.candidate_speaks {
            self.actions.push_back(Action::CommitSpeech);
        }
        self.floor.forget_refusal();
        if !self.is_quiet() {
            self.silence();
        }
    }

    pub(super) fn silence(&mut self) {
        let making = !self.floor.is_free();
        self.actions.push_back(Action::Silence { making });
    }

    /// Nothing is being said by the AI, nor about to be.
    pub fn is_quiet(&self) -> bool {
        self.floor.is_free() && !self.playing
    }

    /// What still arrives of an interview that is over: an answer that had begun before the AI was told to give none breaks
    /// off like the one before it.
    pub(super) fn echo(&mut self, event: &Event) {
        match event {
            Event::ResponseStarted => {
                self.floor.started();
                self.silence();
            }
            Event::ResponseDone => self.floor = Floor::default(),
            Event::SoundStarted => {
                self.playing = true;
                self.silence();
            }
            Event::SoundStopped => self.playing = false,
            Event::AiClosed(_) => self.forget_turn(),
            _ => {}
        }
    }

    pub(super) fn goodbye_due(&mut self, now: Instant) {
        if let Some(goodbye) = &self.goodbye {
            let reason = goodbye.reason;
            self.over(now, reason, None);
        }
    }
}
