//! Signing in as a recruiter or an admin: a link by mail, redeemed in the browser that asked for it; and staying signed in.
//!
//! **Law:** whether an address has an account nobody learns: the answer is the same, and is given before it is looked up. A
//! link in a letter does nothing by being opened, since what scans letters opens links: its page redeems it by POST, with what
//! that browser alone has kept.

use super::extract::Body;
use super::problem::{Kind, Problem};
use super::{check, limit, random_hex};
use crate::app::App;
use crate::auth::{Caller, Role};
use crate::clock;
use crate::ids::{AccountId, JobId, TenantId};
use crate::jobs::Job;
use crate::letters;
use crate::store::{self, MemberRole, Membership, RefreshToken, Refreshed, SignInLink};
use axum::Json;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// How long a link is good, minutes.
const LINK_MINUTES: i64 = 15;
/// An access token: short, since it cannot be taken back.
const ACCESS_TTL: Duration = Duration::from_secs(15 * 60);
/// A browser that was not used for so long signs in again.
const REFRESH_TTL: time::Duration = time::Duration::days(30);
/// What looks an address up, at most.
const LOOK_UP_MAX: Duration = Duration::from_secs(20);

pub(super) fn routes(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(ask))
        .routes(routes!(verify))
        .routes(routes!(refresh))
        .routes(routes!(sign_out))
        .layer(from_fn_with_state(app.clone(), limit::open_calls))
}

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[schema(as = SignInAsked)]
pub struct Ask {
    #[schema(max_length = 254, format = "email")]
    email: String,
}

/// What the browser keeps until the letter is there.
#[derive(Serialize, ToSchema)]
#[schema(as = SignInBegun)]
pub struct Begun {
    /// The link in the letter is good with this alone. 64 hex characters.
    browser_key: String,
    /// How long it is good.
    expires_in_s: i64,
}

/// The link's token, and what the browser has kept.
#[derive(Deserialize, ToSchema)]
#[schema(as = SignInLink)]
pub struct Verify {
    token: String,
    browser_key: String,
    /// For which tenant, where there are several; the first if not said.
    tenant_id: Option<TenantId>,
}

/// What a browser has kept to stay signed in.
#[derive(Deserialize, ToSchema)]
#[schema(as = SignInKept)]
pub struct Refresh {
    refresh_token: String,
    /// For which tenant, where there are several; the first if not said.
    tenant_id: Option<TenantId>,
}

/// Which browser is to be forgotten.
#[derive(Deserialize, ToSchema)]
pub struct SignOut {
    refresh_token: String,
}

/// Forgotten.
#[derive(Serialize, ToSchema)]
pub struct SignedOut {
    success: bool,
}

/// Signed in.
#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// Of the access token.
    #[serde(with = "clock::wire")]
    expires_at: OffsetDateTime,
    /// Good once, for the next of each.
    refresh_token: String,
    /// For which tenant the access token is.
    tenant_id: TenantId,
    /// All that one may ask for.
    tenants: Vec<OfTenant>,
}

/// A tenant one belongs to.
#[derive(Serialize, ToSchema)]
#[schema(as = MembershipOf)]
pub struct OfTenant {
    id: TenantId,
    name: String,
    role: MemberRole,
}

/// Sends a sign-in link, where the address has an account; the answer is the same where it has none.
#[utoipa::path(post, path = "/api/auth/magic-link", tag = "sign-in", request_body = Ask,
    responses((status = 200, body = Begun)))]
async fn ask(State(app): State<App>, Body(asked): Body<Ask>) -> Result<Json<Begun>, Problem> {
    check::email("/email", &asked.email)?;
    let email = asked.email.to_lowercase();
    app.limits.sign_in(&email)?;
    let browser_key = random_hex();
    let (looking, browser_sha256) = (app.clone(), sha256(&browser_key));
    // After the answer, which so takes as long for one as for the other.
    app.tasks.spawn(async move {
        let sent = tokio::time::timeout(LOOK_UP_MAX, send(&looking, &email, browser_sha256)).await;
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "a sign-in link was not sent"),
            Err(_) => tracing::warn!("a sign-in link was not sent: it took too long"),
        }
    });
    Ok(Json(Begun {
        browser_key,
        expires_in_s: LINK_MINUTES * 60,
    }))
}

/// Signs in with the token of a link, in the browser that asked for it.
#[utoipa::path(post, path = "/api/auth/verify", tag = "sign-in", request_body = Verify,
    responses((status = 200, body = SignedIn), (status = 410, description = "not good, or not here, or used")))]
