//! The world: one server, its clock, and one interview after the other in it.

use crate::{
    ai::{self, Dial},
    browser::Browser,
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
use vivavoce_media::world::VirtualShard;

const TENANT: &str = "018f0000-0000-7000-8000-000000000001";
const POSITION: &str = "018f0000-0000-7000-8000-000000000002";
const CANDIDATE: &str = "018f0000-0000-7000-8000-000000000003";

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
    pub(crate) running: Running,
    pub(crate) http: reqwest::Client,
    pub(crate) shard: VirtualShard,
    public: SocketAddr,
    pub(crate) dials: mpsc::Receiver<Dial>,
    _data: tempfile::TempDir,
    pub(crate) made: u64,
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

pub(crate) fn now() -> Instant {
    clock::monotonic()
}

#[expect(clippy::disallowed_methods, reason = "how long real I/O takes")]
pub(crate) fn real() -> Instant {
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

    pub(crate) async fn get(&self, path: &str) -> Value {
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
