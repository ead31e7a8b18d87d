//! One response at a time, none forgotten, none after the goodbye; and what the candidate is saying at the end.

use super::*;
use std::time::Duration;

/// Live, and the greeting is made and played.
fn greeted() -> Story {
    let mut story = live();
    for event in [
        Event::ResponseStarted,
        Event::SoundStarted,
        Event::ResponseDone,
        Event::SoundStopped,
    ] {
        assert_eq!(asks(&story.then(event)), 0);
    }
    story
}

#[test]
fn an_answer_that_is_owed_waits_for_the_response_in_the_making() {
    let mut story = live(); // the greeting was asked for, and is not heard of yet
    assert_eq!(asks(&story.then(Event::AnswerWanted)), 0);
    assert_eq!(asks(&story.then(Event::ResponseStarted)), 0);
    assert_eq!(asks(&story.then(Event::AnswerWanted)), 0);
    assert_eq!(story.then(Event::ResponseDone), vec![Action::Respond], "once for both");
    assert_eq!(asks(&story.then(Event::ResponseStarted)), 0);
    assert_eq!(asks(&story.then(Event::ResponseDone)), 0);
    assert_eq!(
        story.then(Event::AnswerWanted),
        vec![Action::Respond],
        "at once where nothing is made"
    );
}

#[test]
fn a_browser_that_asks_for_what_is_being_made_has_it() {
    let mut early = Story::new(Limits::default());
    early.then(Event::Offered);
    early.then(Event::AiReady);
    assert_eq!(asks(&early.then(Event::Nudged)), 0, "the greeting will come");
    let mut story = live();
    assert_eq!(asks(&story.then(Event::Nudged)), 0, "the greeting was asked for");
    story.then(Event::ResponseStarted);
    assert_eq!(asks(&story.then(Event::Nudged)), 0, "it is being made");
    assert_eq!(asks(&story.then(Event::ResponseDone)), 0);
    assert_eq!(story.then(Event::Nudged), vec![Action::Respond]);
    assert_eq!(asks(&story.then(Event::Nudged)), 0, "asked for once");
}

#[test]
fn what_was_refused_is_asked_for_again_when_the_other_is_done() {
    let mut story = greeted();
    assert_eq!(story.then(Event::AnswerWanted), vec![Action::Respond]);
    // turn detection had begun one of its own
    story.then(Event::ResponseStarted);
    assert_eq!(asks(&story.then(Event::ResponseRefused)), 0);
    assert_eq!(story.then(Event::ResponseDone), vec![Action::Respond]);
    story.then(Event::ResponseStarted);
    assert_eq!(asks(&story.then(Event::ResponseDone)), 0, "and then no more");
}

#[test]
fn a_refusal_whose_cause_is_over_or_unknown_is_mended_in_time() {
    for overtaken in [true, false] {
        let mut story = greeted();
        story.then(Event::AnswerWanted);
        if overtaken {
            story.then(Event::ResponseStarted);
            story.then(Event::ResponseDone);
        }
        story.then(Event::ResponseRefused);
        assert_eq!(
            story.until(Deadline::Response),
            vec![Action::Respond],
            "overtaken: {overtaken}"
        );
    }
}

#[test]
fn a_service_that_always_refuses_is_not_asked_for_ever() {
    let mut story = greeted();
    let mut asked = asks(&story.then(Event::AnswerWanted));
    for _ in 0..50 {
        story.then(Event::ResponseStarted);
        story.then(Event::ResponseRefused);
        asked += asks(&story.then(Event::ResponseDone));
    }
    assert_eq!(asked, 6);
    assert_eq!(asks(&story.then(Event::AnswerWanted)), 1, "the next is asked for again");
}

#[test]
fn a_response_of_which_nothing_is_heard_does_not_keep_the_next_from_being_asked_for() {
    let mut story = live();
    let asked = story.now;
    story.then(Event::AnswerWanted);
    assert_eq!(story.until(Deadline::Stuck), vec![Action::Respond], "it is nudged");
    assert!(story.now - asked <= Duration::from_secs(5));
    let actions = story.until(Deadline::Stuck);
    assert!(
        actions.contains(&Action::HangUpAi),
        "then another leg is to do it: {actions:?}"
    );
    story.then(Event::Dialled);
    assert!(story.then(Event::AiReady).contains(&Action::TakeUpAgain));
}

#[test]
fn a_greeting_that_crossed_another_response_is_not_said_twice() {
    let mut story = live();
    story.then(Event::ResponseStarted);
    story.then(Event::ResponseRefused);
    assert_eq!(asks(&story.then(Event::ResponseDone)), 0);
}

