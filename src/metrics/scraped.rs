//! The metrics that are counted elsewhere: the shards' counters and the sessions, read at each scrape.

use super::{States, Waiting, lock};
use crate::store::journal::Status;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::{Arc, Mutex};
use vivavoce_media::{Count, Counters};

/// What is counted elsewhere and read at each scrape.
#[derive(Default)]
pub(super) struct Scraped {
    pub(super) shards: Mutex<Vec<Arc<Counters>>>,
    pub(super) states: Mutex<Option<States>>,
    pub(super) journal: Mutex<Option<Waiting>>,
}

impl fmt::Debug for Scraped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scraped")
    }
}

impl Collector for Scraped {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let shards = lock(&self.shards).clone();
        let sum = |read: &dyn Fn(&Counters) -> u64| shards.iter().map(|shard| read(shard)).sum::<u64>();
        let states = lock(&self.states).as_ref().map(|ask| ask()).unwrap_or_default();
        let mut gauge = encoder.encode_descriptor(
            "sessions",
            "Interviews on this process, by state",
            None,
            MetricType::Gauge,
        )?;
        for (state, count) in states {
            let value = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            value.encode(gauge.encode_family(&[("state", state)])?)?;
        }
        let value = ConstGauge::new(i64::try_from(sum(&|c| c.calls.get())).unwrap_or(i64::MAX));
        value.encode(encoder.encode_descriptor("calls", "Calls open on the shards", None, MetricType::Gauge)?)?;

        if let Some(status) = lock(&self.journal).as_ref().map(|ask| ask()) {
            journal(&mut encoder, &status)?;
        }

        let mut packets = encoder.encode_descriptor(
            "rtp_packets",
            "RTP packets, by leg and direction (in: to the relay)",
            None,
            MetricType::Counter,
        )?;
        for (at, leg) in LEGS {
            for (direction, count) in [
                ("in", sum(&|c| c.rtp_in[at].get())),
                ("out", sum(&|c| c.rtp_out[at].get())),
            ] {
                let labels = [("leg", leg), ("direction", direction)];
                ConstCounter::new(count).encode(packets.encode_family(&labels)?)?;
            }
        }
        let by_leg: [(&str, &str, Read<[u64; 2]>); 2] = [
            ("rtp_lost", "Packets missed in a sequence, by leg", |c| {
                c.rtp_lost.each_ref().map(Count::get)
            }),
            ("rtp_repeated", "Packets sent again on a NACK, by leg", |c| {
                c.rtp_repeated.each_ref().map(Count::get)
            }),
        ];
        for (name, help, read) in by_leg {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (at, leg) in LEGS {
                ConstCounter::new(sum(&|c| read(c)[at])).encode(family.encode_family(&[("leg", leg)])?)?;
            }
        }
        let speech: [(&str, &str, Read<[u64; 2]>); 2] = [
            (
                "speech_held",
                "Speech that went through a hold, by the leg that spoke",
                |c| c.speech_held_ms.each_ref().map(Count::get),
            ),
            (
                "speech_lost",
                "Speech dropped since a hold was full, by the leg that spoke",
                |c| c.speech_dropped_ms.each_ref().map(Count::get),
            ),
        ];
        for (name, help, read) in speech {
            let mut family = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Counter)?;
            for (at, leg) in LEGS {
                let value = sum(&|c| read(c)[at]) as f64 / 1e3;
                ConstCounter::new(value).encode(family.encode_family(&[("leg", leg)])?)?;
            }
        }
        let mut dropped = encoder.encode_descriptor(
            "datagrams_dropped",
            "Datagrams and messages dropped at the media ports, by reason",
            None,
            MetricType::Counter,
        )?;
        for (reason, read) in DROPS {
            ConstCounter::new(sum(&|c| read(c))).encode(dropped.encode_family(&[("reason", *reason)])?)?;
        }
        let mut remedies = encoder.encode_descriptor(
            "remedies",
            "Times that a remedy for a defect of the WebRTC stack acted",
            None,
            MetricType::Counter,
        )?;
        for (remedy, read) in REMEDIES {
            ConstCounter::new(sum(&|c| read(c))).encode(remedies.encode_family(&[("remedy", *remedy)])?)?;
        }
        Ok(())
    }
}

fn journal(encoder: &mut DescriptorEncoder<'_>, status: &Status) -> fmt::Result {
    let oldest = status.oldest_age.unwrap_or_default().as_secs_f64();
    let help = "Records that wait for the database";
    let metric = encoder.encode_descriptor("journal_records", help, None, MetricType::Gauge)?;
    ConstGauge::new(i64::try_from(status.queued).unwrap_or(i64::MAX)).encode(metric)?;
    let help = "How long the oldest record has waited for the database";
    let metric = encoder.encode_descriptor("journal_oldest", help, Some(&Unit::Seconds), MetricType::Gauge)?;
    ConstGauge::new(oldest).encode(metric)?;
    for (name, help, ok) in [
        (
            "journal_disk_ok",
            "1 while records reach the disk first",
            status.disk_ok,
        ),
        (
            "journal_database_ok",
            "1 while the database takes records",
            status.database_ok,
        ),
    ] {
        let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(i64::from(ok)).encode(metric)?;
    }
    for (name, help, count) in [
        (
            "journal_rejected",
            "Records that the database refused, set aside",
            status.rejected_total,
        ),
        (
            "journal_full",
            "Records refused since the journal was full",
            status.full_total,
        ),
    ] {
        let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(count).encode(metric)?;
    }
    Ok(())
}

type Read<T> = fn(&Counters) -> T;

const LEGS: [(usize, &str); 2] = [(0, "candidate"), (1, "ai")];

const DROPS: &[(&str, Read<u64>)] = &[
    ("stranger", |c| c.dropped_stranger.get()),
    ("stun", |c| c.dropped_stun.get()),
    ("dtls", |c| c.dropped_dtls.get()),
    ("srtp", |c| c.dropped_srtp.get()),
    ("early", |c| c.dropped_early.get()),
    ("unknown", |c| c.dropped_unknown.get()),
    ("message", |c| c.dropped_message.get()),
    ("sdp", |c| c.refused_sdp.get()),
    ("send", |c| c.dropped_send.get()),
    ("overrun", |c| c.overruns.get()),
];

const REMEDIES: &[(&str, Read<u64>)] = &[
    ("dtls_flight", |c| c.remedy_dtls_flight.get()),
    ("use_candidate", |c| c.remedy_use_candidate.get()),
    ("pair_follow", |c| c.remedy_pair_follow.get()),
];
