//! The life of one socket, from the upgrade to its close: a pure machine.
//!
//! Is: who may speak before `hello`, the deadlines, the pings, the flood limit, the close codes. Isn't: a socket or a JWT
//! check; `src/api/ws.rs` carries both. The session beyond it is not known here but as frames and closes.
//! **Law:** at most one [`Action::Authenticate`], at most one [`Action::Close`] or [`Action::Drop`], and nothing after it.
//! Until it is admitted a socket reaches no session. Whatever it sends, memory held for it stays under
//! [`QUEUED_BYTES_MAX`].

use crate::{
    FRAME_BYTES_MAX,
    bucket::Bucket,
    messages::{ClientMessage, Hello, Malformed},
    speech::Speech,
};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// A socket that has not said `hello` by then is closed.
pub const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// A verdict that has not come by then closes the socket; the browser comes back.
pub const VERDICT_WITHIN: Duration = Duration::from_secs(10);
/// Time between pings.
pub const PING_EVERY: Duration = Duration::from_secs(15);
/// So many pings without a pong, and the socket is taken for lost: 45 s after the last sign at most.
pub const PONGS_MISSED_MAX: u8 = 2;
/// Frames at once. A page's own: a hello, an offer, some 30 candidates.
pub const FRAMES_BURST: u32 = 300;
/// Frames a second in the long run. A page's own: under 5.
pub const FRAMES_PER_S: u32 = 60;
/// Bytes at once: kept speech of the whole resume window (120 s at 64 kbit/s is 1 MB) four times over.
pub const BYTES_BURST: u32 = 4 * 1024 * 1024;
/// Bytes a second in the long run.
pub const BYTES_PER_S: u32 = 256 * 1024;
/// What a malformed frame counts for, in frames.
const MALFORMED_COSTS: u32 = 10;
/// Messages kept while the verdict is awaited: a page may send its offer together with its hello.
pub const QUEUED_MAX: usize = 64;
/// And their bytes.
pub const QUEUED_BYTES_MAX: usize = 2 * FRAME_BYTES_MAX;

/// What happened to the socket.
#[derive(Debug)]
pub enum Input<'a> {
    /// A text frame.
    Text(&'a str),
    /// A binary frame.
    Binary(&'a [u8]),
    /// A ping of the browser's (answered by the WebSocket library).
    Ping,
    /// A pong.
    Pong,
    /// A frame over [`FRAME_BYTES_MAX`]; what it held was not read.
    TooLarge,
    /// A frame that breaks RFC 6455.
    Invalid,
    /// A text frame that is not UTF-8.
    NotUtf8,
    /// What became of [`Action::Authenticate`].
    Verdict(Verdict),
    /// The session has something to say.
    Frame(String),
    /// The session closes this socket: superseded, too slow, over.
    CloseBySession {
        /// Close code.
        code: u16,
        /// For the close frame; at most 123 bytes.
        reason: &'static str,
    },
    /// The session went away without a word.
    SessionGone,
    /// The server stops.
    Stopping,
    /// The browser closed the socket, or it broke.
    Gone,
    /// The deadline of [`Handshake::poll_timeout`] has come.
    Due,
}

/// What became of a `hello`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The session has this socket; frames will come.
    Admitted,
    /// The token is not good.
    BadToken,
    /// There is no such session for this caller.
    NotYours,
    /// Another page has taken the interview over, and has it.
    Superseded,
    /// The interview is over: the frame (`ended`) says how.
    Over(String),
    /// The interview lives in another process: the frame (`moved`) says where.
    Elsewhere(String),
    /// Not possible just so; the browser may come back.
    Unavailable,
}

/// What the driver owes.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Check this hello and answer with [`Input::Verdict`].
    Authenticate(Hello),
    /// Give this to the session.
    Deliver(ClientMessage),
    /// Write a text frame.
    Send(String),
    /// Write a ping.
    Ping,
    /// Write a close frame, then let the socket go.
    Close {
        /// Close code.
        code: u16,
        /// For the close frame.
        reason: &'static str,
    },
    /// Let the socket go without a word: nobody listens.
    Drop(Cause),
}

/// Why a socket was let go without a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The browser closed it or it broke.
    Gone,
    /// Two pongs are missing.
    Lost,
}

/// Why [`Handshake`] wants to be called again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// `hello` must have come.
    Hello,
    /// The verdict must have come.
    Verdict,
    /// The next ping.
    Ping,
}

