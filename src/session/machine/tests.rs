//! Every transition that a session's owner relies on, in words.

mod away;
mod floor;
mod laws;
mod legs;
mod rotation;

use super::*;
use crate::config::Transport;
use std::time::Duration;

fn at(base: Instant, ms: u64) -> Instant {
    base + Duration::from_millis(ms)
}

#[expect(clippy::disallowed_methods, reason = "an origin for a virtual clock")]
fn origin() -> Instant {
    Instant::now()
}

struct Story {
    machine: Machine,
    now: Instant,
}

impl Story {
    fn new(limits: Limits) -> Self {
        Self {
            machine: Machine::new(limits, 7, false, None),
            now: origin(),
        }
    }
    /// One event; answers what is to be done (transitions noted for operators left out).
    fn then(&mut self, event: Event) -> Vec<Action> {
        self.machine.handle(self.now, event);
        std::iter::from_fn(|| self.machine.poll_action())
            .filter(|action| !matches!(action, Action::Note { .. }))
            .collect()
    }
    /// Time passes to the next deadline, which is the one that is named.
    fn until(&mut self, deadline: Deadline) -> Vec<Action> {
        let (at, why) = self.machine.poll_timeout().expect("a deadline is set");
        assert_eq!(why, deadline);
        self.now = self.now.max(at);
        self.then(Event::Due)
    }
    /// Time passes over every deadline up to the one that is named.
    fn until_any(&mut self, deadline: Deadline) -> Vec<Action> {
        loop {
            let (_, why) = self.machine.poll_timeout().expect("a deadline is set");
            let actions = self.until(why);
            if why == deadline {
                return actions;
            }
        }
    }
    fn word(&self) -> (&'static str, &'static str, &'static str) {
        let s = self.machine.snapshot();
        (s.session, s.candidate, s.ai)
    }
}

/// The interviewer has said something, to its end.
fn has_spoken(story: &mut Story) {
    for event in [
        Event::ResponseStarted,
        Event::ResponseSpeaks,
        Event::SoundStarted,
        Event::ResponseDone,
        Event::SoundStopped,
    ] {
        story.then(event);
    }
}

fn asks(actions: &[Action]) -> usize {
    let asks = |it: &&Action| matches!(it, Action::Greet | Action::Respond | Action::AskGoodbye(_));
    actions.iter().filter(asks).count()
}

/// A session in the middle of its interview.
fn live() -> Story {
    let mut story = Story::new(Limits::default());
    story.then(Event::Offered);
    story.then(Event::CandidateUp);
    story.then(Event::Dialled);
    assert!(story.then(Event::AiReady).contains(&Action::Greet));
    assert_eq!(story.word(), ("live", "up", "up"));
    story
}

#[test]
fn the_ai_is_dialled_beside_the_candidates_connecting() {
    let mut story = Story::new(Limits::default());
    assert_eq!(
        story.then(Event::Offered),
        vec![Action::DialAi(Transport::WebRtc), Action::Tell]
    );
    assert_eq!(story.word(), ("connecting", "connecting", "connecting"));
}

#[test]
fn the_greeting_waits_for_both_and_is_given_once() {
    for ai_first in [true, false] {
        let mut story = Story::new(Limits::default());
        story.then(Event::Offered);
        story.then(Event::Dialled);
        let (first, second) = if ai_first {
            (Event::AiReady, Event::CandidateUp)
        } else {
            (Event::CandidateUp, Event::AiReady)
        };
        assert!(!story.then(first).contains(&Action::Greet), "{ai_first}");
        assert!(story.then(second).contains(&Action::Greet), "{ai_first}");
        story.then(Event::CandidateLost("silent"));
        assert!(!story.then(Event::CandidateBack).contains(&Action::Greet));
    }
}

#[test]
fn a_new_ai_leg_takes_up_again_and_does_not_greet() {
    let mut story = live();
    let actions = story.then(Event::AiClosed("peer".into()));
    assert!(actions.contains(&Action::HangUpAi));
    assert_eq!(story.word().2, "lost");
    assert!(
        story
            .until(Deadline::Redial)
            .contains(&Action::DialAi(Transport::WebRtc))
    );
    story.then(Event::Dialled);
    let actions = story.then(Event::AiReady);
    assert!(actions.contains(&Action::TakeUpAgain));
    assert!(!actions.contains(&Action::Greet));
}

