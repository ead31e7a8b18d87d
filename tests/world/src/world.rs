//! The world: one server, its clock, and one interview after the other in it.

use crate::{
    ai::{self, Dial},
    browser::Browser,
    drive::{self, Drive},
    net::Net,
    network::{ONE_WAY, Wire},
    one::One,
    schedule::{Fault, Schedule},
};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use vivavoce::{
    app::{self, Running},
    auth::{Caller, Role},
    clock,
    config::Config,
};
use vivavoce_media::world::VirtualShard;

const TENANT: &str = "018f0000-0000-7000-8000-000000000001";
const POSITION: &str = "018f0000-0000-7000-8000-000000000002";
const CANDIDATE: &str = "018f0000-0000-7000-8000-000000000003";

/// Worlds of this process so far.
static WORLDS: AtomicU8 = AtomicU8::new(1);

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
    /// `None`: the process is dead.
    pub(crate) running: Option<Running>,
    /// Where its API is, dead or not.
    pub(crate) http_at: SocketAddr,
    pub(crate) http: reqwest::Client,
    pub(crate) shard: VirtualShard,
    door: SocketAddr,
    public: SocketAddr,
    pub(crate) dials: mpsc::Receiver<Dial>,
    data: tempfile::TempDir,
    pub(crate) made: u64,
    /// When its time began.
    pub(crate) began: Instant,
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
        let (door, dials) = ai::door().await;
        let public = SocketAddr::from(([10, 0, 0, 2], 6_000));
        let (shard, handle) = VirtualShard::new(now(), public, [10, 0, 0, 3].into());
        // an address of its own, which nobody who connects is given while the process is dead
        let nth = WORLDS.fetch_add(1, Ordering::Relaxed);
        let any = SocketAddr::from(([127, 77, std::process::id() as u8, nth], 0));
        let config = config(any, door, &data);
        let running = drive.start(config, Arc::from([handle])).await;
        hold(running.app.store.add_sample()).await.expect("sample data");
        Self {
            http_at: running.http,
            running: Some(running),
            http: reqwest::Client::new(),
            drive,
            shard,
            door,
            public,
            dials,
            data,
            made: 0,
            began: now(),
        }
    }

    /// The process is gone, and all that it held.
    pub(crate) async fn kill(&mut self) {
        self.running = None;
        self.drive.kill().await;
    }

    /// It is started again, on the same data, at the same addresses.
    pub(crate) async fn start_again(&mut self) {
        let (shard, handle) = VirtualShard::new(now(), self.public, [10, 0, 0, 3].into());
        self.shard = shard;
        let config = config(self.http_at, self.door, &self.data);
        self.running = Some(self.drive.start(config, Arc::from([handle])).await);
    }

    pub(crate) fn app(&self) -> Option<&app::App> {
        self.running.as_ref().map(|running| &running.app)
    }

    fn token(&self, role: Role) -> String {
        let caller = Caller {
            sub: "018f0000-0000-7000-8000-000000000004".into(),
            tenant: TENANT.parse().unwrap(),
            role,
            invitation: None,
        };
        let app = self.app().expect("nobody asks a dead process");
        app.tokens
            .mint(&caller, clock::wall(), Duration::from_secs(36_000))
            .unwrap()
            .token
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> Value {
        let url = format!("http://{}{path}", self.http_at);
        let answer = hold(self.http.post(url).bearer_auth(token).json(&body).send())
            .await
            .unwrap();
        hold(answer.json()).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let url = format!("http://{}{path}", self.http_at);
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
        let wire = Wire::start(self.http_at, ONE_WAY).await;
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
            life: schedule.life(),
            starts_at: None,
            mic_at: None,
            dies: false,
            dialling: None,
            settled: now(),
        };
        let began = real();
        let mut outcome = one.run().await;
        outcome.real_ms = began.elapsed().as_millis();
        one.clear(&recruiter).await;
        outcome
    }
}

fn config(listen: SocketAddr, door: SocketAddr, data: &tempfile::TempDir) -> impl Fn() -> Config + 'static {
    let vars = [
        ("JWT_SECRET", "a secret of the world that is long enough"),
        ("OPENAI_API_KEY", "sk-the-world"),
        ("OPENAI_BASE_URL", &format!("http://{door}/v1")),
        ("LISTEN_ADDR", &listen.to_string()),
        ("METRICS_ADDR", "127.0.0.1:0"),
        ("DATA_DIR", data.path().to_str().expect("a path in ASCII")),
    ];
    let vars: BTreeMap<String, String> = vars.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    move || Config::from_vars(&vars).expect("a good environment")
}
