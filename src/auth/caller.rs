//! A verified caller, and the header that names one.

use crate::ids::{InvitationId, SessionId, TenantId};
use crate::store;
use axum::http::{HeaderMap, header::AUTHORIZATION};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Is interviewed; bound to one invitation.
    Candidate,
    /// Invites and reads, within one tenant.
    Recruiter,
    /// A recruiter who also sets the tenant up.
    Admin,
    /// Watches over the machine; reads nobody's words.
    Operator,
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "candidate" => Ok(Self::Candidate),
            "recruiter" => Ok(Self::Recruiter),
            "admin" => Ok(Self::Admin),
            "operator" => Ok(Self::Operator),
            _ => Err("should be candidate, recruiter, admin or operator".into()),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Candidate => "candidate",
            Self::Recruiter => "recruiter",
            Self::Admin => "admin",
            Self::Operator => "operator",
        })
    }
}

/// Who calls, from a token that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who, in the issuer's words.
    pub sub: String,
    /// For which tenant; everything they see is that tenant's.
    pub tenant: TenantId,
    /// As what.
    pub role: Role,
    /// The one invitation that a candidate is bound to; None for everybody else.
    pub invitation: Option<InvitationId>,
}

impl Caller {
    /// A recruiter, or an admin, who is one too.
    pub fn recruits(&self) -> bool {
        matches!(self.role, Role::Recruiter | Role::Admin)
    }

    /// Whether this candidate was invited by it. False for everybody else.
    pub fn is_invited_by(&self, invitation: InvitationId) -> bool {
        self.role == Role::Candidate && self.invitation == Some(invitation)
    }

    /// Whether they may read and end this session: their tenant's recruiters, or the candidate whose it is.
    pub fn may_see(&self, session: &store::Session) -> bool {
        session.tenant == self.tenant && (self.recruits() || self.is_invited_by(session.invitation))
    }

    /// A key to keep this caller's bounds and repeated requests apart from others'. `session` narrows it.
    pub fn key(&self, session: Option<SessionId>) -> String {
        let narrowed = session.map(|id| id.to_string()).unwrap_or_default();
        format!("{}/{}/{}/{narrowed}", self.tenant, self.role, self.sub)
    }
}

/// The token of `Authorization: Bearer`. The scheme's case does not matter (RFC 9110, 11.1).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None; // Two of them: which one a proxy believed is not ours to guess.
    }
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
