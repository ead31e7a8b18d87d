//! Positions and candidates: made, listed, changed, and what is refused of them. On both databases.

use crate::postgres::Server;
use crate::support::TestApp;
use serde_json::{Value, json};
use vivavoce::ids::{CandidateId, InvitationId, PositionId};
use vivavoce::store::sample;

#[tokio::test]
async fn a_position_is_made_and_changed() {
    made_and_changed(TestApp::start().await).await;
}

#[tokio::test]
async fn a_position_is_made_and_changed_on_postgres() {
    let server = Server::shared();
    let url = server.database();
    made_and_changed(TestApp::with(&[("DATABASE_URL", &url)]).await).await;
}

async fn made_and_changed(app: TestApp) {
    let recruiter = app.recruiter();
    let plan = json!([{"question": "Why?", "follow_ups": ["And why not?"], "patience_s": 20, "rubric": "Says why."},
                      {"question": "How?"}]);
    let wanted = json!({"title": "Smith", "description": "Iron.\nFire.", "language": "de-CH", "voice": "cedar",
                        "max_minutes": 40, "plan": plan, "instructions": "Be brief.", "unknown": 1});
    let made = recruiter.post("/api/positions", wanted).await.ok(201);
    assert_eq!(made["plan"][0]["patience_s"], json!(20));
    assert_eq!(
        made["plan"][1],
        json!({"question": "How?", "follow_ups": [], "patience_s": 8, "rubric": ""})
    );
    let path = format!("/api/positions/{}", made["id"].as_str().unwrap());
    assert_eq!(recruiter.get(&path).await.ok(200), made);

    let mut expected = made.clone();
    expected["title"] = json!("Blacksmith");
    expected["max_minutes"] = json!(20);
    let patch = json!({"title": "Blacksmith", "max_minutes": 20, "voice": null});
    assert_eq!(recruiter.patch(&path, patch).await.ok(200), expected);
    assert_eq!(recruiter.patch(&path, json!({})).await.ok(200), expected);

    // What is not said is ordinary.
    let least = recruiter.post("/api/positions", json!({"title": "Cook"})).await.ok(201);
    for (field, value) in [
        ("language", json!("en")),
        ("voice", json!("marin")),
        ("max_minutes", json!(30)),
        ("plan", json!([])),
        ("description", json!("")),
        ("instructions", json!("")),
    ] {
        assert_eq!(least[field], value, "{field}");
    }
    let first = recruiter.get("/api/positions?limit=2").await.ok(200);
    assert_eq!(first["positions"], json!([least, expected]));
    let after = format!("/api/positions?after={}", first["next"].as_str().unwrap());
    let second = recruiter.get(&after).await.ok(200);
    assert_eq!(second["positions"][0]["id"], json!(sample::POSITION));
    assert_eq!(second["next"], Value::Null);

    // Another tenant's is as absent as what does not exist.
    let nothing = format!("/api/positions/{}", PositionId::new());
    let absent = app.other_recruiter().get(&nothing).await.problem(404);
    assert_eq!(app.other_recruiter().get(&path).await.problem(404), absent);
    assert_eq!(app.other_recruiter().patch(&path, json!({})).await.problem(404), absent);
    assert_eq!(
        recruiter.patch("/api/positions/x", json!({})).await.problem(404),
        absent
    );
    app.stop().await;
}

#[tokio::test]
async fn a_position_that_cannot_be_is_refused_by_its_field() {
    let app = TestApp::start().await;
    let question = json!({"question": "Why?"});
    let with = |field: &str, value: Value| json!({"question": "Why?", field: value});
    let table = [
        ("title", json!(""), "/title"),
        ("title", json!("a\u{0}b"), "/title"),
        ("title", json!("x".repeat(201)), "/title"),
        ("description", json!("x".repeat(8_001)), "/description"),
        ("language", json!("english please"), "/language"),
        ("voice", json!(" "), "/voice"),
        ("max_minutes", json!(0), "/max_minutes"),
        ("max_minutes", json!(59), "/max_minutes"),
        ("max_minutes", json!(-1), "/max_minutes"),
        ("max_minutes", json!("ten"), "/max_minutes"),
        ("instructions", json!("x".repeat(8_001)), "/instructions"),
        ("plan", json!(vec![question; 41]), "/plan"),
        ("plan", json!([{"question": " "}]), "/plan/0/question"),
        ("plan", json!([{}]), "/plan/0/question"),
        (
            "plan",
            json!([with("rubric", json!("x".repeat(2_001)))]),
            "/plan/0/rubric",
        ),
        ("plan", json!([with("patience_s", json!(121))]), "/plan/0/patience_s"),
        (
            "plan",
            json!([with("follow_ups", json!(vec!["x"; 9]))]),
            "/plan/0/follow_ups",
        ),
        (
            "plan",
            json!([with("follow_ups", json!(["a", ""]))]),
            "/plan/0/follow_ups/1",
        ),
    ];
    let path = format!("/api/positions/{}", sample::POSITION);
    let before = app.recruiter().get(&path).await.ok(200);
    for (field, value, pointer) in table {
        let mut wanted = json!({"title": "Smith"});
        wanted[field] = value.clone();
        app.recruiter().post("/api/positions", wanted).await.invalid(pointer);
        app.recruiter()
            .patch(&path, json!({field: value}))
            .await
            .invalid(pointer);
    }
    app.recruiter()
        .post("/api/positions", json!({}))
        .await
        .invalid("/title");
    app.recruiter().get("/api/positions?limit=0").await.problem(400);
    app.recruiter().get("/api/positions?after=x").await.problem(400);
    assert_eq!(app.recruiter().get(&path).await.ok(200), before);
    app.stop().await;
}

