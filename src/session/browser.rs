//! The candidate's browser, as the session sees it: one socket at a time, and what it is told.
//!
//! Is: numbering and replay (`vivavoce_signaling::Outbox`), resume tokens, takeover by a second tab. Isn't: the handshake
//! of a socket (`api/ws.rs`) or a decision on what to say (`machine`).

use super::{
    Error,
    live::{Attach, Attached, Outgoing},
};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, error::TrySendError};
use vivavoce_signaling::{
    Outbox, ServerMessage,
    messages::{HeardUpTo, State},
    resume,
};

/// Frames that may wait for one socket. When it is full the socket is too slow and is closed: what mattered is told again
/// at its next hello.
const QUEUE: usize = 512;

/// A page that has lost its socket and is there has another by then: it tries every few s.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// Close code: another socket has taken over (SPEC.md).
const SUPERSEDED: u16 = 4409;
/// Close code: come back, here or where you were told (SPEC.md).
const RESTART: u16 = 1012;
/// Close code: too much was sent (SPEC.md).
const TOO_MUCH: u16 = 4429;
/// Close code: the session is over (RFC 6455, 7.4.1).
const NORMAL: u16 = 1000;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// On its way, or kept for whoever comes back.
    Kept,
    /// The socket's queue is full: it was let go.
    TooSlow,
    /// The socket's task has ended (a page reloads), and its `Detach` is on its way.
    Gone,
}

struct Socket {
    id: u64,
    outbound: mpsc::Sender<Outgoing>,
}

/// See the module.
pub(super) struct Browser {
    session: String,
    outbox: Outbox,
    keys: resume::Key,
    generations: resume::Generations,
    ice_servers: Value,
    socket: Option<Socket>,
    next_socket: u64,
    /// When the last of them went.
    gone_at: Option<Instant>,
}

impl Browser {
    /// Of a session that starts in this process. `wall_ms`: Unix time.
    pub(super) fn new(session: String, keys: resume::Key, ice_servers: Value, wall_ms: u64) -> Self {
        Self {
            session,
            outbox: Outbox::starting_at(wall_ms),
            keys,
            generations: resume::Generations::starting_at(wall_ms),
            ice_servers,
            socket: None,
            next_socket: 1,
            gone_at: None,
        }
    }

    /// A socket said a good hello: it is welcomed and told what it has not seen; the one before is superseded. Answers whether
    /// another was there.
    ///
    /// # Errors
    /// `Superseded`: another tab took over while the network of this page was away, and is there. A page comes back by itself then,
    /// and must not take from a person what they went on with; one that a person brings back shows no token. `Unavailable`: that tab
    /// has just lost its own socket, and comes first.
    pub(super) fn attach(
        &mut self,
        now: Instant,
        request: &Attach,
        state: State,
        heard_up_to: Option<Vec<HeardUpTo>>,
    ) -> Result<(Attached, bool), Error> {
        let shown = request
            .resume
            .as_deref()
            .and_then(|token| self.keys.check(&self.session, &request.sub, token));
        if shown.is_some_and(|generation| self.generations.is_passed_over(generation)) {
            if self.socket.is_some() {
                return Err(Error::Superseded);
            }
            let gone_for = self.gone_at.map(|at| now.saturating_duration_since(at));
            if gone_for.is_some_and(|ago| ago < BACK_WITHIN) {
                return Err(Error::Unavailable(
                    "another page of the interview may be back in a moment",
                ));
            }
        }
        let resumed = shown.is_some_and(|generation| self.generations.redeem(generation));
        let replaced = self.socket.take();
        if let Some(old) = &replaced {
            let _ = old.outbound.try_send(Outgoing::Close {
                code: SUPERSEDED,
                reason: "superseded",
            });
        }
        let (outbound, attached) = mpsc::channel(QUEUE);
        let id = self.next_socket;
        self.next_socket += 1;
        let welcome = ServerMessage::Welcome {
            session_id: self.session.clone(),
            resume: self
                .keys
                .issue(&self.session, &request.sub, self.generations.welcome(shown)),
            ice_servers: self.ice_servers.clone(),
            resumed,
            state,
            heard_up_to,
        };
        for numbered in self.outbox.greet(welcome, request.last_seq.filter(|_| resumed)) {
            // CAPTIONS_MAX and the other bounds of the outbox stay below QUEUE
            let _ = outbound.try_send(Outgoing::Frame(numbered.frame));
        }
        self.socket = Some(Socket { id, outbound });
        let attached = Attached {
            socket: id,
            resumed,
            outbound: attached,
        };
        Ok((attached, replaced.is_some()))
    }

