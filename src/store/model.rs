//! The rows, as types. Names follow the seed's tables.

use crate::ids::{CandidateId, EntryId, InvitationId, PositionId, SessionId, TenantId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// The company's name, as candidates read it.
    pub name: String,
}

/// What is interviewed for, and how the AI is to do it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Its id.
    pub id: PositionId,
    /// Short title.
    pub title: String,
    /// For the candidate to read.
    pub description: String,
    /// BCP 47, e.g. `en`.
    pub language: String,
    /// The AI's voice, e.g. `marin`.
    pub voice: String,
    /// Time limit of the whole interview, 1 to 58 minutes within one AI session.
    pub max_minutes: u16,
    /// The questions, in order.
    pub plan: Vec<PlannedQuestion>,
    /// What else the AI is told.
    pub instructions: String,
}

/// One question of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedQuestion {
    /// What is asked.
    pub question: String,
    /// Possible follow-ups.
    #[serde(default)]
    pub follow_ups: Vec<String>,
    /// How long a thinker may be silent, seconds.
    #[serde(default = "default_patience")]
    pub patience_s: u16,
    /// What a good answer shows.
    #[serde(default)]
    pub rubric: String,
}
fn default_patience() -> u16 {
    8
}

/// A person who is interviewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: CandidateId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
}

/// What is to change of a position. None: it stays as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PositionPatch {
    /// See [`Position::title`].
    pub title: Option<String>,
    /// See [`Position::description`].
    pub description: Option<String>,
    /// See [`Position::language`].
    pub language: Option<String>,
    /// See [`Position::voice`].
    pub voice: Option<String>,
    /// See [`Position::max_minutes`].
    pub max_minutes: Option<u16>,
    /// See [`Position::plan`].
    pub plan: Option<Vec<PlannedQuestion>>,
    /// See [`Position::instructions`].
    pub instructions: Option<String>,
}

/// What is to change of a candidate. None: it stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CandidatePatch {
    /// See [`Candidate::name`].
    pub name: Option<String>,
    /// See [`Candidate::email`].
    pub email: Option<String>,
}

/// What [`super::Store::invitation_create`] takes.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// The id to give it.
    pub id: InvitationId,
    /// Who is invited.
    pub candidate: CandidateId,
    /// To what.
    pub position: PositionId,
    /// Where it is sent, if not the candidate's own address.
    pub email: Option<String>,
    /// SHA-256 of the token.
    pub token_sha256: [u8; 32],
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Until when it may be redeemed.
    pub expires_at: OffsetDateTime,
}

/// An invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Who is invited.
    pub candidate: CandidateId,
    /// To what.
    pub position: PositionId,
    /// Until when it may be redeemed.
    pub expires_at: OffsetDateTime,
    /// Taken back by the recruiter.
    pub revoked: bool,
    /// Its session is over.
    pub over: bool,
}

/// What [`super::Store::invitation_renew`] takes.
#[derive(Clone, Debug)]
pub struct Renewal {
    /// SHA-256 of the new token.
    pub token_sha256: [u8; 32],
    /// Until when it may be redeemed.
    pub expires_at: OffsetDateTime,
    /// Where it is sent from now on; None: where it was.
    pub email: Option<String>,
}

/// What [`super::Store::invitation_renew`] answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// The invitation.
    pub invitation: Invitation,
    /// Where it is sent, if not the candidate's own address.
    pub email: Option<String>,
}

/// An invitation of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedInvitation {
    /// The invitation.
    pub invitation: Invitation,
    /// Its session was made, over or not.
    pub has_begun: bool,
}

/// Where a session stands. It only ever moves down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// Made, nobody has come yet.
    Created,
    /// The candidate's first leg is up.
    InProgress,
    /// Ended as it should.
    Completed,
    /// Ended by technical failure.
    Failed,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The AI called `end_session`.
    Interviewer,
    /// The candidate ended it.
    Candidate,
    /// A recruiter ended it.
    Recruiter,
    /// The time limit.
    Time,
    /// A technical failure that could not be mended.
    Failed,
}

/// One interview.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// By which invitation.
    pub invitation: InvitationId,
    /// With whom.
    pub candidate: CandidateId,
    /// For what.
    pub position: PositionId,
    /// Where it stands.
    pub status: SessionStatus,
    /// `connected`, `disconnected`, … as the seed names it; None before the first leg.
    pub webrtc_status: Option<String>,
    /// When the candidate's leg was first up.
    pub webrtc_connection_time: Option<OffsetDateTime>,
    /// When the candidate's leg was last lost or closed.
    pub webrtc_disconnection_time: Option<OffsetDateTime>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it began.
    pub started_at: Option<OffsetDateTime>,
    /// When it ended.
    pub ended_at: Option<OffsetDateTime>,
    /// Why it ended.
    pub end_reason: Option<EndReason>,
    /// What failed technically, if it did.
    pub technical_failure: Option<String>,
    /// What a browser reported as the recording.
    pub recording_url: Option<String>,
    /// How many tapped entries there are.
    pub entries: u32,
}

