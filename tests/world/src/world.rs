//! The world: one server, its clock, and one interview after the other in it.

use crate::{
    ai::{self, Call, Dial},
    browser::Browser,
    judge::{Facts, violations},
    net::{Net, Weather},
    network::{ONE_WAY, Wire},
    schedule::{Fault, Schedule},
};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use vivavoce::{
    app::{self, Running},
    auth::{Caller, Role},
    clock,
    config::Config,
};
use vivavoce_media::world::{GRAIN, VirtualShard};

const TENANT: &str = "018f0000-0000-7000-8000-000000000001";
const POSITION: &str = "018f0000-0000-7000-8000-000000000002";
const CANDIDATE: &str = "018f0000-0000-7000-8000-000000000003";
const FRAME: Duration = Duration::from_millis(20);
/// Pause after the interviewer's nine.
const PAUSE: Duration = Duration::from_millis(450);
/// An answer that is not there by then, beside what faults last, never will be.
const ANSWER_MAX: Duration = Duration::from_secs(45);
/// How far time goes at most while something is in the air on real I/O, and what that is given of real time.
const SLOW: (Duration, Duration) = (Duration::from_millis(4), Duration::from_micros(200));
/// The longest that a dial holds the clock, real time.
const DIAL_REAL_MAX: Duration = Duration::from_secs(1);

/// What came of an interview.
#[derive(Debug, Default)]
pub struct Outcome {
    pub seed: u64,
    pub virtual_ms: u64,
    pub struck: Vec<Fault>,
    pub calls: usize,
    pub repairs: usize,
    pub technical_failure: bool,
    pub violations: Vec<String>,
    /// Datagrams that arrived.
    pub datagrams: u64,
}

pub struct World {
    running: Running,
    http: reqwest::Client,
    shard: VirtualShard,
    public: SocketAddr,
    dials: mpsc::Receiver<Dial>,
    _data: tempfile::TempDir,
    made: u64,
}

/// Polls something that waits for real I/O, with the clock held.
pub async fn hold<T>(what: impl Future<Output = T>) -> T {
    let mut what = std::pin::pin!(what);
    loop {
        tokio::select! {
            biased;
            done = &mut what => return done,
            () = tokio::task::yield_now() => {}
        }
    }
}

fn now() -> Instant {
    clock::monotonic()
}

#[expect(clippy::disallowed_methods, reason = "how long real I/O takes")]
fn real() -> Instant {
    Instant::now()
}

