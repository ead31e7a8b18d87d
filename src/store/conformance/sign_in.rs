//! Links and refresh tokens: each good once, in its browser and its time.

use super::*;
use crate::ids::AccountId;

pub(super) async fn accounts(store: &dyn Store) {
    let [sample, other] = sample::tenants();
    let account = store.account_by_email(sample.email).await.unwrap();
    assert_eq!(account, Some(AccountId(sample::RECRUITER)));
    assert_eq!(store.account_by_email("nobody@x.example").await.unwrap(), None);
    let of = async |account| store.memberships(account).await.unwrap();
    let expected = Membership {
        tenant: TENANT,
        name: sample.tenant.name,
        role: MemberRole::Recruiter,
    };
    assert_eq!(of(AccountId(sample::RECRUITER)).await, [expected]);
    assert_eq!(of(AccountId(other.recruiter)).await[0].tenant, OTHER_TENANT);
    assert!(of(AccountId::new()).await.is_empty());
}

pub(super) async fn a_link_is_good_once_in_its_browser(make: &impl Fn() -> Arc<dyn Store>) {
    let store = make();
    let account = AccountId(sample::RECRUITER);
    let now = crate::clock::wall();
    let link = |token, minutes: i64| SignInLink {
        token_sha256: [token; 32],
        browser_sha256: [9; 32],
        account,
        expires_at: now + minutes.minutes(),
    };
    store.sign_in_link_put(&link(1, 15)).await.unwrap();
    let nobody = SignInLink {
        account: AccountId::new(),
        ..link(2, 15)
    };
    let refused = store.sign_in_link_put(&nobody).await;
    assert!(matches!(refused, Err(Error::Missing("account"))), "{refused:?}");
    for (token, browser, at) in [(1, 8, now), (2, 9, now), (1, 9, now + 15.minutes())] {
        let used = store.sign_in_link_use(&[token; 32], &[browser; 32], at).await.unwrap();
        assert_eq!(used, None, "{token} {browser}");
    }
    let others = [make(), make()];
    let (a, b) = tokio::join!(
        others[0].sign_in_link_use(&[1; 32], &[9; 32], now),
        others[1].sign_in_link_use(&[1; 32], &[9; 32], now)
    );
    let mut used = [a.unwrap(), b.unwrap()];
    used.sort_unstable();
    assert_eq!(used, [None, Some(account)], "once, whoever asks at once");
}

pub(super) async fn a_refresh_token_that_is_shown_again_ends_its_family(store: &dyn Store) {
    let account = AccountId(sample::RECRUITER);
    let now = crate::clock::wall();
    let family = Uuid::now_v7();
    let token = |byte, family| RefreshToken {
        token_sha256: [byte; 32],
        family,
        account,
        expires_at: now + 30.days(),
    };
    let good = Refreshed::Yes { account, family };
    store.refresh_put(&token(1, family)).await.unwrap();
    assert_eq!(store.refresh_use(&[1; 32], now).await.unwrap(), good);
    store.refresh_put(&token(2, family)).await.unwrap();
    // Its answer was lost.
    assert_eq!(store.refresh_use(&[1; 32], now + 20.seconds()).await.unwrap(), good);
    let later = now + 40.seconds();
    assert_eq!(store.refresh_use(&[1; 32], later).await.unwrap(), Refreshed::Stolen);
    assert_eq!(store.refresh_use(&[2; 32], later).await.unwrap(), Refreshed::Unknown);

    let other = Uuid::now_v7();
    store.refresh_put(&token(3, other)).await.unwrap();
    store.refresh_put(&token(4, other)).await.unwrap();
    store.refresh_put(&token(5, family)).await.unwrap();
    let over = now + 30.days();
    assert_eq!(store.refresh_use(&[3; 32], over).await.unwrap(), Refreshed::Unknown);
    store.refresh_end(&[3; 32]).await.unwrap();
    store.refresh_end(&[7; 32]).await.unwrap();
    assert_eq!(store.refresh_use(&[4; 32], now).await.unwrap(), Refreshed::Unknown);
    assert_eq!(store.refresh_use(&[5; 32], now).await.unwrap(), good);
}
