//! The candidate's own outage: what they say while their network is away is kept by their page, comes by the socket, and is heard
//! by the interviewer in its place, each digit once.

use crate::{
    digits::{call_of, judge, seated, sequence, text},
    lossy::Lossy,
    peer::{Peer, RATE},
    socket::Socket,
    stack::{Seat, Stack, until},
};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;
use vivavoce_simulator::judge::{Pattern, encode};

/// Packets in a frame: 4 s.
const FRAME: usize = 200;

/// The page's half of the law: what the relay lacks, it sends.
struct Page {
    socket: Socket,
    answered: usize,
}

impl Page {
    async fn open(stack: &Stack, seat: &Seat) -> Self {
        let hello = json!({ "type": "hello", "token": seat.token, "sessionId": seat.session, "keeps": true });
        Self {
            socket: Socket::with_hello(stack, seat, &hello).await,
            answered: 0,
        }
    }

    /// Again, as a page whose socket broke.
    async fn again(self, stack: &Stack, seat: &Seat) -> Self {
        let messages = self.socket.messages();
        let resume = messages.iter().find(|it| it["type"] == "welcome").unwrap()["resume"].clone();
        let last = messages.iter().filter_map(|it| it["seq"].as_u64()).max();
        drop(self);
        let hello = json!({ "type": "hello", "token": seat.token, "sessionId": seat.session, "keeps": true,
            "resume": resume, "lastSeq": last });
        Self {
            socket: Socket::with_hello(stack, seat, &hello).await,
            answered: 0,
        }
    }

    fn asks(&self) -> Vec<Value> {
        let messages = self.socket.messages();
        messages.into_iter().filter(|it| it["lacks"].is_array()).collect()
    }

    /// Sends what was asked for since the last call.
    async fn answers(&mut self, peer: &Peer) {
        for ask in self.asks().into_iter().skip(self.answered) {
            self.answered += 1;
            assert_eq!(ask["stream"].as_u64(), Some(u64::from(peer.ssrc())));
            for gap in ask["lacks"].as_array().unwrap() {
                let (from, to) = (gap[0].as_u64().unwrap() as u32, gap[1].as_u64().map(|to| to as u32));
                let kept = peer.sent(from, to);
                let frames = kept.len().div_ceil(FRAME).max(1);
                for n in 0..frames {
                    let packets = &kept[(n * FRAME).min(kept.len())..((n + 1) * FRAME).min(kept.len())];
                    let time = from.wrapping_add((n * FRAME * 960) as u32);
                    let frame = binary(peer.ssrc(), time, packets, n + 1 == frames);
                    assert!(self.socket.frame(Message::binary(frame)).await);
                }
            }
        }
    }
}

fn binary(stream: u32, time: u32, packets: &[Vec<u8>], is_last: bool) -> Vec<u8> {
    let mut frame = vec![1, u8::from(is_last)];
    frame.extend((packets.len() as u16).to_be_bytes());
    frame.extend(stream.to_be_bytes());
    frame.extend((time / 960).to_be_bytes());
    frame.extend(u64::from(time).to_be_bytes());
    for packet in packets {
        frame.extend((packet.len() as u16).to_be_bytes());
        frame.extend(packet);
    }
    frame
}

/// All digits are said; the interviewer has heard as many as `count`, or nothing new for a while.
async fn all_heard(stack: &Stack, peer: &Peer, page: &mut Page, count: usize) -> String {
    let mut last = (String::new(), Instant::now());
    until(Duration::from_secs(150), "all digits are said and heard", async || {
        page.answers(peer).await;
        let call = call_of(stack).await;
        let heard = call["digits_text"].as_str().unwrap_or_default().to_owned();
        if heard != last.0 {
            last = (heard, Instant::now());
        }
        let settled = last.1.elapsed() > Duration::from_secs(if last.0.len() >= count { 1 } else { 8 });
        (peer.unspoken() == 0 && settled).then_some(())
    })
    .await;
    last.0
}

/// Digits all the while, and the path cut for `away` after `before`.
async fn one_outage(stack: &Stack, seed: u64, before: Duration, away: Duration, breaks_socket: bool) {
    let lossy = Lossy::start(stack.relay().udp[0], seed).await;
    let (seat, peer, answer) = seated(stack).await;
    let mut page = Page::open(stack, &seat).await;
    peer.answer(&lossy.in_front(&answer)).await;
    peer.up().await;
    let count = ((before + away).as_millis() / 160) as usize + 25;
    let digits = sequence(count);
    peer.say(&encode(&digits, &Pattern::at(RATE)), Some(0));
    tokio::time::sleep(before).await; // the moment of the fault is what the test is about
    lossy.lose(1000);
    tokio::time::sleep(away).await;
    lossy.lose(0);
    if breaks_socket {
        page = page.again(stack, &seat).await;
    }
    let heard = all_heard(stack, &peer, &mut page, count).await;
    assert_eq!(heard, text(&digits), "seed {seed}, cut at {before:?} for {away:?}");
    assert!(!page.asks().is_empty(), "the outage was one");
    peer.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_while_the_network_is_away_is_heard_once_and_in_its_place() {
    let stack = Stack::start(judge(1), &[]).await;
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    let mut random = SmallRng::seed_from_u64(seed);
    let rounds: u64 = std::env::var("ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    for round in 0..rounds {
        let before = Duration::from_millis(random.random_range(1500..3500));
        one_outage(&stack, seed + round, before, Duration::from_secs(5), round % 2 == 1).await;
    }
    assert!(stack.counter("vivavoce_speech_held_seconds_total{leg=\"candidate\"} ") >= 4.5 * rounds as f64);
    assert!(
        stack.counter("vivavoce_speech_lost_seconds_total{leg=\"candidate\"} ") < 0.001,
        "nothing is lost"
    );
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_speech_than_time_has_passed_is_refused_and_counted() {
    let stack = Stack::start(judge(1), &[]).await;
    let (seat, peer, answer) = seated(&stack).await;
    let mut page = Page::open(&stack, &seat).await;
    peer.answer(&answer).await;
    peer.up().await;
    let minute = binary(7, 0, &vec![vec![9 << 3, 1]; 3000], false);
    let sent = async {
        for _ in 0..8 {
            if !page.socket.frame(Message::binary(minute.clone())).await {
                return;
            }
        }
    };
    sent.await;
    assert_eq!(page.socket.closed(Duration::from_secs(5)).await, 4429);
    assert!(
        stack.counter("vivavoce_signaling_refused_total{reason=\"too_much_speech\"} ") > 0.999,
        "it is counted"
    );
    peer.close().await;
    stack.stop().await;
}
