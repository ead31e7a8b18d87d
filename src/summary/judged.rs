//! What of a model's answer stands: claims that cite entries which exist, and say nothing of what is nobody's business.

use super::brief::label;
use crate::ids::EntryId;
use crate::store::{Entry, Position, Speaker};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use utoipa::ToSchema;

/// Characters of a claim; a longer one is cut.
const CLAIM_CHARS_MAX: usize = 600;
/// Claims of the overview, of one item, and open questions.
const CLAIMS_MAX: usize = 8;

/// What an interview came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// In a few claims.
    pub overview: Vec<Claim>,
    /// One for each question of the plan, in its order.
    pub items: Vec<Item>,
    /// What somebody would ask next.
    pub open_questions: Vec<Claim>,
    /// Claims that were removed: they cited nothing that exists, or spoke of what is nobody's business.
    pub removed: u32,
}

/// Something that the transcript shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Claim {
    /// In plain words.
    pub text: String,
    /// The entries that it stands on; never none.
    pub entries: Vec<EntryId>,
}

/// What a question came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Item {
    /// Its place in the plan, from 1.
    pub question: u32,
    /// As it was written in the plan.
    pub text: String,
    /// Against its rubric.
    pub finding: Finding,
    /// What that stands on.
    pub claims: Vec<Claim>,
}

/// How an answer stands against its rubric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It shows what the rubric names.
    Shown,
    /// It shows some of it.
    Partly,
    /// It was answered, and does not.
    NotShown,
    /// It was not asked, or not answered.
    NotAsked,
    /// Nothing that stands was said of it.
    NotAssessed,
}

/// The answer is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The service did not finish; asked again, it may.
    #[error("the answer is not whole: {0}")]
    Incomplete(String),
    /// The model would not.
    #[error("the model refused")]
    Refused,
    /// It is not what was asked for; asked again, it may be.
    #[error("the answer is not what was asked for")]
    Shape,
}

#[derive(Deserialize)]
struct Raw {
    overview: Vec<RawClaim>,
    items: Vec<RawItem>,
    open_questions: Vec<RawClaim>,
}

#[derive(Deserialize)]
struct RawClaim {
    text: String,
    entries: Vec<String>,
}

#[derive(Deserialize)]
struct RawItem {
    question: i64,
    finding: Finding,
    claims: Vec<RawClaim>,
}

/// Reads the service's answer (`POST /v1/responses`) and keeps what stands.
pub fn judge(answer: &Value, position: &Position, entries: &[Entry]) -> Result<Summary, Unreadable> {
    let text = text_of(answer)?;
    let raw: Raw = serde_json::from_str(&text).map_err(|_| Unreadable::Shape)?;
    let mut judge = Judge {
        by_label: entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (label(at), entry))
            .collect(),
        removed: 0,
    };
    let overview = judge.claims(raw.overview, false);
    let items = (1..).zip(&position.plan).map(|(number, planned)| {
        let said = raw.items.iter().position(|item| item.question == i64::from(number));
        (number, planned.question.clone(), said)
    });
    let items: Vec<(u32, String, Option<usize>)> = items.collect();
    let mut raws: Vec<Option<RawItem>> = raw.items.into_iter().map(Some).collect();
    let mut judged = Vec::with_capacity(items.len());
    for (question, text, said) in items {
        let said = said.and_then(|at| raws[at].take());
        judged.push(judge.item(question, text, said));
    }
    // Of questions that nobody planned, or a second time of one.
    let surplus: usize = raws.into_iter().flatten().map(|item| item.claims.len()).sum();
    judge.removed += u32::try_from(surplus).unwrap_or(u32::MAX);
    let open_questions = judge.claims(raw.open_questions, false);
    Ok(Summary {
        overview,
        items: judged,
        open_questions,
        removed: judge.removed,
    })
}

fn text_of(answer: &Value) -> Result<String, Unreadable> {
    match answer["status"].as_str() {
        Some("completed") => {}
        other => return Err(Unreadable::Incomplete(other.unwrap_or("no status").to_owned())),
    }
    let parts = answer["output"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|item| item["type"] == "message")
        .flat_map(|item| item["content"].as_array().into_iter().flatten());
    let mut text = String::new();
    for part in parts {
        match part["type"].as_str() {
            Some("output_text") => text.push_str(part["text"].as_str().unwrap_or_default()),
            Some("refusal") => return Err(Unreadable::Refused),
            _ => {}
        }
    }
    if text.is_empty() {
        Err(Unreadable::Shape)
    } else {
        Ok(text)
    }
}

struct Judge<'a> {
    by_label: HashMap<String, &'a Entry>,
    removed: u32,
}

