//! One interview in digits with a fault in it: driven to its end, then told.

use crate::{
    candidate::Candidate,
    judge::{Facts, along, violations},
    measure::{Waits, waits},
    peer::wall_ms,
    place::Place,
    rows::{Fault, Row},
    stack::{Seat, Stack},
    strike::{Moment, Part, Strike},
};
use futures_util::FutureExt;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};
use std::{panic::AssertUnwindSafe, time::Duration};
use tokio::time::timeout;

/// No interview takes longer: six turns, and the longest fault.
const WHOLE_MAX: Duration = Duration::from_secs(600);
/// Everything beside has ended by then.
const STOP_MAX: Duration = Duration::from_secs(60);
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
    defaults["exam"] = json!({ "turns": row.turns });
    let (mut place, stack) = Place::of(row, defaults).await;
    let driving = AssertUnwindSafe(drive(row, seed, &stack, &mut place)).catch_unwind();
    let mut outcome = match timeout(WHOLE_MAX, driving).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Outcome::broken(format!("panicked: {}", text.unwrap_or_default()))
        }
        Err(_) => Outcome::broken(format!("not at its end after {} s", WHOLE_MAX.as_secs())),
    };
    outcome.seed = seed;
    // ends processes, and waits for them
    let ending = async {
        stack.stop().await;
        let _ = tokio::task::spawn_blocking(move || drop(place)).await;
    };
    if timeout(STOP_MAX, ending).await.is_err() {
        let seconds = STOP_MAX.as_secs();
        outcome
            .violations
            .push(format!("relay and simulator had not ended after {seconds} s"));
    }
    outcome
}

impl Outcome {
    fn broken(why: String) -> Self {
        Self {
            violations: vec![why],
            ..Self::default()
        }
    }
}

struct Drive<'a> {
    stack: &'a Stack,
    place: &'a mut Place,
    candidate: Candidate,
    strikes: Vec<Strike>,
    /// The interviewer's counts.
    counts: usize,
    turns: Vec<Vec<u8>>,
    /// When the last burst of each turn left.
    ends: Vec<u64>,
    lag_ms: u64,
}

async fn drive(row: &Row, seed: u64, stack: &Stack, place: &mut Place) -> Outcome {
    let mut dice = SmallRng::seed_from_u64(seed);
    let moment = Moment::at_random(row.when, &mut dice);
    if let Some(order) = row.order {
        let order = serde_json::from_str(order).expect("JSON of the row");
        stack.control("faults", &order).await;
    }
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
        counts: row.turns,
        turns: vec![],
        ends: vec![],
        lag_ms: 0,
    };
    let mut stuck = None;
    for turn in 0..row.turns * 2 {
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
            if self.candidate.ended && reached() >= self.counts * 10 {
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
            counts: self.counts,
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
        let over = |at: usize| calls.get(at).and_then(|call| call["transport"].as_str());
        if self.strikes.iter().any(|strike| strike.fault == Fault::WebRtcReturns)
            && (over(0), calls.len().checked_sub(1).and_then(over)) != (Some("websocket"), Some("webrtc"))
        {
            found.push("it did not go back to WebRTC".into());
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
