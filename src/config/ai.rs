//! The AI service.

use super::Error;
use super::vars::{Vars, refuse};
use secrecy::SecretString;
use std::time::Duration;
use url::Url;

const DEFAULT_BASE_URL: &str = "https://api.openai.com/v1";

/// The AI side.
#[derive(Clone, Debug)]
pub struct Ai {
    /// `OPENAI_BASE_URL`, without a trailing slash.
    pub base_url: Url,
    /// `OPENAI_API_KEY`; required where `OPENAI_BASE_URL` is not set.
    pub key: Option<SecretString>,
    /// `OPENAI_REALTIME_MODEL`.
    pub model: String,
    /// `OPENAI_TRANSCRIPTION_MODEL`: hears the candidate.
    pub transcription_model: String,
    /// `OPENAI_REALTIME_TRANSPORT`.
    pub transport: Transport,
    /// `AI_SIMULATED`: it is the simulator, and candidates are told so.
    pub simulated: bool,
    /// `OPENAI_DIAL_TIMEOUT_S`: how long one attempt to open a call may take.
    pub dial_timeout: Duration,
}

/// How the AI leg travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A WebRTC peer: Opus as it comes.
    WebRtc,
    /// PCM over a WebSocket: the fallback.
    WebSocket,
}

impl Ai {
    pub(super) fn read(vars: &Vars<'_>) -> Result<Self, Error> {
        let base_url = base_url(vars)?;
        let key = vars.secret("OPENAI_API_KEY");
        if key.is_none() && vars.text("OPENAI_BASE_URL").is_none() {
            return Err(refuse(
                "OPENAI_API_KEY",
                "is not set; without one, set OPENAI_BASE_URL to a service that needs none (vivavoce simulate)",
            ));
        }
        if key.is_some() && base_url.scheme() == "http" && !is_loopback(&base_url) {
            return Err(refuse(
                "OPENAI_BASE_URL",
                "should be https: OPENAI_API_KEY is not sent over plain http off loopback",
            ));
        }
        Ok(Self {
            key,
            model: name(vars, "OPENAI_REALTIME_MODEL", "gpt-realtime-2.1")?,
            transcription_model: name(vars, "OPENAI_TRANSCRIPTION_MODEL", "gpt-4o-mini-transcribe")?,
            transport: transport(vars)?,
            simulated: vars.flag("AI_SIMULATED")?,
            dial_timeout: vars.seconds("OPENAI_DIAL_TIMEOUT_S", 10, 1, 60)?,
            base_url,
        })
    }
}

/// Whether an address is this machine by its very name.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn base_url(vars: &Vars<'_>) -> Result<Url, Error> {
    const NAME: &str = "OPENAI_BASE_URL";
    let text = vars.text(NAME).unwrap_or(DEFAULT_BASE_URL);
    let refused = || {
        refuse(
            NAME,
            "should be an http or https address such as https://api.openai.com/v1",
        )
    };
    let mut url = Url::parse(text).map_err(|_| refused())?;
    let plain = matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
    if !plain || url.host().is_none() {
        return Err(refused());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(NAME, "should hold no user name or password"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

fn name(vars: &Vars<'_>, variable: &'static str, default: &str) -> Result<String, Error> {
    let text = vars.text(variable).unwrap_or(default);
    let plain = text.len() <= 100 && text.bytes().all(|b| b.is_ascii_graphic());
    if !plain {
        return Err(refuse(variable, "should be a model's name"));
    }
    Ok(text.to_owned())
}

fn transport(vars: &Vars<'_>) -> Result<Transport, Error> {
    match vars.text("OPENAI_REALTIME_TRANSPORT") {
        None | Some("webrtc") => Ok(Transport::WebRtc),
        Some("websocket") => Ok(Transport::WebSocket),
        Some(other) => Err(refuse(
            "OPENAI_REALTIME_TRANSPORT",
            format!("should be webrtc or websocket, but is {other:?}"),
        )),
    }
}