#[test]
fn a_new_leg_asks_by_taking_up_and_forgets_what_the_old_one_owed() {
    let mut story = live();
    story.then(Event::ResponseStarted);
    story.then(Event::AnswerWanted);
    story.then(Event::AiClosed("peer".into()));
    assert_eq!(asks(&story.then(Event::AnswerWanted)), 0, "nobody is there to be asked");
    story.until(Deadline::Redial);
    story.then(Event::Dialled);
    assert_eq!(asks(&story.then(Event::AiReady)), 0, "first it is told what was said");
    assert_eq!(story.then(Event::TakenUp { speaks: true }), vec![Action::Respond]);
    assert_eq!(asks(&story.then(Event::Nudged)), 0, "taking up is a response");
    story.then(Event::ResponseStarted);
    assert_eq!(asks(&story.then(Event::ResponseDone)), 0);
}

#[test]
fn after_the_goodbye_has_begun_nothing_else_is_asked_for() {
    let mut story = greeted();
    story.then(Event::ResponseStarted);
    story.then(Event::AnswerWanted);
    story.then(Event::SoundStarted);
    let actions = story.then(Event::EndTool { call_id: "c".into() });
    assert!(
        actions.contains(&Action::StopAnswering),
        "nor by the service itself: {actions:?}"
    );
    for event in [
        Event::ResponseDone,
        Event::AnswerWanted,
        Event::Nudged,
        Event::SoundStopped,
        Event::Nudged,
    ] {
        assert_eq!(asks(&story.then(event.clone())), 0, "{event:?}");
    }
}

#[test]
fn a_goodbye_waits_for_what_was_asked_for_and_survives_a_refusal() {
    let mut story = greeted();
    let actions = story.until_any(Deadline::TimeLimit);
    assert!(actions.contains(&Action::StopAnswering));
    assert_eq!(asks(&actions), 1);
    // one of turn detection's had begun meanwhile
    story.then(Event::ResponseStarted);
    story.then(Event::ResponseRefused);
    assert_eq!(story.then(Event::ResponseDone), vec![Action::Respond]);
    story.then(Event::SoundStopped);
    assert_eq!(story.word().0, "ending", "the other's last sound is not the goodbye's");
    let bound = story.machine.poll_timeout().unwrap();
    assert!(bound.0 > story.now + Limits::default().tail, "{bound:?}");
    for event in [
        Event::ResponseStarted,
        Event::SoundStarted,
        Event::ResponseDone,
        Event::SoundStopped,
    ] {
        story.then(event);
    }
    assert_eq!(
        story.machine.poll_timeout().unwrap().0,
        story.now + Limits::default().tail
    );
}

#[test]
fn one_who_speaks_into_the_goodbye_may_finish_and_is_not_answered() {
    let mut story = greeted();
    story.then(Event::ResponseStarted);
    story.then(Event::SoundStarted);
    story.then(Event::EndTool { call_id: "c".into() });
    story.then(Event::ResponseDone);
    let wish = story.now;
    story.then(Event::CandidateSpeaks(true));
    story.then(Event::SoundStopped);
    assert_eq!(
        story.machine.poll_timeout().unwrap().0,
        wish + Limits::default().goodbye_max
    );
    story.now = at(story.now, 3_000);
    assert_eq!(asks(&story.then(Event::CandidateSpeaks(false))), 0);
    assert_eq!(
        story.machine.poll_timeout().unwrap().0,
        story.now + Limits::default().tail
    );
    assert!(
        !story.until(Deadline::Goodbye).contains(&Action::CommitSpeech),
        "it is a turn already"
    );
}

#[test]
fn a_sentence_that_the_end_cuts_off_is_committed_first_and_not_answered() {
    for reason in [EndReason::Candidate, EndReason::Recruiter] {
        let mut story = greeted();
        story.then(Event::CandidateSpeaks(true));
        let actions = story.then(Event::EndAsked(reason));
        let end = Action::End { reason, failure: None };
        assert_eq!(actions, vec![Action::StopAnswering, Action::CommitSpeech, end]);
    }
    // by time, and by a goodbye that is never answered: told once
    let mut story = greeted();
    story.until_any(Deadline::TimeLimit);
    story.then(Event::CandidateSpeaks(true));
    let actions = story.until_any(Deadline::Goodbye);
    assert_eq!(actions.first(), Some(&Action::CommitSpeech), "{actions:?}");
    assert!(!actions.contains(&Action::StopAnswering));
}

#[test]
fn there_is_nothing_to_commit_where_nobody_speaks_or_nobody_hears() {
    let quiet: [&[Event]; 3] = [
        &[],
        &[Event::CandidateSpeaks(true), Event::CandidateSpeaks(false)],
        &[Event::CandidateSpeaks(true), Event::AiClosed("peer".into())],
    ];
    for events in quiet {
        let mut story = greeted();
        for event in events {
            story.then(event.clone());
        }
        let actions = story.then(Event::EndAsked(EndReason::Candidate));
        assert!(!actions.contains(&Action::CommitSpeech), "{events:?}: {actions:?}");
    }
}

