//! One interview in digits with a fault in it: driven to its end, then told.

use crate::{
    candidate::Candidate,
    judge::{Facts, along, violations},
    measure::{Waits, waits},
    peer::wall_ms,
    postgres::Server,
    relays::Relays,
    rows::{Fault, Row, When},
    stack::{Seat, Stack},
};
use futures_util::FutureExt;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};
use std::{net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

/// The interviewer's counts.
const TURNS: usize = 3;
/// An answer that has not been heard out by then, beside what the fault itself lasts, never will be, in ms.
const ANSWER_MS_MAX: u64 = 40_000;
/// Pause after the interviewer's nine, in ms: at least.
const PAUSE_MS: u64 = 450;
const LOOK: Duration = Duration::from_millis(20);

/// What came of one.
#[derive(Default)]
pub struct Outcome {
    pub seed: u64,
    pub struck: Option<String>,
    /// Calls of the AI service, and repairs that the page made.
    pub calls: usize,
    pub repairs: usize,
    /// The longest that this process stood still when it had been told to sleep 20 ms: a machine that is too busy proves nothing.
    pub lag_ms: u64,
    pub waits: Waits,
    /// Where the row measures itself, the gap, in ms.
    pub own_gap_ms: Option<i64>,
    pub violations: Vec<String>,
}

/// Runs one. Never panics: what does inside is a violation.
pub async fn run(row: &Row, seed: u64) -> Outcome {
    let mut defaults: Value = serde_json::from_str(row.defaults).expect("JSON of the row");
    defaults["mode"] = json!("exam");
    defaults["exam"] = json!({ "turns": TURNS });
    let (mut place, stack) = Place::of(row, defaults).await;
    let driven = AssertUnwindSafe(drive(row, seed, &stack, &mut place))
        .catch_unwind()
        .await;
    let mut outcome = driven.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Outcome {
            violations: vec![format!("panicked: {}", text.unwrap_or_default())],
            ..Outcome::default()
        }
    });
    outcome.seed = seed;
    stack.stop().await;
    // ends processes, and waits for them
    let _ = tokio::task::spawn_blocking(move || drop(place)).await;
    outcome
}

/// Where the relay runs.
enum Place {
    /// In this process.
    Inside,
    /// In processes of their own, before a database of theirs.
    Beside {
        relays: Relays,
        database: Option<Arc<Server>>,
    },
}

impl Place {
    async fn of(row: &Row, defaults: Value) -> (Self, Stack) {
        let count = match row.fault {
            Fault::KilledAndBack | Fault::StoreStopped => 1,
            Fault::KilledForAnother | Fault::Terminated => 2,
            _ => return (Self::Inside, Stack::start(defaults, row.vars).await),
        };
        // a file is one process's; initdb takes a second or two
        let database = if row.fault == Fault::KilledAndBack {
            None
        } else {
            Some(Arc::new(tokio::task::spawn_blocking(Server::start).await.unwrap()))
        };
        let url = database.as_ref().map(|server| server.database());
        let (relays, stack) = Relays::start(count, defaults, row.vars, url.as_deref()).await;
        (Self::Beside { relays, database }, stack)
    }

    /// HTTP of the first, and UDP of all.
    fn addresses(&self, stack: &Stack) -> (SocketAddr, Vec<SocketAddr>) {
        match self {
            Self::Inside => (stack.relay().http, vec![stack.relay().udp[0]]),
            Self::Beside { relays, .. } => (relays.all[0].http, relays.all.iter().map(|relay| relay.udp).collect()),
        }
    }
}

/// When it strikes: in which turn, in which of its parts, how far into it.
#[derive(Clone, Copy, Debug)]
struct Moment {
    turn: usize,
    part: Part,
    into_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// From the first digit of the count.
    AiSpeaks,
    /// From the first digit of the answer.
    CandidateSpeaks,
    /// From the last.
    Between,
}

