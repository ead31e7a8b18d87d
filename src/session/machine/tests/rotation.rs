//! A second leg beside the first: before the service's limit, and on the way back from the WebSocket to WebRTC.

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn long() -> Limits {
    Limits {
        max: 3 * HOUR,
        ..Limits::default()
    }
}

/// A quiet interview, over that transport.
fn quiet(limits: Limits) -> Story {
    let mut story = Story::new(limits);
    story.then(Event::Offered);
    story.then(Event::CandidateUp);
    story.then(Event::Dialled);
    assert!(story.then(Event::AiReady).contains(&Action::Greet));
    has_spoken(&mut story);
    story
}

/// Over the WebSocket, since WebRTC failed twice.
fn fallen_back() -> Story {
    let mut story = Story::new(long());
    story.then(Event::Offered);
    story.then(Event::CandidateUp);
    dials_until_websocket(&mut story);
    story.then(Event::Dialled);
    assert!(story.then(Event::AiReady).contains(&Action::Greet));
    has_spoken(&mut story);
    story
}

/// Two WebRTC failures, and the dial that follows.
fn dials_until_websocket(story: &mut Story) {
    for next in [Transport::WebRtc, Transport::WebSocket] {
        story.then(Event::DialFailed(DialFailure {
            cause: "its answer cannot be used".into(),
            permanent: false,
            transport_fault: true,
            retry_after: None,
        }));
        assert_eq!(dialled(&story.until_any(Deadline::Redial)), Some(next));
    }
}

fn dialled(actions: &[Action]) -> Option<Transport> {
    actions.iter().find_map(|action| match action {
        Action::DialAi(transport) => Some(*transport),
        _ => None,
    })
}

/// How long it is from here to the next deadline, which is the one that is named.
fn wait(story: &mut Story, deadline: Deadline) -> (Duration, Vec<Action>) {
    let before = story.now;
    let actions = story.until(deadline);
    (story.now - before, actions)
}

fn is_about(wait: Duration, seconds: u64) -> bool {
    (seconds * 3 / 4..=seconds * 5 / 4).contains(&wait.as_secs())
}

fn failed() -> Event {
    Event::NextFailed("503".into())
}

#[test]
fn a_second_leg_is_made_before_the_limit_and_takes_over_at_a_pause() {
    for transport in [Transport::WebRtc, Transport::WebSocket] {
        let mut story = quiet(Limits { transport, ..long() });
        let (waited, actions) = wait(&mut story, Deadline::Rotate);
        assert_eq!((waited, actions), (50 * MINUTE, vec![Action::DialNext(transport)]));
        story.then(Event::CandidateSpeaks(true));
        assert_eq!(story.then(Event::NextReady), []);
        assert!(
            !matches!(story.machine.poll_timeout(), Some((_, Deadline::Switch))),
            "not into a word"
        );
        story.then(Event::CandidateSpeaks(false));
        has_spoken(&mut story);
        let (waited, actions) = wait(&mut story, Deadline::Switch);
        assert_eq!((waited.as_millis(), actions), (200, vec![Action::SwitchAi]));
        let actions = story.then(Event::TakenUp { speaks: false });
        assert_eq!(asks(&actions), 0, "no second greeting");
        assert_eq!(story.word(), ("live", "up", "up"));
        story.until(Deadline::Idle);
        has_spoken(&mut story);
        // and so again before the second's own limit
        let (waited, actions) = wait(&mut story, Deadline::Rotate);
        assert!(
            waited > HOUR / 2 && actions == [Action::DialNext(transport)],
            "{actions:?}"
        );
    }
}

#[test]
fn a_leg_that_takes_over_ends_when_the_service_says() {
    let mut story = quiet(long());
    story.until(Deadline::Rotate);
    story.then(Event::NextExpires { after: HOUR / 2 });
    let made = story.now;
    story.then(Event::NextReady);
    story.until(Deadline::Switch);
    story.then(Event::TakenUp { speaks: false });
    story.until(Deadline::Idle);
    has_spoken(&mut story);
    story.until(Deadline::Rotate);
    assert_eq!(story.now, made + 25 * MINUTE);
}

