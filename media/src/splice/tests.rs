//! One line is one decision; then what must hold for any run of sources, gaps, reordering and time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);
const A: Source = Source(1);
const B: Source = Source(2);

fn start() -> Start {
    Start {
        ssrc: 0xfeed,
        pt: 111,
        seq: 65_534,
        ts: u32::MAX - 100,
    }
}

fn epoch() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "where virtual time begins does not matter")]
    Instant::now()
}

/// Opus of 20 ms; the body tells the packets apart.
fn packet(ssrc: u32, seq: u16, ts: u32) -> Vec<u8> {
    let header = Header {
        marker: false,
        pt: 96,
        seq,
        ts,
        ssrc,
        payload_at: 12,
        payload_end: 12,
    };
    let mut packet = header.bytes().to_vec();
    if seq % 2 == 1 {
        packet[0] |= 0x10; // with an extension, as browsers send the audio level
        packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x10, 50, 0, 0]);
    }
    packet.extend_from_slice(&[0x78, (seq >> 8) as u8, seq as u8]);
    packet
}

fn send(splice: &mut Splice, at: Instant, source: Source, ssrc: u32, seq: u16, ts: u32) -> Result<Header, Refused> {
    let mut packet = packet(ssrc, seq, ts);
    let written = splice.rewrite(at, source, &mut packet)?;
    let packet = &packet[written.packet];
    let header = Header::parse(packet).unwrap();
    assert_eq!((header.ssrc, header.pt), (0xfeed, 111));
    assert_eq!(
        (written.seq, written.ts, written.payload_len),
        (header.seq, header.ts, 3)
    );
    assert_eq!(packet[12..], [0x78, (seq >> 8) as u8, seq as u8]);
    Ok(header)
}

#[test]
fn one_source_keeps_gaps_order_and_wraps() {
    let (t, mut splice) = (epoch(), Splice::new(start()));
    splice.select(A);
    let table = [
        // source's seq, ts; ours; marker
        (65_535, 0, 65_534, u32::MAX - 100, true),
        (0, 960, 65_535, 859, false),
        (3, 3840, 2, 3739, false), // two lost: the gap stays, across the wrap
        (2, 2880, 1, 2779, false), // one of them is only late
    ];
    for (seq, ts, our_seq, our_ts, marker) in table {
        let header = send(&mut splice, t, A, 7, seq, ts).unwrap();
        assert_eq!(
            (header.seq, header.ts, header.marker),
            (our_seq, our_ts, marker),
            "{seq}"
        );
    }
    assert_eq!(send(&mut splice, t, A, 7, 2, 2880), Err(Refused::Repeated));
    assert_eq!(
        send(&mut splice, t, A, 7, 65_534, 0),
        Err(Refused::Late),
        "from before the switch"
    );
}

#[test]
fn a_switch_joins_on_by_elapsed_time() {
    let (t, mut splice) = (epoch(), Splice::new(start()));
    splice.select(A);
    let first = send(&mut splice, t, A, 7, 100, 1000).unwrap();
    splice.select(B);
    assert_eq!(send(&mut splice, t, A, 7, 101, 1960), Err(Refused::Stale));
    let second = send(&mut splice, t + 500 * MS, B, 9, 40_000, 5).unwrap();
    assert_eq!(second.seq, first.seq.wrapping_add(1));
    assert_eq!(second.ts.wrapping_sub(first.ts), 500 * 48);
    assert!(second.marker);
    let third = send(&mut splice, t + 520 * MS, B, 9, 40_001, 965).unwrap();
    assert_eq!(third.ts.wrapping_sub(second.ts), 960);
    assert!(!third.marker);
    // At once: the stream advances by a packet's length, never by nothing.
    splice.select(A);
    let fourth = send(&mut splice, t + 520 * MS, A, 7, 300, 9).unwrap();
    assert_eq!(
        (fourth.seq.wrapping_sub(third.seq), fourth.ts.wrapping_sub(third.ts)),
        (1, 960)
    );
    assert_eq!(
        splice.counts(),
        Counts {
            stale: 1,
            rebased: 3,
            ..Counts::default()
        }
    );
}

#[test]
fn a_pause_on_purpose_is_no_loss() {
    let (t, mut splice) = (epoch(), Splice::new(start()));
    splice.select(A);
    let before = send(&mut splice, t, A, 7, 100, 0).unwrap();
    splice.select(A); // unmuted after 10 s, the source having counted on
    let after = send(&mut splice, t + 10_000 * MS, A, 7, 600, 480_000).unwrap();
    assert_eq!(
        (after.seq.wrapping_sub(before.seq), after.ts.wrapping_sub(before.ts)),
        (1, 480_000)
    );
    assert!(after.marker);
}