impl Moment {
    fn at_random(when: When, dice: &mut SmallRng) -> Self {
        let part = match (when, dice.random_range(0..8)) {
            (When::AiSpeaks, _) | (When::Any, 0..4) => Part::AiSpeaks,
            (When::CandidateSpeaks, _) | (When::Any, 4..7) => Part::CandidateSpeaks,
            (When::Any, _) => Part::Between,
        };
        let into_ms = match part {
            Part::AiSpeaks => dice.random_range(0..3_300),
            Part::CandidateSpeaks => dice.random_range(0..1_200),
            Part::Between => dice.random_range(0..1_500),
        };
        // after the last turn only the goodbye comes, which is not counted
        let turn = dice.random_range(0..TURNS - usize::from(part != Part::AiSpeaks));
        Self { turn, part, into_ms }
    }
}

/// A strike that is being carried out.
struct Strike {
    fault: Fault,
    moment: Moment,
    dice: SmallRng,
    due_ms: Option<u64>,
    at_ms: Option<u64>,
    /// When a fault that lasts is over.
    over_ms: Option<u64>,
    is_over: bool,
    told: String,
}

struct Drive<'a> {
    stack: &'a Stack,
    place: &'a mut Place,
    candidate: Candidate,
    strikes: Vec<Strike>,
    turns: Vec<Vec<u8>>,
    /// When the last burst of each turn left.
    ends: Vec<u64>,
    lag_ms: u64,
}

async fn drive(row: &Row, seed: u64, stack: &Stack, place: &mut Place) -> Outcome {
    let mut dice = SmallRng::seed_from_u64(seed);
    let moment = Moment::at_random(row.when, &mut dice);
    let seat = stack.seat().await;
    let (http, udp) = place.addresses(stack);
    let candidate = Candidate::join(http, &udp, &seat).await;
    let several = [
        Fault::Ai("vanish"),
        Fault::Ai("close_dtls"),
        Fault::Moves,
        Fault::Away(5),
        Fault::SocketLost,
        Fault::Reload,
    ];
    let faults = match row.fault {
        Fault::Nothing => vec![],
        Fault::Several => (0..dice.random_range(2..=3))
            .map(|_| several[dice.random_range(0..several.len())])
            .collect(),
        one => vec![one],
    };
    // overlapping: the later ones within 3 s of the first
    let mut into_ms = 0;
    let strikes = faults.into_iter().map(|fault| {
        let moment = Moment {
            into_ms: moment.into_ms + into_ms,
            ..moment
        };
        into_ms += dice.random_range(0..3_000);
        Strike::new(fault, moment, seed)
    });
    let strikes: Vec<Strike> = strikes.collect();
    let mut drive = Drive {
        stack,
        place,
        candidate,
        strikes,
        turns: vec![],
        ends: vec![],
        lag_ms: 0,
    };
    let mut stuck = None;
    for turn in 0..TURNS * 2 {
        match drive.turn(turn, &mut dice).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(why) => {
                stuck = Some(why);
                break;
            }
        }
    }
    let mut outcome = drive.over(&seat, stuck.is_none()).await;
    outcome.violations.splice(0..0, stuck);
    outcome
}

