//! The forms a transcript is read in, and which one a reader asked for: pure.

use crate::clock;
use crate::store::{Entry, Source, Speaker};
use axum::http::{HeaderMap, header};
use std::fmt::Write as _;
use time::{Duration, OffsetDateTime};

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Text,
    Vtt,
}

/// A cue without an end is shown this long, or until the next.
const CUE: Duration = Duration::seconds(5);

impl Form {
    const ALL: [Self; 3] = [Self::Json, Self::Text, Self::Vtt];

    /// Of `?format=`.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "txt" => Some(Self::Text),
            "vtt" => Some(Self::Vtt),
            _ => None,
        }
    }

    /// The content type.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
            Self::Vtt => "text/vtt; charset=utf-8",
        }
    }

    /// Of `Accept` (RFC 9110, 12.5.1): the best liked; of those liked alike, JSON before text before WebVTT.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut ranges = Vec::new();
        for value in headers.get_all(header::ACCEPT) {
            ranges.extend(value.to_str().unwrap_or_default().split(',').filter_map(range));
        }
        if ranges.is_empty() {
            return Some(Self::Json);
        }
        let liking = |form: &Self| form.liked(&ranges);
        let best = Self::ALL.iter().map(liking).max().filter(|best| *best > 0)?;
        Self::ALL.into_iter().find(|form| liking(form) == best)
    }

    /// Thousandths: the quality of the most specific range that holds this form.
    fn liked(self, ranges: &[(String, u16)]) -> u16 {
        let (kind, _) = self.kind().split_once(';').unwrap_or((self.kind(), ""));
        let group = format!("{}/*", kind.split('/').next().unwrap_or_default());
        for wanted in [kind, group.as_str(), "*/*"] {
            if let Some((_, quality)) = ranges.iter().find(|(range, _)| range == wanted) {
                return *quality;
            }
        }
        0
    }
}

fn range(text: &str) -> Option<(String, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?.to_ascii_lowercase();
    let quality = parts
        .filter_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
        .find_map(|quality| quality.parse::<f32>().ok())
        .unwrap_or(1.0);
    Some((range, (quality.clamp(0.0, 1.0) * 1000.0) as u16))
}

/// A line each: when, who, what.
pub(super) fn text(entries: &[Entry], begun: OffsetDateTime) -> String {
    let mut text = String::new();
    for entry in entries {
        let at = (entry.start_time - begun).max(Duration::ZERO).whole_seconds();
        let (hours, minutes, seconds) = (at / 3600, at / 60 % 60, at % 60);
        let words = one_line(&words(entry));
        _ = write!(text, "[{hours:02}:{minutes:02}:{seconds:02}] {}: {words}", who(entry));
        if entry.interrupted {
            text.push_str(" [interrupted]");
        }
        if entry.source == Source::Reported {
            text.push_str(" [reported by the browser]");
        }
        text.push('\n');
    }
    text
}

/// WebVTT, on the interview's clock.
pub(super) fn vtt(entries: &[Entry], begun: OffsetDateTime) -> String {
    let mut text = format!("WEBVTT\n\nNOTE begun {}\n", clock::rfc3339_ms(begun));
    let mut after = Duration::ZERO;
    for (at, entry) in entries.iter().enumerate() {
        // Cues are in order of their starts, whatever two clocks said.
        let start = (entry.start_time - begun).max(after);
        after = start;
        let next = entries.get(at + 1).map(|next| next.start_time - begun);
        let end = entry.end_time.map(|end| end - begun);
        let end = end
            .or(next)
            .unwrap_or(start + CUE)
            .max(start + Duration::milliseconds(1));
        let words = escape(&one_line(&words(entry)));
        let who = who(entry);
        _ = write!(
            text,
            "\n{}\n{} --> {}\n<v {who}>{words}\n",
            entry.id,
            stamp(start),
            stamp(end)
        );
    }
    text
}

fn who(entry: &Entry) -> &'static str {
    match entry.speaker {
        Speaker::Ai => "Interviewer",
        Speaker::Candidate => "Candidate",
    }
}

