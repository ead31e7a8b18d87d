//! RFC 9457: the one shape of every error, and the one place that turns typed errors into statuses.
//!
//! Each [`Kind`] has a page, `docs/errors/SLUG.md`, at the address that `type` names. **Law:** `detail` never repeats a
//! secret, nor what only the log should say.

use crate::auth;
use crate::session;
use crate::store;
use crate::store::journal;
use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::borrow::Cow;
use std::time::Duration;
use utoipa::ToSchema;

/// `application/problem+json`.
pub const CONTENT_TYPE: &str = "application/problem+json";

macro_rules! kinds {
    ($($(#[$doc:meta])+ $name:ident $status:literal $slug:literal $title:literal,)+) => {
        /// What is wrong, each with its status, title and page.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind {$($(#[$doc])+ $name,)+}

        impl Kind {
            /// All of them, for tests and docs.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                let code: u16 = match self {$(Self::$name => $status,)+};
                StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            /// The name of its page.
            pub fn slug(self) -> &'static str {
                match self {$(Self::$name => $slug,)+}
            }
            /// In a few words.
            pub fn title(self) -> &'static str {
                match self {$(Self::$name => $title,)+}
            }
        }
    };
}

kinds! {
    /// The request is not HTTP or JSON as it should be.
    BadRequest 400 "bad-request" "The request cannot be read",
    /// No token, or one that is not good.
    Unauthorized 401 "unauthorized" "A valid token is needed",
    /// A good token of somebody who may not.
    Forbidden 403 "forbidden" "This is not yours to do",
    /// It does not exist, or is another tenant's.
    NotFound 404 "not-found" "There is no such thing",
    /// The address exists, not for this method.
    MethodNotAllowed 405 "method-not-allowed" "This address does not take that method",
    /// None of the accepted forms exists.
    NotAcceptable 406 "not-acceptable" "It does not exist in that form",
    /// The request took too long to arrive.
    RequestTimeout 408 "request-timeout" "The request took too long to arrive",
    /// It collides with what is there, or in flight.
    Conflict 409 "conflict" "This collides with something else",
    /// It was there, and is over.
    Gone 410 "gone" "This is over",
    /// `If-Match` names another version.
    PreconditionFailed 412 "precondition-failed" "It has changed in the meantime",
    /// The body is too large.
    TooLarge 413 "too-large" "The request is too large",
    /// The body's type is not one that is taken here.
    UnsupportedMediaType 415 "unsupported-media-type" "The body's type is not taken here",
    /// Readable, with values that cannot be.
    Invalid 422 "invalid" "Some values are not valid",
    /// `If-Match` is needed.
    PreconditionRequired 428 "precondition-required" "The request must say which version it means",
    /// Too often.
    TooMany 429 "too-many-requests" "Too many requests",
    /// The headers are too large.
    HeadersTooLarge 431 "headers-too-large" "The request's headers are too large",
    /// Our fault.
    Internal 500 "internal" "Something went wrong on our side",
    /// What is upstream answered with an error.
    BadGateway 502 "bad-gateway" "A service that this depends on failed",
    /// It cannot be done at the moment.
    Unavailable 503 "unavailable" "This cannot be done at the moment",
    /// What is upstream did not answer in time.
    GatewayTimeout 504 "gateway-timeout" "This took too long",
}

/// An error on its way to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub kind: Kind,
    /// In this case.
    pub detail: Cow<'static, str>,
    /// Field by field, for 422.
    pub errors: Vec<Invalid>,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

/// One field that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Invalid {
    /// JSON pointer (RFC 6901) into the body; empty for the whole.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// The body of every error, `application/problem+json` (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Body {
    /// The page that explains it, relative to the server.
    #[serde(rename = "type")]
    pub kind: String,
    /// In a few words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// In this case.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub detail: Cow<'static, str>,
    /// Field by field, for 422.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<Invalid>,
    /// The same text as `title`, for older clients.
    pub error: &'static str,
}