impl Drive<'_> {
    /// The interviewer counts, the candidate answers. False: it was the goodbye that came.
    async fn turn(&mut self, turn: usize, dice: &mut SmallRng) -> Result<bool, String> {
        let before = self.candidate.digits().len();
        let deadline = wall_ms() + ANSWER_MS_MAX + self.lasts_ms();
        let mut began = false;
        loop {
            self.look().await;
            let digits = &self.candidate.digits()[before..];
            if let (false, Some(first)) = (began, digits.first()) {
                began = true;
                let at_ms = first.at_ms;
                self.strikes
                    .iter_mut()
                    .for_each(|strike| strike.arm(turn, Part::AiSpeaks, at_ms));
            }
            if digits
                .last()
                .is_some_and(|last| last.digit == 9 && wall_ms() >= last.at_ms + PAUSE_MS)
            {
                break;
            }
            let reached = || along(self.candidate.digits().iter().map(|heard| heard.digit)).reached;
            if self.candidate.ended && reached() >= TURNS * 10 {
                return Ok(false);
            }
            if self.candidate.ended {
                return Err(format!(
                    "turn {turn}: the interview ended before the interviewer had counted to nine"
                ));
            }
            if wall_ms() > deadline {
                let heard: String = digits.iter().map(|d| d.digit.to_string()).collect();
                return Err(format!(
                    "turn {turn}: the interviewer was not heard out, only {heard:?}"
                ));
            }
        }
        let until = wall_ms() + dice.random_range(0..400);
        while wall_ms() < until {
            self.look().await;
        }
        let digits: Vec<u8> = (0..dice.random_range(6..=9))
            .map(|_| dice.random_range(0..10))
            .collect();
        self.arm(turn, Part::CandidateSpeaks, wall_ms());
        let mut end = self.candidate.say(&digits);
        self.turns.push(digits);
        while self.candidate.is_speaking() {
            self.look().await;
            // a microphone that was held up (a page that is being loaded) ends later
            end = end.max(wall_ms().saturating_sub(150));
        }
        self.ends.push(end);
        self.arm(turn, Part::Between, end);
        Ok(true)
    }

    fn arm(&mut self, turn: usize, part: Part, at_ms: u64) {
        self.strikes.iter_mut().for_each(|strike| strike.arm(turn, part, at_ms));
    }

    /// How long the faults last, together.
    fn lasts_ms(&self) -> u64 {
        self.strikes.iter().map(|strike| strike.fault.lasts_ms()).sum()
    }

    async fn look(&mut self) {
        let before = wall_ms();
        tokio::time::sleep(LOOK).await;
        self.lag_ms = self.lag_ms.max(wall_ms().saturating_sub(before));
        self.candidate.step().await;
        for strike in &mut self.strikes {
            strike.step(self.stack, self.place, &mut self.candidate).await;
        }
    }

    async fn over(mut self, seat: &Seat, is_whole: bool) -> Outcome {
        let deadline = wall_ms() + if is_whole { 60_000 + self.lasts_ms() } else { 1_000 };
        let mut session = Value::Null;
        while wall_ms() < deadline {
            for _ in 0..10 {
                self.look().await;
            }
            session = self.stack.session(seat).await;
            if ["completed", "failed"].contains(&session["status"].as_str().unwrap_or_default()) {
                break;
            }
        }
        // the journal drains beside the session
        let mut entries = vec![];
        for _ in 0..50 {
            self.look().await;
            let path = format!("/api/sessions/{}/transcript?format=json", seat.session);
            let (_, body) = self.stack.get(&path, &self.stack.recruiter()).await;
            let again = body["entries"].as_array().cloned().unwrap_or_default();
            if again == entries && !again.is_empty() {
                break;
            }
            entries = again;
        }
        let mut calls = vec![];
        for call in self.stack.calls().await {
            calls.push(self.stack.call(call["id"].as_str().unwrap_or_default()).await);
        }
        let heard: Vec<u8> = self.candidate.digits().iter().map(|d| d.digit).collect();
        let facts = Facts {
            counts: TURNS,
            turns: &self.turns,
            heard: &heard,
            calls: &calls,
            entries: &entries,
            session: &session,
            seams: self.strikes.len(),
        };
        let mut found = violations(&facts);
        if self.strikes.iter().any(|strike| strike.at_ms.is_none()) {
            found.push("the fault never struck".into());
        }
        if self.strikes.iter().any(|strike| strike.fault == Fault::Rotation) && calls.len() < 2 {
            found.push("it never rotated".into());
        }
        if std::env::var_os("CONTINUITY_TELL").is_some() {
            tell(&facts);
        }
        let outcome = Outcome {
            seed: 0,
            calls: calls.len(),
            repairs: self.candidate.repairs,
            lag_ms: self.lag_ms,
            struck: self
                .strikes
                .iter()
                .map(Strike::tell)
                .reduce(|all, one| format!("{all}; {one}")),
            waits: waits(
                self.candidate.digits(),
                &self.ends,
                self.strikes.iter().filter_map(|strike| strike.at_ms).min(),
                self.strikes
                    .iter()
                    .filter(|strike| strike.fault.excuses())
                    .filter_map(|strike| strike.over_ms)
                    .max(),
            ),
            own_gap_ms: self
                .strikes
                .first()
                .and_then(|strike| strike.own_gap_ms(&calls, &self.ends)),
            violations: found,
        };
        self.candidate.leave().await;
        outcome
    }
}

