//! Our own reports on one leg: what we received and sent, what the far end says it received, and how far away it is.
//!
//! Is: the arithmetic of RFC 3550 (A.1, A.3, A.8, 6.4.1) over packets in the clear, SR, RR and SDES out, and what comes in
//! read by `wire`. Isn't: when to report (the leg asks for [`Reports::build`], once a second), nor what is sent again
//! (`nack.rs`). RTCP ends at each leg: nothing of one far end's reports reaches the other.
//! **Laws:** no clock of its own: monotonic and NTP time are passed in. Bytes that lie are counted, never believed.

pub mod wire;

use std::time::{Duration, Instant};

use crate::rtp::{Header, TICKS_PER_MS, seq_ahead};
use wire::{Item, ReportBlock, SenderInfo};

/// A jump ahead of this many packets or more is a restart (RFC 3550, A.1).
const DROPOUT_MAX: i16 = 3000;
/// Further behind than this is a restart too (RFC 3550, A.1).
const MISORDER_MAX: i16 = 100;
/// A round trip beyond this is a far end's nonsense, not a path.
const RTT_MAX: Duration = Duration::from_secs(30);

/// NTP time (RFC 5905: 32 bits of seconds since 1900, 32 of fraction) of a time since the Unix epoch. Best taken once and
/// carried on by the monotonic clock, so that a step of the wall clock is no round trip.
pub fn ntp(since_unix_epoch: Duration) -> u64 {
    let seconds = since_unix_epoch.as_secs().wrapping_add(2_208_988_800) << 32;
    seconds | ((u64::from(since_unix_epoch.subsec_nanos()) << 32) / 1_000_000_000)
}

/// What a compound packet asks of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Send this packet of ours again.
    Again(u16),
    /// The far end's source has left.
    Bye,
}

/// One leg's figures at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// RTP packets received.
    pub packets_in: u64,
    /// Bytes of their payloads.
    pub octets_in: u64,
    /// Packets that never came (RFC 3550, A.3), over all the far end's sources; a late one lowers it again.
    pub lost_in: u64,
    /// Interarrival jitter of what comes in (RFC 3550, A.8).
    pub jitter_in: Duration,
    /// RTP packets sent.
    pub packets_out: u64,
    /// Bytes of their payloads.
    pub octets_out: u64,
    /// Packets that the far end says never came, of our present source.
    pub lost_out: u64,
    /// Jitter that the far end sees.
    pub jitter_out: Duration,
    /// Round trip by our SR and the far end's answer to it.
    pub rtt: Option<Duration>,
    /// RTCP packets that did not parse.
    pub malformed: u64,
}

/// Both directions of one leg.
#[derive(Debug)]
pub struct Reports {
    ssrc: u32,
    cname: String,
    epoch: Instant,
    reception: Option<Reception>,
    /// Lost packets of the far end's sources that are gone.
    lost_before: u64,
    newest: Option<(u32, Instant)>,
    /// The far end's last SR: the middle of its NTP time, and ours when it came.
    last_sr: Option<(u32, u64)>,
    stats: Stats,
}

/// What is known of the source that the far end sends (RFC 3550, A.1).
#[derive(Debug)]
struct Reception {
    ssrc: u32,
    base: u32,
    /// Highest number, its wraps above.
    newest: u32,
    received: u32,
    expected_prior: u32,
    received_prior: u32,
    wild: Option<u16>,
    transit: Option<u32>,
    /// Sixteen times the jitter, in ticks.
    jitter_q4: u32,
}

impl Reports {
    /// For our source `ssrc`. `cname` names nobody: random per leg (RFC 7022), at most 255 bytes. `now` is where the ticks of
    /// arrival times start.
    pub fn new(now: Instant, ssrc: u32, cname: impl Into<String>) -> Self {
        Self {
            ssrc,
            cname: cname.into(),
            epoch: now,
            reception: None,
            lost_before: 0,
            newest: None,
            last_sr: None,
            stats: Stats::default(),
        }
    }

