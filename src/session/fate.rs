//! How an interview that no process drives has ended, told by its events (pure).
//!
//! Is: the rule for one whose end was said and not stored, and for one that nobody came back to before its time was over.
//! Isn't: whoever finds and ends them (`adrift.rs`). **Law:** an end that was told stays as it was told. A technical failure
//! is one only where something technical was the last that is known of it; whoever hung up did not fail.

use crate::store::{EndReason, SessionEvent, SessionStep};
use time::OffsetDateTime;

/// The event of a session's end.
pub const ENDED: &str = "ended";
/// The event of the interviewer's first word: whoever takes the session up does not let it greet again.
pub const GREETED: &str = "greeted";

/// The cause of an [`ENDED`] event: why, and what failed.
pub fn told(reason: EndReason, failure: Option<&str>) -> String {
    match failure {
        Some(failure) => format!("{}; {failure}", reason.word()),
        None => reason.word().to_owned(),
    }
}

/// The end that was told, if one was.
pub fn end_told(events: &[SessionEvent]) -> Option<SessionStep> {
    let event = events
        .iter()
        .find(|event| event.leg == "session" && event.what == ENDED)?;
    let (word, failure) = match event.cause.split_once("; ") {
        Some((word, failure)) => (word, Some(failure.to_owned())),
        None => (event.cause.as_str(), None),
    };
    // Without a word that is understood: an older version's, which told the failure alone.
    let (reason, failure) = match EndReason::from_word(word) {
        Ok(reason) => (reason, failure),
        Err(_) if event.cause.is_empty() => (EndReason::Interviewer, None),
        Err(_) => (EndReason::Failed, Some(event.cause.clone())),
    };
    Some(SessionStep::Ended {
        at: event.at,
        reason,
        technical_failure: failure,
        recording_url: None,
    })
}

/// How one ended that nobody came back to: its time was over at `at`.
pub fn end_of_the_abandoned(events: &[SessionEvent], at: OffsetDateTime) -> SessionStep {
    let last = |leg: &str| events.iter().rev().find(|event| event.leg == leg);
    let failure = match (last("candidate"), last("ai")) {
        (None, _) => None,
        // They hung up, and did not come back.
        (Some(candidate), _) if candidate.what == "gone" => None,
        (Some(candidate), _) if candidate.what == "lost" => Some(format!("candidate: {}", candidate.cause)),
        (_, Some(ai)) if matches!(ai.what.as_str(), "lost" | "refused") => Some(format!("ai: {}", ai.cause)),
        // Both were there: it was the relay that went away.
        _ => Some("relay: the process ended in the midst of it, and nobody came back".to_owned()),
    };
    SessionStep::Ended {
        at,
        reason: if failure.is_some() {
            EndReason::Failed
        } else {
            EndReason::Time
        },
        technical_failure: failure,
        recording_url: None,
    }
}

/// Which part failed: a failure's text begins with it. For a metric: a closed list.
pub fn part(failure: &str) -> &'static str {
    match failure.split_once(": ") {
        Some(("ai", _)) => "ai",
        Some(("candidate", _)) => "candidate",
        _ => "relay",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use time::macros::datetime;
    use uuid::Uuid;

    const AT: OffsetDateTime = datetime!(2026-11-24 16:40 UTC);
    const OVER: OffsetDateTime = datetime!(2026-11-24 17:10 UTC);

    fn event(leg: &str, what: &str, cause: &str) -> SessionEvent {
        SessionEvent {
            id: Uuid::nil(),
            at: AT,
            leg: leg.into(),
            what: what.into(),
            cause: cause.into(),
        }
    }

    fn end(at: OffsetDateTime, reason: EndReason, failure: Option<&str>) -> SessionStep {
        SessionStep::Ended {
            at,
            reason,
            technical_failure: failure.map(str::to_owned),
            recording_url: None,
        }
    }

    #[test]
    fn an_end_that_was_told_is_read_as_it_was_told() {
        for reason in [
            EndReason::Interviewer,
            EndReason::Candidate,
            EndReason::Recruiter,
            EndReason::Time,
            EndReason::Failed,
        ] {
            for failure in [None, Some("ai: no quota; none at all")] {
                let events = [event("ai", "up", ""), event("session", ENDED, &told(reason, failure))];
                assert_eq!(end_told(&events), Some(end(AT, reason, failure)));
            }
        }
        assert_eq!(
            end_told(&[event("session", GREETED, ""), event("ai", ENDED, "time")]),
            None
        );
        let older = |cause| end_told(&[event("session", ENDED, cause)]);
        assert_eq!(older(""), Some(end(AT, EndReason::Interviewer, None)));
        assert_eq!(older("ai: gone"), Some(end(AT, EndReason::Failed, Some("ai: gone"))));
    }

    #[test]
    fn an_abandoned_one_ends_for_what_was_last_known_of_it() {
        use EndReason::{Failed, Time};
        let relay = "relay: the process ended in the midst of it, and nobody came back";
        let up = || event("candidate", "up", "");
        let table = [
            (vec![], Time, None),
            (vec![event("ai", "lost", "silent")], Time, None),
            (vec![up(), event("ai", "up", "")], Failed, Some(relay)),
            (
                vec![up(), event("candidate", "gone", "closed by the far end")],
                Time,
                None,
            ),
            (
                vec![up(), event("candidate", "lost", "silent")],
                Failed,
                Some("candidate: silent"),
            ),
            (
                vec![event("candidate", "lost", "ice"), event("candidate", "back", "")],
                Failed,
                Some(relay),
            ),
            (
                vec![up(), event("ai", "lost", "its channel was closed")],
                Failed,
                Some("ai: its channel was closed"),
            ),
            (
                vec![up(), event("ai", "lost", "x"), event("ai", "up", "")],
                Failed,
                Some(relay),
            ),
            (
                vec![up(), event("ai", "refused", "no quota")],
                Failed,
                Some("ai: no quota"),
            ),
        ];
        for (events, reason, failure) in table {
            assert_eq!(
                end_of_the_abandoned(&events, OVER),
                end(OVER, reason, failure),
                "{events:?}"
            );
        }
    }
}