impl Strike {
    fn new(fault: Fault, moment: Moment, seed: u64) -> Self {
        Self {
            fault,
            moment,
            dice: SmallRng::seed_from_u64(seed ^ 1),
            due_ms: None,
            at_ms: None,
            over_ms: None,
            is_over: false,
            told: String::new(),
        }
    }

    fn tell(&self) -> String {
        let Moment { turn, part, into_ms } = self.moment;
        let (fault, told) = (self.fault, &self.told);
        format!("{fault:?} in turn {turn}, {part:?}, {into_ms} ms into it{told}")
    }

    /// A part of a turn begins.
    fn arm(&mut self, turn: usize, part: Part, at_ms: u64) {
        if self.fault != Fault::Nothing && (turn, part) == (self.moment.turn, self.moment.part) && self.due_ms.is_none()
        {
            self.due_ms = Some(at_ms + self.moment.into_ms);
        }
    }

    async fn step(&mut self, stack: &Stack, place: &mut Place, candidate: &mut Candidate) {
        let now = wall_ms();
        if self.at_ms.is_none() && self.due_ms.is_some_and(|due| now >= due) {
            self.begin(now, stack, place, candidate).await;
        }
        if !self.is_over && self.at_ms.is_some() && self.over_ms.is_none_or(|over| now >= over) {
            self.is_over = true;
            self.end(place, candidate);
        }
    }

    async fn begin(&mut self, now: u64, stack: &Stack, place: &mut Place, candidate: &mut Candidate) {
        self.at_ms = Some(now);
        let lasts_ms = self.fault.lasts_ms();
        self.over_ms = (lasts_ms > 0).then_some(now + lasts_ms);
        match self.fault {
            Fault::Nothing | Fault::Rotation | Fault::Several => {}
            Fault::Ai(kind) => stack.control("faults", &json!({ "kind": kind })).await,
            Fault::AiRefuses => {
                let (told, how) = match self.dice.random_range(0..3) {
                    0 => ("429", json!({ "status": 429, "retry_after": 5 })),
                    1 => ("500", json!({ "status": 500 })),
                    _ => ("no answer", json!({ "hang": true })),
                };
                let mut refusal = json!({ "kind": "refuse", "for_ms": 20_000 });
                for (key, value) in how.as_object().into_iter().flatten() {
                    refusal[key] = value.clone();
                }
                stack.control("faults", &refusal).await;
                stack.control("faults", &json!({ "kind": "close_dtls" })).await;
                self.told = format!(", {told}");
            }
            Fault::AiStuck => {
                let answers = if self.dice.random() { 1 } else { 1_000 };
                stack
                    .control("faults", &json!({ "kind": "session", "stall": answers }))
                    .await;
                self.told = format!(", {answers} answers");
            }
            Fault::Moves => candidate.move_on(),
            Fault::Away(_) => {
                candidate.cut(true);
            }
            Fault::SocketLost => candidate.wire.break_all(),
            Fault::SocketAway => {
                candidate.wire.cut(true);
                candidate.wire.break_all();
            }
            Fault::Reload => candidate.reload().await,
            Fault::KilledAndBack | Fault::KilledForAnother | Fault::Terminated | Fault::StoreStopped => {
                let Place::Beside { relays, database } = place else {
                    return;
                };
                match self.fault {
                    Fault::KilledAndBack => {
                        relays.all[0].kill().await;
                        relays.all[0].start();
                    }
                    Fault::KilledForAnother => {
                        relays.all[0].kill().await;
                        relays.lead_to(1);
                        candidate.wire.lead_to(relays.all[1].http);
                    }
                    Fault::Terminated => {
                        relays.lead_to(1);
                        candidate.wire.lead_to(relays.all[1].http);
                        relays.all[0].term();
                    }
                    _ => {
                        let server = database.clone().expect("it has one");
                        tokio::task::spawn_blocking(move || server.stop());
                    }
                }
            }
            Fault::SecondTab => candidate.second_tab().await,
            Fault::BothLegs => {
                stack.control("faults", &json!({ "kind": "vanish" })).await;
                candidate.cut(true);
            }
        }
    }

