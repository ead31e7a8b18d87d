//! The candidate's Opus packets to one line of PCM: order restored, loss concealed, silence filled in.
//!
//! Is: a short wait for what is late, FEC and concealment for what is lost, silence where the sender sent none (DTX). Isn't: a
//! play-out clock: who listens is a machine that takes sound as it comes.
//! **Law:** as much PCM comes out as time passed by the sender's clock, up to [`GAP_MAX`] a gap, so that the far end's voice
//! detection hears a pause as long as it was.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Speech;
use crate::{
    opus::{Decoder, Error, FRAME},
    rtp::{opus_ticks, seq_ahead},
};

/// How long a gap waits for the packet that would fill it.
const PATIENCE: Duration = Duration::from_millis(60);
/// Packets that wait behind a gap at most.
const WAITING_MAX: usize = 8;
/// Longest gap that is filled; of a longer one (an outage, a held line) the rest is left out.
const GAP_MAX: u32 = 2 * 48_000;
/// Ticks that concealment guesses at; beyond it is silence.
const GUESS_MAX: u32 = 120 * 48;
/// A jump of sequence numbers beyond this is another stream.
const JUMP_MAX: u16 = 500;

/// What was made of what came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Milliseconds guessed, or recovered by FEC.
    pub concealed_ms: u64,
    /// Packets too late or twice.
    pub late: u64,
    /// Packets that libopus refused.
    pub refused: u64,
}

#[derive(Debug)]
pub(super) struct Listen {
    decoder: Decoder,
    /// The packet that comes next: its number and its time.
    next: Option<(u16, u32)>,
    /// Behind a gap, by number.
    waiting: Vec<(Speech, Instant)>,
    counts: Counts,
}

impl Listen {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self {
            decoder: Decoder::new()?,
            next: None,
            waiting: vec![],
            counts: Counts::default(),
        })
    }

    /// A packet came. What can be heard by now is appended to `out`.
    pub(super) fn hear(&mut self, now: Instant, speech: Speech, out: &mut Vec<i16>) {
        let next = self.next.map_or(speech.seq, |(next, _)| next);
        let ahead = seq_ahead(speech.seq, next);
        if ahead.unsigned_abs() > JUMP_MAX {
            self.give_up(out);
            self.next = None;
        } else if ahead < 0 || self.waiting.iter().any(|(waiting, _)| waiting.seq == speech.seq) {
            self.counts.late += 1;
            return;
        }
        let at = self
            .waiting
            .partition_point(|(waiting, _)| seq_ahead(speech.seq, waiting.seq) > 0);
        self.waiting.insert(at, (speech, now));
        self.advance(now, out);
    }

    /// When to call [`Listen::due`], while a gap waits.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.iter().map(|(_, came)| *came + PATIENCE).min()
    }

    /// A gap may have waited long enough.
    pub(super) fn due(&mut self, now: Instant, out: &mut Vec<i16>) {
        self.advance(now, out);
    }

    /// What was made of what came so far.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    fn advance(&mut self, now: Instant, out: &mut Vec<i16>) {
        while let Some((first, _)) = self.waiting.first() {
            let in_order = self.next.is_none_or(|(next, _)| next == first.seq);
            let overdue = self.poll_timeout().is_some_and(|due| due <= now);
            if !in_order && !overdue && self.waiting.len() <= WAITING_MAX {
                return;
            }
            let (speech, _) = self.waiting.remove(0);
            self.take(&speech, out);
        }
    }

    /// Decodes all that waits, gaps and all.
    pub(super) fn give_up(&mut self, out: &mut Vec<i16>) {
        for (speech, _) in std::mem::take(&mut self.waiting) {
            self.take(&speech, out);
        }
    }

    fn take(&mut self, speech: &Speech, out: &mut Vec<i16>) {
        if let Some((next, ts)) = self.next {
            let lost = next != speech.seq;
            let gap = speech.timestamp.wrapping_sub(ts);
            // Beyond half the clock it went backwards: a sender's new clock, nothing to fill.
            if gap > 0 && gap < u32::MAX / 2 {
                self.fill(gap.min(GAP_MAX), lost.then_some(&speech.payload), out);
            }
        }
        match self.decoder.decode(&speech.payload) {
            Ok(samples) => out.extend_from_slice(samples),
            Err(_) => self.counts.refused += 1,
        }
        let ticks = opus_ticks(&speech.payload).unwrap_or(0);
        self.next = Some((speech.seq.wrapping_add(1), speech.timestamp.wrapping_add(ticks)));
    }

    /// Fills `ticks` of nothing: what was lost by a guess, its last 20 ms from the packet after it; what was not sent by silence.
    fn fill(&mut self, ticks: u32, lost_before: Option<&Bytes>, out: &mut Vec<i16>) {
        let end = out.len() + ticks as usize / 2;
        if let Some(after) = lost_before {
            let guessed = ticks.min(GUESS_MAX) as usize / 2;
            let recovered = guessed.min(FRAME);
            if guessed > recovered
                && let Ok(samples) = self.decoder.conceal(guessed - recovered)
            {
                out.extend_from_slice(samples);
            }
            out.resize(end - recovered.min(end), 0);
            if let Ok(samples) = self.decoder.recover(after, recovered) {
                out.extend_from_slice(samples);
            }
            self.counts.concealed_ms += guessed as u64 / 24;
        }
        out.resize(end, 0);
    }
}
