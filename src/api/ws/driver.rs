//! Carries one socket: frames and deadlines into [`Handshake`], its actions out.
//!
//! Is: a loop over the socket, the session's queue, the verdict and the clock. Isn't: a decision.
//! **Law:** every write has a deadline: a browser that does not read for [`WRITE_MAX`] is let go (the session's own queue
//! to it is bounded by the session). However the loop ends, the seat is given back.

use crate::{metrics::Metrics, session::Outgoing};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use std::{
    pin::Pin,
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, time};
use tokio_tungstenite::tungstenite;
use uuid::Uuid;
use vivavoce_signaling::{
    ClientMessage, Handshake,
    handshake::{Action, Cause, Input, Verdict, close},
    messages::Hello,
};

/// How long a frame may take to be written.
pub(super) const WRITE_MAX: Duration = Duration::from_secs(10);
/// How long the browser may take to answer a close frame.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// Who is let in.
pub(super) trait Room: Send {
    /// Checks a hello.
    fn admit(&self, hello: Hello) -> impl Future<Output = Entry> + Send;
}

/// What became of a hello.
pub(super) enum Entry {
    /// In.
    Admitted(Seat),
    /// Not.
    Refused(Verdict),
}

/// A socket's place in a session; dropping it tells the session.
pub(super) struct Seat {
    outbound: mpsc::Receiver<Outgoing>,
    deliver: Box<dyn Fn(ClientMessage) + Send + Sync>,
    leave: Option<Box<dyn FnOnce() + Send>>,
}

