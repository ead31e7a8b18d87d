//! The relay and the simulator, each with real sockets, and the calls a product makes to get an interview.

use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Once, time::Duration};
use vivavoce::{
    app::{self, Running},
    auth::{Caller, Role, Tokens},
    clock,
    config::Config,
};
use vivavoce_simulator::Simulator;

pub const TENANT: &str = "018f0000-0000-7000-8000-000000000001";
pub const POSITION: &str = "018f0000-0000-7000-8000-000000000002";
pub const CANDIDATE: &str = "018f0000-0000-7000-8000-000000000003";

pub struct Stack {
    pub base: String,
    pub sim: String,
    pub http: reqwest::Client,
    running: Option<Running>,
    simulator: Option<Simulator>,
    tokens: Tokens,
    _data: tempfile::TempDir,
}

/// A candidate with a session.
#[derive(Clone)]
pub struct Seat {
    pub token: String,
    pub session: String,
}

impl Stack {
    /// `defaults` go to the simulator; `vars` to the relay.
    pub async fn start(defaults: Value, vars: &[(&str, &str)]) -> Self {
        let (simulator, data) = Self::surroundings(defaults).await;
        let sim = format!("http://{}", simulator.addr());
        let mut env = Self::env(&sim, data.path());
        env.extend(vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        let running = app::start(Config::from_vars(&env).expect("a good environment"))
            .await
            .expect("the relay starts");
        running.app.ready.wait().await;
        running.app.store.add_sample().await.expect("sample data");
        let tokens = running.app.tokens.clone();
        Self {
            base: format!("http://{}", running.http),
            sim,
            http: client(),
            running: Some(running),
            simulator: Some(simulator),
            tokens,
            _data: data,
        }
    }

    /// The simulator, and a folder for everything.
    pub async fn surroundings(defaults: Value) -> (Simulator, tempfile::TempDir) {
        static CRYPTO: Once = Once::new();
        CRYPTO.call_once(app::install_crypto);
        super::logs::capture();
        let config = vivavoce_simulator::Config {
            defaults,
            ..Default::default()
        };
        let simulator = Simulator::start(config).await.expect("it starts");
        (simulator, tempfile::tempdir().unwrap())
    }

    /// A relay's environment.
    pub fn env(sim: &str, data: &std::path::Path) -> BTreeMap<String, String> {
        let vars = [
            ("JWT_SECRET", "a secret of the interview tests that is long enough"),
            ("OPENAI_API_KEY", super::logs::KEY),
            ("OPENAI_BASE_URL", &format!("{sim}/v1")),
            ("LISTEN_ADDR", "127.0.0.1:0"),
            ("METRICS_ADDR", "127.0.0.1:0"),
            ("UDP_BIND", "127.0.0.1"),
            ("UDP_PORT", "0"),
            ("DATA_DIR", data.to_str().unwrap()),
        ];
        vars.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    /// With relays that run as processes of their own, behind `base`.
    pub fn beside(simulator: Simulator, data: tempfile::TempDir, base: String) -> Self {
        let sim = format!("http://{}", simulator.addr());
        let config = Config::from_vars(&Self::env(&sim, data.path())).expect("a good environment");
        Self {
            base,
            sim,
            http: client(),
            running: None,
            simulator: Some(simulator),
            tokens: Tokens::new(&config.auth),
            _data: data,
        }
    }

    pub fn relay(&self) -> &Running {
        self.running.as_ref().expect("until stop")
    }

    pub fn recruiter(&self) -> String {
        let caller = Caller {
            sub: "018f0000-0000-7000-8000-000000000004".into(),
            tenant: TENANT.parse().unwrap(),
            role: Role::Recruiter,
            invitation: None,
        };
        self.tokens
            .mint(&caller, clock::wall(), Duration::from_secs(3600))
            .unwrap()
            .token
    }

    pub async fn post(&self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let request = self
            .http
            .post(format!("{}{path}", self.base))
            .bearer_auth(token)
            .json(body);
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (
            status,
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null),
        )
    }

    pub async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        let answer = self
            .http
            .get(format!("{}{path}", self.base))
            .bearer_auth(token)
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        (
            status,
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null),
        )
    }

    /// Invited, redeemed, with a session.
    pub async fn seat(&self) -> Seat {
        let body = json!({ "candidate_id": CANDIDATE, "position_id": POSITION });
        let (status, invitation) = self.post("/api/invitations", &self.recruiter(), &body).await;
        assert_eq!(status, 201, "{invitation}");
        let body = json!({ "token": invitation["token"] });
        let (status, redeemed) = self.post("/api/invitations/redeem", "", &body).await;
        assert_eq!(status, 200, "{redeemed}");
        let token = redeemed["access_token"].as_str().unwrap().to_owned();
        let body = json!({ "invitation_id": redeemed["invitation_id"] });
        let (status, session) = self.post("/api/sessions", &token, &body).await;
        assert_eq!(status, 201, "{session}");
        Seat {
            token,
            session: session["session_id"].as_str().unwrap().to_owned(),
        }
    }

    /// The seed's way in: an offer by HTTP.
    pub async fn exchange(&self, seat: &Seat, offer: &str) -> String {
        let body = json!({ "sessionId": seat.session, "sdpOffer": offer });
        let (status, answer) = self.post("/api/sdp-exchange", &seat.token, &body).await;
        assert_eq!(status, 200, "{answer}");
        answer["sdpAnswer"].as_str().unwrap().to_owned()
    }

    pub async fn session(&self, seat: &Seat) -> Value {
        self.get(&format!("/api/sessions/{}", seat.session), &self.recruiter())
            .await
            .1
    }

    pub async fn transcript(&self, seat: &Seat) -> Vec<Value> {
        let path = format!("/api/sessions/{}/transcript?format=json", seat.session);
        let (status, body) = self.get(&path, &self.recruiter()).await;
        assert_eq!(status, 200, "{body}");
        body["entries"].as_array().unwrap().clone()
    }

    /// What the simulator knows of its calls.
    pub async fn calls(&self) -> Vec<Value> {
        let body: Value = self
            .http
            .get(format!("{}/control/calls", self.sim))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        body.as_array()
            .or_else(|| body["calls"].as_array())
            .unwrap_or_else(|| panic!("no calls in {body}"))
            .clone()
    }

    /// One call, whole.
    pub async fn call(&self, id: &str) -> Value {
        self.http
            .get(format!("{}/control/calls/{id}", self.sim))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    pub async fn control(&self, path: &str, body: &Value) {
        let answer = self
            .http
            .post(format!("{}/control/{path}", self.sim))
            .json(body)
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }

    /// A counter of the relay's; 0 where it has not moved.
    pub fn counter(&self, series: &str) -> f64 {
        let text = self.relay().app.metrics.text().unwrap();
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        value.unwrap_or(0.0)
    }

    /// Waits until the store says that the session has ended so.
    pub async fn ended(&self, seat: &Seat, within: Duration) -> Value {
        until(within, "the session ends", async || {
            let session = self.session(seat).await;
            ["completed", "failed"]
                .contains(&session["status"].as_str().unwrap_or_default())
                .then_some(session)
        })
        .await
    }

    pub async fn stop(mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
        if let Some(simulator) = self.simulator.take() {
            simulator.stop().await;
        }
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap()
}

/// Asks again until it is so; fails by name when it is not in time.
pub async fn until<T>(within: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        loop {
            ticks.tick().await;
            if let Some(found) = ask().await {
                return found;
            }
        }
    };
    tokio::time::timeout(within, asking)
        .await
        .unwrap_or_else(|_| panic!("not in {within:?}: {what}"))
}
