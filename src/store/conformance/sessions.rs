//! Conformance: sessions, their steps, events and consent.

use super::*;
use crate::store::SessionStatus::{Completed, InProgress};

pub(super) async fn an_invitation_has_one_session(make: &impl Fn() -> Arc<dyn Store>) {
    let store = make();
    let invitation = store.invitation_create(TENANT, &new_invitation()).await.unwrap().id;
    let mut asking = tokio::task::JoinSet::new();
    for other in [make(), make(), make(), make()] {
        for _ in 0..4 {
            let other = Arc::clone(&other);
            asking.spawn(async move { other.session_open(TENANT, invitation, NOW).await.unwrap() });
        }
    }
    let opened = asking.join_all().await;
    assert_eq!(opened.iter().filter(|opened| opened.created).count(), 1);
    assert!(opened.iter().all(|one| one.session == opened[0].session));
    let session = opened[0].session.clone();
    let expected = Session {
        id: session.id,
        tenant: TENANT,
        invitation,
        candidate: CANDIDATE,
        position: POSITION,
        status: SessionStatus::Created,
        webrtc_status: None,
        webrtc_connection_time: None,
        webrtc_disconnection_time: None,
        created_at: NOW,
        started_at: None,
        ended_at: None,
        end_reason: None,
        technical_failure: None,
        recording_url: None,
        entries: 0,
    };
    assert_eq!(session, expected);
    assert_eq!(store.session(TENANT, session.id).await.unwrap(), Some(expected));

    // Good until its session ends; then over, and no second interview by it.
    store.invitation_redeemed(TENANT, invitation, NOW).await.unwrap();
    assert!(!store.invitation(TENANT, invitation).await.unwrap().unwrap().over);
    assert!(
        store
            .session_step(TENANT, session.id, &ended(NOW + 1.minutes(), EndReason::Interviewer))
            .await
            .unwrap()
    );
    let over = store.invitation(TENANT, invitation).await.unwrap().unwrap();
    assert!(over.over);
    let again = store.session_open(TENANT, invitation, NOW + 2.minutes()).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");

    for (tenant, id) in [(OTHER_TENANT, invitation), (TENANT, InvitationId::new())] {
        let refused = store.session_open(tenant, id, NOW).await;
        assert!(matches!(refused, Err(Error::Missing("invitation"))), "{refused:?}");
    }
}

pub(super) async fn steps_never_go_backwards(store: &dyn Store) {
    let id = new_session(store).await;
    let [t1, t2, t3, t4] = [1, 2, 3, 4].map(|seconds| NOW + time::Duration::seconds(seconds));
    let connected = |at| SessionStep::Connected { at };
    let disconnected = |at| SessionStep::Disconnected { at };
    // Step, is it taken, then: status, leg's status, first up, last lost.
    let table = [
        (connected(t1), true, InProgress, "connected", Some(t1), None),
        (connected(t1), true, InProgress, "connected", Some(t1), None),
        (disconnected(t2), true, InProgress, "disconnected", Some(t1), Some(t2)),
        (connected(t1), false, InProgress, "disconnected", Some(t1), Some(t2)),
        (connected(t3), true, InProgress, "connected", Some(t1), Some(t2)),
        (disconnected(t2), false, InProgress, "connected", Some(t1), Some(t2)),
        (
            ended(t4, EndReason::Time),
            true,
            Completed,
            "disconnected",
            Some(t1),
            Some(t4),
        ),
        (connected(t4), false, Completed, "disconnected", Some(t1), Some(t4)),
        (
            disconnected(t4 + 1.seconds()),
            false,
            Completed,
            "disconnected",
            Some(t1),
            Some(t4),
        ),
    ];
    for (number, (step, taken, status, leg, up, lost)) in table.into_iter().enumerate() {
        assert_eq!(
            store.session_step(TENANT, id, &step).await.unwrap(),
            taken,
            "step {number}"
        );
        let session = store.session(TENANT, id).await.unwrap().unwrap();
        let found = (
            session.status,
            session.webrtc_connection_time,
            session.webrtc_disconnection_time,
        );
        assert_eq!(found, (status, up, lost), "step {number}");
        assert_eq!(session.webrtc_status.as_deref(), Some(leg), "step {number}");
        assert_eq!(session.started_at, Some(t1), "step {number}");
    }
    for (tenant, id) in [(OTHER_TENANT, new_session(store).await), (TENANT, SessionId::new())] {
        assert!(!store.session_step(tenant, id, &connected(t1)).await.unwrap());
        assert!(
            !store
                .session_step(tenant, id, &ended(t1, EndReason::Time))
                .await
                .unwrap()
        );
    }
}

