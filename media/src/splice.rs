//! One continuous RTP stream out of many sources: what the far ear hears while legs come and go.
//!
//! Is: SSRC, payload type, sequence and timestamp arithmetic, in place. Isn't: a jitter buffer; it never waits or reorders.
//! **Laws:** within a source, gaps and order are kept (in-band FEC needs them), and only a switch of source re-bases;
//! no outgoing sequence number is given twice, whatever comes in (under SRTP's GCM a second use of one would give the key
//! away). Wrap-around and restarts: RFC 3550, A.1. Driven by `call.rs`.

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::broken::{Law, is_broken};
use crate::rtp::{Header, TICKS_PER_MS, opus_ticks, seq_ahead};

/// A jump ahead of this many packets or more is a restart, or an outage of a minute (RFC 3550, A.1: `MAX_DROPOUT`).
const DROPOUT_MAX: i16 = 3000;
/// How far behind the newest packet a late one still passes (RFC 3550, A.1: `MAX_MISORDER`, within one word of our window).
const MISORDER_MAX: u16 = 127;
/// A source's clock that leaps ahead of real time by more than this has been set anew. Held speech that is handed over
/// stays within it, since the hold is bounded well below.
const LEAP_MAX: Duration = Duration::from_secs(90);

/// A sender's clock that is kept over a switch may run ahead of real time by as many ticks: 1 s.
const JOIN_MAX: u32 = 1000 * TICKS_PER_MS;

/// Who stands behind the stream, by a number that the call gives: a leg's generation, held speech, a play-out clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source(pub u64);

/// Where the stream starts; sequence and timestamp should be random (RFC 3550, 5.1).
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Ours towards this far end, for the life of its leg.
    pub ssrc: u32,
    /// As negotiated with this far end.
    pub pt: u8,
    /// The first packet's sequence number.
    pub seq: u16,
    /// The first packet's timestamp.
    pub ts: u32,
}

/// What was written over a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where in the buffer the packet lies now.
    pub packet: Range<usize>,
    /// Sequence number in the outgoing stream.
    pub seq: u16,
    /// Timestamp in the outgoing stream.
    pub ts: u32,
    /// Bytes of payload.
    pub payload_len: usize,
}

/// Why a packet must not be sent. Each is counted in [`Counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not RTP, or its lengths lie.
    #[error("malformed RTP")]
    Malformed,
    /// A source that is not selected, or no longer.
    #[error("packet of a source that is not selected")]
    Stale,
    /// Too far behind, or from before the last switch.
    #[error("packet too late for its place in the stream")]
    Late,
    /// Its number has been sent.
    #[error("packet's number has been sent")]
    Repeated,
    /// A wild sequence number, which a second packet must confirm (RFC 3550, A.1).
    #[error("sequence number out of line, not yet confirmed")]
    Probation,
}

/// What was refused, and how often the stream was re-based, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// See [`Refused::Malformed`].
    pub malformed: u64,
    /// See [`Refused::Stale`].
    pub stale: u64,
    /// See [`Refused::Late`].
    pub late: u64,
    /// See [`Refused::Repeated`].
    pub repeated: u64,
    /// See [`Refused::Probation`].
    pub probation: u64,
    /// Times the stream went over to another source, or to the same one started anew.
    pub rebased: u64,
}

/// One outgoing stream.
#[derive(Debug)]
pub struct Splice {
    start: Start,
    selected: Option<Source>,
    behind: Option<Behind>,
    /// The clock of the source before, should the same sender's packets go on under another name.
    clock: Option<Clock>,
    sent: Option<Sent>,
    counts: Counts,
}

/// The source that the last packet came from, and how its numbers map to ours.
#[derive(Clone, Copy, Debug)]
struct Behind {
    source: Source,
    ssrc: u32,
    /// Newest packet of the source: its own numbers.
    seq: u16,
    ts: u32,
    /// Added to the source's numbers, wrapping.
    seq_shift: u16,
    ts_shift: u32,
    /// Packets of this source sent at the newest number and before it, down to the switch: none of a number below may pass.
    since_switch: u16,
    /// A wild number seen once: the one that would confirm it (RFC 3550, A.1: `bad_seq`).
    wild: Option<u16>,
}

