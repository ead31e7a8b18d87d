//! The public listener, the pages' address, who may call.

use super::Error;
use super::vars::{Vars, refuse};
use secrecy::SecretString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use url::Url;

/// The HTTP side.
#[derive(Clone, Debug)]
pub struct Http {
    /// `LISTEN_ADDR`: where HTTP and WebSocket are served. Port 0 takes any free one.
    pub listen: SocketAddr,
    /// `PUBLIC_APP_URL`: how browsers reach the pages; the base of invitation links. No trailing slash in its path.
    pub public_app_url: Url,
    /// `ALLOWED_ORIGINS`, besides the pages' own.
    pub allowed_origins: Vec<Origin>,
    /// `RELAY_URL`: how browsers reach this very process, where that differs from the pages.
    pub relay_url: Origin,
    /// `RELAY_ORIGINS`: other processes of the same database, to which browsers may be sent.
    pub relay_origins: Vec<Origin>,
    /// `METRICS_ADDR`: where Prometheus scrapes; None when `off`.
    pub metrics_addr: Option<SocketAddr>,
    /// `METRICS_TOKEN`: with it, and only under it, `/metrics` is on the public listener too.
    pub metrics_token: Option<SecretString>,
    /// `FLY_APP_NAME`: set by Fly; only where it is set is `Fly-Client-IP` believed.
    pub fly_app: Option<String>,
    /// `DATA_DIR`: the journal, and the database where it is SQLite.
    pub data_dir: PathBuf,
    /// `OPEN_CALLS_PER_MINUTE`: what one client address may ask of the calls that need no token.
    pub open_calls_per_minute: u32,
}

/// A web origin: scheme, host, port. Compared as browsers write it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// The origin of an address.
    pub fn of(url: &Url) -> Self {
        Self(url.origin().ascii_serialization())
    }

    /// As a browser writes it, e.g. `https://app.example.com`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let url = Url::parse(text).map_err(|_| ())?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty();
        plain.then(|| Self::of(&url)).ok_or(())
    }
}

impl Http {
    pub(super) fn read(vars: &Vars<'_>) -> Result<Self, Error> {
        let listen = vars
            .parsed("LISTEN_ADDR", "an address such as 0.0.0.0:8080")?
            .unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 8080)));
        let fly_app = vars.text("FLY_APP_NAME").map(str::to_owned);
        if let Some(app) = &fly_app
            && !app.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        {
            return Err(refuse("FLY_APP_NAME", "should be letters, digits and hyphens"));
        }
        let public_app_url = public_app_url(vars, listen, fly_app.as_deref())?;
        let an_origin = "an origin such as https://relay-1.example.com";
        Ok(Self {
            relay_url: vars
                .parsed("RELAY_URL", an_origin)?
                .unwrap_or_else(|| Origin::of(&public_app_url)),
            relay_origins: vars.list(
                "RELAY_ORIGINS",
                "origins such as https://relay-2.example.com, separated by commas",
            )?,
            public_app_url,
            allowed_origins: vars.list(
                "ALLOWED_ORIGINS",
                "origins such as https://app.example.com, separated by commas",
            )?,
            metrics_addr: metrics_addr(vars)?,
            metrics_token: metrics_token(vars)?,
            data_dir: data_dir(vars),
            open_calls_per_minute: vars.number("OPEN_CALLS_PER_MINUTE", 60, 1, 1_000_000)?,
            listen,
            fly_app,
        })
    }

    /// The origin that the pages are served from.
    pub fn own_origin(&self) -> Origin {
        Origin::of(&self.public_app_url)
    }

    /// Whether browsers may be sent to that origin: a process of ours.
    pub fn is_relay(&self, origin: &str) -> bool {
        let ours = [&self.relay_url, &self.own_origin()]
            .into_iter()
            .any(|one| one.as_str() == origin);
        ours || self.relay_origins.iter().any(|one| one.as_str() == origin)
    }

    /// Whether a browser's `Origin` may call: our own, or an allowed one.
    pub fn allows_origin(&self, origin: &str) -> bool {
        origin == self.own_origin().as_str() || self.allowed_origins.iter().any(|one| one.as_str() == origin)
    }
}

/// `DATA_DIR`.
pub(super) fn data_dir(vars: &Vars<'_>) -> PathBuf {
    PathBuf::from(vars.text("DATA_DIR").unwrap_or("data"))
}

fn public_app_url(vars: &Vars<'_>, listen: SocketAddr, fly_app: Option<&str>) -> Result<Url, Error> {
    const NAME: &str = "PUBLIC_APP_URL";
    let default = fly_app.map_or_else(
        || format!("http://localhost:{}", listen.port()),
        |app| format!("https://{app}.fly.dev"),
    );
    let text = vars.text(NAME).unwrap_or(&default);
    let what = "an http or https address such as https://app.example.com";
    let mut url = Url::parse(text).map_err(|_| refuse(NAME, format!("should be {what}, but is {text:?}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
        return Err(refuse(NAME, format!("should be {what}, but is {text:?}")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(NAME, "should hold no user name or password"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

fn metrics_addr(vars: &Vars<'_>) -> Result<Option<SocketAddr>, Error> {
    match vars.text("METRICS_ADDR") {
        None => Ok(Some(SocketAddr::from(([127, 0, 0, 1], 9091)))),
        Some("off") => Ok(None),
        Some(_) => vars.parsed("METRICS_ADDR", "an address such as 127.0.0.1:9091, or off"),
    }
}

fn metrics_token(vars: &Vars<'_>) -> Result<Option<SecretString>, Error> {
    match vars.text("METRICS_TOKEN") {
        Some(token) if token.len() < 16 => Err(refuse("METRICS_TOKEN", "should be 16 bytes at least")),
        _ => Ok(vars.secret("METRICS_TOKEN")),
    }
}
