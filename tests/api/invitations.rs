//! Invitations, from the recruiter's call to the candidate's token, on both databases.

use crate::postgres::Server;
use crate::support::TestApp;
use serde_json::{Value, json};
use std::time::Duration;
use vivavoce::clock;
use vivavoce::ids::InvitationId;
use vivavoce::store::{EndReason, SessionStep, sample};

fn wanted() -> Value {
    json!({"candidate_id": sample::CANDIDATE, "position_id": sample::POSITION})
}

#[tokio::test]
async fn an_invitation_leads_to_an_interview() {
    leads_to_an_interview(TestApp::with(&[("PUBLIC_APP_URL", "https://app.example/base/")]).await).await;
}

#[tokio::test]
async fn an_invitation_leads_to_an_interview_on_postgres() {
    let server = Server::shared();
    let url = server.database();
    let vars = [("PUBLIC_APP_URL", "https://app.example/base/"), ("DATABASE_URL", &url)];
    leads_to_an_interview(TestApp::with(&vars).await).await;
}

async fn leads_to_an_interview(app: TestApp) {
    let made = app.recruiter().post("/api/invitations", wanted()).await.ok(201);
    let token = made["token"].as_str().unwrap();
    assert!(
        token.len() == 64 && token.bytes().all(|b| b.is_ascii_hexdigit()),
        "{token}"
    );
    let url = format!("https://app.example/base/interview/join?token={token}");
    assert_eq!(made["invitation_url"], json!(url));
    assert!(made["expires_at"].as_str().unwrap().ends_with('Z'));

    let path = format!("/api/invitations/{}", made["id"].as_str().unwrap());
    assert_eq!(app.recruiter().get(&path).await.ok(200)["status"], json!("open"));

    let redeemed = app
        .anyone()
        .post("/api/invitations/redeem", json!({"token": token}))
        .await
        .ok(200);
    assert_eq!(redeemed["invitation_id"], made["id"]);
    let candidate = app.bearing(redeemed["access_token"].as_str().unwrap());
    let begin = json!({"invitation_id": made["id"]});
    let begun = candidate.post("/api/sessions", begin.clone()).await.ok(201);
    assert_eq!(begun["fly_app_url"], json!("https://app.example"));
    assert_eq!(begun["company"]["id"], json!(sample::TENANT));
    assert_eq!(begun["position"]["id"], json!(sample::POSITION));
    assert!(begun["position"]["title"].is_string() && begun["position"]["description"].is_string());
    assert_eq!(candidate.post("/api/sessions", begin.clone()).await.ok(200), begun);

    // A second device redeems the same token and finds the same session.
    let again = app
        .anyone()
        .post("/api/invitations/redeem", json!({"token": token}))
        .await
        .ok(200);
    let second = app.bearing(again["access_token"].as_str().unwrap());
    assert_eq!(second.post("/api/sessions", begin.clone()).await.ok(200), begun);
    let audited = app.app.store.audit_log(sample::TENANT, 10).await.unwrap();
    let redemptions = audited.iter().filter(|row| row.what == "invitation.redeemed").count();
    assert_eq!(redemptions, 2);

    let session = begun["session_id"].as_str().unwrap().parse().unwrap();
    let ended = SessionStep::Ended {
        at: clock::wall(),
        reason: EndReason::Candidate,
        technical_failure: None,
        recording_url: None,
    };
    app.app
        .store
        .session_step(sample::TENANT, session, &ended)
        .await
        .unwrap();
    app.anyone()
        .post("/api/invitations/redeem", json!({"token": token}))
        .await
        .problem(410);
    candidate.post("/api/sessions", begin).await.problem(410);
    assert_eq!(app.recruiter().get(&path).await.ok(200)["status"], json!("over"));
    app.stop().await;
}

#[tokio::test]
async fn an_expired_invitation_is_good_only_while_its_interview_goes_on() {
    let app = TestApp::start().await;
    let expired = app.invited_until(clock::wall() - Duration::from_secs(1)).await;
    let redeem = json!({"token": expired.token});
    let problem = app
        .anyone()
        .post("/api/invitations/redeem", redeem.clone())
        .await
        .problem(410);
    assert_eq!(problem["detail"], json!("The invitation has expired"));
    let candidate = app.candidate(&expired);
    let begin = json!({"invitation_id": expired.id});
    candidate.post("/api/sessions", begin.clone()).await.problem(410);
    let path = format!("/api/invitations/{}", expired.id);
    assert_eq!(app.recruiter().get(&path).await.ok(200)["status"], json!("expired"));

    app.session_of(expired.clone()).await;
    app.anyone().post("/api/invitations/redeem", redeem).await.ok(200);
    candidate.post("/api/sessions", begin).await.ok(200);
    app.stop().await;
}

