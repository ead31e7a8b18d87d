//! Letters: what a candidate gets, and what becomes of a letter that the mail server will not have. The server is the
//! simulator's catcher, on the far side of a socket.

use crate::support::TestApp;
use serde_json::{Value, json};
use std::time::Duration;
use vivavoce::store::sample;
use vivavoce_simulator::{Config, Simulator};

/// Long enough for the first try that follows a failure.
const WAIT: Duration = Duration::from_secs(20);

pub struct Post {
    catcher: Simulator,
    http: reqwest::Client,
}

impl Post {
    pub async fn start() -> Self {
        vivavoce::app::install_crypto();
        let config = Config {
            mail: Some(([127, 0, 0, 1], 0).into()),
            ..Config::default()
        };
        Self {
            catcher: Simulator::start(config).await.unwrap(),
            http: reqwest::Client::new(),
        }
    }

    pub fn smtp_url(&self) -> String {
        format!("smtp://{}", self.catcher.mail().unwrap())
    }

    async fn order(&self, vices: Value) {
        let url = format!("http://{}/control/mail", self.catcher.addr());
        self.http
            .post(url)
            .json(&vices)
            .send()
            .await
            .unwrap()
            .error_for_status()
            .unwrap();
    }

    /// The letters, once there are so many.
    pub async fn letters(&self, count: usize) -> Vec<Value> {
        let url = format!("http://{}/mail", self.catcher.addr());
        let caught = async {
            loop {
                let told: Value = self.http.get(&url).send().await.unwrap().json().await.unwrap();
                let letters = told["letters"].as_array().unwrap().clone();
                if letters.len() >= count {
                    return letters;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(WAIT, caught).await.expect("the letters came")
    }
}

pub async fn app(post: &Post) -> TestApp {
    TestApp::with(&[
        ("SMTP_URL", &post.smtp_url()),
        ("MAIL_FROM", "Larkfield interviews <interviews@larkfield.example>"),
        ("PUBLIC_APP_URL", "https://app.example"),
    ])
    .await
}

fn wanted() -> Value {
    json!({"candidate_id": sample::CANDIDATE, "position_id": sample::POSITION})
}

/// The token of the link in a letter.
fn token(letter: &Value) -> String {
    let text = letter["text"].as_str().unwrap();
    let (_, rest) = text
        .split_once("https://app.example/interview/join?token=")
        .expect(text);
    rest.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn an_invitation_comes_by_mail_and_its_link_opens_the_interview() {
    let post = Post::start().await;
    let app = app(&post).await;
    let made = app.recruiter().post("/api/invitations", wanted()).await.ok(201);
    assert_eq!(made["mailed"], json!(true));
    let letters = post.letters(1).await;
    let letter = &letters[0];
    assert_eq!(letter["to"], json!(["robin@candidates.example"]));
    assert_eq!(letter["from"], json!("interviews@larkfield.example"));
    assert!(
        letter["subject"].as_str().unwrap().contains("Software engineer"),
        "{letter}"
    );
    assert!(
        letter["html"].as_str().unwrap().contains("Hello Robin Sample,"),
        "{letter}"
    );
    assert_eq!(json!(token(letter)), made["token"]);
    let redeemed = app
        .anyone()
        .post("/api/invitations/redeem", json!({"token": token(letter)}))
        .await
        .ok(200);
    assert_eq!(redeemed["invitation_id"], made["id"]);

    // Where it was asked to go, and not a second time for a request that is said again.
    let mut elsewhere = wanted();
    elsewhere["email"] = json!("robin@elsewhere.example");
    for _ in 0..2 {
        let key = [("idempotency-key", "one")];
        let answer = app
            .recruiter()
            .post_with("/api/invitations", &key, elsewhere.clone())
            .await;
        answer.ok(201);
    }
    app.recruiter().post("/api/invitations", wanted()).await.ok(201);
    let to: Vec<Value> = post
        .letters(3)
        .await
        .iter()
        .map(|letter| letter["to"][0].clone())
        .collect();
    assert_eq!(
        to,
        [
            "robin@candidates.example",
            "robin@elsewhere.example",
            "robin@candidates.example"
        ]
    );
    app.stop().await;
}

#[tokio::test]
async fn an_invitation_that_is_sent_once_more_has_one_link() {
    let post = Post::start().await;
    let app = app(&post).await;
    let made = app.recruiter().post("/api/invitations", wanted()).await.ok(201);
    let path = format!("/api/invitations/{}", made["id"].as_str().unwrap());
    let email = json!({"email": "robin@elsewhere.example", "expiration_hours": 1});
    let again = app.recruiter().post(&format!("{path}/resend"), email).await.ok(200);
    assert_eq!(again["id"], made["id"]);
    assert_ne!(again["token"], made["token"]);
    assert!(again["expires_at"].as_str().unwrap() < made["expires_at"].as_str().unwrap());
    let letters = post.letters(2).await;
    assert_eq!(letters[1]["to"], json!(["robin@elsewhere.example"]));
    assert!(
        letters[1]["text"].as_str().unwrap().contains("replaces the one"),
        "{}",
        letters[1]
    );
    let redeem = async |letter: &Value| {
        let token = json!({"token": token(letter)});
        app.anyone().post("/api/invitations/redeem", token).await
    };
    redeem(&letters[0]).await.problem(404);
    redeem(&letters[1]).await.ok(200);
    // It stays where it was sent to; without a body it is as good for two days.
    app.recruiter().post(&format!("{path}/resend"), json!({})).await.ok(200);
    assert_eq!(post.letters(3).await[2]["to"], json!(["robin@elsewhere.example"]));

    app.recruiter()
        .post(&format!("{path}/resend"), json!({"email": "x"}))
        .await
        .invalid("/email");
    let hours = json!({"expiration_hours": 721});
    app.recruiter()
        .post(&format!("{path}/resend"), hours)
        .await
        .invalid("/expiration_hours");
    app.other_recruiter()
        .post(&format!("{path}/resend"), json!({}))
        .await
        .problem(404);
    app.recruiter().post(&format!("{path}/revoke"), json!({})).await.ok(200);
    app.recruiter()
        .post(&format!("{path}/resend"), json!({}))
        .await
        .problem(409);
    assert_eq!(post.letters(3).await.len(), 3);
    app.stop().await;
}

#[tokio::test]
async fn a_key_that_was_used_for_one_invitation_gives_nobody_the_link_of_another() {
    let app = TestApp::start().await;
    let recruiter = app.recruiter();
    let mut made = Vec::new();
    for _ in 0..2 {
        let invitation = recruiter.post("/api/invitations", wanted()).await.ok(201);
        made.push(invitation["id"].as_str().unwrap().to_owned());
    }
    let resent = async |id: &str| {
        let key = [("idempotency-key", "one")];
        let path = format!("/api/invitations/{id}/resend");
        recruiter.post_with(&path, &key, json!({})).await.ok(200)
    };
    let (first, second) = (resent(&made[0]).await, resent(&made[1]).await);
    assert_eq!((&first["id"], &second["id"]), (&json!(made[0]), &json!(made[1])));
    assert_ne!(first["token"], second["token"]);
    assert_eq!(resent(&made[0]).await, first);
    app.stop().await;
}

#[tokio::test]
async fn a_letter_that_is_put_off_comes_later_and_one_that_is_refused_never() {
    let post = Post::start().await;
    let app = app(&post).await;
    post.order(json!({"defer": 1})).await;
    app.recruiter().post("/api/invitations", wanted()).await.ok(201);
    post.letters(1).await;
    let again = app.metric("vivavoce_jobs_tried_total{kind=\"mail\",outcome=\"again\"}");
    assert!((again - 1.0).abs() < f64::EPSILON, "{again}");

    // The server takes it, and the connection breaks before it says so: the same letter comes twice, by its name.
    post.order(json!({"forget": 1})).await;
    app.recruiter().post("/api/invitations", wanted()).await.ok(201);
    let letters = post.letters(3).await;
    assert_eq!(letters[1]["message_id"], letters[2]["message_id"]);
    assert_ne!(letters[0]["message_id"], letters[1]["message_id"]);

    post.order(json!({"refuse": 1})).await;
    app.recruiter().post("/api/invitations", wanted()).await.ok(201);
    let given_up = async {
        while app.metric("vivavoce_jobs_tried_total{kind=\"mail\",outcome=\"failed\"}") < 1.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(WAIT, given_up).await.expect("it was given up");
    assert_eq!(post.letters(3).await.len(), 3);
    app.stop().await;
}

#[tokio::test]
async fn a_letter_outlives_the_process_that_was_to_send_it() {
    let server = crate::postgres::Server::shared();
    let url = server.database();
    let post = Post::start().await;
    // Nobody listens there.
    let nobody = [("DATABASE_URL", url.as_str()), ("SMTP_URL", "smtp://127.0.0.1:9")];
    let first = TestApp::with(&nobody).await;
    first.recruiter().post("/api/invitations", wanted()).await.ok(201);
    let tried = async {
        while first.metric("vivavoce_jobs_tried_total{kind=\"mail\",outcome=\"again\"}") < 1.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(WAIT, tried).await.expect("it was tried");
    first.stop().await;

    let smtp = post.smtp_url();
    let there = [("DATABASE_URL", url.as_str()), ("SMTP_URL", smtp.as_str())];
    let second = TestApp::builder(&there).on_what_is_there().start().await;
    assert_eq!(post.letters(1).await[0]["to"], json!(["robin@candidates.example"]));
    second.stop().await;
}

#[tokio::test]
async fn without_a_mail_server_the_link_is_the_recruiters_to_pass_on() {
    let app = TestApp::start().await;
    let made = app.recruiter().post("/api/invitations", wanted()).await.ok(201);
    assert_eq!(made["mailed"], json!(false));
    assert!(
        made["invitation_url"]
            .as_str()
            .unwrap()
            .contains("/interview/join?token=")
    );
    assert!(app.app.store.jobs_due(1).await.unwrap().is_empty());
    app.stop().await;
}