/// What was heard of it, where it was cut off; and a word for what could not be written down.
fn words(entry: &Entry) -> String {
    let heard = entry.heard_text.as_deref().filter(|_| entry.interrupted);
    let words = heard.unwrap_or(&entry.text);
    match (words.is_empty(), &entry.gap) {
        (true, Some(_)) => "[not transcribed]".to_owned(),
        _ => words.to_owned(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn stamp(at: Duration) -> String {
    let ms = at.whole_milliseconds();
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", ms % 1000)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::ids::{EntryId, SessionId};
    use axum::http::HeaderValue;
    use time::macros::datetime;

    const BEGUN: OffsetDateTime = datetime!(2026-11-24 10:00:00 UTC);

    fn entry(speaker: Speaker, text: &str, start_ms: i64, end_ms: Option<i64>) -> Entry {
        Entry {
            id: EntryId("018f0000-0000-7000-8000-0000000000aa".parse().unwrap()),
            end_time: end_ms.map(|ms| BEGUN + Duration::milliseconds(ms)),
            ..Entry::tapped(
                SessionId::default(),
                speaker,
                text,
                BEGUN + Duration::milliseconds(start_ms),
            )
        }
    }

    #[test]
    fn the_best_liked_form_is_given() {
        let table = [
            (None, Some(Form::Json)),
            (Some("*/*"), Some(Form::Json)),
            (Some("application/json"), Some(Form::Json)),
            (Some("text/plain"), Some(Form::Text)),
            (Some("text/vtt"), Some(Form::Vtt)),
            (Some("TEXT/VTT; charset=utf-8"), Some(Form::Vtt)),
            (Some("text/*"), Some(Form::Text)),
            (Some("text/html, text/vtt;q=0.5, */*;q=0.1"), Some(Form::Vtt)),
            (Some("text/plain;q=0, text/*"), Some(Form::Vtt)),
            (Some("application/json;q=0.2, text/plain;q=0.9"), Some(Form::Text)),
            (Some("text/html"), None),
            (Some("*/*;q=0"), None),
            (Some("image/png, application/xml"), None),
        ];
        for (accept, expected) in table {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(Form::accepted(&headers), expected, "{accept:?}");
        }
    }

    #[test]
    fn text_says_when_and_who() {
        let mut cut = entry(Speaker::Ai, "All that was generated", 61_500, None);
        cut.interrupted = true;
        cut.heard_text = Some("All that".into());
        let mut lost = entry(Speaker::Candidate, "", 3_700_000, None);
        lost.gap = Some("transcription_failed".into());
        let early = entry(Speaker::Candidate, "Two\nlines", -5, None);
        let expected = "[00:00:00] Candidate: Two lines\n\
                        [00:01:01] Interviewer: All that [interrupted]\n\
                        [01:01:40] Candidate: [not transcribed]\n";
        assert_eq!(text(&[early, cut, lost], BEGUN), expected);
    }

    #[test]
    fn cues_are_ordered_and_escaped() {
        let entries = [
            entry(Speaker::Ai, "Is a < b --> c & d?", 1_000, Some(2_500)),
            entry(Speaker::Candidate, "Yes", 900, None),
            entry(Speaker::Ai, "Thanks", 3_600_000, None),
        ];
        let expected = "WEBVTT\n\nNOTE begun 2026-11-24T10:00:00.000Z\n\n\
            018f0000-0000-7000-8000-0000000000aa\n00:00:01.000 --> 00:00:02.500\n\
            <v Interviewer>Is a &lt; b --&gt; c &amp; d?\n\n\
            018f0000-0000-7000-8000-0000000000aa\n00:00:01.000 --> 01:00:00.000\n<v Candidate>Yes\n\n\
            018f0000-0000-7000-8000-0000000000aa\n01:00:00.000 --> 01:00:05.000\n<v Interviewer>Thanks\n";
        assert_eq!(vtt(&entries, BEGUN), expected);
    }
}