#[test]
fn the_second_takes_over_at_once_where_the_first_is_lost() {
    for transport in [Transport::WebRtc, Transport::WebSocket] {
        let mut story = quiet(Limits { transport, ..long() });
        story.until(Deadline::Rotate);
        story.then(Event::NextReady);
        story.then(Event::ResponseStarted);
        story.then(Event::SoundStarted);
        let actions = story.then(Event::AiClosed("session_expired".into()));
        assert!(actions.contains(&Action::SwitchAi), "{actions:?}");
        assert!(
            !actions.contains(&Action::HangUpAi) && dialled(&actions).is_none(),
            "{actions:?}"
        );
        assert_eq!(story.word().2, "up");
        // a dial in the making is of no use to anybody
        let mut story = quiet(Limits { transport, ..long() });
        story.until(Deadline::Rotate);
        let actions = story.then(Event::AiClosed("session_expired".into()));
        assert!(actions.contains(&Action::DropNext) && actions.contains(&Action::HangUpAi));
    }
}

#[test]
fn a_second_leg_that_cannot_be_had_is_tried_for_again_ever_later_and_not_for_ever() {
    let mut story = quiet(Limits {
        transport: Transport::WebSocket,
        ..long()
    });
    story.until(Deadline::Rotate);
    let mut waits = vec![];
    loop {
        assert_eq!(story.then(failed()), [Action::DropNext]);
        if !matches!(story.machine.poll_timeout(), Some((_, Deadline::Rotate))) {
            break;
        }
        let (waited, actions) = wait(&mut story, Deadline::Rotate);
        assert_eq!(actions, [Action::DialNext(Transport::WebSocket)]);
        waits.push(waited.as_secs());
    }
    assert_eq!(waits.len(), 11);
    for (waited, longest) in waits.iter().zip([15, 30, 60, 120, 120]) {
        assert!((longest * 3 / 4 - 1..=longest).contains(waited), "{waits:?}");
    }
    assert_eq!(story.word(), ("live", "up", "up"), "the first goes on");
}

#[test]
fn a_second_leg_that_does_not_come_up_or_is_lost_again_is_given_up() {
    let mut story = quiet(long());
    story.until(Deadline::Rotate);
    let (waited, actions) = wait(&mut story, Deadline::NextConnect);
    assert_eq!((waited.as_secs(), actions), (15, vec![Action::DropNext]));
    story.until(Deadline::Rotate);
    story.then(Event::CandidateSpeaks(true));
    story.then(Event::NextReady);
    assert_eq!(story.then(failed()), [Action::DropNext]);
    assert_eq!(story.then(failed()), [], "it is gone");
}

#[test]
fn where_webrtc_fails_the_websocket_is_the_second_leg() {
    let mut story = quiet(long());
    story.until(Deadline::Rotate);
    story.then(failed());
    assert_eq!(story.until(Deadline::Rotate), [Action::DialNext(Transport::WebRtc)]);
    story.then(failed());
    assert_eq!(story.until(Deadline::Rotate), [Action::DialNext(Transport::WebSocket)]);
    story.then(Event::NextReady);
    assert_eq!(story.until(Deadline::Switch), [Action::SwitchAi]);
    // and is left again when it can be
    let (waited, actions) = wait(&mut story, Deadline::Back);
    assert!(is_about(waited, 30), "{waited:?}");
    assert_eq!(actions, [Action::DialNext(Transport::WebRtc)]);
}

#[test]
fn from_the_websocket_a_rotation_goes_to_webrtc_first_and_at_once_to_another_websocket() {
    let mut story = fallen_back();
    // the tries to come back are over by then
    while story.until_any(Deadline::Back) == [Action::DialNext(Transport::WebRtc)] {
        story.then(failed());
        if story.machine.back_at().is_none() {
            break;
        }
    }
    assert_eq!(story.until_any(Deadline::Rotate), [Action::DialNext(Transport::WebRtc)]);
    story.then(failed());
    let (waited, actions) = wait(&mut story, Deadline::Rotate);
    assert_eq!(
        (waited, actions),
        (Duration::ZERO, vec![Action::DialNext(Transport::WebSocket)])
    );
    story.then(Event::NextReady);
    assert_eq!(story.until(Deadline::Switch), [Action::SwitchAi]);
    assert_eq!(story.word().2, "up");
}

