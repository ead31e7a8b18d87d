//! What happens to an interview, drawn from a seed.

use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    AiVanishes,
    AiCloses,
    AiExpires,
    /// The first call's life is so many s: another takes over before its end.
    Rotates(u64),
    /// It closes, and refuses for so many s.
    AiRefuses(u64),
    /// So many answers never come.
    AiStalls(u32),
    /// Another address of the candidate's; the old one is dead.
    Moves,
    Away(u64),
    SocketBreaks,
    Reloads,
    SecondTab,
    /// The AI vanishes and the candidate's network goes for 2 s.
    BothLegs,
    /// The process dies and is started again after so many ms.
    Killed(u64),
    /// The process dies, and the front leads to another from so many ms later on.
    TakenOver(u64),
    /// The process is told to stop, with another there.
    Terminated,
    /// Nothing can be written to the database for so many s.
    StoreAway(u64),
    /// Nothing goes on the disk for so many s.
    DiskFull(u64),
    /// The microphone gives nothing for so many s.
    Microphone(u64),
    /// Doubling and overtaking on the candidate's path from here on.
    Weather,
    /// The wall clock goes by so many s.
    ClockJumps(i64),
}

/// All kinds, by name, drawn at equal rates.
pub const KINDS: [&str; 22] = [
    "ai-vanishes",
    "ai-closes",
    "ai-expires",
    "rotation",
    "ai-refuses",
    "ai-stalls",
    "moves",
    "away-5",
    "away-30",
    "away-100",
    "socket",
    "reload",
    "second-tab",
    "both-legs",
    "kill",
    "takeover",
    "term",
    "store-away",
    "disk-full",
    "microphone",
    "weather",
    "clock",
];

impl Fault {
    /// One of that kind.
    fn of(kind: &str, dice: &mut SmallRng) -> Option<Self> {
        Some(match kind {
            "ai-vanishes" => Self::AiVanishes,
            "ai-closes" => Self::AiCloses,
            "ai-expires" => Self::AiExpires,
            "rotation" => Self::Rotates(dice.random_range(20..50)),
            "ai-refuses" => Self::AiRefuses(20),
            "ai-stalls" => Self::AiStalls(if dice.random() { 1 } else { 1_000 }),
            "moves" => Self::Moves,
            "away-5" => Self::Away(5),
            "away-30" => Self::Away(30),
            "away-100" => Self::Away(100),
            "socket" => Self::SocketBreaks,
            "reload" => Self::Reloads,
            "second-tab" => Self::SecondTab,
            "both-legs" => Self::BothLegs,
            "kill" => Self::Killed(dice.random_range(50..1_500)),
            "takeover" => Self::TakenOver(dice.random_range(0..1_000)),
            "term" => Self::Terminated,
            "store-away" => Self::StoreAway(dice.random_range(5..60)),
            "disk-full" => Self::DiskFull(dice.random_range(5..60)),
            "microphone" => Self::Microphone(dice.random_range(1..20)),
            "weather" => Self::Weather,
            "clock" => Self::ClockJumps(*[-8, 8, 300, 3_600].choose(dice)?),
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::AiVanishes => "ai-vanishes",
            Self::AiCloses => "ai-closes",
            Self::AiExpires => "ai-expires",
            Self::Rotates(_) => "rotation",
            Self::AiRefuses(_) => "ai-refuses",
            Self::AiStalls(_) => "ai-stalls",
            Self::Moves => "moves",
            Self::Away(5) => "away-5",
            Self::Away(30) => "away-30",
            Self::Away(_) => "away-100",
            Self::SocketBreaks => "socket",
            Self::Reloads => "reload",
            Self::SecondTab => "second-tab",
            Self::BothLegs => "both-legs",
            Self::Killed(_) => "kill",
            Self::TakenOver(_) => "takeover",
            Self::Terminated => "term",
            Self::StoreAway(_) => "store-away",
            Self::DiskFull(_) => "disk-full",
            Self::Microphone(_) => "microphone",
            Self::Weather => "weather",
            Self::ClockJumps(_) => "clock",
        }
    }
}

/// How long an interview lasts at least from its first digit, in ms; faults strike within it.
pub const LENGTH_MS: u64 = 60_000;

/// Faults, each so many virtual ms after the interview's first digit.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub seed: u64,
    pub turns: usize,
    pub faults: Vec<(u64, Fault)>,
    /// The service transcribes so many ms later than it should, as it does at times: answers overtake what they answer.
    pub late_ms: u64,
}

impl Schedule {
    /// `count` faults of a seed. `only`: all of that kind.
    pub fn draw(seed: u64, turns: usize, count: usize, only: Option<&str>) -> Self {
        let mut dice = SmallRng::seed_from_u64(seed);
        let mut draw = || {
            let kind = only.or_else(|| KINDS.choose(&mut dice).copied())?;
            let fault = Fault::of(kind, &mut dice)?;
            let at = match fault {
                Fault::Rotates(life) => life * 1_000, // it has been by then
                _ => dice.random_range(0..LENGTH_MS - 5_000),
            };
            Some((at, fault))
        };
        let mut faults: Vec<(u64, Fault)> = std::iter::from_fn(&mut draw).take(count).collect();
        faults.sort_by_key(|(at, _)| *at);
        // an hour is more than an interview may last: another process could only think that its time is over
        let changes =
            |(_, fault): &(u64, Fault)| matches!(fault, Fault::Killed(_) | Fault::TakenOver(_) | Fault::Terminated);
        if faults.iter().any(changes) {
            for (_, fault) in &mut faults {
                if let Fault::ClockJumps(seconds) = fault {
                    *seconds = (*seconds).min(300);
                }
            }
        }
        let late_ms = if dice.random_ratio(1, 3) {
            dice.random_range(500..3_000)
        } else {
            0
        };
        Self {
            seed,
            turns,
            faults,
            late_ms,
        }
    }

    /// Another process is to be there.
    pub fn needs_another(&self) -> bool {
        let needs = |fault: &Fault| matches!(fault, Fault::TakenOver(_) | Fault::Terminated);
        self.faults.iter().any(|(_, fault)| needs(fault))
    }

    /// How long the first call of the AI's lives, in s.
    pub fn life(&self) -> Option<u64> {
        self.faults.iter().find_map(|(_, fault)| match fault {
            Fault::Rotates(life) => Some(*life),
            _ => None,
        })
    }
}
