//! Health, readiness, metrics, pages, headers, other origins.

use crate::support::TestApp;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn health_and_readiness_are_told() {
    let app = TestApp::start().await;
    assert_eq!(app.anyone().get("/healthz").await.ok(200)["status"], json!("ok"));
    let ready = app.anyone().get("/readyz").await;
    assert_eq!(ready.ok(200)["phase"], json!("ready"));
    assert!(!ready.text().contains("127.0.0.1"), "it names a host");
    app.stop().await;
}

#[tokio::test]
async fn without_its_database_it_is_alive_and_lets_nobody_in() {
    let vars = [("DATABASE_URL", "postgres://nobody:secret-word@127.0.0.1:9/nothing")];
    let app = TestApp::builder(&vars).expecting_faults().start().await;
    app.anyone().get("/healthz").await.ok(200);
    let ready = app.anyone().get("/readyz").await;
    assert_eq!(ready.ok(503)["phase"], json!("starting"));
    assert!(!ready.text().contains("127.0.0.1") && !ready.text().contains("secret"));
    let refused = app.recruiter().get("/api/sessions").await;
    refused.problem(503);
    assert_eq!(refused.header("retry-after"), "1");
    app.stop().await;
}

#[tokio::test]
async fn metrics_are_public_only_under_their_token() {
    let closed = TestApp::start().await;
    closed.anyone().get("/metrics").await.problem(404);
    closed.bearing("a-token-of-metrics").get("/metrics").await.problem(404);
    closed.stop().await;

    let app = TestApp::with(&[("METRICS_TOKEN", "a-token-of-metrics")]).await;
    app.anyone().get("/metrics").await.problem(404);
    app.bearing("another-token-of-metrics")
        .get("/metrics")
        .await
        .problem(404);
    app.recruiter().get("/metrics").await.problem(404);
    let answer = app.bearing("a-token-of-metrics").get("/metrics").await;
    assert_eq!(answer.status, 200);
    for name in [
        "vivavoce_turn_latency_seconds_count 0",
        "vivavoce_rtp_packets_total{leg=\"candidate\",direction=\"in\"} 0",
        "vivavoce_datagrams_dropped_total{reason=\"stranger\"} 0",
        "vivavoce_speech_held_seconds_total{leg=\"ai\"} 0.0",
        "vivavoce_http_requests_total{method=\"GET\",path=\"/metrics\",status=\"404\"} 3",
    ] {
        assert!(answer.text().contains(name), "{name} is missing of\n{}", answer.text());
    }
    app.stop().await;
}

#[tokio::test]
async fn no_id_is_ever_a_label() {
    let app = TestApp::start().await;
    let (session, candidate) = app.session().await;
    candidate.get(&format!("/api/sessions/{session}")).await.ok(200);
    candidate.get(&format!("/{session}")).await.problem(404);
    let odd = Method::from_bytes(b"BREW").unwrap();
    candidate
        .ask(odd, &format!("/api/sessions/{session}"), &[], None)
        .await
        .problem(405);
    let text = app.app.metrics.text().unwrap();
    assert!(!text.contains(&session.to_string()) && !text.contains("BREW"), "{text}");
    assert!(text.contains("path=\"/api/sessions/{id}\""));
    app.stop().await;
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let app = TestApp::start().await;
    for path in ["/healthz", "/api/nothing", "/docs", "/api/sessions", "/interview/join"] {
        let answer = app.anyone().get(path).await;
        let policy = answer.header("content-security-policy").to_owned();
        assert!(
            policy.contains("default-src 'self'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(answer.header("permissions-policy").contains("microphone=(self)"));
        assert!(!answer.header("cache-control").is_empty());
    }
    let docs = app.anyone().get("/docs").await;
    for inline in ["<script", "<style", " style=", "onclick"] {
        assert!(!docs.text().contains(inline), "{inline}");
    }
    assert!(docs.text().contains("POST /api/invitations"));
    app.anyone().get("/docs/errors/nothing").await.problem(404);
    let page = app.anyone().get("/docs/errors/gone").await;
    assert!(page.status == 200 && page.text().contains("<h1>This is over (410)</h1>"));
    app.stop().await;
}

#[tokio::test]
async fn other_origins_call_only_where_they_are_allowed() {
    let vars = [
        ("ALLOWED_ORIGINS", "https://pages.example"),
        ("PUBLIC_APP_URL", "https://app.example"),
    ];
    let app = TestApp::with(&vars).await;
    let preflight = async |origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        app.anyone().ask(Method::OPTIONS, "/api/sessions", &headers, None).await
    };
    for origin in ["https://pages.example", "https://app.example"] {
        let answer = preflight(origin).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert!(answer.header("access-control-allow-headers").contains("Authorization"));
        let answer = app.recruiter().get_with("/api/sessions", &[("origin", origin)]).await;
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        for exposed in ["Location", "ETag", "Link"] {
            assert!(answer.header("access-control-expose-headers").contains(exposed));
        }
    }
    for origin in [
        "https://evil.example",
        "null",
        "https://pages.example.evil.example",
        "http://pages.example",
    ] {
        let answer = preflight(origin).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        let answer = app.recruiter().get_with("/api/sessions", &[("origin", origin)]).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
    app.stop().await;
}
