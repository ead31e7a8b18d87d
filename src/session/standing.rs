//! Where a conversation stands when another AI leg is to take it up (pure): whose turn it is, and whether anything was said at all.

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
}
