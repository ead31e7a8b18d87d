//! A shard over real sockets, its far ends by another implementation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::large_futures)]

use super::*;
use crate::testing::{Far, eventually};
use crate::{CallConfig, CloseCause, LegEvent};
use rtc::peer_connection::transport::RTCDtlsRole;
use std::time::Duration;

pub(crate) fn loopback() -> ShardConfig {
    ShardConfig {
        bind: "127.0.0.1:0".parse().unwrap(),
        advertise: Vec::new(),
        ai_bind: "127.0.0.1".parse().unwrap(),
    }
}

const BOUND: Duration = Duration::from_secs(10);

/// Reads events until this one, which it gives.
async fn told(events: &mut mpsc::Receiver<Event>, is: impl Fn(&Event) -> bool) -> Event {
    let next = async {
        loop {
            let event = events.recv().await.expect("the call ended");
            if is(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(BOUND, next).await.expect("the event did not come")
}

/// A call with both far ends up.
async fn joined(shard: &Shard) -> (Call, mpsc::Receiver<Event>, Far, Far) {
    let (call, mut events) = shard.open(CallConfig::default()).await.unwrap();
    let (browser, offer) = Far::browser(109).await;
    browser.accept(&call.candidate_offer(offer).await.unwrap()).await;
    let (openai, answer) = Far::openai(&call.ai_offer().await.unwrap(), RTCDtlsRole::Client).await;
    call.ai_answer(answer).await.unwrap();
    told(
        &mut events,
        |event| matches!(event, Event::Ai(LegEvent::ChannelOpen { label }) if label == "oai-events"),
    )
    .await;
    assert!(
        eventually(BOUND, async || call
            .stats()
            .await
            .is_ok_and(|stats| stats.candidate.up && stats.ai.up))
        .await
    );
    assert!(eventually(BOUND, async || browser.is_connected() && openai.is_connected()).await);
    (call, events, browser, openai)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_legs_up_rtp_and_text_both_ways() {
    let shard = Shard::start(loopback()).unwrap();
    let (call, mut events, browser, openai) = joined(&shard).await;

    // Sound: what the one says the other hears, its numbers and identifiers not.
    let (mine, yours): (Vec<Vec<u8>>, Vec<Vec<u8>>) = (0..50_u8)
        .map(|n| (vec![0x78, 1, n, n, n, n], vec![0x78, 2, n, n, n, n]))
        .unzip();
    for n in 0..50_u16 {
        browser.speak(109, 30_000 + n, &mine[usize::from(n)]).await;
        openai.speak(111, 7_000 + n, &yours[usize::from(n)]).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(eventually(BOUND, async || browser.heard() == 50 && openai.heard() == 50).await);
    for (far, said, payload_type) in [(&openai, &mine, 111), (&browser, &yours, 109)] {
        let packets = far.seen.packets.lock().unwrap();
        let payloads: Vec<&[u8]> = packets.iter().map(|packet| &packet.payload[..]).collect();
        assert_eq!(payloads, said.iter().map(|said| &said[..]).collect::<Vec<_>>());
        let first = &packets[0].header;
        for (n, packet) in packets.iter().enumerate() {
            assert_eq!(packet.header.payload_type, payload_type);
            assert_eq!(packet.header.ssrc, first.ssrc);
            assert_eq!(
                packet.header.sequence_number,
                first.sequence_number.wrapping_add(n as u16)
            );
            assert_eq!(packet.header.timestamp, first.timestamp.wrapping_add(n as u32 * 960));
        }
    }

    // Words.
    assert!(eventually(BOUND, async || browser.say("from the browser").await).await);
    told(&mut events, |event| {
        *event
            == Event::Candidate(LegEvent::Message {
                text: "from the browser".into(),
            })
    })
    .await;
    assert!(openai.say("from the AI").await);
    told(&mut events, |event| {
        *event
            == Event::Ai(LegEvent::Message {
                text: "from the AI".into(),
            })
    })
    .await;
    call.ai_send("to the AI".into());
    call.candidate_send("to the browser".into());
    assert!(
        eventually(BOUND, async || openai
            .seen
            .texts
            .lock()
            .unwrap()
            .contains(&"to the AI".to_owned()))
        .await
    );
    assert!(
        eventually(BOUND, async || browser
            .seen
            .texts
            .lock()
            .unwrap()
            .contains(&"to the browser".to_owned()))
        .await
    );

    let stats = call.stats().await.unwrap();
    assert_eq!(
        (
            stats.candidate.packets_in,
            stats.candidate.packets_out,
            stats.candidate.lost_in
        ),
        (50, 50, 0)
    );
    assert_eq!(
        (stats.ai.packets_in, stats.ai.packets_out, stats.ai.lost_in),
        (50, 50, 0)
    );

    openai.close().await;
    told(&mut events, |event| {
        *event
            == Event::Ai(LegEvent::Closed {
                cause: CloseCause::Peer,
            })
    })
    .await;
    call.close();
    told(&mut events, |event| *event == Event::Closed(CloseCause::Local)).await;
    assert!(eventually(BOUND, async || shard.counters().calls.get() == 0).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ice_restart_of_the_browsers_keeps_the_leg() {
    let shard = Shard::start(loopback()).unwrap();
    let (call, mut events, browser, openai) = joined(&shard).await;
    let offer = browser.restart().await;
    let answer = call.candidate_offer(offer.clone()).await.unwrap();
    assert_eq!(call.candidate_offer(offer).await.unwrap(), answer);
    browser.accept(&answer).await;
    assert!(eventually(BOUND, async || browser.is_connected()).await);
    for seq in 0..50 {
        browser.speak(109, seq, &[0x78, 1, 1]).await;
        openai.speak(111, seq, &[0x78, 2, 2]).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(eventually(BOUND, async || openai.heard() == 50 && browser.heard() == 50).await);
    while let Ok(event) = events.try_recv() {
        let is_again = matches!(event, Event::Candidate(LegEvent::Up { .. } | LegEvent::Closed { .. }));
        assert!(!is_again, "{event:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_browser_takes_the_candidates_place() {
    let shard = Shard::start(loopback()).unwrap();
    let (call, mut events, browser, openai) = joined(&shard).await;
    let (second, offer) = Far::browser(111).await;
    second.accept(&call.candidate_offer(offer).await.unwrap()).await;
    told(&mut events, |event| {
        matches!(event, Event::Candidate(LegEvent::Up { .. }))
    })
    .await;
    assert!(eventually(BOUND, async || second.is_connected()).await);
    for seq in 0..20 {
        second.speak(111, seq, &[0x78, 1, 1]).await;
        openai.speak(111, seq, &[0x78, 2, 2]).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(eventually(BOUND, async || openai.heard() == 20 && second.heard() == 20).await);
    assert_eq!(browser.heard(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ai_side_as_pcm_both_ways() {
    let shard = Shard::start(loopback()).unwrap();
    let (call, _events) = shard.open(CallConfig::default()).await.unwrap();
    let (browser, offer) = Far::browser(111).await;
    browser.accept(&call.candidate_offer(offer).await.unwrap()).await;
    let (mut heard, plays) = call.ai_pcm().await.unwrap();
    assert!(eventually(BOUND, async || browser.is_connected()).await);

    // A second of a tone, faster than real time; it leaves in 50 packets, at real time, and a little silence after it.
    let tone: Vec<i16> = (0..24_000)
        .map(|n| (f32::sin(n as f32 * 0.15) * 8000.0) as i16)
        .collect();
    plays.play("item", &tone);
    plays.finish("item");
    tokio::time::timeout(BOUND, plays.drained()).await.unwrap();
    assert_eq!(plays.played("item"), Duration::from_secs(1));
    assert!(eventually(BOUND, async || browser.heard() >= 50).await);

    // What it heard, it says back: the tone must come out as PCM.
    let packets = browser.seen.packets.lock().unwrap().clone();
    for (seq, packet) in packets.iter().take(50).enumerate() {
        browser.speak(111, seq as u16, &packet.payload).await;
    }
    let mut pcm = Vec::new();
    while pcm.len() < 23_000 {
        pcm.extend(tokio::time::timeout(BOUND, heard.next()).await.unwrap().unwrap());
    }
    let energy = pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / pcm.len() as f64;
    assert!(energy.sqrt() > 4000.0, "a tone of 8000 has 5657 rms: {}", energy.sqrt());

    call.ai_close();
    assert_eq!(
        tokio::time::timeout(BOUND, async { while heard.next().await.is_some() {} }).await,
        Ok(())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_on_the_public_port_are_counted_and_harm_nobody() {
    let shard = Shard::start(loopback()).unwrap();
    let (_call, _events, browser, openai) = joined(&shard).await;
    let stranger = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let junk: [&[u8]; 6] = [&[], &[0; 20], &[0x80; 60], &[22; 100], &[255; 1500], &[0; 4000]];
    for round in 0..50_u16 {
        for datagram in junk {
            stranger.send_to(datagram, shard.local_addr()).await.unwrap();
        }
        browser.speak(109, round, &[0x78, 1, 1]).await;
        openai.speak(111, round, &[0x78, 2, 2]).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(eventually(BOUND, async || openai.heard() == 50 && browser.heard() == 50).await);
    let counters = shard.counters();
    assert!(counters.dropped_stranger.get() >= 200, "{counters:?}");
    assert_eq!(counters.dropped_unknown.get(), 50, "the oversized");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_ends_with_its_last_handle_and_a_shard_with_its_stop() {
    let shard = Shard::start(loopback()).unwrap();
    let (call, mut events, ..) = joined(&shard).await;
    let clone = call.clone();
    drop(call);
    assert!(clone.stats().await.is_ok());
    drop(clone);
    told(&mut events, |event| *event == Event::Closed(CloseCause::Local)).await;
    assert!(eventually(BOUND, async || shard.counters().calls.get() == 0).await);

    let (call, mut events, ..) = joined(&shard).await;
    shard.stop();
    told(&mut events, |event| *event == Event::Closed(CloseCause::Local)).await;
    assert!(eventually(BOUND, async || call.stats().await.is_err()).await);
    assert!(shard.open(CallConfig::default()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_does_not_read_loses_the_call_and_is_told_so() {
    let shard = Shard::start(loopback()).unwrap();
    let (_call, mut events, _browser, openai) = joined(&shard).await;
    // Nobody reads; the AI talks.
    // The far end hears of its channel a moment after we do.
    assert!(eventually(BOUND, async || openai.say("{}").await).await);
    // more than the queue holds; on a slow machine it is full, and the call closed, before the last is said
    for _ in 0..1100 {
        if !openai.say("{}").await {
            break;
        }
    }
    assert!(eventually(BOUND, async || shard.counters().overruns.get() == 1).await);
    let mut last = None;
    while let Some(event) = events.recv().await {
        last = Some(event);
    }
    assert_eq!(last, Some(Event::Closed(CloseCause::Overrun)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_give_both_ends_a_round_trip() {
    let shard = Shard::start(loopback()).unwrap();
    let (call, _events, _browser, _openai) = joined(&shard).await;
    assert!(
        eventually(BOUND, async || {
            let stats = call.stats().await.unwrap();
            // The crate's peers have no report interceptor here: these are of the consent checks.
            stats.candidate.rtt_ms.is_some_and(|ms| ms < 100.0) && stats.ai.rtt_ms.is_some_and(|ms| ms < 100.0)
        })
        .await
    );
}
