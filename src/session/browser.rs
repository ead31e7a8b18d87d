//! The candidate's browser, as the session sees it: one socket at a time, and what it is told.
//!
//! Is: numbering and replay (`vivavoce_signaling::Outbox`), resume tokens, takeover by a second tab. Isn't: the handshake
//! of a socket (`api/ws.rs`) or a decision on what to say (`machine`).

use super::live::{Attach, Attached, Outgoing};
use serde_json::Value;
use tokio::sync::mpsc;
use vivavoce_signaling::{Outbox, ServerMessage, messages::State, resume};

/// Frames that may wait for one socket. When it is full the socket is too slow and is closed: what mattered is told again
/// at its next hello.
const QUEUE: usize = 512;

/// Close code: another socket has taken over (SPEC.md).
const SUPERSEDED: u16 = 4409;
/// Close code: too much, here for the socket to take.
const TOO_MUCH: u16 = 4429;
/// Close code: the session is over (RFC 6455, 7.4.1).
const NORMAL: u16 = 1000;

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
        }
    }

    /// A socket said a good hello: it is welcomed and told what it has not seen; the one before is superseded.
    /// Answers whether another was there.
    pub(super) fn attach(&mut self, request: &Attach, state: State) -> (Attached, bool) {
        let shown = request
            .resume
            .as_deref()
            .and_then(|token| self.keys.check(&self.session, &request.sub, token));
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
            resume: self.keys.issue(&self.session, &request.sub, self.generations.fresh()),
            ice_servers: self.ice_servers.clone(),
            resumed,
            state,
            heard_up_to: None,
        };
        for numbered in self.outbox.greet(welcome, request.last_seq.filter(|_| resumed)) {
            // CAPTIONS_MAX and the other bounds of the outbox stay below QUEUE
            let _ = outbound.try_send(Outgoing::Frame(numbered.frame));
        }
        self.socket = Some(Socket { id, outbound });
        (
            Attached {
                socket: id,
                outbound: attached,
            },
            replaced.is_some(),
        )
    }

    /// That socket is gone. Answers whether it was the one that counts.
    pub(super) fn detach(&mut self, socket: u64) -> bool {
        self.socket.take_if(|current| current.id == socket).is_some()
    }

    /// Whether messages of this socket count.
    pub(super) fn is_current(&self, socket: u64) -> bool {
        self.socket.as_ref().is_some_and(|current| current.id == socket)
    }

    /// Says it, and keeps it for a browser that comes back. Answers false if the socket had to be dropped for it.
    pub(super) fn say(&mut self, message: ServerMessage) -> bool {
        let numbered = self.outbox.push(message);
        let Some(socket) = &self.socket else { return true };
        if socket.outbound.try_send(Outgoing::Frame(numbered.frame)).is_ok() {
            return true;
        }
        // no room even for a close frame: dropping the queue's sender ends the socket
        let _ = socket.outbound.try_send(Outgoing::Close {
            code: TOO_MUCH,
            reason: "too slow",
        });
        self.socket = None;
        false
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
