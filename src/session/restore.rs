//! What of a conversation was heard when its process died in the midst of it (pure).
//!
//! **Law:** the interviewer's last words count as heard for as long as its process was known to live, and no longer; the AI that
//! takes the conversation up goes on behind them. Better a word said twice than not at all.

use crate::{
    realtime::transcript::Rate,
    store::{Entry, Speaker},
};
use time::{Duration, OffsetDateTime};

/// What was sent so shortly before the last sign of life may not have been heard: it was on its way.
const ON_ITS_WAY: Duration = Duration::milliseconds(120);
/// The same where the page says until when sound has come: it was on its way so much longer than the word to it that it may say so.
const ON_ITS_WAY_LONGER: Duration = Duration::milliseconds(20);
/// By so much the end of what was said may be reckoned later than its last sound came to the page.
const END_AS_RECKONED: Duration = Duration::milliseconds(150);

/// Cuts the last entry of `history`, in order, where it was being said when the process that stored it was last known to live
/// (`alive_until`; `None`: it is not known to have died). Answers it as it is to be stored, if so. `heard_until`: when the candidate's
/// page last had sound, if it says so. That is believed beyond the process's last sign of life, which may be old (its heart beats in
/// the database, and that may have been away), and before it: while the page, or the AI, was away already nothing was heard.
pub(super) fn cut_off(
    history: &mut [Entry],
    alive_until: Option<OffsetDateTime>,
    heard_until: Option<OffsetDateTime>,
) -> Option<Entry> {
    let told = heard_until.map(|heard| heard - ON_ITS_WAY_LONGER);
    let until = told.or(alive_until.map(|alive| alive - ON_ITS_WAY))?;
    let (last, before) = history.split_last_mut()?;
    if last.speaker != Speaker::Ai || last.interrupted || last.text.is_empty() {
        return None;
    }
    // One that took the session after the one that died, and did not come to that, leaves words whose end nobody knows.
    if alive_until.is_none() && last.end_time.is_some() {
        return None;
    }
    // Over WebRTC an end is stored once the service says that all was played; else it is reckoned from the sound's length.
    let slack = if told.is_some() {
        END_AS_RECKONED
    } else {
        Duration::ZERO
    };
    if last.end_time.is_some_and(|end| end <= until + slack) {
        return None;
    }
    let mut rate = Rate::default();
    for said in before
        .iter()
        .filter(|said| said.speaker == Speaker::Ai && !said.interrupted)
    {
        if let Some(end) = said.end_time {
            rate.learn(&said.text, end - said.start_time);
        }
    }
    let heard_for = (until - last.start_time).max(Duration::ZERO);
    let heard_ms = i64::try_from(heard_for.whole_milliseconds()).unwrap_or(i64::MAX);
    let whole_ms = last.end_time.map(|end| (end - last.start_time).as_seconds_f64() * 1e3);
    last.interrupted = true;
    last.heard_ms = Some(heard_ms);
    last.heard_text = Some(rate.heard(&last.text, heard_ms, whole_ms).to_owned());
    last.end_time = Some(last.start_time + heard_for);
    last.revision += 1;
    Some(last.clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::ids::{EntryId, SessionId};
    use time::macros::datetime;
    use uuid::Uuid;

    const START: OffsetDateTime = datetime!(2026-11-24 16:40 UTC);

    fn at(ms: i64) -> OffsetDateTime {
        START + Duration::milliseconds(ms)
    }

    fn entry(speaker: Speaker, text: &str, from_ms: i64, to_ms: Option<i64>) -> Entry {
        Entry {
            id: EntryId(Uuid::nil()),
            end_time: to_ms.map(at),
            ..Entry::tapped(SessionId(Uuid::nil()), speaker, text, at(from_ms))
        }
    }

    /// Ten words of four letters and a blank: half a second each at the rate of the lesson.
    const WORDS: &str = "zero ones twos tree four five sixs sevn eigt nine";

    fn cut(end_ms: Option<i64>, alive_until_ms: i64) -> Option<String> {
        cut_as_told(end_ms, alive_until_ms, None)
    }

    fn cut_as_told(end_ms: Option<i64>, alive_until_ms: i64, heard_until_ms: Option<i64>) -> Option<String> {
        let mut history = [
            entry(Speaker::Ai, WORDS, -20_000, Some(-15_000)),
            entry(Speaker::Candidate, "yes", -10_000, Some(-9_000)),
            entry(Speaker::Ai, WORDS, 0, end_ms),
        ];
        let cut = cut_off(&mut history, Some(at(alive_until_ms)), heard_until_ms.map(at))?;
        assert_eq!(history[2], cut);
        assert!(cut.interrupted && cut.revision == 2);
        cut.heard_text
    }

    #[test]
    fn words_count_as_heard_until_the_last_sign_of_life() {
        let table = [
            // not known to have been played to its end: by the rate that the voice has had
            (None, 2_620, Some("zero ones twos tree four")),
            (None, 800, Some("zero")),
            (None, 1_000, Some("zero ones")), // but for the end of a word
            (None, 100, Some("")),
            (None, -5_000, Some("")),
            (None, 6_000, Some(WORDS)),
            // its end is reckoned, and was yet to come: by proportion
            (Some(10_000), 5_220, Some("zero ones twos tree four")),
            (
                Some(10_000),
                9_700,
                Some("zero ones twos tree four five sixs sevn eigt"),
            ),
            (Some(10_000), 10_000, Some(WORDS)), // but for the end of a word
            (Some(10_000), 10_120, None),
            (Some(10_000), 60_000, None),
        ];
        for (end, alive_until, heard) in table {
            assert_eq!(cut(end, alive_until).as_deref(), heard, "{end:?} {alive_until}");
        }
    }

    #[test]
    fn nothing_is_cut_that_was_not_being_said() {
        let candidate = entry(Speaker::Candidate, "yes", 0, None);
        let cut_before = Entry {
            interrupted: true,
            ..entry(Speaker::Ai, WORDS, 0, None)
        };
        for last in [candidate, cut_before, entry(Speaker::Ai, "", 0, None)] {
            let mut history = [entry(Speaker::Ai, WORDS, -9_000, None), last];
            let before = history.clone();
            assert_eq!(cut_off(&mut history, Some(at(1_000)), None), None);
            assert_eq!(history, before);
        }
        assert_eq!(cut_off(&mut [], Some(at(0)), None), None);
    }

    #[test]
    fn words_without_an_end_are_cut_where_the_page_says_though_nobody_is_known_to_have_died() {
        let table = [
            (None, Some(2_560), Some("zero ones twos tree four")),
            (None, None, None),
            (Some(10_000), Some(5_500), None),
        ];
        for (end, told, heard) in table {
            let mut history = [
                entry(Speaker::Ai, WORDS, -20_000, Some(-15_000)),
                entry(Speaker::Ai, WORDS, 0, end),
            ];
            let cut = cut_off(&mut history, None, told.map(at));
            assert_eq!(cut.and_then(|cut| cut.heard_text).as_deref(), heard, "{end:?} {told:?}");
        }
    }

    #[test]
    fn a_page_knows_better_until_when_it_has_heard() {
        // a second a word
        let table = [
            (5_240, 5_500, "zero ones twos tree four"),
            (5_240, 6_140, "zero ones twos tree four five"),
            (5_240, 4_800, "zero ones twos tree four"),
            (0, 5_500, "zero ones twos tree four"),
            // it was away when the process died
            (5_240, 2_200, "zero ones"),
            (60_000, 2_200, "zero ones"),
            // the interviewer was, for less than a second
            (5_240, 4_700, "zero ones twos tree"),
            (60_000, 9_600, "zero ones twos tree four five sixs sevn eigt"),
        ];
        for (alive_until, told, heard) in table {
            let cut = cut_as_told(Some(10_000), alive_until, Some(told));
            assert_eq!(cut.as_deref(), Some(heard), "{alive_until} {told}");
        }
        assert_eq!(
            cut_as_told(Some(10_000), 60_000, Some(9_900)),
            None,
            "it was said, and then nothing"
        );
    }
}
