//! Our own JWTs: HS256, pinned (SPEC.md, "Who calls").

use super::{Caller, Role};
use crate::clock;
use crate::config;
use crate::ids::{InvitationId, TenantId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

/// `iss` and `aud` of every token that we mint.
pub const ISSUER: &str = "vivavoce";
/// Longer tokens are refused unread. Ours have some 400 bytes.
pub const TOKEN_BYTES_MAX: usize = 4096;
/// How far two machines' clocks may be apart, seconds.
const LEEWAY_S: i64 = 10;

/// Why a token was refused: for counters and tests. Callers are told one and the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("no token")]
    Missing,
    /// Not a token of ours: its form, its algorithm or its signature.
    #[error("not a token of ours")]
    Forged,
    /// Ours, and over.
    #[error("expired")]
    Expired,
    /// Signed by us, with claims that make no sense.
    #[error("claims that make no sense")]
    Claims,
}

/// Mints and verifies. Cheap to clone.
#[derive(Clone)]
pub struct Tokens {
    keys: Arc<Keys>,
}

struct Keys {
    sign: EncodingKey,
    verify: Vec<DecodingKey>,
    validation: Validation,
}

/// A token and when it ends.
pub struct Minted {
    /// To be handed out, never logged.
    pub token: String,
    /// `exp`.
    pub expires_at: OffsetDateTime,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    iat: i64,
    exp: i64,
    tenant_id: TenantId,
    role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    invitation_id: Option<InvitationId>,
}

#[derive(Serialize)]
struct MintedClaims {
    aud: &'static str,
    #[serde(flatten)]
    claims: Claims,
}

impl Tokens {
    /// Of the secrets, newest first: the first signs, each verifies.
    pub fn new(config: &config::Auth) -> Self {
        let secrets = || {
            config
                .jwt_secrets
                .iter()
                .map(|secret| secret.expose_secret().as_bytes())
        };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_exp = false; // Checked against the time that is passed in.
        Self {
            keys: Arc::new(Keys {
                sign: EncodingKey::from_secret(secrets().next().unwrap_or_default()),
                verify: secrets().map(DecodingKey::from_secret).collect(),
                validation,
            }),
        }
    }

    /// What a token says, if it is ours and in force.
    pub fn verify(&self, token: &str) -> Result<Caller, Error> {
        self.verify_at(token, clock::wall())
    }

    /// [`Tokens::verify`] at a time.
    pub fn verify_at(&self, token: &str, now: OffsetDateTime) -> Result<Caller, Error> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Error::Forged);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Error::Forged)?;
        if header.alg != Algorithm::HS256 || header.crit.is_some() {
            return Err(Error::Forged);
        }
        let mut refused = Error::Forged;
        for key in &self.keys.verify {
            match jsonwebtoken::decode::<Claims>(token, key, &self.keys.validation) {
                Ok(data) => return data.claims.caller(now),
                Err(error) if is_wrong_key(&error) => {}
                Err(_) => refused = Error::Claims,
            }
        }
        Err(refused)
    }

    /// A token for a caller, in force for `ttl` from `now`, in whole seconds.
    pub fn mint(&self, caller: &Caller, now: OffsetDateTime, ttl: Duration) -> Result<Minted, Error> {
        let iat = now.unix_timestamp();
        let exp = i64::try_from(ttl.as_secs())
            .ok()
            .and_then(|ttl| iat.checked_add(ttl))
            .ok_or(Error::Claims)?;
        let claims = MintedClaims {
            aud: ISSUER,
            claims: Claims {
                iss: ISSUER.to_owned(),
                sub: caller.sub.clone(),
                iat,
                exp,
                tenant_id: caller.tenant,
                role: caller.role,
                invitation_id: caller.invitation,
            },
        };
        claims.claims.check(now)?;
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.keys.sign)
            .map_err(|_| Error::Claims)?;
        let expires_at = OffsetDateTime::from_unix_timestamp(exp).map_err(|_| Error::Claims)?;
        Ok(Minted { token, expires_at })
    }
}

impl Claims {
    fn check(&self, now: OffsetDateTime) -> Result<(), Error> {
        let now = now.unix_timestamp();
        let bound = self.invitation_id.is_some() == (self.role == Role::Candidate);
        let named = !self.sub.is_empty() && self.sub.len() <= 255;
        if !bound || !named || self.iat > now.saturating_add(LEEWAY_S) || self.exp <= self.iat {
            return Err(Error::Claims);
        }
        if self.exp.saturating_add(LEEWAY_S) <= now {
            return Err(Error::Expired);
        }
        Ok(())
    }

    fn caller(self, now: OffsetDateTime) -> Result<Caller, Error> {
        self.check(now)?;
        Ok(Caller {
            sub: self.sub,
            tenant: self.tenant_id,
            role: self.role,
            invitation: self.invitation_id,
        })
    }
}

fn is_wrong_key(error: &jsonwebtoken::errors::Error) -> bool {
    use jsonwebtoken::errors::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::InvalidSignature | ErrorKind::InvalidToken | ErrorKind::Base64(_)
    )
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("keys", &self.keys.verify.len()).finish()
    }
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minted")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
