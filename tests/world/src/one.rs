//! An interview that is going on in the world: its net, its far ends, its faults, and how its time goes.

use crate::{
    ai::{Call, Dial},
    browser::Browser,
    drive,
    judge::{Facts, along, violations},
    net::Net,
    schedule::{Fault, LENGTH_MS, Schedule},
    strike::Deed,
    world::{Outcome, World, now, real},
};
use rand::{Rng, rngs::SmallRng};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

const FRAME: Duration = Duration::from_millis(20);
/// Pause after the interviewer's nine: one that is replaced has taken up again by then, and is not talked over.
const PAUSE: Duration = Duration::from_secs(2);
/// Silence of the interviewer's that has the candidate say something: what they said in 100 s without a network is handed over by then.
const SILENCE: Duration = Duration::from_secs(20);
/// An answer that is not there by then, beside what faults last, never will be.
const ANSWER_MAX: Duration = Duration::from_secs(45);
/// Longer silence has the interviewer ask whether anybody is there.
const THINK_MAX: Duration = Duration::from_secs(28);
/// How far time goes at most while something is in the air on real I/O, and what that is given of real time.
const SLOW: (Duration, Duration) = (Duration::from_millis(5), Duration::from_micros(200));
/// Time goes from one of its points to another: what is due in between is due together.
const GRID: Duration = Duration::from_micros(2_500);
/// Tasks have a turn so often at least, and whenever a call has told them something. Packets do not wait for them.
const TURN: Duration = Duration::from_millis(10);
/// The longest that a dial, or a call of the database, holds the clock, real time.
const HELD_REAL_MAX: Duration = Duration::from_secs(1);

/// An interview that is going on.
pub(crate) struct One<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) schedule: Schedule,
    pub(crate) dice: SmallRng,
    pub(crate) net: Net,
    pub(crate) browser: Browser,
    pub(crate) calls: Vec<Call>,
    pub(crate) records: Vec<Value>,
    pub(crate) session: String,
    pub(crate) mic: Instant,
    /// When the first digit was heard: faults count from here.
    pub(crate) begun: Option<Instant>,
    pub(crate) refuses_until: Option<Instant>,
    /// When the candidate's network is back.
    pub(crate) back_at: Option<Instant>,
    pub(crate) struck: Vec<Fault>,
    /// How often the candidate answered while the interviewer took up again: that breaks it off once more.
    pub(crate) talked_over: usize,
    pub(crate) datagrams: u64,
    pub(crate) turns: Vec<Vec<u8>>,
    /// What the faults so far last, together.
    pub(crate) lasts: Duration,
    /// The first call's, in s.
    pub(crate) life: Option<u64>,
    /// When the process is started again.
    pub(crate) starts_at: Option<Instant>,
    /// When the microphone is given back.
    pub(crate) mic_at: Option<Instant>,
    /// What is to be done to processes now.
    pub(crate) deeds: Vec<Deed>,
    /// When the front leads to the other process.
    pub(crate) led_at: Option<Instant>,
    /// When the database can be written to again, and the disk.
    pub(crate) store_at: Option<Instant>,
    pub(crate) disk_at: Option<Instant>,
    /// Since when a dial, or a call of the database, holds the clock, real time.
    pub(crate) held: Option<Instant>,
    /// When the tasks had their turn last.
    pub(crate) settled: Instant,
}

