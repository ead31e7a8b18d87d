//! The sample data of SPEC.md: two tenants with fixed ids, for the demo, the tests and whoever tries the API.
//!
//! Is: values. Isn't: anything that writes them (`shared/sample.rs`). The companies and people are invented.

use super::{Candidate, PlannedQuestion, Position, Tenant};
use crate::ids::{CandidateId, PositionId, TenantId};
use time::{OffsetDateTime, macros::datetime};
use uuid::Uuid;

/// First tenant (`…01`).
pub const TENANT: TenantId = TenantId(id(0x01));
/// Its position (`…02`).
pub const POSITION: PositionId = PositionId(id(0x02));
/// Its candidate (`…03`).
pub const CANDIDATE: CandidateId = CandidateId(id(0x03));
/// Its recruiter (`…04`), a user's id.
pub const RECRUITER: Uuid = id(0x04);
/// Where the recruiter's letters go.
pub const RECRUITER_EMAIL: &str = "rita@larkfield.example";
/// Second tenant (`…11`), there to see nothing of the first.
pub const OTHER_TENANT: TenantId = TenantId(id(0x11));
/// Its position (`…12`).
pub const OTHER_POSITION: PositionId = PositionId(id(0x12));
/// Its candidate (`…13`).
pub const OTHER_CANDIDATE: CandidateId = CandidateId(id(0x13));
/// Its recruiter (`…14`), a user's id.
pub const OTHER_RECRUITER: Uuid = id(0x14);

/// When the sample rows say they were made: fixed, like their ids.
pub(super) const MADE_AT: OffsetDateTime = datetime!(2026-01-05 9:00 UTC);

/// `018f0000-0000-7000-8000-0000000000NN`
const fn id(last: u128) -> Uuid {
    Uuid::from_u128(0x018f_0000_0000_7000_8000_0000_0000_0000 | last)
}

/// One tenant of the sample.
pub(super) struct Sample {
    pub(super) tenant: Tenant,
    pub(super) position: Position,
    pub(super) candidate: Candidate,
    pub(super) recruiter: Uuid,
    pub(super) email: &'static str,
}

pub(super) fn tenants() -> [Sample; 2] {
    [
        Sample {
            tenant: Tenant {
                id: TENANT,
                name: "Larkfield Instruments (sample)".into(),
            },
            position: software_engineer(),
            candidate: Candidate {
                id: CANDIDATE,
                name: "Robin Sample".into(),
                email: "robin@candidates.example".into(),
            },
            recruiter: RECRUITER,
            email: RECRUITER_EMAIL,
        },
        Sample {
            tenant: Tenant {
                id: OTHER_TENANT,
                name: "Quillmoor Ferries (sample)".into(),
            },
            position: support_lead(),
            candidate: Candidate {
                id: OTHER_CANDIDATE,
                name: "Kim Example".into(),
                email: "kim@candidates.example".into(),
            },
            recruiter: OTHER_RECRUITER,
            email: "otto@quillmoor.example",
        },
    ]
}

fn software_engineer() -> Position {
    Position {
        id: POSITION,
        title: "Software engineer, data services".into(),
        description: "You build and run the services that take measurements in from instruments in the field and \
                      make them searchable. The team is six people; each of us writes, reviews, deploys and answers \
                      for what we run."
            .into(),
        language: "en".into(),
        voice: "marin".into(),
        max_minutes: 25,
        plan: vec![
            question(
                "To begin with, please tell me briefly about your current work and what you enjoy in it.",
                &["What part of it would you like to do more of?"],
                8,
                "Speaks concretely about their own part; gives the interview a calm start.",
            ),
            question(
                "Tell me about a system that you designed or changed a good deal. What did it do, and which decision \
                 in it was yours?",
                &[
                    "Which alternatives did you weigh?",
                    "What would you do differently today?",
                ],
                10,
                "Names a decision, its alternatives and its cost; separates own work from the team's.",
            ),
            question(
                "Please describe a fault in production that was hard to find. How did you go about it?",
                &[
                    "What told you that you had the cause and not a symptom?",
                    "What did you change afterwards?",
                ],
                12,
                "Forms and tests hypotheses; uses measurements; prevents the next one.",
            ),
            question(
                "Suppose measurements arrive twice, or late, or out of order. How would you store them so that each \
                 counts once?",
                &[
                    "What happens when the database is away for a minute?",
                    "How would you test it?",
                ],
                15,
                "Idempotent keys, order apart from arrival, durable queue; thinks of failure unprompted.",
            ),
            question(
                "Tell me about a time when you and a colleague disagreed about a technical matter. How was it settled?",
                &["What did you learn from their view?"],
                10,
                "Represents the other view fairly; settles by evidence or by agreed rule.",
            ),
            question(
                "What would you like to know about us, or to add that I have not asked about?",
                &[],
                10,
                "Open end; anything the candidate wishes to have on record.",
            ),
        ],
        instructions:
            "Be friendly and brief. If a question about pay or holidays comes up, say that a person from the \
                       team will answer it after the interview."
                .into(),
    }
}

fn support_lead() -> Position {
    Position {
        id: OTHER_POSITION,
        title: "Passenger support lead".into(),
        description: "You lead the desk that helps passengers before, on and after a crossing.".into(),
        language: "en".into(),
        voice: "cedar".into(),
        max_minutes: 20,
        plan: vec![
            question(
                "Please tell me about a day at a support desk that you led or worked at.",
                &["What made it hard?"],
                8,
                "Concrete; shows care for passengers and colleagues.",
            ),
            question(
                "A crossing is cancelled and two hundred people stand before your desk. What do you do first?",
                &["Whom do you tell what?"],
                10,
                "Orders by need; gives information early; keeps calm.",
            ),
            question("Is there anything that you would like to add?", &[], 8, "Open end."),
        ],
        instructions: String::new(),
    }
}

fn question(question: &str, follow_ups: &[&str], patience_s: u16, rubric: &str) -> PlannedQuestion {
    PlannedQuestion {
        question: question.into(),
        follow_ups: follow_ups.iter().map(|text| (*text).to_owned()).collect(),
        patience_s,
        rubric: rubric.into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn ids_are_those_of_the_specification() {
        assert_eq!(TENANT.to_string(), "018f0000-0000-7000-8000-000000000001");
        assert_eq!(OTHER_RECRUITER.to_string(), "018f0000-0000-7000-8000-000000000014");
        let [first, second] = tenants();
        assert_eq!((first.position.id, second.candidate.id), (POSITION, OTHER_CANDIDATE));
    }
}
