//! The environment as one typed [`Config`], checked once at the start.
//!
//! Is: a struct per concern, each made by its own file from a map of variables (so tests set no environment). Isn't:
//! a reader of files or of the network. **Law:** a missing or malformed variable is one line that names it and never
//! repeats a secret; every variable read is in [`TABLE`], and the README's table is generated from it.

mod ai;
mod auth;
mod database;
mod http;
mod log;
mod mail;
mod media;
mod session;
mod table;
mod vars;

#[cfg(test)]
mod tests;

pub use ai::{Ai, Transport};
pub use auth::{Auth, SECRET_BYTES_MIN};
pub use database::Database;
pub use http::{Http, Origin};
pub use log::{Log, LogFormat};
pub use mail::{Mail, MailSecurity, MailServer};
pub use media::Media;
pub use session::Session;
pub use table::{TABLE, Variable, markdown};

use std::collections::BTreeMap;
use std::net::ToSocketAddrs as _;
use vars::Vars;

/// Everything that the environment decides.
#[derive(Clone, Debug)]
pub struct Config {
    /// The public listener, the pages' address, who may call.
    pub http: Http,
    /// Our own tokens.
    pub auth: Auth,
    /// Where things are kept.
    pub database: Database,
    /// The candidates' UDP ports.
    pub media: Media,
    /// The AI service.
    pub ai: Ai,
    /// An interview's times.
    pub session: Session,
    /// How letters leave.
    pub mail: Mail,
    /// What is logged, and how.
    pub log: Log,
}

/// A variable that stops the start. Displays as one line that names it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct Error {
    /// The variable.
    pub name: &'static str,
    /// What is wrong with it, without its value where that is secret.
    pub problem: String,
}

impl Config {
    /// Reads a map of variables. A variable that is set to nothing counts as not set.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, Error> {
        Self::read(&Vars::new(vars))
    }

    /// [`Config::from_vars`] of the process's environment; a host name in `UDP_BIND` is resolved first.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_vars(&environment()?)
    }

    fn read(vars: &Vars<'_>) -> Result<Self, Error> {
        let http = Http::read(vars)?;
        let database = Database::read(vars, &http.data_dir)?;
        Ok(Self {
            auth: Auth::read(vars)?,
            media: Media::read(vars)?,
            ai: Ai::read(vars)?,
            session: Session::read(vars)?,
            log: Log::read(vars)?,
            mail: Mail::read(vars, &http.public_app_url)?,
            database,
            http,
        })
    }
}

/// The process's environment, as far as it is UTF-8, with `UDP_BIND` resolved to an address (Fly's
/// `fly-global-services` is a name).
pub fn environment() -> Result<BTreeMap<String, String>, Error> {
    let mut vars: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    if !vars.contains_key("UDP_BIND") && vars.contains_key("FLY_APP_NAME") {
        vars.insert("UDP_BIND".into(), "fly-global-services".into());
    }
    let host = vars.get("UDP_BIND").filter(|host| !host.is_empty());
    if let Some(host) = host
        && host.parse::<std::net::IpAddr>().is_err()
    {
        let resolved = (host.as_str(), 0)
            .to_socket_addrs()
            .ok()
            .and_then(|mut found| found.next())
            .ok_or_else(|| Error {
                name: "UDP_BIND",
                problem: format!("the host name {host:?} does not resolve"),
            })?;
        vars.insert("UDP_BIND".into(), resolved.ip().to_string());
    }
    Ok(vars)
}
