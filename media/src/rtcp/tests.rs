//! Reports against the RFC's arithmetic, another implementation of the wire, and bytes that lie.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use rtc::rtcp::{
    goodbye::Goodbye,
    packet::unmarshal,
    receiver_report::ReceiverReport,
    sender_report::SenderReport,
    source_description::SourceDescription,
    transport_feedbacks::transport_layer_nack::{NackPair, TransportLayerNack},
};
use rtc::shared::marshal::Marshal;

use super::*;

const MS: Duration = Duration::from_millis(1);
const OURS: u32 = 0xaaaa;
const THEIRS: u32 = 0xbbbb;

fn epoch() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "where virtual time begins does not matter")]
    Instant::now()
}

fn header(seq: u16, ts: u32) -> Header {
    Header {
        marker: false,
        pt: 111,
        seq,
        ts,
        ssrc: THEIRS,
        payload_at: 12,
        payload_end: 92,
    }
}

fn asked(reports: &mut Reports, ntp: u64, bytes: &[u8]) -> Vec<Asked> {
    let mut asked = vec![];
    reports.handle(ntp, bytes, |ask| asked.push(ask));
    asked
}

#[test]
fn ntp_counts_from_1900() {
    assert_eq!(ntp(Duration::ZERO), 2_208_988_800 << 32);
    assert_eq!(ntp(Duration::new(1, 500_000_000)), (2_208_988_801 << 32) | 0x8000_0000);
}

/// What we write is read by webrtc-rs's own parser, field by field.
#[test]
fn another_implementation_reads_us() {
    let t = epoch();
    let mut reports = Reports::new(t, OURS, "q7Zr0");
    let mut out = vec![];
    reports.build(t, 1 << 32, &mut out);
    let packets = unmarshal(&mut &out[..]).unwrap();
    let rr = packets[0].as_any().downcast_ref::<ReceiverReport>().unwrap();
    assert_eq!((rr.ssrc, rr.reports.len()), (OURS, 0), "nothing sent, nothing received");

    for (n, seq) in [65_534_u16, 65_535, 1, 2].into_iter().enumerate() {
        reports.received(t + 20 * MS * n as u32, &header(seq, 960 * n as u32));
    }
    reports.sent(t + 40 * MS, 5000, 80);
    reports.sent(t + 60 * MS, 5960, 70);
    reports.build_bye(t + 160 * MS, 7 << 32 | 9, &mut out);
    let packets = unmarshal(&mut &out[..]).unwrap();
    let sr = packets[0].as_any().downcast_ref::<SenderReport>().unwrap();
    assert_eq!((sr.ssrc, sr.ntp_time, sr.rtp_time), (OURS, 7 << 32 | 9, 5960 + 4800));
    assert_eq!((sr.packet_count, sr.octet_count), (2, 150));
    let block = &sr.reports[0];
    assert_eq!(
        (block.ssrc, block.total_lost, block.last_sequence_number),
        (THEIRS, 1, 65_536 + 2)
    );
    assert_eq!(block.fraction_lost, 51, "one of five: 51/256");
    let sdes = packets[1].as_any().downcast_ref::<SourceDescription>().unwrap();
    assert_eq!(
        (sdes.chunks[0].source, &sdes.chunks[0].items[0].text[..]),
        (OURS, &b"q7Zr0"[..])
    );
    assert_eq!(packets[2].as_any().downcast_ref::<Goodbye>().unwrap().sources, [OURS]);

    // Since then nothing was lost, and the missing one has come late.
    reports.received(t + 200 * MS, &header(0, 1920));
    reports.received(t + 200 * MS, &header(3, 3840));
    reports.build(t + 200 * MS, 8 << 32, &mut out);
    let packets = unmarshal(&mut &out[..]).unwrap();
    let sr = packets[0].as_any().downcast_ref::<SenderReport>().unwrap();
    assert_eq!((sr.reports[0].fraction_lost, sr.reports[0].total_lost), (0, 0));
}

