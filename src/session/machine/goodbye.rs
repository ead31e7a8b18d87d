//! The end of an interview that is not cut short: the goodbye is said, heard to its last sound, and then it is over.

use super::{Action, Limits, Machine, Phase, Speaking, floor::Wish};
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
        self.floor.forget_wishes();
        self.actions.push_back(Action::StopAnswering);
        self.ask_goodbye_if_due(now);
    }

    /// Asks for the goodbye as soon as the AI is free: one response at a time.
    pub(super) fn ask_goodbye_if_due(&mut self, now: Instant) {
        if !self.floor.is_free() || !self.ai_ready {
            return;
        }
        if let Some(goodbye) = &mut self.goodbye
            && matches!(goodbye.stage, Stage::ToBeAsked)
        {
            goodbye.stage = Stage::Said;
            self.spoke = false;
            self.actions.push_back(Action::AskGoodbye(goodbye.reason));
            self.floor.ask(now, Wish::Owed);
        }
    }

    pub(super) fn response_started(&mut self) {
        self.floor.started();
        self.spoke = false;
        self.sounded = false;
        self.goodbye_goes_on();
    }

    pub(super) fn response_done(&mut self, now: Instant) {
        if self.floor_free(now) {
            return; // another is asked for: this was not the last
        }
        let heard_out = !self.playing && (!self.spoke || self.sounded);
        if let Some(goodbye) = &mut self.goodbye {
            match goodbye.stage {
                // the tool was called first and the goodbye spoken after it, in one response
                Stage::ToBeAsked if self.spoke && goodbye.reason == EndReason::Interviewer => {
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
        self.speaking = Speaking::Ai;
        self.goodbye_goes_on();
    }

    pub(super) fn sound_stopped(&mut self, now: Instant) {
        self.playing = false;
        self.sounded = true;
        if self.speaking == Speaking::Ai {
            self.speaking = Speaking::Nobody;
        }
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

    pub(super) fn goodbye_due(&mut self, now: Instant) {
        if let Some(goodbye) = &self.goodbye {
            let reason = goodbye.reason;
            self.over(now, reason, None);
        }
    }
}
