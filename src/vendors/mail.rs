//! Mail, by SMTP (`SMTP_URL`).
//!
//! Is: a letter as a MIME message (text and HTML), sent, and what the server said of it. Isn't: a queue (`jobs/`).
//! **Law:** a letter has one Message-ID however often it is sent, so that one that was sent twice is seen once where the reader's
//! server looks at it.

use crate::config;
use crate::ids::JobId;
use crate::letters::Letter;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp;
use lettre::transport::smtp::client::Tls;
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use std::time::Duration;

/// How long the server may take for one command.
const COMMAND_MAX: Duration = Duration::from_secs(15);

/// The way out for letters.
#[derive(Debug)]
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Why a letter was not sent. In words of ours: a server's may repeat an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server will not take it, now or later.
    #[error("the mail server refused the letter for good ({0})")]
    Refused(String),
    /// The server takes it later, perhaps.
    #[error("the mail server does not take the letter now ({0})")]
    Deferred(String),
    /// The server cannot be reached, or fell silent.
    #[error("the mail server cannot be reached ({0})")]
    Away(&'static str),
}

impl Mail {
    /// Connects when a letter is sent. None where no server is configured.
    pub fn new(config: &config::Mail) -> Option<Self> {
        let server = config.server.as_ref()?;
        let name = ClientId::Domain(config.from.email.domain().to_owned());
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host.clone())
            .port(server.port)
            .timeout(Some(COMMAND_MAX))
            .hello_name(name);
        if let Some(tls) = tls(server) {
            builder = builder.tls(tls);
        }
        if let Some(credentials) = server.credentials() {
            builder = builder.credentials(credentials);
        }
        Some(Self {
            transport: builder.build(),
            from: config.from.clone(),
        })
    }

    /// Sends one letter; `id` makes its Message-ID.
    pub async fn send(&self, id: JobId, letter: &Letter) -> Result<(), Error> {
        let unsendable = |_| Error::Refused("the letter is no mail".into());
        let to: Address = letter.to.parse().map_err(|_| Error::Refused("no address".into()))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject.clone())
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(
                letter.text.clone(),
                letter.html.clone(),
            ))
            .map_err(unsendable)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => Err(judge(&error)),
        }
    }
}

/// TLS as the address asks for it: `smtps` from the first byte, `smtp` by STARTTLS, which on this machine may be lacking.
fn tls(server: &config::MailServer) -> Option<Tls> {
    let parameters = smtp::client::TlsParameters::new(server.host.clone()).ok()?;
    Some(match server.security {
        config::MailSecurity::Tls => Tls::Wrapper(parameters),
        config::MailSecurity::StartTls => Tls::Required(parameters),
        config::MailSecurity::None => Tls::None,
    })
}

fn judge(error: &smtp::Error) -> Error {
    let code = error.status().map(|code| code.to_string()).unwrap_or_default();
    if error.is_permanent() {
        Error::Refused(code)
    } else if error.is_transient() {
        Error::Deferred(code)
    } else if error.is_timeout() {
        Error::Away("no answer in time")
    } else if error.is_tls() {
        Error::Away("TLS could not be set up")
    } else {
        Error::Away("no connection, or a broken one")
    }
}