/// Answer of [`super::Store::session_open`].
#[derive(Clone, Debug)]
pub struct SessionOpened {
    /// The session.
    pub session: Session,
    /// Made by this call.
    pub created: bool,
}

/// A step of a session's life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStep {
    /// The candidate's leg is up.
    Connected {
        /// When.
        #[serde(with = "crate::clock::wire")]
        at: OffsetDateTime,
    },
    /// The candidate's leg is lost or closed.
    Disconnected {
        /// When.
        #[serde(with = "crate::clock::wire")]
        at: OffsetDateTime,
    },
    /// It ended.
    Ended {
        /// When.
        #[serde(with = "crate::clock::wire")]
        at: OffsetDateTime,
        /// Why.
        reason: EndReason,
        /// What failed technically, if it did.
        technical_failure: Option<String>,
        /// As reported by the browser.
        recording_url: Option<String>,
    },
}

/// A row of `session_events`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionEvent {
    /// Its id: said twice, stored once.
    pub id: Uuid,
    /// When.
    #[serde(with = "crate::clock::wire")]
    pub at: OffsetDateTime,
    /// `candidate`, `ai`, `session`.
    pub leg: String,
    /// What, e.g. `up`, `lost`.
    pub what: String,
    /// Why, in words for an operator; never anybody's speech.
    pub cause: String,
}

/// Who spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The interviewer.
    Ai,
    /// The candidate.
    Candidate,
}

/// How an entry came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// From the AI leg's channel: the record.
    Tap,
    /// Typed by the candidate.
    Typed,
    /// A browser's claim; left out of reads unless asked for.
    Reported,
}

/// A row of `transcript_entries`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Derived from session, item and content index (UUIDv5), so that the same words have the same id for ever.
    pub id: EntryId,
    /// Which interview.
    pub session: SessionId,
    /// Order of the conversation, from 1; not of arrival.
    pub sequence: i32,
    /// Who spoke.
    pub speaker: Speaker,
    /// All that was said (or generated; see `heard_text`). Empty where transcription failed.
    pub text: String,
    /// When the speech began.
    #[serde(with = "crate::clock::wire")]
    pub start_time: OffsetDateTime,
    /// When it ended.
    #[serde(with = "crate::clock::wire::option")]
    pub end_time: Option<OffsetDateTime>,
    /// The AI service's item.
    pub item_id: String,
    /// The part of the item.
    pub content_index: i32,
    /// How it came to be.
    pub source: Source,
    /// Cut off by the other speaker.
    pub interrupted: bool,
    /// How much of it was heard, milliseconds, where interrupted.
    pub heard_ms: Option<i64>,
    /// An estimate of the words that were heard, where interrupted.
    pub heard_text: Option<String>,
    /// Why the words are missing (`transcription_failed`, `no_transcription`), if they are.
    pub gap: Option<String>,
    /// Rises with every change of this entry; the highest wins.
    pub revision: i32,
}

impl Entry {
    /// As the tap first puts it: the conversation's first, all of it heard, its end not known. What else it is its maker says.
    pub fn tapped(session: SessionId, speaker: Speaker, text: impl Into<String>, start_time: OffsetDateTime) -> Self {
        let item_id = "item".to_owned();
        Self {
            id: EntryId(Uuid::new_v5(&session.0, item_id.as_bytes())),
            session,
            sequence: 1,
            speaker,
            text: text.into(),
            start_time,
            end_time: None,
            item_id,
            content_index: 0,
            source: Source::Tap,
            interrupted: false,
            heard_ms: None,
            heard_text: None,
            gap: None,
            revision: 1,
        }
    }
}

/// What somebody is to a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MemberRole {
    /// Invites and reads.
    Recruiter,
    /// A recruiter who also sets the tenant up.
    Admin,
}

/// Consent as given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Version of the words.
    pub version: String,
    /// Given or withheld.
    pub given: bool,
    /// When.
    pub at: OffsetDateTime,
}

/// Whose key, on which route, with which body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Tenant and `sub` of the caller, or the address of an open call: whoever acts for two tenants is two callers.
    pub caller: String,
    /// Method and path.
    pub route: String,
    /// The key itself.
    pub key: String,
    /// SHA-256 of the body.
    pub body_sha256: [u8; 32],
}

/// What is known of an [`IdempotencyKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// New: the caller has the claim and must call `idempotency_end`.
    Fresh,
    /// Another request with it is in flight (claims older than 60 s lapse).
    InFlight,
    /// Same key, other body.
    Mismatch,
    /// The answer given before.
    Answered(KeptAnswer),
}

/// An answer kept for a repeated request. Bodies that hold secrets are sealed by the caller first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// HTTP status.
    pub status: u16,
    /// Body bytes.
    pub body: Vec<u8>,
}

/// A row of `audit_log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// When.
    pub at: OffsetDateTime,
    /// Who: `sub` of the caller, or `system`.
    pub who: String,
    /// What was done, e.g. `invitation.redeemed`.
    pub what: String,
    /// To which object.
    pub object: String,
}
