//! A candidate who cannot hear, an AI leg that is lost in mid-turn, an interviewer that is stuck: nothing is said to nobody, and
//! what was not heard is said again.

use super::*;

/// The interviewer has asked, and it is the candidate's turn.
fn asked() -> Story {
    let mut story = live();
    has_spoken(&mut story);
    story
}

fn speaking() -> Story {
    let mut story = live();
    for event in [Event::ResponseStarted, Event::ResponseSpeaks, Event::SoundStarted] {
        story.then(event);
    }
    story
}

fn has(actions: &[Action], action: &Action) -> bool {
    actions.contains(action)
}

#[test]
fn an_answer_that_the_candidate_cannot_hear_breaks_off_and_goes_on_when_they_are_back() {
    for lost in [Event::CandidateLost("silent"), Event::CandidateClosed("peer")] {
        let mut story = speaking();
        let actions = story.then(lost.clone());
        assert!(has(&actions, &Action::Silence { making: true }), "{actions:?}");
        assert!(has(&actions, &Action::CutAtHeard));
        story.then(Event::ResponseDone);
        story.then(Event::SoundStopped);
        let back = if lost == Event::CandidateLost("silent") {
            Event::CandidateBack
        } else {
            Event::CandidateUp
        };
        assert!(
            !has(&story.then(back), &Action::GoOn),
            "speech that was kept comes first"
        );
        let since = story.now;
        assert_eq!(story.until(Deadline::GoOn), vec![Action::GoOn, Action::Respond]);
        assert!(story.now - since <= Duration::from_millis(500));
        assert!(story.machine.poll_timeout().is_some());
    }
}

#[test]
fn where_it_was_the_candidates_turn_nothing_is_said_when_they_are_back() {
    let mut story = asked();
    let actions = story.then(Event::CandidateLost("silent"));
    assert!(
        has(&actions, &Action::CutAtHeard),
        "the last of it may not have been heard"
    );
    assert!(!actions.iter().any(|a| matches!(a, Action::Silence { .. })));
    story.then(Event::CandidateBack);
    assert!(!matches!(story.machine.poll_timeout(), Some((_, Deadline::GoOn))));
}

#[test]
fn an_answer_that_was_due_and_never_began_is_asked_for_when_they_are_back() {
    for hears_to_the_end_of_the_turn in [false, true] {
        let mut story = asked();
        story.then(Event::CandidateSpeaks(true));
        if hears_to_the_end_of_the_turn {
            story.then(Event::CandidateSpeaks(false));
            story.then(Event::CandidateLost("silent"));
        } else {
            story.then(Event::CandidateLost("silent"));
            story.then(Event::CandidateSpeaks(false));
        }
        story.then(Event::CandidateBack);
        assert_eq!(story.until(Deadline::GoOn), vec![Action::GoOn, Action::Respond]);
    }
}

#[test]
fn an_answer_that_begins_as_they_are_back_is_the_one_that_was_owed() {
    let mut story = speaking();
    story.then(Event::CandidateLost("silent"));
    story.then(Event::ResponseDone);
    story.then(Event::SoundStopped);
    // what they kept comes by the socket, before the leg is up
    story.then(Event::CandidateSpeaks(true));
    story.then(Event::CandidateSpeaks(false));
    story.then(Event::CandidateBack);
    for event in [Event::ResponseStarted, Event::ResponseSpeaks, Event::SoundStarted] {
        story.then(event);
    }
    assert!(!has(&story.until_any(Deadline::GoOn), &Action::GoOn));
}

#[test]
fn what_had_all_been_sent_and_was_not_heard_is_said_again() {
    let mut story = asked();
    story.then(Event::CandidateLost("silent"));
    story.then(Event::CutOff);
    story.then(Event::CandidateBack);
    assert_eq!(story.until(Deadline::GoOn), vec![Action::GoOn, Action::Respond]);
    // it is the record's to say, not a late echo's
    let mut story = asked();
    story.then(Event::CutOff);
    assert!(!matches!(story.machine.poll_timeout(), Some((_, Deadline::GoOn))));
}

