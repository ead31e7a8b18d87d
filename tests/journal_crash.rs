//! The database is killed, then the process with -9 while it is away: every entry that was told durable is in the database
//! once, in order, when both are back.
//!
//! Is: a real Postgres, a real child process (this binary again, told by the environment), SIGKILL to both. Isn't: the
//! journal's own cases (`src/store/journal/tests.rs`). The child says what was made durable, line by line; what it said is
//! what must be there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/postgres.rs"]
mod postgres;

use postgres::Server;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use uuid::Uuid;
use vivavoce::ids::{EntryId, InvitationId, SessionId};
use vivavoce::store::journal::{Journal, Record, Settings};
use vivavoce::store::sample::{CANDIDATE, POSITION, TENANT};
use vivavoce::store::{Entry, NewInvitation, SessionEvent, SessionStatus, SessionStep, Speaker, Store};

const NOW: OffsetDateTime = datetime!(2026-11-24 16:40 UTC);
const INTERVIEWS: usize = 4;
const LONG: Duration = Duration::from_secs(60);
/// Where the child finds its orders: `write FIRST` or `drain`, the database, the folder, the sessions.
const ORDERS: [&str; 4] = [
    "JOURNAL_CRASH_DO",
    "JOURNAL_CRASH_URL",
    "JOURNAL_CRASH_FOLDER",
    "JOURNAL_CRASH_SESSIONS",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_durable_entry_is_there_once_whatever_is_killed() {
    let server = Server::start();
    let world = World::new(server.database()).await;
    let mut told = Told::default();

    // The database dies under the child, which goes on; then the child dies, with the database still away.
    let mut child = world.child("write 1");
    told.hear(&mut child, 100).await;
    server.kill();
    let before = told.total();
    told.hear(&mut child, 200).await;
    child.kill().await;
    told.hear_the_rest(&mut child).await;
    server.restart();
    assert!(
        world.stored_in_all().await < told.total(),
        "the outage came before the last words"
    );
    assert!(told.total() >= before + 200);

    // The second process finds what the first left, writes on, and dies while it drains.
    let first = told.last() + 2;
    let mut child = world.child(&format!("write {first}"));
    told.hear(&mut child, 40).await;
    child.kill().await;
    told.hear_the_rest(&mut child).await;

    // The third dies at once, in the midst of reading and draining, wherever that is.
    world.child("drain").kill().await;

    let mut child = world.child("drain");
    assert_eq!(child.line().await.as_deref(), Some("drained"));
    assert!(child.process.wait().await.unwrap().success());
    world.everything_told_is_there_once(&told).await;
    // Closed in good order: nothing of it is left on the disk.
    let left = std::fs::read_dir(world.folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect::<Vec<_>>();
    assert_eq!(left, ["lock"]);
    assert!(!world.folder.path().join("rejected").exists());
}

/// What the child said was durable: session to the highest entry. Within a session it is told in order.
#[derive(Default)]
struct Told(BTreeMap<usize, Vec<i32>>);

impl Told {
    fn total(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
    fn last(&self) -> i32 {
        self.0.values().flatten().copied().max().unwrap_or(0)
    }
    async fn hear(&mut self, child: &mut Running, count: usize) {
        for _ in 0..count {
            let line = child.line().await.expect("the child writes on");
            self.note(&line);
        }
    }
    /// What was said before it died, and not yet heard.
    async fn hear_the_rest(&mut self, child: &mut Running) {
        while let Some(line) = child.line().await {
            self.note(&line);
        }
    }
    fn note(&mut self, line: &str) {
        // A last line may be cut off by the kill: what is not whole was not said.
        if let Some((interview, number)) = line.strip_suffix('.').and_then(|line| line.split_once(' ')) {
            self.0
                .entry(interview.parse().unwrap())
                .or_default()
                .push(number.parse().unwrap());
        }
    }
}

struct World {
    url: String,
    folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    sessions: Vec<SessionId>,
}

impl World {
    async fn new(url: String) -> Self {
        let store = vivavoce::store::open(&SecretString::from(url.clone())).unwrap();
        store.migrate().await.unwrap();
        store.add_sample().await.unwrap();
        let mut sessions = Vec::new();
        for number in 0..INTERVIEWS {
            let new = NewInvitation {
                id: InvitationId::new(),
                candidate: CANDIDATE,
                position: POSITION,
                email: None,
                token_sha256: [number as u8; 32],
                created_at: NOW,
                expires_at: NOW,
            };
            store.invitation_create(TENANT, &new).await.unwrap();
            sessions.push(store.session_open(TENANT, new.id, NOW).await.unwrap().session.id);
        }
        Self {
            url,
            folder: tempfile::tempdir().unwrap(),
            store,
            sessions,
        }
    }

    fn child(&self, orders: &str) -> Running {
        let sessions = self
            .sessions
            .iter()
            .map(SessionId::to_string)
            .collect::<Vec<_>>()
            .join(",");
        let folder = self.folder.path().to_str().unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "the_process_that_is_killed",
                "--ignored",
                "--nocapture",
                "--quiet",
            ])
            .envs(ORDERS.into_iter().zip([orders, &self.url, folder, &sessions]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Running { process, lines }
    }

    async fn stored_in_all(&self) -> usize {
        let mut total = 0;
        for session in &self.sessions {
            total += self.store.session(TENANT, *session).await.unwrap().unwrap().entries as usize;
        }
        total
    }

    async fn everything_told_is_there_once(&self, told: &Told) {
        assert_eq!(told.0.len(), INTERVIEWS);
        for (interview, session) in self.sessions.iter().enumerate() {
            let stored = self.store.transcript(TENANT, *session, true).await.unwrap();
            let numbers: Vec<i32> = stored.iter().map(|entry| entry.sequence).collect();
            assert!(numbers.is_sorted_by(|a, b| a < b), "in order, each once: {numbers:?}");
            for number in &told.0[&interview] {
                assert!(numbers.contains(number), "interview {interview} lost entry {number}");
            }
            // Beyond what was told there may be what it was about to tell: one for each process that was killed.
            assert!(numbers.len() <= told.0[&interview].len() + 2);
            // Both revisions were told, so the second is there.
            for entry in stored
                .iter()
                .filter(|entry| told.0[&interview].contains(&entry.sequence))
            {
                assert_eq!(entry.text, an_entry(*session, entry.sequence, 2).text);
            }
            let events = self.store.session_events(TENANT, *session).await.unwrap();
            let events: Vec<&str> = events.iter().map(|event| event.what.as_str()).collect();
            let expected: Vec<String> = numbers.iter().map(i32::to_string).collect();
            assert!(
                told.0[&interview]
                    .iter()
                    .all(|number| events.contains(&number.to_string().as_str()))
            );
            assert!(events.iter().all(|event| expected.iter().any(|number| number == event)));
            let found = self.store.session(TENANT, *session).await.unwrap().unwrap();
            assert_eq!(found.status, SessionStatus::InProgress);
        }
    }
}

struct Running {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    async fn line(&mut self) -> Option<String> {
        loop {
            let line = tokio::time::timeout(LONG, self.lines.next_line())
                .await
                .expect("the child hangs")
                .unwrap()?;
            // The harness has a few words of its own, first.
            if line.ends_with('.') && line.contains(' ') || line == "drained" {
                return Some(line);
            }
        }
    }
    /// SIGKILL, and gone when this returns.
    async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }
}

#[test]
#[ignore = "not a test: the process that the test above starts and kills"]
fn the_process_that_is_killed() {
    let [orders, url, folder, sessions] = ORDERS.map(|name| std::env::var(name).expect("started by the test above"));
    let sessions: Vec<SessionId> = sessions.split(',').map(|id| id.parse().unwrap()).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(child(&orders, &url, &PathBuf::from(folder), &sessions));
}

async fn child(orders: &str, url: &str, folder: &Path, sessions: &[SessionId]) {
    let store = vivavoce::store::open(&SecretString::from(url.to_owned())).unwrap();
    let (journal, driver) = Journal::open(folder, store, Settings::default()).unwrap();
    let driver = tokio::spawn(driver.run());
    let Some(first) = orders.strip_prefix("write ") else {
        journal.close(LONG).await.unwrap();
        driver.await.unwrap();
        say("drained");
        return;
    };
    let first: i32 = first.parse().unwrap();
    let mut interviews = tokio::task::JoinSet::new();
    for (interview, session) in sessions.iter().copied().enumerate() {
        let journal = journal.clone();
        interviews.spawn(async move {
            let connected = SessionStep::Connected { at: NOW };
            journal.put_record(Record::Step(TENANT, session, connected)).unwrap();
            for number in first.. {
                journal.put(TENANT, vec![an_entry(session, number, 1)]).unwrap();
                let event = SessionEvent {
                    id: Uuid::new_v5(&session.0, &number.to_be_bytes()),
                    at: NOW + time::Duration::seconds(i64::from(number)),
                    leg: "ai".into(),
                    what: number.to_string(),
                    cause: "tried".into(),
                };
                journal.put_record(Record::Event(TENANT, session, event)).unwrap();
                journal
                    .put_durable(TENANT, vec![an_entry(session, number, 2)])
                    .await
                    .unwrap();
                say(&format!("{interview} {number}."));
            }
        });
    }
    interviews.join_all().await;
}

/// A whole line in one write, so that a kill leaves a line or none.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

fn an_entry(session: SessionId, number: i32, revision: i32) -> Entry {
    let speaker = if number % 2 == 0 {
        Speaker::Ai
    } else {
        Speaker::Candidate
    };
    let text = format!("entry {number} as of revision {revision}");
    let at = NOW + time::Duration::seconds(i64::from(number));
    Entry {
        id: EntryId(Uuid::new_v5(&session.0, format!("item_{number}/0").as_bytes())),
        sequence: number,
        item_id: format!("item_{number}"),
        revision,
        ..Entry::tapped(session, speaker, text, at)
    }
}
