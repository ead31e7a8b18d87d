//! The AI leg's fallback transport, as far as it is sound: the candidate's speech as PCM, and the AI's PCM played in real time.
//!
//! Is: what OpenAI's WebSocket wants and gives, 24 kHz mono 16-bit, between the call's packets and whoever owns the socket.
//! Isn't: a socket, JSON or base64; those are `src/realtime`'s. Opus is decoded and encoded here, beside the packet path, on the
//! ordinary runtime. `listen` and `play_out` decide, this file carries.
//! **Law:** what the far end is told was played has been sent to the candidate, to the 20 ms frame.

mod listen;
mod play_out;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

use crate::opus::{Encoder, Error, duration};
use listen::Listen;
use play_out::PlayOut;

/// An Opus packet of the candidate's.
#[derive(Clone, Debug)]
pub(crate) struct Speech {
    pub seq: u16,
    /// 48 kHz ticks.
    pub timestamp: u32,
    pub payload: Bytes,
}

/// An Opus packet for the candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// One higher with each frame.
    pub seq: u16,
    /// 48 kHz ticks since the first frame. Pauses show as gaps.
    pub ts: u32,
    pub payload: Bytes,
}

/// The candidate's speech as 24 kHz mono PCM.
#[derive(Debug)]
pub struct PcmIn {
    speech: mpsc::Receiver<Speech>,
    listen: Listen,
    ready: VecDeque<Vec<i16>>,
    ended: bool,
}

/// Plays the AI's speech to the candidate in real time. Clones play to the same ear; the transport ends with the last.
#[derive(Clone, Debug)]
pub struct PcmOut {
    shared: Arc<Shared>,
    _alive: Arc<oneshot::Sender<()>>,
}

/// What was cut off where, when play-out was cleared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Played {
    /// The item that was being played; `None` when nothing was.
    pub item: Option<String>,
    /// How much of it was played.
    pub played: Duration,
    /// Items queued behind it, of which nothing was played.
    pub unheard: Vec<String>,
}

#[derive(Debug)]
struct Shared {
    /// Held for moments, by the owner and by the play-out task alone; never while Opus encodes.
    play_out: Mutex<PlayOut>,
    /// The play-out task has to look again.
    wake: Notify,
    drained: watch::Sender<bool>,
}

/// Joins a call's packets to PCM. `speech` is the candidate's; each frame of the AI's goes to `play` from a task of the current
/// runtime, every 20 ms while there is sound, until the last [`PcmOut`] is dropped.
pub(crate) fn bridge(
    speech: mpsc::Receiver<Speech>,
    play: impl Fn(Frame) + Send + 'static,
) -> Result<(PcmIn, PcmOut), Error> {
    let (alive, over) = oneshot::channel();
    let shared = Arc::new(Shared {
        play_out: Mutex::default(),
        wake: Notify::new(),
        drained: watch::Sender::new(true),
    });
    tokio::spawn(run(shared.clone(), Encoder::new()?, play, over));
    let pcm_in = PcmIn {
        speech,
        listen: Listen::new()?,
        ready: VecDeque::new(),
        ended: false,
    };
    Ok((
        pcm_in,
        PcmOut {
            shared,
            _alive: Arc::new(alive),
        },
    ))
}

impl PcmIn {
    /// The next of the candidate's sound, some 20 ms; `None` once the call's side is closed. Order is restored and loss concealed;
    /// a packet that is missing delays what follows by 60 ms at most. Cancel safe.
    pub async fn next(&mut self) -> Option<Vec<i16>> {
        loop {
            if let Some(pcm) = self.ready.pop_front() {
                return Some(pcm);
            }
            if self.ended {
                return None;
            }
            let due = self.listen.poll_timeout();
            let mut out = vec![];
            tokio::select! {
                speech = self.speech.recv() => if let Some(speech) = speech {
                    self.listen.hear(Instant::now().into_std(), speech, &mut out);
                } else {
                    self.ended = true;
                    self.listen.give_up(&mut out); // nothing can fill a gap any more
                },
                () = sleep_until(due.map_or_else(Instant::now, Instant::from_std)), if due.is_some() => {
                    self.listen.due(Instant::now().into_std(), &mut out);
                }
            }
            if !out.is_empty() {
                self.ready.push_back(out);
            }
        }
    }

