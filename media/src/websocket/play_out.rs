//! The play-out clock: the AI's PCM comes faster than real time and leaves in 20 ms frames as time passes.
//!
//! Is: what plays when, and how much of which item has been played, since a truncation must name it to the frame. Isn't: Opus,
//! a clock or a task (`websocket.rs` drives it).
//! **Bound:** ten minutes of sound. What does not fit is refused and counted: dropping what is queued would tear a hole into
//! what is about to be heard. **Laws:** an item that was cleared is not heard again, however late its sound comes; what counts
//! as played has left as a frame.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::opus::{FRAME, RATE, duration};

/// Length of a frame.
pub(super) const STEP: Duration = Duration::from_millis(20);
/// Samples that may wait: ten minutes, 29 MB.
pub(super) const SAMPLES_MAX: usize = 600 * RATE as usize;
/// A rest shorter than a frame waits this long for more before it is filled up with silence.
const REST_WAIT: Duration = Duration::from_millis(40);
/// Silence sent after the last sound: it ends what the far end's decoder would otherwise spin out.
const TAIL: u32 = 10;
/// A driver that comes later than this does not catch up in a burst. Within it the sound has no hole: the far end buffers it.
const LATE_MAX: Duration = Duration::from_secs(1);
/// Items whose played length is remembered, and cleared ones that are refused.
const ITEMS_MAX: usize = 64;

/// 20 ms that are due.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// 48 kHz ticks since the first frame, by the clock: pauses show as gaps.
    pub ts: u32,
    pub pcm: [i16; FRAME],
}

/// See [`super::Played`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cleared {
    pub item: Option<Arc<str>>,
    pub samples: u64,
    pub unheard: Vec<Arc<str>>,
}

#[derive(Debug, Default)]
pub(super) struct PlayOut {
    queue: VecDeque<Chunk>,
    waiting: usize,
    /// When the next frame is due, while there is something to play, or a tail.
    due: Option<Instant>,
    first: Option<Instant>,
    pushed: Option<Instant>,
    tail: u32,
    /// The item that the last frame was of, until it is finished and played.
    current: Option<Arc<str>>,
    items: VecDeque<Item>,
    refused: u64,
}

#[derive(Debug)]
struct Chunk {
    item: Arc<str>,
    pcm: Box<[i16]>,
    at: usize,
}

#[derive(Debug)]
struct Item {
    name: Arc<str>,
    played: u64,
    finished: bool,
    cleared: bool,
}

impl PlayOut {
    /// Queues sound of an item. Returns the samples that were refused, because the queue is full or the item was cleared.
    pub(super) fn play(&mut self, now: Instant, item: &str, pcm: &[i16]) -> usize {
        let entry = self.item(item);
        let name = entry.name.clone();
        let room = if entry.cleared { 0 } else { SAMPLES_MAX - self.waiting };
        let (taken, refused) = pcm.split_at(pcm.len().min(room));
        self.refused += refused.len() as u64;
        if !taken.is_empty() {
            self.waiting += taken.len();
            self.pushed = Some(now);
            self.queue.push_back(Chunk {
                item: name,
                pcm: taken.into(),
                at: 0,
            });
            // From rest, at once; else the clock goes on as it goes.
            self.due.get_or_insert(now);
            self.first.get_or_insert(now);
        }
        refused.len()
    }

    /// No more sound of this item will come: its rest need not wait.
    pub(super) fn finish(&mut self, item: &str) {
        self.item(item).finished = true;
        self.let_go();
    }