/// Close codes.
pub mod close {
    /// The interview is over.
    pub const NORMAL: u16 = 1000;
    /// RFC 6455 was broken.
    pub const PROTOCOL: u16 = 1002;
    /// Text is not UTF-8.
    pub const NOT_UTF8: u16 = 1007;
    /// A frame is too large.
    pub const TOO_LARGE: u16 = 1009;
    /// Our own failure.
    pub const INTERNAL: u16 = 1011;
    /// The server stops; come back.
    pub const RESTART: u16 = 1012;
    /// Come back later.
    pub const TRY_LATER: u16 = 1013;
    /// No hello in time, or a bad token.
    pub const UNAUTHORIZED: u16 = 4401;
    /// Not this caller's session.
    pub const NOT_YOURS: u16 = 4404;
    /// Another socket has taken the session over.
    pub const SUPERSEDED: u16 = 4409;
    /// Too much was sent, or too little read.
    pub const TOO_MUCH: u16 = 4429;
}

/// See the module.
pub struct Handshake {
    /// The session in the address.
    session: Uuid,
    phase: Phase,
    actions: VecDeque<Action>,
    frames: Bucket,
    bytes: Bucket,
    next_ping: Instant,
    /// Pings since the last pong.
    unanswered: u8,
}

enum Phase {
    /// Nothing is known of the browser.
    Silent {
        until: Instant,
    },
    /// `hello` was said and is being checked.
    Checking {
        until: Instant,
        queued: Vec<ClientMessage>,
        queued_bytes: usize,
    },
    Admitted,
    Closed,
}

impl Handshake {
    /// A socket that was just upgraded. `session`: the id in its address.
    pub fn new(now: Instant, session: Uuid) -> Self {
        Self {
            session,
            phase: Phase::Silent {
                until: now + HELLO_WITHIN,
            },
            actions: VecDeque::new(),
            frames: Bucket::new(now, FRAMES_BURST, FRAMES_PER_S),
            bytes: Bucket::new(now, BYTES_BURST, BYTES_PER_S),
            next_ping: now + PING_EVERY,
            unanswered: 0,
        }
    }

