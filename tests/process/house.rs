//! One database, one simulator, and as many relays as a story has; the calls a product makes.

use crate::{
    postgres::Server,
    relay::{Plan, free_port},
    stack::{CANDIDATE, POSITION, Seat, TENANT, until},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{path::Path, sync::Arc, time::Duration};
use vivavoce::{
    auth::{Caller, Role, Tokens},
    clock,
    config::Config,
    store::{self, Store},
};
use vivavoce_simulator::Simulator;

pub const SOON: Duration = Duration::from_secs(20);
const SECRET: &str = "a secret of the process tests that is long enough";

pub struct House {
    pub http: reqwest::Client,
    pub store: Arc<dyn Store>,
    pub database: String,
    pub folder: tempfile::TempDir,
    sim: String,
    tokens: Tokens,
    _simulator: Simulator,
}

impl House {
    /// On an SQLite file of its own.
    pub async fn on_sqlite(defaults: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/shared.db", folder.path().display());
        Self::on(folder, url, defaults).await
    }

    /// On a database of that server.
    pub async fn on_postgres(server: &Server, defaults: Value) -> Self {
        Self::on(tempfile::tempdir().unwrap(), server.database(), defaults).await
    }

    pub async fn on(folder: tempfile::TempDir, database: String, defaults: Value) -> Self {
        vivavoce::app::install_crypto();
        let settings = vivavoce_simulator::Config {
            defaults,
            ..Default::default()
        };
        let simulator = Simulator::start(settings).await.expect("it starts");
        let sim = format!("http://{}", simulator.addr());
        let vars = [
            ("JWT_SECRET", SECRET),
            ("OPENAI_BASE_URL", &format!("{sim}/v1")),
            ("OPENAI_API_KEY", "sk-of-the-tests"),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::from_vars(&vars.into()).unwrap();
        let store = store::open(&SecretString::from(database.clone())).unwrap();
        store.migrate().await.unwrap();
        store.add_sample().await.unwrap();
        Self {
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(20))
                .build()
                .unwrap(),
            store,
            database,
            folder,
            sim,
            tokens: Tokens::new(&config.auth),
            _simulator: simulator,
        }
    }

    /// So many relays that know of each other.
    pub fn plans<const N: usize>(&self, more: &[(&str, &str)]) -> [Plan; N] {
        self.plans_in(self.folder.path(), more)
    }

    pub fn plans_in<const N: usize>(&self, folder: &Path, more: &[(&str, &str)]) -> [Plan; N] {
        let ports: [u16; N] = std::array::from_fn(|_| free_port());
        let origins = ports.map(|port| format!("http://127.0.0.1:{port}")).join(",");
        let ai = format!("{}/v1", self.sim);
        let mut vars = vec![
            ("JWT_SECRET", SECRET),
            ("OPENAI_BASE_URL", ai.as_str()),
            ("OPENAI_API_KEY", "sk-of-the-tests"),
            ("DATABASE_URL", self.database.as_str()),
            ("RELAY_ORIGINS", origins.as_str()),
            ("PUBLIC_APP_URL", "http://pages.example.com"),
            ("OPEN_CALLS_PER_MINUTE", "100000"),
        ];
        vars.extend(more);
        ports.map(|port| Plan::new(port, &folder.join(port.to_string()), &vars))
    }

    fn recruiter(&self) -> String {
        let caller = Caller {
            sub: "018f0000-0000-7000-8000-000000000004".into(),
            tenant: TENANT.parse().unwrap(),
            role: Role::Recruiter,
            invitation: None,
        };
        let minted = self.tokens.mint(&caller, clock::wall(), Duration::from_secs(3600));
        minted.unwrap().token
    }

    pub async fn post(&self, url: &str, token: &str, body: &Value) -> (u16, Value) {
        let answer = self
            .http
            .post(url)
            .bearer_auth(token)
            .json(body)
            .send()
            .await
            .expect("an answer");
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    /// Invited, redeemed, with a session.
    pub async fn seat(&self, base: &str) -> Seat {
        let body = json!({ "candidate_id": CANDIDATE, "position_id": POSITION });
        let (status, invitation) = self
            .post(&format!("{base}/api/invitations"), &self.recruiter(), &body)
            .await;
        assert_eq!(status, 201, "{invitation}");
        let body = json!({ "token": invitation["token"] });
        let (status, redeemed) = self.post(&format!("{base}/api/invitations/redeem"), "", &body).await;
        assert_eq!(status, 200, "{redeemed}");
        let token = redeemed["access_token"].as_str().unwrap().to_owned();
        let (status, session) = self.begin(base, &token, &redeemed["invitation_id"]).await;
        assert_eq!(status, 201, "{session}");
        Seat {
            token,
            session: session["session_id"].as_str().unwrap().to_owned(),
        }
    }

    /// `POST /api/sessions`.
    pub async fn begin(&self, base: &str, token: &str, invitation: &Value) -> (u16, Value) {
        let body = json!({ "invitation_id": invitation });
        self.post(&format!("{base}/api/sessions"), token, &body).await
    }

    pub async fn session(&self, seat: &Seat) -> store::Session {
        let (tenant, id) = (TENANT.parse().unwrap(), seat.session.parse().unwrap());
        self.store.session(tenant, id).await.unwrap().expect("it is there")
    }

    pub async fn lease(&self, seat: &Seat) -> store::Lease {
        let (tenant, id) = (TENANT.parse().unwrap(), seat.session.parse().unwrap());
        self.store.lease(tenant, id).await.unwrap().expect("it is there")
    }

    /// What the database holds of what was said, in order: who, what.
    pub async fn said(&self, seat: &Seat) -> Vec<(&'static str, String)> {
        let (tenant, id) = (TENANT.parse().unwrap(), seat.session.parse().unwrap());
        let entries = self.store.transcript(tenant, id, true).await.unwrap();
        entries
            .into_iter()
            .map(|entry| (entry.speaker.word(), entry.text))
            .collect()
    }

    /// Waits until the database has an entry that says so.
    pub async fn has(&self, seat: &Seat, words: &str) {
        until(SOON, words, async || {
            self.said(seat)
                .await
                .iter()
                .any(|(_, said)| said.contains(words))
                .then_some(())
        })
        .await;
    }

    /// The simulator's calls, whole, in the order in which they came.
    pub async fn calls(&self) -> Vec<Value> {
        let told: Value = self.read("calls").await;
        let mut calls = Vec::new();
        for call in told["calls"].as_array().expect("calls") {
            calls.push(self.read(&format!("calls/{}", call["id"].as_str().unwrap())).await);
        }
        calls
    }

    /// How often the AI service was called so far.
    pub async fn dialled(&self) -> usize {
        self.read("calls").await["calls"].as_array().expect("calls").len()
    }

    /// A fault of the AI service's, in its control's words.
    pub async fn fault(&self, fault: &Value) {
        let url = format!("{}/control/faults", self.sim);
        let answer = self.http.post(url).json(fault).send().await.unwrap();
        assert!(answer.status().is_success(), "{fault}");
    }

    async fn read(&self, what: &str) -> Value {
        let answer = self.http.get(format!("{}/control/{what}", self.sim)).send().await;
        answer.unwrap().json().await.unwrap()
    }
}
