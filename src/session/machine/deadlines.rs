//! What the machine waits for, until when, and what it does then.

use super::{Action, AiLeg, Deadline, Leg, Machine, Phase};
use std::time::{Duration, Instant};

impl Machine {
    pub(super) fn ends_at(&self) -> Option<Instant> {
        self.started.or(self.first_up).map(|at| at + self.limits.max)
    }

    pub(super) fn deadlines(&self) -> [Option<(Instant, Deadline)>; 14] {
        if matches!(self.phase, Phase::Over { .. }) {
            return [None; 14];
        }
        let live_end = self.goodbye.is_none().then(|| self.ends_at()).flatten();
        let warning = live_end
            .filter(|_| !self.warned && self.ai_ready)
            .and(self.started)
            .map(|at| {
                let before = self.limits.warn_before.min(self.limits.max / 2);
                at + self.limits.max.saturating_sub(before)
            });
        [
            live_end.map(|at| (at, Deadline::TimeLimit)),
            warning.map(|at| (at, Deadline::Warning)),
            self.alone_since
                .filter(|_| !matches!(self.ai, AiLeg::None | AiLeg::Gone { .. }))
                .map(|at| (at + self.limits.resume_window, Deadline::ResumeWindow)),
            match self.ai {
                AiLeg::Backoff { until, .. } => Some((until, Deadline::Redial)),
                AiLeg::Dialling { since } | AiLeg::Connecting { since } => {
                    Some((since + self.limits.ai_connect_max, Deadline::AiConnect))
                }
                AiLeg::None | AiLeg::Up { .. } | AiLeg::Gone { .. } => None,
            },
            match self.candidate {
                Leg::Connecting { since } => {
                    Some((since + self.limits.candidate_connect_max, Deadline::CandidateConnect))
                }
                Leg::None | Leg::Up { .. } | Leg::Lost { .. } | Leg::Gone { .. } => None,
            },
            self.goodbye
                .as_ref()
                .map(|goodbye| (goodbye.due(&self.limits), Deadline::Goodbye)),
            self.floor.due().map(|at| (at, Deadline::Response)),
            self.go_on_at.map(|at| (at, Deadline::GoOn)),
            self.stuck_at().map(|at| (at, Deadline::Stuck)),
            self.idle_at.map(|at| (at, Deadline::Idle)),
            self.rotate_at().map(|at| (at, Deadline::Rotate)),
            self.back_at().map(|at| (at, Deadline::Back)),
            self.next_connect_at().map(|at| (at, Deadline::NextConnect)),
            self.switch_at().map(|at| (at, Deadline::Switch)),
        ]
    }

    pub(super) fn due(&mut self, now: Instant) {
        while let Some((at, deadline)) = self.poll_timeout() {
            if at > now || matches!(self.phase, Phase::Over { .. }) {
                return;
            }
            match deadline {
                Deadline::TimeLimit => self.time_is_up(now),
                Deadline::Warning => {
                    self.warned = true;
                    let left = self
                        .ends_at()
                        .map_or(Duration::ZERO, |end| end.saturating_duration_since(now));
                    self.actions.push_back(Action::WarnTimeLeft(left));
                }
                Deadline::ResumeWindow => {
                    self.note(
                        "ai",
                        "hung_up",
                        "the candidate was away for longer than the resume window",
                    );
                    self.drop_ai();
                    self.ai = AiLeg::Gone { cause: "nobody there" };
                    self.phase = Phase::Waiting;
                }
                Deadline::Redial => self.dial(now),
                Deadline::AiConnect => {
                    self.actions.push_back(Action::HangUpAi);
                    self.not_up();
                    self.ai_failed(now, "it did not come up in time", None);
                }
                Deadline::CandidateConnect => {
                    self.candidate = Leg::Lost {
                        since: now,
                        cause: "it did not come up in time",
                    };
                    self.note("candidate", "lost", "it did not come up in time");
                    self.actions.push_back(Action::Renegotiate {
                        ice_restart: false,
                        reason: "not_up",
                    });
                    self.presence(now);
                }
                Deadline::Goodbye => self.goodbye_due(now),
                Deadline::Response => self.floor_due(now),
                Deadline::GoOn => self.go_on_due(now),
                Deadline::Stuck => self.stuck_due(now),
                Deadline::Idle => self.idle_due(now),
                Deadline::Rotate => self.rotate(now),
                Deadline::Back => self.back(now),
                Deadline::NextConnect => self.next_failed(now, "it did not come up in time"),
                Deadline::Switch => self.switch(now),
            }
        }
    }
}
