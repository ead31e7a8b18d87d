//! How long an entry takes from being put to being durable: `cargo run --release --example journal_latency [DATABASE_URL]`
//!
//! Is: 50 interviews that each put an entry every 100 ms (ten times a talk's pace), 60 s long, on the disk of the current
//! folder, draining to a database (an SQLite file beside the journal unless one is named; it must be empty). Isn't: a test;
//! it prints what it measured and judges nothing.

#![allow(clippy::print_stdout, reason = "a program that prints a measurement")]

use secrecy::SecretString;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;
use vivavoce::clock::wall;
use vivavoce::ids::{EntryId, InvitationId, SessionId};
use vivavoce::store::journal::{Full, Journal, Settings, Watch};
use vivavoce::store::sample::{CANDIDATE, POSITION, TENANT};
use vivavoce::store::{Entry, NewInvitation, Speaker};

const INTERVIEWS: usize = 50;
const EVERY: Duration = Duration::from_millis(100);
const ENTRIES_EACH: i32 = 600;

#[derive(Default)]
struct Latencies(Mutex<Vec<Duration>>);
impl Latencies {
    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
impl Watch for Latencies {
    fn durable(&self, after: Duration) {
        self.all().push(after);
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir_in(".")?;
    let beside = format!("sqlite:{}", folder.path().join("store.db").display());
    let url = std::env::args().nth(1).unwrap_or(beside);
    let store = vivavoce::store::open(&SecretString::from(url))?;
    store.migrate().await?;
    store.add_sample().await?;
    let latencies = Arc::new(Latencies::default());
    let settings = Settings {
        watch: Arc::clone(&latencies) as _,
        ..Settings::default()
    };
    let (journal, driver) = Journal::open(&folder.path().join("journal"), Arc::clone(&store), settings)?;
    let driver = tokio::spawn(driver.run());

    let mut interviews = tokio::task::JoinSet::new();
    for number in 0..INTERVIEWS {
        let new = NewInvitation {
            id: InvitationId::new(),
            candidate: CANDIDATE,
            position: POSITION,
            email: None,
            token_sha256: [number as u8; 32],
            created_at: wall(),
            expires_at: wall(),
        };
        store.invitation_create(TENANT, &new).await?;
        let session = store.session_open(TENANT, new.id, wall()).await?.session.id;
        let journal = journal.clone();
        interviews.spawn(async move {
            // Spread over the interval, as talks are.
            tokio::time::sleep(EVERY.mul_f64(rand::random())).await;
            let mut tick = tokio::time::interval(EVERY);
            for sequence in 1..=ENTRIES_EACH {
                tick.tick().await;
                journal.put(TENANT, vec![entry(session, sequence)])?;
            }
            Ok::<_, Full>(())
        });
    }
    for put in interviews.join_all().await {
        put?;
    }
    let waiting = journal.status().queued;
    let left = journal.close(Duration::from_secs(30)).await;
    driver.await?;

    let mut all = latencies.all().clone();
    all.sort_unstable();
    let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{} entries of {INTERVIEWS} interviews, {} a second",
        all.len(),
        INTERVIEWS as u128 * 1000 / EVERY.as_millis()
    );
    println!(
        "put to durable, ms: p50 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2}",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
    println!("waiting for the database at the end: {waiting}, after the flush: {left:?}");
    Ok(())
}

fn entry(session: SessionId, sequence: i32) -> Entry {
    Entry {
        id: EntryId(Uuid::new_v5(&session.0, &sequence.to_be_bytes())),
        sequence,
        end_time: Some(wall()),
        item_id: format!("item_{sequence}"),
        ..Entry::tapped(
            session,
            Speaker::Candidate,
            "Something like this is what one says in a turn of ordinary length, a sentence or two.",
            wall(),
        )
    }
}
