//! Interviews as the API shows them.

use crate::support::TestApp;
use serde_json::json;
use vivavoce::ids::{InvitationId, SessionId};
use vivavoce::store::{EndReason, SessionStep, sample};

#[tokio::test]
async fn a_session_is_seen_by_its_own_people_alone() {
    let app = TestApp::start().await;
    let (session, candidate) = app.session().await;
    let (_, other_candidate) = app.session().await;
    let (_, stranger) = app.session_of(app.other_invited().await).await;
    let path = format!("/api/sessions/{session}");
    let seen = app.recruiter().get(&path).await.ok(200);
    assert_eq!(seen["session_id"], json!(session));
    assert_eq!(seen["status"], json!("created"));
    assert_eq!(seen["legs"], json!({"candidate": "none", "ai": "none"}));
    assert_eq!(seen["technical_failure"], json!(null));
    assert_eq!(seen["transcript_entries"], json!(0));
    assert_eq!(candidate.get(&path).await.ok(200), seen);

    let nothing = app
        .recruiter()
        .get(&format!("/api/sessions/{}", SessionId::new()))
        .await
        .problem(404);
    for person in [&app.other_recruiter(), &other_candidate, &stranger] {
        assert_eq!(person.get(&path).await.problem(404), nothing);
        assert_eq!(person.get(&format!("{path}/transcript")).await.problem(404), nothing);
        assert_eq!(
            person.post(&format!("{path}/complete"), json!({})).await.problem(404),
            nothing
        );
    }
    assert_eq!(
        app.recruiter().get("/api/sessions/not-an-id").await.problem(404),
        nothing
    );
    app.stop().await;
}

#[tokio::test]
async fn a_candidate_begins_only_what_they_were_invited_to() {
    let app = TestApp::start().await;
    let (mine, theirs) = (app.invited().await, app.invited().await);
    let candidate = app.candidate(&mine);
    for id in [theirs.id, app.other_invited().await.id, InvitationId::new()] {
        candidate
            .post("/api/sessions", json!({"invitation_id": id}))
            .await
            .problem(404);
    }
    candidate
        .post("/api/sessions", json!({"invitation_id": "x"}))
        .await
        .invalid("/invitation_id");
    app.stop().await;
}

#[tokio::test]
async fn lists_come_in_pages() {
    let app = TestApp::start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(json!(app.session().await.0));
    }
    let (own, candidate) = app.session().await;
    app.session_of(app.other_invited().await).await;
    made.push(json!(own));
    made.reverse();

    let mut seen = Vec::new();
    let mut path = "/api/sessions?limit=4".to_owned();
    loop {
        let page = app.recruiter().get(&path).await.ok(200);
        seen.extend(
            page["sessions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["session_id"].clone()),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/sessions?limit=4&after={next}");
    }
    assert_eq!(seen, made);

    let mine = candidate.get("/api/sessions").await.ok(200);
    assert_eq!(mine["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(mine["sessions"][0]["session_id"], json!(own));
    for query in ["limit=0", "limit=101", "limit=x", "after=x"] {
        app.recruiter()
            .get(&format!("/api/sessions?{query}"))
            .await
            .problem(400);
    }
    app.stop().await;
}

#[tokio::test]
async fn consent_is_stored_with_the_session() {
    let app = TestApp::start().await;
    let (session, candidate) = app.session().await;
    let path = format!("/api/sessions/{session}/consent");
    for given in [true, false] {
        let said = json!({"version": "2026-11", "given": given});
        assert_eq!(candidate.post(&path, said.clone()).await.ok(200), said);
        let kept = app
            .app
            .store
            .consent_of(sample::TENANT, session)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((kept.version.as_str(), kept.given), ("2026-11", given));
    }
    candidate
        .post(&path, json!({"version": "", "given": true}))
        .await
        .invalid("/version");
    candidate.post(&path, json!({"version": "1"})).await.invalid("/given");
    candidate
        .post(&path, json!({"version": "1", "given": "yes"}))
        .await
        .invalid("/given");
    app.stop().await;
}

#[tokio::test]
async fn an_interview_completes_once_and_answers_the_same() {
    let app = TestApp::start().await;
    let (session, candidate) = app.session().await;
    let path = format!("/api/sessions/{session}/complete");
    candidate
        .post(&path, json!({"recordingUrl": "http://video.example/1"}))
        .await
        .invalid("/recordingUrl");
    candidate
        .post(&path, json!({"recordingUrl": "javascript:alert(1)"}))
        .await
        .invalid("/recordingUrl");
    let expected = json!({"success": true, "session_id": session, "status": "completed"});
    // The seed's code sends Content-Type and no body.
    let headers = [("content-type", "application/json")];
    let empty = candidate.ask(reqwest::Method::POST, &path, &headers, None).await;
    assert_eq!(empty.ok(200), expected);
    let with = json!({"recordingUrl": "https://video.example/1"});
    assert_eq!(candidate.post(&path, with).await.ok(200), expected);
    assert_eq!(app.recruiter().post(&path, json!({})).await.ok(200), expected);
    let seen = app.recruiter().get(&format!("/api/sessions/{session}")).await.ok(200);
    assert_eq!(seen["status"], json!("completed"));
    assert_eq!(seen["end_reason"], json!("candidate"));
    assert_eq!(seen["recording_url"], json!("https://video.example/1"));
    let offer = json!({"sessionId": session, "sdpOffer": "v=0\r\n"});
    candidate.post("/api/sdp-exchange", offer).await.problem(410);
    app.stop().await;
}

#[tokio::test]
async fn an_interview_that_failed_answers_complete_in_the_contracts_word_and_stays_failed() {
    let app = TestApp::start().await;
    let (session, candidate) = app.session().await;
    let failed = SessionStep::Ended {
        at: vivavoce::clock::wall(),
        reason: EndReason::Failed,
        technical_failure: Some("media".into()),
        recording_url: None,
    };
    app.app
        .store
        .session_step(sample::TENANT, session, &failed)
        .await
        .unwrap();
    let expected = json!({"success": true, "session_id": session, "status": "completed"});
    for person in [&candidate, &app.recruiter()] {
        let answer = person
            .post(&format!("/api/sessions/{session}/complete"), json!({}))
            .await;
        assert_eq!(answer.ok(200), expected);
    }
    let seen = app.recruiter().get(&format!("/api/sessions/{session}")).await.ok(200);
    assert_eq!(
        (&seen["status"], &seen["technical_failure"]),
        (&json!("failed"), &json!("media"))
    );
    app.stop().await;
}
