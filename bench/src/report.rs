//! What was measured, as JSON and as a table. Every figure comes from a run; the text around them is the same whatever they are.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{connects::Connects, engine::ON_TIME, load::Measured};

/// One contender's turns.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Who.
    pub name: String,
    /// Each turn's figures, in order.
    pub rounds: Vec<Measured>,
    /// Each turn's time from the process's start to its first answer.
    pub started_in_ms: Vec<f64>,
}

impl Entry {
    /// Nothing measured yet.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            rounds: vec![],
            started_in_ms: vec![],
        }
    }

    /// The median over the rounds of one figure, of those that have it.
    pub fn median(&self, figure: impl Fn(&Measured) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().filter_map(figure).collect())
    }
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where it ran.
    pub machine: Machine,
    /// Interviews at a time.
    pub sessions: usize,
    /// How long packets were counted in each turn.
    pub seconds: u64,
    /// Turns of each.
    pub rounds: usize,
    /// The first is the reference.
    pub entries: Vec<Entry>,
    /// Medians of each, and what they are to the reference's.
    pub summary: Vec<Summary>,
    /// The product's binary, if it was one of them.
    pub binary_mib: Option<f64>,
    /// Joins of the last of them over networks that lose more and more.
    pub connects: Vec<Connects>,
}

/// Where it ran.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// As the kernel names it.
    pub processor: String,
    /// How many of them.
    pub cores: usize,
    /// The kernel's release.
    pub kernel: String,
}

/// Medians over the rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Who.
    pub name: String,
    /// CPU time a forwarded packet.
    pub cpu_us_per_packet: Option<f64>,
    /// Median over the rounds of this turn's figure by the reference's of the same round.
    pub cpu_ratio: Option<f64>,
    /// Send to receive, median packet.
    pub delay_p50_ms: Option<f64>,
    /// Beyond the reference's of the same round.
    pub added_p50_ms: Option<f64>,
    /// Send to receive, 99th of 100.
    pub delay_p99_ms: Option<f64>,
    /// Beyond the reference's of the same round.
    pub added_p99_ms: Option<f64>,
    /// Packets lost or late, of all rounds.
    pub not_on_time: u64,
    /// Packets sent, of all rounds.
    pub sent: u64,
    /// Memory that an interview adds.
    pub mib_per_session: Option<f64>,
    /// A candidate's leg up, from its offer: 95 of 100.
    pub candidate_up_p95_ms: Option<f64>,
    /// Both legs up: 95 of 100.
    pub both_up_p95_ms: Option<f64>,
    /// Process start to first answer.
    pub started_in_ms: Option<f64>,
}

impl Report {
    /// Sums the entries up: of so many interviews at a time, for so many seconds in each of so many turns.
    pub fn new(entries: Vec<Entry>, sessions: usize, seconds: u64, rounds: usize) -> Self {
        let summary = entries.iter().map(|entry| summary(entry, entries.first())).collect();
        Self {
            machine: machine(),
            sessions,
            seconds,
            rounds,
            entries,
            summary,
            binary_mib: None,
            connects: vec![],
        }
    }

    /// The table, with what it says.
    pub fn markdown(&self) -> String {
        let Machine {
            processor,
            cores,
            kernel,
        } = &self.machine;
        let mut out = format!(
            "# Benchmarks\n\nWritten by `make bench`; not by hand. {} interviews at a time, each of two far ends that send 50 \
             packets a second (80 bytes of Opus, 116 on the wire), loopback, release build; {} rounds in which each has its turn, \
             {} s each; medians. The load runs in a process of its own, with full ICE, DTLS and SRTP at both ends; the reference \
             is passed datagrams of the same size without any. {processor}, {cores} cores shared with the load, Linux {kernel}.\n\n",
            self.sessions, self.rounds, self.seconds,
        );
        let names: Vec<&str> = self.summary.iter().map(|summary| summary.name.as_str()).collect();
        let _ = writeln!(
            out,
            "| | {} |\n| --- |{}",
            names.join(" | "),
            " ---: |".repeat(names.len())
        );
        let on_time = ON_TIME.as_millis();
        self.row(&mut out, "CPU a forwarded packet, µs", 2, |of| of.cpu_us_per_packet);
        self.row(&mut out, "as a ratio to the reference", 2, |of| of.cpu_ratio);
        self.row(&mut out, "send to receive, p50, ms", 3, |of| of.delay_p50_ms);
        self.row(&mut out, "beyond the reference, p50, ms", 3, |of| of.added_p50_ms);
        self.row(&mut out, "send to receive, p99, ms", 3, |of| of.delay_p99_ms);
        self.row(&mut out, "beyond the reference, p99, ms", 3, |of| of.added_p99_ms);
        self.row(
            &mut out,
            &format!("not received within {on_time} ms, of a million"),
            1,
            |of| (of.sent > 0).then(|| of.not_on_time as f64 * 1e6 / of.sent as f64),
        );
        self.row(&mut out, "memory an interview, MiB", 3, |of| of.mib_per_session);
        self.row(&mut out, "candidate's leg up after its offer, p95, ms", 1, |of| {
            of.candidate_up_p95_ms
        });
        self.row(&mut out, "both legs up after the offer, p95, ms", 1, |of| {
            of.both_up_p95_ms
        });
        self.row(&mut out, "process start to first answer, ms", 1, |of| of.started_in_ms);
        out.push_str(
            "\n\"Send to receive\" holds the load's own part, the same on all sides: from before one far end's system call to after \
             the other's. CPU is user and system time of the process, as `/proc` counts it.\n",
        );
        self.joining(&mut out);
        out
    }

