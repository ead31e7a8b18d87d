//! One builder that reads aloud: a server, people who call it, what they are answered.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tempfile::TempDir;
use time::OffsetDateTime;
use vivavoce::app::{self, App, Running};
use vivavoce::auth::{Caller, Role, Tokens};
use vivavoce::clock;
use vivavoce::config::{Auth, Config};
use vivavoce::ids::{CandidateId, EntryId, InvitationId, PositionId, SessionId, TenantId};
use vivavoce::store::sample;
use vivavoce::store::{Entry, NewInvitation, Speaker};

pub const SECRET: &str = "a-secret-of-the-tests-that-is-long-enough";

/// A server of its own, with the sample data. Its end fails the test if any request met a fault of ours.
pub struct TestApp {
    running: Option<Running>,
    pub app: App,
    pub base: String,
    faults_are_expected: bool,
    _folder: TempDir,
}

/// What a server is started with.
pub struct Builder {
    vars: BTreeMap<String, String>,
    faults_are_expected: bool,
    is_new: bool,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(vars: &[(&str, &str)]) -> Self {
        Self::builder(vars).start().await
    }

    pub fn builder(vars: &[(&str, &str)]) -> Builder {
        let base = [
            ("JWT_SECRET", SECRET),
            ("LISTEN_ADDR", "127.0.0.1:0"),
            ("METRICS_ADDR", "127.0.0.1:0"),
            ("UDP_BIND", "127.0.0.1"),
            ("UDP_PORT", "0"),
            ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"),
            ("OPEN_CALLS_PER_MINUTE", "1000"),
        ];
        Builder {
            vars: base
                .iter()
                .chain(vars)
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            faults_are_expected: false,
            is_new: true,
        }
    }

    /// Nobody in particular: no token.
    pub fn anyone(&self) -> Person {
        Person {
            base: self.base.clone(),
            token: None,
        }
    }

    pub fn bearing(&self, token: impl Into<String>) -> Person {
        Person {
            base: self.base.clone(),
            token: Some(token.into()),
        }
    }

    pub fn recruiter(&self) -> Person {
        self.as_role(Role::Recruiter, sample::TENANT)
    }

    pub fn other_recruiter(&self) -> Person {
        self.as_role(Role::Recruiter, sample::OTHER_TENANT)
    }

    pub fn as_role(&self, role: Role, tenant: TenantId) -> Person {
        let caller = Caller {
            sub: role.to_string(),
            tenant,
            role,
            invitation: None,
        };
        self.bearing(mint(&caller))
    }

    /// The candidate whom an invitation invited.
    pub fn candidate(&self, invitation: &Invited) -> Person {
        self.bearing(mint(&Caller {
            sub: "candidate".into(),
            tenant: invitation.tenant,
            role: Role::Candidate,
            invitation: Some(invitation.id),
        }))
    }

    pub async fn invited(&self) -> Invited {
        self.invited_until(clock::wall() + Duration::from_secs(3600)).await
    }

    pub async fn other_invited(&self) -> Invited {
        let until = clock::wall() + Duration::from_secs(3600);
        self.invite(
            sample::OTHER_TENANT,
            sample::OTHER_CANDIDATE,
            sample::OTHER_POSITION,
            until,
        )
        .await
    }

    pub async fn invited_until(&self, expires_at: OffsetDateTime) -> Invited {
        self.invite(sample::TENANT, sample::CANDIDATE, sample::POSITION, expires_at)
            .await
    }

    async fn invite(&self, tenant: TenantId, who: CandidateId, what: PositionId, until: OffsetDateTime) -> Invited {
        use sha2::Digest as _;
        let token: String = (0..64)
            .map(|_| char::from(b"0123456789abcdef"[rand::random_range(0..16)]))
            .collect();
        let new = NewInvitation {
            id: InvitationId::new(),
            candidate: who,
            position: what,
            email: None,
            token_sha256: sha2::Sha256::digest(&token).into(),
            created_at: clock::wall(),
            expires_at: until,
        };
        let made = self.app.store.invitation_create(tenant, &new).await.unwrap();
        Invited {
            tenant,
            id: made.id,
            token,
        }
    }

    /// A session, with its candidate.
    pub async fn session(&self) -> (SessionId, Person) {
        self.session_of(self.invited().await).await
    }

    pub async fn session_of(&self, invited: Invited) -> (SessionId, Person) {
        let opened = self
            .app
            .store
            .session_open(invited.tenant, invited.id, clock::wall())
            .await
            .unwrap();
        (opened.session.id, self.candidate(&invited))
    }

