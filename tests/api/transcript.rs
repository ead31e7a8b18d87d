//! The transcript: three forms, and what a browser posts about it.

use crate::support::{Person, TestApp};
use serde_json::{Value, json};
use std::time::Duration;
use vivavoce::ids::SessionId;
use vivavoce::store::Speaker::{Ai, Candidate};

async fn post(who: &Person, session: SessionId, speaker: &str, text: &str, at: &str) -> Value {
    let said = json!({"sessionId": session, "speaker": speaker, "text": text, "timestamp": at});
    let answer = who.post("/api/transcript", said).await.ok(200);
    assert_eq!(answer["success"], json!(true));
    answer["id"].clone()
}

#[tokio::test]
async fn it_is_read_in_three_forms() {
    let app = TestApp::start().await;
    let (session, candidate) = app.session().await;
    let ids = app
        .tapped(session, &[(Ai, "Welcome <all>."), (Candidate, "Thank you.")])
        .await;
    let path = format!("/api/sessions/{session}/transcript");
    let read = app.recruiter().get(&path).await.ok(200);
    assert_eq!(candidate.get(&format!("{path}?format=json")).await.ok(200), read);
    let entries = read["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["id"], json!(ids[0]));
    assert_eq!(entries[0]["speaker"], json!("ai"));
    assert_eq!(entries[0]["sequence_number"], json!(1));
    assert_eq!(entries[1]["text"], json!("Thank you."));

    let text = app.recruiter().get_with(&path, &[("accept", "text/plain")]).await;
    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(
        text.text(),
        "[00:00:00] Interviewer: Welcome <all>.\n[00:00:00] Candidate: Thank you.\n"
    );
    let vtt = app.recruiter().get(&format!("{path}?format=vtt")).await;
    assert_eq!(vtt.header("content-type"), "text/vtt; charset=utf-8");
    assert!(vtt.text().starts_with("WEBVTT\n") && vtt.text().contains("<v Interviewer>Welcome &lt;all&gt;."));
    assert!(vtt.header("vary").contains("Accept") || vtt.headers.get_all("vary").iter().any(|v| v == "Accept"));

    app.recruiter()
        .get_with(&path, &[("accept", "text/html")])
        .await
        .problem(406);
    app.recruiter().get(&format!("{path}?format=pdf")).await.problem(406);
    app.stop().await;
}

#[tokio::test]
async fn what_the_tap_has_is_stored_once() {
    let app = TestApp::start().await;
    let (session, candidate) = app.session().await;
    let said = [
        (Ai, "Tell me about yourself."),
        (Candidate, "I write  software\nin Rust."),
    ];
    let ids = app.tapped(session, &said).await;
    let at = "2026-11-24T10:00:00.000Z";
    for (speaker, text, id) in [
        ("ai", "Tell me about yourself.", ids[0]),
        ("ai", " about your", ids[0]),
        ("candidate", "I write software in Rust.", ids[1]),
    ] {
        assert_eq!(post(&candidate, session, speaker, text, at).await, json!(id), "{text}");
    }
    let path = format!("/api/sessions/{session}/transcript?reported=true");
    let all = app.recruiter().get(&path).await.ok(200);
    assert_eq!(all["entries"].as_array().unwrap().len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn what_the_tap_has_not_is_kept_apart() {
    let app = TestApp::start().await;
    let (session, candidate) = app.session().await;
    let ids = app.tapped(session, &[(Ai, "Hello."), (Candidate, "Hello too.")]).await;
    let path = format!("/api/sessions/{session}/transcript");
    let before = app.recruiter().get(&path).await.ok(200);
    let at = vivavoce::clock::rfc3339_ms(vivavoce::clock::wall());
    // The words of one speaker are not the other's.
    let first = post(&candidate, session, "candidate", "Hello.", &at).await;
    assert!(!ids.iter().any(|id| json!(id) == first));
    assert_eq!(
        post(&candidate, session, "candidate", "Hello.", &at).await,
        first,
        "said twice, there once"
    );
    let invented = post(&candidate, session, "ai", "You are hired!", &at).await;
    assert_ne!(invented, first);

    app.app.journal.flush(Duration::from_secs(10)).await.unwrap();
    assert_eq!(
        app.recruiter().get(&path).await.ok(200),
        before,
        "the record is as it was"
    );
    let all = app.recruiter().get(&format!("{path}?reported=true")).await.ok(200);
    let sources: Vec<&Value> = all["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["source"])
        .collect();
    assert_eq!(sources, ["tap", "tap", "reported", "reported"]);
    let seen = app.recruiter().get(&format!("/api/sessions/{session}")).await.ok(200);
    assert_eq!(seen["transcript_entries"], json!(2));
    let counted = app.metric("vivavoce_transcript_entries_total{speaker=\"ai\",source=\"reported\"}");
    assert!((counted - 1.0).abs() < f64::EPSILON, "{counted}");
    app.stop().await;
}

#[tokio::test]
async fn reports_that_cannot_be_are_named() {
    let app = TestApp::start().await;
    let (session, candidate) = app.session().await;
    let said = json!({"sessionId": session, "speaker": "ai", "text": "x", "timestamp": "2026-11-24T10:00:00Z"});
    let table = [
        ("sessionId", json!("x"), "/sessionId"),
        ("speaker", json!("judge"), "/speaker"),
        ("text", json!("  "), "/text"),
        ("text", json!("x".repeat(17 * 1024)), "/text"),
        ("text", json!(5), "/text"),
        ("timestamp", json!("yesterday"), "/timestamp"),
        ("timestamp", json!(1_700_000_000), "/timestamp"),
    ];
    for (name, value, pointer) in table {
        let mut body = said.clone();
        body[name] = value;
        candidate.post("/api/transcript", body).await.invalid(pointer);
    }
    // Text that no database takes as it is, is kept without harm.
    let mut body = said.clone();
    body["text"] = json!("a\u{0}b \u{202e}c");
    candidate.post("/api/transcript", body).await.ok(200);
    let mut body = said;
    body["sessionId"] = json!(app.session().await.0);
    candidate.post("/api/transcript", body).await.problem(404);
    app.stop().await;
}
