//! Positions and candidates: made, paged, changed field by field, absent for another tenant.

use super::*;
use crate::store::{PositionPatch, Renewal};

pub(super) async fn positions(store: &dyn Store) {
    let made = position("First");
    store.position_create(OTHER_TENANT, &made, NOW).await.unwrap();
    let again = store.position_create(OTHER_TENANT, &made, NOW).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    // An id is one tenant's: to another it is taken, and what it names stays out of sight.
    let taken = store.position_create(TENANT, &made, NOW).await;
    assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
    assert_eq!(store.position(TENANT, made.id).await.unwrap(), None);
    let nobody = store.position_create(TenantId::new(), &position("x"), NOW).await;
    assert!(matches!(nobody, Err(Error::Missing("tenant"))), "{nobody:?}");

    let second = position("Second");
    store.position_create(OTHER_TENANT, &second, NOW).await.unwrap();
    let titles = async |limit, after| {
        let page = store.positions(OTHER_TENANT, limit, after).await.unwrap();
        page.into_iter().map(|position| position.title).collect::<Vec<_>>()
    };
    assert_eq!(titles(2, None).await, ["Second", "First"]);
    let rest = titles(10, Some(made.id)).await;
    assert_eq!(rest.len(), 1, "the sample's own: {rest:?}");

    let patch = PositionPatch {
        title: Some("Renamed".into()),
        max_minutes: Some(7),
        plan: Some(vec![]),
        ..PositionPatch::default()
    };
    let expected = Position {
        title: "Renamed".into(),
        max_minutes: 7,
        plan: vec![],
        ..made.clone()
    };
    let changed = store.position_change(OTHER_TENANT, made.id, &patch).await.unwrap();
    assert_eq!(changed, Some(expected.clone()));
    // Another tenant's is absent, and untouched.
    let other = PositionPatch {
        title: Some("stolen".into()),
        ..PositionPatch::default()
    };
    assert_eq!(store.position_change(TENANT, made.id, &other).await.unwrap(), None);
    assert_eq!(store.position(OTHER_TENANT, made.id).await.unwrap(), Some(expected));
    // Two who change different things at once both have their way.
    let (title, voice) = (
        PositionPatch {
            title: Some("Both".into()),
            ..PositionPatch::default()
        },
        PositionPatch {
            voice: Some("cedar".into()),
            ..PositionPatch::default()
        },
    );
    let (a, b) = tokio::join!(
        store.position_change(OTHER_TENANT, made.id, &title),
        store.position_change(OTHER_TENANT, made.id, &voice)
    );
    assert!(a.unwrap().is_some() && b.unwrap().is_some());
    let both = store.position(OTHER_TENANT, made.id).await.unwrap().unwrap();
    assert_eq!((both.title.as_str(), both.voice.as_str()), ("Both", "cedar"));
}

pub(super) async fn candidates(store: &dyn Store) {
    let made = candidate("Ada\0 Lovelace");
    store.candidate_create(OTHER_TENANT, &made, NOW).await.unwrap();
    let kept = Candidate {
        name: "Ada\u{fffd} Lovelace".into(),
        ..made.clone()
    };
    assert_eq!(
        store.candidate(OTHER_TENANT, made.id).await.unwrap(),
        Some(kept.clone())
    );
    for tenant in [OTHER_TENANT, TENANT] {
        let again = store.candidate_create(tenant, &made, NOW).await;
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    }
    let second = candidate("Second");
    store.candidate_create(OTHER_TENANT, &second, NOW).await.unwrap();
    let page = store.candidates(OTHER_TENANT, 2, None).await.unwrap();
    assert_eq!(page, [second, kept]);
    assert_eq!(store.candidates(OTHER_TENANT, 9, Some(made.id)).await.unwrap().len(), 1);

    let patch = CandidatePatch {
        email: Some("ada@new.example".into()),
        name: None,
    };
    assert_eq!(store.candidate_change(TENANT, made.id, &patch).await.unwrap(), None);
    let changed = store.candidate_change(OTHER_TENANT, made.id, &patch).await.unwrap();
    let changed = changed.unwrap();
    assert_eq!(
        (changed.name.as_str(), changed.email.as_str()),
        ("Ada\u{fffd} Lovelace", "ada@new.example")
    );
}

