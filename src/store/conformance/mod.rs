//! What the trait's text means, as a suite that every implementation passes.
//!
//! Is: each call, said once, said twice, said at once, said for the wrong tenant. Isn't: what one database alone can be
//! asked (row-level security: `tests/store_postgres.rs`). **Law:** nothing here knows which database it talks to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod jobs;
mod people;
mod processes;
mod sessions;
mod sign_in;
mod transcript;

use super::sample::{CANDIDATE, OTHER_CANDIDATE, OTHER_POSITION, OTHER_TENANT, POSITION, TENANT};
use super::*;
use crate::ids::{CandidateId, EntryId, PositionId};
use std::sync::atomic::{AtomicU8, Ordering};
use time::ext::NumericalDuration;
use time::macros::datetime;
use uuid::Uuid;

/// An empty database behind `make`; each call of it stands for another process on the same one.
pub(super) async fn run(make: impl Fn() -> Arc<dyn Store>) {
    migrations_and_sample(&make).await;
    let store = make();
    the_sample_is_there(&*store).await;
    people::positions(&*store).await;
    people::candidates(&*store).await;
    invitations(&*store).await;
    people::invitations_are_listed_and_taken_back(&*store).await;
    people::an_invitation_is_given_another_token(&*store).await;
    sessions::an_invitation_has_one_session(&make).await;
    sessions::steps_never_go_backwards(&*store).await;
    sessions::the_first_end_stays(&*store).await;
    sessions::sessions_page(&*store).await;
    sessions::events(&*store).await;
    sessions::consent(&*store).await;
    transcript::entries_are_there_once_in_order(&*store).await;
    transcript::the_highest_revision_stays(&*store).await;
    transcript::reported_never_takes_a_tapped_ones_place(&*store).await;
    transcript::odd_text_is_kept(&*store).await;
    transcript::another_tenant_sees_and_writes_nothing(&*store).await;
    processes::processes_come_and_go(&*store).await;
    processes::a_lease_is_one_processes(&make).await;
    processes::a_draining_owner_hears_that_it_is_wanted(&*store).await;
    processes::a_former_holder_has_no_word_on_what_came_after(&*store).await;
    processes::sessions_that_nobody_drives_are_found(&*store).await;
    idempotency(&make).await;
    audit(&*store).await;
    jobs::a_job_is_there_until_it_is_done(&make).await;
    sign_in::accounts(&*store).await;
    sign_in::a_link_is_good_once_in_its_browser(&make).await;
    sign_in::a_refresh_token_that_is_shown_again_ends_its_family(&*store).await;
}

const NOW: OffsetDateTime = datetime!(2026-11-24 16:40:00.123456 UTC);

async fn migrations_and_sample(make: &impl Fn() -> Arc<dyn Store>) {
    let (one, two, three) = (make(), make(), make());
    let (a, b, c) = tokio::join!(one.migrate(), two.migrate(), three.migrate());
    for migrated in [a, b, c] {
        migrated.unwrap();
    }
    one.migrate().await.unwrap();
    one.ping().await.unwrap();
    assert!(one.is_empty().await.unwrap());
    let (a, b) = tokio::join!(one.add_sample(), two.add_sample());
    assert!(
        matches!(
            (&a, &b),
            (Ok(()), Err(Error::Conflict(_))) | (Err(Error::Conflict(_)), Ok(()))
        ),
        "{a:?} {b:?}"
    );
    assert!(!two.is_empty().await.unwrap());
    assert!(matches!(one.add_sample().await, Err(Error::Conflict(_))));
}

async fn the_sample_is_there(store: &dyn Store) {
    assert!(store.tenant(TENANT).await.unwrap().unwrap().name.contains("sample"));
    assert_eq!(store.tenant(TenantId::new()).await.unwrap(), None);
    let [first, second] = sample::tenants();
    assert_eq!(store.position(TENANT, POSITION).await.unwrap(), Some(first.position));
    assert_eq!(
        store.candidate(OTHER_TENANT, OTHER_CANDIDATE).await.unwrap(),
        Some(second.candidate)
    );
    assert_eq!(store.candidate(TENANT, CandidateId::new()).await.unwrap(), None);
    // Another tenant's is absent.
    assert_eq!(store.position(TENANT, OTHER_POSITION).await.unwrap(), None);
    assert_eq!(store.candidate(OTHER_TENANT, CANDIDATE).await.unwrap(), None);
}

