//! The journal on a real disk before a real SQLite: full, failing, left behind, refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::ids::{EntryId, InvitationId};
use crate::store::sample::{CANDIDATE, POSITION, TENANT};
use crate::store::sqlite::SqliteStore;
use crate::store::{EndReason, LeaseTaken, NewInvitation, Process, Speaker};
use std::sync::atomic::{AtomicUsize, Ordering};
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

const NOW: OffsetDateTime = datetime!(2026-11-24 16:40 UTC);
const SESSION: SessionId = SessionId(Uuid::from_u128(7));
const LONG: Duration = Duration::from_secs(20);

pub(super) fn entry(number: i32) -> Record {
    Record::Entries(TENANT, vec![an_entry(SESSION, number)])
}
pub(super) fn step(number: i64) -> Record {
    Record::Step(
        TENANT,
        SESSION,
        SessionStep::Connected {
            at: NOW + time::Duration::seconds(number),
        },
    )
}
pub(super) fn event(number: u128) -> Record {
    let event = SessionEvent {
        id: Uuid::from_u128(number),
        at: NOW,
        leg: "ai".into(),
        what: "up".into(),
        cause: "dialled".into(),
    };
    Record::Event(TENANT, SESSION, event)
}
fn an_entry(session: SessionId, number: i32) -> Entry {
    Entry {
        id: EntryId(Uuid::new_v5(&session.0, &number.to_be_bytes())),
        sequence: number,
        end_time: Some(NOW),
        item_id: format!("item_{number}"),
        ..Entry::tapped(session, Speaker::Ai, format!("words {number}"), NOW)
    }
}

/// A database file with the sample and one session, and a folder for the journal beside it.
struct World {
    folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    session: SessionId,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/store.db", folder.path().display());
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&url).unwrap());
        store.migrate().await.unwrap();
        store.add_sample().await.unwrap();
        let new = NewInvitation {
            id: InvitationId::new(),
            candidate: CANDIDATE,
            position: POSITION,
            email: None,
            token_sha256: [1; 32],
            created_at: NOW,
            expires_at: NOW,
        };
        store.invitation_create(TENANT, &new).await.unwrap();
        let session = store.session_open(TENANT, new.id, NOW).await.unwrap().session.id;
        Self { folder, store, session }
    }
    fn path(&self) -> PathBuf {
        self.folder.path().join("journal")
    }
    fn open(&self, settings: Settings) -> (Journal, Driver) {
        Journal::open(&self.path(), Arc::clone(&self.store), settings).unwrap()
    }
    fn entry(&self, number: i32) -> Vec<Entry> {
        vec![an_entry(self.session, number)]
    }
    async fn stored(&self) -> Vec<i32> {
        let entries = self.store.transcript(TENANT, self.session, true).await.unwrap();
        entries.into_iter().map(|entry| entry.sequence).collect()
    }
    /// Bytes in the journal's files that are neither head nor zeros.
    fn bytes_left(&self) -> usize {
        std::fs::read_dir(self.path())
            .unwrap()
            .map(|file| file.unwrap())
            .filter(|file| file.path().extension().is_some_and(|extension| extension == "journal"))
            .map(|file| {
                std::fs::read(file.path())
                    .unwrap()
                    .iter()
                    .skip(8)
                    .filter(|byte| **byte != 0)
                    .count()
            })
            .sum()
    }
}