pub(super) async fn invitations_are_listed_and_taken_back(store: &dyn Store) {
    let made = [new_invitation(), new_invitation()];
    for new in &made {
        store.invitation_create(TENANT, new).await.unwrap();
    }
    let page = store.invitations(TENANT, 2, None).await.unwrap();
    let ids: Vec<_> = page.iter().map(|listed| listed.invitation.id).collect();
    assert_eq!(ids, [made[1].id, made[0].id]);
    assert!(
        page.iter()
            .all(|listed| !listed.has_begun && !listed.invitation.revoked)
    );
    let before = store.invitations(TENANT, 1, Some(made[1].id)).await.unwrap();
    assert_eq!(before[0].invitation.id, made[0].id);
    assert!(store.invitations(OTHER_TENANT, 9, None).await.unwrap().is_empty());

    for _ in 0..2 {
        let revoked = store.invitation_revoke(TENANT, made[0].id, NOW).await.unwrap();
        assert!(revoked.revoked);
    }
    let opened = store.session_open(TENANT, made[0].id, NOW).await;
    assert!(matches!(opened, Err(Error::Conflict(_))), "{opened:?}");
    for (tenant, id) in [(OTHER_TENANT, made[1].id), (TENANT, InvitationId::new())] {
        let refused = store.invitation_revoke(tenant, id, NOW).await;
        assert!(matches!(refused, Err(Error::Missing("invitation"))), "{refused:?}");
    }

    let session = store.session_open(TENANT, made[1].id, NOW).await.unwrap().session.id;
    let page = store.invitations(TENANT, 2, None).await.unwrap();
    assert!(page[0].has_begun && !page[0].invitation.over && page[1].invitation.revoked);
    store
        .session_step(TENANT, session, &ended(NOW, EndReason::Candidate))
        .await
        .unwrap();
    let refused = store.invitation_revoke(TENANT, made[1].id, NOW).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert!(store.invitations(TENANT, 1, None).await.unwrap()[0].invitation.over);
}

pub(super) async fn an_invitation_is_given_another_token(store: &dyn Store) {
    let new = new_invitation();
    store.invitation_create(TENANT, &new).await.unwrap();
    let renewal = |email: Option<&str>| Renewal {
        token_sha256: unique(),
        expires_at: NOW + 72.hours(),
        email: email.map(str::to_owned),
    };
    let first = renewal(None);
    let renewed = store.invitation_renew(TENANT, new.id, &first).await.unwrap();
    assert_eq!((renewed.invitation.expires_at, renewed.email), (NOW + 72.hours(), None));
    assert_eq!(store.invitation_by_token(&new.token_sha256).await.unwrap(), None);
    let second = renewal(Some("x@new.example"));
    let renewed = store.invitation_renew(TENANT, new.id, &second).await.unwrap();
    assert_eq!(renewed.email.as_deref(), Some("x@new.example"));
    let third = renewal(None);
    let renewed = store.invitation_renew(TENANT, new.id, &third).await.unwrap();
    assert_eq!(renewed.email.as_deref(), Some("x@new.example"), "it stays");
    let found = store.invitation_by_token(&third.token_sha256).await.unwrap();
    assert_eq!(found.map(|found| found.id), Some(new.id));
    for (tenant, id) in [(OTHER_TENANT, new.id), (TENANT, InvitationId::new())] {
        let refused = store.invitation_renew(tenant, id, &renewal(None)).await;
        assert!(matches!(refused, Err(Error::Missing("invitation"))), "{refused:?}");
    }
    store.invitation_revoke(TENANT, new.id, NOW).await.unwrap();
    let refused = store.invitation_renew(TENANT, new.id, &renewal(None)).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert!(store.invitation_by_token(&third.token_sha256).await.unwrap().is_some());
}

fn position(title: &str) -> Position {
    let [_, second] = sample::tenants();
    Position {
        id: PositionId::new(),
        title: title.into(),
        ..second.position
    }
}

fn candidate(name: &str) -> Candidate {
    Candidate {
        id: CandidateId::new(),
        name: name.into(),
        email: "x@candidates.example".into(),
    }
}