pub(super) async fn the_first_end_stays(store: &dyn Store) {
    let id = new_session(store).await;
    let failure = SessionStep::Ended {
        at: NOW,
        reason: EndReason::Failed,
        technical_failure: Some("ai_unreachable".into()),
        recording_url: None,
    };
    assert!(store.session_step(TENANT, id, &failure).await.unwrap());
    let late = SessionStep::Ended {
        at: NOW + 1.minutes(),
        reason: EndReason::Candidate,
        technical_failure: None,
        recording_url: Some("https://media.example/1".into()),
    };
    assert!(!store.session_step(TENANT, id, &late).await.unwrap());
    let other = SessionStep::Ended {
        at: NOW + 2.minutes(),
        reason: EndReason::Candidate,
        technical_failure: None,
        recording_url: Some("https://media.example/2".into()),
    };
    assert!(!store.session_step(TENANT, id, &other).await.unwrap());
    let session = store.session(TENANT, id).await.unwrap().unwrap();
    assert_eq!(session.status, SessionStatus::Failed);
    assert_eq!(session.end_reason, Some(EndReason::Failed));
    assert_eq!(session.ended_at, Some(NOW));
    assert_eq!(session.technical_failure.as_deref(), Some("ai_unreachable"));
    assert_eq!(session.recording_url.as_deref(), Some("https://media.example/1"));
    assert_eq!(session.webrtc_status, None, "no leg was ever up");
}

pub(super) async fn sessions_page(store: &dyn Store) {
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(new_session(store).await);
    }
    made.reverse();
    let ids = |page: Vec<Session>| page.into_iter().map(|session| session.id).collect::<Vec<_>>();
    let first = ids(store.sessions(TENANT, 2, None).await.unwrap());
    assert_eq!(first, made[..2]);
    let second = ids(store.sessions(TENANT, 3, Some(first[1])).await.unwrap());
    assert_eq!(second, made[2..]);
    assert!(
        ids(store.sessions(OTHER_TENANT, 100, None).await.unwrap())
            .iter()
            .all(|id| !made.contains(id))
    );
}

pub(super) async fn events(store: &dyn Store) {
    let id = new_session(store).await;
    let event = |seconds: i64, what: &str| SessionEvent {
        id: Uuid::now_v7(),
        at: NOW + time::Duration::seconds(seconds),
        leg: "candidate".into(),
        what: what.into(),
        cause: "test".into(),
    };
    // Same instant: order of arrival. A late one takes its place in time.
    let (first, second, third, early) = (event(1, "up"), event(1, "lost"), event(2, "up"), event(0, "connecting"));
    for event in [&first, &second, &third, &early, &first, &early] {
        store.session_event(TENANT, id, event).await.unwrap();
    }
    let found = store.session_events(TENANT, id).await.unwrap();
    assert_eq!(found, [early, first.clone(), second, third]);
    assert!(store.session_events(OTHER_TENANT, id).await.unwrap().is_empty());
    for (tenant, id) in [(OTHER_TENANT, id), (TENANT, SessionId::new())] {
        let refused = store.session_event(tenant, id, &event(0, "up")).await;
        assert!(matches!(refused, Err(Error::Missing("session"))), "{refused:?}");
        assert!(refused.unwrap_err().is_in_the_data());
    }
}

pub(super) async fn consent(store: &dyn Store) {
    let id = new_session(store).await;
    assert_eq!(store.consent_of(TENANT, id).await.unwrap(), None);
    for given in [true, true, false] {
        let consent = Consent {
            version: "2026-11".into(),
            given,
            at: NOW,
        };
        store.consent(TENANT, id, &consent).await.unwrap();
        assert_eq!(store.consent_of(TENANT, id).await.unwrap(), Some(consent));
    }
    assert_eq!(store.consent_of(OTHER_TENANT, id).await.unwrap(), None);
    let consent = Consent {
        version: "2026-11".into(),
        given: true,
        at: NOW,
    };
    for (tenant, id) in [(OTHER_TENANT, id), (TENANT, SessionId::new())] {
        assert!(matches!(
            store.consent(tenant, id, &consent).await,
            Err(Error::Missing("session"))
        ));
    }
}