#[test]
fn an_answer_that_begins_while_nobody_hears_it_is_said_later_unless_the_candidate_speaks_first() {
    for speaks_first in [false, true] {
        let mut story = asked();
        story.then(Event::CandidateSpeaks(true));
        story.then(Event::CandidateLost("silent"));
        story.then(Event::CandidateSpeaks(false));
        assert_eq!(
            story.then(Event::ResponseStarted),
            vec![Action::Silence { making: true }]
        );
        assert_eq!(story.then(Event::SoundStarted), vec![Action::Silence { making: true }]);
        story.then(Event::ResponseDone);
        assert_eq!(story.then(Event::SoundStopped), vec![Action::CutAtHeard]);
        // typed meanwhile, on the socket that is still there
        assert_eq!(asks(&story.then(Event::AnswerWanted)), 0);
        assert_eq!(asks(&story.then(Event::Nudged)), 0);
        story.then(Event::CandidateBack);
        if speaks_first {
            story.then(Event::CandidateSpeaks(true));
            assert!(!has(&story.until_any(Deadline::GoOn), &Action::GoOn));
        } else {
            assert_eq!(story.until(Deadline::GoOn), vec![Action::GoOn, Action::Respond]);
        }
    }
}

#[test]
fn a_goodbye_that_was_not_heard_is_said_again_and_the_bound_stays() {
    let mut story = speaking();
    story.then(Event::EndTool { call_id: "c".into() });
    let wish = story.now;
    story.then(Event::CandidateLost("silent"));
    story.then(Event::ResponseDone);
    story.then(Event::SoundStopped);
    assert_eq!(story.word().0, "ending");
    let actions = story.then(Event::CandidateBack);
    assert!(
        has(&actions, &Action::AskGoodbye(EndReason::Interviewer)),
        "{actions:?}"
    );
    // and on another leg, should this one go now
    story.then(Event::ResponseStarted);
    story.then(Event::AiClosed("peer".into()));
    assert_eq!(story.word().0, "ending");
    story.until(Deadline::Redial);
    story.then(Event::Dialled);
    assert!(has(&story.then(Event::AiReady), &Action::TakeUpAgain));
    let actions = story.then(Event::TakenUp { speaks: true });
    assert_eq!(
        actions,
        vec![Action::StopAnswering, Action::AskGoodbye(EndReason::Interviewer)]
    );
    story.until_any(Deadline::Goodbye);
    assert!(story.now - wish <= Limits::default().goodbye_max);
    assert_eq!(story.word().0, "completed");
}

#[test]
fn a_goodbye_that_was_heard_out_does_not_wait_for_another_leg() {
    let mut story = speaking();
    story.then(Event::EndTool { call_id: "c".into() });
    story.then(Event::ResponseDone);
    story.then(Event::SoundStopped);
    let actions = story.then(Event::AiClosed("peer".into()));
    let end = Action::End {
        reason: EndReason::Interviewer,
        failure: None,
    };
    assert!(has(&actions, &end), "{actions:?}");
}

#[test]
fn an_answer_that_was_asked_for_in_vain_is_asked_for_anew_when_the_candidate_is_back() {
    let mut story = asked();
    story.then(Event::CandidateSpeaks(true));
    story.then(Event::CandidateSpeaks(false));
    assert!(has(&story.until(Deadline::Stuck), &Action::Respond), "it is nudged");
    story.then(Event::CandidateLost("silent"));
    story.then(Event::CandidateBack);
    assert_eq!(story.until(Deadline::GoOn), vec![Action::GoOn, Action::Respond]);
    assert!(story.machine.stuck_at().is_some(), "and waited for");
}

#[test]
fn an_answer_that_was_asked_for_in_vain_is_waited_for_anew_once_the_candidate_has_spoken_on() {
    let mut story = asked();
    story.then(Event::CandidateSpeaks(true));
    story.then(Event::CandidateSpeaks(false));
    assert!(has(&story.until(Deadline::Stuck), &Action::Respond), "it is nudged");
    story.then(Event::CandidateSpeaks(true));
    story.then(Event::CandidateSpeaks(false));
    assert!(has(&story.until(Deadline::Stuck), &Action::Respond), "and again");
    assert!(has(&story.until(Deadline::Stuck), &Action::HangUpAi));
}

