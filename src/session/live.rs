//! The handle of a live session: what its callers (HTTP, WHIP, the socket) may ask of it.
//!
//! Is: one bounded queue to the session's task, and its answers. Isn't: the task (`supervisor.rs`).

use super::Error;
use crate::{
    ids::{EntryId, InvitationId, SessionId, TenantId},
    store::{EndReason, Fence, Speaker},
};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;
use vivavoce_signaling::ClientMessage;

/// Commands that may wait for the task. A full queue refuses: the caller is told `Unavailable`, a socket's message is
/// dropped (its browser floods, or the task is stuck; both are seen in the metrics).
pub(super) const QUEUE: usize = 1024;

/// How long a caller waits for the session's answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A browser's socket wants in.
#[derive(Debug)]
pub struct Attach {
    /// Whose token it showed.
    pub sub: String,
    /// The resume token of its last `welcome`, if it has one.
    pub resume: Option<String>,
    /// The last `seq` that it saw.
    pub last_seq: Option<u64>,
    /// It keeps the candidate's speech until that is acknowledged.
    pub keeps: bool,
}

/// It is in.
#[derive(Debug)]
pub struct Attached {
    /// Names the socket in [`Live::deliver`] and [`Live::detach`].
    pub socket: u64,
    /// It goes on where another left off, in this process or another.
    pub resumed: bool,
    /// What to send to it, `welcome` first. Ends with the session, or when another socket takes over.
    pub outbound: mpsc::Receiver<Outgoing>,
}

/// One thing for a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// A text frame.
    Frame(String),
    /// Close it.
    Close {
        /// A close code of SPEC.md.
        code: u16,
        /// For the log of the browser.
        reason: &'static str,
    },
}

/// How a live session stands, in the words of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// `waiting`, `connecting`, `live`, `ending`, `completed`, `failed`.
    pub session: &'static str,
    /// `none`, `connecting`, `up`, `lost`, `gone`.
    pub candidate: &'static str,
    /// The same.
    pub ai: &'static str,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            session: "waiting",
            candidate: "none",
            ai: "none",
        }
    }
}

/// What the task is asked.
pub(super) enum Command {
    Offer {
        sdp: String,
        reply: oneshot::Sender<Result<String, Error>>,
    },
    Whip {
        resource: Uuid,
        step: WhipStep,
        reply: oneshot::Sender<Result<String, Error>>,
    },
    Attach {
        request: Attach,
        reply: oneshot::Sender<Result<Attached, Error>>,
    },
    Deliver {
        socket: u64,
        message: ClientMessage,
    },
    Detach {
        socket: u64,
    },
    End {
        reason: EndReason,
        recording_url: Option<String>,
        reply: oneshot::Sender<()>,
    },
    /// The session is to leave at a pause: its browser for another process at that address, or where there is none, for
    /// whoever comes after this one.
    MoveTo(Option<String>),
    /// The session leaves this process.
    LetGo(LetGo),
    /// The machine's clock was set: it is noted at once, by how much, however still it is.
    ClockSet,
    Find {
        speaker: Speaker,
        text: String,
        reply: oneshot::Sender<Option<EntryId>>,
    },
}

/// What a WHIP resource does with its leg. All but the offer are refused (`NotFound`) once another offer has taken the leg.
#[derive(Debug)]
pub enum WhipStep {
    /// A POST: the leg is this resource's from here on.
    Offer(String),
    /// A PATCH that restarts ICE.
    Restart(String),
    /// A PATCH that trickles; `None` at the end of candidates. The answer is empty.
    Trickle(Vec<Option<String>>),
    /// A DELETE: the leg goes, the interview waits for the candidate. The answer is empty.
    Leave,
}

/// How an unfinished session leaves this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LetGo {
    /// In good order: what was said is stored first, whoever comes next finds it.
    Given,
    /// Another process has taken it: nothing more is written.
    Taken,
}

