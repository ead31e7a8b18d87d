//! The candidate's leg: lost, back, gone, not up in time.

use super::*;

#[test]
fn an_abandoned_session_hangs_up_after_the_window_and_can_be_rejoined() {
    let mut story = live();
    story.then(Event::SocketAttached);
    story.then(Event::CandidateClosed("peer"));
    assert!(
        !matches!(story.machine.poll_timeout(), Some((_, Deadline::ResumeWindow))),
        "the socket is there"
    );
    story.then(Event::SocketDetached);
    assert!(story.until_any(Deadline::ResumeWindow).contains(&Action::HangUpAi));
    assert_eq!(story.word(), ("waiting", "gone", "gone"));
    assert!(story.then(Event::Offered).contains(&Action::DialAi(Transport::WebRtc)));
}

#[test]
fn a_leg_that_does_not_come_up_is_asked_for_again() {
    let mut story = Story::new(Limits::default());
    story.then(Event::Offered);
    story.then(Event::Dialled);
    story.then(Event::AiReady);
    let actions = story.until(Deadline::CandidateConnect);
    assert!(actions.contains(&Action::Renegotiate {
        ice_restart: false,
        reason: "not_up"
    }));
}

#[test]
fn a_leg_whose_ice_is_restarted_is_up_once_it_is_heard_again() {
    let mut story = live();
    let lost = story.then(Event::CandidateLost("silent"));
    assert!(lost.contains(&Action::Renegotiate {
        ice_restart: true,
        reason: "lost"
    }));
    story.then(Event::Offered);
    assert_eq!(story.word().1, "connecting");
    // the same leg: it does not come up a second time
    assert!(story.then(Event::CandidateBack).contains(&Action::Connected));
    assert_eq!(story.word(), ("live", "up", "up"));
    assert!(
        !matches!(story.machine.poll_timeout(), Some((_, Deadline::CandidateConnect))),
        "nothing more is waited for"
    );
}
