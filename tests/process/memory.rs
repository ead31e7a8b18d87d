//! A session whose legs come back again and again holds no more than one whose legs came back a few times.

use crate::{
    house::{House, SOON},
    page::Page,
    stack::until,
};
use serde_json::{Value, json};

const ROUNDS: usize = 200;
/// By then all that a session keeps (histories, buffers, the allocator's own) is there.
const WARM: usize = 100;
/// More than at [`WARM`], in KiB: what an allocator rounds, and the database's pages that SQLite keeps. A leg has some 100 KiB, so that one
/// left in ten would show.
const MORE_MAX: u64 = 1_024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_reconnections_of_each_leg_take_no_memory() {
    let house = House::on_sqlite(json!({ "questions": 8 })).await;
    let [plan] = house.plans(&[]);
    let relay = plan.ready(&house.http).await;
    let seat = house.seat(&relay.base).await;
    let mut page = Page::open(&relay.base, &seat).await;
    page.hears_a_voice(0).await;
    let mut warm = 0;
    for round in 1..=ROUNDS {
        page.fresh_leg().await;
        let dialled = house.dialled().await;
        house.fault(&json!({ "kind": "close_dtls" })).await;
        until(SOON, "the AI is dialled again, and up", async || {
            let is_up = |it: &Value| it["type"] == "state" && it["ai"] == "up";
            let state = page.messages().into_iter().rfind(|it| it["type"] == "state");
            (house.dialled().await > dialled && state.is_some_and(|it| is_up(&it))).then_some(())
        })
        .await;
        if round == WARM {
            warm = relay.memory_kib();
        }
    }
    page.hears(SOON, "the last leg is there", |it| {
        it["type"] == "state" && it["candidate"] == "up"
    })
    .await;
    let memory = relay.memory_kib();
    eprintln!("after {WARM} reconnections of each leg {warm} KiB, after {ROUNDS} {memory} KiB");
    assert!(memory < warm + MORE_MAX, "{warm} KiB, then {memory} KiB");
    page.close().await;
}