#[test]
fn what_the_ai_says_at_the_end_breaks_off_and_nothing_new_is_begun() {
    let end = || Action::End {
        reason: EndReason::Candidate,
        failure: None,
    };
    // being made; made and still sounding; asked for and not begun
    let busy: [(&[Event], bool); 3] = [
        (&[Event::ResponseStarted], true),
        (
            &[Event::ResponseStarted, Event::SoundStarted, Event::ResponseDone],
            false,
        ),
        (&[Event::Nudged], true),
    ];
    for (events, making) in busy {
        let mut story = greeted();
        for event in events {
            story.then(event.clone());
        }
        let actions = story.then(Event::EndAsked(EndReason::Candidate));
        assert_eq!(
            actions,
            vec![Action::StopAnswering, Action::Silence { making }, end()],
            "{events:?}"
        );
        assert!(!story.machine.is_quiet());
        story.then(Event::ResponseDone);
        story.then(Event::SoundStopped);
        assert!(story.machine.is_quiet(), "{events:?}");
    }
    // a refusal is not waited for: it will not be asked again
    let mut story = greeted();
    story.then(Event::Nudged);
    story.then(Event::ResponseRefused);
    let actions = story.then(Event::EndAsked(EndReason::Candidate));
    assert_eq!(actions, vec![Action::StopAnswering, end()]);
    assert!(story.machine.is_quiet());
    // the service had begun an answer by itself before it could know
    assert_eq!(
        story.then(Event::ResponseStarted),
        vec![Action::Silence { making: true }]
    );
    assert!(!story.machine.is_quiet());
    assert_eq!(story.then(Event::SoundStarted), vec![Action::Silence { making: true }]);
    assert!(story.then(Event::ResponseDone).is_empty());
    assert!(story.then(Event::SoundStopped).is_empty());
    assert!(story.machine.is_quiet());
    story.then(Event::ResponseStarted);
    story.then(Event::AiClosed("peer".into()));
    assert!(story.machine.is_quiet(), "nobody is there to say more");
}

#[test]
fn an_end_that_was_asked_for_in_a_process_before_is_said_once_somebody_hears_it() {
    let mut story = Story::new(Limits::default());
    story.machine = Machine::new(Limits::default(), 7, true, Some(story.now));
    story.machine.end_was_asked(story.now);
    assert!(story.then(Event::Offered).contains(&Action::DialAi(Transport::WebRtc)));
    assert_eq!(story.word(), ("ending", "connecting", "connecting"));
    story.then(Event::Dialled);
    let up = story.then(Event::AiReady);
    assert!(up.contains(&Action::TakeUpAgain) && asks(&up) == 0, "{up:?}");
    let told = story.then(Event::TakenUp { speaks: false });
    assert!(told.contains(&Action::StopAnswering) && asks(&told) == 0, "{told:?}");
    let actions = story.then(Event::CandidateUp);
    assert!(
        actions.contains(&Action::AskGoodbye(EndReason::Interviewer)),
        "{actions:?}"
    );
    story.then(Event::ResponseStarted);
    story.then(Event::SoundStarted);
    story.then(Event::ResponseDone);
    story.then(Event::SoundStopped);
    let actions = story.until(Deadline::Goodbye);
    assert!(matches!(
        actions.last(),
        Some(Action::End {
            reason: EndReason::Interviewer,
            failure: None
        })
    ));
}

#[test]
fn an_end_that_was_asked_for_in_a_process_before_and_that_nobody_comes_to_hear_is_the_end() {
    let mut story = Story::new(Limits::default());
    story.machine = Machine::new(Limits::default(), 7, true, Some(story.now));
    story.machine.end_was_asked(story.now);
    let actions = story.until_any(Deadline::Goodbye);
    assert!(matches!(
        actions.last(),
        Some(Action::End {
            reason: EndReason::Interviewer,
            failure: None
        })
    ));
}

#[test]
fn a_turn_that_ends_while_one_before_it_is_answered_is_answered_too() {
    // made and broken off; made, and still sounding when the turn ends
    let answers: [&[Event]; 2] = [
        &[Event::ResponseDone],
        &[Event::SoundStarted, Event::ResponseDone, Event::SoundStopped],
    ];
    for rest in answers {
        let mut story = greeted();
        story.then(Event::ResponseStarted);
        story.then(Event::CandidateSpeaks(true));
        story.then(Event::CandidateSpeaks(false));
        for event in rest {
            story.then(event.clone());
        }
        let actions = story.until(Deadline::Stuck);
        assert_eq!(asks(&actions), 1, "{rest:?}: {actions:?}");
    }
    // it was answered, and the same end is told twice
    let mut story = greeted();
    story.then(Event::CandidateSpeaks(true));
    story.then(Event::CandidateSpeaks(false));
    story.then(Event::ResponseStarted);
    story.then(Event::CandidateSpeaks(false));
    story.then(Event::ResponseDone);
    assert!(
        story
            .machine
            .poll_timeout()
            .is_none_or(|(_, deadline)| deadline != Deadline::Stuck)
    );
}