    /// The frame that is due, if any. Drain until `None`, then see [`PlayOut::poll_timeout`].
    pub(super) fn poll(&mut self, now: Instant) -> Option<Due> {
        let mut due = self.due.filter(|due| *due <= now)?;
        if now - due > LATE_MAX {
            due = now;
        }
        let mut pcm = [0; FRAME];
        if self.waiting >= FRAME || self.waiting > 0 && self.rest_is_due(now) {
            self.take(&mut pcm);
            self.tail = TAIL;
        } else if self.waiting > 0 {
            // The clock stands still while a rest waits for more, so that a late delta costs its delay and no hole of its own.
            self.due = Some(due.max(now) + STEP / 4);
            return None;
        } else if self.tail > 0 {
            self.tail -= 1;
        } else {
            self.due = None;
            return None;
        }
        self.due = Some(due + STEP);
        let since = due.saturating_duration_since(self.first.unwrap_or(due));
        Some(Due {
            ts: (since.as_micros() * 48 / 1000) as u32,
            pcm,
        })
    }

    /// When to call [`PlayOut::poll`] again; `None` at rest.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Drops all that waits, and says what was cut off where.
    pub(super) fn clear(&mut self) -> Cleared {
        let mut names: Vec<Arc<str>> = self.current.take().into_iter().collect();
        for chunk in self.queue.drain(..) {
            if !names.contains(&chunk.item) {
                names.push(chunk.item);
            }
        }
        self.waiting = 0;
        let mut names = names.into_iter();
        let item = names.next();
        let unheard: Vec<_> = names.collect();
        for name in item.iter().chain(&unheard) {
            self.item(name).cleared = true;
        }
        let samples = item.as_ref().map_or(0, |item| self.played(item));
        Cleared { item, samples, unheard }
    }

    /// Samples of an item that have left.
    pub(super) fn played(&self, item: &str) -> u64 {
        self.items
            .iter()
            .find(|known| &*known.name == item)
            .map_or(0, |known| known.played)
    }

    /// Whether all that was queued has been played to the end of its last frame. The tail does not count.
    pub(super) fn is_drained(&self, now: Instant) -> bool {
        self.waiting == 0 && (self.tail < TAIL || self.due.is_none_or(|due| due <= now))
    }

    /// Sound that waits.
    pub(super) fn waiting(&self) -> Duration {
        duration(self.waiting as u64)
    }

    /// Samples refused so far.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    fn rest_is_due(&self, now: Instant) -> bool {
        let waited = self
            .pushed
            .is_none_or(|pushed| now.saturating_duration_since(pushed) >= REST_WAIT);
        let last = self.queue.back().map(|chunk| &*chunk.item);
        waited || self.items.iter().any(|item| item.finished && Some(&*item.name) == last)
    }

    /// Fills a frame from the queue's front, over as many items as it takes.
    fn take(&mut self, frame: &mut [i16; FRAME]) {
        let mut free = &mut frame[..];
        while let Some(chunk) = self.queue.front_mut()
            && !free.is_empty()
        {
            let rest = chunk.pcm.get(chunk.at..).unwrap_or_default();
            let count = rest.len().min(free.len());
            let (now, later) = free.split_at_mut(count);
            now.copy_from_slice(rest.get(..count).unwrap_or_default());
            free = later;
            chunk.at += count;
            self.waiting -= count;
            let (name, done) = (chunk.item.clone(), chunk.at == chunk.pcm.len());
            if done {
                self.queue.pop_front();
            }
            self.item(&name).played += count as u64;
            self.current = Some(name);
        }
        self.let_go();
    }

    /// A current item that is finished and played is current no more.
    fn let_go(&mut self) {
        let Some(current) = &self.current else { return };
        let over = self.items.iter().any(|item| item.finished && item.name == *current);
        if over && self.queue.iter().all(|chunk| chunk.item != *current) {
            self.current = None;
        }
    }

    fn item(&mut self, name: &str) -> &mut Item {
        let at = self
            .items
            .iter()
            .position(|known| &*known.name == name)
            .unwrap_or_else(|| {
                if self.items.len() >= ITEMS_MAX {
                    self.items.pop_front();
                }
                self.items.push_back(Item {
                    name: name.into(),
                    played: 0,
                    finished: false,
                    cleared: false,
                });
                self.items.len() - 1
            });
        &mut self.items[at]
    }
}
