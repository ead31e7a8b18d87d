//! A shard over real sockets, its far ends by another implementation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

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