async fn verify(State(app): State<App>, Body(given): Body<Verify>) -> Result<Json<SignedIn>, Problem> {
    let gone = || {
        Problem::new(
            Kind::Gone,
            "The link is not good any more, or was asked for in another browser",
        )
    };
    let (token, browser) = (sha256(&given.token), sha256(&given.browser_key));
    let used = app.store.sign_in_link_use(&token, &browser, clock::wall()).await?;
    let account = used.ok_or_else(gone)?;
    let signed_in = sign_in(&app, account, Uuid::now_v7(), given.tenant_id).await?;
    tracing::info!(account = %account, tenant = %signed_in.tenant_id, "signed in");
    Ok(Json(signed_in))
}

/// Another access token, and another refresh token in place of the one that is given.
#[utoipa::path(post, path = "/api/auth/refresh", tag = "sign-in", request_body = Refresh,
    responses((status = 200, body = SignedIn), (status = 401, description = "sign in again")))]
async fn refresh(State(app): State<App>, Body(given): Body<Refresh>) -> Result<Json<SignedIn>, Problem> {
    match app
        .store
        .refresh_use(&sha256(&given.refresh_token), clock::wall())
        .await?
    {
        Refreshed::Yes { account, family } => Ok(Json(sign_in(&app, account, family, given.tenant_id).await?)),
        Refreshed::Stolen => {
            tracing::warn!("a refresh token was shown twice: all that came of its sign-in is over");
            Err(again())
        }
        Refreshed::Unknown => Err(again()),
    }
}

/// Forgets a browser: its refresh token, and any that comes of it.
#[utoipa::path(post, path = "/api/auth/sign-out", tag = "sign-in", request_body = SignOut,
    responses((status = 200, body = SignedOut)))]
async fn sign_out(State(app): State<App>, Body(given): Body<SignOut>) -> Result<Json<SignedOut>, Problem> {
    app.store.refresh_end(&sha256(&given.refresh_token)).await?;
    Ok(Json(SignedOut { success: true }))
}

async fn send(app: &App, email: &str, browser_sha256: [u8; 32]) -> store::Result<()> {
    let Some(account) = app.store.account_by_email(email).await? else {
        return Ok(());
    };
    let memberships = app.store.memberships(account).await?;
    let Some(first) = memberships.first() else {
        return Ok(());
    };
    if !app.jobs.sends_mail() {
        tracing::warn!("SMTP_URL is not set: nobody can sign in by a link");
        return Ok(());
    }
    let token = random_hex();
    let link = SignInLink {
        token_sha256: sha256(&token),
        browser_sha256,
        account,
        expires_at: clock::wall() + time::Duration::minutes(LINK_MINUTES),
    };
    app.store.sign_in_link_put(&link).await?;
    let base = app.config.http.public_app_url.as_str().trim_end_matches('/');
    // Behind a #, so that no server's log ever has it.
    let letter = letters::sign_in(email, &format!("{base}/sign-in#token={token}"), LINK_MINUTES);
    app.jobs.put(first.tenant, JobId::new(), &Job::Mail(letter)).await
}

async fn sign_in(app: &App, account: AccountId, family: Uuid, wanted: Option<TenantId>) -> Result<SignedIn, Problem> {
    let memberships = app.store.memberships(account).await?;
    let chosen = match wanted {
        Some(tenant) => memberships.iter().find(|one| one.tenant == tenant),
        None => memberships.first(),
    };
    let chosen = chosen.ok_or_else(again)?;
    let now = clock::wall();
    let refresh_token = random_hex();
    let kept = RefreshToken {
        token_sha256: sha256(&refresh_token),
        family,
        account,
        expires_at: now + REFRESH_TTL,
    };
    app.store.refresh_put(&kept).await?;
    let caller = Caller {
        sub: account.to_string(),
        tenant: chosen.tenant,
        role: role(chosen.role),
        invitation: None,
    };
    let minted = app.tokens.mint(&caller, now, ACCESS_TTL)?;
    Ok(SignedIn {
        access_token: minted.token,
        expires_at: minted.expires_at,
        refresh_token,
        tenant_id: chosen.tenant,
        tenants: memberships.into_iter().map(OfTenant::from).collect(),
    })
}

fn again() -> Problem {
    Problem::new(Kind::Unauthorized, "Please sign in again")
}

fn role(role: MemberRole) -> Role {
    match role {
        MemberRole::Recruiter => Role::Recruiter,
        MemberRole::Admin => Role::Admin,
    }
}

fn sha256(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

impl From<Membership> for OfTenant {
    fn from(one: Membership) -> Self {
        Self {
            id: one.tenant,
            name: one.name,
            role: one.role,
        }
    }
}