#[test]
fn cnames_of_any_length_end_on_a_word() {
    for len in [0, 1, 2, 3, 4, 5, 254, 255, 300] {
        let mut out = vec![];
        wire::write_cname(&mut out, OURS, &"x".repeat(len));
        let packets = unmarshal(&mut &out[..]).unwrap();
        let sdes = packets[0].as_any().downcast_ref::<SourceDescription>().unwrap();
        assert_eq!(sdes.chunks[0].items[0].text.len(), len.min(255), "{len}");
    }
}

#[test]
fn round_trip_from_two_ends() {
    let t = epoch();
    let (mut a, mut b) = (Reports::new(t, OURS, "a"), Reports::new(t, THEIRS, "b"));
    let mut out = vec![];
    let at = |ms: u64| ntp(Duration::from_secs(1_700_000_000) + Duration::from_millis(ms));
    a.sent(t, 1, 80);
    b.received(
        t,
        &Header {
            ssrc: OURS,
            ..header(1, 1)
        },
    );
    a.build(t, at(0), &mut out); // 30 ms there
    b.handle(at(30), &out, |_| {});
    b.build(t + 530 * MS, at(530), &mut out); // half a second later, 40 ms back
    a.handle(at(570), &out, |_| {});
    let rtt = a.stats().rtt.unwrap();
    assert!((69 * MS..71 * MS).contains(&rtt), "{rtt:?}");
    assert_eq!(b.stats().rtt, None);
}

#[test]
fn a_nonsense_round_trip_is_not_believed() {
    let mut reports = Reports::new(epoch(), OURS, "a");
    let block = ReportBlock {
        ssrc: OURS,
        fraction: 0,
        lost: -3,
        newest: 0,
        jitter: 480,
        last_sr: 1,
        delay: 0,
    };
    let mut out = vec![];
    wire::write_rr(&mut out, THEIRS, Some(&block));
    reports.handle(100 << 32, &out, |_| {});
    assert_eq!((reports.stats().rtt, reports.stats().lost_out), (None, 0));
    assert_eq!(reports.stats().jitter_out, 10 * MS);
}

#[test]
fn jitter_follows_the_rfc() {
    let t = epoch();
    let mut reports = Reports::new(t, OURS, "a");
    // Every other packet 8 ms late: |D| is 8 ms each time, and J tends to it.
    for n in 0..400_u32 {
        let late = if n % 2 == 1 { 8 } else { 0 };
        reports.received(t + MS * (20 * n + late), &header(n as u16, 960 * n));
    }
    let jitter = reports.stats().jitter_in;
    assert!((7 * MS..=8 * MS).contains(&jitter), "{jitter:?}");
}

#[test]
fn restarts_and_new_sources_are_no_loss() {
    let t = epoch();
    let mut reports = Reports::new(t, OURS, "a");
    for seq in [1, 2, 5, 30_000, 30_001, 30_002] {
        reports.received(t, &header(seq, 0)); // two lost; then a jump that a second packet confirms
    }
    assert_eq!(reports.stats().lost_in, 2, "the jump itself is none (RFC 3550, A.1)");
    reports.received(t, &header(30_005, 0));
    assert_eq!(reports.stats().lost_in, 4);
    reports.received(
        t,
        &Header {
            ssrc: 5,
            ..header(9, 0)
        },
    );
    assert_eq!(reports.stats().lost_in, 4);
    assert_eq!(reports.stats().packets_in, 8);
}

