//! What the relay says to a browser.
//!
//! Is: the messages without their `seq`, which [`crate::Outbox`] gives. Isn't: a decision on when to say them.
//! **Law:** names and casing as in SPEC.md; a field added later must be one that an older page may ignore.

use super::IceCandidate;
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// What the relay says.
#[derive(Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerMessage {
    /// The answer to `hello`.
    Welcome {
        /// Which interview.
        session_id: String,
        /// To be shown at the next `hello` (see [`crate::resume`]).
        resume: String,
        /// `RTCIceServer[]`.
        ice_servers: Value,
        /// This socket goes on where another left off.
        resumed: bool,
        /// How things stand.
        state: State,
        /// How far each stream of the candidate's speech has arrived here; null where there was none.
        heard_up_to: Option<Vec<HeardUpTo>>,
    },
    /// The relay's SDP.
    Answer {
        /// SDP with all the relay's candidates.
        sdp: String,
        /// The offer's.
        id: String,
    },
    /// A candidate of the relay's.
    Candidate {
        /// None at their end.
        candidate: Option<IceCandidate>,
    },
    /// A new offer is needed.
    Renegotiate {
        /// Same leg, new ICE; else a fresh leg.
        ice_restart: bool,
        /// Why, as a word for logs.
        reason: String,
    },
    /// The interview goes on in another process: come there with the resume token, and make a fresh offer.
    Moved {
        /// Its origin, of those that the pages may call.
        url: String,
    },
    /// How things stand; each replaces the one before.
    State(State),
    /// What is being said.
    Caption(Caption),
    /// The candidate's speech arrived, by whichever way.
    Ack {
        /// Which stream: its SSRC.
        stream: u32,
        /// RTP timestamp up to which nothing more is wanted.
        up_to: u32,
        /// What is wanted now: RTP timestamps from and to; null: to the stream's end.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        lacks: Vec<(u32, Option<u32>)>,
    },
    /// Something that a person should read.
    Notice {
        /// A word that a page can translate.
        code: String,
        /// English.
        text: String,
    },
    /// The interview is over.
    Ended {
        /// Why.
        reason: EndReason,
        /// A summary is being written.
        summary_pending: bool,
    },
    /// Something that the browser sent could not be done.
    Error {
        /// A word for programs.
        code: String,
        /// English, for developers.
        detail: String,
        /// The socket closes after it.
        fatal: bool,
    },
}

impl ServerMessage {
    /// The wire's word for it; for logs and counters.
    pub fn kind(&self) -> &'static str {
        match self {
            ServerMessage::Welcome { .. } => "welcome",
            ServerMessage::Answer { .. } => "answer",
            ServerMessage::Candidate { .. } => "candidate",
            ServerMessage::Renegotiate { .. } => "renegotiate",
            ServerMessage::Moved { .. } => "moved",
            ServerMessage::State(_) => "state",
            ServerMessage::Caption(_) => "caption",
            ServerMessage::Ack { .. } => "ack",
            ServerMessage::Notice { .. } => "notice",
            ServerMessage::Ended { .. } => "ended",
            ServerMessage::Error { .. } => "error",
        }
    }

    /// The answer to what could not be understood.
    pub fn refuse(what: super::Malformed) -> Self {
        ServerMessage::Error {
            code: what.code().to_owned(),
            detail: what.to_string(),
            fatal: false,
        }
    }

    /// The frame's text, with its place in the session's order.
    pub fn to_frame(&self, seq: u64) -> String {
        #[derive(Serialize)]
        struct Numbered<'a> {
            seq: u64,
            #[serde(flatten)]
            message: &'a ServerMessage,
        }
        // Strings, numbers and JSON values alone: serde_json has nothing to refuse in them.
        serde_json::to_string(&Numbered { seq, message: self }).unwrap_or_default()
    }
}

impl fmt::Debug for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerMessage({})", self.kind())
    }
}

/// How far a stream has arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeardUpTo {
    /// Its SSRC.
    pub stream: u32,
    /// RTP timestamp up to which nothing more is wanted.
    pub up_to: u32,
}

/// The interview and its legs, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The interview as a whole.
    pub session: SessionWord,
    /// The candidate's leg.
    pub candidate: LegWord,
    /// The AI's leg.
    pub ai: LegWord,
    /// Who is speaking; null: nobody.
    pub speaking: Option<Speaker>,
    /// When time is up, RFC 3339; absent before it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
}

/// Words for the interview as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionWord {
    /// For the candidate.
    Waiting,
    /// Legs are being built for the first time.
    Connecting,
    /// Under way.
    Live,
    /// The goodbye is being said.
    Ending,
    /// Over.
    Completed,
    /// Over, by a technical failure.
    Failed,
}

/// Words for a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LegWord {
    /// There is none yet.
    None,
    /// Being built.
    Connecting,
    /// Carries sound.
    Up,
    /// Silent, being mended.
    Lost,
    /// Closed for good, or until somebody asks anew.
    Gone,
}

/// Whose voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The interviewer.
    Ai,
    /// The candidate.
    Candidate,
}

/// Who or what ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EndReason {
    /// The AI, by its tool.
    Interviewer,
    /// The candidate.
    Candidate,
    /// A recruiter.
    Recruiter,
    /// The time limit.
    Time,
    /// A technical failure.
    Failed,
}

/// One utterance as it stands.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caption {
    /// The AI service's item.
    pub item_id: String,
    /// The item it follows, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_item_id: Option<String>,
    /// Whose words.
    pub speaker: Speaker,
    /// All of it so far.
    pub text: String,
    /// Nothing more comes for this item.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// RFC 3339.
    pub at: String,
}

impl fmt::Debug for Caption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caption")
            .field("speaker", &self.speaker)
            .field("final", &self.is_final)
            .finish_non_exhaustive()
    }
}
