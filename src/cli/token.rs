//! `vivavoce token`: mints a token and prints it alone.

use super::{Failure, output, secret};
use crate::auth::{Caller, Role, Tokens};
use crate::clock;
use crate::config::{self, Auth};
use crate::ids::{InvitationId, TenantId};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use uuid::Uuid;

#[derive(clap::Args)]
pub(super) struct Args {
    /// candidate, recruiter, admin or operator
    #[arg(long)]
    role: Role,
    /// The tenant it acts for
    #[arg(long)]
    tenant: TenantId,
    /// Who it is; a new id if not said
    #[arg(long)]
    sub: Option<String>,
    /// How long it is in force: 90s, 30m, 1h, 7d
    #[arg(long, default_value = "1h", value_parser = ttl)]
    ttl: Duration,
    /// The invitation that a candidate is bound to
    #[arg(long, required_if_eq("role", "candidate"))]
    invitation: Option<InvitationId>,
    /// Signs with the secret that `demo` keeps in this folder, in place of `JWT_SECRET`
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Prints a JSON object with the token and its end
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    if args.invitation.is_some() && args.role != Role::Candidate {
        output::complain("--invitation is for --role candidate alone");
        return Ok(ExitCode::from(2));
    }
    let auth = match &args.data {
        Some(dir) => Auth {
            jwt_secrets: vec![secret::read(dir)?],
        },
        None => Auth::from_vars(&config::environment()?)?,
    };
    let caller = Caller {
        sub: args.sub.clone().unwrap_or_else(|| Uuid::now_v7().to_string()),
        tenant: args.tenant,
        role: args.role,
        invitation: args.invitation,
    };
    let minted = Tokens::new(&auth).mint(&caller, clock::wall(), args.ttl)?;
    if args.json {
        let expires_at = clock::rfc3339_ms(minted.expires_at);
        output::say_json(&json!({ "token": minted.token, "expires_at": expires_at }))?;
    } else {
        output::say(&minted.token);
    }
    Ok(ExitCode::SUCCESS)
}

/// A number with its unit; at most ten years.
fn ttl(text: &str) -> Result<Duration, String> {
    const LONGEST_S: u64 = 10 * 366 * 86_400;
    let refused = || "should be a number with s, m, h or d, such as 1h".to_owned();
    let unit = text.chars().last().ok_or_else(refused)?;
    let each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(refused()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| refused())?;
    match number.checked_mul(each) {
        Some(seconds) if (1..=LONGEST_S).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err("should be from 1s to ten years".into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn times_in_force_are_read() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("1h", 3600), ("7d", 604_800)] {
            assert_eq!(ttl(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "h", "1", "0s", "-1h", "1.5h", "1w", "1h30m", "99999999d", "1ä"] {
            assert!(ttl(text).is_err(), "{text}");
        }
    }
}
