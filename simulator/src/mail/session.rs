//! One SMTP connection (RFC 5321), from greeting to QUIT.

use std::{borrow::Cow, time::Duration};

use smtp_proto::{
    Error, Request,
    request::receiver::{DataReceiver, RequestReceiver},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::Inbox;

/// A client that says nothing for so long is gone.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// A connection that is left hanging is closed after so long.
const HANG_MAX: Duration = Duration::from_secs(120);
/// Bytes of a letter, and recipients of one.
const LETTER_MAX: usize = 4 << 20;
const RECIPIENTS_MAX: usize = 100;

/// The letter that is being told.
#[derive(Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

/// What a request leads to.
enum Next {
    Say(&'static str),
    Data,
    Close(&'static str),
}

/// Speaks until the client is gone.
pub(super) async fn run(mut stream: TcpStream, inbox: &Inbox) {
    if inbox.strikes(|vices| &mut vices.hang) {
        tokio::time::sleep(HANG_MAX).await;
        return;
    }
    if let Err(error) = speak(&mut stream, inbox).await {
        tracing::debug!(%error, "an SMTP client is gone");
    }
}

async fn speak(stream: &mut TcpStream, inbox: &Inbox) -> std::io::Result<()> {
    stream
        .write_all(b"220 vivavoce-simulator ESMTP: a mail catcher, it delivers nothing\r\n")
        .await?;
    let mut lines = RequestReceiver::default();
    let mut envelope = Envelope::default();
    let mut data: Option<(DataReceiver, Vec<u8>)> = None;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = timeout(IDLE_MAX, stream.read(&mut buffer)).await??;
        if read == 0 {
            return Ok(());
        }
        let mut bytes = buffer[..read].iter();
        while !bytes.as_slice().is_empty() {
            if let Some((receiver, letter)) = &mut data {
                let is_whole = receiver.ingest(&mut bytes, letter);
                if letter.len() > LETTER_MAX {
                    stream.write_all(b"552 5.3.4 the letter is too long\r\n").await?;
                    return Ok(());
                }
                if is_whole {
                    let letter = data.take().map(|(_, letter)| letter).unwrap_or_default();
                    if !taken(stream, inbox, &std::mem::take(&mut envelope), &letter).await? {
                        return Ok(());
                    }
                }
                continue;
            }
            let next = match lines.ingest(&mut bytes) {
                Ok(request) => heed(inbox, &mut envelope, request),
                Err(Error::NeedsMoreData { .. }) => continue,
                Err(Error::ResponseTooLong) => Next::Close("500 5.5.6 the line is too long"),
                Err(Error::UnknownCommand) => Next::Say("500 5.5.1 no such command"),
                Err(_) => Next::Say("501 5.5.4 syntax"),
            };
            let (words, ends) = match next {
                Next::Say(words) => (words, false),
                Next::Close(words) => (words, true),
                Next::Data => {
                    data = Some((DataReceiver::new(), Vec::new()));
                    ("354 go on, and end with a dot", false)
                }
            };
            stream.write_all(format!("{words}\r\n").as_bytes()).await?;
            if ends {
                return Ok(());
            }
        }
    }
}

fn heed(inbox: &Inbox, envelope: &mut Envelope, request: Request<Cow<'_, str>>) -> Next {
    match request.into_owned() {
        Request::Ehlo { .. } => Next::Say("250-vivavoce-simulator\r\n250-8BITMIME\r\n250 SMTPUTF8"),
        Request::Helo { .. } => Next::Say("250 vivavoce-simulator"),
        Request::Mail { from } => {
            *envelope = Envelope {
                from: Some(from.address),
                to: Vec::new(),
            };
            Next::Say("250 2.1.0 so noted")
        }
        Request::Rcpt { .. } if envelope.from.is_none() => Next::Say("503 5.5.1 MAIL first"),
        Request::Rcpt { .. } if envelope.to.len() >= RECIPIENTS_MAX => Next::Say("452 4.5.3 too many"),
        Request::Rcpt { .. } if inbox.strikes(|vices| &mut vices.refuse) => Next::Say("550 5.1.1 nobody of that name"),
        Request::Rcpt { .. } if inbox.strikes(|vices| &mut vices.defer) => Next::Say("451 4.7.1 later, please"),
        Request::Rcpt { to } => {
            envelope.to.push(to.address);
            Next::Say("250 2.1.5 so noted")
        }
        Request::Data if envelope.to.is_empty() => Next::Say("503 5.5.1 RCPT first"),
        Request::Data => Next::Data,
        Request::Rset => {
            *envelope = Envelope::default();
            Next::Say("250 2.0.0 forgotten")
        }
        Request::Noop { .. } => Next::Say("250 2.0.0 well"),
        Request::Quit => Next::Close("221 2.0.0 bye"),
        _ => Next::Say("502 5.5.1 not here"),
    }
}

/// A whole letter. False: the connection breaks before anybody says so.
async fn taken(stream: &mut TcpStream, inbox: &Inbox, envelope: &Envelope, letter: &[u8]) -> std::io::Result<bool> {
    inbox.catch(envelope.from.as_deref().unwrap_or_default(), &envelope.to, letter);
    if inbox.strikes(|vices| &mut vices.forget) {
        return Ok(false);
    }
    stream.write_all(b"250 2.0.0 caught\r\n").await?;
    Ok(true)
}
