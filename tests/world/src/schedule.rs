//! What happens to an interview, drawn from a seed.

use rand::{Rng, SeedableRng, rngs::SmallRng};

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    AiVanishes,
    AiCloses,
    AiExpires,
    /// It closes, and refuses for so many s.
    AiRefuses(u64),
    /// So many answers never come.
    AiStalls(u32),
    Rebinds,
    Away(u64),
    SocketBreaks,
    Reloads,
    SecondTab,
    /// Loss, doubling and overtaking on the candidate's path from here on, per mille.
    Weather,
}

pub const KINDS: usize = 11;

impl Fault {
    pub fn draw(dice: &mut SmallRng) -> Self {
        match dice.random_range(0..KINDS) {
            0 => Self::AiVanishes,
            1 => Self::AiCloses,
            2 => Self::AiExpires,
            3 => Self::AiRefuses(dice.random_range(1..20)),
            4 => Self::AiStalls(if dice.random() { 1 } else { 1_000 }),
            5 => Self::Rebinds,
            6 => Self::Away(dice.random_range(1..60)),
            7 => Self::SocketBreaks,
            8 => Self::Reloads,
            9 => Self::SecondTab,
            _ => Self::Weather,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::AiVanishes => "ai-vanishes",
            Self::AiCloses => "ai-closes",
            Self::AiExpires => "ai-expires",
            Self::AiRefuses(_) => "ai-refuses",
            Self::AiStalls(_) => "ai-stalls",
            Self::Rebinds => "rebinds",
            Self::Away(_) => "away",
            Self::SocketBreaks => "socket",
            Self::Reloads => "reload",
            Self::SecondTab => "second-tab",
            Self::Weather => "weather",
        }
    }
}

/// Faults, each so many virtual ms after the interview's first digit.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub seed: u64,
    pub turns: usize,
    pub faults: Vec<(u64, Fault)>,
}

impl Schedule {
    /// `count` faults of a seed, within an interview of `turns` turns.
    pub fn draw(seed: u64, turns: usize, count: usize, only: Option<&str>) -> Self {
        let mut dice = SmallRng::seed_from_u64(seed);
        let mut faults: Vec<(u64, Fault)> = vec![];
        while faults.len() < count {
            let fault = Fault::draw(&mut dice);
            if only.is_none_or(|only| fault.name() == only) {
                faults.push((dice.random_range(0..turns as u64 * 7_000), fault));
            }
        }
        faults.sort_by_key(|(at, _)| *at);
        Self { seed, turns, faults }
    }
}