impl Seat {
    /// `outbound`: what the session says; `deliver` and `leave` tell it.
    pub(super) fn new(
        outbound: mpsc::Receiver<Outgoing>,
        deliver: impl Fn(ClientMessage) + Send + Sync + 'static,
        leave: impl FnOnce() + Send + 'static,
    ) -> Self {
        Self {
            outbound,
            deliver: Box::new(deliver),
            leave: Some(Box::new(leave)),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(leave) = self.leave.take() {
            leave();
        }
    }
}

type Asking<'a> = Pin<Box<dyn Future<Output = Entry> + Send + 'a>>;

/// Until the socket is closed or lost, or `stopping` resolves.
pub(super) async fn drive(
    mut socket: WebSocket,
    session: Uuid,
    room: impl Room + Sync,
    stopping: impl Future<Output = ()>,
    metrics: &Metrics,
) {
    let mut handshake = Handshake::new(now(), session);
    let mut asking: Option<Asking<'_>> = None;
    let mut seat: Option<Seat> = None;
    let mut stopping = std::pin::pin!(stopping);
    loop {
        while let Some(action) = handshake.poll_action() {
            let message = match action {
                Action::Authenticate(hello) => {
                    asking = Some(Box::pin(room.admit(hello)));
                    continue;
                }
                Action::Deliver(message) => {
                    if let ClientMessage::Malformed(why) = &message {
                        metrics.signaling_refused(why.code());
                    }
                    if let Some(seat) = &seat {
                        (seat.deliver)(message);
                    }
                    continue;
                }
                Action::Send(text) => Message::Text(text.into()),
                Action::Ping => Message::Ping(bytes::Bytes::new()),
                Action::Close { code, reason } => {
                    // The session knows before the browser answers: it may be about to take another socket in.
                    drop((asking, seat));
                    return say_goodbye(socket, code, reason, metrics).await;
                }
                Action::Drop(cause) => {
                    if cause == Cause::Lost {
                        metrics.signaling_refused("lost");
                    }
                    tracing::debug!(?cause, "a socket is gone");
                    return;
                }
            };
            match time::timeout(WRITE_MAX, socket.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => handshake.handle(now(), Input::Gone),
                Err(_) => {
                    metrics.signaling_refused("too_slow");
                    tracing::info!(code = close::TOO_MUCH, "a browser does not read: its socket is let go");
                    return;
                }
            }
        }
        let due = handshake.poll_timeout().map(|(at, _)| at);
        tokio::select! {
            message = socket.recv() => hear(&mut handshake, message),
            entry = answered(&mut asking) => {
                asking = None;
                let verdict = match entry {
                    Entry::Admitted(given) => {
                        seat = Some(given);
                        Verdict::Admitted
                    }
                    Entry::Refused(verdict) => verdict,
                };
                handshake.handle(now(), Input::Verdict(verdict));
            }
            said = said(&mut seat) => {
                let input = match said {
                    Some(Outgoing::Frame(frame)) => Input::Frame(frame),
                    Some(Outgoing::Close { code, reason }) => Input::CloseBySession { code, reason },
                    None => Input::SessionGone,
                };
                handshake.handle(now(), input);
            }
            () = until(due) => handshake.handle(now(), Input::Due),
            () = &mut stopping => handshake.handle(now(), Input::Stopping),
        }
    }
}

/// The runtime's clock, by which its timers go: in tests, a virtual one.
fn now() -> Instant {
    time::Instant::now().into_std()
}

fn hear(handshake: &mut Handshake, message: Option<Result<Message, axum::Error>>) {
    let now = now();
    match message {
        Some(Ok(Message::Text(text))) => handshake.handle(now, Input::Text(text.as_str())),
        Some(Ok(Message::Binary(bytes))) => handshake.handle(now, Input::Binary(&bytes)),
        Some(Ok(Message::Ping(_))) => handshake.handle(now, Input::Ping),
        Some(Ok(Message::Pong(_))) => handshake.handle(now, Input::Pong),
        Some(Ok(Message::Close(_))) | None => handshake.handle(now, Input::Gone),
        Some(Err(error)) => handshake.handle(now, fault(error)),
    }
}

/// What a failed read means.
fn fault(error: axum::Error) -> Input<'static> {
    use tungstenite::Error as E;
    match error.into_inner().downcast::<E>().map(|error| *error) {
        Ok(E::Capacity(_)) => Input::TooLarge,
        Ok(E::Utf8(_)) => Input::NotUtf8,
        Ok(E::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => Input::Gone,
        Ok(E::Protocol(_)) => Input::Invalid,
        Ok(_) | Err(_) => Input::Gone,
    }
}

async fn answered(asking: &mut Option<Asking<'_>>) -> Entry {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

async fn said(seat: &mut Option<Seat>) -> Option<Outgoing> {
    match seat {
        Some(seat) => seat.outbound.recv().await,
        None => std::future::pending().await,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

async fn say_goodbye(mut socket: WebSocket, code: u16, reason: &'static str, metrics: &Metrics) {
    if code != close::NORMAL {
        metrics.signaling_refused(word(code));
    }
    tracing::debug!(code, reason, "a socket is closed");
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let farewell = async {
        if socket.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        // What the browser still sends is read and dropped; unread bytes would turn the close into a reset. Where no more
        // can be read (an endless frame), the browser is given time to see the close frame before that reset.
        let mut has_answered = false;
        while let Some(Ok(message)) = socket.recv().await {
            has_answered |= matches!(message, Message::Close(_));
        }
        if !has_answered {
            std::future::pending::<()>().await;
        }
    };
    _ = time::timeout(CLOSE_MAX, farewell).await;
}

/// A close code as a metric's label: a closed list.
fn word(code: u16) -> &'static str {
    match code {
        close::PROTOCOL => "protocol",
        close::NOT_UTF8 => "not_utf8",
        close::TOO_LARGE => "too_large",
        close::INTERNAL => "session_gone",
        close::RESTART => "stopping",
        close::TRY_LATER => "try_later",
        close::UNAUTHORIZED => "unauthorized",
        close::NOT_YOURS => "not_yours",
        close::SUPERSEDED => "superseded",
        close::TOO_MUCH => "too_much",
        _ => "other",
    }
}

#[cfg(test)]
mod tests;