#[test]
fn webrtc_is_tried_again_ever_later_and_nobody_notices() {
    let mut story = fallen_back();
    for longest in [30, 60, 120, 240, 480, 960] {
        let (waited, actions) = wait(&mut story, Deadline::Back);
        assert!(is_about(waited, longest), "{waited:?} for {longest} s");
        assert_eq!(actions, [Action::DialNext(Transport::WebRtc)]);
        assert_eq!(story.word(), ("live", "up", "up"));
        assert_eq!(story.then(failed()), [Action::DropNext], "and nothing else");
    }
    assert_eq!(story.machine.back_at(), None, "there is an end to it");
}

#[test]
fn once_webrtc_can_be_had_again_it_takes_over_at_a_pause() {
    let mut story = fallen_back();
    story.then(Event::ResponseStarted);
    story.then(Event::SoundStarted);
    assert_eq!(story.until_any(Deadline::Back), [Action::DialNext(Transport::WebRtc)]);
    story.then(Event::NextReady);
    story.then(Event::ResponseDone);
    assert!(!matches!(story.machine.poll_timeout(), Some((_, Deadline::Switch))));
    story.then(Event::SoundStopped);
    let actions = story.until(Deadline::Switch);
    assert_eq!(actions, [Action::SwitchAi]);
    story.then(Event::TakenUp { speaks: false });
    assert_eq!(story.machine.back_at(), None, "it is back");
    // proven, it is dialled like any other when it is lost
    story.now += Duration::from_secs(61);
    story.then(Event::AiClosed("silent".into()));
    assert_eq!(dialled(&story.until(Deadline::Redial)), Some(Transport::WebRtc));
}

#[test]
fn what_was_won_back_and_is_lost_again_at_once_is_not_trusted() {
    let mut story = fallen_back();
    story.until(Deadline::Back);
    story.then(Event::NextReady);
    story.until(Deadline::Switch);
    story.now += Duration::from_secs(5);
    story.then(Event::AiClosed("silent".into()));
    assert_eq!(dialled(&story.until(Deadline::Redial)), Some(Transport::WebSocket));
    story.then(Event::Dialled);
    story.then(Event::AiReady);
    let since = story.now;
    story.then(Event::TakenUp { speaks: false });
    story.until(Deadline::Idle);
    has_spoken(&mut story);
    story.until(Deadline::Back);
    assert!(
        is_about(story.now - since, 60),
        "later than before: {:?}",
        story.now - since
    );
}

#[test]
fn a_websocket_that_is_lost_is_dialled_again_as_such_and_webrtc_where_it_cannot_be_had() {
    let mut story = fallen_back();
    story.then(Event::AiClosed("closed: 1001".into()));
    assert_eq!(dialled(&story.until(Deadline::Redial)), Some(Transport::WebSocket));
    story.then(Event::DialFailed(DialFailure {
        cause: "our own leg".into(),
        permanent: false,
        transport_fault: true,
        retry_after: None,
    }));
    assert_eq!(dialled(&story.until(Deadline::Redial)), Some(Transport::WebRtc));
    story.then(Event::Dialled);
    story.then(Event::AiReady);
    assert_eq!(story.machine.back_at(), None, "there is nothing to come back to");
}

#[test]
fn who_is_told_to_use_the_websocket_does_not_leave_it() {
    let mut story = quiet(Limits {
        transport: Transport::WebSocket,
        ..long()
    });
    assert_eq!(story.machine.back_at(), None);
    story.then(Event::AiClosed("closed".into()));
    assert_eq!(dialled(&story.until(Deadline::Redial)), Some(Transport::WebSocket));
}

#[test]
fn no_second_leg_is_made_for_an_interview_that_is_about_to_end() {
    let mut story = fallen_back();
    story.machine.limits.max = Duration::from_secs(40);
    assert_eq!(story.machine.back_at(), None);
    let mut story = fallen_back();
    story.until(Deadline::Back);
    story.then(Event::NextReady);
    let actions = story.then(Event::EndTool { call_id: "c".into() });
    assert!(actions.contains(&Action::DropNext), "{actions:?}");
    assert_eq!((story.machine.back_at(), story.machine.rotate_at()), (None, None));
}
