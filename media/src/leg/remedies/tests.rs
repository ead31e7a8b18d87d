//! Each remedy against the async `webrtc` crate over real sockets: stuck with it alone switched off, up with it.
//!
//! A net between (`testing::Proxy`) loses a named datagram, or forgets an address. What is asserted red here is a defect of
//! the released crates: when one of these begins to pass, its remedy has become needless.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::large_futures)]

use super::Remedies;
use crate::leg::stun::{Binding, Class};
use crate::shard::tests::loopback;
use crate::testing::{Far, Fate, Proxy, Way, candidate, eventually};
use crate::{Call, CallConfig, Event, LegEvent, LossCause, Shard};
use rtc::peer_connection::transport::RTCDtlsRole;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// A stuck connect is one that is not up by then; upstream's own timers (1 s, doubling) have fired twice.
const STUCK: Duration = Duration::from_secs(5);
const UP: Duration = Duration::from_secs(4);
const HEARD: Duration = Duration::from_secs(15);

const HELLO_VERIFY_OR_HELLO: [u8; 3] = [0, 1, 3];

/// The first handshake message's type, of a plain DTLS handshake record.
fn handshake(bytes: &[u8]) -> Option<u8> {
    (bytes.first() == Some(&22)).then(|| bytes.get(13).copied()).flatten()
}

fn binding(bytes: &[u8]) -> Option<Binding<'_>> {
    matches!(bytes.first(), Some(0..=3))
        .then(|| Binding::parse(bytes))
        .flatten()
}

