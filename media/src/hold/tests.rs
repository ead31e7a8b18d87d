//! Order, bounds and pace, on virtual time.
#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

fn epoch() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "where virtual time begins does not matter")]
    Instant::now()
}

fn packet(ssrc: u32, seq: u16, len: usize) -> BytesMut {
    let ts = u32::from(seq) * 960;
    let header = Header {
        marker: false,
        pt: 111,
        seq,
        ts,
        ssrc,
        payload_at: 12,
        payload_end: 12,
    };
    let mut packet = BytesMut::from(&header.bytes()[..]);
    packet.resize(12 + len, 0x78);
    packet
}

fn seqs(hold: &mut Hold) -> Vec<u16> {
    std::iter::from_fn(|| hold.pop()).map(|held| held.seq).collect()
}

#[test]
fn late_packets_find_their_place_and_repeats_are_refused() {
    let mut hold = Hold::new(Bound::of_ms(1000));
    for seq in [65_534, 0, 65_535, 2, 1, 2, 65_533] {
        hold.push(Source(1), packet(7, seq, 80));
    }
    hold.push(Source(2), packet(9, 0, 80)); // another leg's stream is not sorted into this one
    hold.push(Source(2), BytesMut::from(&b"not RTP"[..]));
    hold.push(Source(2), packet(9, 1, 0)); // no Opus in it
    assert_eq!(hold.counts().refused, 3);
    assert_eq!(hold.ms(), 140);
    assert_eq!(seqs(&mut hold), [65_533, 65_534, 65_535, 0, 1, 2, 0]);
}

#[test]
fn the_oldest_goes_when_full_and_is_counted() {
    let mut by_ms = Hold::new(Bound {
        ms_max: 100,
        bytes_max: 1 << 20,
    });
    let mut by_bytes = Hold::new(Bound {
        ms_max: 100_000,
        bytes_max: 5 * 92,
    });
    for seq in 0..12 {
        by_ms.push(Source(1), packet(7, seq, 80));
        by_bytes.push(Source(1), packet(7, seq, 80));
    }
    for mut hold in [by_ms, by_bytes] {
        let want = Counts {
            held_ms: 240,
            lost_ms: 140,
            lost_packets: 7,
            refused: 0,
        };
        assert_eq!(hold.counts(), want);
        assert_eq!(seqs(&mut hold), [7, 8, 9, 10, 11]);
    }
}

#[test]
fn handed_over_faster_than_spoken_while_live_speech_queues_behind() {
    let (start, mut hold) = (epoch(), Hold::new(Bound::of_ms(30_000)));
    for seq in 0..150 {
        hold.push(Source(1), packet(7, seq, 80)); // 3 s kept
    }
    hold.release(start, 3);
    let (mut now, mut next, mut out) = (start, 150, vec![]);
    let mut live_at = start;
    while hold.is_releasing() {
        if now >= live_at {
            hold.push(Source(1), packet(7, next, 80));
            (next, live_at) = (next + 1, live_at + 20 * MS);
        }
        out.extend(std::iter::from_fn(|| hold.poll(now)).map(|held| held.seq));
        let due = hold.poll_timeout().unwrap_or(live_at);
        now = now.max(due.min(live_at));
        assert!(now < start + Duration::from_secs(4), "it catches up");
    }
    assert_eq!(out, (0..next).collect::<Vec<_>>());
    let took = now - start;
    assert!(
        (1400 * MS..1600 * MS).contains(&took),
        "3 s at three times the speed, speech going on: {took:?}"
    );
}

#[test]
fn a_stalled_driver_makes_no_burst() {
    let (start, mut hold) = (epoch(), Hold::new(Bound::of_ms(30_000)));
    for seq in 0..500 {
        hold.push(Source(1), packet(7, seq, 80));
    }
    hold.release(start, 4);
    let burst = std::iter::from_fn(|| hold.poll(start + 2000 * MS)).count();
    assert_eq!(burst, 1);
    let next = std::iter::from_fn(|| hold.poll(start + 2020 * MS)).count();
    assert_eq!(next, 4);
}

#[test]
fn silence_is_told_apart() {
    let mut hold = Hold::new(Bound::of_ms(1000));
    for (seq, len) in [(0, 80), (1, 1), (2, 3), (3, 40)] {
        hold.push(Source(1), packet(7, seq, len));
    }
    assert_eq!((hold.ms(), hold.quiet_ms()), (80, 40));
    hold.clear();
    assert_eq!((hold.ms(), hold.counts().lost_ms, hold.is_empty()), (0, 0, true));
}

proptest! {
    #[test]
    fn bounds_hold_and_nothing_is_unaccounted(
        packets in prop::collection::vec((0_u16..400, 1_usize..300), 0..300),
        ms_max in 20_u32..3000,
        bytes_max in 400_usize..20_000,
    ) {
        let mut hold = Hold::new(Bound { ms_max, bytes_max });
        for &(seq, len) in &packets {
            hold.push(Source(1), packet(7, seq, len));
            prop_assert!(hold.ms() <= ms_max);
            prop_assert!(hold.queue.iter().map(|held| held.packet.len()).sum::<usize>() <= bytes_max);
        }
        let counts = hold.counts();
        let kept = hold.queue.len() as u64;
        prop_assert_eq!(packets.len() as u64, kept + counts.lost_packets + counts.refused);
        prop_assert_eq!(counts.held_ms, u64::from(hold.ms()) + counts.lost_ms);
    }

    #[test]
    fn any_mild_disorder_comes_out_in_order(start in any::<u16>(), swaps in prop::collection::vec(0_usize..60, 0..60)) {
        let mut order: Vec<u16> = (0..64).map(|n| start.wrapping_add(n)).collect();
        for at in swaps { order.swap(at, at + 3); }
        let mut hold = Hold::new(Bound::of_ms(10_000));
        for &seq in &order { hold.push(Source(1), packet(7, seq, 80)); }
        prop_assert_eq!(seqs(&mut hold), (0..64).map(|n| start.wrapping_add(n)).collect::<Vec<_>>());
    }
}
