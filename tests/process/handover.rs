//! SIGTERM: sessions go to another process in order, or stay for the next one.

use crate::{
    death::{HANDED_WITHIN, back, settled, under_way},
    house::{House, SOON},
    page::Page,
    postgres::Server,
    stack::until,
};
use nix::sys::signal::Signal;
use serde_json::json;

/// What the listener may miss of a hand-over on a machine that runs other tests beside; the rows of `tests/continuity` hold it to
/// 1 s at the 95th percentile.
const GAP_MS: u64 = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_to_stop_gives_its_interviews_to_another() {
    let server = Server::shared();
    let house = House::on_postgres(&server, json!({ "questions": 6 })).await;
    let [first, second] = house.plans(&[]);
    let (mut leaving, heir) = (first.ready(&house.http).await, second.ready(&house.http).await);
    let mut page = under_way(&house, &leaving).await;
    let welcomes = page.welcomes();
    leaving.signal(Signal::SIGTERM);
    until(SOON, "it is not ready any more", async || {
        let ready = house.http.get(format!("{}/readyz", leaving.base)).send().await.ok()?;
        (ready.status() == 503).then_some(())
    })
    .await;
    let moved = page.hears(SOON, "where to go", |it| it["type"] == "moved").await;
    assert_eq!(moved["url"], json!(heir.base));
    page.welcomed(welcomes + 1).await;
    // The old leg carried sound until the other process had the session.
    let left = page.peer.heard(|heard| heard.last().map(|last| last.at_ms)).unwrap();
    let before = settled(&house, &page).await;
    let heard = back(&house, &mut page, welcomes, &before).await;
    let first_packet = page.peer.heard(|heard| heard.first().map(|first| first.at_ms)).unwrap();
    let gap = first_packet.saturating_sub(left);
    eprintln!(
        "SIGTERM with a second process: sound again after {gap} ms, a voice after {} ms",
        heard - left
    );
    assert!(gap < GAP_MS, "{gap} ms");
    assert_eq!(page.is_at(), heir.base);
    assert!(leaving.ended(HANDED_WITHIN).await.success());
    assert!(
        !leaving.log().contains("nobody asked for the session"),
        "{}",
        leaving.log()
    );
    // The one that went away has left nothing behind: its lease is the other's, its row is gone.
    let owner = house.lease(page.seat()).await.owner.unwrap();
    assert_eq!(owner.url, heir.base);
    let here = house
        .store
        .processes(std::time::Duration::from_secs(3600))
        .await
        .unwrap();
    assert_eq!(
        here.iter().map(|one| one.url.as_str()).collect::<Vec<_>>(),
        [heir.base.as_str()]
    );
    page.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_stops_alone_leaves_its_interviews_to_the_next() {
    let house = House::on_sqlite(json!({ "questions": 5 })).await;
    let [plan] = house.plans(&[]);
    let mut relay = plan.ready(&house.http).await;
    let mut page = under_way(&house, &relay).await;
    let welcomes = page.welcomes();
    let asked = Page::now();
    relay.signal(Signal::SIGTERM);
    assert!(relay.ended(HANDED_WITHIN).await.success());
    let before = settled(&house, &page).await;
    assert_eq!(house.lease(page.seat()).await.owner, None, "free at once");
    let _relay = plan.ready(&house.http).await;
    let gap = back(&house, &mut page, welcomes, &before).await - asked;
    eprintln!("SIGTERM and restart: heard again after {gap} ms");
    page.close().await;
}
