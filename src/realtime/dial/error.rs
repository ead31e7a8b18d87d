//! Why a call did not come about, and whether trying again could help.

use super::scrub::scrub;
use serde_json::Value;
use std::time::Duration;

/// A message or code is kept to this many characters.
const CHARS_MAX: usize = 200;

/// Why there is no call. Safe to log and to keep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The service said no.
    #[error("the AI service refused: {status} {code}: {message}")]
    Refused {
        /// HTTP status; 0 where it was said on an open WebSocket.
        status: u16,
        /// The service's code, e.g. `model_not_found`; may be empty.
        code: String,
        /// Its words, scrubbed and short.
        message: String,
        /// When it may be asked again, if it says.
        retry_after: Option<Duration>,
    },
    /// It did not answer in time.
    #[error("the AI service did not answer in time")]
    Timeout,
    /// It could not be reached.
    #[error("the AI service cannot be reached: {0}")]
    Network(String),
    /// It answered what is no answer.
    #[error("the AI service's answer cannot be used: {0}")]
    BadAnswer(&'static str),
    /// Our own side of the call could not be made.
    #[error("our own leg: {0}")]
    Leg(vivavoce_media::call::Error),
}

/// Whether trying again could help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permanence {
    /// It may pass by itself.
    Passing,
    /// Somebody must change the key, the model's name or the account first.
    Permanent,
}

impl Error {
    /// Whether trying again, as it is, could help.
    pub fn permanence(&self) -> Permanence {
        const HOPELESS: [&str; 6] = [
            "invalid_api_key",
            "model_not_found",
            "insufficient_quota",
            "account_deactivated",
            "billing_hard_limit_reached",
            "beta_api_shape_disabled",
        ];
        match self {
            Self::Refused { status: 401 | 403, .. } => Permanence::Permanent,
            Self::Refused { code, .. } if HOPELESS.contains(&code.as_str()) => Permanence::Permanent,
            Self::Refused { .. } | Self::Timeout | Self::Network(_) | Self::BadAnswer(_) | Self::Leg(_) => {
                Permanence::Passing
            }
        }
    }

    /// No attempt can succeed as things are.
    pub fn is_permanent(&self) -> bool {
        self.permanence() == Permanence::Permanent
    }

    /// The peer could not be made, as against a refusal of the caller or a network that is down: another transport may. So, too, where
    /// what answers does not know the address and is not the service by its words: a proxy that lets this transport not through.
    pub fn is_transport_fault(&self) -> bool {
        match self {
            Self::Refused { status, code, .. } => {
                code == "invalid_offer" || code.is_empty() && matches!(status, 400 | 404..=406 | 426)
            }
            Self::BadAnswer(_) | Self::Leg(_) => true,
            Self::Timeout | Self::Network(_) => false,
        }
    }

    /// When the service wants to be asked again, if it said.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Timeout | Self::Network(_) | Self::BadAnswer(_) | Self::Leg(_) => None,
        }
    }

    /// From a status and its body, JSON or not (401 comes as plain text).
    pub(in crate::realtime) fn refused(
        status: u16,
        body: &[u8],
        retry_after: Option<Duration>,
        key: Option<&str>,
    ) -> Self {
        let json: Option<Value> = serde_json::from_slice(body).ok();
        let field = |name: &str| {
            let error = json.as_ref()?.get("error")?;
            Some(scrub(error.get(name)?.as_str()?, key, CHARS_MAX))
        };
        let code = field("code").or_else(|| field("type")).unwrap_or_default();
        let message = field("message").unwrap_or_else(|| scrub(&String::from_utf8_lossy(body), key, CHARS_MAX));
        Self::Refused {
            status,
            code,
            message,
            retry_after,
        }
    }

    pub(super) fn network(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Timeout;
        }
        // The innermost cause says it shortest; the outer ones repeat the URL.
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Self::Network(scrub(&cause.to_string(), None, CHARS_MAX))
    }
}