/// A rule that loses the first datagram that fits.
fn first(mut fits: impl FnMut(Way, &[u8]) -> bool + Send + 'static) -> impl FnMut(Way, &[u8]) -> bool + Send + 'static {
    let mut lost = false;
    move |way, bytes| !lost && std::mem::replace(&mut lost, fits(way, bytes)) != lost
}

fn without_candidates(sdp: &str) -> String {
    let kept = sdp.lines().filter(|line| !line.starts_with("a=candidate:"));
    kept.flat_map(|line| [line, "\r\n"]).collect()
}

struct Browsing {
    shard: Shard,
    call: Call,
    events: mpsc::Receiver<Event>,
    far: Far,
    proxy: Proxy,
}

/// A browser's leg through a net with this rule. The relay knows the browser by the net's address alone.
async fn browsing<F: Into<Fate>>(remedies: Remedies, rule: impl FnMut(Way, &[u8]) -> F + Send + 'static) -> Browsing {
    let shard = Shard::start_ailing(&loopback(), remedies);
    let (call, events) = shard.open(CallConfig::default()).await.unwrap();
    let (far, offer) = Far::browser(111).await;
    let answer = call.candidate_offer(without_candidates(&offer)).await.unwrap();
    let proxy = Proxy::new(candidate(&answer), rule).await;
    far.accept(&proxy.in_place_of(&answer)).await;
    Browsing {
        shard,
        call,
        events,
        far,
        proxy,
    }
}

impl Browsing {
    async fn is_up(&self, bound: Duration) -> bool {
        eventually(bound, async || {
            self.call.stats().await.unwrap().candidate.up && self.far.is_connected()
        })
        .await
    }
}

/// An AI leg through a net with this rule.
async fn dialled<F: Into<Fate>>(
    remedies: Remedies,
    role: RTCDtlsRole,
    rule: impl FnMut(Way, &[u8]) -> F + Send + 'static,
) -> (Shard, Call, mpsc::Receiver<Event>, Far, Proxy) {
    let shard = Shard::start_ailing(&loopback(), remedies);
    let (call, events) = shard.open(CallConfig::default()).await.unwrap();
    let (far, answer) = Far::openai(&call.ai_offer().await.unwrap(), role).await;
    let proxy = Proxy::new(candidate(&answer), rule).await;
    call.ai_answer(proxy.in_place_of(&answer)).await.unwrap();
    (shard, call, events, far, proxy)
}

async fn ai_is_up(call: &Call, far: &Far, bound: Duration) -> bool {
    eventually(bound, async || call.stats().await.unwrap().ai.up && far.is_connected()).await
}

fn without(off: impl FnOnce(&mut Remedies)) -> Remedies {
    let mut remedies = Remedies::default();
    off(&mut remedies);
    remedies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dtls_flight_lost_as_client() {
    // Flight 5, ours as client, is lost, and the server repeats flight 4 before our timer fires: that stops upstream's timer
    // for good. Chromium repeats after 50 ms; this server after 1 s, so its flight 4 is given a start of 0.5 s.
    let rule = || {
        let (mut is_started, mut is_lost) = (false, false);
        move |way: Way, bytes: &[u8]| match (way, handshake(bytes)) {
            (Way::There, Some(2)) if !std::mem::replace(&mut is_started, true) => {
                Fate::Delay(Duration::from_millis(500))
            }
            (Way::Back, Some(message))
                if !HELLO_VERIFY_OR_HELLO.contains(&message) && !std::mem::replace(&mut is_lost, true) =>
            {
                Fate::Lose
            }
            _ => Fate::Pass,
        }
    };
    let off = browsing(without(|remedies| remedies.dtls_flight = false), rule()).await;
    assert!(
        !off.is_up(STUCK).await,
        "upstream sends a lost flight 5 again: the remedy is needless"
    );
    let on = browsing(Remedies::default(), rule()).await;
    assert!(on.is_up(UP).await);
    assert!(on.shard.counters().remedy_dtls_flight.get() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dtls_flight_lost_as_server() {
    // Flight 4, ours as server, ServerHello and on, is lost, and the client repeats flight 3 before our timer fires: that
    // stops upstream's timer for good. Chromium repeats after 50 ms; this client after 1 s, so it is given a start of 0.5 s.
    let rule = || {
        let (mut is_started, mut is_lost) = (false, false);
        move |way: Way, bytes: &[u8]| match (way, handshake(bytes)) {
            (Way::Back, Some(1)) if bytes.get(10) == Some(&1) && !std::mem::replace(&mut is_started, true) => {
                Fate::Delay(Duration::from_millis(500))
            }
            (Way::There, Some(2)) if !std::mem::replace(&mut is_lost, true) => Fate::Lose,
            _ => Fate::Pass,
        }
    };
    let (_shard, call, _events, far, _proxy) = dialled(
        without(|remedies| remedies.dtls_flight = false),
        RTCDtlsRole::Client,
        rule(),
    )
    .await;
    assert!(
        !ai_is_up(&call, &far, STUCK).await,
        "upstream sends a lost flight 4 again: the remedy is needless"
    );
    let (shard, call, _events, far, _proxy) = dialled(Remedies::default(), RTCDtlsRole::Client, rule()).await;
    assert!(ai_is_up(&call, &far, UP).await);
    assert!(shard.counters().remedy_dtls_flight.get() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dtls_last_flight_lost_as_server() {
    // Flight 6, ours as server: ChangeCipherSpec and Finished. We are done, the far end is not.
    let rule = || first(|way, bytes| way == Way::There && bytes.first() == Some(&20));
    let (_shard, call, _events, far, _proxy) = dialled(Remedies::default(), RTCDtlsRole::Client, rule()).await;
    assert!(ai_is_up(&call, &far, UP).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn use_candidate_once_is_enough() {
    // One nominating request comes through, before any check of ours has been answered; the others are lost.
    let rule = || {
        let mut nominated = false;
        move |way: Way, bytes: &[u8]| match binding(bytes) {
            Some(binding) if binding.class == Class::Request && way == Way::There && binding.use_candidate => {
                std::mem::replace(&mut nominated, true)
            }
            Some(binding) if binding.class == Class::Request && way == Way::Back => !nominated,
            _ => false,
        }
    };
    let off = browsing(without(|remedies| remedies.use_candidate = false), rule()).await;
    assert!(
        !off.is_up(STUCK).await,
        "upstream remembers the first USE-CANDIDATE: the remedy is needless"
    );
    let on = browsing(Remedies::default(), rule()).await;
    assert!(on.is_up(UP).await);
    assert_eq!(on.shard.counters().remedy_use_candidate.get(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keepalives_that_are_not_answered() {
    // OpenAI's way: after the call is up, no answer to a request without USE-CANDIDATE; media and all else flow, until the
    // agent that has the defect says `Failed`.
    let (failed, is_failed) = tokio::sync::watch::channel(false);
    let judged = async |remedies: Remedies| {
        let is_strict = Arc::new(AtomicBool::new(false));
        let strict = is_strict.clone();
        let rule = move |way: Way, bytes: &[u8]| {
            strict.load(Ordering::Relaxed)
                && way == Way::There
                && binding(bytes).is_some_and(|binding| binding.class == Class::Request && !binding.use_candidate)
        };
        let fails = !remedies.keepalive;
        let (shard, call, mut events, far, proxy) = dialled(remedies, RTCDtlsRole::Client, rule).await;
        assert!(ai_is_up(&call, &far, UP).await);
        is_strict.store(true, Ordering::Relaxed);
        let talk = async {
            for seq in 0.. {
                far.speak(111, seq, &[0x78, 0, 0, 0]).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let is_lost = |event: &Event| {
            let cause = LossCause::Ice;
            matches!(event, Event::Ai(LegEvent::Lost { cause: lost, .. }) if *lost == cause)
        };
        let until = async {
            if fails {
                while !is_lost(&events.recv().await.expect("the call is there")) {}
                failed.send_replace(true);
            }
            let _ = is_failed.clone().wait_for(|failed| *failed).await;
        };
        let strict_max = Duration::from_secs(90);
        tokio::select! {
            () = talk => {}
            reached = tokio::time::timeout(strict_max, until) => reached.expect("upstream fails by itself"),
        }
        let mut lost = fails;
        while let Ok(event) = events.try_recv() {
            lost |= is_lost(&event);
        }
        call.ai_send("still there?".into());
        let arrived = eventually(Duration::from_secs(2), async || {
            far.seen.texts.lock().unwrap().contains(&"still there?".to_owned())
        })
        .await;
        drop((shard, proxy));
        (lost, arrived)
    };
    let (off, on) = tokio::join!(
        judged(without(|remedies| remedies.keepalive = false)),
        judged(Remedies::default())
    );
    assert_eq!(
        off,
        (true, false),
        "upstream lives with unanswered keepalives: the remedy is needless"
    );
    assert_eq!(on, (false, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candidates_wiped_at_failed() {
    // Nothing, until the agent that has the defect says `Failed`; then the browser restarts ICE.
    let (failed, is_failed) = tokio::sync::watch::channel(false);
    let judged = async |remedies: Remedies| {
        let is_dark = Arc::new(AtomicBool::new(false));
        let dark = is_dark.clone();
        let fails = !remedies.failed_candidates;
        let mut on = browsing(remedies, move |_, _: &[u8]| dark.load(Ordering::Relaxed)).await;
        assert!(on.is_up(UP).await);
        is_dark.store(true, Ordering::Relaxed);
        let dark_until = async {
            if fails {
                let is_failed = |event: &Event| {
                    let cause = LossCause::Ice;
                    matches!(event, Event::Candidate(LegEvent::Lost { cause: lost, .. }) if *lost == cause)
                };
                while !is_failed(&on.events.recv().await.expect("the call is there")) {}
                failed.send_replace(true);
            }
            let _ = is_failed.clone().wait_for(|failed| *failed).await;
        };
        let dark_max = Duration::from_secs(90);
        tokio::time::timeout(dark_max, dark_until)
            .await
            .expect("upstream fails by itself");
        is_dark.store(false, Ordering::Relaxed);
        let offer = on.far.restart().await;
        let Ok(answer) = on.call.candidate_offer(without_candidates(&offer)).await else {
            return false;
        };
        on.far.accept(&on.proxy.in_place_of(&answer)).await;
        on.is_up(UP).await
    };
    let (off, on) = tokio::join!(
        judged(without(|remedies| remedies.failed_candidates = false)),
        judged(Remedies::default())
    );
    assert!(!off, "upstream keeps its candidates: the remedy is needless");
    assert!(on);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_that_follows_a_rebound_nat() {
    // Both talk on until the browser behind the leg with the remedy hears the AI again; the one without has as long.
    let (heard_again, is_heard_again) = tokio::sync::watch::channel(false);
    let judged = async |remedies: Remedies| {
        let follows = remedies.pair_follow;
        let on = browsing(remedies, |_, _: &[u8]| false).await;
        assert!(on.is_up(UP).await);
        let (openai, answer) = Far::openai(&on.call.ai_offer().await.unwrap(), RTCDtlsRole::Client).await;
        on.call.ai_answer(answer).await.unwrap();
        assert!(ai_is_up(&on.call, &openai, UP).await);
        on.proxy.rebind();
        let before = on.far.heard();
        let talk = async {
            for seq in 0.. {
                on.far.speak(111, seq, &[0x78, 0, 0, 0]).await;
                openai.speak(111, seq, &[0x78, 0, 0, 0]).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let until = async {
            if follows {
                assert!(eventually(HEARD, async || on.far.heard() >= before + 40).await, "deaf");
                heard_again.send_replace(true);
            }
            let _ = is_heard_again.clone().wait_for(|heard| *heard).await;
        };
        tokio::select! {
            () = talk => {}
            reached = tokio::time::timeout(2 * HEARD, until) => reached.expect("the remedy has sound come back"),
        }
        (on.far.heard() - before, on.shard.counters().remedy_pair_follow.get())
    };
    let (off, on) = tokio::join!(
        judged(without(|remedies| remedies.pair_follow = false)),
        judged(Remedies::default())
    );
    assert_eq!(off, (0, 0), "upstream follows: the remedy is needless");
    assert!(on.0 >= 40 && on.1 == 1, "{on:?}");
}

/// Between the last answer to a check of ours and our ClientHello, as the net sees it: the least of some connects, since the
/// machine's own delays only ever add.
async fn hello_after_check(remedies: Remedies) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..5 {
        let seen = Arc::new(Mutex::new((None, None)));
        let kept = seen.clone();
        let on = browsing(remedies, move |way: Way, bytes: &[u8]| {
            let mut seen = kept.lock().unwrap();
            let (answered, hello) = &mut *seen;
            let is_answer = binding(bytes).is_some_and(|binding| binding.class == Class::Success);
            if hello.is_none() && way == Way::There && is_answer {
                *answered = Some(Instant::now());
            }
            if hello.is_none() && way == Way::Back && handshake(bytes) == Some(1) {
                *hello = Some(Instant::now());
            }
            false
        })
        .await;
        assert!(on.is_up(UP).await);
        let (answered, hello) = *seen.lock().unwrap();
        least = least.min(hello.unwrap() - answered.unwrap());
    }
    least
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_hello_that_comes_late() {
    // The candidate leg's checks are 20 ms apart: upstream's ClientHello waits for the next.
    let late = hello_after_check(without(|remedies| remedies.client_hello = false)).await;
    let at_once = hello_after_check(Remedies::default()).await;
    assert!(
        late >= Duration::from_millis(5),
        "upstream sends it at once: the remedy is needless ({late:?})"
    );
    assert!(at_once < Duration::from_millis(5), "{at_once:?}");
}