    /// Entries as the tap would have put them, a second apart.
    pub async fn tapped(&self, session: SessionId, said: &[(Speaker, &str)]) -> Vec<EntryId> {
        let begun = clock::wall() - Duration::from_secs(60);
        let entries: Vec<Entry> = (0..)
            .zip(said)
            .map(|(at, (speaker, text))| Entry {
                id: EntryId::new(),
                sequence: at + 1,
                item_id: format!("item_{at}"),
                ..Entry::tapped(
                    session,
                    *speaker,
                    *text,
                    begun + Duration::from_secs(at.try_into().unwrap()),
                )
            })
            .collect();
        self.app.store.transcript_put(sample::TENANT, &entries).await.unwrap();
        entries.iter().map(|entry| entry.id).collect()
    }

    /// The value of one metric, labels and all; 0 where it is not there yet.
    pub fn metric(&self, series: &str) -> f64 {
        let text = self.app.metrics.text().unwrap();
        text.lines()
            .find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
            .unwrap_or(0.0)
    }

    pub async fn stop(mut self) {
        self.running.take().unwrap().stop().await;
    }
}

impl Builder {
    /// Faults of ours are what the test is about.
    pub fn expecting_faults(mut self) -> Self {
        self.faults_are_expected = true;
        self
    }

    /// The database has the sample data already.
    pub fn on_what_is_there(mut self) -> Self {
        self.is_new = false;
        self
    }

    pub async fn start(mut self) -> TestApp {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        self.vars.insert("DATA_DIR".into(), data.display().to_string());
        let running = app::start(Config::from_vars(&self.vars).unwrap()).await.unwrap();
        let app = running.app.clone();
        if !self.faults_are_expected {
            let ready = tokio::time::timeout(Duration::from_secs(20), app.ready.wait()).await;
            assert!(ready.unwrap(), "the server did not become ready");
            if self.is_new {
                app.store.add_sample().await.unwrap();
            }
        }
        TestApp {
            base: format!("http://{}", running.http),
            running: Some(running),
            app,
            faults_are_expected: self.faults_are_expected,
            _folder: folder,
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let text = self.app.metrics.text().unwrap();
        let faults: Vec<&str> = text.lines().filter(|line| line.contains("status=\"500\"")).collect();
        let is_well = faults.is_empty() || self.faults_are_expected || std::thread::panicking();
        assert!(is_well, "requests met faults of ours: {faults:?}");
    }
}

/// An invitation and its token.
#[derive(Clone)]
pub struct Invited {
    pub tenant: TenantId,
    pub id: InvitationId,
    pub token: String,
}

/// Somebody who calls.
#[derive(Clone)]
pub struct Person {
    base: String,
    token: Option<String>,
}

impl Person {
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], None).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, path, headers, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_with(path, &[], body).await
    }

    pub async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        self.ask(Method::POST, path, &all, Some(body.to_string().into_bytes()))
            .await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.ask(Method::PATCH, path, &headers, Some(body.to_string().into_bytes()))
            .await
    }

    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Vec<u8>>) -> Answer {
        app::install_crypto();
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            all.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        let mut request = client.request(method, format!("{}{path}", self.base)).headers(all);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await.unwrap();
        Answer {
            status: answer.status(),
            headers: answer.headers().clone(),
            body: answer.bytes().await.unwrap().to_vec(),
        }
    }
}

/// What they are answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body of a success.
    #[track_caller]
    pub fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body of a problem, after a look at what each of them owes.
    #[track_caller]
    pub fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(body["status"], json!(status));
        assert_eq!(body["error"], body["title"]);
        assert!(body["type"].as_str().unwrap().starts_with("/docs/errors/"), "{body}");
        body
    }

    /// A 422 that names this place.
    #[track_caller]
    pub fn invalid(&self, pointer: &str) {
        let body = self.problem(422);
        assert_eq!(body["errors"][0]["pointer"], json!(pointer), "{body}");
        assert!(!body["errors"][0]["detail"].as_str().unwrap().is_empty());
    }
}

pub fn tokens() -> Tokens {
    Tokens::new(&Auth {
        jwt_secrets: vec![SecretString::from(SECRET)],
    })
}

pub fn mint(caller: &Caller) -> String {
    tokens()
        .mint(caller, clock::wall(), Duration::from_secs(600))
        .unwrap()
        .token
}
