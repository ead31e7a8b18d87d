//! Speech kept while the leg that should hear it is away, and how it is handed over.
//!
//! Is: a queue in the order it was spoken, bounded in milliseconds and in bytes; and a pace faster than speech at which it
//! is let go as late audio. Isn't: RTP arithmetic (`splice.rs` joins it on) and no clock.
//! **Policy when full:** the oldest goes and is counted as lost, since an answer's end is worth more than its beginning and
//! no bound may grow by itself. **Law:** order within a source is kept, and once handing over has begun, speech that comes
//! meanwhile waits its turn behind it.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::BytesMut;

use crate::{
    broken::{Law, is_broken},
    rtp::{Header, TICKS_PER_MS, opus_ticks, seq_ahead},
    splice::Source,
};

/// An Opus packet of so few payload bytes is silence: DTX sends 1 or 2 (RFC 6716, 2.1.9; RFC 7587, 3.1.3).
pub(crate) const QUIET_LEN_MAX: usize = 3;
/// Behind the newest by more than this many packets it is not put in its place any more, but goes to the end.
const MISORDER_MAX: usize = 128;

/// How much is kept. When either is reached, the oldest goes.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Milliseconds of sound, at least 20.
    pub ms_max: u32,
    /// Bytes of packets.
    pub bytes_max: usize,
}

impl Bound {
    /// `ms_max` of speech, and room for it at twice the 64 kbit/s that voice may take.
    pub fn of_ms(ms_max: u32) -> Self {
        Self {
            ms_max,
            bytes_max: (ms_max as usize * 16).max(2048),
        }
    }
}

/// One packet that is kept.
#[derive(Debug)]
pub struct Held {
    /// Where it came from: another source is another stream to `splice`.
    pub source: Source,
    /// In the clear, header and all.
    pub packet: BytesMut,
    /// Length in 48 kHz ticks.
    pub ticks: u32,
    /// Silence, which may be left out to catch up.
    pub quiet: bool,
    seq: u16,
    ssrc: u32,
}

/// What went through, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Milliseconds taken in.
    pub held_ms: u64,
    /// Milliseconds dropped because the hold was full.
    pub lost_ms: u64,
    /// Packets dropped because the hold was full.
    pub lost_packets: u64,
    /// Packets refused: not RTP, no Opus, or there already.
    pub refused: u64,
}

/// The queue of one direction.
#[derive(Debug)]
pub struct Hold {
    bound: Bound,
    queue: VecDeque<Held>,
    ticks: u64,
    bytes: usize,
    pace: Option<Pace>,
    counts: Counts,
}

/// Handing over: sound of `ticks` has been let go since `since`, `speed` times as fast as it was spoken.
#[derive(Clone, Copy, Debug)]
struct Pace {
    since: Instant,
    speed: u32,
    ticks: u64,
}

impl Hold {
    /// An empty hold. It allocates as it fills.
    pub fn new(bound: Bound) -> Self {
        Self {
            bound,
            queue: VecDeque::new(),
            ticks: 0,
            bytes: 0,
            pace: None,
            counts: Counts::default(),
        }
    }

    /// Another bound from here on.
    pub fn set_bound(&mut self, bound: Bound) {
        self.bound = bound;
    }

    /// Keeps a packet (in the clear). A late one is put in its place; one that is there already is refused.
    pub fn push(&mut self, source: Source, packet: BytesMut) {
        let Some((header, ticks, quiet)) = look(&packet) else {
            self.counts.refused += 1;
            return;
        };
        let Some(place) = self.place(source, &header) else {
            self.counts.refused += 1;
            return;
        };
        self.ticks += u64::from(ticks);
        self.bytes += packet.len();
        self.counts.held_ms += u64::from(ticks / TICKS_PER_MS);
        self.queue.insert(
            place,
            Held {
                source,
                packet,
                ticks,
                quiet,
                seq: header.seq,
                ssrc: header.ssrc,
            },
        );
        self.bound();
    }

    fn bound(&mut self) {
        while self.ticks > u64::from(self.bound.ms_max * TICKS_PER_MS) || self.bytes > self.bound.bytes_max {
            let Some(oldest) = self.take() else { break };
            self.counts.lost_packets += 1;
            self.counts.lost_ms += u64::from(oldest.ticks / TICKS_PER_MS);
        }
    }

