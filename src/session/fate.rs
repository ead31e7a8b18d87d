//! How an interview that no process drives has ended, told by its events (pure).
//!
//! Is: the rule for one whose end was said and not stored, and for one that nobody came back to before its time was over.
//! Isn't: whoever finds and ends them (`adrift.rs`). **Law:** an end that was told stays as it was told. A technical failure
//! is one only where something technical was the last that is known of it; whoever hung up did not fail.

use crate::store::{EndReason, Entry, Fence, SessionEvent, SessionStep};
use time::{Duration, OffsetDateTime};

/// The event of a session's end.
pub const ENDED: &str = "ended";
/// The event of the interviewer's first word: whoever takes the session up does not let it greet again.
pub const GREETED: &str = "greeted";

/// The event of the machine's clock being set.
pub const CLOCK_AHEAD: &str = "clock_ahead";

/// The cause of a [`CLOCK_AHEAD`] event: by how many ms it is ahead of the record's from then on, and who drives the interview.
pub fn clock_told(ms: i128, fence: Fence) -> String {
    format!("{ms} ms, fence {}", fence.0)
}

/// By how much the clock of whoever drove the session last was ahead of the record's. Times do not tell which event is the last: the
/// clock was set; the fence does.
pub fn clock_ahead(events: &[SessionEvent]) -> Duration {
    let told = events.iter().filter_map(|event| {
        let is_it = event.leg == "session" && event.what == CLOCK_AHEAD;
        let (ms, fence) = event.cause.split_once(" ms, fence ").filter(|_| is_it)?;
        Some((fence.parse::<i64>().ok()?, ms.parse().ok()?))
    });
    let last = told.max_by_key(|(fence, _)| *fence);
    Duration::milliseconds(last.map_or(0, |(_, ms)| ms))
}

/// The event of how far a stream of the candidate's is in the record: what its browser kept before then is not taken again.
pub const HEARD_UP_TO: &str = "heard_up_to";
/// Streams that are remembered.
const STREAMS_MAX: usize = 2;

/// The cause of a [`HEARD_UP_TO`] event: SSRC, RTP timestamp, and who drives the interview.
pub fn heard_told(stream: u32, up_to: u32, fence: Fence) -> String {
    format!("stream {stream} up to {up_to}, fence {}", fence.0)
}

/// How far each of the newest streams is in the record, oldest first.
pub fn heard_up_to(events: &[SessionEvent]) -> Vec<(u32, u32)> {
    let mut told: Vec<(i64, u32, u32)> = Vec::new();
    for event in events {
        let is_it = event.leg == "session" && event.what == HEARD_UP_TO;
        let Some((stream, up_to, fence)) = is_it.then(|| read_heard(&event.cause)).flatten() else {
            continue;
        };
        match told.iter_mut().find(|(_, known, _)| *known == stream) {
            // timestamps wrap, and the machine's clock may have been set: what is further counts
            Some((_, _, known)) => {
                *known = if (up_to.wrapping_sub(*known) as i32) > 0 {
                    up_to
                } else {
                    *known
                }
            }
            None => told.push((fence, stream, up_to)),
        }
    }
    told.sort_by_key(|(fence, ..)| *fence); // stable: within one, as they were told
    let newest = told.len().saturating_sub(STREAMS_MAX);
    told.drain(newest..).map(|(_, stream, up_to)| (stream, up_to)).collect()
}

fn read_heard(cause: &str) -> Option<(u32, u32, i64)> {
    let (stream, rest) = cause.strip_prefix("stream ")?.split_once(" up to ")?;
    let (up_to, fence) = rest.split_once(", fence ")?;
    Some((stream.parse().ok()?, up_to.parse().ok()?, fence.parse().ok()?))
}

/// The event of a turn of the candidate's whose words are late: what was said after it is stored.
pub const AWAITED: &str = "awaited";

/// The cause of an [`AWAITED`] event: its place in the record, and its item.
pub fn awaited_told(sequence: i32, item_id: &str) -> String {
    format!("{sequence} {item_id}")
}

/// Turns whose words never came, in order, as they were told. A browser that keeps speech says them again.
pub fn awaited(events: &[SessionEvent], history: &[Entry]) -> Vec<(i32, String, OffsetDateTime)> {
    let told = events.iter().filter_map(|event| {
        let is_it = event.leg == "session" && event.what == AWAITED;
        let (sequence, item_id) = event.cause.split_once(' ').filter(|_| is_it)?;
        Some((sequence.parse().ok()?, item_id.to_owned(), event.at))
    });
    let is_lacking = |(sequence, ..): &(i32, String, OffsetDateTime)| {
        let place = history.iter().find(|entry| entry.sequence == *sequence);
        place.is_none()
    };
    let mut awaited: Vec<_> = told.filter(is_lacking).collect();
    awaited.sort_by_key(|(sequence, ..)| *sequence);
    awaited.dedup_by_key(|(sequence, ..)| *sequence);
    awaited
}

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

    #[test]
    fn how_far_a_stream_is_in_the_record_is_remembered_of_the_newest() {
        let heard = |stream, up_to, fence| event("session", HEARD_UP_TO, &heard_told(stream, up_to, Fence(fence)));
        assert_eq!(heard_up_to(&[event("ai", "up", "")]), vec![]);
        let wrapped = [heard(7, u32::MAX - 5, 1), heard(7, 20, 1), heard(7, u32::MAX, 1)];
        assert_eq!(heard_up_to(&wrapped), vec![(7, 20)]);
        let many = [heard(1, 10, 1), heard(3, 30, 2), heard(2, 20, 1)];
        assert_eq!(heard_up_to(&many), vec![(2, 20), (3, 30)]);
    }

    #[test]
    fn a_turn_whose_words_never_came_keeps_its_place() {
        let told = |sequence, item: &str| event("session", AWAITED, &awaited_told(sequence, item));
        let session = crate::ids::SessionId(Uuid::nil());
        let said = |sequence| Entry {
            sequence,
            ..Entry::tapped(session, crate::store::Speaker::Candidate, "Yes.".to_owned(), AT)
        };
        let events = [told(4, "b"), told(2, "a"), told(4, "b"), event("ai", "up", "")];
        let places = |history: &[Entry]| {
            awaited(&events, history)
                .into_iter()
                .map(|(place, item, _)| (place, item))
                .collect::<Vec<_>>()
        };
        assert_eq!(places(&[said(2), said(3)]), vec![(4, "b".to_owned())]);
        assert_eq!(places(&[]), vec![(2, "a".to_owned()), (4, "b".to_owned())]);
    }

    #[test]
    fn of_clocks_that_were_set_the_last_drivers_counts() {
        let set = |ms, fence| event("session", CLOCK_AHEAD, &clock_told(ms, Fence(fence)));
        assert_eq!(clock_ahead(&[]), Duration::ZERO);
        let all = [set(8_000, 1), set(-300, 2), set(5, 2), event("ai", "up", "")];
        assert_eq!(clock_ahead(&all), Duration::milliseconds(5));
        let back = [set(0, 3), set(-60_000, 2)];
        assert_eq!(clock_ahead(&back), Duration::ZERO, "whatever their times are");
    }

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
