//! `Idempotency-Key`: one thing is made, however often it is asked for.

use crate::postgres::Server;
use crate::support::TestApp;
use serde_json::{Value, json};
use vivavoce::store::sample;

fn wanted(hours: u32) -> Value {
    json!({"candidate_id": sample::CANDIDATE, "position_id": sample::POSITION, "expiration_hours": hours})
}

const PATH: &str = "/api/invitations";

#[tokio::test]
async fn the_first_answer_comes_again() {
    comes_again(TestApp::start().await).await;
}

#[tokio::test]
async fn the_first_answer_comes_again_on_postgres() {
    let server = Server::shared();
    comes_again(TestApp::with(&[("DATABASE_URL", &server.database())]).await).await;
}

async fn comes_again(app: TestApp) {
    let recruiter = app.recruiter();
    let first = recruiter
        .post_with(PATH, &[("idempotency-key", "one")], wanted(48))
        .await
        .ok(201);
    let again = recruiter
        .post_with(PATH, &[("idempotency-key", "\"one\"")], wanted(48))
        .await
        .ok(201);
    assert_eq!(first, again);
    recruiter
        .post_with(PATH, &[("idempotency-key", "one")], wanted(24))
        .await
        .problem(422);
    let other_key = recruiter
        .post_with(PATH, &[("idempotency-key", "two")], wanted(48))
        .await
        .ok(201);
    assert_ne!(other_key["id"], first["id"]);
    let none = recruiter.post(PATH, wanted(48)).await.ok(201);
    assert_ne!(none["id"], first["id"]);

    // Another caller's key of the same name is another key.
    let other = json!({"candidate_id": sample::OTHER_CANDIDATE, "position_id": sample::OTHER_POSITION});
    let theirs = app
        .other_recruiter()
        .post_with(PATH, &[("idempotency-key", "one")], other)
        .await
        .ok(201);
    assert_ne!(theirs["id"], first["id"]);

    // A refusal that would be the same again is kept as well.
    let headers = [("idempotency-key", "bad")];
    let refused = recruiter.post_with(PATH, &headers, wanted(0)).await.problem(422);
    assert_eq!(
        recruiter.post_with(PATH, &headers, wanted(0)).await.problem(422),
        refused
    );
    app.stop().await;
}

#[tokio::test]
async fn of_many_at_once_one_makes_it() {
    let app = TestApp::start().await;
    let asks = (0..8).map(|_| {
        let recruiter = app.recruiter();
        async move {
            recruiter
                .post_with(PATH, &[("idempotency-key", "race")], wanted(48))
                .await
        }
    });
    let answers = futures_util::future::join_all(asks).await;
    let mut made = Vec::new();
    for answer in answers {
        match answer.status.as_u16() {
            201 => made.push(answer.ok(201)["id"].clone()),
            409 => assert_eq!(answer.header("retry-after"), "1"),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    made.dedup();
    assert_eq!(made.len(), 1, "{made:?}");
    app.stop().await;
}

#[tokio::test]
async fn keys_that_are_none_are_refused_and_strangers_keep_nothing() {
    let app = TestApp::start().await;
    let long = "x".repeat(256);
    for key in ["", "\"\"", long.as_str()] {
        let headers = [("idempotency-key", key)];
        app.recruiter().post_with(PATH, &headers, wanted(48)).await.problem(400);
    }
    let headers = [("idempotency-key", "one")];
    app.anyone().post_with(PATH, &headers, wanted(48)).await.problem(401);
    app.recruiter().post_with(PATH, &headers, wanted(48)).await.ok(201);
    app.stop().await;
}

#[tokio::test]
async fn a_session_is_begun_once() {
    let app = TestApp::start().await;
    let invited = app.invited().await;
    let candidate = app.candidate(&invited);
    let begin = json!({"invitation_id": invited.id});
    let headers = [("idempotency-key", "begin")];
    let first = candidate
        .post_with("/api/sessions", &headers, begin.clone())
        .await
        .ok(201);
    assert_eq!(
        candidate
            .post_with("/api/sessions", &headers, begin.clone())
            .await
            .ok(201),
        first
    );
    assert_eq!(candidate.post("/api/sessions", begin).await.ok(200), first);
    app.stop().await;
}
