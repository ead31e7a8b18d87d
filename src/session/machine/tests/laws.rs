//! What holds for any history of events, whatever its order.

use super::*;
use proptest::prelude::*;

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Offered),
        Just(Event::CandidateUp),
        Just(Event::CandidateLost("silent")),
        Just(Event::CandidateBack),
        Just(Event::CandidateClosed("peer")),
        Just(Event::Dialled),
        any::<bool>().prop_map(|t| Event::DialFailed(DialFailure {
            cause: "x".into(),
            permanent: false,
            transport_fault: t,
            retry_after: None
        })),
        Just(Event::AiReady),
        Just(Event::AiClosed("peer".into())),
        (1u64..40_000).prop_map(|ms| Event::AiExpires {
            after: Duration::from_millis(ms)
        }),
        (1u64..40_000).prop_map(|ms| Event::NextExpires {
            after: Duration::from_millis(ms)
        }),
        Just(Event::NextReady),
        Just(Event::NextFailed("503".into())),
        Just(Event::ResponseStarted),
        Just(Event::ResponseSpeaks),
        Just(Event::ResponseDone),
        Just(Event::ResponseRefused),
        Just(Event::AnswerWanted),
        Just(Event::Nudged),
        Just(Event::SoundStarted),
        Just(Event::SoundStopped),
        any::<bool>().prop_map(|speaks| Event::TakenUp { speaks }),
        any::<bool>().prop_map(Event::CandidateSpeaks),
        Just(Event::EndTool { call_id: "c".into() }),
        Just(Event::SocketAttached),
        Just(Event::SocketDetached),
        Just(Event::Due),
    ]
}

proptest! {
    /// Whatever happens in whatever order: one greeting, one end, a deadline wherever something is awaited, an end in time, one second
    /// leg at most, and none takes over that was not made.
    #[test]
    fn laws_hold_for_any_history(events in proptest::collection::vec((any_event(), 0u64..30_000), 1..200)) {
        let mut machine = Machine::new(Limits::default(), 1, false, None);
        let mut now = origin();
        let (mut greetings, mut ends, mut began, mut staged) = (0, 0, None, false);
        for (event, ms) in events {
            now += Duration::from_millis(ms);
            if matches!(event, Event::CandidateUp) && ends == 0 && began.is_none() { began = Some(now); }
            machine.handle(now, event);
            machine.handle(now, Event::Due);
            while let Some(action) = machine.poll_action() {
                greetings += u32::from(action == Action::Greet);
                match action {
                    Action::DialNext(_) => prop_assert!(!std::mem::replace(&mut staged, true), "one is there"),
                    Action::SwitchAi => prop_assert!(std::mem::take(&mut staged), "there is none"),
                    Action::DropNext => staged = false,
                    _ => {}
                }
                ends += u32::from(matches!(action, Action::End { .. }));
            }
            prop_assert!(greetings <= 1 && ends <= 1);
            if let Some((at, why)) = machine.poll_timeout() {
                prop_assert!(at > now, "{why:?} is overdue after Due");
            } else {
                prop_assert!(ends == 1 || began.is_none(), "an interview that began always has a deadline");
            }
            if ends == 1 { prop_assert!(machine.poll_timeout().is_none()); }
        }
        if began.is_some() && ends == 0 {
            for _ in 0..10_000 {
                let Some((at, _)) = machine.poll_timeout() else { break };
                now = at;
                machine.handle(now, Event::Due);
                while let Some(action) = machine.poll_action() { ends += u32::from(matches!(action, Action::End { .. })); }
            }
            prop_assert_eq!(ends, 1, "left alone, it ends by its limit");
        }
    }
}
