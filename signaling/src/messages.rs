//! Every message of `vivavoce.v1`, both ways, named as SPEC.md has it.
//!
//! Is: types, and the one place where a frame's text becomes one. Isn't: order, permission or state.
//! **Law:** unknown types and unknown fields are ignored; a known type whose fields are wrong is [`Malformed`], told to the
//! sender and otherwise without effect. `Debug` of a message shows no token, no SDP and no words spoken.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::fmt;

mod server;
pub use server::*;

/// Longest SDP taken, bytes; browsers' offers of one audio section are 2 to 6 KiB.
pub const SDP_BYTES_MAX: usize = 64 * 1024;
/// Longest typed answer, bytes of UTF-8.
pub const SAY_BYTES_MAX: usize = 16 * 1024;
/// Longest id that a browser gives to an offer or a typed answer, bytes.
pub const ID_BYTES_MAX: usize = 128;
/// Longest trickled candidate line, bytes.
pub const CANDIDATE_BYTES_MAX: usize = 2048;

/// What a browser says.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ClientMessage {
    /// The first message of a socket.
    Hello(Hello),
    /// A new offer: the first, an ICE restart, or for a fresh leg.
    Offer {
        /// The browser's SDP.
        sdp: String,
        /// Comes back with the answer.
        id: String,
    },
    /// A trickled candidate; None at their end.
    Candidate {
        /// The candidate as WebRTC has it.
        #[serde(default)]
        candidate: Option<IceCandidate>,
    },
    /// The microphone is off or on.
    Mute {
        /// True: nothing of the candidate's speech goes further than the relay.
        on: bool,
    },
    /// An answer that was typed.
    Say {
        /// The words.
        text: String,
        /// The browser's own id of it: said twice, taken once.
        id: String,
    },
    /// The candidate ends the interview.
    End {},
    /// The browser's view of the leg's quality. Shown to operators, never trusted.
    Stats {
        /// As sent, without `type`.
        #[serde(flatten)]
        stats: serde_json::Map<String, Value>,
    },
    /// A Realtime client event; the server's allow-list decides what becomes of it.
    Event {
        /// As sent.
        event: Value,
    },
    /// A type that this version does not know. Ignored.
    #[serde(skip)]
    Unknown,
    /// Speech kept while the leg was down, from a binary frame.
    #[serde(skip)]
    Speech(crate::speech::Speech),
    /// What came could not be understood; to be answered with `error {code, detail, fatal: false}`.
    #[serde(skip)]
    Malformed(Malformed),
}

/// `hello`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// The access token.
    pub token: String,
    /// Which interview; must be the one in the address.
    pub session_id: String,
    /// What the last `welcome` gave.
    #[serde(default, deserialize_with = "lenient")]
    pub resume: Option<String>,
    /// The highest `seq` seen.
    #[serde(default, deserialize_with = "lenient")]
    pub last_seq: Option<u64>,
    /// This page keeps what its microphone hears until that is acknowledged, and answers `ack`s that lack something.
    #[serde(default, deserialize_with = "lenient")]
    pub keeps: Option<bool>,
    /// For how long this page has had no sound from the relay, in ms. A process that takes over from one that died knows by this
    /// what was heard of the interviewer's last words.
    #[serde(default, deserialize_with = "lenient")]
    pub quiet_ms: Option<u32>,
}

/// `RTCIceCandidateInit`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceCandidate {
    /// The candidate's line, with or without `a=`; empty at the end of candidates.
    pub candidate: String,
    /// The media section, by id.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    /// The media section, by index.
    #[serde(
        default,
        rename = "sdpMLineIndex",
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub sdp_m_line_index: Option<u16>,
    /// Of which ICE generation.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}

