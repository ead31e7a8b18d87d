//! Two percent of loss on the candidate's network: what is missing at either end is what the network lost, packet by packet
//! and digit by digit, and nothing more.
//!
//! The proxy between candidate and relay writes down which packets it lost. A digit may suffer only if one of its burst's own
//! packets is among them.

use crate::{
    digits::{COUNT, heard_digits, heard_with_times, judge, said_and_heard, seated, sequence},
    lossy::Lossy,
    peer::Peer,
    stack::{Stack, until},
};
use std::{collections::BTreeSet, time::Duration};
use vivavoce_simulator::judge::Pattern;

/// 48 kHz ticks of a packet.
const PACKET: u64 = 960;
const LOSS_PER_MILLE: u32 = 20;

/// First and last packet of digit `n`'s burst, counted from the packet with which the first digit's lead begins.
fn packets_of(n: usize) -> std::ops::RangeInclusive<u64> {
    let pattern = Pattern::at(48_000);
    let start = u64::from(pattern.lead_ms) + n as u64 * u64::from(pattern.interval_ms);
    let end = start + u64::from(pattern.burst_ms) - 1;
    start / 20..=end / 20
}

/// Which digits have lost a packet; `lost` counted as in [`packets_of`].
fn touched(count: usize, lost: &BTreeSet<u64>) -> BTreeSet<usize> {
    (0..count)
        .filter(|n| packets_of(*n).any(|packet| lost.contains(&packet)))
        .collect()
}

/// How many digits are missing from what was heard, if that can be told by the loss: whatever lost no packet is there once, in
/// order; of the rest each may be missing, whole, or heard as two where a hole has cut it. `None`: it cannot.
fn missing(said: &[u8], touched: &BTreeSet<usize>, heard: &[u8]) -> Option<usize> {
    // least[j]: the digits before this one account for the first j that were heard, with so many missing
    let mut least = vec![None; heard.len() + 1];
    least[0] = Some(0usize);
    for (n, digit) in said.iter().enumerate() {
        let may_suffer = touched.contains(&n);
        let mut next = vec![None::<usize>; heard.len() + 1];
        let mut reach = |at: usize, missing: usize| {
            if let Some(slot) = next.get_mut(at) {
                *slot = Some(slot.map_or(missing, |known| known.min(missing)));
            }
        };
        for (at, missing) in least.iter().enumerate().filter_map(|(at, found)| Some((at, (*found)?))) {
            let times = heard[at..].iter().take(2).take_while(|heard| *heard == digit).count();
            if may_suffer {
                reach(at, missing + 1);
            }
            if times >= 1 {
                reach(at + 1, missing);
            }
            if times == 2 && may_suffer {
                reach(at + 2, missing);
            }
        }
        least = next;
    }
    least[heard.len()]
}

