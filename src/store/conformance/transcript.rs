//! Conformance: transcript entries, however often, in whatever order and for whomever they are put.

use super::*;

pub(super) async fn entries_are_there_once_in_order(store: &dyn Store) {
    let id = new_session(store).await;
    let entries = [entry(id, 1, 0), entry(id, 2, 0), entry(id, 2, 1), entry(id, 3, 0)];
    // Arrival is not the order, and an entry comes more than once, also within one call.
    let arriving = [3, 1, 0, 2, 1].map(|index: usize| entries[index].clone());
    for _ in 0..2 {
        store.transcript_put(TENANT, &arriving).await.unwrap();
    }
    store.transcript_put(TENANT, &[]).await.unwrap();
    assert_eq!(store.transcript(TENANT, id, true).await.unwrap(), entries);
    assert_eq!(store.session(TENANT, id).await.unwrap().unwrap().entries, 4);
}

pub(super) async fn the_highest_revision_stays(store: &dyn Store) {
    let id = new_session(store).await;
    let first = entry(id, 7, 0);
    let third = Entry {
        revision: 3,
        sequence: 2,
        text: "all of it".into(),
        end_time: None,
        interrupted: true,
        heard_ms: Some(1_234),
        heard_text: Some("all".into()),
        gap: Some("transcription_failed".into()),
        ..first.clone()
    };
    let second = Entry {
        revision: 2,
        text: "some of it".into(),
        ..first.clone()
    };
    let rival = Entry {
        text: "another third".into(),
        ..third.clone()
    };
    for put in [&first, &third, &second, &rival, &first] {
        store.transcript_put(TENANT, std::slice::from_ref(put)).await.unwrap();
    }
    assert_eq!(store.transcript(TENANT, id, false).await.unwrap(), [third]);
}

pub(super) async fn reported_never_takes_a_tapped_ones_place(store: &dyn Store) {
    let id = new_session(store).await;
    let tapped = entry(id, 1, 0);
    let claim = Entry {
        source: Source::Reported,
        revision: 9,
        text: "a claim".into(),
        ..tapped.clone()
    };
    let reported = Entry {
        source: Source::Reported,
        ..entry(id, 2, 0)
    };
    let typed = Entry {
        source: Source::Typed,
        ..entry(id, 3, 0)
    };
    store
        .transcript_put(TENANT, &[tapped.clone(), claim, reported.clone(), typed.clone()])
        .await
        .unwrap();
    assert_eq!(
        store.transcript(TENANT, id, false).await.unwrap(),
        [tapped.clone(), typed.clone()]
    );
    assert_eq!(
        store.transcript(TENANT, id, true).await.unwrap(),
        [tapped, reported, typed]
    );
    assert_eq!(store.session(TENANT, id).await.unwrap().unwrap().entries, 2);
}

pub(super) async fn odd_text_is_kept(store: &dyn Store) {
    let id = new_session(store).await;
    let text = "it's \"5 % faster\"; DROP TABLE x; -- \u{1f600} 日本語 \u{202e}\n\r\t{0} $1 ?1 \\x00";
    let odd = Entry {
        text: text.into(),
        ..entry(id, 1, 0)
    };
    let nul = Entry {
        text: "before\0after".into(),
        ..entry(id, 2, 0)
    };
    let long = Entry {
        text: "a word ".repeat(20_000),
        ..entry(id, 3, 0)
    };
    let empty = Entry {
        text: String::new(),
        ..entry(id, 4, 0)
    };
    store
        .transcript_put(TENANT, &[odd, nul, long.clone(), empty])
        .await
        .unwrap();
    let found: Vec<String> = store
        .transcript(TENANT, id, false)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| entry.text)
        .collect();
    assert_eq!(found, [text, "before\u{fffd}after", &long.text, ""]);
}

pub(super) async fn another_tenant_sees_and_writes_nothing(store: &dyn Store) {
    let id = new_session(store).await;
    let ours = entry(id, 1, 0);
    store.transcript_put(TENANT, std::slice::from_ref(&ours)).await.unwrap();
    assert_eq!(store.session(OTHER_TENANT, id).await.unwrap(), None);
    assert!(store.transcript(OTHER_TENANT, id, true).await.unwrap().is_empty());
    // To write into another's session is to write into one that does not exist, the id of an entry known or not.
    let theirs = Entry {
        text: "theirs".into(),
        revision: 100,
        ..ours.clone()
    };
    for (tenant, put) in [
        (OTHER_TENANT, theirs),
        (OTHER_TENANT, entry(id, 5, 0)),
        (TENANT, entry(SessionId::new(), 5, 0)),
    ] {
        let refused = store.transcript_put(tenant, &[put]).await;
        assert!(matches!(refused, Err(Error::Missing("session"))), "{refused:?}");
    }
    // All of a call or none.
    let refused = store
        .transcript_put(TENANT, &[entry(id, 2, 0), entry(SessionId::new(), 1, 0)])
        .await;
    assert!(matches!(refused, Err(Error::Missing("session"))), "{refused:?}");
    assert_eq!(store.transcript(TENANT, id, true).await.unwrap(), [ours]);
}