#[tokio::test]
async fn values_that_cannot_be_are_named() {
    let app = TestApp::start().await;
    let recruiter = app.recruiter();
    let table = [
        ("expiration_hours", json!(0), "/expiration_hours"),
        ("expiration_hours", json!(721), "/expiration_hours"),
        ("expiration_hours", json!("48"), "/expiration_hours"),
        ("expiration_hours", json!(1.5), "/expiration_hours"),
        ("candidate_id", json!("me"), "/candidate_id"),
        ("position_id", Value::Null, "/position_id"),
        ("email", json!("nobody"), "/email"),
        ("email", json!("a\u{0}b@example.com"), "/email"),
        ("email", json!("x".repeat(300) + "@example.com"), "/email"),
    ];
    for (name, value, pointer) in table {
        let mut body = wanted();
        body[name] = value;
        recruiter.post("/api/invitations", body).await.invalid(pointer);
    }
    recruiter
        .post("/api/invitations", json!({}))
        .await
        .invalid("/candidate_id");
    for hours in [1, 720] {
        let mut body = wanted();
        body["expiration_hours"] = json!(hours);
        body["unknown"] = json!({"ignored": true});
        recruiter.post("/api/invitations", body).await.ok(201);
    }
    app.stop().await;
}

#[tokio::test]
async fn tokens_that_open_nothing_do_not_exist() {
    let app = TestApp::start().await;
    let zeros = "0".repeat(64);
    for token in ["", "x", zeros.as_str(), "../../etc/passwd"] {
        let answer = app
            .anyone()
            .post("/api/invitations/redeem", json!({"token": token}))
            .await;
        answer.problem(404);
    }
    app.anyone()
        .post("/api/invitations/redeem", json!({"token": 5}))
        .await
        .invalid("/token");
    app.anyone()
        .post("/api/invitations/redeem", json!({}))
        .await
        .invalid("/token");
    app.stop().await;
}

#[tokio::test]
async fn another_tenants_things_are_as_if_they_were_not() {
    let app = TestApp::start().await;
    let invited = app.other_invited().await;
    let theirs = app.recruiter().get(&format!("/api/invitations/{}", invited.id)).await;
    let nothing = app
        .recruiter()
        .get(&format!("/api/invitations/{}", InvitationId::new()))
        .await;
    assert_eq!(theirs.problem(404), nothing.problem(404));
    for (name, id) in [
        ("candidate_id", json!(sample::OTHER_CANDIDATE)),
        ("position_id", json!(sample::OTHER_POSITION)),
    ] {
        let mut body = wanted();
        body[name] = id;
        let theirs = app.recruiter().post("/api/invitations", body.clone()).await;
        body[name] = json!(InvitationId::new());
        let nothing = app.recruiter().post("/api/invitations", body).await;
        assert_eq!(theirs.problem(404), nothing.problem(404));
    }
    app.stop().await;
}

#[tokio::test]
async fn strangers_are_slowed_down() {
    let app = TestApp::with(&[("OPEN_CALLS_PER_MINUTE", "3")]).await;
    let token = json!({"token": "0".repeat(64)});
    for _ in 0..3 {
        app.anyone()
            .post("/api/invitations/redeem", token.clone())
            .await
            .problem(404);
    }
    let refused = app.anyone().post("/api/invitations/redeem", token.clone()).await;
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    refused.problem(429);
    // Off Fly, a header that anybody can send changes nothing.
    let headers = [("fly-client-ip", "203.0.113.7")];
    app.anyone()
        .post_with("/api/invitations/redeem", &headers, token)
        .await
        .problem(429);
    // Who has a token is not counted among them.
    app.recruiter().get("/api/sessions").await.ok(200);
    app.stop().await;
}

#[tokio::test]
async fn on_fly_each_client_has_its_own_share() {
    let app = TestApp::with(&[("OPEN_CALLS_PER_MINUTE", "1"), ("FLY_APP_NAME", "viva")]).await;
    let token = json!({"token": "0".repeat(64)});
    for (client, status) in [
        ("203.0.113.7", 404),
        ("203.0.113.7", 429),
        ("203.0.113.8", 404),
        ("2001:db8::1", 404),
    ] {
        let headers = [("fly-client-ip", client)];
        let answer = app
            .anyone()
            .post_with("/api/invitations/redeem", &headers, token.clone())
            .await;
        answer.problem(status);
    }
    app.stop().await;
}