/// Numbers between the first and the last that never came.
fn never_came(peer: &Peer) -> BTreeSet<u16> {
    peer.heard(|heard| {
        let came: BTreeSet<u16> = heard.iter().map(|packet| packet.sequence).collect();
        let (first, last) = (heard[0].sequence, heard[heard.len() - 1].sequence);
        (0..last.wrapping_sub(first))
            .map(|n| first.wrapping_add(n))
            .filter(|n| !came.contains(n))
            .collect()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_percent_loss_loses_what_the_network_lost_and_no_more() {
    let stack = Stack::start(judge(COUNT), &[]).await;
    let lossy = Lossy::start(stack.relay().udp[0], 20_261_124).await;
    let (_seat, peer, answer) = seated(&stack).await;
    peer.answer(&lossy.in_front(&answer)).await;
    peer.up().await;
    // the first digits come whole, so that the time of each later one is known
    until(Duration::from_secs(10), "the interviewer is heard", async || {
        (heard_digits(&peer).len() >= 3).then_some(())
    })
    .await;
    lossy.lose(LOSS_PER_MILLE);
    let said = sequence(COUNT);
    said_and_heard(&stack, &peer, &said).await;
    lossy.lose(0);
    // a few more packets each way, so that a gap at the very end shows too
    let so_far = peer.heard(<[_]>::len);
    until(Duration::from_secs(5), "sound goes on", async || {
        peer.heard(|heard| heard.len() > so_far + 20).then_some(())
    })
    .await;
    let call = crate::digits::call_of(&stack).await;
    let (up, down) = (
        lossy.lost.up.lock().unwrap().clone(),
        lossy.lost.down.lock().unwrap().clone(),
    );
    assert!(
        up.len() > 10 && down.len() > 10,
        "the network lost {} and {} packets",
        up.len(),
        down.len()
    );

    // packet by packet
    let received = &call["received"];
    assert_eq!(
        received["lost"],
        up.len(),
        "the AI misses what the network lost: {received}"
    );
    assert_eq!(received["late"], 0, "{received}");
    assert_eq!(
        never_came(&peer),
        down.iter().map(|(sequence, _)| *sequence).collect(),
        "the candidate misses what the network lost"
    );

    // digit by digit, candidate to AI
    let begun = peer.spoken()[0].sequence;
    let lost = up
        .iter()
        .map(|(sequence, _)| u64::from(sequence.wrapping_sub(begun)))
        .collect();
    let suffered = touched(COUNT, &lost);
    let heard: Vec<u8> = call["digits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["digit"].as_u64().unwrap() as u8)
        .collect();
    let gone = missing(&said, &suffered, &heard);
    eprintln!(
        "up: {} packets lost, {} digits touched, missing {gone:?}",
        up.len(),
        suffered.len()
    );
    assert!(
        gone.is_some_and(|gone| gone <= suffered.len()),
        "candidate to AI: said {said:?}, of which {suffered:?} lost a packet; heard {heard:?}"
    );

    // and back: the interviewer's packets are where the first digits say
    let spoken: Vec<u8> = call["spoken_digits"]
        .as_array()
        .unwrap()
        .iter()
        .take(COUNT)
        .map(|it| it["digit"].as_u64().unwrap() as u8)
        .collect();
    let heard = heard_with_times(&peer);
    let first = peer.heard(|heard| heard[0].timestamp);
    let lead = u64::from(Pattern::at(48_000).lead_ms) * 48;
    let begun = (heard[0].1 - lead + PACKET / 2) / PACKET;
    let lost = down
        .iter()
        .map(|(_, timestamp)| u64::from(timestamp.wrapping_sub(first)) / PACKET);
    let lost: BTreeSet<u64> = lost.map(|packet| packet.wrapping_sub(begun)).collect();
    let suffered = touched(COUNT, &lost);
    let heard: Vec<u8> = heard.into_iter().map(|(digit, _)| digit).collect();
    let gone = missing(&spoken, &suffered, &heard);
    eprintln!(
        "down: {} packets lost, {} digits touched, missing {gone:?}",
        down.len(),
        suffered.len()
    );
    assert!(
        gone.is_some_and(|gone| gone <= suffered.len()),
        "AI to candidate: said {spoken:?}, of which {suffered:?} lost a packet; heard {heard:?}"
    );
    peer.close().await;
    stack.stop().await;
}

#[test]
fn only_what_lost_a_packet_may_suffer() {
    let table: [(&[u8], &[usize], Option<usize>); 8] = [
        (&[1, 2, 3, 3], &[], Some(0)),
        (&[1, 3, 3], &[], None),
        (&[1, 3, 3], &[1], Some(1)),
        (&[1, 2, 2, 3, 3], &[1], Some(0)),
        (&[1, 2, 2, 3, 3], &[0], None),
        (&[1, 2, 4, 3, 3], &[1], None),
        (&[2, 1, 3, 3], &[0, 1], None),
        (&[1, 2, 3], &[0, 2], Some(1)),
    ];
    for (heard, suffered, gone) in table {
        let suffered = suffered.iter().copied().collect();
        assert_eq!(missing(&[1, 2, 3, 3], &suffered, heard), gone, "{heard:?} {suffered:?}");
    }
    assert_eq!(packets_of(0), 2..=5);
    assert_eq!(touched(3, &[6, 9, 13].into()), [1].into());
}