async fn invitations(store: &dyn Store) {
    let new = new_invitation();
    let made = store.invitation_create(TENANT, &new).await.unwrap();
    let expected = Invitation {
        id: new.id,
        tenant: TENANT,
        candidate: CANDIDATE,
        position: POSITION,
        expires_at: new.expires_at,
        revoked: false,
        over: false,
    };
    assert_eq!(made, expected);
    assert_eq!(
        store.invitation_create(TENANT, &new).await.unwrap(),
        expected,
        "said twice, stored once"
    );
    assert_eq!(store.invitation(TENANT, new.id).await.unwrap(), Some(expected.clone()));
    assert_eq!(store.invitation(OTHER_TENANT, new.id).await.unwrap(), None);
    assert_eq!(store.invitation(TENANT, InvitationId::new()).await.unwrap(), None);
    assert_eq!(
        store.invitation_by_token(&new.token_sha256).await.unwrap(),
        Some(expected)
    );
    assert_eq!(store.invitation_by_token(&[0; 32]).await.unwrap(), None);

    // The same token under another id, or the same id with another token.
    let clash = NewInvitation {
        id: InvitationId::new(),
        ..new.clone()
    };
    assert!(matches!(
        store.invitation_create(TENANT, &clash).await,
        Err(Error::Conflict(_))
    ));
    let clash = NewInvitation {
        token_sha256: unique(),
        ..new.clone()
    };
    assert!(matches!(
        store.invitation_create(TENANT, &clash).await,
        Err(Error::Conflict(_))
    ));
    // Another tenant's candidate is as absent as one that does not exist.
    for candidate in [OTHER_CANDIDATE, CandidateId::new()] {
        let foreign = NewInvitation {
            candidate,
            ..new_invitation()
        };
        let refused = store.invitation_create(TENANT, &foreign).await;
        assert!(
            matches!(refused, Err(Error::Missing("candidate or position"))),
            "{refused:?}"
        );
    }

    store.invitation_redeemed(TENANT, new.id, NOW).await.unwrap();
    store.invitation_redeemed(TENANT, new.id, NOW).await.unwrap();
    store
        .invitation_redeemed(TENANT, new.id, NOW + 1.hours())
        .await
        .unwrap();
    let log = store.audit_log(TENANT, 100).await.unwrap();
    let redemptions: Vec<_> = log.iter().filter(|row| row.object == new.id.to_string()).collect();
    assert_eq!(redemptions.len(), 2, "each redemption once: {redemptions:?}");
    for (tenant, id) in [(OTHER_TENANT, new.id), (TENANT, InvitationId::new())] {
        let refused = store.invitation_redeemed(tenant, id, NOW).await;
        assert!(matches!(refused, Err(Error::Missing("invitation"))), "{refused:?}");
    }
}