    fn end(&mut self, place: &mut Place, candidate: &mut Candidate) {
        match self.fault {
            Fault::Away(_) | Fault::BothLegs => {
                candidate.cut(false);
                // a browser is told that its network is back, and its socket by then is not the old one
                candidate.wire.break_all();
                candidate.hurry();
            }
            Fault::SocketAway => candidate.wire.cut(false),
            Fault::StoreStopped => {
                if let Place::Beside {
                    database: Some(server), ..
                } = place
                {
                    let server = server.clone();
                    tokio::task::spawn_blocking(move || server.restart());
                }
            }
            Fault::Nothing
            | Fault::Rotation
            | Fault::Several
            | Fault::Ai(_)
            | Fault::AiRefuses
            | Fault::AiStuck
            | Fault::Moves
            | Fault::SocketLost
            | Fault::Reload
            | Fault::SecondTab
            | Fault::KilledAndBack
            | Fault::KilledForAnother
            | Fault::Terminated => {}
        }
    }

    /// A stuck interviewer is noticed when the relay asks again, or dials again.
    fn own_gap_ms(&self, calls: &[Value], ends: &[u64]) -> Option<i64> {
        if self.fault != Fault::AiStuck {
            return None;
        }
        let due = *ends.iter().find(|end| Some(**end) > self.at_ms)? as i64;
        let asked = calls.iter().flat_map(|call| {
            let began = call["started_epoch_ms"].as_i64().unwrap_or_default();
            let events = call["client_events"].as_array().into_iter().flatten();
            let asks = events.filter(|it| it["event"]["type"] == "response.create");
            asks.filter_map(move |it| Some(began + it["at_ms"].as_i64()?))
                .chain([began])
        });
        asked.filter(|at| *at > due).min().map(|at| at - due)
    }
}

#[expect(clippy::print_stderr, reason = "it was asked for")]
fn tell(facts: &Facts<'_>) {
    for call in facts.calls {
        eprintln!(
            "call {} {} {}: user {} assistant {}",
            call["id"], call["state"], call["ended_because"], call["said_by_user"], call["said_by_assistant"]
        );
        eprintln!("  digits {} received {}", call["digits_text"], call["received"]);
        for item in call["items"].as_array().into_iter().flatten() {
            eprintln!(
                "  {} {} {} cut {}",
                item["role"], item["origin"], item["words"], item["truncated_ms"]
            );
        }
    }
    for entry in facts.entries {
        eprintln!(
            "entry {} {} {} interrupted {} heard {}",
            entry["sequence_number"], entry["speaker"], entry["text"], entry["interrupted"], entry["heard_text"]
        );
    }
    eprintln!("heard {:?}, said {:?}", facts.heard, facts.turns);
}