#[test]
fn an_interviewer_that_is_stuck_is_nudged_then_replaced() {
    let mut story = asked();
    story.then(Event::CandidateSpeaks(true));
    story.then(Event::CandidateSpeaks(false));
    let due = story.now;
    let actions = story.until(Deadline::Stuck);
    assert_eq!(actions, vec![Action::Respond]);
    assert!(story.now - due <= Duration::from_secs(5), "noticed in time");
    assert!(has(&story.until(Deadline::Stuck), &Action::HangUpAi));
    // a response that is begun and says nothing
    let mut story = asked();
    story.then(Event::ResponseStarted);
    assert!(has(&story.until(Deadline::Stuck), &Action::HangUpAi));
}

#[test]
fn nothing_is_due_of_an_interviewer_that_answers_or_may_not() {
    let quiet: [&[Event]; 4] = [
        &[Event::ResponseStarted, Event::ResponseSpeaks],
        &[Event::ResponseStarted, Event::SoundStarted],
        &[Event::CandidateSpeaks(true)],
        &[Event::CandidateLost("silent")],
    ];
    for events in quiet {
        let mut story = asked();
        story.then(Event::CandidateSpeaks(true));
        story.then(Event::CandidateSpeaks(false));
        for event in events {
            story.then(event.clone());
        }
        assert_eq!(story.machine.stuck_at(), None, "{events:?}");
    }
}

#[test]
fn a_new_leg_speaks_where_its_turn_is_next_and_the_candidate_hears() {
    for (speaks, hears) in [(true, true), (true, false), (false, true)] {
        let mut story = asked();
        story.then(Event::AiClosed("peer".into()));
        if !hears {
            story.then(Event::CandidateLost("silent"));
        }
        story.until(Deadline::Redial);
        story.then(Event::Dialled);
        let actions = story.then(Event::AiReady);
        assert!(has(&actions, &Action::TakeUpAgain) && !has(&actions, &Action::Greet));
        let wanted = if speaks && hears { vec![Action::Respond] } else { vec![] };
        assert_eq!(story.then(Event::TakenUp { speaks }), wanted);
        if speaks && !hears {
            story.then(Event::CandidateBack);
            assert_eq!(story.until(Deadline::GoOn), vec![Action::GoOn, Action::Respond]);
        }
    }
}

#[test]
fn a_service_that_refuses_for_twenty_seconds_is_asked_again_within_a_second_and_a_half() {
    let mut story = asked();
    story.then(Event::AiClosed("peer".into()));
    let began = story.now;
    while story.now < began + Duration::from_secs(20) {
        story.until(Deadline::Redial);
        story.then(Event::DialFailed(DialFailure {
            cause: "503".into(),
            permanent: false,
            transport_fault: false,
            retry_after: None,
        }));
        let (next, _) = story.machine.poll_timeout().expect("it is tried again");
        assert!(next <= story.now + Duration::from_millis(1_200));
    }
    assert_eq!(story.word(), ("live", "up", "lost"));
}

#[test]
fn a_new_leg_that_listens_is_asked_once_where_nobody_speaks() {
    for speaks in [false, true] {
        let mut story = asked();
        story.then(Event::AiClosed("peer".into()));
        story.until(Deadline::Redial);
        story.then(Event::Dialled);
        story.then(Event::AiReady);
        story.then(Event::TakenUp { speaks: false });
        if speaks {
            story.then(Event::CandidateSpeaks(true));
            assert!(!matches!(story.machine.poll_timeout(), Some((_, Deadline::Idle))));
        } else {
            assert_eq!(story.until(Deadline::Idle), vec![Action::Respond]);
            story.then(Event::ResponseStarted);
            story.then(Event::ResponseDone);
            assert!(
                !matches!(story.machine.poll_timeout(), Some((_, Deadline::Idle))),
                "once"
            );
        }
    }
}
