//! The OpenAPI document, as it was last looked at: `tests/api/openapi.json`.

use crate::support::TestApp;
use serde_json::Value;
use std::path::Path;

/// `UPDATE_SNAPSHOTS=1 cargo test --test api openapi` writes it anew.
#[tokio::test]
async fn the_document_is_the_one_that_was_looked_at() {
    let app = TestApp::start().await;
    let served = app.anyone().get("/api/openapi.json").await;
    let document = served.ok(200);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/openapi.json");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, format!("{}\n", served.text())).unwrap();
    }
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(
        document == kept,
        "the API changed; look at it: UPDATE_SNAPSHOTS=1 cargo test --test api openapi"
    );
    app.stop().await;
}

#[tokio::test]
async fn each_operation_says_who_may_call_and_how_it_fails() {
    let app = TestApp::start().await;
    let document = app.anyone().get("/api/openapi.json").await.ok(200);
    assert_eq!(document["openapi"], "3.1.0");
    // The socket's token travels in its first message.
    let open = [
        "/healthz",
        "/readyz",
        "/api/invitations/redeem",
        "/ws",
        "/api/auth/magic-link",
        "/api/auth/verify",
        "/api/auth/refresh",
        "/api/auth/sign-out",
    ];
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            let secured = operation["security"].is_array();
            assert_eq!(secured, !open.contains(&path.as_str()) && method != "options", "{what}");
            assert!(
                operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                "{what} has no summary"
            );
            let problem = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"];
            assert_eq!(problem["$ref"], "#/components/schemas/Problem", "{what}");
        }
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for part in text.split("\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(
            document["components"]["schemas"][name].is_object(),
            "{name} is referred to and not there"
        );
    }
    app.stop().await;
}
