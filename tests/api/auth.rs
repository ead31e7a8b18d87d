//! Who may call what, and what no token gets.

use crate::support::{SECRET, TestApp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use hmac::{Hmac, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use vivavoce::auth::Role;
use vivavoce::store::sample;

fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let head = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(head.as_bytes());
    format!("{head}.{}", B64.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn every_bad_token_is_refused_in_the_same_words() {
    let app = TestApp::start().await;
    let now = vivavoce::clock::wall().unix_timestamp();
    let claims = json!({
        "iss": "vivavoce", "aud": "vivavoce", "sub": "rita", "iat": now - 5, "exp": now + 600,
        "tenant_id": sample::TENANT, "role": "recruiter",
    });
    let hs256 = json!({"alg": "HS256", "typ": "JWT"});
    let good = signed(&hs256, &claims, SECRET);
    app.bearing(&good).get("/api/sessions").await.ok(200);

    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let payload = good.split('.').nth(1).unwrap();
    let attacks = [
        "x".to_owned(),
        "a.b.c".to_owned(),
        format!("{}.{payload}.", B64.encode(r#"{"alg":"none"}"#)),
        format!("{}.{payload}.", B64.encode(r#"{"alg":"NONE","typ":"JWT"}"#)),
        signed(&json!({"alg": "RS256"}), &claims, SECRET),
        signed(&json!({"alg": "HS512"}), &claims, SECRET),
        signed(&hs256, &claims, "another-secret-of-quite-some-length!"),
        signed(&hs256, &with("exp", json!(now - 60)), SECRET),
        signed(&hs256, &with("iat", json!(now + 600)), SECRET),
        signed(&hs256, &with("aud", json!("authenticated")), SECRET),
        signed(&hs256, &with("iss", json!("supabase")), SECRET),
        signed(&hs256, &with("role", json!("god")), SECRET),
        signed(&hs256, &with("role", json!("candidate")), SECRET),
        signed(&hs256, &with("pad", json!("x".repeat(8000))), SECRET),
        good[..good.len() - 2].to_owned(),
    ];
    let expected = app.anyone().get("/api/sessions").await;
    assert_eq!(expected.header("www-authenticate"), "Bearer realm=\"vivavoce\"");
    let expected = expected.problem(401);
    for token in &attacks {
        let answer = app.bearing(token).get("/api/sessions").await;
        assert_eq!(answer.problem(401), expected, "{token}");
    }
    let basic = app
        .anyone()
        .get_with("/api/sessions", &[("authorization", "Basic cml0YTp4")])
        .await;
    assert_eq!(basic.problem(401), expected);
    let forged = app.metric("vivavoce_auth_refused_total{reason=\"forged\"}");
    assert!(forged >= 9.0, "{forged} were counted");
    app.stop().await;
}

#[tokio::test]
async fn each_role_may_do_its_own_and_no_more() {
    let app = TestApp::start().await;
    let invited = app.invited().await;
    let (session, candidate) = app.session_of(invited.clone()).await;
    let taken_back = app.invited().await;
    let person = json!({"name": "Ada", "email": "ada@candidates.example"});
    let invite = json!({"candidate_id": sample::CANDIDATE, "position_id": sample::POSITION});
    let sdp = json!({"sessionId": session, "sdpOffer": "v=0\r\n"});
    let said = json!({"sessionId": session, "speaker": "ai", "text": "x", "timestamp": "2026-11-24T10:00:00Z"});
    let consent = json!({"version": "1", "given": true});
    let begin = json!({"invitation_id": invited.id});
    let one = format!("/api/sessions/{session}");
    let read = [
        (Method::GET, "/api/sessions".to_owned(), Value::Null),
        (Method::GET, one.clone(), Value::Null),
        (Method::GET, format!("{one}/transcript"), Value::Null),
    ];
    let recruit = [
        (Method::POST, "/api/invitations".to_owned(), invite),
        (Method::GET, "/api/invitations".to_owned(), Value::Null),
        (Method::GET, format!("/api/invitations/{}", invited.id), Value::Null),
        (
            Method::POST,
            format!("/api/invitations/{}/resend", taken_back.id),
            json!({}),
        ),
        (
            Method::POST,
            format!("/api/invitations/{}/revoke", taken_back.id),
            Value::Null,
        ),
        (Method::POST, "/api/positions".to_owned(), json!({"title": "Smith"})),
        (Method::GET, "/api/positions".to_owned(), Value::Null),
        (Method::GET, format!("/api/positions/{}", sample::POSITION), Value::Null),
        (Method::PATCH, format!("/api/positions/{}", sample::POSITION), json!({})),
        (Method::POST, "/api/candidates".to_owned(), person),
        (Method::GET, "/api/candidates".to_owned(), Value::Null),
        (
            Method::GET,
            format!("/api/candidates/{}", sample::CANDIDATE),
            Value::Null,
        ),
        (
            Method::PATCH,
            format!("/api/candidates/{}", sample::CANDIDATE),
            json!({}),
        ),
    ];
    let take_part = [
        (Method::POST, "/api/sessions".to_owned(), begin),
        (Method::POST, "/api/sdp-exchange".to_owned(), sdp),
        (Method::POST, "/api/transcript".to_owned(), said),
        (Method::POST, format!("{one}/consent"), consent),
    ];
    let recruiter = app.recruiter();
    let admin = app.as_role(Role::Admin, sample::TENANT);
    let operator = app.as_role(Role::Operator, sample::TENANT);
    for (who, calls, allowed) in [
        ("recruiter", [&read[..], &recruit].concat(), &recruiter),
        ("admin", [&read[..], &recruit].concat(), &admin),
        ("candidate", [&read[..], &take_part].concat(), &candidate),
    ] {
        for (method, path, body) in calls {
            let answer = ask(allowed, &method, &path, &body).await;
            assert!(
                ![401, 403, 404].contains(&answer),
                "{who} got {answer} of {method} {path}"
            );
        }
    }
    for (who, calls, refused) in [
        ("recruiter", &take_part[..], &recruiter),
        ("admin", &take_part[..], &admin),
        ("candidate", &recruit[..], &candidate),
        ("operator", &[&read[..1], &recruit, &take_part].concat()[..], &operator),
    ] {
        for (method, path, body) in calls {
            let answer = ask(refused, method, path, body).await;
            assert_eq!(answer, 403, "{who} at {method} {path}");
        }
    }
    for (method, path, body) in [&read[1..]].concat() {
        assert_eq!(
            ask(&operator, &method, &path, &body).await,
            404,
            "an operator reads nobody's words"
        );
    }
    for (method, path, body) in [&read[..], &recruit, &take_part].concat() {
        assert_eq!(ask(&app.anyone(), &method, &path, &body).await, 401, "{method} {path}");
    }
    app.stop().await;
}

async fn ask(who: &crate::support::Person, method: &Method, path: &str, body: &Value) -> u16 {
    let body = (!body.is_null()).then(|| body.to_string().into_bytes());
    let headers = [("content-type", "application/json")];
    who.ask(method.clone(), path, &headers, body).await.status.as_u16()
}
