//! A relay as its callers see it: how a candidate's offer comes to it, and how its interview ends.

use std::{sync::Mutex, time::Duration};

use serde_json::{Value, json};

/// Longest wait for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// Times a call that was refused as too much is made again.
const AGAIN_MAX: usize = 20;

/// Why a call failed. The answer's status, never its tokens.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not reached, or no answer in time.
    #[error("{0}: {1}")]
    Http(&'static str, reqwest::Error),
    /// Refused.
    #[error("{0}: status {1}: {2}")]
    Refused(&'static str, u16, String),
    /// An answer without what it should hold.
    #[error("{0}: the answer lacks `{1}`")]
    Lacks(&'static str, &'static str),
}

/// Where offers go.
#[derive(Debug)]
pub enum Client {
    /// The media crate alone (`relay.rs`).
    Media(Plain),
    /// `vivavoce serve`: invitations, sessions and all.
    Server(Server),
}

/// See [`Client::Media`].
#[derive(Debug)]
pub struct Plain {
    http: reqwest::Client,
    base: String,
}

/// See [`Client::Server`].
#[derive(Debug)]
pub struct Server {
    http: reqwest::Client,
    base: String,
    token: String,
    position: String,
    candidate: String,
    /// Sessions to complete at the end, each with its candidate's token.
    open: Mutex<Vec<(String, String)>>,
}

/// A session that waits for its offer.
#[derive(Clone, Debug)]
pub struct Joined {
    session: String,
    token: String,
}

impl Client {
    /// For the media crate alone, at `base`.
    pub fn media(base: String) -> Result<Self, Error> {
        Ok(Self::Media(Plain { http: http()?, base }))
    }

    /// For a server at `base`, with a recruiter's token and whom to invite to what.
    pub fn server(base: String, token: String, position: String, candidate: String) -> Result<Self, Error> {
        let open = Mutex::default();
        Ok(Self::Server(Server {
            http: http()?,
            base,
            token,
            position,
            candidate,
            open,
        }))
    }

    /// All that comes before the offer: an invitation, redeemed, and its session. It is no part of a connect time.
    pub async fn join(&self) -> Result<Option<Joined>, Error> {
        match self {
            Self::Media(_) => Ok(None),
            Self::Server(server) => server.join().await.map(Some),
        }
    }

    /// A candidate's offer; the relay's answer.
    pub async fn offer(&self, joined: Option<&Joined>, offer: String) -> Result<String, Error> {
        match (self, joined) {
            (Self::Server(server), Some(joined)) => {
                let body = json!({"sessionId": joined.session, "sdpOffer": offer});
                let answer = server
                    .post("sdp-exchange", "/api/sdp-exchange", Some(&joined.token), &body)
                    .await?;
                text(&answer, "sdp-exchange", "sdpAnswer")
            }
            (Self::Server(_), None) => Err(Error::Lacks("sdp-exchange", "session")),
            (Self::Media(plain), _) => {
                let request = plain.http.post(format!("{}/offer", plain.base)).body(offer);
                let answer = request.send().await.map_err(|error| Error::Http("offer", error))?;
                let status = answer.status();
                let body = answer.text().await.map_err(|error| Error::Http("offer", error))?;
                if status.is_success() {
                    Ok(body)
                } else {
                    Err(Error::Refused("offer", status.as_u16(), body))
                }
            }
        }
    }

    /// Ends every interview that was joined; what cannot be ended any more is let go.
    pub async fn leave(&self) {
        let Self::Server(server) = self else { return };
        let open = server
            .open
            .lock()
            .map(|mut open| std::mem::take(&mut *open))
            .unwrap_or_default();
        for (session, token) in open {
            let path = format!("/api/sessions/{session}/complete");
            let _ = server.post("complete", &path, Some(&token), &json!({})).await;
        }
    }
}

impl Server {
    async fn join(&self) -> Result<Joined, Error> {
        let body = json!({"candidate_id": self.candidate, "position_id": self.position});
        let invitation = self
            .post("invitations", "/api/invitations", Some(&self.token), &body)
            .await?;
        let body = json!({"token": text(&invitation, "invitations", "token")?});
        let redeemed = self.post("redeem", "/api/invitations/redeem", None, &body).await?;
        let token = text(&redeemed, "redeem", "access_token")?;
        let body = json!({"invitation_id": text(&redeemed, "redeem", "invitation_id")?});
        let session = self.post("sessions", "/api/sessions", Some(&token), &body).await?;
        let session = text(&session, "sessions", "session_id")?;
        let path = format!("/api/sessions/{session}/consent");
        let body = json!({"version": "bench", "given": true});
        self.post("consent", &path, Some(&token), &body).await?;
        if let Ok(mut open) = self.open.lock() {
            open.push((session.clone(), token.clone()));
        }
        Ok(Joined { session, token })
    }

    async fn post(&self, what: &'static str, path: &str, token: Option<&str>, body: &Value) -> Result<Value, Error> {
        for again in 0.. {
            let mut request = self.http.post(format!("{}{path}", self.base)).json(body);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let answer = request.send().await.map_err(|error| Error::Http(what, error))?;
            let status = answer.status();
            if status.as_u16() == 429 && again < AGAIN_MAX {
                let after = answer
                    .headers()
                    .get("retry-after")
                    .and_then(|value| value.to_str().ok()?.parse().ok());
                tokio::time::sleep(Duration::from_secs(after.unwrap_or(1_u64).clamp(1, 30))).await;
                continue;
            }
            let text = answer.text().await.map_err(|error| Error::Http(what, error))?;
            if !status.is_success() {
                let told = serde_json::from_str::<Value>(&text).unwrap_or_default();
                let title = told["title"].as_str().unwrap_or_default().to_owned();
                return Err(Error::Refused(what, status.as_u16(), title));
            }
            return Ok(serde_json::from_str(&text).unwrap_or_default());
        }
        Err(Error::Refused(what, 429, "too much".into()))
    }
}

fn text(answer: &Value, what: &'static str, field: &'static str) -> Result<String, Error> {
    answer[field].as_str().map(Into::into).ok_or(Error::Lacks(what, field))
}

fn http() -> Result<reqwest::Client, Error> {
    reqwest::Client::builder()
        .timeout(ANSWER_MAX)
        .build()
        .map_err(|error| Error::Http("client", error))
}