    /// An RTP packet came in and was authenticated.
    pub fn received(&mut self, now: Instant, header: &Header) {
        self.stats.packets_in += 1;
        self.stats.octets_in += (header.payload_end - header.payload_at) as u64;
        let ticks = ticks(now.saturating_duration_since(self.epoch));
        match &mut self.reception {
            Some(reception) if reception.ssrc == header.ssrc => self.lost_before += reception.count(ticks, header),
            other => {
                self.lost_before += other.as_ref().map_or(0, Reception::lost_so_far);
                *other = Some(Reception::new(ticks, header));
                self.last_sr = None;
            }
        }
    }

    /// An RTP packet of ours went out with this timestamp. One that is sent again does not count.
    pub fn sent(&mut self, now: Instant, ts: u32, payload_len: usize) {
        self.stats.packets_out += 1;
        self.stats.octets_out += payload_len as u64;
        self.newest = Some((ts, now));
    }

    /// A compound (or reduced-size, RFC 5506) packet came in; `ntp` is our NTP time now. What it asks of us goes to `ask`.
    pub fn handle(&mut self, ntp: u64, compound: &[u8], mut ask: impl FnMut(Asked)) {
        for item in wire::parse(compound) {
            match item {
                Item::SenderReport { ssrc, info, blocks } => {
                    if self.reception.as_ref().is_none_or(|reception| reception.ssrc == ssrc) {
                        self.last_sr = Some((middle(info.ntp), ntp));
                    }
                    blocks.for_each(|block| self.reported(ntp, &block));
                }
                Item::ReceiverReport { blocks } => blocks.for_each(|block| self.reported(ntp, &block)),
                Item::Nack { media, lost } if media == self.ssrc => lost.for_each(|seq| ask(Asked::Again(seq))),
                Item::Bye => ask(Asked::Bye),
                Item::Nack { .. } | Item::Other { .. } => {}
                Item::Malformed => self.stats.malformed += 1,
            }
        }
    }

    /// Writes what we report into `out` (cleared first): SR, or RR while we have sent nothing, and SDES.
    pub fn build(&mut self, now: Instant, ntp: u64, out: &mut Vec<u8>) {
        out.clear();
        let block = self.block(ntp);
        if let Some((ts, at)) = self.newest {
            let info = SenderInfo {
                ntp,
                ts: ts.wrapping_add(ticks(now.saturating_duration_since(at))),
                packets: self.stats.packets_out as u32,
                octets: self.stats.octets_out as u32,
            };
            wire::write_sr(out, self.ssrc, &info, block.as_ref());
        } else {
            wire::write_rr(out, self.ssrc, block.as_ref());
        }
        wire::write_cname(out, self.ssrc, &self.cname);
    }

    /// Writes our farewell into `out` (cleared first).
    pub fn build_bye(&mut self, now: Instant, ntp: u64, out: &mut Vec<u8>) {
        self.build(now, ntp, out);
        wire::write_bye(out, self.ssrc);
    }

    /// The figures as they stand.
    pub fn stats(&self) -> Stats {
        let lost = self.reception.as_ref().map_or(0, Reception::lost_so_far);
        let jitter = self.reception.as_ref().map_or(0, |reception| reception.jitter_q4 >> 4);
        Stats {
            lost_in: self.lost_before + lost,
            jitter_in: duration(jitter),
            ..self.stats
        }
    }

    /// One block of the far end's, on our source or another's.
    fn reported(&mut self, ntp: u64, block: &ReportBlock) {
        if block.ssrc != self.ssrc {
            return;
        }
        self.stats.lost_out = u64::from(block.lost.max(0).unsigned_abs());
        self.stats.jitter_out = duration(block.jitter);
        if block.last_sr != 0 {
            // RFC 3550, 6.4.1: A - LSR - DLSR, in 1/65536 s. A clock's grain may make a short one negative.
            let round = middle(ntp).wrapping_sub(block.last_sr).wrapping_sub(block.delay) as i32;
            let round = Duration::from_micros((u64::from(round.max(0).unsigned_abs()) * 1_000_000) >> 16);
            if round <= RTT_MAX {
                self.stats.rtt = Some(round);
            }
        }
    }

