//! Virtual time: tokio's clock is paused, so that hours pass in moments and every frame has its exact time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;
use crate::opus::{
    Decoder, FRAME, RATE,
    tests::{share, tone},
};

const MS: Duration = Duration::from_millis(1);

/// A transport whose frames are kept with the time they left at.
fn transport() -> (
    mpsc::Sender<Speech>,
    PcmIn,
    PcmOut,
    mpsc::UnboundedReceiver<(Instant, Frame)>,
) {
    let (speak, speech) = mpsc::channel(256);
    let (left, frames) = mpsc::unbounded_channel();
    let (pcm_in, pcm_out) = bridge(speech, move |frame| left.send((Instant::now(), frame)).unwrap()).unwrap();
    (speak, pcm_in, pcm_out, frames)
}

fn pcm(ms: usize) -> Vec<i16> {
    (0..ms / 20).flat_map(|n| tone(500.0, n)).collect()
}

#[tokio::test(start_paused = true)]
async fn plays_in_real_time_what_comes_at_once() {
    let (_speak, _in, out, mut frames) = transport();
    let start = Instant::now();
    out.play("a", &pcm(1000));
    out.finish("a");
    out.drained().await;
    assert_eq!(start.elapsed(), 1000 * MS);
    assert_eq!(out.played("a"), 1000 * MS);
    let (mut heard, mut decoder) = (vec![], Decoder::new().unwrap());
    for n in 0..50_u32 {
        let (at, frame) = frames.recv().await.unwrap();
        assert_eq!((at - start, u32::from(frame.seq), frame.ts), (20 * MS * n, n, 960 * n));
        heard.extend_from_slice(decoder.decode(&frame.payload).unwrap());
    }
    assert!(share(&heard[RATE as usize / 4..], 500.0) > 0.8);
}

#[tokio::test(start_paused = true)]
async fn a_barge_in_says_what_was_played_to_the_frame() {
    let (_speak, _in, out, mut frames) = transport();
    out.play("a", &pcm(400));
    out.play("b", &pcm(3000));
    out.play("c", &pcm(500));
    tokio::time::sleep(1250 * MS).await; // 400 of a, 850 of b: 43 frames of it have begun
    let played = out.clear();
    let want = Played {
        item: Some("b".into()),
        played: 860 * MS,
        unheard: vec!["c".into()],
    };
    assert_eq!(played, want);
    assert_eq!(
        (out.played("a"), out.played("b"), out.played("c")),
        (400 * MS, 860 * MS, Duration::ZERO)
    );
    // What was on its way when it was cleared comes too late.
    assert_eq!(out.play("b", &pcm(100)), 100 * MS);
    assert_eq!(out.play("c", &pcm(100)), 100 * MS);
    out.drained().await;
    assert_eq!(out.clear(), Played::default());
    // Then silence, and an end of frames.
    let mut decoder = Decoder::new().unwrap();
    let mut last = vec![];
    tokio::time::sleep(1000 * MS).await;
    let mut count = 0;
    while let Ok((_, frame)) = frames.try_recv() {
        last = decoder.decode(&frame.payload).unwrap().to_vec();
        count += 1;
    }
    assert_eq!(count, 63 + 10);
    assert!(last.iter().all(|sample| sample.unsigned_abs() < 200));
}