impl Problem {
    /// A problem with words for this case.
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// What does not exist, and what is another's: in one and the same words.
    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "")
    }

    /// One value that is not valid. `pointer` is a JSON pointer into the body.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            errors: vec![Invalid {
                pointer: pointer.into(),
                detail: detail.into(),
            }],
            ..Self::new(Kind::Invalid, "")
        }
    }

    /// Says when to try again, in whole seconds, rounded up.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// As the body has it.
    pub fn body(&self) -> Body {
        Body {
            kind: format!("/docs/errors/{}", self.kind.slug()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: self.detail.clone(),
            errors: self.errors.clone(),
            error: self.kind.title(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.kind.status(), Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if self.kind == Kind::Unauthorized {
            const CHALLENGE: HeaderName = header::WWW_AUTHENTICATE;
            headers.insert(CHALLENGE, HeaderValue::from_static("Bearer realm=\"vivavoce\""));
        }
        response
    }
}

impl From<auth::Error> for Problem {
    /// Every bad token in the same words.
    fn from(_: auth::Error) -> Self {
        Self::new(
            Kind::Unauthorized,
            "Authorization: Bearer with a token that is in force",
        )
    }
}

impl From<session::Error> for Problem {
    fn from(error: session::Error) -> Self {
        match error {
            session::Error::Ended => Self::new(Kind::Gone, "The interview is over"),
            session::Error::NotFound => Self::not_found(),
            session::Error::BadSdp(why) => Self::invalid("", why),
            session::Error::Superseded => Self::new(Kind::Conflict, "The interview went on in another tab"),
            session::Error::Elsewhere(url) => Self::new(Kind::Conflict, format!("The interview lives at {url}")),
            session::Error::Unavailable(why) => Self::new(Kind::Unavailable, why).retry_after(Duration::from_secs(2)),
        }
    }
}

impl From<journal::Full> for Problem {
    fn from(_: journal::Full) -> Self {
        Self::new(Kind::Unavailable, "The database is away").retry_after(Duration::from_secs(5))
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Away(_) => {
                tracing::warn!(%error, "a request met a database that is away");
                Self::new(Kind::Unavailable, "The database is away").retry_after(Duration::from_secs(2))
            }
            store::Error::Conflict(what) => Self::new(Kind::Conflict, what),
            store::Error::Missing(_) => Self::not_found(),
            store::Error::Refused(_) | store::Error::Corrupt(_) | store::Error::Migration(_) => {
                tracing::error!(%error, "a request failed in the store");
                Self::new(Kind::Internal, "")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_kind_has_a_page_and_each_page_a_kind() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors");
        let pages: BTreeSet<String> = std::fs::read_dir(&dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let kinds: BTreeSet<String> = Kind::ALL.iter().map(|kind| format!("{}.md", kind.slug())).collect();
        assert_eq!(pages, kinds);
        for kind in Kind::ALL {
            let text = std::fs::read_to_string(dir.join(format!("{}.md", kind.slug()))).unwrap();
            let head = format!("# {} ({})\n", kind.title(), kind.status().as_u16());
            assert!(text.starts_with(&head), "{} should begin with {head:?}", kind.slug());
        }
    }

    #[test]
    fn statuses_are_those_of_the_contract() {
        let statuses: Vec<u16> = Kind::ALL.iter().map(|kind| kind.status().as_u16()).collect();
        let contract = [
            400, 401, 403, 404, 405, 406, 408, 409, 410, 412, 413, 415, 422, 428, 429, 431, 500, 502, 503, 504,
        ];
        assert_eq!(statuses, contract);
    }

    #[test]
    fn waits_round_up() {
        for (ms, expected) in [(1, "1"), (1000, "1"), (1001, "2"), (0, "1")] {
            let response = Problem::new(Kind::TooMany, "")
                .retry_after(Duration::from_millis(ms))
                .into_response();
            assert_eq!(response.headers()[header::RETRY_AFTER], expected);
        }
    }
}