    /// Milliseconds of speech that were lost on the way and guessed or recovered.
    pub fn concealed_ms(&self) -> u64 {
        self.listen.counts().concealed_ms
    }
}

impl PcmOut {
    /// Queues 24 kHz mono PCM of an item; it may come faster than real time. Returns how much was refused: ten minutes may wait,
    /// and an item that was cleared is not heard again.
    pub fn play(&self, item: &str, pcm: &[i16]) -> Duration {
        let refused = self.lock().play(Instant::now().into_std(), item, pcm);
        if refused < pcm.len() {
            self.shared.drained.send_replace(false);
            self.shared.wake.notify_one();
        }
        duration(refused as u64)
    }

    /// Says that all of an item has been queued, so that its last frame need not wait for more. Without it the end comes some
    /// 40 ms later, and the item counts as being played until another is.
    pub fn finish(&self, item: &str) {
        self.lock().finish(item);
    }

    /// Drops what is queued; says what was cut off, and where. The candidate hears silence from the next frame on.
    pub fn clear(&self) -> Played {
        let cleared = self.lock().clear();
        self.shared.wake.notify_one();
        Played {
            item: cleared.item.as_deref().map(Into::into),
            played: duration(cleared.samples),
            unheard: cleared.unheard.iter().map(|item| item.as_ref().into()).collect(),
        }
    }

    /// How much of an item has been played. The last 64 items are remembered.
    pub fn played(&self, item: &str) -> Duration {
        duration(self.lock().played(item))
    }

    /// How much waits to be played.
    pub fn waiting(&self) -> Duration {
        self.lock().waiting()
    }

    /// Samples refused so far, see [`PcmOut::play`].
    pub fn refused(&self) -> u64 {
        self.lock().refused()
    }

    /// Waits until everything queued has been played to its end, or cleared. Cancel safe.
    pub async fn drained(&self) {
        // An error means that the sender is gone, which `self` holds.
        let _ = self.shared.drained.subscribe().wait_for(|drained| *drained).await;
    }

    fn lock(&self) -> MutexGuard<'_, PlayOut> {
        self.shared.lock()
    }
}

impl Shared {
    /// A panic elsewhere while it was held leaves the queue usable: at worst a chunk is half counted.
    fn lock(&self) -> MutexGuard<'_, PlayOut> {
        self.play_out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Plays until the last [`PcmOut`] is dropped.
async fn run(shared: Arc<Shared>, mut encoder: Encoder, play: impl Fn(Frame), mut over: oneshot::Receiver<()>) {
    let mut seq: u16 = 0;
    loop {
        let now = Instant::now().into_std();
        loop {
            let due = shared.lock().poll(now);
            let Some(due) = due else { break };
            match encoder.encode(&due.pcm) {
                Ok(packet) => {
                    play(Frame {
                        seq,
                        ts: due.ts,
                        payload: Bytes::copy_from_slice(packet),
                    });
                    seq = seq.wrapping_add(1);
                }
                Err(error) => tracing::warn!(%error, "a frame could not be encoded"),
            }
        }
        let (timeout, drained) = {
            let play_out = shared.lock();
            let drained = play_out.is_drained(now);
            // Under the lock, so that a `play` that comes between cannot be taken for drained.
            shared
                .drained
                .send_if_modified(|was| std::mem::replace(was, drained) != drained);
            (play_out.poll_timeout(), drained)
        };
        tracing::trace!(drained, ?timeout, "play-out");
        tokio::select! {
            _ = &mut over => return,
            () = shared.wake.notified() => {}
            () = sleep_until(timeout.map_or_else(Instant::now, Instant::from_std)), if timeout.is_some() => {}
        }
    }
}

#[cfg(test)]
mod tests;
