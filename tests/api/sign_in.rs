//! Signing in by a link, staying signed in, and what gets nobody in.

use crate::mail::{Post, app};
use serde_json::{Value, json};
use vivavoce::store::sample;

/// The token of the link in a letter.
fn token(letter: &Value) -> String {
    let text = letter["text"].as_str().unwrap();
    let (_, rest) = text.split_once("https://app.example/sign-in#token=").expect(text);
    rest.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_recruiter_signs_in_by_a_link_and_stays_signed_in() {
    let post = Post::start().await;
    let app = app(&post).await;
    let asked = json!({"email": sample::RECRUITER_EMAIL.to_uppercase()});
    let begun = app.anyone().post("/api/auth/magic-link", asked).await.ok(200);
    let letter = post.letters(1).await.remove(0);
    assert_eq!(letter["to"], json!([sample::RECRUITER_EMAIL]));
    let with = |browser_key: &Value| json!({"token": token(&letter), "browser_key": browser_key});

    // In another browser it opens nothing, and is good in its own all the same.
    app.anyone()
        .post("/api/auth/verify", with(&json!("0".repeat(64))))
        .await
        .problem(410);
    let signed_in = app
        .anyone()
        .post("/api/auth/verify", with(&begun["browser_key"]))
        .await
        .ok(200);
    assert_eq!(signed_in["tenant_id"], json!(sample::TENANT));
    assert_eq!(signed_in["tenants"][0]["role"], json!("recruiter"));
    app.anyone()
        .post("/api/auth/verify", with(&begun["browser_key"]))
        .await
        .problem(410);

    let recruiter = app.bearing(signed_in["access_token"].as_str().unwrap());
    recruiter.get("/api/positions").await.ok(200);
    let kept = json!({"refresh_token": signed_in["refresh_token"]});
    let again = app.anyone().post("/api/auth/refresh", kept.clone()).await.ok(200);
    assert_ne!(again["refresh_token"], signed_in["refresh_token"]);
    app.bearing(again["access_token"].as_str().unwrap())
        .get("/api/positions")
        .await
        .ok(200);
    // Two tabs at once, or an answer that was lost.
    app.anyone().post("/api/auth/refresh", kept).await.ok(200);

    let other = json!({"refresh_token": again["refresh_token"], "tenant_id": sample::OTHER_TENANT});
    app.anyone().post("/api/auth/refresh", other).await.problem(401);
    let out = json!({"refresh_token": again["refresh_token"]});
    app.anyone().post("/api/auth/sign-out", out.clone()).await.ok(200);
    app.anyone().post("/api/auth/refresh", out).await.problem(401);
    app.stop().await;
}

#[tokio::test]
async fn an_unknown_address_is_answered_alike_and_gets_no_letter() {
    let post = Post::start().await;
    let app = app(&post).await;
    let ask = async |email: &str| {
        let answer = app.anyone().post("/api/auth/magic-link", json!({"email": email})).await;
        let mut body = answer.ok(200);
        assert_eq!(body["browser_key"].take().as_str().map(str::len), Some(64));
        body
    };
    let unknown = ask("nobody@larkfield.example").await;
    assert_eq!(ask(sample::RECRUITER_EMAIL).await, unknown);
    assert_eq!(post.letters(1).await[0]["to"], json!([sample::RECRUITER_EMAIL]));
    app.anyone()
        .post("/api/auth/magic-link", json!({"email": "x"}))
        .await
        .invalid("/email");
    for (path, body) in [
        ("/api/auth/verify", json!({"token": "x", "browser_key": "y"})),
        ("/api/auth/refresh", json!({"refresh_token": "x"})),
    ] {
        let status = app.anyone().post(path, body).await.status;
        assert!([401, 410].contains(&status.as_u16()), "{path}: {status}");
    }
    // Nobody's letter box is filled, whoever asks and from wherever.
    let mut refused = None;
    for _ in 0..10 {
        let answer = app
            .anyone()
            .post("/api/auth/magic-link", json!({"email": "nobody@larkfield.example"}))
            .await;
        refused = refused.or((answer.status == 429).then_some(answer));
    }
    let refused = refused.expect("it was refused");
    assert!(!refused.header("retry-after").is_empty());
    app.stop().await;
}