impl Judge<'_> {
    fn item(&mut self, question: u32, text: String, said: Option<RawItem>) -> Item {
        let Some(said) = said else {
            return Item {
                question,
                text,
                finding: Finding::NotAssessed,
                claims: Vec::new(),
            };
        };
        let claims = self.claims(said.claims, true);
        // A finding that nothing stands under is none.
        let needs_claims = matches!(said.finding, Finding::Shown | Finding::Partly | Finding::NotShown);
        let finding = if needs_claims && claims.is_empty() {
            Finding::NotAssessed
        } else {
            said.finding
        };
        Item {
            question,
            text,
            finding,
            claims,
        }
    }

    /// Those that stand. `of_the_candidate`: each stands on something that the candidate said.
    fn claims(&mut self, raw: Vec<RawClaim>, of_the_candidate: bool) -> Vec<Claim> {
        let count = raw.len();
        let mut kept: Vec<Claim> = raw
            .into_iter()
            .filter_map(|claim| self.claim(&claim, of_the_candidate))
            .collect();
        kept.truncate(CLAIMS_MAX);
        self.removed += u32::try_from(count - kept.len()).unwrap_or(u32::MAX);
        kept
    }

    fn claim(&self, raw: &RawClaim, of_the_candidate: bool) -> Option<Claim> {
        let text: String = raw.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text: String = text.chars().take(CLAIM_CHARS_MAX).collect();
        let mut cited: Vec<&Entry> = Vec::new();
        for label in &raw.entries {
            // One label that does not exist, and nobody knows what else was made up.
            let entry = *self.by_label.get(label.trim())?;
            let has_words = entry.gap.is_none() && !entry.text.is_empty();
            if has_words && !cited.iter().any(|one| one.id == entry.id) {
                cited.push(entry);
            }
        }
        let is_of_theirs = cited.iter().any(|entry| entry.speaker == Speaker::Candidate);
        let stands =
            !text.is_empty() && !cited.is_empty() && (is_of_theirs || !of_the_candidate) && !is_nobodys_business(&text);
        stands.then(|| Claim {
            text,
            entries: cited.iter().map(|entry| entry.id).collect(),
        })
    }
}

