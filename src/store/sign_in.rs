//! Who signs in with us: accounts, the links that come by mail, and what a browser keeps to stay signed in.
//!
//! **Law:** of a token only its SHA-256 is ever here. Each is good once; a refresh token that is shown a second time was stolen,
//! or its answer was lost, and within [`LOST_ANSWER`] the latter is assumed.

use super::{MemberRole, Result};
use crate::ids::{AccountId, TenantId};
use async_trait::async_trait;
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// A refresh token that was used so shortly before may be used again: the answer was lost, or two tabs asked at once.
pub const LOST_ANSWER: Duration = Duration::from_secs(30);

/// A tenant that somebody belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Which.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// As what.
    pub role: MemberRole,
}

/// A link that was asked for.
#[derive(Clone, Debug)]
pub struct SignInLink {
    /// SHA-256 of its token.
    pub token_sha256: [u8; 32],
    /// SHA-256 of what the browser keeps that asked for it.
    pub browser_sha256: [u8; 32],
    /// Whose.
    pub account: AccountId,
    /// Until when it is good.
    pub expires_at: OffsetDateTime,
}

/// A refresh token.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// Its SHA-256.
    pub token_sha256: [u8; 32],
    /// All that came of one sign-in.
    pub family: Uuid,
    /// Whose.
    pub account: AccountId,
    /// Until when it is good.
    pub expires_at: OffsetDateTime,
}

/// What showing a refresh token came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// It was good, and is used up.
    Yes {
        /// Whose.
        account: AccountId,
        /// To be borne by the next one.
        family: Uuid,
    },
    /// It was used before: its whole family is over.
    Stolen,
    /// There is no such token, or its time is over.
    Unknown,
}

/// Sign-in. Part of [`super::Store`], under its law.
#[async_trait]
pub trait SignIn: Send + Sync + 'static {
    /// The account of an address, in lower case.
    async fn account_by_email(&self, email: &str) -> Result<Option<AccountId>>;
    /// The tenants that somebody belongs to.
    async fn memberships(&self, account: AccountId) -> Result<Vec<Membership>>;
    /// Keeps a link.
    async fn sign_in_link_put(&self, link: &SignInLink) -> Result<()>;
    /// Uses a link up: whose it was. None: it is not good, or not in this browser.
    async fn sign_in_link_use(
        &self,
        token_sha256: &[u8; 32],
        browser_sha256: &[u8; 32],
        at: OffsetDateTime,
    ) -> Result<Option<AccountId>>;
    /// Keeps a refresh token.
    async fn refresh_put(&self, token: &RefreshToken) -> Result<()>;
    /// Uses a refresh token up.
    async fn refresh_use(&self, token_sha256: &[u8; 32], at: OffsetDateTime) -> Result<Refreshed>;
    /// Ends all that came of the sign-in that this token came of. Unknown: nothing.
    async fn refresh_end(&self, token_sha256: &[u8; 32]) -> Result<()>;
}
