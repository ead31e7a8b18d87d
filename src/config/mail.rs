//! How letters leave: `SMTP_URL`, `MAIL_FROM`.

use super::Error;
use super::ai::is_loopback;
use super::vars::{Vars, refuse};
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use secrecy::{ExposeSecret as _, SecretString};
use std::net::IpAddr;
use url::Url;

/// Mail.
#[derive(Clone, Debug)]
pub struct Mail {
    /// `SMTP_URL`; None: no mail is sent, and recruiters pass links on themselves.
    pub server: Option<MailServer>,
    /// `MAIL_FROM`: whom letters are from.
    pub from: Mailbox,
}

/// The server that takes letters.
#[derive(Clone, Debug)]
pub struct MailServer {
    /// Its name, which its certificate bears.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way to it is kept private.
    pub security: MailSecurity,
    user: Option<(String, SecretString)>,
}

/// How the way to a mail server is kept private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailSecurity {
    /// `smtps://`: TLS from the first byte.
    Tls,
    /// `smtp://`: by STARTTLS, and not without it.
    StartTls,
    /// `smtp://` on this machine.
    None,
}

impl MailServer {
    /// Who we are to it.
    pub fn credentials(&self) -> Option<Credentials> {
        let (name, word) = self.user.as_ref()?;
        Some(Credentials::new(name.clone(), word.expose_secret().to_owned()))
    }
}

impl Mail {
    pub(super) fn read(vars: &Vars<'_>, public_app_url: &Url) -> Result<Self, Error> {
        let server = server(vars)?;
        let host = public_app_url.host_str().unwrap_or("localhost");
        // An address needs a name behind its @; where the pages have a number, it is of no use to anybody off this machine.
        let host = if host.parse::<IpAddr>().is_ok() {
            "localhost"
        } else {
            host
        };
        let default = format!("Vivavoce <interviews@{host}>");
        let from = match vars.text("MAIL_FROM") {
            None if server.is_some() && !is_loopback(public_app_url) => {
                return Err(refuse(
                    "MAIL_FROM",
                    "is not set; letters need a sender, such as Interviews <jobs@example.com>",
                ));
            }
            given => given.unwrap_or(&default),
        };
        let from = from.parse().map_err(|_| {
            refuse(
                "MAIL_FROM",
                "should be one address, such as Interviews <jobs@example.com>",
            )
        })?;
        Ok(Self { server, from })
    }
}

fn server(vars: &Vars<'_>) -> Result<Option<MailServer>, Error> {
    const NAME: &str = "SMTP_URL";
    let Some(text) = vars.text(NAME) else { return Ok(None) };
    let refused = || {
        refuse(
            NAME,
            "should be smtps://USER:PASSWORD@HOST or smtp://USER:PASSWORD@HOST:PORT",
        )
    };
    let url = Url::parse(text).map_err(|_| refused())?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(refused)?;
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let (security, port) = match url.scheme() {
        "smtps" => (MailSecurity::Tls, 465),
        "smtp" if is_here => (MailSecurity::None, 25),
        "smtp" => (MailSecurity::StartTls, 587),
        _ => return Err(refused()),
    };
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(refused());
    }
    let decoded = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .map(String::from)
    };
    let user = match (url.username(), url.password()) {
        ("", None) => None,
        (name, Some(word)) if !name.is_empty() => Some((
            decoded(name).map_err(|_| refused())?,
            decoded(word).map_err(|_| refused())?.into(),
        )),
        _ => return Err(refused()),
    };
    Ok(Some(MailServer {
        host: host.to_owned(),
        port: url.port().unwrap_or(port),
        security,
        user,
    }))
}
