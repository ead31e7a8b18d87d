//! The way to a shard's thread: a bounded queue, and what wakes the thread that reads it.

use super::poller::Waker;
use crate::handle::Command;
use std::io;
use tokio::sync::mpsc;

/// Commands that may wait for the thread.
const COMMANDS: usize = 4096;

/// One end for each handle, the other for the thread, which has to take [`Waker`] into its sleep.
pub(super) fn channel() -> io::Result<(Commands, mpsc::Receiver<Command>)> {
    let waker = Waker::new()?;
    let (queue, taken) = mpsc::channel(COMMANDS);
    Ok((Commands { queue, waker }, taken))
}

/// Sends commands to a shard's thread; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Commands {
    queue: mpsc::Sender<Command>,
    waker: Waker,
}

/// The thread has ended, or (of [`Commands::try_send`] alone) its queue is full.
#[derive(Debug)]
pub(crate) struct Refused;

impl Commands {
    /// Waits for room.
    pub(crate) async fn send(&self, command: Command) -> Result<(), Refused> {
        let sent = self.queue.send(command).await.map_err(|_| Refused);
        self.waker.wake();
        sent
    }

    /// Never waits.
    pub(crate) fn try_send(&self, command: Command) -> Result<(), Refused> {
        let sent = self.queue.try_send(command).map_err(|_| Refused);
        self.waker.wake();
        sent
    }

    /// Never waits, and does not fail where the queue is full: a thread of its own waits then. For what is rare and must arrive.
    pub(super) fn insist(&self, command: Command) {
        if let Err(mpsc::error::TrySendError::Full(command)) = self.queue.try_send(command) {
            let this = self.clone();
            std::thread::spawn(move || {
                let _ = this.queue.blocking_send(command);
                this.waker.wake();
            });
        }
        self.waker.wake();
    }

    /// Whether the thread has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    pub(super) fn waker(&self) -> Waker {
        self.waker.clone()
    }
}
