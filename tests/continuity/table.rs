//! The table: of each row how often, the gap, and what did not hold.

use crate::{
    interview::Outcome,
    measure::percentile,
    rows::{ROWS, Row},
};
use std::fmt::Write;

/// Where it stands in the document.
const BEGIN: &str = "<!-- continuity: begin -->";
const END: &str = "<!-- continuity: end -->";

/// What an answer takes where no undisturbed turn of the run tells: 1.2 s of silence that end a turn, 200 ms of thought, the way.
const ORDINARY_MS: i64 = 1_550;

pub struct Table {
    /// What an answer ordinarily takes, in ms.
    ordinary_ms: i64,
    lines: Vec<Line>,
}

struct Line {
    row: &'static Row,
    n: usize,
    p50_ms: i64,
    p95_ms: i64,
    violated: usize,
}

impl Table {
    pub fn of(results: &[(&'static Row, Vec<Outcome>)]) -> Self {
        let all = results.iter().flat_map(|(_, outcomes)| outcomes);
        let mut ordinary: Vec<i64> = all.flat_map(|outcome| outcome.waits.ordinary.iter().copied()).collect();
        let ordinary_ms = if ordinary.is_empty() {
            ORDINARY_MS
        } else {
            percentile(&mut ordinary, 50)
        };
        let lines = results.iter().map(|(row, outcomes)| {
            let gap = |outcome: &Outcome| outcome.own_gap_ms.unwrap_or_else(|| outcome.waits.gap_ms(ordinary_ms));
            let mut gaps: Vec<i64> = outcomes.iter().map(gap).collect();
            Line {
                row,
                n: outcomes.len(),
                p50_ms: percentile(&mut gaps, 50),
                p95_ms: percentile(&mut gaps, 95),
                violated: outcomes.iter().filter(|outcome| !outcome.violations.is_empty()).count(),
            }
        });
        Self {
            ordinary_ms,
            lines: lines.collect(),
        }
    }

    pub fn text(&self) -> String {
        let mut text = format!(
            "an answer ordinarily takes {} ms from the candidate's last digit\n",
            self.ordinary_ms
        );
        let _ = writeln!(
            text,
            "{:<24} {:>3} {:>9} {:>9} {:>9} {:>9}",
            "row", "n", "bound ms", "p50 ms", "p95 ms", "violated"
        );
        for line in &self.lines {
            let Line {
                row,
                n,
                p50_ms,
                p95_ms,
                violated,
            } = line;
            let bound = bound(row);
            let _ = writeln!(
                text,
                "{:<24} {n:>3} {bound:>9} {p50_ms:>9} {p95_ms:>9} {violated:>9}",
                row.name
            );
        }
        text
    }

    /// Every row there is, run or not.
    pub fn markdown(&self) -> String {
        let mut text =
            String::from("| fault | n | gap, bound | p50 | p95 | not held |\n| --- | --- | --- | --- | --- | --- |\n");
        for row in ROWS {
            let bound = bound(row);
            let _ = match self.lines.iter().find(|line| line.row.name == row.name) {
                Some(line) => writeln!(
                    text,
                    "| {} | {} | {bound} ms | {} ms | {} ms | {} |",
                    row.text, line.n, line.p50_ms, line.p95_ms, line.violated
                ),
                None => writeln!(text, "| {} | 0 | {bound} ms | | | not run |", row.text),
            };
        }
        let _ = writeln!(
            text,
            "\nGaps are of one run on this machine, {} build, 50 ms of round trip, and of what would be heard without a fault some 15 ms are the packets' own; an answer \
             ordinarily takes {} ms from the candidate's last digit.",
            if cfg!(debug_assertions) {
                "a debug"
            } else {
                "an optimised"
            },
            self.ordinary_ms
        );
        text
    }
}

fn bound(row: &Row) -> String {
    if row.gap_max_ms == i64::MAX {
        "none".into()
    } else {
        row.gap_max_ms.to_string()
    }
}

/// Puts the table between its marks; the document's other words stay.
pub fn write(path: &str, table: &str) -> std::io::Result<()> {
    let old = std::fs::read_to_string(path).unwrap_or_else(|_| format!("# Continuity\n\n{BEGIN}\n{END}\n"));
    let (head, rest) = old.split_once(BEGIN).unwrap_or((&old, ""));
    let tail = rest.split_once(END).map_or("\n", |(_, tail)| tail);
    std::fs::write(path, format!("{head}{BEGIN}\n{table}{END}{tail}"))
}
