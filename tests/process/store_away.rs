//! The database away, the disk full: the interview does not notice, and what was said is stored when there is room again, once
//! and in order.

use crate::{
    death::under_way,
    disk::Disk,
    house::{House, SOON},
    page::Page,
    postgres::Server,
    relay::Relay,
    stack::until,
};
use serde_json::Value;
use std::{path::Path, time::Duration};

/// How long the database is away; `VIVAVOCE_LONG=1`: as long as the product promises.
fn outage() -> Duration {
    if std::env::var_os("VIVAVOCE_LONG").is_some() {
        Duration::from_secs(60)
    } else {
        Duration::from_secs(5)
    }
}

async fn ready(house: &House, relay: &Relay) -> (u16, Value) {
    let answer = house.http.get(format!("{}/readyz", relay.base)).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn metric(house: &House, relay: &Relay, name: &str) -> String {
    let asked = house.http.get(format!("{}/metrics", relay.base));
    let answer = asked
        .bearer_auth("a token of the tests for metrics")
        .send()
        .await
        .unwrap();
    let text = answer.text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
}

/// Types, and hears that it is answered: words of both.
async fn turn(page: &Page, words: &str) {
    let so_far = page.messages().len();
    page.types(words, words).await;
    until(SOON, words, async || {
        let messages = page.messages();
        let answered = messages[so_far..]
            .iter()
            .any(|it| it["type"] == "caption" && it["speaker"] == "ai" && it["final"] == true);
        answered.then_some(())
    })
    .await;
}

/// The candidate's words, as the database has them.
async fn typed(house: &House, page: &Page) -> Vec<String> {
    let said = house.said(page.seat()).await;
    said.into_iter()
        .filter(|(who, _)| *who == "candidate")
        .map(|(_, words)| words)
        .collect()
}

/// No packet was missed for longer than this, in ms.
fn longest_pause(page: &Page, since: u64) -> u64 {
    page.peer.heard(|heard| {
        let times: Vec<u64> = heard.iter().map(|it| it.at_ms).filter(|at| *at >= since).collect();
        times.windows(2).map(|two| two[1] - two[0]).max().unwrap_or(u64::MAX)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_not_noticed() {
    let server = Server::start();
    let house = House::on_postgres(&server, serde_json::json!({ "questions": 60 })).await;
    let [plan] = house.plans(&[]);
    let relay = plan.ready(&house.http).await;
    let page = under_way(&house, &relay).await;
    let (welcomes, stopped) = (page.welcomes(), Page::now());
    server.stop();
    turn(&page, "Said into the outage").await;
    // A socket that is lost meanwhile is let in again.
    page.drop_socket();
    page.welcomed(welcomes + 1).await;
    turn(&page, "Said on another socket").await;
    let (status, said) = ready(&house, &relay).await;
    assert_eq!(
        (status, &said["database"], &said["journal"]),
        (503, &false.into(), &true.into())
    );
    let left = outage().saturating_sub(Duration::from_millis(Page::now() - stopped));
    tokio::time::sleep(left).await; // the fault's own length
    turn(&page, "Said at its end").await;
    assert_eq!(metric(&house, &relay, "vivavoce_journal_database_ok").await, "0");
    server.restart();
    let back = Page::now();
    until(SOON, "all of it is stored", async || {
        (typed(&house, &page).await.len() >= 4).then_some(())
    })
    .await;
    eprintln!(
        "database away for {} ms: drained {} ms after it was back; longest pause of sound {} ms",
        back - stopped,
        Page::now() - back,
        longest_pause(&page, stopped)
    );
    until(SOON, "ready again", async || {
        (ready(&house, &relay).await.0 == 200).then_some(())
    })
    .await;
    let expected = [
        "Nineteen violets",
        "Said into the outage",
        "Said on another socket",
        "Said at its end",
    ];
    assert_eq!(typed(&house, &page).await, expected);
    assert!(
        !page.messages().iter().any(|it| it["code"] == "store_away"),
        "what is on the disk is kept"
    );
    let of_legs = |it: &Value| it["type"] == "state" && (it["ai"] == "lost" || it["candidate"] == "lost");
    assert!(!page.messages().iter().any(of_legs), "no leg was lost");
    assert!(longest_pause(&page, stopped) < 1_000);
    page.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_and_the_interview_goes_on_in_memory() {
    let server = Server::start();
    let house = House::on_postgres(&server, serde_json::json!({ "questions": 30 })).await;
    let folder = house.folder.path().join("small");
    let disk = Disk::mount(&folder, 8);
    let [plan] = house.plans_in(&folder, &[]);
    let relay = plan.ready(&house.http).await;
    disk.fill();
    // The journal cannot begin a file: what is said goes straight to the database.
    let page = under_way(&house, &relay).await;
    let notice = page.hears(SOON, "it is said", |it| it["code"] == "store_away").await;
    assert!(notice["text"].as_str().is_some_and(|text| !text.is_empty()));
    let (status, said) = ready(&house, &relay).await;
    assert_eq!(
        (status, &said["database"], &said["journal"]),
        (503, &true.into(), &false.into())
    );
    assert_eq!(metric(&house, &relay, "vivavoce_journal_disk_ok").await, "0");
    // However often it was tried, nothing half made is left in the way.
    let journal = Path::new(&plan.data()).join("journal");
    let files = || std::fs::read_dir(&journal).unwrap().count();
    until(SOON, "the lock alone", async || (files() == 1).then_some(())).await;
    // Then the database goes too: in memory, in order.
    server.stop();
    turn(&page, "Said with neither").await;
    turn(&page, "Said with neither, again").await;
    server.restart();
    until(SOON, "the database has it", async || {
        (typed(&house, &page).await.len() >= 3).then_some(())
    })
    .await;
    disk.make_room();
    page.hears(SOON, "there is room", |it| it["code"] == "store_back").await;
    until(SOON, "ready again", async || {
        (ready(&house, &relay).await.0 == 200).then_some(())
    })
    .await;
    turn(&page, "Said with both").await;
    house.has(page.seat(), "Said with both").await;
    let expected = [
        "Nineteen violets",
        "Said with neither",
        "Said with neither, again",
        "Said with both",
    ];
    assert_eq!(typed(&house, &page).await, expected);
    drop(relay);
    page.close().await;
    drop(disk);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_under_sqlite_is_said_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::mount(&folder.path().join("small"), 12);
    let database = format!("sqlite:{}/small/vivavoce.db", folder.path().display());
    let house = House::on(folder, database, serde_json::json!({ "questions": 30 })).await;
    let [plan] = house.plans_in(&house.folder.path().join("small"), &[]);
    let relay = plan.ready(&house.http).await;
    let page = under_way(&house, &relay).await;
    disk.fill();
    until(SOON, "it is said", async || {
        let (status, said) = ready(&house, &relay).await;
        (status == 503 && said["database"] == false).then_some(())
    })
    .await;
    turn(&page, "Said onto a full disk").await;
    turn(&page, "And so was this").await;
    disk.make_room();
    until(SOON, "all of it is stored", async || {
        (typed(&house, &page).await.len() >= 3).then_some(())
    })
    .await;
    until(SOON, "ready again", async || {
        (ready(&house, &relay).await.0 == 200).then_some(())
    })
    .await;
    assert_eq!(
        typed(&house, &page).await,
        ["Nineteen violets", "Said onto a full disk", "And so was this"]
    );
    drop(relay);
    page.close().await;
    drop(disk);
}
