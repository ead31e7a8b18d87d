//! The queue: put once, taken by one, there until it is said to be done.

use super::*;
use crate::ids::JobId;

const HOLD: Duration = Duration::from_secs(60);
const NOW_AT_ONCE: Duration = Duration::ZERO;

pub(super) async fn a_job_is_there_until_it_is_done(make: &impl Fn() -> Arc<dyn Store>) {
    let store = make();
    let [first, second, later] = [JobId::new(), JobId::new(), JobId::new()];
    assert!(store.jobs_due(9).await.unwrap().is_empty());
    for _ in 0..2 {
        store
            .job_put(TENANT, first, "mail", b"sealed", NOW_AT_ONCE)
            .await
            .unwrap();
    }
    store
        .job_put(OTHER_TENANT, second, "mail", &[0, 255], NOW_AT_ONCE)
        .await
        .unwrap();
    store.job_put(TENANT, later, "mail", b"", HOLD).await.unwrap();
    let nobody = store.job_put(TenantId::new(), JobId::new(), "mail", b"", HOLD).await;
    assert!(matches!(nobody, Err(Error::Missing("tenant"))), "{nobody:?}");
    assert_eq!(
        store.jobs_due(9).await.unwrap(),
        [(TENANT, first), (OTHER_TENANT, second)]
    );
    assert_eq!(store.jobs_due(1).await.unwrap(), [(TENANT, first)]);

    // Of several who want one, one gets it; another tenant never.
    assert_eq!(store.job_take(OTHER_TENANT, first, HOLD).await.unwrap(), None);
    let others = [make(), make(), make()];
    let (a, b, c) = tokio::join!(
        others[0].job_take(TENANT, first, HOLD),
        others[1].job_take(TENANT, first, HOLD),
        others[2].job_take(TENANT, first, HOLD),
    );
    let taken: Vec<TakenJob> = [a, b, c].into_iter().filter_map(|taken| taken.unwrap()).collect();
    let job = |attempts| TakenJob {
        kind: "mail".into(),
        payload: b"sealed".to_vec(),
        attempts,
    };
    assert_eq!(taken, [job(1)]);
    assert_eq!(store.jobs_due(9).await.unwrap(), [(OTHER_TENANT, second)]);
    assert_eq!(store.job_take(TENANT, later, HOLD).await.unwrap(), None, "not due yet");

    // Again: at once, and it counts.
    let again = JobEnd::Again(NOW_AT_ONCE, "no answer".into());
    store.job_end(TENANT, first, &again).await.unwrap();
    assert_eq!(store.job_take(TENANT, first, NOW_AT_ONCE).await.unwrap(), Some(job(2)));
    // Whoever held it has died: it is due again once the hold is over.
    assert_eq!(store.job_take(TENANT, first, HOLD).await.unwrap(), Some(job(3)));
    // What another tenant says of it is nothing.
    store.job_end(OTHER_TENANT, first, &JobEnd::Done).await.unwrap();
    store.job_end(TENANT, first, &again).await.unwrap();
    store
        .job_end(TENANT, first, &JobEnd::Failed("refused".into()))
        .await
        .unwrap();
    assert_eq!(store.job_take(TENANT, first, HOLD).await.unwrap(), None);

    let other = store.job_take(OTHER_TENANT, second, HOLD).await.unwrap().unwrap();
    assert_eq!(other.payload, [0, 255]);
    store.job_end(OTHER_TENANT, second, &again).await.unwrap();
    store.job_end(OTHER_TENANT, second, &JobEnd::Done).await.unwrap();
    assert!(store.jobs_due(9).await.unwrap().is_empty());
}
