//! `kill -9`, and what is found afterwards.

use crate::{
    house::{House, SOON},
    page::Page,
    postgres::Server,
    relay::Relay,
    stack::until,
};
use serde_json::{Value, json};
use std::time::Duration;
use vivavoce::store::{EndReason, SessionStatus};

/// What the listener may miss of a process's death, its restart or its being succeeded included.
pub const GAP_MS: u64 = 3_000;

/// An interview in which both have said something, and the interviewer speaks again.
pub async fn under_way(house: &House, relay: &Relay) -> Page {
    let seat = house.seat(&relay.base).await;
    let page = Page::open(&relay.base, &seat).await;
    page.hears_a_voice(0).await;
    page.types("Nineteen violets", "first").await;
    house.has(&seat, "Nineteen violets").await;
    let is_answered = |it: &Value| it["type"] == "caption" && it["speaker"] == "ai";
    let captions = page.messages().iter().filter(|it| is_answered(it)).count();
    until(SOON, "it is answered", async || {
        (page.messages().iter().filter(|it| is_answered(it)).count() > captions).then_some(())
    })
    .await;
    page.hears_a_voice(Page::now()).await;
    page
}

/// Back on whatever relay it comes to: heard again, with what had been said before it, once and in order.
pub async fn back(house: &House, page: &mut Page, welcomes: usize, before: &[(&'static str, String)]) -> u64 {
    page.welcomed(welcomes + 1).await;
    page.fresh_leg().await;
    let heard = page.hears_a_voice(0).await;
    let welcome = page.messages().into_iter().rfind(|it| it["type"] == "welcome").unwrap();
    assert_eq!(welcome["resumed"], true);
    assert!(
        page.messages()
            .iter()
            .any(|it| it["type"] == "renegotiate" && it["reason"] == "restored"),
        "a page that thinks its leg is there is told"
    );
    page.numbers_rise();
    // The new conversation has been told what was said before, and was not asked to greet.
    let calls = house.calls().await;
    let told: Vec<String> = calls.last().unwrap()["client_events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["event"]["type"] == "conversation.item.create")
        .map(|it| it["event"].to_string())
        .collect();
    // (What the interviewer said is told as far as it was heard.)
    for (_, words) in before.iter().filter(|(who, _)| *who == "candidate") {
        let times = told
            .iter()
            .filter(|item| item.contains(&json!(words).to_string()))
            .count();
        assert_eq!(times, 1, "{words:?} in {told:?}");
    }
    assert!(
        told.last()
            .is_some_and(|note| note.to_lowercase().contains("do not greet again")),
        "{told:?}"
    );
    // And the record goes on behind it.
    page.types("Twenty anchors", "second").await;
    house.has(page.seat(), "Twenty anchors").await;
    let said = house.said(page.seat()).await;
    assert!(said.starts_with(before), "{said:?} after {before:?}");
    for (_, words) in before {
        assert_eq!(said.iter().filter(|(_, said)| said == words).count(), 1, "{said:?}");
    }
    heard
}

/// What the database has once nothing more is on its way: what the relay has in its journal is drained within milliseconds.
pub async fn settled(house: &House, page: &Page) -> Vec<(&'static str, String)> {
    house.said(page.seat()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_killed_and_started_again_goes_on_with_the_interview() {
    let house = House::on_sqlite(json!({ "questions": 5 })).await;
    let [plan] = house.plans(&[]);
    let mut relay = plan.ready(&house.http).await;
    let mut page = under_way(&house, &relay).await;
    let (before, welcomes) = (settled(&house, &page).await, page.welcomes());
    let died = Page::now();
    relay.kill().await;
    let relay = plan.ready(&house.http).await;
    let gap = back(&house, &mut page, welcomes, &before).await - died;
    eprintln!("kill -9 and restart: heard again after {gap} ms");
    assert!(gap < GAP_MS, "{gap} ms");
    page.close().await;
    drop(relay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_killed_is_succeeded_by_another() {
    let server = Server::shared();
    let house = House::on_postgres(&server, json!({ "questions": 5 })).await;
    let [first, second] = house.plans(&[]);
    let (mut dying, heir) = (first.ready(&house.http).await, second.ready(&house.http).await);
    let mut page = under_way(&house, &dying).await;
    let (before, welcomes) = (settled(&house, &page).await, page.welcomes());
    let fence = house.lease(page.seat()).await.fence;
    let died = Page::now();
    dying.kill().await;
    page.go_to(&heir.base);
    let gap = back(&house, &mut page, welcomes, &before).await - died;
    eprintln!("kill -9 and a second process: heard again after {gap} ms");
    assert!(gap < GAP_MS, "{gap} ms");
    assert!(house.lease(page.seat()).await.fence > fence);
    page.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_living_owner_is_named_and_one_that_was_frozen_finds_its_session_gone() {
    use nix::sys::signal::Signal;
    let server = Server::shared();
    let house = House::on_postgres(&server, json!({ "questions": 5 })).await;
    let [first, second] = house.plans(&[]);
    let (frozen, heir) = (first.ready(&house.http).await, second.ready(&house.http).await);
    let mut page = under_way(&house, &frozen).await;
    // Whoever comes to the other is sent to where it lives.
    let invitation = house.session(page.seat()).await.invitation.to_string();
    let (status, begun) = house.begin(&heir.base, &page.seat().token, &json!(invitation)).await;
    assert_eq!((status, &begun["fly_app_url"]), (200, &json!(frozen.base)));
    let offer = json!({ "sessionId": page.seat().session, "sdpOffer": "v=0" });
    let (status, refused) = house
        .post(&format!("{}/api/sdp-exchange", heir.base), &page.seat().token, &offer)
        .await;
    assert_eq!(status, 409, "{refused}");
    let other = Page::socket_alone(&heir.base, page.seat());
    let moved = other.hears(SOON, "where it lives", |it| it["type"] == "moved").await;
    assert_eq!(moved["url"], json!(frozen.base));
    other.close_socket();

    let (before, welcomes) = (settled(&house, &page).await, page.welcomes());
    let stopped = Page::now();
    frozen.signal(Signal::SIGSTOP);
    page.go_to(&heir.base);
    page.drop_socket();
    let gap = back(&house, &mut page, welcomes, &before).await - stopped;
    eprintln!("a frozen process and a second one: heard again after {gap} ms");
    assert!(gap < GAP_MS, "{gap} ms");
    let said = house.said(page.seat()).await;
    let lease = house.lease(page.seat()).await;

    // It wakes, sees that it is not its own any more, and writes nothing.
    frozen.signal(Signal::SIGCONT);
    until(SOON, "it lets go", async || {
        frozen
            .log()
            .contains("another process has taken the session")
            .then_some(())
    })
    .await;
    until(SOON, "it has left", async || {
        frozen.log().contains("a session has left this process").then_some(())
    })
    .await;
    page.types("Thirty lanterns", "third").await;
    house.has(page.seat(), "Thirty lanterns").await;
    // Its heir's entries alone have come since; an answer stands before what was typed into it.
    let now = house.said(page.seat()).await;
    let mut rest = now.iter();
    assert!(
        said.iter().all(|one| rest.any(|other| other == one)),
        "{said:?} then {now:?}"
    );
    let mut once = now.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), now.len(), "{now:?}");
    assert_eq!(
        house.lease(page.seat()).await.fence,
        lease.fence,
        "it stays where it is"
    );
    assert_eq!(
        house.session(page.seat()).await.webrtc_status.as_deref(),
        Some("connected")
    );
    page.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interview_that_was_over_when_its_process_died_stays_over() {
    let house = House::on_sqlite(json!({ "questions": 5 })).await;
    let [plan] = house.plans(&[]);
    let mut relay = plan.ready(&house.http).await;
    let page = under_way(&house, &relay).await;
    let welcomes = page.welcomes();
    page.says(json!({ "type": "end" })).await;
    page.hears(SOON, "it is over", |it| it["type"] == "ended").await;
    relay.kill().await;
    let _relay = plan.ready(&house.http).await;
    // Whoever comes back is told so again, and no second conversation is begun.
    let again = until(SOON, "told again", async || {
        let ends: Vec<Value> = page.messages().into_iter().filter(|it| it["type"] == "ended").collect();
        (ends.len() >= 2).then(|| ends.last().cloned()).flatten()
    })
    .await;
    assert_eq!(again["reason"], "candidate");
    assert_eq!(page.welcomes(), welcomes);
    let session = house.session(page.seat()).await;
    assert_eq!(session.status, SessionStatus::Completed);
    assert_eq!(session.end_reason, Some(EndReason::Candidate));
    assert_eq!(house.calls().await.len(), 1);
    page.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interview_that_nobody_came_back_to_has_failed_for_its_true_reason() {
    let server = Server::shared();
    let house = House::on_postgres(&server, json!({ "questions": 5 })).await;
    let [plan] = house.plans(&[]);
    let mut relay = plan.ready(&house.http).await;
    let page = under_way(&house, &relay).await;
    let seat = page.seat().clone();
    relay.kill().await;
    page.close().await;
    // Hours pass.
    let database = house.database.rsplit('/').next().unwrap();
    server.sql(
        database,
        "UPDATE interview_sessions SET started_at = started_at - interval '3 hours'",
    );
    let relay = plan.ready(&house.http).await;
    let session = until(SOON, "it is ended", async || {
        let session = house.session(&seat).await;
        session.ended_at.is_some().then_some(session)
    })
    .await;
    assert_eq!(
        (session.status, session.end_reason),
        (SessionStatus::Failed, Some(EndReason::Failed))
    );
    let failure = session.technical_failure.unwrap();
    assert!(failure.starts_with("relay: "), "{failure}");
    let metrics = house.http.get(format!("{}/metrics", relay.base));
    let metrics = metrics
        .bearer_auth("a token of the tests for metrics")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        metrics.contains("vivavoce_technical_failures_total{cause=\"relay\"} 1"),
        "{metrics}"
    );
}

/// A page that does not speak of moving has the time that the sessions are waited for.
pub const HANDED_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_killed_in_the_goodbye_says_it_again_and_ends() {
    let house = House::on_sqlite(json!({ "questions": 1 })).await;
    let [plan] = house.plans(&[]);
    let mut relay = plan.ready(&house.http).await;
    let seat = house.seat(&relay.base).await;
    let mut page = Page::open(&relay.base, &seat).await;
    page.hears_a_voice(0).await;
    page.types("Nineteen violets", "first").await;
    let told = async |kind: &str| {
        let calls = house.calls().await;
        let items = calls.last()?["items"].as_array()?.clone();
        items
            .into_iter()
            .find(|it| it["type"] == kind && it["origin"] == "client")
    };
    let called = until(SOON, "the end is called for, and answered", async || {
        told("function_call_output").await
    })
    .await;
    until(SOON, "whoever comes next can know of it", async || {
        let (tenant, id) = (crate::stack::TENANT.parse().unwrap(), seat.session.parse().unwrap());
        let events = house.store.session_events(tenant, id).await.unwrap();
        events.iter().any(|event| event.what == "tool").then_some(())
    })
    .await;
    let welcomes = page.welcomes();
    relay.kill().await;
    let relay = plan.ready(&house.http).await;
    page.welcomed(welcomes + 1).await;
    page.fresh_leg().await;
    let back = Page::now();
    page.hears(SOON, "the end is told", |it| {
        it["type"] == "ended" && it["reason"] == "interviewer"
    })
    .await;
    eprintln!(
        "killed in the goodbye: ended {} ms after the leg was back",
        Page::now() - back
    );
    let again = told("function_call").await.expect("it is told which tool was called");
    assert_eq!(
        (&again["call_id"], &again["name"]),
        (&called["call_id"], &json!("end_session"))
    );
    until(SOON, "and stored", async || {
        (house.session(&seat).await.status == SessionStatus::Completed).then_some(())
    })
    .await;
    page.close().await;
    drop(relay);
}