impl World {
    /// In a runtime of one thread whose clock is paused.
    pub async fn new() -> Self {
        app::install_crypto();
        clock::follow_the_runtime(time::macros::datetime!(2026-11-26 06:00 UTC));
        let memory = std::path::Path::new("/dev/shm");
        let data = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        }
        .unwrap();
        let (door, dials) = ai::door().await;
        let public = SocketAddr::from(([10, 0, 0, 2], 6_000));
        let (shard, handle) = VirtualShard::new(now(), public, [10, 0, 0, 3].into());
        let vars = [
            ("JWT_SECRET", "a secret of the world that is long enough"),
            ("OPENAI_API_KEY", "sk-the-world"),
            ("OPENAI_BASE_URL", &format!("http://{door}/v1")),
            ("LISTEN_ADDR", "127.0.0.1:0"),
            ("METRICS_ADDR", "127.0.0.1:0"),
            ("DATA_DIR", data.path().to_str().unwrap()),
        ];
        let vars: BTreeMap<String, String> = vars.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let config = Config::from_vars(&vars).expect("a good environment");
        let shards: Arc<[vivavoce_media::Shard]> = Arc::from([handle]);
        let running = hold(app::start_on(config, Some(shards))).await.expect("it starts");
        hold(running.app.ready.wait()).await;
        hold(running.app.store.add_sample()).await.expect("sample data");
        Self {
            running,
            http: reqwest::Client::new(),
            shard,
            public,
            dials,
            _data: data,
            made: 0,
        }
    }

    fn token(&self, role: Role) -> String {
        let caller = Caller {
            sub: "018f0000-0000-7000-8000-000000000004".into(),
            tenant: TENANT.parse().unwrap(),
            role,
            invitation: None,
        };
        let app = &self.running.app;
        app.tokens
            .mint(&caller, clock::wall(), Duration::from_secs(36_000))
            .unwrap()
            .token
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> Value {
        let url = format!("http://{}{path}", self.running.http);
        let answer = hold(self.http.post(url).bearer_auth(token).json(&body).send())
            .await
            .unwrap();
        hold(answer.json()).await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("http://{}{path}", self.running.http);
        let token = self.token(Role::Recruiter);
        let answer = hold(self.http.get(url).bearer_auth(token).send()).await.unwrap();
        hold(answer.json()).await.unwrap()
    }

    /// One interview, from the invitation to its end.
    pub async fn interview(&mut self, schedule: &Schedule) -> Outcome {
        self.made += 1;
        let recruiter = self.token(Role::Recruiter);
        let invited = json!({ "candidate_id": CANDIDATE, "position_id": POSITION });
        let invitation = self.post("/api/invitations", &recruiter, invited).await;
        let redeemed = self
            .post("/api/invitations/redeem", "", json!({ "token": invitation["token"] }))
            .await;
        let token = redeemed["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("{redeemed}"))
            .to_owned();
        let opened = json!({ "invitation_id": redeemed["invitation_id"] });
        let session = self.post("/api/sessions", &token, opened).await["session_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let wire = Wire::start(self.running.http, ONE_WAY).await;
        let mut dice = SmallRng::seed_from_u64(schedule.seed ^ 0x5eed);
        let browser = Browser::join(now(), wire, &session, &token);
        let net = Net::new(SmallRng::seed_from_u64(dice.random()), browser.far.address, self.public);
        let mut one = One {
            world: self,
            schedule: schedule.clone(),
            dice,
            net,
            browser,
            calls: vec![],
            records: vec![],
            session,
            mic: now(),
            begun: None,
            refuses_until: None,
            back_at: None,
            struck: vec![],
            datagrams: 0,
            turns: vec![],
            lasts: Duration::ZERO,
            dialling: None,
        };
        let outcome = one.run().await;
        one.clear(&recruiter).await;
        outcome
    }
}

/// An interview that is going on.
struct One<'a> {
    world: &'a mut World,
    schedule: Schedule,
    dice: SmallRng,
    net: Net,
    browser: Browser,
    calls: Vec<Call>,
    records: Vec<Value>,
    session: String,
    mic: Instant,
    /// When the first digit was heard: faults count from here.
    begun: Option<Instant>,
    refuses_until: Option<Instant>,
    /// When the candidate's network is back.
    back_at: Option<Instant>,
    struck: Vec<Fault>,
    datagrams: u64,
    turns: Vec<Vec<u8>>,
    /// What the faults so far last, together.
    lasts: Duration,
    /// Since when a dial holds the clock, real time.
    dialling: Option<Instant>,
}

impl One<'_> {
    async fn run(&mut self) -> Outcome {
        let began = now();
        let mut stuck = None;
        for turn in 0..self.schedule.turns {
            if let Err(why) = self.turn(turn).await {
                stuck = Some(why);
                break;
            }
        }
        let end = now() + Duration::from_secs(if stuck.is_none() { 60 } else { 1 });
        while now() < end && !self.browser.ended {
            self.step().await;
        }
        let (session, entries) = self.told().await;
        let records: Vec<Value> = self.calls.iter().map(Call::record).collect();
        let heard = self.browser.ear.digits.clone();
        let facts = Facts {
            turns: &self.turns,
            heard: &heard,
            calls: &records,
            entries: &entries,
            session: &session,
            seams: self.struck.len(),
        };
        let mut found = violations(&facts);
        found.splice(0..0, stuck);
        Outcome {
            seed: self.schedule.seed,
            virtual_ms: (now() - began).as_millis() as u64,
            struck: self.struck.clone(),
            calls: self.calls.len(),
            repairs: self.browser.repairs,
            technical_failure: !session["technical_failure"].is_null(),
            violations: found,
            datagrams: self.datagrams,
        }
    }

    /// Ends what is left of it: the next interview has the world to itself.
    async fn clear(&mut self, recruiter: &str) {
        self.schedule.faults.clear();
        self.refuses_until = None;
        let path = format!("/api/sessions/{}/complete", self.session);
        let body = json!({ "success": true, "session_id": self.session, "status": "completed" });
        let url = format!("http://{}{path}", self.world.running.http);
        let request = self.world.http.post(url).bearer_auth(recruiter).json(&body).send();
        let asked = tokio::spawn(request);
        let end = now() + Duration::from_secs(90);
        let is_here = |one: &Self| one.world.running.app.sessions.counts().values().sum::<u64>() > 0;
        while now() < end && (is_here(self) || !asked.is_finished()) {
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

    async fn turn(&mut self, turn: usize) -> Result<(), String> {
        let before = self.browser.ear.digits.len();
        let began = now();
        let mut nine_at = None;
        loop {
            self.step().await;
            let digits = &self.browser.ear.digits[before..];
            if self.begun.is_none() && !digits.is_empty() {
                self.begun = Some(now());
            }
            if digits.last() == Some(&9) {
                if now() - *nine_at.get_or_insert_with(now) >= PAUSE {
                    break;
                }
            } else {
                nine_at = None;
            }
            let heard = || digits.iter().map(u8::to_string).collect::<String>();
            if self.browser.ended {
                return Err(format!("turn {turn}: ended when {:?} was heard", heard()));
            }
            if now() - began > ANSWER_MAX + self.lasts {
                return Err(format!("turn {turn}: not heard out, only {:?}", heard()));
            }
        }
        let until = now() + Duration::from_millis(self.dice.random_range(0..400));
        while now() < until {
            self.step().await;
        }
        let digits: Vec<u8> = (0..self.dice.random_range(6..=9))
            .map(|_| self.dice.random_range(0..10))
            .collect();
        self.browser.say(&digits);
        self.turns.push(digits);
        let began = now();
        while self.browser.is_speaking() {
            self.step().await;
            if now() - began > ANSWER_MAX + self.lasts {
                return Err(format!("turn {turn}: nowhere to speak"));
            }
        }
        Ok(())
    }

    /// Everything that is due; then on to what is due next.
    async fn step(&mut self) {
        self.settle().await;
        let limit = if self.browser.is_waiting() {
            std::thread::sleep(SLOW.1); // real time for real I/O
            SLOW.0
        } else {
            FRAME
        };
        let at = now();
        let calls = self.calls.iter().filter_map(Call::next_due).min();
        let dues = [
            self.net.next(),
            self.world.shard.poll_timeout(),
            self.browser.far.poll_timeout(),
            calls,
            Some(self.mic),
            self.back_at,
        ];
        let next = dues.into_iter().flatten().min().unwrap_or(at + FRAME);
        let by = next.saturating_duration_since(at).clamp(GRAIN, limit);
        tokio::time::advance(by).await;
    }

    /// Lets everything run until nothing moves.
    async fn settle(&mut self) {
        let mut quiet = 0;
        while quiet < 2 {
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            let moved = self.pump();
            quiet = if moved { 0 } else { quiet + 1 };
            // a dial is on its way over loopback: no time passes meanwhile
            if self.world.shard.dials() == 0 {
                self.dialling = None;
            } else if real() - *self.dialling.get_or_insert_with(real) < DIAL_REAL_MAX {
                quiet = 0;
            }
        }
    }

    /// One round. Answers whether anything moved.
    fn pump(&mut self) -> bool {
        let at = now();
        let mut moved = self.world.shard.obey(at);
        while let Ok(dial) = self.world.dials.try_recv() {
            moved = true;
            self.dialled(at, dial);
        }
        self.strike(at);
        while let Some(datagram) = self.net.arrived(at) {
            moved = true;
            self.datagrams += 1;
            let (from, to) = (datagram.from, datagram.to);
            if to == self.browser.far.address {
                self.browser.datagram(at, from, &datagram.bytes);
            } else if let Some(call) = self
                .calls
                .iter_mut()
                .find(|call| call.far.address == to && !call.is_gone)
            {
                call.datagram(at, from, &datagram.bytes);
            } else {
                self.world.shard.datagram(at, &datagram);
            }
        }
        if self.mic <= at {
            moved = true;
            self.mic = at + FRAME;
            self.browser.frame();
        }
        if self.world.shard.poll_timeout().is_some_and(|due| due <= at) {
            self.world.shard.tick(at);
        }
        self.browser.work(at);
        self.net.here(self.browser.far.address);
        let mut sends = self.browser.far.take_sends();
        for call in &mut self.calls {
            call.work(at);
            sends.extend(call.far.take_sends());
        }
        sends.extend(self.world.shard.take_sends());
        moved |= !sends.is_empty();
        for datagram in sends {
            self.net.send(at, datagram);
        }
        moved
    }

    fn dialled(&mut self, at: Instant, dial: Dial) {
        if self.refuses_until.is_some_and(|until| at < until) {
            self.world.shard.refused();
            let _ = dial.reply.send(Err(if self.dice.random() { 503 } else { 429 }));
            return;
        }
        let port = 9_000 + self.calls.len() as u16;
        let address = SocketAddr::from(([10, 0, 0, 4], port));
        let tag = format!("w{}x{}", self.world.made, self.calls.len());
        let exam = json!({ "mode": "exam", "exam": { "turns": self.schedule.turns } });
        match Call::answer(at, address, &dial, &tag, &exam) {
            Ok((call, answer)) => {
                self.calls.push(call);
                let _ = dial.reply.send(Ok((answer, format!("rtc_{tag}"))));
            }
            Err(status) => {
                self.world.shard.refused();
                let _ = dial.reply.send(Err(status));
            }
        }
    }

    fn strike(&mut self, at: Instant) {
        if self.back_at.is_some_and(|back| at >= back) {
            self.back_at = None;
            self.net.is_cut = false;
            self.browser.wire.cut(false);
            self.browser.wire.break_all();
        }
        let Some(begun) = self.begun else { return };
        let due = |(after, _): &&(u64, Fault)| at >= begun + Duration::from_millis(*after);
        let Some((_, fault)) = self.schedule.faults.first().filter(due).copied() else {
            return;
        };
        self.schedule.faults.remove(0);
        self.struck.push(fault);
        match fault {
            Fault::AiVanishes => self.calls.iter_mut().for_each(|call| call.is_gone = true),
            Fault::AiCloses => self.calls.iter_mut().for_each(|call| call.far.close(at)),
            Fault::AiExpires => self.calls.iter_mut().for_each(|call| call.expire(at)),
            Fault::AiRefuses(seconds) => {
                self.lasts += Duration::from_secs(seconds);
                self.refuses_until = Some(at + Duration::from_secs(seconds));
                self.calls.iter_mut().for_each(|call| call.far.close(at));
            }
            Fault::AiStalls(answers) => self.calls.iter_mut().for_each(|call| call.stall(at, answers)),
            Fault::Rebinds => self.net.rebind(),
            Fault::Away(seconds) => {
                self.lasts += Duration::from_secs(seconds);
                self.net.is_cut = true;
                self.browser.wire.cut(true);
                let back = at + Duration::from_secs(seconds);
                self.back_at = Some(self.back_at.map_or(back, |known| known.max(back)));
            }
            Fault::SocketBreaks => self.browser.wire.break_all(),
            Fault::Reloads => self.browser.another_page(at, true),
            Fault::SecondTab => self.browser.another_page(at, false),
            Fault::Weather => {
                self.net.weather = Weather {
                    lost: 0,
                    doubled: 10,
                    late: 30,
                };
            }
        }
    }
}
