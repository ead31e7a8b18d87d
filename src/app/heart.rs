//! This process among those that share its database: registered, beating, looking after what others do to its sessions, and
//! ending what nobody drives.
//!
//! Is: four loops that end with the process. Isn't: a judgement of who is alive (`session/lease.rs`).
//! **Law:** a beat waits for nothing but its own statement: what it finds to do is done beside it.

use super::{App, Phase};
use crate::clock;
use crate::session::lease::{BEAT, BEAT_DRAINING, Holder};
use crate::store::{Process, Store};
use std::path::Path;
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

/// A beat that takes longer has failed. Below the silence after which one counts as dead, so that the next may reach it.
const BEAT_MAX: Duration = Duration::from_millis(1200);
/// How long what a former process left in the journal is waited for before callers are let in; each session waits for the
/// rest itself.
const REPLAY_MAX: Duration = Duration::from_secs(10);
/// Between two tries to register.
const BEGIN_RETRY: Duration = Duration::from_millis(250);
/// Between two sweeps, on average.
const SWEEP_EVERY: Duration = Duration::from_secs(20);
/// The first one: others that died when this one was begun are known to be dead by then.
const SWEEP_FIRST: Duration = Duration::from_secs(3);

/// How this process is known: by a new id, on the node that has the data folder, under the address of its own.
pub(super) fn introduce(data_dir: &Path, url: String) -> Process {
    Process {
        id: crate::ids::ProcessId::new(),
        node: node(data_dir),
        url,
    }
}

/// The folder's name for ever; a folder that was copied to another machine has another.
fn node(data_dir: &Path) -> Uuid {
    let path = data_dir.join("node");
    let known = std::fs::read_to_string(&path)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let folder: Uuid = known.unwrap_or_else(|| {
        let new = Uuid::now_v7();
        if let Err(error) = std::fs::write(&path, format!("{new}\n")) {
            tracing::warn!(error = %error.kind(), "DATA_DIR: the node has no lasting name");
        }
        new
    });
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Uuid::new_v5(&folder, host.trim().as_bytes())
}

/// Lets callers in once this process is registered and what a former one left is in the database; then beats until dropped.
pub(super) async fn serve(app: App, holder: &Holder) {
    begin(&app, holder).await;
    if let Err(left) = app.journal.flush(REPLAY_MAX).await {
        tracing::warn!(%left, "callers are let in while the journal still drains");
    }
    app.ready.set(Phase::Ready);
    tracing::info!("ready");
    let poked = Notify::new();
    tokio::join!(
        beat(&app, holder, &poked),
        look(&app, &poked),
        sweep(&app),
        watch_clock(&app)
    );
}

async fn begin(app: &App, holder: &Holder) {
    loop {
        match app.store.process_begin(&holder.process, clock::wall()).await {
            Ok(()) => break,
            Err(error) => tracing::error!(%error, "this process cannot be registered; trying again"),
        }
        tokio::time::sleep(BEGIN_RETRY).await;
    }
    holder.beat(clock::monotonic(), true);
}

async fn beat(app: &App, holder: &Holder, poked: &Notify) {
    let mut pokes = 0;
    loop {
        let draining = app.ready.phase() != Phase::Ready;
        tokio::time::sleep(if draining { BEAT_DRAINING } else { BEAT }).await;
        let beating = app.store.process_beat(holder.process.id, draining, clock::wall());
        let answer = match tokio::time::timeout(BEAT_MAX, beating).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        };
        let changed = holder.beat(clock::monotonic(), answer.is_ok());
        match answer {
            Ok(Some(count)) => {
                if std::mem::replace(&mut pokes, count) != count {
                    poked.notify_one();
                }
            }
            // Forgotten, after a long silence: whose sessions are whose is to be looked at anew.
            Ok(None) => {
                begin(app, holder).await;
                pokes = 0;
                poked.notify_one();
            }
            Err(error) if changed => {
                tracing::info!(%error, "the database takes no heartbeat: no other process can be told dead from here");
            }
            Err(_) => continue,
        }
        if changed && holder.is_beating() {
            tracing::info!("the database takes heartbeats again");
        }
    }
}

/// Tells every session when the machine's clock was set: one in which nothing happens would note it too late for whoever
/// takes it up, should this process die now.
async fn watch_clock(app: &App) {
    let steady = clock::Steady::begin();
    let mut ahead = time::Duration::ZERO;
    loop {
        tokio::time::sleep(BEAT).await;
        let now = clock::wall() - steady.now();
        if (now - ahead).abs() >= clock::SET_BY {
            ahead = now;
            app.sessions.clock_set();
        }
    }
}

async fn look(app: &App, poked: &Notify) {
    loop {
        poked.notified().await;
        while let Err(error) = app.sessions.look_after().await {
            tracing::warn!(%error, "what others did to sessions of this process cannot be read; trying again");
            tokio::time::sleep(BEAT).await;
        }
    }
}

async fn sweep(app: &App) {
    let mut wait = SWEEP_FIRST;
    loop {
        tokio::time::sleep(wait).await;
        if app.ready.phase() != Phase::Ready {
            return;
        }
        if let Err(error) = app.sessions.end_adrift().await {
            tracing::warn!(%error, "interviews that nobody drives were not all looked at");
        }
        wait = SWEEP_EVERY.mul_f64(rand::random_range(0.5..1.5));
    }
}

/// Origins of other processes that take sessions now.
pub(super) async fn others(app: &App, store: &dyn Store, holder: &Holder) -> Vec<String> {
    let living = tokio::time::timeout(BEAT_MAX, store.processes(crate::session::lease::DEAD_AFTER)).await;
    let living = match living {
        Ok(Ok(living)) => living,
        Ok(Err(error)) => {
            tracing::warn!(%error, "no other process can be found");
            return Vec::new();
        }
        Err(_) => return Vec::new(),
    };
    living
        .into_iter()
        .filter(|other| other.id != holder.process.id && !other.is_draining)
        .map(|other| other.url)
        .filter(|url| app.config.http.is_relay(url))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_folder_names_its_node_for_ever() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = introduce(one.path(), "https://a.example.com".into());
        let second = introduce(one.path(), "https://b.example.com".into());
        assert_eq!(first.node, second.node);
        assert_ne!(first.id, second.id);
        assert_ne!(first.node, introduce(other.path(), String::new()).node);
    }
}