    fn block(&mut self, ntp: u64) -> Option<ReportBlock> {
        let reception = self.reception.as_mut()?;
        let (last_sr, delay) = self.last_sr.map_or((0, 0), |(middle_ntp, came)| {
            (
                middle_ntp,
                u32::try_from(ntp.saturating_sub(came) >> 16).unwrap_or(u32::MAX),
            )
        });
        Some(ReportBlock {
            ssrc: reception.ssrc,
            fraction: reception.fraction(),
            lost: reception.lost().clamp(-0x80_0000, 0x7f_ffff),
            newest: reception.newest,
            jitter: reception.jitter_q4 >> 4,
            last_sr,
            delay,
        })
    }
}

impl Reception {
    fn new(ticks: u32, header: &Header) -> Self {
        Self {
            ssrc: header.ssrc,
            base: u32::from(header.seq),
            newest: u32::from(header.seq),
            received: 1,
            expected_prior: 0,
            received_prior: 0,
            wild: None,
            transit: Some(ticks.wrapping_sub(header.ts)),
            jitter_q4: 0,
        }
    }

    /// Says what had been lost before, where the source has started anew.
    fn count(&mut self, ticks: u32, header: &Header) -> u64 {
        let ahead = seq_ahead(header.seq, self.newest as u16);
        if (0..DROPOUT_MAX).contains(&ahead) {
            self.newest = self.newest.wrapping_add(u32::from(ahead.unsigned_abs()));
            self.wild = None;
        } else if !(-MISORDER_MAX..DROPOUT_MAX).contains(&ahead) {
            if self.wild != Some(header.seq) {
                self.wild = Some(header.seq.wrapping_add(1));
                return 0;
            }
            return std::mem::replace(self, Self::new(ticks, header)).lost_so_far();
        }
        self.received = self.received.wrapping_add(1);
        let transit = ticks.wrapping_sub(header.ts);
        if let Some(before) = self.transit.replace(transit) {
            let moved = (transit.wrapping_sub(before) as i32).unsigned_abs();
            // A jump of seconds is a pause, or a clock set anew, and says nothing of the network.
            if moved < 10_000 * TICKS_PER_MS {
                self.jitter_q4 = self
                    .jitter_q4
                    .saturating_add(moved)
                    .saturating_sub((self.jitter_q4 + 8) >> 4);
            }
        }
        0
    }

    fn expected(&self) -> u32 {
        self.newest.wrapping_sub(self.base).wrapping_add(1)
    }

    /// Negative when packets came twice.
    fn lost(&self) -> i32 {
        self.expected().wrapping_sub(self.received) as i32
    }

    fn lost_so_far(&self) -> u64 {
        u64::from(self.lost().max(0).unsigned_abs())
    }

    /// Share lost since the last report, in 1/256.
    fn fraction(&mut self) -> u8 {
        let expected = self.expected().wrapping_sub(self.expected_prior);
        let received = self.received.wrapping_sub(self.received_prior);
        (self.expected_prior, self.received_prior) = (self.expected(), self.received);
        let lost = i64::from(expected) - i64::from(received);
        if expected == 0 || lost <= 0 {
            0
        } else {
            (lost * 256 / i64::from(expected)).min(255) as u8
        }
    }
}

fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

fn ticks(passed: Duration) -> u32 {
    (passed.as_micros() * u128::from(TICKS_PER_MS) / 1000) as u32
}

fn duration(ticks: u32) -> Duration {
    Duration::from_micros(u64::from(ticks) * 1000 / u64::from(TICKS_PER_MS))
}

#[cfg(test)]
mod tests;