/// A sender's clock, and how it maps to ours.
#[derive(Clone, Copy, Debug)]
struct Clock {
    ssrc: u32,
    shift: u32,
}

/// The newest outgoing packet.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Instant,
    seq: u16,
    ts: u32,
    /// Its length in ticks: the least that the stream advances at a switch.
    ticks: u32,
    /// Bit `n`: number `seq - n` has been used.
    used: u128,
}

impl Splice {
    /// A stream that has sent nothing, with no source selected.
    pub fn new(start: Start) -> Self {
        Self {
            start,
            selected: None,
            behind: None,
            clock: None,
            sent: None,
            counts: Counts::default(),
        }
    }

    /// From here on only `source` passes, and its next packet joins on to what was sent. Selecting the source that is selected
    /// already does the same: so a pause on purpose (mute) does not look like loss.
    pub fn select(&mut self, source: Source) {
        self.selected = Some(source);
        self.behind = None;
    }

    /// [`Splice::select`]s a source of a higher number than the selected one (generations rise); any other is left to
    /// [`Splice::rewrite`], which refuses and counts what comes late from it. So two sources that alternate re-base once.
    /// Where both have one SSRC, they are one sender's (live speech, and what came late of it), and its clock is kept: what was
    /// delayed is not torn apart by the delay.
    pub fn take_over(&mut self, source: Source) {
        if self.selected.is_none_or(|selected| selected.0 < source.0) {
            self.clock = self.behind.map(|behind| Clock {
                ssrc: behind.ssrc,
                shift: behind.ts_shift,
            });
            self.select(source);
        }
    }

    /// Whoever comes next is the source, and joins on: what was sent is to be sent again, whatever source it was of.
    pub fn deselect(&mut self) {
        self.selected = None;
        self.behind = None;
    }

    /// The source that passes.
    pub fn selected(&self) -> Option<Source> {
        self.selected
    }

    /// What was refused so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Timestamp of the newest packet and when it was sent, for a sender report; `None` before the first.
    pub fn newest(&self) -> Option<(u32, Instant)> {
        self.sent.map(|sent| (sent.ts, sent.at))
    }

    /// SSRC of the outgoing stream.
    pub fn ssrc(&self) -> u32 {
        self.start.ssrc
    }

    /// Another payload type from the next packet on, should a fresh description name one.
    pub fn set_pt(&mut self, pt: u8) {
        self.start.pt = pt;
    }

    /// Makes a source's packet (in the clear) the stream's next: the header is written in place, right before the payload, which
    /// leaves extensions, CSRCs and padding outside of [`Written::packet`]. The payload is not touched. `now` matters at a switch alone: the timestamp advances by the time
    /// that passed since the newest packet, and by that packet's own length at least.
    pub fn rewrite(&mut self, now: Instant, source: Source, packet: &mut [u8]) -> Result<Written, Refused> {
        let result = self.place(now, source, packet);
        match &result {
            Ok(_) => {}
            Err(Refused::Malformed) => self.counts.malformed += 1,
            Err(Refused::Stale) => self.counts.stale += 1,
            Err(Refused::Late) => self.counts.late += 1,
            Err(Refused::Repeated) => self.counts.repeated += 1,
            Err(Refused::Probation) => self.counts.probation += 1,
        }
        result
    }

