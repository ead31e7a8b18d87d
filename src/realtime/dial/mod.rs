//! Calls the AI service: our own offer and the whole session out, its answer in.
//!
//! Is: `POST {base}/realtime/calls` and the hang-up, each with a deadline and bounded bodies. Isn't: retries; whoever dials
//! decides on them by [`Error`], since each attempt that reaches the service may open a call.
//! **Laws:** the offer is posted byte for byte. The key goes nowhere but to the base URL: no redirect is followed, and
//! none is sent over plain http off loopback. No body of the service's is logged but scrubbed and short.

mod error;
mod scrub;
#[cfg(test)]
mod tests;

pub use error::{Error, Permanence};

use crate::config;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;
use url::Url;

/// An SDP answer is some 2 KiB.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Of an error body, so much is read.
const ERROR_BYTES_MAX: usize = 8 * 1024;
/// Reaching the service at all.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// A hang-up is a courtesy: DTLS has been closed already, and the service drops a silent peer after some 30 s.
const HANG_UP_MAX: Duration = Duration::from_secs(3);

/// Dials one service. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Dialer {
    http: Client,
    base: Url,
    key: Option<SecretString>,
    dial_timeout: Duration,
}

/// A call that was accepted.
#[derive(Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The service's SDP answer.
    pub answer: String,
    /// `rtc_…`, to hang up by; `None` if the service gave none.
    pub call_id: Option<String>,
}

impl std::fmt::Debug for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The answer holds ICE passwords.
        f.debug_struct("Accepted")
            .field("call_id", &self.call_id)
            .finish_non_exhaustive()
    }
}

impl Dialer {
    /// For the service of the configuration. Opens nothing yet.
    pub fn new(ai: &config::Ai) -> Result<Self, Error> {
        let local = is_loopback(&ai.base_url);
        if ai.key.is_some() && ai.base_url.scheme() != "https" && !local {
            return Err(Error::Network("a key is not sent over plain http off loopback".into()));
        }
        let tls = super::tls::client().map_err(|_| Error::Network("TLS cannot be set up".into()))?;
        let mut http = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_MAX.min(ai.dial_timeout))
            .user_agent(concat!("vivavoce/", env!("CARGO_PKG_VERSION")));
        if local {
            http = http.no_proxy();
        }
        Ok(Self {
            http: http.build().map_err(|error| Error::network(&error))?,
            base: ai.base_url.clone(),
            key: ai.key.clone(),
            dial_timeout: ai.dial_timeout,
        })
    }

    /// Opens a call. `safety_identifier`: a hash that stands for the candidate, if the service is to have one.
    ///
    /// Dropped before it answers, it may leave a call behind at the service, which dies for want of a peer.
    pub async fn call(&self, offer: &str, session: &Value, safety_identifier: Option<&str>) -> Result<Accepted, Error> {
        let asked = self.exchange(offer, session, safety_identifier);
        tokio::time::timeout(self.dial_timeout, asked)
            .await
            .unwrap_or(Err(Error::Timeout))
    }

    async fn exchange(&self, offer: &str, session: &Value, safety: Option<&str>) -> Result<Accepted, Error> {
        let boundary = format!("vivavoce-{:032x}", rand::random::<u128>());
        let mut request = self
            .http
            .post(self.url("realtime/calls"))
            .header(ACCEPT, "application/sdp")
            .header(CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"))
            .body(multipart(&boundary, offer, session));
        if let Some(bearer) = self.bearer()? {
            request = request.header(AUTHORIZATION, bearer);
        }
        if let Some(hash) = safety {
            request = request.header("OpenAI-Safety-Identifier", hash);
        }
        let response = request.send().await.map_err(|error| Error::network(&error))?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        let call_id = response
            .headers()
            .get(LOCATION)
            .and_then(|at| call_id(at.to_str().ok()?));
        match read(response, ANSWER_BYTES_MAX).await.and_then(answer) {
            Ok(answer) => Ok(Accepted { answer, call_id }),
            Err(error) => {
                // The call is open all the same.
                if let Some(id) = &call_id {
                    self.hang_up(id).await;
                }
                Err(error)
            }
        }
    }

    /// Ends a call at the service. Fails silently but for the log: nothing is left to be done about it.
    pub async fn hang_up(&self, call_id: &str) {
        let Ok(bearer) = self.bearer() else { return };
        let mut request = self
            .http
            .post(self.url(&format!("realtime/calls/{call_id}/hangup")))
            .timeout(HANG_UP_MAX);
        if let Some(bearer) = bearer {
            request = request.header(AUTHORIZATION, bearer);
        }
        match request.send().await {
            Ok(response) if response.status().is_success() => {}
            Ok(response) => tracing::debug!(
                status = response.status().as_u16(),
                "the service did not take the hang-up"
            ),
            Err(error) => tracing::debug!(error = %Error::network(&error), "the hang-up did not reach the service"),
        }
    }

    /// The service's address, e.g. for its WebSocket.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base.as_str().trim_end_matches('/'))
    }

    /// How long one attempt may take.
    pub fn dial_timeout(&self) -> Duration {
        self.dial_timeout
    }

    /// `Bearer …`, marked as sensitive.
    pub(super) fn bearer(&self) -> Result<Option<HeaderValue>, Error> {
        let Some(key) = &self.key else { return Ok(None) };
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
            .map_err(|_| Error::Network("the key cannot be a header".into()))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// The key, for scrubbing.
    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_ref().map(ExposeSecret::expose_secret)
    }

    async fn refusal(&self, response: Response) -> Error {
        let status = response.status();
        let retry_after = retry_after(&response);
        // What cannot be read of an error body is as good as absent.
        let body = read(response, ERROR_BYTES_MAX).await.unwrap_or_default();
        Error::refused(status.as_u16(), &body, retry_after, self.key())
    }
}

/// The body of the call: two parts, told apart by a boundary that is in neither (128 random bits).
fn multipart(boundary: &str, offer: &str, session: &Value) -> Vec<u8> {
    let session = session.to_string();
    let mut body = Vec::with_capacity(offer.len() + session.len() + 512);
    for (name, kind, part) in [
        ("sdp", "application/sdp", offer),
        ("session", "application/json", &session),
    ] {
        body.extend_from_slice(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n")
                .as_bytes(),
        );
        body.extend_from_slice(part.as_bytes());
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

/// Reads a body up to `bytes_max`; a longer one is refused, not cut.
async fn read(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > bytes_max => return Err(Error::BadAnswer("it is too long")),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(_) => return Err(Error::BadAnswer("it was cut short")),
        }
    }
}

fn answer(body: Vec<u8>) -> Result<String, Error> {
    let answer = String::from_utf8(body).map_err(|_| Error::BadAnswer("it is not text"))?;
    if answer.starts_with("v=0") {
        Ok(answer)
    } else {
        Err(Error::BadAnswer("it is not SDP"))
    }
}

/// The `rtc_…` segment of `Location`, without any query.
fn call_id(location: &str) -> Option<String> {
    let path = location.split(['?', '#']).next()?;
    let id = path.trim_end_matches('/').rsplit('/').next()?;
    let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    (id.starts_with("rtc_") && id.len() <= 200 && plain).then(|| id.to_owned())
}

/// `Retry-After` in seconds, where the service is busy. Dates are not used by it.
fn retry_after(response: &Response) -> Option<Duration> {
    let busy = matches!(
        response.status(),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    let value = response.headers().get(RETRY_AFTER).filter(|_| busy)?;
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// Whether an address is this machine by its very name.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(url::Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}