#[tokio::test(start_paused = true)]
async fn pauses_are_gaps_of_the_timestamp() {
    let (_speak, _in, out, mut frames) = transport();
    let start = Instant::now();
    out.play("a", &pcm(20));
    tokio::time::sleep(5003 * MS).await;
    out.play("b", &pcm(20));
    out.drained().await;
    let mut all = vec![];
    while let Ok((at, frame)) = frames.try_recv() {
        all.push((at - start, frame.seq, frame.ts));
    }
    assert_eq!(all[0], (Duration::ZERO, 0, 0));
    assert_eq!(
        all[11],
        (5003 * MS, 11, 5003 * 48),
        "after the ten frames of silence that end a: {all:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_rest_waits_for_more_but_not_for_long() {
    let (_speak, _in, out, mut frames) = transport();
    let start = Instant::now();
    let sound = pcm(60);
    out.play("a", &sound[..FRAME + 100]);
    tokio::time::sleep(30 * MS).await; // one frame has left, its rest waits
    out.play("a", &sound[FRAME + 100..]);
    out.drained().await;
    assert_eq!(
        out.played("a"),
        60 * MS,
        "nothing was filled up with silence in between"
    );
    assert!(start.elapsed() <= 75 * MS, "{:?}", start.elapsed());
    out.play("b", &sound[..100]);
    let b = Instant::now();
    out.drained().await;
    assert!((20 * MS..=65 * MS).contains(&b.elapsed()), "{:?}", b.elapsed());
    assert_eq!(out.played("b"), duration(100));
    frames.close();
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_wait_and_the_rest_is_refused() {
    let (_speak, _in, out, _frames) = transport();
    let minute = vec![0; 60 * RATE as usize];
    for _ in 0..10 {
        assert_eq!(out.play("a", &minute), Duration::ZERO);
    }
    assert_eq!(out.play("a", &minute[..RATE as usize]), 1000 * MS);
    assert_eq!((out.waiting(), out.refused()), (600_000 * MS, u64::from(RATE)));
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_last_owner() {
    let (_speak, _in, out, mut frames) = transport();
    let second = out.clone();
    drop(out);
    second.play("a", &pcm(20));
    assert!(frames.recv().await.is_some());
    drop(second);
    while frames.recv().await.is_some() {}
}

fn spoken(frames: usize) -> Vec<Speech> {
    let mut encoder = Encoder::new().unwrap();
    let packet = |n: usize, encoder: &mut Encoder| Speech {
        seq: 65_500_u16.wrapping_add(n as u16),
        timestamp: (u32::MAX - 20_000).wrapping_add(960 * n as u32),
        payload: Bytes::copy_from_slice(encoder.encode(&tone(500.0, n)).unwrap()),
    };
    (0..frames).map(|n| packet(n, &mut encoder)).collect()
}

async fn all(mut pcm_in: PcmIn) -> (Vec<i16>, u64) {
    let mut heard = vec![];
    while let Some(pcm) = pcm_in.next().await {
        heard.extend(pcm);
    }
    let concealed = pcm_in.concealed_ms();
    (heard, concealed)
}

#[tokio::test(start_paused = true)]
async fn lost_and_swapped_packets_leave_no_hole() {
    let (speak, pcm_in, _out, _frames) = transport();
    let mut packets = spoken(100);
    packets.swap(40, 41);
    packets.swap(70, 72);
    for lost in [90, 61, 60, 20] {
        packets.remove(lost);
    }
    let speaking = async {
        for packet in packets {
            tokio::time::sleep(20 * MS).await;
            speak.send(packet).await.unwrap();
        }
        drop(speak);
    };
    let ((), (heard, concealed)) = tokio::join!(speaking, all(pcm_in));
    assert_eq!(heard.len(), 100 * FRAME);
    assert_eq!(concealed, 80);
    assert!(share(&heard[10 * FRAME..], 500.0) > 0.8);
}

#[tokio::test(start_paused = true)]
async fn a_gap_delays_by_its_patience_and_no_more() {
    let (speak, mut pcm_in, _out, _frames) = transport();
    let packets = spoken(3);
    speak.send(packets[0].clone()).await.unwrap();
    assert_eq!(pcm_in.next().await.unwrap().len(), FRAME);
    let start = Instant::now();
    speak.send(packets[2].clone()).await.unwrap();
    assert_eq!(pcm_in.next().await.unwrap().len(), 2 * FRAME);
    assert_eq!(start.elapsed(), 60 * MS);
    speak.send(packets[1].clone()).await.unwrap(); // too late now
    drop(speak);
    assert_eq!(pcm_in.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn silence_that_was_not_sent_is_filled_in() {
    let (speak, pcm_in, _out, _frames) = transport();
    let mut packets = spoken(3);
    packets[2].timestamp = packets[2].timestamp.wrapping_add(400 * 48); // DTX: the numbers run on, time has passed
    for packet in packets {
        speak.send(packet).await.unwrap();
    }
    drop(speak);
    let (heard, concealed) = all(pcm_in).await;
    assert_eq!((heard.len(), concealed), (3 * FRAME + 400 * 24, 0));
}

#[tokio::test(start_paused = true)]
async fn a_new_stream_and_a_long_outage_go_on() {
    let (speak, pcm_in, _out, _frames) = transport();
    for (seq, timestamp) in [
        (1, 0),
        (2, 960),
        (4000, 77),
        (4001, 77 + 960),
        (4002, 77 + 1920 + 3600 * 48_000),
    ] {
        let payload = spoken(1)[0].payload.clone();
        speak
            .send(Speech {
                seq,
                timestamp,
                payload,
            })
            .await
            .unwrap();
    }
    drop(speak);
    let (heard, _) = all(pcm_in).await;
    assert_eq!(
        heard.len(),
        5 * FRAME + 2 * RATE as usize,
        "of an hour two seconds are filled in"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any mix of chunks, pauses and barge-ins: every sample is played once, cleared or refused, and each frame has its time.
    #[test]
    fn nothing_is_played_twice_or_forgotten(
        steps in prop::collection::vec((0_usize..5, 1_usize..2000, 0_u64..90, prop::bool::weighted(0.1)), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (_speak, _in, out, mut frames) = transport();
            let mut queued = std::collections::HashMap::new();
            let mut cut = vec![];
            for (n, (item, len, wait, clear)) in steps.into_iter().enumerate() {
                // A new item every twenty steps, so that cleared ones are followed by others.
                let item = format!("{}-{item}", n / 20);
                let refused = out.play(&item, &vec![1000; len]);
                let taken = if refused.is_zero() { len } else { 0 };
                prop_assert_eq!(refused.is_zero(), !cut.contains(&item));
                *queued.entry(item).or_insert(0) += taken;
                tokio::time::sleep(MS * wait as u32).await;
                if clear {
                    let played = out.clear();
                    cut.extend(played.item.iter().chain(&played.unheard).cloned());
                    prop_assert_eq!(out.waiting(), Duration::ZERO);
                }
            }
            out.drained().await;
            for (item, samples) in queued {
                let (played, all) = (out.played(&item), duration(samples as u64));
                prop_assert!(if cut.contains(&item) { played <= all } else { played == all }, "{item} {played:?} {all:?}");
            }
            let (mut last, mut next) = (None, 0);
            while let Ok((at, frame)) = frames.try_recv() {
                prop_assert_eq!(frame.seq, next);
                next = next.wrapping_add(1);
                if let Some((was_at, was_ts)) = last.replace((at, frame.ts)) {
                    prop_assert!(at - was_at >= 19 * MS, "never faster than real time");
                    prop_assert!(frame.ts - was_ts >= 960);
                }
            }
            Ok(())
        })?;
    }
}
