//! Malformed, truncated, oversized, repeated and late: a clear answer each time, a counter that moves, a server that goes on.

use crate::support::{Answer, Person, TestApp};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vivavoce::store::sample;

const PATH: &str = "/api/invitations";
const JSON: (&str, &str) = ("content-type", "application/json");

async fn send(who: &Person, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    who.ask(Method::POST, PATH, headers, Some(body.to_vec())).await
}

#[tokio::test]
async fn bodies_that_are_none() {
    let app = TestApp::start().await;
    let recruiter = app.recruiter();
    let bodies: &[&[u8]] = &[
        b"",
        b"{",
        b"{\"candidate_id\":",
        b"not json",
        b"{\"candidate_id\":\"\xff\xfe\"}",
        b"\x00",
    ];
    for body in bodies {
        send(&recruiter, &[JSON], body).await.problem(400);
    }
    for body in [&b"[]"[..], b"null", b"5", b"\"x\""] {
        send(&recruiter, &[JSON], body).await.problem(422);
    }
    let deep = "[".repeat(100_000);
    send(&recruiter, &[JSON], deep.as_bytes()).await.problem(422);
    let counted = app.metric("vivavoce_http_requests_total{method=\"POST\",path=\"/api/invitations\",status=\"400\"}");
    assert!((counted - 6.0).abs() < f64::EPSILON, "{counted}");
    app.recruiter().get("/api/sessions").await.ok(200);
    app.stop().await;
}

#[tokio::test]
async fn types_that_are_not_taken() {
    let app = TestApp::start().await;
    let body = json!({"candidate_id": sample::CANDIDATE, "position_id": sample::POSITION}).to_string();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
        "json",
        "",
    ] {
        let answer = send(&app.recruiter(), &[("content-type", kind)], body.as_bytes()).await;
        answer.problem(415);
    }
    send(&app.recruiter(), &[], body.as_bytes()).await.problem(415);
    for kind in [
        "application/json; charset=UTF-8",
        "Application/JSON",
        "application/merge-patch+json",
    ] {
        send(&app.recruiter(), &[("content-type", kind)], body.as_bytes())
            .await
            .ok(201);
    }
    app.stop().await;
}

#[tokio::test]
async fn what_is_too_large() {
    let app = TestApp::start().await;
    let padded = format!("{{\"pad\":\"{}\"}}", "x".repeat(300 * 1024));
    send(&app.recruiter(), &[JSON], padded.as_bytes()).await.problem(413);
    let within = format!("{{\"pad\":\"{}\"}}", "x".repeat(200 * 1024));
    send(&app.recruiter(), &[JSON], within.as_bytes())
        .await
        .invalid("/candidate_id");

    let long = "x".repeat(17 * 1024);
    app.anyone()
        .get_with("/healthz", &[("x-long", &long)])
        .await
        .problem(431);
    let many: Vec<(String, &str)> = (0..80).map(|n| (format!("x-{n}"), "1")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    app.anyone().get_with("/healthz", &many).await.problem(431);
    app.anyone().get(&format!("/healthz?{long}")).await.problem(431);
    app.stop().await;
}

#[tokio::test]
async fn addresses_and_methods_that_are_not() {
    let app = TestApp::start().await;
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/sessions/",
        "/nothing/at/all",
        "/.env",
        "/assets/../../Cargo.toml",
    ] {
        app.anyone().get(path).await.problem(404);
    }
    app.anyone()
        .ask(Method::PUT, "/assets/x.js", &[], None)
        .await
        .problem(405);
    let answer = app.recruiter().ask(Method::DELETE, "/api/sessions", &[], None).await;
    answer.problem(405);
    assert!(
        answer.header("allow").contains("GET") && answer.header("allow").contains("POST"),
        "{answer:?}"
    );
    app.anyone().get("/api/invitations/redeem").await.problem(405);
    app.stop().await;
}

#[tokio::test]
async fn connections_that_misbehave() {
    let app = TestApp::start().await;
    let address = app.base.strip_prefix("http://").unwrap().to_owned();
    let head = "POST /api/invitations/redeem HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let requests = [
        "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        format!("{head}content-length: 1000\r\n\r\n{{\"token\":"),
        format!("{head}content-length: -1\r\n\r\n"),
        format!("{head}content-length: 5\r\ncontent-length: 6\r\n\r\nabcde"),
        format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n"),
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(500_000)),
        "GET /healthz HTTP/1.1\r\nhost: x\r\nx\u{0}y: 1\r\n\r\n".to_owned(),
    ];
    for request in requests {
        let answer = raw(&address, request.as_bytes()).await;
        let status = answer.get(9..12).unwrap_or_default().to_owned();
        assert!(
            matches!(status.as_str(), "" | "400" | "431" | "505"),
            "{request:.60?} got {answer:.60?}"
        );
    }
    app.anyone().get("/healthz").await.ok(200);
    app.stop().await;
}

/// Sends bytes, ends the sending side, and reads what comes back.
async fn raw(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    _ = stream.write_all(bytes).await; // the server may have closed already: that is an answer too
    _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut answer)).await;
    _ = read.expect("the server closes what it cannot read");
    String::from_utf8_lossy(&answer).into_owned()
}
