//! Digits as dual tones: what a far ear of these tests counts.

use crate::{
    peer::{Peer, RATE},
    stack::{Seat, Stack, until},
};
use serde_json::{Value, json};
use std::time::Duration;
use vivavoce_simulator::judge::{Detector, Pattern, encode};

pub const COUNT: usize = 200;

pub fn judge(count: usize) -> Value {
    json!({ "mode": "judge", "judge": { "count": count } })
}

pub fn sequence(count: usize) -> Vec<u8> {
    (0..count).map(|n| ((n * 3 + n / 7) % 10) as u8).collect()
}

/// Digits in all that a peer has heard.
pub fn heard_digits(peer: &Peer) -> Vec<u8> {
    heard_with_times(peer).into_iter().map(|(digit, _)| digit).collect()
}

/// The same with the time each began at, in ticks since the first packet; gaps of lost packets are filled with silence.
pub fn heard_with_times(peer: &Peer) -> Vec<(u8, u64)> {
    peer.heard(|heard| {
        let first = heard.first().map_or(0, |first| first.timestamp);
        let mut packets: Vec<_> = heard.iter().collect();
        packets.sort_by_key(|packet| packet.timestamp.wrapping_sub(first));
        let (mut detector, mut digits) = (Detector::new(RATE), vec![]);
        let mut next = None::<u32>;
        // ticks of gaps that were too long to be filled
        let mut left_out = 0;
        let mut take = |pcm: &[i16], left_out: u64| {
            let found = detector.push(pcm).into_iter();
            digits.extend(found.map(|heard| (heard.digit, heard.at_sample + left_out)));
        };
        for packet in packets {
            let gap = next.map_or(0, |next| packet.timestamp.wrapping_sub(next));
            if gap < RATE {
                take(&vec![0; gap as usize], left_out);
            } else {
                left_out += u64::from(gap);
            }
            take(&packet.pcm, left_out);
            next = Some(packet.timestamp.wrapping_add(packet.pcm.len() as u32));
        }
        take(&[0; 9_600], left_out);
        digits
    })
}

/// One SSRC, sequence numbers that rise by one (but for what the network lost or turned round).
pub fn assert_one_stream(peer: &Peer, lossless: bool) {
    peer.heard(|heard| {
        assert!(heard.windows(2).all(|pair| pair[0].ssrc == pair[1].ssrc), "one SSRC");
        if lossless {
            for pair in heard.windows(2) {
                assert_eq!(
                    pair[1].sequence,
                    pair[0].sequence.wrapping_add(1),
                    "sequence numbers rise by one"
                );
            }
        }
    });
}

pub async fn call_of(stack: &Stack) -> Value {
    let calls = stack.calls().await;
    stack.call(calls.last().expect("a call")["id"].as_str().unwrap()).await
}

pub async fn said_and_heard(stack: &Stack, peer: &Peer, digits: &[u8]) -> Value {
    peer.say(&encode(digits, &Pattern::at(RATE)), Some(0));
    let length = Duration::from_millis(160 * digits.len() as u64);
    until(
        length + Duration::from_secs(20),
        "all digits are spoken and heard",
        async || {
            let call = call_of(stack).await;
            let (heard, spoken) = (
                call["digits"].as_array()?.len(),
                call["spoken_digits"].as_array()?.len(),
            );
            (peer.unspoken() == 0 && heard >= digits.len() * 95 / 100 && spoken >= COUNT).then_some(())
        },
    )
    .await;
    // the last of them is still on its way
    let mut last = Value::Null;
    until(Duration::from_secs(10), "nothing more is heard", async || {
        let call = call_of(stack).await;
        let settled = call["digits"] == last["digits"] && call["spoken_digits"] == last["spoken_digits"];
        last = call;
        (settled && last["digits"].is_array()).then_some(())
    })
    .await;
    // where the network loses some they never all come: the caller compares
    let _ = tokio::time::timeout(Duration::from_secs(5), async {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        let mut before = 0;
        loop {
            ticks.tick().await;
            let now = heard_digits(peer).len();
            // twice the same: a burst that is half here can be taken for another digit
            if now >= COUNT && now == before {
                return;
            }
            before = now;
        }
    })
    .await;
    last
}

pub fn text(digits: &[u8]) -> String {
    digits.iter().map(u8::to_string).collect()
}

pub async fn seated(stack: &Stack) -> (Seat, Peer, String) {
    let seat = stack.seat().await;
    let (peer, offer) = Peer::offer(None).await;
    let answer = stack.exchange(&seat, &offer).await;
    (seat, peer, answer)
}
