//! The world: one server, its clock, and one interview after the other in it.

use crate::{
    ai::{self, Dial},
    browser::Browser,
    disk::Disk,
    drive::{self, Drive},
    net::Net,
    network::{ONE_WAY, Wire},
    one::One,
    process::Processes,
    schedule::{Fault, Schedule},
};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};
use std::{
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use vivavoce::{
    app,
    auth::{Caller, Role},
    clock,
};

const TENANT: &str = "018f0000-0000-7000-8000-000000000001";
const POSITION: &str = "018f0000-0000-7000-8000-000000000002";
const CANDIDATE: &str = "018f0000-0000-7000-8000-000000000003";

/// What came of an interview.
#[derive(Debug, Default)]
pub struct Outcome {
    pub seed: u64,
    pub virtual_ms: u64,
    pub real_ms: u128,
    pub struck: Vec<Fault>,
    pub calls: usize,
    pub repairs: usize,
    pub technical_failure: bool,
    pub violations: Vec<String>,
    /// Datagrams that arrived.
    pub datagrams: u64,
}

pub struct World {
    pub(crate) drive: Rc<Drive>,
    pub(crate) processes: Processes,
    pub(crate) http: reqwest::Client,
    pub(crate) dials: mpsc::Receiver<Dial>,
    /// That all data is on, where it can be full.
    pub(crate) disk: Option<Disk>,
    pub(crate) made: u64,
    /// When its time began.
    pub(crate) began: Instant,
    _data: tempfile::TempDir,
}

/// Polls something that waits for real I/O, with the clock held.
pub async fn hold<T>(what: impl Future<Output = T>) -> T {
    let mut what = std::pin::pin!(what);
    loop {
        tokio::select! {
            biased;
            done = &mut what => return done,
            () = drive::turn() => {}
        }
    }
}

pub(crate) fn now() -> Instant {
    clock::monotonic()
}

#[expect(clippy::disallowed_methods, reason = "how long real I/O takes")]
pub(crate) fn real() -> Instant {
    Instant::now()
}

impl World {
    /// In this thread, whose time is virtual from here on.
    #[must_use]
    pub fn begin() -> Self {
        crate::logs::capture();
        app::install_crypto();
        let drive = Drive::new();
        drive.run(Self::open(drive.clone()))
    }

    async fn open(drive: Rc<Drive>) -> Self {
        clock::follow_the_runtime(clock::wall()); // the database tells its own, which is behind from here on
        let memory = std::path::Path::new("/dev/shm");
        let data = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        }
        .unwrap();
        let disk = Disk::mount(data.path());
        let (door, dials) = ai::door().await;
        let mut processes = Processes::new(drive.clone(), door, data.path());
        processes.start().await;
        processes.ready().await;
        let app = processes.app().expect("it was started");
        hold(app.store.add_sample()).await.expect("sample data");
        Self {
            drive,
            processes,
            http: reqwest::Client::new(),
            dials,
            disk,
            made: 0,
            began: now(),
            _data: data,
        }
    }

    fn token(&self, role: Role) -> String {
        let caller = Caller {
            sub: "018f0000-0000-7000-8000-000000000004".into(),
            tenant: TENANT.parse().unwrap(),
            role,
            invitation: None,
        };
        let app = self.processes.app().expect("nobody asks a dead process");
        app.tokens
            .mint(&caller, clock::wall(), Duration::from_secs(36_000))
            .unwrap()
            .token
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> Value {
        let url = format!("http://{}{path}", self.processes.http());
        let answer = hold(self.http.post(url).bearer_auth(token).json(&body).send())
            .await
            .unwrap();
        hold(answer.json()).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let url = format!("http://{}{path}", self.processes.http());
        let token = self.token(Role::Recruiter);
        let answer = hold(self.http.get(url).bearer_auth(token).send()).await.unwrap();
        hold(answer.json()).await.unwrap()
    }

    /// One interview, from the invitation to its end.
    pub fn interview(&mut self, schedule: &Schedule) -> Outcome {
        self.drive.clone().run(self.whole(schedule))
    }

    async fn whole(&mut self, schedule: &Schedule) -> Outcome {
        self.made += 1;
        if schedule.needs_another() {
            self.processes.start_other().await;
            self.processes.ready().await;
        }
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
        let wire = Wire::start(self.processes.http(), ONE_WAY).await;
        let mut dice = SmallRng::seed_from_u64(schedule.seed ^ 0x5eed);
        let browser = Browser::join(now(), wire, &session, &token);
        let net = Net::new(SmallRng::seed_from_u64(dice.random()), browser.far.address);
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
            talked_over: 0,
            datagrams: 0,
            turns: vec![],
            lasts: Duration::ZERO,
            life: schedule.life(),
            starts_at: None,
            mic_at: None,
            deeds: vec![],
            led_at: None,
            store_at: None,
            disk_at: None,
            held: None,
            settled: now(),
        };
        let began = real();
        let mut outcome = one.run().await;
        outcome.real_ms = began.elapsed().as_millis();
        one.clear(&recruiter).await;
        if schedule.needs_another() {
            self.processes.alone().await;
        }
        outcome
    }
}