#[test]
fn refusals_back_off_are_told_and_end() {
    let mut story = Story::new(Limits::default());
    story.then(Event::Offered);
    story.then(Event::CandidateUp);
    let failure = || DialFailure {
        cause: "503".into(),
        permanent: false,
        transport_fault: false,
        retry_after: None,
    };
    let (mut told, mut waited, mut ended) = (0, Duration::ZERO, false);
    for _ in 0..400 {
        let actions = story.then(Event::DialFailed(failure()));
        told += actions
            .iter()
            .filter(|a| **a == Action::Notice("ai_unreachable"))
            .count();
        if story.word().2 == "gone" {
            ended = true;
            break;
        }
        let before = story.now;
        story.until(Deadline::Redial);
        waited += story.now - before;
        let longest = if waited < Duration::from_secs(60) {
            Limits::default().backoff_soon
        } else {
            Limits::default().backoff_max
        };
        assert!(
            story.now - before <= longest,
            "{:?} after {waited:?}",
            story.now - before
        );
    }
    assert_eq!((told, ended), (2, true), "told early, and again when it is given up");
    assert!(
        waited >= Limits::default().ai_missed_max,
        "it was tried for long enough: {waited:?}"
    );
    assert_eq!(
        story.word().0,
        "waiting",
        "an interview that had not begun is kept for another try"
    );
    assert!(story.then(Event::Offered).contains(&Action::DialAi(Transport::WebRtc)));
    let actions = story.until_any(Deadline::TimeLimit);
    let last = actions.last();
    assert!(
        matches!(
            last,
            Some(Action::End {
                reason: EndReason::Failed,
                failure: Some(_)
            })
        ),
        "{actions:?}"
    );
}

#[test]
fn an_interview_under_way_whose_ai_stays_away_has_failed() {
    let mut story = live();
    story.then(Event::AiClosed("peer".into()));
    let mut last = None;
    for _ in 0..400 {
        story.until(Deadline::Redial);
        let actions = story.then(Event::DialFailed(DialFailure {
            cause: "503".into(),
            permanent: false,
            transport_fault: false,
            retry_after: None,
        }));
        last = actions.last().cloned();
        if matches!(last, Some(Action::End { .. })) {
            break;
        }
    }
    assert_eq!(
        last,
        Some(Action::End {
            reason: EndReason::Failed,
            failure: Some("ai: 503".into())
        })
    );
    assert_eq!(story.word().0, "failed");
}

#[test]
fn retry_after_is_believed_within_reason_and_a_permanent_refusal_is_not_tried_again() {
    let mut story = Story::new(Limits::default());
    story.then(Event::Offered);
    story.then(Event::CandidateUp);
    let refused = |s| DialFailure {
        cause: "429".into(),
        permanent: false,
        transport_fault: false,
        retry_after: Some(Duration::from_secs(s)),
    };
    for (asked, waited) in [(7, 7), (86_400, 60)] {
        story.then(Event::DialFailed(refused(asked)));
        assert_eq!(
            story.machine.poll_timeout(),
            Some((story.now + Duration::from_secs(waited), Deadline::Redial))
        );
        story.until(Deadline::Redial);
    }
    let actions = story.then(Event::DialFailed(DialFailure {
        cause: "no such model".into(),
        permanent: true,
        transport_fault: false,
        retry_after: None,
    }));
    assert!(actions.contains(&Action::Notice("ai_unreachable")), "{actions:?}");
    assert_eq!(story.word().2, "gone");
}

#[test]
fn the_websocket_takes_over_after_repeated_webrtc_failures() {
    let mut story = Story::new(Limits::default());
    story.then(Event::Offered);
    for _ in 0..2 {
        story.then(Event::Dialled);
        story.until(Deadline::AiConnect);
        if story.machine.poll_timeout().is_some_and(|(_, d)| d == Deadline::Redial) && story.machine.webrtc_failures < 2
        {
            assert!(
                story
                    .until(Deadline::Redial)
                    .contains(&Action::DialAi(Transport::WebRtc))
            );
        }
    }
    // the candidate's own connect deadline may come first
    let mut actions = vec![];
    while let Some((_, why)) = story.machine.poll_timeout() {
        actions = story.until(why);
        if why == Deadline::Redial {
            break;
        }
    }
    assert!(actions.contains(&Action::DialAi(Transport::WebSocket)), "{actions:?}");
}

#[test]
fn end_session_with_the_goodbye_in_the_same_response_waits_for_its_last_sound() {
    let mut story = live();
    story.then(Event::ResponseStarted);
    story.then(Event::ResponseSpeaks);
    story.then(Event::SoundStarted);
    assert!(
        story
            .then(Event::EndTool { call_id: "c".into() })
            .contains(&Action::AnswerEndTool { call_id: "c".into() })
    );
    story.then(Event::ResponseDone);
    assert_eq!(story.word().0, "ending");
    assert_eq!(
        story.machine.poll_timeout().unwrap().0,
        story.now + Limits::default().goodbye_max
    );
    story.now = at(story.now, 4_000);
    story.then(Event::SoundStopped);
    assert_eq!(
        story.machine.poll_timeout().unwrap().0,
        story.now + Limits::default().tail
    );
    let actions = story.until(Deadline::Goodbye);
    assert!(actions.contains(&Action::End {
        reason: EndReason::Interviewer,
        failure: None
    }));
    assert_eq!(story.word(), ("completed", "gone", "gone"));
}