    /// That socket is gone. Answers whether it was the one that counts.
    pub(super) fn detach(&mut self, now: Instant, socket: u64) -> bool {
        if socket + 1 == self.next_socket {
            self.gone_at = Some(now);
        }
        self.socket.take_if(|current| current.id == socket).is_some()
    }

    /// Whether messages of this socket count.
    pub(super) fn is_current(&self, socket: u64) -> bool {
        self.socket.as_ref().is_some_and(|current| current.id == socket)
    }

    /// Says it, and keeps it for a browser that comes back.
    pub(super) fn say(&mut self, message: ServerMessage) -> Said {
        let numbered = self.outbox.push(message);
        let Some(socket) = &self.socket else {
            return Said::Kept;
        };
        let said = match socket.outbound.try_send(Outgoing::Frame(numbered.frame)) {
            Ok(()) => return Said::Kept,
            Err(TrySendError::Full(_)) => Said::TooSlow,
            Err(TrySendError::Closed(_)) => Said::Gone,
        };
        // no room even for a close frame: dropping the queue's sender ends the socket
        self.socket = None;
        said
    }

    /// There is a socket.
    pub(super) fn is_attached(&self) -> bool {
        self.socket.is_some()
    }

    /// The session goes on elsewhere, or later: the socket is to come back.
    pub(super) fn send_back(&mut self) {
        if let Some(socket) = self.socket.take() {
            let _ = socket.outbound.try_send(Outgoing::Close {
                code: RESTART,
                reason: "the interview goes on",
            });
        }
    }

    /// The socket has sent too much and is let go; it may come back. Answers whether there was one.
    pub(super) fn let_go(&mut self) -> bool {
        let Some(socket) = self.socket.take() else { return false };
        let _ = socket.outbound.try_send(Outgoing::Close {
            code: TOO_MUCH,
            reason: "too much",
        });
        true
    }

