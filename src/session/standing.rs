//! Where a conversation stands when another AI leg is to take it up, or the candidate can hear again (pure): whose turn it is, and
//! from where the AI goes on.

use crate::realtime::{dialect::GoOn, history};
use crate::store::{Entry, Speaker};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was said: the interviewer begins.
    NotBegun,
    /// It is the candidate's turn, or their last is being given to the leg again, and will be answered like any other.
    Candidates,
    /// The candidate was not answered, or the interviewer was cut off.
    Interviewers,
}

impl Standing {
    /// Of a conversation with this record, in order. `is_open`: speech of the candidate's that is not in it goes to the leg.
    pub(super) fn of(record: &[Entry], is_open: bool) -> Self {
        match record.last() {
            _ if is_open => Self::Candidates,
            None => Self::NotBegun,
            Some(last) if last.speaker == Speaker::Candidate || last.interrupted => Self::Interviewers,
            Some(_) => Self::Candidates,
        }
    }
}

/// From where the AI goes on once the candidate can hear again. `record`: in order; `last_speaker`: in the conversation of the leg that
/// is there, which has the record before it as history. A turn that was given to a leg again stands in the record where it was spoken,
/// which may be before words of the AI's that this leg does not know.
pub(super) fn go_on(record: &[Entry], last_speaker: Option<Speaker>) -> GoOn<'_> {
    let Some(last) = record.last() else {
        return GoOn::Begin;
    };
    if last_speaker == Some(Speaker::Candidate) || last.speaker == Speaker::Candidate || !last.interrupted {
        return GoOn::Answer;
    }
    match last.heard_text.as_deref().unwrap_or_default().trim() {
        "" if last_speaker == Some(Speaker::Ai) => GoOn::Unheard,
        "" if record.iter().all(history::is_unheard) => GoOn::Begin,
        "" => GoOn::Answer, // history does not tell what nobody heard
        heard => GoOn::Heard(heard),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{EntryId, SessionId};
    use time::macros::datetime;

    fn entry(speaker: Speaker, interrupted: bool) -> Entry {
        Entry {
            id: EntryId(uuid::Uuid::nil()),
            item_id: "i".into(),
            interrupted,
            ..Entry::tapped(
                SessionId(uuid::Uuid::nil()),
                speaker,
                "x",
                datetime!(2026-11-24 10:00 UTC),
            )
        }
    }

    #[test]
    fn the_turn_is_whose_words_are_missing() {
        let (ai, cut) = (entry(Speaker::Ai, false), entry(Speaker::Ai, true));
        let candidate = entry(Speaker::Candidate, false);
        for (record, is_open, standing) in [
            (vec![], false, Standing::NotBegun),
            (vec![], true, Standing::Candidates),
            (vec![ai.clone()], false, Standing::Candidates),
            (vec![ai.clone(), candidate.clone()], false, Standing::Interviewers),
            (vec![ai.clone(), candidate.clone()], true, Standing::Candidates),
            (vec![candidate.clone(), cut.clone()], false, Standing::Interviewers),
            (vec![candidate, cut], true, Standing::Candidates),
        ] {
            assert_eq!(Standing::of(&record, is_open), standing, "{record:?} {is_open}");
        }
    }

    #[test]
    fn it_goes_on_from_what_was_heard() {
        let (ai, candidate) = (entry(Speaker::Ai, false), entry(Speaker::Candidate, false));
        let cut = |heard: &str| Entry {
            heard_text: Some(heard.into()),
            ..entry(Speaker::Ai, true)
        };
        let (theirs, its) = (Some(Speaker::Candidate), Some(Speaker::Ai));
        for (record, last_speaker, from) in [
            (vec![], None, GoOn::Begin),
            (vec![ai.clone(), candidate.clone()], theirs, GoOn::Answer),
            (vec![ai.clone(), candidate.clone()], None, GoOn::Answer),
            (vec![candidate.clone(), cut("And how")], its, GoOn::Heard("And how")),
            (vec![candidate.clone(), cut("And how")], None, GoOn::Heard("And how")),
            (vec![candidate.clone(), cut("")], its, GoOn::Unheard),
            // the leg that said it is gone, and this one was not told of it
            (vec![ai, candidate.clone(), cut("")], None, GoOn::Answer),
            (vec![cut(""), cut("")], None, GoOn::Begin),
            // the turn was given again to a leg after the one that had answered it
            (vec![candidate, cut("And how")], theirs, GoOn::Answer),
        ] {
            assert_eq!(go_on(&record, last_speaker), from, "{record:?} {last_speaker:?}");
        }
    }
}