#[test]
fn restarts_are_confirmed_by_a_second_packet() {
    let (t, mut splice) = (epoch(), Splice::new(start()));
    splice.select(A);
    let before = send(&mut splice, t, A, 7, 100, 0).unwrap();
    assert_eq!(send(&mut splice, t + 20 * MS, A, 7, 9_000, 77), Err(Refused::Probation));
    let kept = send(&mut splice, t + 40 * MS, A, 7, 101, 960).unwrap();
    assert_eq!(kept.seq.wrapping_sub(before.seq), 1, "a stray changes nothing");
    assert_eq!(send(&mut splice, t + 60 * MS, A, 7, 9_000, 77), Err(Refused::Probation));
    let restarted = send(&mut splice, t + 80 * MS, A, 7, 9_001, 1037).unwrap();
    assert_eq!(
        (restarted.seq.wrapping_sub(kept.seq), restarted.ts.wrapping_sub(kept.ts)),
        (1, 40 * 48)
    );
    assert!(restarted.marker);
}

#[test]
fn a_new_ssrc_behind_the_same_leg_is_a_switch() {
    let (t, mut splice) = (epoch(), Splice::new(start()));
    splice.select(A);
    let before = send(&mut splice, t, A, 7, 100, 0).unwrap();
    let after = send(&mut splice, t + 100 * MS, A, 8, 50_000, 123).unwrap();
    assert_eq!(
        (after.seq.wrapping_sub(before.seq), after.ts.wrapping_sub(before.ts)),
        (1, 4800)
    );
}

#[test]
fn a_clock_set_anew_does_not_show() {
    let (t, mut splice) = (epoch(), Splice::new(start()));
    splice.select(A);
    let before = send(&mut splice, t, A, 7, 100, 50_000).unwrap();
    for (seq, ts) in [(102, 10), (103, 0x8000_0000)] {
        let at = t + 20 * MS * u32::from(seq - 100_u16);
        let after = send(&mut splice, at, A, 7, seq, ts).unwrap();
        assert_eq!(after.seq.wrapping_sub(before.seq), seq - 100, "the gap stays");
        assert_eq!(after.ts.wrapping_sub(before.ts), u32::from(seq - 100) * 960);
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// So many packets of the selected source are lost, then one comes.
    Send {
        lost: u16,
        wait_ms: u16,
    },
    /// A packet again that lies this far back.
    Again {
        back: u16,
    },
    Select {
        source: u64,
    },
    /// A packet of another source than the selected one.
    Stranger,
    Restart {
        seq: u16,
        ts: u32,
    },
    NewSsrc,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0_u16..6, 0_u16..60).prop_map(|(lost, wait_ms)| Step::Send { lost, wait_ms }),
        1 => (0_u16..2900, 0_u16..60_000).prop_map(|(lost, wait_ms)| Step::Send { lost, wait_ms }),
        4 => (0_u16..300).prop_map(|back| Step::Again { back }),
        1 => (0_u64..3).prop_map(|source| Step::Select { source }),
        1 => Just(Step::Stranger),
        1 => (any::<u16>(), any::<u32>()).prop_map(|(seq, ts)| Step::Restart { seq, ts }),
        1 => Just(Step::NewSsrc),
    ];
    prop::collection::vec(step, 1..250)
}

