//! A fault, when it strikes and how: begun, ended where it lasts, and told.

use crate::{
    candidate::Candidate,
    peer::wall_ms,
    place::Place,
    rows::{Fault, TURNS, When},
    stack::Stack,
};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};

/// When it strikes: in which turn, in which of its parts, how far into it.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub turn: usize,
    pub part: Part,
    pub into_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// From the first digit of the count.
    AiSpeaks,
    /// From the first digit of the answer.
    CandidateSpeaks,
    /// From the last.
    Between,
}

impl Moment {
    pub fn at_random(when: When, dice: &mut SmallRng) -> Self {
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
pub struct Strike {
    pub fault: Fault,
    pub moment: Moment,
    dice: SmallRng,
    due_ms: Option<u64>,
    pub at_ms: Option<u64>,
    /// When a fault that lasts is over.
    pub over_ms: Option<u64>,
    pub is_over: bool,
    told: String,
}

impl Strike {
    pub fn new(fault: Fault, moment: Moment, seed: u64) -> Self {
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

    pub fn tell(&self) -> String {
        let Moment { turn, part, into_ms } = self.moment;
        let (fault, told) = (self.fault, &self.told);
        format!("{fault:?} in turn {turn}, {part:?}, {into_ms} ms into it{told}")
    }

    /// A part of a turn begins.
    pub fn arm(&mut self, turn: usize, part: Part, at_ms: u64) {
        if self.fault != Fault::Nothing && (turn, part) == (self.moment.turn, self.moment.part) && self.due_ms.is_none()
        {
            self.due_ms = Some(at_ms + self.moment.into_ms);
        }
    }

    pub async fn step(&mut self, stack: &Stack, place: &mut Place, candidate: &mut Candidate) {
        let now = wall_ms();
        // Nobody says the second half of a word to a page that was not there for the first: what is being said is ended.
        let is_torn = matches!(self.fault, Fault::Reload | Fault::SecondTab) && candidate.is_in_a_digit();
        if self.at_ms.is_none() && !is_torn && self.due_ms.is_some_and(|due| now >= due) {
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
            Fault::Nothing | Fault::Rotation | Fault::WebRtcReturns | Fault::Several => {}
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
            Fault::Microphone => candidate.hold_microphone(true),
            Fault::KilledAndBack
            | Fault::KilledForAnother
            | Fault::Terminated
            | Fault::StoreStopped
            | Fault::DiskFull => {
                let Place::Beside { relays, database, disk } = place else {
                    return;
                };
                match self.fault {
                    Fault::DiskFull => disk.as_ref().expect("it has one").fill(),
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
            Fault::Microphone => candidate.hold_microphone(false),
            Fault::DiskFull => {
                if let Place::Beside { disk: Some(disk), .. } = place {
                    disk.make_room();
                }
            }
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
            | Fault::WebRtcReturns
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
    pub fn own_gap_ms(&self, calls: &[Value], ends: &[u64]) -> Option<i64> {
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