    /// Nothing more will be said.
    pub(super) fn close(&mut self) {
        if let Some(socket) = self.socket.take() {
            let _ = socket.outbound.try_send(Outgoing::Close {
                code: NORMAL,
                reason: "ended",
            });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::clock;
    use serde_json::json;
    use vivavoce_signaling::messages::{LegWord, SessionWord};

    fn state() -> State {
        State {
            session: SessionWord::Live,
            candidate: LegWord::Up,
            ai: LegWord::Up,
            speaking: None,
            ends_at: None,
        }
    }

    fn notice(code: &str) -> ServerMessage {
        ServerMessage::Notice {
            code: code.into(),
            text: String::new(),
        }
    }

    fn browser() -> Browser {
        Browser::new("s".into(), resume::Key::new([b"a secret".as_slice()]), json!([]), 1_000)
    }

    fn try_to_come(
        browser: &mut Browser,
        resume: Option<String>,
        last_seq: Option<u64>,
    ) -> Result<(Attached, bool), Error> {
        let request = Attach {
            sub: "me".into(),
            resume,
            last_seq,
            keeps: false,
        };
        browser.attach(clock::monotonic(), &request, state(), None)
    }

    fn detach(browser: &mut Browser, attached: &Attached) -> bool {
        browser.detach(clock::monotonic(), attached.socket)
    }

    fn come(browser: &mut Browser, resume: Option<String>, last_seq: Option<u64>) -> (Attached, bool) {
        try_to_come(browser, resume, last_seq).unwrap()
    }

    fn token(attached: &mut Attached) -> Option<String> {
        drain(attached)[0]["resume"].as_str().map(str::to_owned)
    }

    /// What has come so far: frames as JSON, a close as its code.
    fn drain(attached: &mut Attached) -> Vec<Value> {
        std::iter::from_fn(|| attached.outbound.try_recv().ok())
            .map(|out| match out {
                Outgoing::Frame(text) => serde_json::from_str(&text).unwrap(),
                Outgoing::Close { code, .. } => json!(code),
            })
            .collect()
    }

    #[test]
    fn one_who_comes_back_is_told_what_was_missed_under_rising_numbers() {
        let mut browser = browser();
        let (mut first, replaced) = come(&mut browser, None, None);
        assert!(!replaced);
        browser.say(notice("a"));
        let seen = drain(&mut first);
        assert_eq!(
            seen.iter()
                .map(|frame| frame["type"].as_str().unwrap())
                .collect::<Vec<_>>(),
            ["welcome", "notice"]
        );
        assert_eq!(seen[0]["resumed"], false);
        assert!(detach(&mut browser, &first));
        browser.say(notice("b"));
        let resume = seen[0]["resume"].as_str().unwrap().to_owned();
        let (mut second, _) = come(&mut browser, Some(resume), seen[1]["seq"].as_u64());
        let again = drain(&mut second);
        assert_eq!(
            (&again[0]["type"], &again[0]["resumed"]),
            (&json!("welcome"), &json!(true))
        );
        assert_eq!(
            again
                .iter()
                .skip(1)
                .map(|frame| frame["code"].as_str().unwrap())
                .collect::<Vec<_>>(),
            ["b"]
        );
        let numbers: Vec<u64> = seen
            .iter()
            .chain(&again)
            .map(|frame| frame["seq"].as_u64().unwrap())
            .collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    }

    #[test]
    fn a_second_tab_takes_over_and_the_first_is_told() {
        let mut browser = browser();
        let (mut first, _) = come(&mut browser, None, None);
        let (second, replaced) = come(&mut browser, None, None);
        assert!(replaced);
        assert_eq!(drain(&mut first).last(), Some(&json!(SUPERSEDED)));
        assert!(browser.is_current(second.socket) && !browser.is_current(first.socket));
        assert!(!detach(&mut browser, &first), "what the first does no longer counts");
    }

    #[test]
    fn a_page_that_was_away_does_not_take_back_by_itself_what_went_on_in_another() {
        let mut browser = browser();
        let (mut first, _) = come(&mut browser, None, None);
        let kept = token(&mut first);
        assert!(detach(&mut browser, &first));
        let (mut second, _) = come(&mut browser, None, None);
        let refused = try_to_come(&mut browser, kept.clone(), None).map(|_| ());
        assert_eq!(refused, Err(Error::Superseded));
        assert!(browser.is_current(second.socket), "the second does not notice");
        // the second itself comes and goes, on a socket that is not known to be lost
        let own = token(&mut second);
        let (again, replaced) = come(&mut browser, own.clone(), None);
        assert!(again.resumed && replaced);
        let (again, _) = come(&mut browser, own, None);
        // it comes first where it has only lost its socket; once nobody else is there, the first may
        assert!(detach(&mut browser, &again));
        let refused = try_to_come(&mut browser, kept.clone(), None).map(|_| ());
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
        browser.gone_at = browser.gone_at.map(|at| at.checked_sub(BACK_WITHIN).unwrap());
        let (first, _) = come(&mut browser, kept, None);
        assert!(browser.is_current(first.socket));
    }

    #[test]
    fn a_forged_resume_is_a_new_page() {
        let mut browser = browser();
        let (mut attached, _) = come(&mut browser, Some("forged".into()), Some(u64::MAX));
        assert_eq!(drain(&mut attached)[0]["resumed"], false);
    }

    #[test]
    fn a_socket_that_does_not_read_is_let_go_and_nothing_is_awaited() {
        let mut browser = browser();
        let (_unread, _) = come(&mut browser, None, None);
        let says: Vec<Said> = (0..=QUEUE).map(|n| browser.say(notice(&n.to_string()))).collect();
        let slow: Vec<usize> = (0..says.len()).filter(|n| says[*n] == Said::TooSlow).collect();
        assert_eq!(
            slow,
            [QUEUE - 1],
            "the welcome took one place; told once, then nobody is there"
        );
        assert_eq!(browser.say(notice("later")), Said::Kept, "nothing to lose");
    }

    #[test]
    fn a_socket_that_went_away_is_not_called_slow() {
        let mut browser = browser();
        let (gone, _) = come(&mut browser, None, None);
        let socket = gone.socket;
        drop(gone);
        assert_eq!(browser.say(notice("a")), Said::Gone);
        assert_eq!(browser.say(notice("b")), Said::Kept);
        assert!(
            !browser.detach(clock::monotonic(), socket),
            "its detach, which comes late, says nothing new"
        );
    }
}