impl One<'_> {
    pub(crate) async fn run(&mut self) -> Outcome {
        let began = now();
        let mut stuck = None;
        for turn in 0..self.schedule.turns * 2 {
            match self.turn(turn).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(why) => {
                    stuck = Some(why);
                    break;
                }
            }
        }
        self.lives().await;
        let end = now() + Duration::from_secs(if stuck.is_none() { 60 } else { 1 });
        while now() < end && !self.browser.ended {
            self.step().await;
        }
        self.schedule.faults.clear();
        self.lives().await;
        let (session, entries) = self.told().await;
        let records: Vec<Value> = self.calls.iter().map(Call::record).collect();
        let heard = self.browser.ear.digits.clone();
        if std::env::var_os("WORLD_TELL").is_some() {
            for (call, record) in self.calls.iter().zip(&records) {
                let answers = record["responses"].as_array().map_or(0, Vec::len);
                let at = (call.began - began).as_millis();
                println!(
                    "  call at {at} ms, gone {}: user {}, assistant {}, {answers} answers",
                    call.is_gone, record["said_by_user"], record["said_by_assistant"]
                );
            }
            let ear = &self.browser.ear;
            for (digit, at) in ear.digits.iter().zip(&ear.times) {
                print!("{digit}@{} ", (*at - began).as_millis());
            }
            println!();
            for entry in &entries {
                println!(
                    "  entry {} {}: {} heard {}",
                    entry["sequence_number"], entry["speaker"], entry["text"], entry["heard_text"]
                );
            }
        }
        let facts = Facts {
            counts: self.schedule.turns,
            turns: &self.turns,
            heard: &heard,
            calls: &records,
            entries: &entries,
            session: &session,
            seams: self.struck.len() + self.talked_over,
        };
        let mut found = violations(&facts);
        found.splice(0..0, stuck);
        if self.browser.has_old() {
            found.push("the tab before the last was not told that it is another's".to_owned());
        }
        let to_ai = self.calls.iter().map(|call| call.stream.repeated).sum::<usize>();
        let to_candidate = self.browser.ear.stream.repeated;
        if to_ai + to_candidate > 0 {
            found.push(format!(
                "timestamps given again or backwards: {to_candidate} to the candidate, {to_ai} to the AI"
            ));
        }
        Outcome {
            seed: self.schedule.seed,
            virtual_ms: (now() - began).as_millis() as u64,
            real_ms: 0,
            struck: self.struck.clone(),
            calls: self.calls.len(),
            repairs: self.browser.repairs,
            technical_failure: !session["technical_failure"].is_null(),
            violations: found,
            datagrams: self.datagrams,
        }
    }

    /// Ends what is left of it: the next interview has the world to itself.
    pub(crate) async fn clear(&mut self, recruiter: &str) {
        self.schedule.faults.clear();
        self.refuses_until = None;
        self.lives().await;
        let path = format!("/api/sessions/{}/complete", self.session);
        let body = json!({ "success": true, "session_id": self.session, "status": "completed" });
        let url = format!("http://{}{path}", self.world.processes.http());
        let request = self.world.http.post(url).bearer_auth(recruiter).json(&body).send();
        let asked = tokio::spawn(request);
        let end = now() + Duration::from_secs(90);
        while now() < end && (self.world.processes.sessions() > 0 || !asked.is_finished()) {
            self.step().await;
        }
        asked.abort();
    }

    /// What the store holds once nothing more comes into it.
    async fn told(&mut self) -> (Value, Vec<Value>) {
        let mut last = (Value::Null, vec![]);
        for _ in 0..100 {
            for _ in 0..20 {
                self.step().await;
            }
            let session = self.world.get(&format!("/api/sessions/{}", self.session)).await;
            let path = format!("/api/sessions/{}/transcript?format=json", self.session);
            let entries = self.world.get(&path).await["entries"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let is_over = !session["ended_at"].is_null()
                || ["completed", "failed"].contains(&session["status"].as_str().unwrap_or(""));
            let is_same = last.1 == entries;
            last = (session, entries);
            if is_over && is_same {
                break;
            }
        }
        last
    }

    /// The interviewer counts, the candidate answers. False: it was the goodbye that came.
    async fn turn(&mut self, turn: usize) -> Result<bool, String> {
        let before = self.browser.ear.digits.len();
        let reached = |digits: &[u8]| along(digits.iter().copied()).reached;
        let answered = reached(&self.browser.ear.digits);
        let began = now();
        let mut nine_at = None;
        loop {
            self.step().await;
            let digits = &self.browser.ear.digits[before..];
            if self.begun.is_none() && !digits.is_empty() {
                self.begun = Some(now());
            }
            if digits.last() == Some(&9) {
                // a nine that is said again is no other question, unless the interviewer then waits for an answer
                let is_again = reached(&self.browser.ear.digits) == answered;
                let quiet = self.browser.ear.sounded_at.map_or(Duration::ZERO, |at| now() - at);
                let waits = !is_again || quiet >= SILENCE;
                if now() - *nine_at.get_or_insert_with(now) >= PAUSE && waits {
                    break;
                }
            } else {
                nine_at = None;
            }
            let heard = || digits.iter().map(u8::to_string).collect::<String>();
            if self.browser.ended && reached(&self.browser.ear.digits) >= self.schedule.turns * 10 {
                return Ok(false);
            }
            if self.browser.ended {
                return Err(format!("turn {turn}: ended when {:?} was heard", heard()));
            }
            if now() - began > ANSWER_MAX + self.lasts {
                return Err(format!("turn {turn}: not heard out, only {:?}", heard()));
            }
        }
        let think_max = if self.dice.random() { 400 } else { 15_000 };
        let mut until = now() + Duration::from_millis(self.dice.random_range(0..think_max));
        if turn + 1 == self.schedule.turns {
            let whole = self.begun.map(|begun| begun + Duration::from_millis(LENGTH_MS - 5_000));
            until = until.max(whole.unwrap_or(until)).min(now() + THINK_MAX);
        }
        while now() < until {
            self.step().await;
        }
        let digits: Vec<u8> = (0..self.dice.random_range(6..=9))
            .map(|_| self.dice.random_range(0..10))
            .collect();
        self.browser.say(&digits);
        self.turns.push(digits);
        let heard = self.browser.ear.digits.len();
        let began = now();
        while self.browser.is_speaking() {
            self.step().await;
            if now() - began > ANSWER_MAX + self.lasts {
                return Err(format!("turn {turn}: nowhere to speak"));
            }
        }
        self.talked_over += usize::from(self.browser.ear.digits.len() > heard);
        Ok(true)
    }

    /// Everything that is due; then on to what is due next.
    pub(crate) async fn step(&mut self) {
        let is_due = now() >= self.settled + TURN || !self.deeds.is_empty() || self.is_held();
        if is_due || self.pump_on() {
            self.settle().await;
        }
        self.deeds().await;
        let limit = if self.browser.is_waiting() && !self.net.is_cut {
            std::thread::sleep(SLOW.1); // real time for real I/O
            SLOW.0
        } else {
            FRAME
        };
        let at = now();
        let calls = self.calls.iter().filter_map(Call::next_due).min();
        let dues = [
            self.net.next(),
            self.world.processes.poll_timeout(),
            self.browser.poll_timeout(),
            calls,
            Some(self.mic),
            self.back_at,
            self.starts_at,
            self.led_at,
            self.store_at,
            self.disk_at,
        ];
        let next = dues.into_iter().flatten().min().unwrap_or(at + FRAME);
        let by = self.on_grid(next).saturating_duration_since(at).min(limit);
        self.world.drive.advance(by);
    }

    /// What only datagrams move. Answers whether the tasks have been told something by it.
    fn pump_on(&mut self) -> bool {
        while self.pump() {}
        self.world.processes.has_told()
    }

    /// The next point of the grid at or after that, and after now.
    fn on_grid(&self, due: Instant) -> Instant {
        let grid = GRID.as_micros() as u64;
        let since = due
            .saturating_duration_since(self.world.began)
            .max(now() - self.world.began + Duration::from_micros(1));
        self.world.began + Duration::from_micros((since.as_micros() as u64).div_ceil(grid) * grid)
    }

    /// Lets everything run until nothing moves.
    async fn settle(&mut self) {
        self.settled = now();
        let mut quiet = 0;
        while quiet < 2 {
            drive::turn().await;
            let moved = self.pump();
            quiet = if moved { 0 } else { quiet + 1 };
            // a dial is on its way over loopback, or the database or the journal is at work on its own thread: no time passes meanwhile
            if !self.is_held() {
                self.held = None;
            } else if real() - *self.held.get_or_insert_with(real) < HELD_REAL_MAX {
                quiet = 0;
                std::thread::yield_now();
            }
        }
    }

    /// Something real is on its way that takes no time in the world. A database that somebody has locked takes all the time there is.
    fn is_held(&self) -> bool {
        let is_storing = self.store_at.is_none() && vivavoce::store::calls_in_flight() > 0;
        is_storing || self.is_on_its_way_to_the_disk() || self.world.processes.dials() > 0
    }

    /// One round. Answers whether anything moved.
    fn pump(&mut self) -> bool {
        let at = now();
        let mut moved = self.world.processes.obey(at);
        while let Ok(dial) = self.world.dials.try_recv() {
            moved = true;
            self.dialled(at, dial);
        }
        self.strike(at);
        while let Some(datagram) = self.net.arrived(at) {
            moved = true;
            self.datagrams += 1;
            let (from, to) = (datagram.from, datagram.to);
            if self.browser.has(to) {
                self.browser.datagram(at, from, to, &datagram.bytes);
            } else if let Some(call) = self
                .calls
                .iter_mut()
                .find(|call| call.far.address == to && !call.is_gone)
            {
                call.datagram(at, from, &datagram.bytes);
            } else {
                self.world.processes.datagram(at, &datagram);
            }
        }
        if self.mic <= at {
            moved = true;
            self.mic = at + FRAME;
            if self.mic_at.is_none_or(|back| back <= at) {
                self.browser.frame();
            }
        }
        self.world.processes.tick(at);
        self.browser.work(at);
        self.net.here(self.browser.far.address);
        let mut sends = self.browser.take_sends();
        for call in &mut self.calls {
            call.work(at);
            sends.extend(call.far.take_sends());
        }
        sends.extend(self.world.processes.take_sends());
        moved |= !sends.is_empty();
        for datagram in sends {
            self.net.send(at, datagram);
        }
        moved
    }

    fn dialled(&mut self, at: Instant, dial: Dial) {
        if self.refuses_until.is_some_and(|until| at < until) {
            self.world.processes.refused();
            let _ = dial.reply.send(Err(if self.dice.random() { 503 } else { 429 }));
            return;
        }
        let port = 9_000 + self.calls.len() as u16;
        let address = SocketAddr::from(([10, 0, 0, 4], port));
        let tag = format!("w{}x{}", self.world.made, self.calls.len());
        let mut exam = json!({ "mode": "exam", "exam": { "turns": self.schedule.turns } });
        if self.schedule.late_ms > 0 {
            exam["faults"] = json!({ "transcripts": { "mode": "late", "ms": self.schedule.late_ms } });
        }
        if let Some(life) = self.life.take() {
            exam["lifetime_s"] = json!(life);
        }
        match Call::answer(at, address, &dial, &tag, &exam) {
            Ok((call, answer)) => {
                self.calls.push(call);
                let _ = dial.reply.send(Ok((answer, format!("rtc_{tag}"))));
            }
            Err(status) => {
                self.world.processes.refused();
                let _ = dial.reply.send(Err(status));
            }
        }
    }
}