#[derive(Default)]
struct Counts {
    durable: AtomicUsize,
    full: AtomicUsize,
    rejected: AtomicUsize,
}
impl Watch for Counts {
    fn durable(&self, _after: Duration) {
        self.durable.fetch_add(1, Ordering::Relaxed);
    }
    fn full(&self) {
        self.full.fetch_add(1, Ordering::Relaxed);
    }
    fn rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_is_stored_in_order_and_leaves_no_word_on_the_disk() {
    let world = World::new().await;
    let counts = Arc::new(Counts::default());
    let (journal, driver) = world.open(Settings {
        watch: Arc::clone(&counts) as _,
        ..Settings::default()
    });
    let driver = tokio::spawn(driver.run());
    for number in 1..=100 {
        journal.put(TENANT, world.entry(number)).unwrap();
    }
    let end = SessionStep::Ended {
        at: NOW,
        reason: EndReason::Time,
        technical_failure: None,
        recording_url: None,
    };
    journal
        .put_record_durable(Record::Step(TENANT, world.session, end))
        .await
        .unwrap();
    journal.flush(LONG).await.unwrap();
    assert_eq!(world.stored().await, (1..=100).collect::<Vec<_>>());
    assert!(
        world
            .store
            .session(TENANT, world.session)
            .await
            .unwrap()
            .unwrap()
            .ended_at
            .is_some()
    );
    assert_eq!(counts.durable.load(Ordering::Relaxed), 101);
    let status = journal.status();
    assert_eq!(
        (
            status.queued,
            status.queued_bytes,
            status.oldest_age,
            status.drained_total
        ),
        (0, 0, None, 101)
    );
    // Before it is closed: the files are there, and hold nothing.
    tokio::time::timeout(LONG, async {
        while world.bytes_left() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    journal.close(LONG).await.unwrap();
    driver.await.unwrap();
    assert_eq!(world.bytes_left(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_former_process_left_is_stored_once() {
    let world = World::new().await;
    // Never driven: the database is as good as away. Small files, so that there are several.
    let (journal, driver) = world.open(Settings {
        segment_bytes_max: 1_000,
        ..Settings::default()
    });
    for number in 1..=20 {
        journal.put_durable(TENANT, world.entry(number)).await.unwrap();
    }
    assert!(matches!(
        Journal::open(&world.path(), Arc::clone(&world.store), Settings::default()),
        Err(Error::InUse)
    ));
    drop(driver);
    assert_eq!(journal.close(Duration::ZERO).await, Err(NotDrained { left: 20 }));
    assert!(world.stored().await.is_empty());
    assert!(world.bytes_left() > 0);
    // What it was writing when it died: half a frame.
    let mut files: Vec<_> = std::fs::read_dir(world.path())
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "journal"));
    files.sort();
    assert!(files.len() > 3, "{files:?}");
    let mut last = std::fs::read(files.last().unwrap()).unwrap();
    last.truncate(last.iter().rposition(|byte| *byte != 0).unwrap() + 1);
    last.extend(&frame::encode(&entry(21)).unwrap()[..30]);
    last.extend([0; 500]);
    std::fs::write(files.last().unwrap(), last).unwrap();

    // Twice, as if the second had died before it could remove the files.
    let copies: Vec<_> = files
        .iter()
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    for round in 0..2 {
        let (journal, driver) = world.open(Settings::default());
        assert_eq!(journal.status().torn_bytes, 30);
        assert_eq!(journal.status().queued, 20);
        let driver = tokio::spawn(driver.run());
        journal.put_durable(TENANT, world.entry(21)).await.unwrap();
        journal.close(LONG).await.unwrap();
        driver.await.unwrap();
        assert_eq!(world.stored().await, (1..=21).collect::<Vec<_>>(), "round {round}");
        assert_eq!(world.bytes_left(), 0, "round {round}");
        for (path, bytes) in &copies {
            std::fs::write(path, bytes).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_is_said_and_passes() {
    let world = World::new().await;
    let counts = Arc::new(Counts::default());
    let settings = Settings {
        bytes_max: 2_000,
        watch: Arc::clone(&counts) as _,
        ..Settings::default()
    };
    let (journal, driver) = world.open(settings);
    let taken = (1..=50)
        .take_while(|number| journal.put(TENANT, world.entry(*number)).is_ok())
        .count();
    assert!((2..=10).contains(&taken), "{taken}");
    assert_eq!(
        (counts.full.load(Ordering::Relaxed), journal.status().full_total),
        (1, 1)
    );
    assert!(journal.status().queued_bytes <= 2_000);
    let end = SessionStep::Ended {
        at: NOW,
        reason: EndReason::Time,
        technical_failure: None,
        recording_url: None,
    };
    journal.put_record(Record::Step(TENANT, world.session, end)).unwrap();
    tokio::spawn(driver.run());
    journal.flush(LONG).await.unwrap();
    journal.put(TENANT, world.entry(99)).unwrap();
    journal.flush(LONG).await.unwrap();
    assert_eq!(world.stored().await.len(), taken + 1);
    let enormous = Entry {
        text: "x".repeat(17 * 1024 * 1024),
        ..world.entry(1).remove(0)
    };
    let (journal, _driver) = Journal::open(
        &world.folder.path().join("other"),
        Arc::clone(&world.store),
        Settings::default(),
    )
    .unwrap();
    assert_eq!(journal.put(TENANT, vec![enormous]), Err(Full));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_is_set_aside_and_blocks_nothing() {
    let world = World::new().await;
    let counts = Arc::new(Counts::default());
    let (journal, driver) = world.open(Settings {
        watch: Arc::clone(&counts) as _,
        ..Settings::default()
    });
    let nowhere = SessionId::new();
    journal.put(TENANT, world.entry(1)).unwrap();
    journal
        .put(
            TENANT,
            vec![
                an_entry(world.session, 2),
                an_entry(nowhere, 3),
                an_entry(world.session, 4),
            ],
        )
        .unwrap();
    let Record::Event(_, _, lost) = event(5) else {
        unreachable!()
    };
    journal.put_record(Record::Event(TENANT, nowhere, lost)).unwrap();
    journal.put(TENANT, world.entry(6)).unwrap();
    tokio::spawn(driver.run());
    journal.flush(LONG).await.unwrap();
    assert_eq!(world.stored().await, [1, 2, 4, 6]);
    assert_eq!(
        (journal.status().rejected_total, counts.rejected.load(Ordering::Relaxed)),
        (2, 2)
    );
    let kept = std::fs::read_to_string(world.path().join("rejected")).unwrap();
    assert_eq!(kept.lines().count(), 2);
    assert!(kept.contains("words 3") && !kept.contains("words 2"), "{kept}");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(world.path().join("rejected")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o077, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_former_holder_puts_after_a_taking_is_set_aside_and_what_it_put_before_is_stored() {
    let world = World::new().await;
    let by = |url: &str| Process {
        id: crate::ids::ProcessId::new(),
        node: Uuid::now_v7(),
        url: url.into(),
    };
    let (former, heir) = (by("https://a.example.com"), by("https://b.example.com"));
    let mut fences = Vec::new();
    for process in [&former, &heir] {
        world.store.process_begin(process, NOW).await.unwrap();
        let taken = world
            .store
            .lease_take(TENANT, world.session, process.id, Duration::ZERO)
            .await;
        let LeaseTaken::Yes { fence, .. } = taken.unwrap() else {
            panic!("it was free or its owner silent")
        };
        fences.push(fence);
    }
    let now = crate::clock::wall();
    let (before, after) = (now - time::Duration::hours(1), now + time::Duration::hours(1));
    let (journal, driver) = world.open(Settings::default());
    let driver = tokio::spawn(driver.run());
    let put = |fence: usize, at, record| {
        let hand = Hand {
            fence: fences[fence],
            at,
        };
        journal.put_record(Record::Held(hand, Box::new(record))).unwrap();
    };
    let entry = |number| Record::Entries(TENANT, world.entry(number));
    let event = |number: u128| {
        let event = SessionEvent {
            id: Uuid::from_u128(number),
            at: NOW,
            leg: "ai".into(),
            what: number.to_string(),
            cause: String::new(),
        };
        Record::Event(TENANT, world.session, event)
    };
    let gone = SessionStep::Disconnected { at: NOW };
    put(0, before, entry(1));
    put(0, after, entry(2));
    put(1, after, entry(3));
    put(0, before, event(1));
    put(0, after, event(2));
    put(1, after, event(3));
    put(0, after, Record::Step(TENANT, world.session, gone));
    journal.flush(LONG).await.unwrap();
    assert_eq!(world.stored().await, [1, 3]);
    let events = world.store.session_events(TENANT, world.session).await.unwrap();
    let events: Vec<&str> = events.iter().map(|event| event.what.as_str()).collect();
    assert_eq!(events, ["1", "3"]);
    let session = world.store.session(TENANT, world.session).await.unwrap().unwrap();
    assert_eq!(
        session.webrtc_status, None,
        "a former holder does not say that a leg is down"
    );
    assert_eq!(journal.status().rejected_total, 3);
    let kept = std::fs::read_to_string(world.path().join("rejected")).unwrap();
    assert_eq!(kept.lines().count(), 3);
    journal.close(LONG).await.unwrap();
    driver.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_the_database_makes_it_durable() {
    let world = World::new().await;
    let (journal, driver) = world.open(Settings::default());
    // The next file is a device that is always full: the kernel itself answers ENOSPC.
    std::os::unix::fs::symlink("/dev/full", world.path().join(format!("{:012}.journal", 1))).unwrap();
    let driver = tokio::spawn(driver.run());
    for number in 1..=3 {
        tokio::time::timeout(LONG, journal.put_durable(TENANT, world.entry(number)))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            world.stored().await.len(),
            usize::try_from(number).unwrap(),
            "durable is: in the database"
        );
    }
    assert!(!journal.status().disk_ok);
    // The next file is a good one; it is tried after a second, with what comes then.
    let mut number = 3;
    tokio::time::timeout(LONG, async {
        while !journal.status().disk_ok {
            number += 1;
            journal.put_durable(TENANT, world.entry(number)).await.unwrap();
        }
    })
    .await
    .unwrap();
    journal.close(LONG).await.unwrap();
    driver.await.unwrap();
    assert_eq!(world.stored().await, (1..=number).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_file_of_another_version_is_let_be() {
    let world = World::new().await;
    std::fs::create_dir(world.path()).unwrap();
    let path = world.path().join(format!("{:012}.journal", 3));
    std::fs::write(&path, b"vvjrnl9\nfrom the future").unwrap();
    let (journal, _driver) = world.open(Settings::default());
    assert_eq!(journal.status().queued, 0);
    assert_eq!(
        std::fs::read(path.with_extension("foreign")).unwrap(),
        b"vvjrnl9\nfrom the future"
    );
}
