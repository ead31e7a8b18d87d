//! How long somebody had to wait for what they would have heard at once (pure).
//!
//! Within a count digits come each 330 ms: what is more is a gap. From the end of the candidate's turn to the answer's first
//! digit passes what passes in every turn: what is more is a gap too. A fault that lasts is counted from its end.

use crate::ear::Digit;

/// The pace of the interviewer's digits, in ms.
pub const PACE_MS: i64 = 330;

/// What an interview tells of waiting.
#[derive(Clone, Debug, Default)]
pub struct Waits {
    /// Beyond the pace within a count, after the strike: the longest, in ms.
    pub within: i64,
    /// From the end of a turn (or of the fault) to the first digit of the answer: of undisturbed turns.
    pub ordinary: Vec<i64>,
    /// And of those that ended after the strike.
    pub after: Vec<i64>,
}

/// `ends`: when each turn's last burst had left the candidate. `over`: when the fault itself was over, if it lasted.
pub fn waits(digits: &[Digit], ends: &[u64], strike: Option<u64>, over: Option<u64>) -> Waits {
    let mut waits = Waits::default();
    let is_after = |at: u64| strike.is_some_and(|strike| at >= strike);
    let over = over.map_or(i64::MIN, |over| over as i64);
    for pair in digits.windows(2) {
        let (before, after) = (pair[0].at_ms as i64, pair[1].at_ms as i64);
        let said = ends
            .iter()
            .rev()
            .find(|end| (**end as i64) < after && (**end as i64) > before);
        match said {
            Some(end) => {
                let wait = after - (*end as i64).max(over);
                if is_after(pair[1].at_ms) {
                    waits.after.push(wait);
                } else {
                    waits.ordinary.push(after - *end as i64);
                }
            }
            None if is_after(pair[1].at_ms) => {
                waits.within = waits.within.max(after - (before + PACE_MS).max(over));
            }
            None => {}
        }
    }
    waits
}

impl Waits {
    /// The gap, given what an answer ordinarily takes.
    pub fn gap_ms(&self, ordinary_ms: i64) -> i64 {
        let answer = self.after.iter().map(|wait| wait - ordinary_ms).max().unwrap_or(0);
        self.within.max(answer).max(0)
    }
}

/// The value below which `percent` of the values are; 0 of none.
pub fn percentile(values: &mut [i64], percent: usize) -> i64 {
    values.sort_unstable();
    let at = (values.len() * percent).div_ceil(100).max(1) - 1;
    values.get(at).copied().unwrap_or(0)
}

/// Checks of the measure itself.
pub fn self_test() -> Result<(), String> {
    let digit = |digit: u8, at_ms: u64| Digit { digit, at_ms };
    // a count with a hole of 700 ms, an answer after 1.5 s, one after 2.5 s
    let digits = [
        digit(8, 1_000),
        digit(9, 1_330),
        digit(0, 4_500),
        digit(1, 4_830),
        digit(2, 5_860),
        digit(9, 6_190),
        digit(0, 9_500),
    ];
    let found = waits(&digits, &[3_000, 7_000], Some(4_900), None);
    if (found.within, &found.ordinary[..], &found.after[..], found.gap_ms(1_500)) != (700, &[1_500], &[2_500], 1_000) {
        return Err(format!("{found:?}"));
    }
    let found = waits(&digits, &[3_000, 7_000], Some(4_900), Some(5_700));
    if found.within != 160 {
        return Err(format!("{found:?}"));
    }
    let mut values: Vec<i64> = (1..=20).rev().collect();
    if (
        percentile(&mut values, 50),
        percentile(&mut values, 95),
        percentile(&mut [], 95),
    ) != (10, 19, 0)
    {
        return Err("percentile".into());
    }
    Ok(())
}