async fn idempotency(make: &impl Fn() -> Arc<dyn Store>) {
    let store = make();
    let key = |body: u8| IdempotencyKey {
        caller: "tenant/sub".into(),
        route: "POST /api/invitations".into(),
        key: "k-1".into(),
        body_sha256: [body; 32],
    };
    let one = key(1);
    let others = [make(), make(), make()];
    let (a, b, c) = tokio::join!(
        others[0].idempotency_begin(&one, NOW),
        others[1].idempotency_begin(&one, NOW),
        others[2].idempotency_begin(&one, NOW),
    );
    let mut answers = [a.unwrap(), b.unwrap(), c.unwrap()];
    answers.sort_by_key(|answer| *answer != Idempotency::Fresh);
    assert_eq!(
        answers,
        [Idempotency::Fresh, Idempotency::InFlight, Idempotency::InFlight]
    );
    assert_eq!(
        store.idempotency_begin(&key(2), NOW).await.unwrap(),
        Idempotency::Mismatch
    );
    // Released: the next has it. Lapsed: one of the next has it.
    store.idempotency_end(&key(1), None).await.unwrap();
    assert_eq!(store.idempotency_begin(&key(1), NOW).await.unwrap(), Idempotency::Fresh);
    let later = NOW + 59.seconds();
    assert_eq!(
        store.idempotency_begin(&key(1), later).await.unwrap(),
        Idempotency::InFlight
    );
    let lapsed = NOW + 61.seconds();
    assert_eq!(
        store.idempotency_begin(&key(1), lapsed).await.unwrap(),
        Idempotency::Fresh
    );
    assert_eq!(
        store.idempotency_begin(&key(1), lapsed).await.unwrap(),
        Idempotency::InFlight
    );
    // Answered: the first answer, for ever, and for this caller, route and body alone.
    let answer = KeptAnswer {
        status: 201,
        body: vec![0, 159, 255],
    };
    store.idempotency_end(&key(1), Some(&answer)).await.unwrap();
    store
        .idempotency_end(
            &key(1),
            Some(&KeptAnswer {
                status: 500,
                body: vec![],
            }),
        )
        .await
        .unwrap();
    store.idempotency_end(&key(1), None).await.unwrap();
    let late = lapsed + 10.hours();
    assert_eq!(
        store.idempotency_begin(&key(1), late).await.unwrap(),
        Idempotency::Answered(answer)
    );
    assert_eq!(
        store.idempotency_begin(&key(2), late).await.unwrap(),
        Idempotency::Mismatch
    );
    let elsewhere = [
        IdempotencyKey {
            caller: "tenant/other".into(),
            ..key(1)
        },
        IdempotencyKey {
            route: "POST /api/sessions".into(),
            ..key(1)
        },
        IdempotencyKey {
            key: "k-2".into(),
            ..key(1)
        },
    ];
    for key in elsewhere {
        assert_eq!(store.idempotency_begin(&key, late).await.unwrap(), Idempotency::Fresh);
    }
    // Forgotten after a day.
    let next_day = lapsed + 24.hours() + 1.seconds();
    assert_eq!(
        store.idempotency_begin(&key(2), next_day).await.unwrap(),
        Idempotency::Fresh
    );
}

async fn audit(store: &dyn Store) {
    let row = |minutes: i64| Audit {
        at: NOW + time::Duration::days(1) + time::Duration::minutes(minutes),
        who: "018f0000-0000-7000-8000-000000000004".into(),
        what: "session.ended".into(),
        object: "a session".into(),
    };
    for row in [row(1), row(2), row(1)] {
        store.audit(TENANT, &row).await.unwrap();
    }
    assert_eq!(store.audit_log(TENANT, 2).await.unwrap(), [row(2), row(1)]);
    assert!(store.audit_log(OTHER_TENANT, 10).await.unwrap().is_empty());
    let refused = store.audit(TenantId::new(), &row(1)).await;
    assert!(matches!(refused, Err(Error::Missing("tenant"))), "{refused:?}");
}

// === what the checks are made of ===

fn new_invitation() -> NewInvitation {
    NewInvitation {
        id: InvitationId::new(),
        candidate: CANDIDATE,
        position: POSITION,
        email: None,
        token_sha256: unique(),
        created_at: NOW,
        expires_at: NOW + 48.hours(),
    }
}

async fn new_session(store: &dyn Store) -> SessionId {
    let invitation = store.invitation_create(TENANT, &new_invitation()).await.unwrap();
    store.session_open(TENANT, invitation.id, NOW).await.unwrap().session.id
}

fn entry(session: SessionId, sequence: i32, content_index: i32) -> Entry {
    let item_id = format!("item_{sequence}");
    let speaker = if sequence % 2 == 0 {
        Speaker::Candidate
    } else {
        Speaker::Ai
    };
    let text = format!("entry {sequence}, part {content_index}");
    let at = NOW + time::Duration::seconds(i64::from(sequence));
    Entry {
        id: EntryId(Uuid::new_v5(
            &session.0,
            format!("{item_id}/{content_index}").as_bytes(),
        )),
        sequence,
        end_time: Some(at + time::Duration::seconds(1)),
        item_id,
        content_index,
        ..Entry::tapped(session, speaker, text, at)
    }
}

fn ended(at: OffsetDateTime, reason: EndReason) -> SessionStep {
    SessionStep::Ended {
        at,
        reason,
        technical_failure: None,
        recording_url: None,
    }
}

fn unique() -> [u8; 32] {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    [NEXT.fetch_add(1, Ordering::Relaxed); 32]
}