#[tokio::test]
async fn a_candidate_is_made_and_changed() {
    let app = TestApp::start().await;
    let recruiter = app.recruiter();
    let wanted = json!({"name": "Ada <b>Lovelace</b>", "email": "ada@candidates.example"});
    let made = recruiter.post("/api/candidates", wanted.clone()).await.ok(201);
    let path = format!("/api/candidates/{}", made["id"].as_str().unwrap());
    assert_eq!(recruiter.get(&path).await.ok(200), made);
    let changed = recruiter
        .patch(&path, json!({"email": "ada@new.example"}))
        .await
        .ok(200);
    assert_eq!(changed["name"], made["name"]);
    assert_eq!(changed["email"], json!("ada@new.example"));
    let listed = recruiter.get("/api/candidates").await.ok(200);
    assert_eq!(listed["candidates"][0], changed);
    assert_eq!(listed["candidates"][1]["id"], json!(sample::CANDIDATE));
    assert_eq!(listed["next"], Value::Null);

    // Whoever asks twice with one key has made one.
    let keyed = async || {
        recruiter
            .post_with("/api/candidates", &[("idempotency-key", "k")], wanted.clone())
            .await
            .ok(201)
    };
    assert_eq!(keyed().await, keyed().await);

    let nothing = format!("/api/candidates/{}", CandidateId::new());
    let absent = app.other_recruiter().get(&nothing).await.problem(404);
    assert_eq!(app.other_recruiter().get(&path).await.problem(404), absent);
    assert_eq!(app.other_recruiter().patch(&path, json!({})).await.problem(404), absent);
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("a\nb")),
        ("email", json!("nobody")),
        ("email", json!("a@b.example\r\nBcc: c@d.example")),
    ] {
        let mut wanted = wanted.clone();
        wanted[field] = value.clone();
        let pointer = format!("/{field}");
        recruiter.post("/api/candidates", wanted).await.invalid(&pointer);
        recruiter.patch(&path, json!({field: value})).await.invalid(&pointer);
    }
    app.stop().await;
}

#[tokio::test]
async fn an_invitation_that_is_taken_back_opens_nothing() {
    let app = TestApp::start().await;
    let recruiter = app.recruiter();
    let invited = app.invited().await;
    let path = format!("/api/invitations/{}", invited.id);
    for _ in 0..2 {
        let revoked = recruiter.post(&format!("{path}/revoke"), json!({})).await.ok(200);
        assert_eq!(revoked["status"], json!("revoked"));
    }
    let token = json!({"token": invited.token});
    app.anyone().post("/api/invitations/redeem", token).await.problem(410);
    let begin = json!({"invitation_id": invited.id});
    app.candidate(&invited).post("/api/sessions", begin).await.problem(410);
    let audited = app.app.store.audit_log(sample::TENANT, 10).await.unwrap();
    assert!(audited.iter().any(|row| row.what == "invitation.revoked"));

    let nothing = format!("/api/invitations/{}/revoke", InvitationId::new());
    let absent = recruiter.post(&nothing, json!({})).await.problem(404);
    let theirs = app.other_recruiter().post(&format!("{path}/revoke"), json!({})).await;
    assert_eq!(theirs.problem(404), absent);

    // One whose interview is over stays as it was.
    let (session, candidate) = app.session().await;
    let done = candidate
        .post(&format!("/api/sessions/{session}/complete"), json!({}))
        .await;
    done.ok(200);
    let listed = recruiter.get("/api/invitations").await.ok(200);
    assert_eq!(listed["invitations"][0]["status"], json!("over"));
    assert_eq!(listed["invitations"][1]["status"], json!("revoked"));
    let over = format!(
        "/api/invitations/{}/revoke",
        listed["invitations"][0]["id"].as_str().unwrap()
    );
    recruiter.post(&over, json!({})).await.problem(409);
    app.stop().await;
}