/// Why a frame means nothing. Holds nothing of the frame's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, not an object, or no `type`.
    #[error("not a JSON object with a type")]
    NotAMessage,
    /// A known type with a field missing or of the wrong kind.
    #[error("a field is missing or of the wrong kind")]
    Field,
    /// A field longer than its bound.
    #[error("a field is too long")]
    TooLong,
    /// A second `hello` on one socket.
    #[error("this socket has said hello already")]
    HelloAgain,
    /// A binary frame that breaks its layout.
    #[error("the binary frame is not well formed: {0}")]
    Speech(#[from] crate::speech::Error),
}

impl Malformed {
    /// The `code` of the `error` message.
    pub fn code(self) -> &'static str {
        match self {
            Malformed::NotAMessage => "not_a_message",
            Malformed::Field => "bad_field",
            Malformed::TooLong => "too_long",
            Malformed::HelloAgain => "hello_again",
            Malformed::Speech(_) => "bad_speech",
        }
    }
}

impl ClientMessage {
    /// Text of a frame to a message.
    ///
    /// # Errors
    /// [`Malformed`] for anything but a well-formed known message or a message of an unknown type.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        // Two steps, so that an unknown type with fields of any kind is Unknown, and a known one is judged by its own.
        let value: Value = serde_json::from_str(text).map_err(|_| Malformed::NotAMessage)?;
        let kind = value
            .get("type")
            .and_then(Value::as_str)
            .ok_or(Malformed::NotAMessage)?;
        if !KNOWN.contains(&kind) {
            return Ok(ClientMessage::Unknown);
        }
        let message: ClientMessage = serde_json::from_value(value).map_err(|_| Malformed::Field)?;
        if message.is_too_long() {
            Err(Malformed::TooLong)
        } else {
            Ok(message)
        }
    }

    fn is_too_long(&self) -> bool {
        match self {
            ClientMessage::Hello(hello) => {
                hello.token.len() > 16 * 1024
                    || hello.session_id.len() > ID_BYTES_MAX
                    || hello.resume.as_ref().is_some_and(|resume| resume.len() > 1024)
            }
            ClientMessage::Offer { sdp, id } => sdp.len() > SDP_BYTES_MAX || id.len() > ID_BYTES_MAX,
            ClientMessage::Candidate { candidate } => candidate
                .as_ref()
                .is_some_and(|it| it.candidate.len() > CANDIDATE_BYTES_MAX),
            ClientMessage::Say { text, id } => text.len() > SAY_BYTES_MAX || id.len() > ID_BYTES_MAX,
            ClientMessage::Mute { .. }
            | ClientMessage::End {}
            | ClientMessage::Stats { .. }
            | ClientMessage::Event { .. }
            | ClientMessage::Unknown
            | ClientMessage::Speech(_)
            | ClientMessage::Malformed(_) => false,
        }
    }

    /// The wire's word for it; for logs and counters.
    pub fn kind(&self) -> &'static str {
        match self {
            ClientMessage::Hello(_) => "hello",
            ClientMessage::Offer { .. } => "offer",
            ClientMessage::Candidate { .. } => "candidate",
            ClientMessage::Mute { .. } => "mute",
            ClientMessage::Say { .. } => "say",
            ClientMessage::End {} => "end",
            ClientMessage::Stats { .. } => "stats",
            ClientMessage::Event { .. } => "event",
            ClientMessage::Unknown => "unknown",
            ClientMessage::Speech(_) => "speech",
            ClientMessage::Malformed(_) => "malformed",
        }
    }
}

const KNOWN: &[&str] = &["hello", "offer", "candidate", "mute", "say", "end", "stats", "event"];

/// A field that is nice to have: the wrong kind is as good as absent.
fn lenient<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).ok())
}

// What a log line may show of a message: its kind, never its content.
impl fmt::Debug for ClientMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientMessage({})", self.kind())
    }
}
impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello")
            .field("session_id", &self.session_id)
            .field("last_seq", &self.last_seq)
            .finish_non_exhaustive()
    }
}
impl fmt::Debug for IceCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IceCandidate")
    }
}

#[cfg(test)]
mod tests;
