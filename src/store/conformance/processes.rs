//! Conformance: processes, leases, what a former holder may still say, and sessions that nobody drives.

use super::*;
use std::time::Duration;

/// Nobody is dead: whatever a test does takes less.
const NEVER: Duration = Duration::from_secs(3600);
/// Whoever has ever beaten is dead.
const AT_ONCE: Duration = Duration::ZERO;

fn process() -> Process {
    let id = ProcessId::new();
    Process {
        id,
        node: Uuid::now_v7(),
        url: format!("https://{id}.example.com"),
    }
}

async fn begun(store: &dyn Store) -> Process {
    let process = process();
    store.process_begin(&process, NOW).await.unwrap();
    process
}

fn fence_of(taken: &LeaseTaken) -> Fence {
    match taken {
        LeaseTaken::Yes { fence, .. } => *fence,
        LeaseTaken::No { owner } => panic!("it is {owner:?}'s"),
    }
}

fn is_of(taken: &LeaseTaken, process: &Process) -> bool {
    matches!(taken, LeaseTaken::No { owner } if owner.id == process.id && owner.url == process.url)
}

pub(super) async fn processes_come_and_go(store: &dyn Store) {
    let one = begun(store).await;
    store.process_begin(&one, NOW).await.unwrap();
    assert_eq!(
        store.process_beat(one.id, false, NOW + 1.minutes()).await.unwrap(),
        Some(0)
    );
    let here = |seen: &[SeenProcess]| {
        seen.iter()
            .filter(|seen| seen.id == one.id)
            .cloned()
            .collect::<Vec<_>>()
    };
    let seen = here(&store.processes(NEVER).await.unwrap());
    assert_eq!(seen.len(), 1, "begun twice, there once");
    assert_eq!((seen[0].url.as_str(), seen[0].is_draining), (one.url.as_str(), false));
    assert!(seen[0].silent < Duration::from_secs(60), "{:?}", seen[0].silent);
    assert_eq!(
        here(&store.processes(AT_ONCE).await.unwrap()),
        [],
        "none is heard of within no time"
    );
    store.process_beat(one.id, true, NOW + 1.minutes()).await.unwrap();
    assert!(here(&store.processes(NEVER).await.unwrap())[0].is_draining);
    // The next of the node takes the former's place; another node's is left.
    let other = begun(store).await;
    let next = Process {
        node: one.node,
        ..process()
    };
    store.process_begin(&next, NOW).await.unwrap();
    assert_eq!(
        store.process_beat(one.id, false, NOW + 1.minutes()).await.unwrap(),
        None,
        "it must begin again"
    );
    assert_eq!(
        store.process_beat(other.id, false, NOW + 1.minutes()).await.unwrap(),
        Some(0)
    );
    for gone in [&next, &other, &other] {
        store.process_end(gone.id).await.unwrap();
    }
    assert_eq!(
        store.process_beat(other.id, false, NOW + 1.minutes()).await.unwrap(),
        None
    );
}