/// A session that lives in this process. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    pub(super) tenant: TenantId,
    pub(super) id: SessionId,
    pub(super) invitation: InvitationId,
    /// Under which it is held here.
    pub(super) fence: Fence,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) snapshot: watch::Receiver<Snapshot>,
}

impl Live {
    /// Which session.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Whose.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// By which invitation.
    pub fn invitation(&self) -> InvitationId {
        self.invitation
    }

    /// Answers the candidate's offer; the same offer again gives the same answer.
    ///
    /// # Errors
    /// `BadSdp`; `Ended` once the session is over; `Unavailable` where it does not answer in 10 s.
    pub async fn offer(&self, sdp: String) -> Result<String, Error> {
        self.ask(|reply| Command::Offer { sdp, reply }).await?
    }

    /// A WHIP resource's step. Answers the SDP, where it was an offer.
    ///
    /// # Errors
    /// As [`Live::offer`]; `NotFound` where the leg is another's by now.
    pub async fn whip(&self, resource: Uuid, step: WhipStep) -> Result<String, Error> {
        self.ask(|reply| Command::Whip { resource, step, reply }).await?
    }

    /// A socket said a good hello. One that was attached before is superseded.
    ///
    /// # Errors
    /// `Ended` is not one of them: a session that is over tells so by `ended`; `Unavailable` where it does not answer;
    /// `Superseded` where another page has taken over while this one was away.
    pub async fn attach(&self, request: Attach) -> Result<Attached, Error> {
        self.ask(|reply| Command::Attach { request, reply }).await?
    }

    /// A message of that socket's. Those of a superseded socket are dropped.
    pub fn deliver(&self, socket: u64, message: ClientMessage) {
        self.tell(Command::Deliver { socket, message });
    }

    /// That socket is gone. Media goes on.
    pub fn detach(&self, socket: u64) {
        self.tell(Command::Detach { socket });
    }

    /// Ends the interview now; answers once the record is whole, its last words included, and is on its way to the store.
    ///
    /// # Errors
    /// `Unavailable` where it does not answer in 10 s.
    pub async fn end(&self, reason: EndReason, recording_url: Option<String>) -> Result<(), Error> {
        match self
            .ask(|reply| Command::End {
                reason,
                recording_url,
                reply,
            })
            .await
        {
            Ok(()) | Err(Error::Ended) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// The tapped or still growing entry of this speaker within whose words `text` lies: what a browser's report is held
    /// against. Tells nothing of conversations before this process: the store does.
    pub async fn find_tapped(&self, speaker: Speaker, text: String) -> Option<EntryId> {
        self.ask(|reply| Command::Find { speaker, text, reply })
            .await
            .ok()
            .flatten()
    }

    /// Its browser is told, at the next pause, to go to the process at `url`. Without one, or without a browser that is there
    /// to be told, the session leaves this process at that pause.
    pub(super) fn move_to(&self, url: Option<String>) {
        self.tell(Command::MoveTo(url));
    }

    /// It leaves this process.
    pub(super) fn let_go(&self, how: LetGo) {
        self.tell(Command::LetGo(how));
    }

    /// The machine's clock was set.
    pub(super) fn clock_set(&self) {
        self.tell(Command::ClockSet);
    }

    /// Resolves once it has left this process.
    pub(super) async fn gone(&self) {
        self.commands.closed().await;
    }

    /// How it stands.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.borrow().clone()
    }

    /// Changes of how it stands; ends with the session's task.
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.clone()
    }

    fn tell(&self, command: Command) {
        if self.commands.try_send(command).is_err() {
            tracing::debug!(session.id = %self.id, "the session is over, or its queue is full: a message was dropped");
        }
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.commands.send(command(reply)).await.map_err(|_| Error::Ended)?;
            answer.await.map_err(|_| Error::Ended)
        };
        tokio::time::timeout(ANSWER_MAX, asked)
            .await
            .unwrap_or(Err(Error::Unavailable("the session does not answer")))
    }
}