#[test]
fn sound_that_stops_before_the_response_is_done_ends_it_too() {
    let mut story = live();
    story.then(Event::ResponseStarted);
    story.then(Event::SoundStarted);
    story.then(Event::EndTool { call_id: "c".into() });
    story.then(Event::SoundStopped);
    story.then(Event::ResponseDone);
    assert!(
        story
            .until(Deadline::Goodbye)
            .iter()
            .any(|a| matches!(a, Action::End { .. }))
    );
}

#[test]
fn a_silent_end_session_is_answered_by_asking_for_a_goodbye() {
    let mut story = live();
    story.then(Event::ResponseStarted);
    let actions = story.then(Event::EndTool { call_id: "c".into() });
    assert!(
        !actions.iter().any(|a| matches!(a, Action::AskGoodbye(_))),
        "one response at a time"
    );
    assert!(
        story
            .then(Event::ResponseDone)
            .contains(&Action::AskGoodbye(EndReason::Interviewer))
    );
    story.then(Event::ResponseStarted);
    story.then(Event::SoundStarted);
    story.then(Event::ResponseDone);
    assert_eq!(story.word().0, "ending");
    story.then(Event::SoundStopped);
    assert!(
        story
            .until(Deadline::Goodbye)
            .iter()
            .any(|a| matches!(a, Action::End { .. }))
    );
}

#[test]
fn a_goodbye_spoken_after_the_tool_call_in_one_response_is_not_asked_for_again() {
    let mut story = live();
    story.then(Event::ResponseStarted);
    story.then(Event::EndTool { call_id: "c".into() });
    story.then(Event::ResponseSpeaks);
    story.then(Event::SoundStarted);
    let actions = story.then(Event::ResponseDone);
    assert!(
        !actions.iter().any(|a| matches!(a, Action::AskGoodbye(_))),
        "{actions:?}"
    );
}

#[test]
fn a_candidate_who_answers_the_goodbye_is_heard_but_not_for_ever() {
    let mut story = live();
    let wish = story.now;
    story.then(Event::ResponseStarted);
    story.then(Event::SoundStarted);
    story.then(Event::EndTool { call_id: "c".into() });
    story.then(Event::ResponseDone);
    story.then(Event::SoundStopped);
    story.then(Event::CandidateSpeaks(true));
    assert_eq!(
        story.machine.poll_timeout().unwrap().0,
        wish + Limits::default().goodbye_max
    );
    story.then(Event::CandidateSpeaks(false));
    story.then(Event::ResponseStarted);
    story.then(Event::SoundStarted);
    story.then(Event::ResponseDone);
    story.then(Event::SoundStopped);
    assert_eq!(
        story.machine.poll_timeout().unwrap().0,
        story.now + Limits::default().tail
    );
}

#[test]
fn time_is_told_two_minutes_before_and_then_said_goodbye_to() {
    let mut story = live();
    let began = story.now;
    story.then(Event::ResponseStarted);
    story.then(Event::ResponseDone);
    let actions = story.until_any(Deadline::Warning);
    assert_eq!(story.now + Duration::from_secs(120), began + Limits::default().max);
    assert!(actions.contains(&Action::WarnTimeLeft(Duration::from_secs(120))));
    story.then(Event::ResponseStarted);
    story.then(Event::ResponseSpeaks);
    let actions = story.until(Deadline::TimeLimit);
    assert!(actions.contains(&Action::Notice("time_up")));
    assert!(
        !actions.iter().any(|a| matches!(a, Action::AskGoodbye(_))),
        "one response at a time"
    );
    assert!(
        story
            .then(Event::ResponseDone)
            .contains(&Action::AskGoodbye(EndReason::Time))
    );
    let actions = story.until_any(Deadline::Goodbye);
    assert!(
        actions.contains(&Action::End {
            reason: EndReason::Time,
            failure: None
        }),
        "never for ever: {actions:?}"
    );
}

#[test]
fn anyone_may_end_it_at_once_and_it_ends_once() {
    for reason in [EndReason::Candidate, EndReason::Recruiter, EndReason::Time] {
        let mut story = live();
        let actions = story.then(Event::EndAsked(reason));
        assert_eq!(actions.iter().filter(|a| matches!(a, Action::End { .. })).count(), 1);
        assert!(story.then(Event::EndAsked(EndReason::Recruiter)).is_empty());
        assert!(story.machine.poll_timeout().is_none());
    }
}