    /// Puts packets (in the clear) before all that is kept: they were spoken before it. What is no Opus is refused.
    pub fn put_first(&mut self, packets: impl DoubleEndedIterator<Item = (Source, BytesMut)>) {
        for (source, packet) in packets.rev() {
            let Some((header, ticks, quiet)) = look(&packet) else {
                self.counts.refused += 1;
                continue;
            };
            self.ticks += u64::from(ticks);
            self.bytes += packet.len();
            self.counts.held_ms += u64::from(ticks / TICKS_PER_MS);
            self.queue.push_front(Held {
                source,
                packet,
                ticks,
                quiet,
                seq: header.seq,
                ssrc: header.ssrc,
            });
        }
        self.bound();
    }

    /// The oldest packet, at once: for who needs no pace.
    pub fn pop(&mut self) -> Option<Held> {
        self.take()
    }

    /// Begins to hand over, `speed` (2 to 20) times as fast as it was spoken. Until [`Hold::is_empty`], keep pushing what
    /// comes live: the far end hears one steady stream that catches up.
    pub fn release(&mut self, now: Instant, speed: u32) {
        if self.pace.is_none() {
            if is_broken(Law::Hold) {
                let mut dropped = 0;
                while dropped < 1_000 * TICKS_PER_MS
                    && let Some(oldest) = self.take()
                {
                    dropped += oldest.ticks;
                }
            }
            self.pace = Some(Pace {
                since: now,
                speed: speed.clamp(2, 20),
                ticks: 0,
            });
        }
    }

    /// Stops handing over, should the far leg be lost again.
    pub fn pause(&mut self) {
        self.pace = None;
    }

    /// Whether it is being handed over.
    pub fn is_releasing(&self) -> bool {
        self.pace.is_some()
    }

    /// The next packet whose time has come. Drain until `None`, then see [`Hold::poll_timeout`]. When the hold is empty the
    /// handing over is at an end.
    pub fn poll(&mut self, now: Instant) -> Option<Held> {
        let pace = self.pace.as_mut()?;
        if self.queue.is_empty() {
            self.pace = None;
            return None;
        }
        if pace.due() > now {
            return None;
        }
        // A driver that was kept away does not make up for it in one burst: the far end's buffer would drop it.
        if now.saturating_duration_since(pace.due()) > BURST_MAX {
            *pace = Pace {
                since: now,
                ticks: 0,
                ..*pace
            };
        }
        let ticks = self.queue.front().map_or(0, |held| held.ticks);
        pace.ticks += u64::from(ticks);
        self.take()
    }

    /// When to call [`Hold::poll`] again.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.pace.map(|pace| pace.due())
    }

    /// SSRC and RTP timestamp of the oldest, as its sender gave them.
    pub fn oldest(&self) -> Option<(u32, u32)> {
        let header = Header::parse(&self.queue.front()?.packet)?;
        Some((header.ssrc, header.ts))
    }

    /// Nothing is kept: live speech may go straight through.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Milliseconds of sound kept.
    pub fn ms(&self) -> u32 {
        (self.ticks / u64::from(TICKS_PER_MS)) as u32
    }

    /// Milliseconds of it that are silence.
    pub fn quiet_ms(&self) -> u32 {
        self.queue
            .iter()
            .filter(|held| held.quiet)
            .map(|held| held.ticks / TICKS_PER_MS)
            .sum()
    }

    /// What went through so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Forgets what is kept without counting it as lost: the interview is over.
    pub fn clear(&mut self) {
        self.queue.clear();
        (self.ticks, self.bytes, self.pace) = (0, 0, None);
    }

    fn take(&mut self) -> Option<Held> {
        let held = self.queue.pop_front()?;
        self.ticks -= u64::from(held.ticks);
        self.bytes -= held.packet.len();
        Some(held)
    }

    /// Where a packet belongs, from the end; `None` if it is there.
    fn place(&self, source: Source, header: &Header) -> Option<usize> {
        let mut place = self.queue.len();
        for held in self.queue.iter().rev().take(MISORDER_MAX) {
            if held.source != source || held.ssrc != header.ssrc {
                break;
            }
            match seq_ahead(header.seq, held.seq) {
                0 => return None,
                1.. => break,
                _ => place -= 1,
            }
        }
        Some(place)
    }
}

/// Longest stall of the driver that is made up for at once.
const BURST_MAX: Duration = Duration::from_millis(60);

impl Pace {
    fn due(&self) -> Instant {
        self.since + Duration::from_micros(self.ticks * 1000 / u64::from(TICKS_PER_MS) / u64::from(self.speed))
    }
}

fn look(packet: &[u8]) -> Option<(Header, u32, bool)> {
    let header = Header::parse(packet)?;
    let payload = packet.get(header.payload_at..header.payload_end)?;
    Some((header, opus_ticks(payload)?, payload.len() <= QUIET_LEN_MAX))
}

#[cfg(test)]
mod tests;