#[test]
fn nacks_are_read_as_another_implementation_writes_them() {
    let nack = TransportLayerNack {
        sender_ssrc: THEIRS,
        media_ssrc: OURS,
        nacks: vec![
            NackPair {
                packet_id: 65_535,
                lost_packets: 0x8001,
            },
            NackPair {
                packet_id: 7,
                lost_packets: 0,
            },
        ],
    };
    let mut reports = Reports::new(epoch(), OURS, "a");
    let want: Vec<_> = [65_535, 0, 15, 7].map(Asked::Again).into();
    assert_eq!(asked(&mut reports, 0, &nack.marshal().unwrap()), want);
    let other = TransportLayerNack { media_ssrc: 1, ..nack };
    assert_eq!(
        asked(&mut reports, 0, &other.marshal().unwrap()),
        [],
        "of another source"
    );
    let bye = Goodbye {
        sources: vec![THEIRS],
        reason: "off".into(),
    };
    assert_eq!(asked(&mut reports, 0, &bye.marshal().unwrap()), [Asked::Bye]);
}

#[test]
fn lies_are_counted_and_what_came_before_them_counts() {
    let table: [(&str, &[u8]); 7] = [
        ("a byte", &[0x80]),
        ("version 1", &[0x40, 203, 0, 0]),
        ("longer than it is", &[0x81, 203, 0, 9, 0, 0, 0, 1]),
        ("a report block that is not there", &[0x81, 201, 0, 1, 0, 0, 0, 1]),
        ("a sender without its clocks", &[0x80, 200, 0, 1, 0, 0, 0, 1]),
        ("padding longer than all", &[0xa0, 203, 0, 1, 0, 0, 0, 99]),
        ("a NACK of nobody", &[0x81, 205, 0, 1, 0, 0, 0, 1]),
    ];
    for (name, bytes) in table {
        let mut reports = Reports::new(epoch(), OURS, "a");
        let mut compound = vec![];
        wire::write_bye(&mut compound, THEIRS);
        compound.extend_from_slice(bytes);
        assert_eq!(asked(&mut reports, 0, &compound), [Asked::Bye], "{name}");
        assert_eq!(reports.stats().malformed, 1, "{name}");
    }
}

#[test]
fn types_not_known_are_passed_over() {
    let mut reports = Reports::new(epoch(), OURS, "a");
    let mut compound = vec![0x8f, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]; // transport-wide feedback
    compound.extend_from_slice(&[0x80, 250, 0, 0]);
    wire::write_bye(&mut compound, THEIRS);
    assert_eq!(asked(&mut reports, 0, &compound), [Asked::Bye]);
    assert_eq!(reports.stats().malformed, 0);
}

proptest! {
    #[test]
    fn any_bytes_are_safe(mut bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 199_u8..208, words in 0_u16..50) {
        let mut reports = Reports::new(epoch(), OURS, "a");
        reports.handle(u64::MAX, &bytes, |_| {});
        if let [first, second, third, fourth, ..] = &mut bytes[..] {
            (*first, *second) = (*first & 0x3f | 0x80, kind);
            [*third, *fourth] = words.to_be_bytes();
        }
        reports.handle(0, &bytes, |_| {});
        reports.build(epoch(), 0, &mut bytes);
        prop_assert!(unmarshal(&mut &bytes[..]).is_ok());
    }

    /// Loss over any run of losses, wraps and mild disorder is what was left out.
    #[test]
    fn loss_is_what_never_came(start in any::<u16>(), kept in prop::collection::vec(any::<bool>(), 1..500)) {
        let t = epoch();
        let mut reports = Reports::new(t, OURS, "a");
        reports.received(t, &header(start, 0));
        let (mut lost, mut pending) = (0, None);
        for (n, kept) in (1_u16..).zip(kept) {
            let next = header(start.wrapping_add(n), 960 * u32::from(n));
            if !kept { lost += 1; continue; }
            // Hold every fifth back by one: it comes late.
            if n % 5 == 0 && pending.is_none() { pending = Some(next); continue; }
            reports.received(t, &next);
            if let Some(late) = pending.take() { reports.received(t, &late); }
        }
        if let Some(late) = pending { reports.received(t, &late); }
        reports.received(t, &header(start.wrapping_add(600), 0));
        let total = 601 - u64::from(reports.stats().packets_in as u32);
        prop_assert!(total >= lost);
        prop_assert_eq!(reports.stats().lost_in, total);
    }
}