pub(super) async fn a_lease_is_one_processes(make: &impl Fn() -> Arc<dyn Store>) {
    let store = make();
    let session = new_session(&*store).await;
    assert_eq!(store.lease(TENANT, session).await.unwrap(), None);
    let (a, b) = (begun(&*store).await, begun(&*store).await);
    // All ask at once: one has it.
    let mut asking = tokio::task::JoinSet::new();
    for process in [&a, &b, &a, &b] {
        let (store, id) = (make(), process.id);
        asking.spawn(async move { store.lease_take(TENANT, session, id, NEVER).await.unwrap() });
    }
    let answers = asking.join_all().await;
    let owner = store.lease(TENANT, session).await.unwrap().unwrap().owner.unwrap();
    let (owner, other) = if owner.id == a.id { (&a, &b) } else { (&b, &a) };
    let refused = answers.iter().filter(|answer| is_of(answer, owner)).count();
    assert_eq!(refused, 2, "{answers:?}");
    // Its own again is its own, under a higher fence; pokes nobody.
    let first = fence_of(&store.lease_take(TENANT, session, owner.id, NEVER).await.unwrap());
    let pokes = store
        .process_beat(owner.id, false, NOW + 1.minutes())
        .await
        .unwrap()
        .unwrap();
    let again = store.lease_take(TENANT, session, owner.id, NEVER).await.unwrap();
    assert!(fence_of(&again) > first);
    assert!(matches!(again, LeaseTaken::Yes { former: None, .. }));
    assert_eq!(
        store.process_beat(owner.id, false, NOW + 1.minutes()).await.unwrap(),
        Some(pokes)
    );
    // Given back under an old fence it is not; under its own it is free, and the fence goes on rising.
    assert!(!store.lease_release(TENANT, session, first).await.unwrap());
    assert!(store.lease_release(TENANT, session, fence_of(&again)).await.unwrap());
    assert!(!store.lease_release(TENANT, session, fence_of(&again)).await.unwrap());
    assert_eq!(store.lease(TENANT, session).await.unwrap().unwrap().owner, None);
    let theirs = store.lease_take(TENANT, session, other.id, NEVER).await.unwrap();
    assert!(matches!(theirs, LeaseTaken::Yes { former: None, .. }));
    assert!(fence_of(&theirs) > fence_of(&again));
    // The owner falls silent: it is taken from it, and it is told.
    let seized = store.lease_take(TENANT, session, owner.id, AT_ONCE).await.unwrap();
    let was = |has_ended, alive_until| Some(Former { has_ended, alive_until });
    assert!(
        matches!(seized, LeaseTaken::Yes { former, .. } if former == was(false, NOW)),
        "{seized:?}"
    );
    assert!(fence_of(&seized) > fence_of(&theirs));
    assert_eq!(
        store.process_beat(other.id, false, NOW + 1.minutes()).await.unwrap(),
        Some(1)
    );
    assert!(!store.lease_release(TENANT, session, fence_of(&theirs)).await.unwrap());
    // The owner ends: free at once, however long one waits for the dead.
    store.process_end(owner.id).await.unwrap();
    assert_eq!(store.lease(TENANT, session).await.unwrap().unwrap().owner, None);
    let taken = store.lease_take(TENANT, session, other.id, NEVER).await.unwrap();
    assert!(fence_of(&taken) > fence_of(&seized));
    assert!(
        matches!(taken, LeaseTaken::Yes { former: None, .. }),
        "it ended in good order"
    );
    // It dies, and the next of its node says so: free at once too, and known for dead.
    let next = Process {
        node: other.node,
        ..process()
    };
    store.process_begin(&next, NOW).await.unwrap();
    let after = store.lease_take(TENANT, session, next.id, NEVER).await.unwrap();
    assert!(
        matches!(after, LeaseTaken::Yes { former, .. } if former == was(true, NOW + 1.minutes())),
        "{after:?}"
    );
    store.process_begin(other, NOW).await.unwrap();
    let taken = store.lease_take(TENANT, session, other.id, AT_ONCE).await.unwrap();
    // Somebody has ended the session elsewhere.
    store.lease_poke(TENANT, session).await.unwrap();
    assert_eq!(
        store.process_beat(other.id, false, NOW + 1.minutes()).await.unwrap(),
        Some(3)
    );
    // Another tenant has no such session.
    for (tenant, id) in [(OTHER_TENANT, session), (TENANT, SessionId::new())] {
        let refused = store.lease_take(tenant, id, other.id, NEVER).await;
        assert!(matches!(refused, Err(Error::Missing("session"))), "{refused:?}");
        assert_eq!(store.lease(tenant, id).await.unwrap(), None);
        assert!(!store.lease_release(tenant, id, fence_of(&taken)).await.unwrap());
    }
    assert!(store.lease(TENANT, session).await.unwrap().unwrap().owner.is_some());
}

pub(super) async fn a_draining_owner_hears_that_it_is_wanted(store: &dyn Store) {
    let session = new_session(store).await;
    let (owner, other) = (begun(store).await, begun(store).await);
    let fence = fence_of(&store.lease_take(TENANT, session, owner.id, NEVER).await.unwrap());
    let refused = store.lease_take(TENANT, session, other.id, NEVER).await.unwrap();
    assert!(is_of(&refused, &owner));
    assert!(
        !store.lease(TENANT, session).await.unwrap().unwrap().is_wanted,
        "it does not drain"
    );
    assert_eq!(
        store.process_beat(owner.id, true, NOW + 1.minutes()).await.unwrap(),
        Some(0)
    );
    for _ in 0..3 {
        let refused = store.lease_take(TENANT, session, other.id, NEVER).await.unwrap();
        assert!(is_of(&refused, &owner) && matches!(refused, LeaseTaken::No { owner } if owner.is_draining));
    }
    assert_eq!(
        store.process_beat(owner.id, true, NOW + 1.minutes()).await.unwrap(),
        Some(1),
        "told once"
    );
    let lease = store.lease(TENANT, session).await.unwrap().unwrap();
    assert!(lease.is_wanted && lease.fence == fence);
    assert!(store.lease_release(TENANT, session, fence).await.unwrap());
    let taken = store.lease_take(TENANT, session, other.id, NEVER).await.unwrap();
    assert!(matches!(taken, LeaseTaken::Yes { former: None, .. }));
    assert!(!store.lease(TENANT, session).await.unwrap().unwrap().is_wanted);
}