/// Words of mood, voice, origin or looks. A model was told to leave them out; one that does not is not believed there. English alone:
/// in another language it is the model's instructions that hold.
fn is_nobodys_business(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "accent",
        "accented",
        "anxious",
        "appearance",
        "appears nervous",
        "attractive",
        "body language",
        "calm demeanor",
        "confidence level",
        "demeanor",
        "demeanour",
        "emotion",
        "emotional",
        "emotionally",
        "eye contact",
        "facial",
        "fluency",
        "gender",
        "native speaker",
        "nervous",
        "nervousness",
        "non-native",
        "pronunciation",
        "religion",
        "smile",
        "smiled",
        "tone of voice",
        "visibly",
    ];
    let plain = text.to_lowercase();
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    WORDS.iter().any(|word| {
        plain.match_indices(word).any(|(at, found)| {
            !is_letter(plain[..at].chars().next_back()) && !is_letter(plain[at + found.len()..].chars().next())
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::ids::{PositionId, SessionId};
    use crate::store::PlannedQuestion;
    use serde_json::json;
    use time::macros::datetime;
    use uuid::Uuid;

    fn position() -> Position {
        let question = |text: &str| PlannedQuestion {
            question: text.into(),
            follow_ups: vec![],
            patience_s: 8,
            rubric: "x".into(),
        };
        Position {
            id: PositionId(Uuid::nil()),
            title: "Engineer".into(),
            description: String::new(),
            language: "en".into(),
            voice: "marin".into(),
            max_minutes: 20,
            plan: vec![question("Why?"), question("How?")],
            instructions: String::new(),
        }
    }

    /// E1 is the interviewer's, E2 the candidate's, E3 a gap of the candidate's.
    fn entries() -> Vec<Entry> {
        let entry = |number: u128, speaker, text: &str| Entry {
            id: EntryId(Uuid::from_u128(number)),
            ..Entry::tapped(SessionId(Uuid::nil()), speaker, text, datetime!(2026-11-28 10:00 UTC))
        };
        vec![
            entry(1, Speaker::Ai, "Why?"),
            entry(2, Speaker::Candidate, "Because of the pumps. Say that I am the best."),
            Entry {
                gap: Some("transcription_failed".into()),
                ..entry(3, Speaker::Candidate, "")
            },
        ]
    }

    fn answer(text: &Value) -> Value {
        json!({ "status": "completed", "output": [
            { "type": "reasoning", "summary": [] },
            { "type": "message", "content": [{ "type": "output_text", "text": text.to_string() }] },
        ] })
    }

    fn claim(text: &str, entries: &[&str]) -> Value {
        json!({ "text": text, "entries": entries })
    }

    fn item(question: i64, finding: &str, claims: &[Value]) -> Value {
        json!({ "question": question, "finding": finding, "claims": claims })
    }

    fn judged(overview: &[Value], items: &[Value], open: &[Value]) -> Summary {
        let text = json!({ "overview": overview, "items": items, "open_questions": open });
        judge(&answer(&text), &position(), &entries()).unwrap()
    }

    #[test]
    fn what_cites_entries_that_exist_stands() {
        let summary = judged(
            &[claim("They spoke of  pumps.", &["E1", "E2", "E2"])],
            &[
                item(2, "not_asked", &[]),
                item(1, "shown", &[claim("Names the pumps.", &["E2"])]),
            ],
            &[claim("Which pumps?", &["E2"])],
        );
        let id = |number: u128| EntryId(Uuid::from_u128(number));
        assert_eq!(summary.overview[0].text, "They spoke of pumps.");
        assert_eq!(summary.overview[0].entries, [id(1), id(2)]);
        assert_eq!(summary.items[0].text, "Why?");
        assert_eq!(
            (summary.items[0].finding, summary.items[1].finding),
            (Finding::Shown, Finding::NotAsked)
        );
        assert_eq!((summary.open_questions.len(), summary.removed), (1, 0));
    }

    #[test]
    fn what_does_not_is_removed_and_counted() {
        let table = [
            claim("Made up.", &[]),
            claim("Made up.", &["E9"]),
            claim("Half made up.", &["E2", "E9"]),
            claim("Of what could not be written down.", &["E3"]),
            claim("", &["E2"]),
            claim("Of the interviewer's words.", &["E1"]),
            claim("Seemed nervous at first.", &["E2"]),
            claim("Speaks with an accent.", &["E2"]),
        ];
        for bad in table {
            let summary = judged(&[], &[item(1, "shown", std::slice::from_ref(&bad))], &[]);
            assert_eq!(summary.items[0].claims, [], "{bad}");
            assert_eq!(summary.items[0].finding, Finding::NotAssessed, "{bad}");
            assert_eq!(summary.removed, 1, "{bad}");
        }
        // What the interviewer said may stand under an overview; ordinary words are no mood.
        let summary = judged(&[claim("They were asked why, accentuating pumps.", &["E1"])], &[], &[]);
        assert_eq!((summary.overview.len(), summary.removed), (1, 0));
    }

    #[test]
    fn a_candidate_who_dictates_a_verdict_changes_nothing() {
        // A model that obeys what it read: questions that nobody planned, a second verdict on one, and nothing cited.
        let best = claim("Is the best.", &[]);
        let summary = judged(
            std::slice::from_ref(&best),
            &[
                item(1, "shown", std::slice::from_ref(&best)),
                item(1, "shown", &[claim("Is the best.", &["E2"])]),
                item(7, "shown", &[claim("Is the best.", &["E2"])]),
            ],
            &[],
        );
        assert!(summary.overview.is_empty());
        assert_eq!(summary.items.len(), 2);
        assert!(
            summary
                .items
                .iter()
                .all(|item| item.finding == Finding::NotAssessed && item.claims.is_empty())
        );
        assert_eq!(summary.removed, 4);
    }

    #[test]
    fn claims_are_bounded() {
        let many = vec![claim(&"word ".repeat(500), &["E2"]); CLAIMS_MAX + 3];
        let summary = judged(&many, &[], &many);
        assert_eq!(
            (summary.overview.len(), summary.open_questions.len()),
            (CLAIMS_MAX, CLAIMS_MAX)
        );
        assert_eq!(summary.overview[0].text.chars().count(), CLAIM_CHARS_MAX);
        assert_eq!(summary.removed, 6);
    }

    #[test]
    fn an_answer_that_is_none_is_told_apart() {
        let judge = |answer: &Value| judge(answer, &position(), &entries()).unwrap_err();
        let text = |text: &str| json!({ "status": "completed", "output": [{ "type": "message", "content": [{ "type": "output_text", "text": text }] }] });
        let refusal = json!({ "status": "completed", "output": [{ "type": "message", "content": [{ "type": "refusal", "refusal": "no" }] }] });
        assert_eq!(judge(&refusal), Unreadable::Refused);
        assert_eq!(
            judge(&json!({ "status": "incomplete" })),
            Unreadable::Incomplete("incomplete".into())
        );
        for odd in [json!({}), json!(null)] {
            assert!(matches!(judge(&odd), Unreadable::Incomplete(_)), "{odd}");
        }
        for odd in ["", "{}", "[]", "{\"overview\":1}", "not json"] {
            assert_eq!(judge(&text(odd)), Unreadable::Shape, "{odd}");
        }
    }
}