    /// One thing happened. Drain [`Self::poll_action`] before the next call.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        if matches!(self.phase, Phase::Closed) {
            return;
        }
        match input {
            Input::Text(text) => {
                if self.has_room(now, text.len()) {
                    self.message(now, ClientMessage::parse(text), text.len());
                }
            }
            Input::Binary(bytes) => {
                if self.has_room(now, bytes.len()) {
                    let speech = Speech::parse(bytes).map(ClientMessage::Speech);
                    self.message(now, speech.map_err(Malformed::Speech), bytes.len());
                }
            }
            Input::Ping => {
                self.has_room(now, 0);
            }
            Input::Pong => {
                if self.has_room(now, 0) {
                    self.unanswered = 0;
                }
            }
            Input::TooLarge => self.close(close::TOO_LARGE, "frame over 256 KiB"),
            Input::Invalid => self.close(close::PROTOCOL, "not RFC 6455"),
            Input::NotUtf8 => self.close(close::NOT_UTF8, "text is not UTF-8"),
            Input::Verdict(verdict) => self.verdict(verdict),
            Input::Frame(frame) => {
                if matches!(self.phase, Phase::Admitted) {
                    self.actions.push_back(Action::Send(frame));
                }
            }
            Input::CloseBySession { code, reason } => self.close(code, reason),
            Input::SessionGone => self.close(close::INTERNAL, "session went away"),
            Input::Stopping => self.close(close::RESTART, "server stops"),
            Input::Gone => self.let_go(Action::Drop(Cause::Gone)),
            Input::Due => self.due(now),
        }
    }

    /// What is owed, in order; None: nothing more until the next input.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call again with [`Input::Due`], and for what.
    pub fn poll_timeout(&self) -> Option<(Instant, Deadline)> {
        let ping = (self.next_ping, Deadline::Ping);
        match &self.phase {
            Phase::Silent { until } => Some(ping.min_by_time((*until, Deadline::Hello))),
            Phase::Checking { until, .. } => Some(ping.min_by_time((*until, Deadline::Verdict))),
            Phase::Admitted => Some(ping),
            Phase::Closed => None,
        }
    }

    /// The session has this socket, or had it when it closed.
    pub fn is_admitted(&self) -> bool {
        matches!(self.phase, Phase::Admitted)
    }

    fn message(&mut self, now: Instant, message: Result<ClientMessage, Malformed>, bytes: usize) {
        if message.is_err() && !self.frames.take(now, MALFORMED_COSTS) {
            self.flood();
            return;
        }
        match &mut self.phase {
            Phase::Silent { .. } => match message {
                Ok(ClientMessage::Hello(hello)) => self.hello(now, hello),
                Ok(ClientMessage::Unknown) => {}
                Ok(_) | Err(_) => self.close(close::UNAUTHORIZED, "hello comes first"),
            },
            Phase::Checking {
                queued, queued_bytes, ..
            } => {
                let Some(message) = admissible(message) else { return };
                *queued_bytes += bytes;
                queued.push(message);
                if queued.len() > QUEUED_MAX || *queued_bytes > QUEUED_BYTES_MAX {
                    self.flood();
                }
            }
            Phase::Admitted => {
                if let Some(message) = admissible(message) {
                    self.actions.push_back(Action::Deliver(message));
                }
            }
            Phase::Closed => {}
        }
    }

    fn hello(&mut self, now: Instant, hello: Hello) {
        if hello.session_id.parse::<Uuid>().ok() != Some(self.session) {
            self.close(close::NOT_YOURS, "another session than the address");
            return;
        }
        self.phase = Phase::Checking {
            until: now + VERDICT_WITHIN,
            queued: Vec::new(),
            queued_bytes: 0,
        };
        self.actions.push_back(Action::Authenticate(hello));
    }

    fn verdict(&mut self, verdict: Verdict) {
        let Phase::Checking { queued, .. } = &mut self.phase else {
            return;
        };
        match verdict {
            Verdict::Admitted => {
                self.actions.extend(queued.drain(..).map(Action::Deliver));
                self.phase = Phase::Admitted;
            }
            Verdict::BadToken => self.close(close::UNAUTHORIZED, "token is not good"),
            Verdict::NotYours => self.close(close::NOT_YOURS, "no such session"),
            Verdict::Superseded => self.close(close::SUPERSEDED, "superseded"),
            Verdict::Over(frame) => {
                self.actions.push_back(Action::Send(frame));
                self.close(close::NORMAL, "interview is over");
            }
            Verdict::Elsewhere(frame) => {
                self.actions.push_back(Action::Send(frame));
                self.close(close::RESTART, "lives elsewhere");
            }
            Verdict::Unavailable => self.close(close::TRY_LATER, "try again later"),
        }
    }

    fn due(&mut self, now: Instant) {
        match &self.phase {
            // The page knows these words: they say nothing of its token.
            Phase::Silent { until } if *until <= now => return self.close(close::UNAUTHORIZED, "no hello in time"),
            Phase::Checking { until, .. } if *until <= now => return self.close(close::TRY_LATER, "try again later"),
            Phase::Silent { .. } | Phase::Checking { .. } | Phase::Admitted | Phase::Closed => {}
        }
        if self.next_ping > now {
            return;
        }
        if self.unanswered >= PONGS_MISSED_MAX {
            self.let_go(Action::Drop(Cause::Lost));
        } else {
            self.unanswered += 1;
            self.next_ping = now + PING_EVERY;
            self.actions.push_back(Action::Ping);
        }
    }

    /// Counts a frame; closes, and answers false, if it is too large or one too many.
    fn has_room(&mut self, now: Instant, bytes: usize) -> bool {
        if bytes > FRAME_BYTES_MAX {
            self.close(close::TOO_LARGE, "frame over 256 KiB");
            return false;
        }
        let room = self.frames.take(now, 1) && self.bytes.take(now, bytes as u32);
        if !room {
            self.flood();
        }
        room
    }

    fn flood(&mut self) {
        self.close(close::TOO_MUCH, "too much");
    }

    fn close(&mut self, code: u16, reason: &'static str) {
        self.let_go(Action::Close { code, reason });
    }

    fn let_go(&mut self, last: Action) {
        self.phase = Phase::Closed;
        self.actions.push_back(last);
    }
}

/// What a session may be told: not a second hello, and nothing that this version does not know.
fn admissible(message: Result<ClientMessage, Malformed>) -> Option<ClientMessage> {
    match message {
        Ok(ClientMessage::Unknown) => None,
        Ok(ClientMessage::Hello(_)) => Some(ClientMessage::Malformed(Malformed::HelloAgain)),
        Ok(message) => Some(message),
        Err(why) => Some(ClientMessage::Malformed(why)),
    }
}

trait MinByTime {
    fn min_by_time(self, other: Self) -> Self;
}
impl MinByTime for (Instant, Deadline) {
    fn min_by_time(self, other: Self) -> Self {
        if other.0 <= self.0 { other } else { self }
    }
}

#[cfg(test)]
mod tests;