pub(super) async fn a_former_holder_has_no_word_on_what_came_after(store: &dyn Store) {
    let session = new_session(store).await;
    let (a, b) = (begun(store).await, begun(store).await);
    let before = fence_of(&store.lease_take(TENANT, session, a.id, NEVER).await.unwrap());
    let now = crate::clock::wall();
    let (early, late) = (now - 1.hours(), now + 1.hours());
    let by = |fence: Fence, at: OffsetDateTime| Hand { fence, at };
    let one = |number: i32| entry(session, number, 0);
    // As long as it holds it: whatever the time.
    let entries = [(by(before, early), one(1)), (by(before, late), one(2))];
    assert_eq!(store.transcript_put_held(TENANT, &entries).await.unwrap(), 0);
    assert!(store.lease_covers(TENANT, session, by(before, late)).await.unwrap());
    let after = fence_of(&store.lease_take(TENANT, session, b.id, AT_ONCE).await.unwrap());
    // It wakes again: what was put before is stored, what is put later is not; the new holder writes both.
    let entries = [
        (by(before, early), one(3)),
        (by(before, late), one(4)),
        (by(after, late), one(5)),
        (by(after, early), one(6)),
    ];
    assert_eq!(store.transcript_put_held(TENANT, &entries).await.unwrap(), 1);
    let stored = store.transcript(TENANT, session, false).await.unwrap();
    assert_eq!(
        stored.iter().map(|entry| entry.sequence).collect::<Vec<_>>(),
        [1, 2, 3, 5, 6]
    );
    for (hand, covered) in [
        (by(before, early), true),
        (by(before, late), false),
        (by(after, late), true),
    ] {
        assert_eq!(store.lease_covers(TENANT, session, hand).await.unwrap(), covered);
    }
    // Given back, nobody took it since: the holder's last words are still its.
    store.lease_release(TENANT, session, after).await.unwrap();
    assert!(store.lease_covers(TENANT, session, by(after, late)).await.unwrap());
    // Another's session is absent.
    let refused = store
        .transcript_put_held(OTHER_TENANT, &[(by(before, early), one(7))])
        .await;
    assert!(matches!(refused, Err(Error::Missing("session"))), "{refused:?}");
}

pub(super) async fn sessions_that_nobody_drives_are_found(store: &dyn Store) {
    let owner = begun(store).await;
    let found = async |dead_after: Duration, overdue_by: Duration| -> Vec<SessionId> {
        let found = store.sessions_adrift(dead_after, overdue_by, 1000).await.unwrap();
        assert!(found.iter().all(|(tenant, _)| *tenant == TENANT));
        found.into_iter().map(|(_, session)| session).collect()
    };
    let [never_begun, overdue, fresh, told, over] = [
        new_session(store).await,
        new_session(store).await,
        new_session(store).await,
        new_session(store).await,
        new_session(store).await,
    ];
    let now = crate::clock::wall();
    let connected = |at| SessionStep::Connected { at };
    store
        .session_step(TENANT, overdue, &connected(now - 3.hours()))
        .await
        .unwrap();
    store.session_step(TENANT, fresh, &connected(now)).await.unwrap();
    store
        .session_step(TENANT, over, &connected(now - 3.hours()))
        .await
        .unwrap();
    store
        .session_step(TENANT, over, &ended(now, EndReason::Time))
        .await
        .unwrap();
    let said = |what: &str| SessionEvent {
        id: Uuid::now_v7(),
        at: now,
        leg: "session".into(),
        what: what.into(),
        cause: String::new(),
    };
    store.session_event(TENANT, told, &said("ended")).await.unwrap();
    store.session_event(TENANT, fresh, &said("greeted")).await.unwrap();
    let adrift = found(NEVER, Duration::from_secs(60)).await;
    let is_there = |adrift: &[SessionId]| [never_begun, overdue, fresh, told, over].map(|id| adrift.contains(&id));
    assert_eq!(is_there(&adrift), [false, true, false, true, false]);
    assert!(adrift.is_sorted(), "the oldest first");
    assert_eq!(store.sessions_adrift(NEVER, Duration::ZERO, 1).await.unwrap().len(), 1);
    let adrift = found(NEVER, Duration::from_secs(24 * 3600)).await;
    assert_eq!(
        is_there(&adrift),
        [false, false, false, true, false],
        "not overdue for so long"
    );
    // Driven by one who lives; by one who is silent.
    for session in [overdue, told] {
        store.lease_take(TENANT, session, owner.id, NEVER).await.unwrap();
    }
    let adrift = found(NEVER, Duration::ZERO).await;
    assert_eq!(is_there(&adrift), [false; 5]);
    let adrift = found(AT_ONCE, Duration::ZERO).await;
    assert_eq!(is_there(&adrift), [false, true, false, true, false]);
}