    fn place(&mut self, now: Instant, source: Source, packet: &mut [u8]) -> Result<Written, Refused> {
        let mut header = Header::parse(packet).ok_or(Refused::Malformed)?;
        if self.selected != Some(source) {
            return Err(Refused::Stale);
        }
        let mut behind = match self.behind {
            Some(behind) if behind.source == source && behind.ssrc == header.ssrc => behind,
            _ => self.rebase(now, source, &header, 1),
        };
        let ahead = seq_ahead(header.seq, behind.seq);
        if ahead >= DROPOUT_MAX || ahead < -(MISORDER_MAX as i16) {
            if behind.wild != Some(header.seq) {
                behind.wild = Some(header.seq.wrapping_add(1));
                self.behind = Some(behind);
                return Err(Refused::Probation);
            }
            behind = self.rebase(now, source, &header, 1);
        } else if ahead > 0 {
            behind.wild = None;
            if self.leaps(now, header.ts.wrapping_sub(behind.ts)) {
                behind = self.rebase(now, source, &header, ahead as u16);
            }
        } else if ahead < 0 && ahead.unsigned_abs() > behind.since_switch {
            return Err(Refused::Late);
        }

        let seq = header.seq.wrapping_add(behind.seq_shift);
        let ts = header.ts.wrapping_add(behind.ts_shift);
        let ahead = seq_ahead(header.seq, behind.seq);
        if ahead > 0 {
            behind.since_switch = behind.since_switch.saturating_add(ahead as u16).min(MISORDER_MAX);
            (behind.seq, behind.ts) = (header.seq, header.ts);
        }
        let payload = packet.get(header.payload_at..header.payload_end).unwrap_or_default();
        let joins = self.note(now, seq, ts, opus_ticks(payload).unwrap_or(0))?;
        header.marker |= joins && behind.since_switch == 0;
        self.behind = Some(behind);
        (header.pt, header.seq, header.ts, header.ssrc) = (self.start.pt, seq, ts, self.start.ssrc);
        let payload_len = header.payload_end - header.payload_at;
        let packet = header.write_before(packet);
        Ok(Written {
            packet,
            seq,
            ts,
            payload_len,
        })
    }

    /// Joins `header`'s packet on, `step` numbers after the newest.
    fn rebase(&mut self, now: Instant, source: Source, header: &Header, step: u16) -> Behind {
        self.counts.rebased += 1;
        let (seq, ts) = self.sent.map_or((self.start.seq, self.start.ts), |sent| {
            let passed = now.saturating_duration_since(sent.at).as_micros() * u128::from(TICKS_PER_MS) / 1000;
            // A gap of half the clock (12 hours) or more is only ever shown as that much: it must not run backwards.
            let passed = u32::try_from(passed).unwrap_or(u32::MAX).min(u32::MAX / 2 - 1);
            let clock = self.clock.take().filter(|clock| clock.ssrc == header.ssrc);
            let kept = clock
                .map(|clock| header.ts.wrapping_add(clock.shift).wrapping_sub(sent.ts))
                .filter(|by| (1..=passed.saturating_add(JOIN_MAX)).contains(by));
            let by = kept.unwrap_or(passed.max(sent.ticks));
            let by = if is_broken(Law::Timestamp) { 0 } else { by };
            (sent.seq.wrapping_add(step), sent.ts.wrapping_add(by))
        });
        Behind {
            source,
            ssrc: header.ssrc,
            seq: header.seq,
            ts: header.ts,
            seq_shift: seq.wrapping_sub(header.seq),
            ts_shift: ts.wrapping_sub(header.ts),
            since_switch: 0,
            wild: None,
        }
    }

    /// Whether a source's clock, in order by its sequence numbers, has moved as no clock does: back, or far ahead.
    fn leaps(&self, now: Instant, by: u32) -> bool {
        let passed = self
            .sent
            .map_or(Duration::ZERO, |sent| now.saturating_duration_since(sent.at));
        let most = (passed + LEAP_MAX).as_millis() * u128::from(TICKS_PER_MS);
        u128::from(by) > most
    }

    /// Enters an outgoing number as used. True if it is the newest.
    fn note(&mut self, now: Instant, seq: u16, ts: u32, ticks: u32) -> Result<bool, Refused> {
        let Some(sent) = &mut self.sent else {
            self.sent = Some(Sent {
                at: now,
                seq,
                ts,
                ticks,
                used: 1,
            });
            return Ok(true);
        };
        let ahead = seq_ahead(seq, sent.seq);
        if ahead > 0 {
            let used = sent.used.checked_shl(u32::from(ahead.unsigned_abs())).unwrap_or(0) | 1;
            *sent = Sent {
                at: now,
                seq,
                ts,
                ticks,
                used,
            };
            return Ok(true);
        }
        let back = ahead.unsigned_abs();
        if back > MISORDER_MAX {
            return Err(Refused::Late);
        }
        if sent.used >> back & 1 == 1 {
            return Err(Refused::Repeated);
        }
        sent.used |= 1 << back;
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
