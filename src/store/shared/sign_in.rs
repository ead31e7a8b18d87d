//! Accounts, links and refresh tokens.

use super::{Backend, Connection, Tx, ask, clean, dialect};
use crate::ids::{AccountId, TenantId};
use crate::store::column::{At, Id};
use crate::store::{
    LOST_ANSWER, MemberRole, Membership, RefreshToken, Refreshed, Result, Scope, SignIn, SignInLink, within,
};
use async_trait::async_trait;
use sqlx::Row as _;
use time::OffsetDateTime;
use uuid::Uuid;

#[async_trait]
impl SignIn for Backend {
    async fn account_by_email(&self, email: &str) -> Result<Option<AccountId>> {
        read!(self, Scope::Nobody, |tx| by_email(tx, email))
    }
    async fn memberships(&self, account: AccountId) -> Result<Vec<Membership>> {
        read!(self, Scope::Nobody, |tx| of_account(tx, account))
    }
    async fn sign_in_link_put(&self, link: &SignInLink) -> Result<()> {
        write!(self, Scope::Nobody, |tx| put_link(tx, link))
    }
    async fn sign_in_link_use(
        &self,
        token_sha256: &[u8; 32],
        browser_sha256: &[u8; 32],
        at: OffsetDateTime,
    ) -> Result<Option<AccountId>> {
        write!(self, Scope::Nobody, |tx| use_link(tx, token_sha256, browser_sha256, at))
    }
    async fn refresh_put(&self, token: &RefreshToken) -> Result<()> {
        write!(self, Scope::Nobody, |tx| put_refresh(tx, token))
    }
    async fn refresh_use(&self, token_sha256: &[u8; 32], at: OffsetDateTime) -> Result<Refreshed> {
        write!(self, Scope::Nobody, |tx| use_refresh(tx, token_sha256, at))
    }
    async fn refresh_end(&self, token_sha256: &[u8; 32]) -> Result<()> {
        write!(self, Scope::Nobody, |tx| end_family(tx, token_sha256))
    }
}

pub(super) async fn new_account(
    tx: &mut Connection,
    account: AccountId,
    email: &str,
    at: OffsetDateTime,
) -> Result<()> {
    ask("INSERT INTO accounts (id, email, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(Id(account.0))
        .bind(clean(email))
        .bind(At(at))
        .execute(tx)
        .await?;
    Ok(())
}

async fn by_email(tx: &mut Connection, email: &str) -> Result<Option<AccountId>> {
    let row = ask("SELECT id FROM accounts WHERE email = $1")
        .bind(clean(email))
        .fetch_optional(tx)
        .await?;
    row.map(|row| Ok(AccountId(row.try_get::<Id, _>("id")?.0))).transpose()
}

async fn of_account(tx: &mut Connection, account: AccountId) -> Result<Vec<Membership>> {
    let rows = ask(dialect::MEMBERSHIPS).bind(Id(account.0)).fetch_all(tx).await?;
    let found = rows.iter().map(|row| {
        Ok(Membership {
            tenant: TenantId(row.try_get::<Id, _>("tenant_id")?.0),
            name: row.try_get("name")?,
            role: MemberRole::from_word(row.try_get("role")?)?,
        })
    });
    found.collect()
}

async fn put_link(tx: &mut Connection, link: &SignInLink) -> Result<()> {
    // Whoever asks sweeps up: what is over is of use to nobody. Used ones stay until then, and open nothing.
    ask("DELETE FROM sign_in_links WHERE expires_at < $1")
        .bind(At(dialect::now(tx).await?))
        .execute(&mut *tx)
        .await?;
    ask("INSERT INTO sign_in_links (token_sha256, browser_sha256, account_id, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(link.token_sha256.to_vec())
        .bind(link.browser_sha256.to_vec())
        .bind(Id(link.account.0))
        .bind(At(link.expires_at))
        .execute(tx)
        .await
        .map_err(super::missing("account"))?;
    Ok(())
}

async fn use_link(
    tx: &mut Connection,
    token_sha256: &[u8; 32],
    browser_sha256: &[u8; 32],
    at: OffsetDateTime,
) -> Result<Option<AccountId>> {
    let row = ask("UPDATE sign_in_links SET used_at = $3
                   WHERE token_sha256 = $1 AND browser_sha256 = $2 AND used_at IS NULL AND expires_at > $3
                   RETURNING account_id")
    .bind(token_sha256.to_vec())
    .bind(browser_sha256.to_vec())
    .bind(At(at))
    .fetch_optional(tx)
    .await?;
    row.map(|row| Ok(AccountId(row.try_get::<Id, _>("account_id")?.0)))
        .transpose()
}

async fn put_refresh(tx: &mut Connection, token: &RefreshToken) -> Result<()> {
    ask("DELETE FROM refresh_tokens WHERE expires_at < $1")
        .bind(At(dialect::now(tx).await?))
        .execute(&mut *tx)
        .await?;
    ask("INSERT INTO refresh_tokens (token_sha256, family, account_id, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(token.token_sha256.to_vec())
        .bind(Id(token.family))
        .bind(Id(token.account.0))
        .bind(At(token.expires_at))
        .execute(tx)
        .await
        .map_err(super::missing("account"))?;
    Ok(())
}

async fn use_refresh(tx: &mut Connection, token_sha256: &[u8; 32], at: OffsetDateTime) -> Result<Refreshed> {
    let row = ask("UPDATE refresh_tokens SET used_at = COALESCE(used_at, $2)
                   WHERE token_sha256 = $1 AND expires_at > $2 RETURNING account_id, family, used_at")
    .bind(token_sha256.to_vec())
    .bind(At(at))
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(Refreshed::Unknown) };
    let family: Uuid = row.try_get::<Id, _>("family")?.0;
    if at - row.try_get::<At, _>("used_at")?.0 > LOST_ANSWER {
        ask("DELETE FROM refresh_tokens WHERE family = $1")
            .bind(Id(family))
            .execute(tx)
            .await?;
        return Ok(Refreshed::Stolen);
    }
    Ok(Refreshed::Yes {
        account: AccountId(row.try_get::<Id, _>("account_id")?.0),
        family,
    })
}

async fn end_family(tx: &mut Connection, token_sha256: &[u8; 32]) -> Result<()> {
    ask("DELETE FROM refresh_tokens
         WHERE family IN (SELECT family FROM refresh_tokens WHERE token_sha256 = $1)")
    .bind(token_sha256.to_vec())
    .execute(tx)
    .await?;
    Ok(())
}
