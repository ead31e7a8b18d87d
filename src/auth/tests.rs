//! What passes for a token, and everything that must not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::config;
use crate::ids::{InvitationId, TenantId};
use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384};
use std::time::Duration;
use time::OffsetDateTime;

const SECRET: &str = "the-secret-that-signs-today-32-bytes";
const OLD: &str = "the-secret-that-signed-before-32-byte";
const NOW: i64 = 1_800_000_000;

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW).unwrap()
}

fn tokens(secrets: &[&str]) -> Tokens {
    Tokens::new(&config::Auth {
        jwt_secrets: secrets.iter().map(|secret| (*secret).into()).collect(),
    })
}

fn recruiter() -> Caller {
    Caller {
        sub: "rita".into(),
        tenant: TenantId::new(),
        role: Role::Recruiter,
        invitation: None,
    }
}

/// Signed by hand, sharing no code with what is tested.
fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let head = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(head.as_bytes());
    format!("{head}.{}", B64.encode(mac.finalize().into_bytes()))
}

fn claims() -> Value {
    json!({
        "iss": "vivavoce", "aud": "vivavoce", "sub": "rita", "iat": NOW, "exp": NOW + 60,
        "tenant_id": "018f0000-0000-7000-8000-000000000001", "role": "recruiter",
    })
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

#[test]
fn what_is_minted_verifies_until_it_ends() {
    let tokens = tokens(&[SECRET]);
    let caller = recruiter();
    let minted = tokens.mint(&caller, now(), Duration::from_secs(60)).unwrap();
    assert_eq!(tokens.verify_at(&minted.token, now()), Ok(caller.clone()));
    assert_eq!(minted.expires_at.unix_timestamp(), NOW + 60);
    let leeway = Duration::from_secs(69);
    assert_eq!(tokens.verify_at(&minted.token, now() + leeway), Ok(caller));
    let later = Duration::from_secs(70);
    assert_eq!(tokens.verify_at(&minted.token, now() + later), Err(Error::Expired));
}

#[test]
fn a_rotated_secret_still_verifies_and_a_dropped_one_does_not() {
    let old = tokens(&[OLD])
        .mint(&recruiter(), now(), Duration::from_secs(60))
        .unwrap();
    assert!(tokens(&[SECRET, OLD]).verify_at(&old.token, now()).is_ok());
    assert_eq!(tokens(&[SECRET]).verify_at(&old.token, now()), Err(Error::Forged));
    let new = tokens(&[SECRET, OLD])
        .mint(&recruiter(), now(), Duration::from_secs(60))
        .unwrap();
    assert!(tokens(&[SECRET]).verify_at(&new.token, now()).is_ok());
}

#[test]
fn the_hand_signed_form_is_accepted() {
    let token = signed(&json!({"alg": "HS256", "typ": "JWT"}), &claims(), SECRET);
    assert!(tokens(&[SECRET]).verify_at(&token, now()).is_ok());
    let list = signed(
        &json!({"alg": "HS256"}),
        &with("aud", json!(["other", "vivavoce"])),
        SECRET,
    );
    assert!(tokens(&[SECRET]).verify_at(&list, now()).is_ok());
}

#[test]
fn no_attack_passes() {
    let hs256 = json!({"alg": "HS256", "typ": "JWT"});
    let good = signed(&hs256, &claims(), SECRET);
    let (head, signature) = good.rsplit_once('.').unwrap();
    let payload = head.split_once('.').unwrap().1;
    let none = B64.encode(json!({"alg": "none"}).to_string());
    let hs384 = {
        let head = format!("{}.{payload}", B64.encode(json!({"alg": "HS384"}).to_string()));
        let mut mac = Hmac::<Sha384>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(head.as_bytes());
        format!("{head}.{}", B64.encode(mac.finalize().into_bytes()))
    };
    let operator = B64.encode(with("role", json!("operator")).to_string());
    let attacks = [
        ("empty", String::new()),
        ("no dots", "abc".into()),
        ("alg none, no signature", format!("{none}.{payload}.")),
        ("alg None", format!("{}.{payload}.", B64.encode(r#"{"alg":"None"}"#))),
        ("alg none with a signature", format!("{none}.{payload}.{signature}")),
        ("another hash under the same secret", hs384),
        ("signature cut off", format!("{head}.")),
        ("signature cut short", format!("{head}.{}", &signature[..20])),
        (
            "payload swapped",
            format!("{}.{operator}.{signature}", head.split_once('.').unwrap().0),
        ),
        (
            "signed by another",
            signed(&hs256, &claims(), "another-secret-of-32-bytes-or-more"),
        ),
        ("signed by nothing", signed(&hs256, &claims(), "")),
        ("asymmetric name", signed(&json!({"alg": "RS256"}), &claims(), SECRET)),
        (
            "critical extension",
            signed(&json!({"alg": "HS256", "crit": ["x"], "x": 1}), &claims(), SECRET),
        ),
        (
            "own key brought",
            signed(
                &json!({"alg": "HS256", "jwk": {"kty": "oct", "k": "YQ"}}),
                &claims(),
                "a",
            ),
        ),
        ("other issuer", signed(&hs256, &with("iss", json!("supabase")), SECRET)),
        (
            "other audience",
            signed(&hs256, &with("aud", json!("authenticated")), SECRET),
        ),
        ("no issuer", signed(&hs256, &without("iss"), SECRET)),
        ("no audience", signed(&hs256, &without("aud"), SECRET)),
        ("no end", signed(&hs256, &without("exp"), SECRET)),
        ("no beginning", signed(&hs256, &without("iat"), SECRET)),
        ("no subject", signed(&hs256, &without("sub"), SECRET)),
        ("empty subject", signed(&hs256, &with("sub", json!("")), SECRET)),
        ("no tenant", signed(&hs256, &without("tenant_id"), SECRET)),
        (
            "a tenant that is none",
            signed(&hs256, &with("tenant_id", json!("*")), SECRET),
        ),
        ("no role", signed(&hs256, &without("role"), SECRET)),
        (
            "a role that is none",
            signed(&hs256, &with("role", json!("root")), SECRET),
        ),
        ("roles", signed(&hs256, &with("role", json!(["recruiter"])), SECRET)),
        ("end as text", signed(&hs256, &with("exp", json!("9999999999")), SECRET)),
        ("end at infinity", signed(&hs256, &with("exp", json!(1e300)), SECRET)),
        ("over", signed(&hs256, &with("exp", json!(NOW - 10)), SECRET)),
        ("from the future", signed(&hs256, &with("iat", json!(NOW + 11)), SECRET)),
        (
            "ends before it begins",
            signed(&hs256, &with("exp", json!(NOW)), SECRET),
        ),
        (
            "candidate of no invitation",
            signed(&hs256, &with("role", json!("candidate")), SECRET),
        ),
        (
            "recruiter with an invitation",
            signed(&hs256, &with("invitation_id", json!(InvitationId::new())), SECRET),
        ),
        (
            "oversized",
            signed(&hs256, &with("pad", json!("x".repeat(TOKEN_BYTES_MAX))), SECRET),
        ),
        ("claims twice", {
            let twice = claims().to_string().replacen('{', r#"{"role":"admin","#, 1);
            let head = format!("{}.{}", B64.encode(hs256.to_string()), B64.encode(twice));
            let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
            mac.update(head.as_bytes());
            format!("{head}.{}", B64.encode(mac.finalize().into_bytes()))
        }),
    ];
    let tokens = tokens(&[SECRET, OLD]);
    let passed: Vec<&str> = attacks
        .iter()
        .filter(|(_, token)| tokens.verify_at(token, now()).is_ok())
        .map(|(name, _)| *name)
        .collect();
    assert!(passed.is_empty(), "accepted: {passed:?}");
}

#[test]
fn nothing_senseless_is_minted() {
    let tokens = tokens(&[SECRET]);
    let mut candidate = recruiter();
    candidate.role = Role::Candidate;
    assert!(tokens.mint(&candidate, now(), Duration::from_secs(60)).is_err());
    assert!(tokens.mint(&recruiter(), now(), Duration::ZERO).is_err());
    assert!(tokens.mint(&recruiter(), now(), Duration::MAX).is_err());
}

#[test]
fn the_header_is_read_as_its_rfc_says() {
    let table = [
        (vec!["Bearer abc"], Some("abc")),
        (vec!["bearer  abc "], Some("abc")),
        (vec!["Basic abc"], None),
        (vec!["Bearer"], None),
        (vec!["Bearer "], None),
        (vec!["abc"], None),
        (vec!["Bearer abc", "Bearer def"], None),
        (vec![], None),
    ];
    for (values, expected) in table {
        let mut headers = HeaderMap::new();
        for value in &values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        assert_eq!(bearer(&headers), expected, "{values:?}");
    }
}