    fn joining(&self, out: &mut String) {
        if let Some(binary) = self.binary_mib {
            let _ = writeln!(out, "\nThe binary, with the pages in it, has {binary:.1} MiB.");
        }
        if let (Some(summary), false) = (self.summary.last(), self.connects.is_empty()) {
            let _ = writeln!(
                out,
                "\n## Joins over a network that loses datagrams\n\nOf {}: the candidate's network loses that share of all its \
                 datagrams, each way; a leg that is not up within 15 s of its offer has failed. The far \
                 ends send a lost flight of their handshake again after 50 ms, as a browser does.\n\n\
                 | lost | joins | failed | leg up, p50, ms | p95, ms | slowest, ms |\n| ---: | ---: | ---: | ---: | ---: | ---: |",
                summary.name
            );
        }
        for of in &self.connects {
            let _ = writeln!(
                out,
                "| {:.0} % | {} | {} | {:.0} | {:.0} | {:.0} |",
                of.loss * 100.0,
                of.tried,
                of.failed,
                of.up_p50_ms,
                of.up_p95_ms,
                of.up_max_ms
            );
        }
    }

    fn row(&self, out: &mut String, name: &str, digits: usize, figure: impl Fn(&Summary) -> Option<f64>) {
        let cells: Vec<String> = self
            .summary
            .iter()
            .map(|summary| figure(summary).map_or_else(|| "–".into(), |figure| format!("{figure:.digits$}")))
            .collect();
        let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
    }
}

fn summary(entry: &Entry, reference: Option<&Entry>) -> Summary {
    let is_reference = reference.is_none_or(|reference| reference.name == entry.name);
    let beside = |figure: fn(&Measured) -> Option<f64>, join: fn(f64, f64) -> f64| {
        let reference = reference.filter(|_| !is_reference)?;
        let pairs = entry.rounds.iter().zip(&reference.rounds);
        median(
            pairs
                .filter_map(|(own, other)| Some(join(figure(own)?, figure(other)?)))
                .collect(),
        )
    };
    let positive = |figure: f64| (figure > 0.0).then_some(figure);
    Summary {
        name: entry.name.clone(),
        cpu_us_per_packet: entry.median(|of| of.cpu_us_per_packet),
        cpu_ratio: beside(|of| of.cpu_us_per_packet, |own, other| own / other),
        delay_p50_ms: entry.median(|of| Some(of.delay_p50_ms)),
        added_p50_ms: beside(|of| Some(of.delay_p50_ms), |own, other| own - other),
        delay_p99_ms: entry.median(|of| Some(of.delay_p99_ms)),
        added_p99_ms: beside(|of| Some(of.delay_p99_ms), |own, other| own - other),
        not_on_time: entry.rounds.iter().map(|of| of.lost + of.late).sum(),
        sent: entry.rounds.iter().map(|of| of.sent).sum(),
        mib_per_session: entry.median(|of| of.kib_per_session.map(|kib| kib / 1024.0)),
        candidate_up_p95_ms: entry.median(|of| positive(of.candidate_up_p95_ms)),
        both_up_p95_ms: entry.median(|of| positive(of.both_up_p95_ms)),
        started_in_ms: median(entry.started_in_ms.clone()),
    }
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len().is_multiple_of(2) {
        return Some((figures.get(middle.checked_sub(1)?)? + figures.get(middle)?) / 2.0);
    }
    figures.get(middle).copied()
}

fn machine() -> Machine {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Machine {
        processor: processor.map_or_else(|| "unknown processor".into(), |(_, name)| name.into()),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")
            .unwrap_or_default()
            .trim()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios_are_of_the_same_round() {
        let entry = |name: &str, cpus: &[f64]| Entry {
            name: name.into(),
            rounds: cpus
                .iter()
                .map(|cpu| Measured {
                    cpu_us_per_packet: Some(*cpu),
                    ..Measured::default()
                })
                .collect(),
            started_in_ms: vec![],
        };
        let reference = entry("bare", &[10.0, 20.0, 10.0]);
        let summed = summary(&entry("own", &[15.0, 24.0, 11.0]), Some(&reference));
        assert_eq!((summed.cpu_us_per_packet, summed.cpu_ratio), (Some(15.0), Some(1.2)));
        assert_eq!(summary(&reference, Some(&reference)).cpu_ratio, None);
        assert_eq!((median(vec![]), median(vec![2.0, 4.0])), (None, Some(3.0)));
    }
}