proptest! {
    #[test]
    fn whatever_happens_the_stream_is_one(steps in steps(), seq in any::<u16>(), ts in any::<u32>()) {
        let (mut now, mut splice) = (epoch(), Splice::new(start()));
        let (mut source, mut ssrc, mut seq, mut ts) = (Source(0), 1_u32, seq, ts);
        splice.select(source);
        // Outgoing numbers, unwrapped, to the packet they were given to.
        let mut given: HashMap<i64, (u32, u16)> = HashMap::new();
        let (mut newest, mut newest_ts): (Option<i64>, u32) = (None, 0);
        // The last in-order packet: (source, ssrc, its numbers, ours).
        let mut last: Option<(Source, u32, u16, u32, i64, u32)> = None;
        let mut refused = 0_u64;
        for step in steps {
            let (mut again, mut from) = (0, source);
            match step {
                Step::Send { lost, wait_ms } => {
                    now += MS * u32::from(wait_ms);
                    seq = seq.wrapping_add(lost + 1);
                    ts = ts.wrapping_add(960 * (u32::from(lost) + 1));
                }
                Step::Again { back } => again = back,
                Step::Select { source: other } => {
                    source = Source(other);
                    splice.select(source);
                    last = None;
                    continue;
                }
                Step::Stranger => from = Source(9),
                Step::Restart { seq: new_seq, ts: new_ts } => (seq, ts) = (new_seq, new_ts),
                Step::NewSsrc => (ssrc, seq, ts) = (ssrc + 1, seq.wrapping_mul(31), ts.wrapping_mul(31)),
            }
            let (this_seq, this_ts) = (seq.wrapping_sub(again), ts.wrapping_sub(960 * u32::from(again)));
            let Ok(header) = send(&mut splice, now, from, ssrc, this_seq, this_ts) else {
                refused += 1;
                continue;
            };
            prop_assert_eq!(from, source, "only the selected source passes");
            let number = newest.map_or(i64::from(header.seq), |newest| {
                newest + i64::from(seq_ahead(header.seq, newest as u16))
            });
            prop_assert_eq!(given.insert(number, (ssrc, this_seq)), None, "a number is given once");
            if newest.is_none_or(|newest| number > newest) {
                if let Some(newest) = newest {
                    prop_assert!(number - newest < i64::from(DROPOUT_MAX));
                    prop_assert!((header.ts.wrapping_sub(newest_ts) as i32) > 0, "time goes forward");
                }
                // Within a source, while its numbers run on: the same gaps in both clocks.
                if let Some((_, was_ssrc, was_seq, was_ts, was_number, was_our_ts)) = last
                    && was_ssrc == ssrc
                    && (0..DROPOUT_MAX).contains(&seq_ahead(this_seq, was_seq))
                    && !header.marker
                {
                    prop_assert_eq!(number - was_number, i64::from(seq_ahead(this_seq, was_seq)));
                    prop_assert_eq!(header.ts.wrapping_sub(was_our_ts), this_ts.wrapping_sub(was_ts));
                }
                last = Some((source, ssrc, this_seq, this_ts, number, header.ts));
                (newest, newest_ts) = (Some(number), header.ts);
            }
        }
        let counts = splice.counts();
        prop_assert_eq!(refused, counts.stale + counts.late + counts.repeated + counts.probation);
    }

    #[test]
    fn loss_alone_never_rebases(lost in prop::collection::vec(0_u16..50, 1..200), seq in any::<u16>()) {
        let (mut now, mut splice) = (epoch(), Splice::new(start()));
        splice.select(A);
        let mut theirs = seq;
        let first = send(&mut splice, now, A, 7, theirs, 0).unwrap();
        for lost in lost {
            theirs = theirs.wrapping_add(lost + 1);
            now += 20 * MS * u32::from(lost + 1);
            let ts = u32::from(theirs.wrapping_sub(seq)) * 960;
            let header = send(&mut splice, now, A, 7, theirs, ts).unwrap();
            prop_assert_eq!(header.seq.wrapping_sub(first.seq), theirs.wrapping_sub(seq));
            prop_assert_eq!(header.ts.wrapping_sub(first.ts), ts);
        }
        prop_assert_eq!(splice.counts().rebased, 1);
    }

    #[test]
    fn any_bytes_are_safe(mut bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut splice = Splice::new(start());
        splice.select(A);
        let _ = splice.rewrite(epoch(), A, &mut bytes);
    }
}

proptest! {
    #[test]
    fn late_packets_of_an_older_leg_never_win_the_stream_back(
        legs in prop::collection::vec((0_u64..6, 0_u16..30), 1..300),
        seq in any::<u16>(),
    ) {
        let (mut now, mut splice) = (epoch(), Splice::new(start()));
        let (mut sent, mut newest, mut switches, mut stale) = ([0_u16; 6], None::<u64>, 0, 0);
        let mut last: Option<(u64, u16, Header)> = None;
        for (leg, wait_ms) in legs {
            now += MS * u32::from(wait_ms);
            let n = &mut sent[leg as usize];
            *n += 1;
            let theirs = seq.wrapping_add(*n);
            splice.take_over(Source(leg));
            let result = send(&mut splice, now, Source(leg), leg as u32, theirs, u32::from(*n) * 960);
            if newest.is_some_and(|newest| leg < newest) {
                prop_assert_eq!(result, Err(Refused::Stale));
                stale += 1;
                continue;
            }
            switches += u64::from(newest != Some(leg));
            newest = Some(leg);
            let header = result.unwrap();
            if let Some((leg_before, theirs_before, before)) = &last {
                let step = if *leg_before == leg { theirs.wrapping_sub(*theirs_before) } else { 1 };
                prop_assert_eq!(header.seq.wrapping_sub(before.seq), step);
                let ticks = header.ts.wrapping_sub(before.ts);
                prop_assert!((960..48_000).contains(&ticks) || ticks == 960 * u32::from(step), "{}", ticks);
            }
            last = Some((leg, theirs, header));
        }
        prop_assert_eq!((splice.counts().rebased, splice.counts().stale), (switches, stale));
    }
}
