//! What the candidate said while their way here was cut: asked of the browser, which keeps it, and put before what follows.
//!
//! Is: which of the candidate's RTP times are lacking, for how long live speech waits for them, and in which order both go
//! on. Isn't: the hold that hands them over (`hold.rs`), nor the socket that brings them (the session).
//! **Laws:** a time is passed on once, whichever way it comes. Live speech waits for a bounded time; what comes after that is
//! still passed on, behind it. Without a gap, a packet costs a comparison and nothing waits.
//! Sources rise: live speech, then what was late, then live speech again, so that `splice` joins each on to the one before.

mod gate;
mod heard;
mod socket;
mod squeeze;
#[cfg(test)]
mod tests;

use crate::rtp::{FIXED, Header, TICKS_PER_MS, opus_ticks};
use crate::splice::Source;
use bytes::BytesMut;
use gate::{Gate, OUT_OF_REACH};
use heard::{Heard, Place};
pub use socket::{Kept, Received};
use squeeze::{Goes, Squeeze};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Live speech waits so long for a browser's first answer at least, and at most: as long as the gap, between these.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(4));
/// And so long for each further frame.
const BETWEEN_MAX: Duration = Duration::from_secs(1);
/// Packets that wait, and their bytes; when either is reached, nothing waits any longer.
const WAITING_MAX: (usize, usize) = (1100, 400 * 1024);
/// Streams (one for each peer connection of the browser's) that are told apart; the oldest is forgotten.
const STREAMS_MAX: usize = 4;
/// What is told of a stream at once; the rest is told once these are filled.
const LACKS_MAX: usize = 16;
/// A leg that may have been up for so long before anything of its stream came was cut, in ticks: 1 s. A page that has just come may
/// take a few hundred ms to speak, and its answer to a question about that would cut short the wait for what it has on its shelf.
const HEAD_MIN: u64 = 1_000 * TICKS_PER_MS as u64;
/// A browser may speak so much before we know its leg to be up, in ticks: half a second.
const HEAD_MORE: u64 = 500 * TICKS_PER_MS as u64;
/// An Opus packet of 20 ms, which is what browsers send.
const USUAL: u32 = 20 * TICKS_PER_MS;

/// Where a live packet goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// On.
    On(Source),
    /// It waits ([`Late::wait`]).
    Wait,
    /// Before what waits: it is of a time that was lacking.
    Before(Source),
    /// Nowhere: it is here already.
    Nowhere,
}

/// See the module.
pub(super) struct Late {
    /// The browser keeps what it sends and answers when asked.
    is_kept: bool,
    /// It can be asked now: it has a socket.
    is_reachable: bool,
    /// Its leg is lost: nothing comes of it.
    is_lost: bool,
    /// The newest last.
    streams: VecDeque<Tracked>,
    /// When the newest live packet came.
    at: Instant,
    /// Since when the newest leg may have been up for the browser.
    up_at: Instant,
    generation: u32,
    /// Rises by two each time that late speech has been put in.
    turn: u32,
    gate: Option<Gate>,
    squeeze: Squeeze,
    /// The browser has answered when it was last asked.
    is_answering: bool,
    /// Ticks that were lost, since last taken.
    lost: u64,
    /// See [`Received::knows`].
    knows: u64,
}

struct Tracked {
    ssrc: u32,
    heard: Heard,
    /// Its peer connection is gone, and the browser has not said that there is no more.
    is_tail_wanted: bool,
    /// What it lacks is waited for.
    is_awaited: bool,
    /// Spoken to a process before this one.
    is_former: bool,
    /// Where it ended when the browser was last told.
    told: u64,
    is_telling: bool,
}

impl Late {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            is_kept: false,
            is_reachable: true,
            is_lost: false,
            streams: VecDeque::new(),
            at: now,
            up_at: now,
            generation: 0,
            turn: 0,
            gate: None,
            squeeze: Squeeze::default(),
            is_answering: true,
            lost: 0,
            knows: 0,
        }
    }

    /// A process before this one had that stream up to then: of what its browser gives, which is all that it has kept of each stream,
    /// the oldest first, what was spoken before is had.
    pub(super) fn heard_before(&mut self, ssrc: u32, up_to: u32) {
        if self.streams.len() >= STREAMS_MAX {
            return;
        }
        let mut stream = Tracked::new(ssrc, Heard::new(up_to));
        stream.is_former = true;
        self.streams.push_back(stream);
    }

    /// Whether the browser, which is here, keeps what it says and can be asked for it. It is told again of what it was asked while
    /// it was away, and has the time to answer.
    pub(super) fn set_kept(&mut self, now: Instant, on: bool) {
        self.is_kept = on;
        self.is_answering |= on;
        self.is_reachable = true;
        self.be_patient(now, PATIENCE.0);
    }

    /// The browser cannot be asked for the moment: what it was asked is answered when it is back, if that is soon.
    pub(super) fn set_away(&mut self, now: Instant) {
        self.is_reachable = false;
        self.be_patient(now, PATIENCE.1);
    }

    fn be_patient(&mut self, now: Instant, patience: Duration) {
        if let Some(gate) = &mut self.gate
            && self.is_answering
        {
            gate.wait(now, patience);
        }
    }

    /// Another leg of the browser's is up: it may have spoken since then.
    pub(super) fn set_up(&mut self, now: Instant, since: Instant) {
        self.up_at = since;
        self.set_lost(now, false);
    }

    /// The browser's leg is lost, or is back.
    pub(super) fn set_lost(&mut self, now: Instant, on: bool) {
        let was_lost = std::mem::replace(&mut self.is_lost, on);
        let patience = if self.is_answering { PATIENCE.1 } else { PATIENCE.0 };
        if let Some(gate) = &mut self.gate
            && was_lost
            && !on
        {
            gate.back(now, patience);
        }
    }

    /// A live packet of the candidate's.
    pub(super) fn live(&mut self, now: Instant, generation: u32, header: &Header, packet: &[u8]) -> Way {
        self.generation = self.generation.max(generation);
        let payload = packet.get(header.payload_at..header.payload_end).unwrap_or_default();
        let Some(ticks) = opus_ticks(payload) else {
            return self.way(generation);
        };
        let passed = now.saturating_duration_since(self.at);
        self.at = now;
        let place = match self.streams.back_mut() {
            Some(stream) if stream.ssrc == header.ssrc => {
                stream.heard.live(header.seq, header.ts, ticks, ticks_of(passed))
            }
            _ => return self.another(now, generation, header, ticks, passed),
        };
        match place {
            Place::Next => self.way(generation),
            Place::AfterGap(_) if self.is_kept => {
                if let Some(stream) = self.streams.back_mut() {
                    (stream.is_telling, stream.is_awaited) = (true, true);
                }
                self.shut(now, passed);
                self.way(generation)
            }
            Place::AfterGap(_) => {
                self.lost += self.streams.back_mut().map_or(0, |stream| stream.heard.settle());
                self.way(generation)
            }
            Place::Fills(_) => Way::Before(self.late_source()),
            Place::Again => Way::Nowhere,
        }
    }

    /// A packet of a stream that is not the newest: the first of a new peer connection, or a straggler.
    fn another(&mut self, now: Instant, generation: u32, header: &Header, ticks: u32, passed: Duration) -> Way {
        if self.streams.iter().any(|stream| stream.ssrc == header.ssrc) {
            return self.way(generation);
        }
        // a leg whose network was cut as it came up has spoken since, and none of that has come
        let head = ticks_of(now.saturating_duration_since(self.up_at));
        let head = if self.is_kept && head >= HEAD_MIN {
            head + HEAD_MORE
        } else {
            0
        };
        let mut stream = Tracked::new(header.ssrc, Heard::from_first(header.ts, head));
        stream.heard.live(header.seq, header.ts, ticks, 0);
        (stream.is_telling, stream.is_awaited) = (head > 0, head > 0);
        if let Some(before) = self.streams.back_mut()
            && self.is_kept
        {
            (before.is_tail_wanted, before.is_telling, before.is_awaited) = (true, true, true);
            self.shut(now, passed);
        } else if head > 0 {
            self.shut(now, passed);
        }
        if self.streams.len() >= STREAMS_MAX
            && let Some(mut oldest) = self.streams.pop_front()
        {
            self.lost += oldest.heard.settle();
        }
        self.streams.push_back(stream);
        self.way(generation)
    }

    fn way(&self, generation: u32) -> Way {
        match self.gate {
            None => Way::On(source(generation, self.turn)),
            Some(_) => Way::Wait,
        }
    }

    fn late_source(&self) -> Source {
        source(self.generation, self.turn + 1)
    }

    fn shut(&mut self, now: Instant, away: Duration) {
        let (least, most) = PATIENCE;
        let patience = match (self.is_answering, self.is_reachable) {
            (true, true) => away.clamp(least, most),
            (true, false) => most,
            (false, _) => least,
        };
        self.gate.get_or_insert_with(|| Gate::new(now)).wait(now, patience);
    }

    /// Keeps a live packet until what is before it has come. True: nothing is to wait any longer ([`Late::open`]).
    pub(super) fn wait(&mut self, generation: u32, packet: &[u8]) -> bool {
        let Some(gate) = &mut self.gate else { return true };
        gate.waiting.push_back((generation, BytesMut::from(packet)));
        gate.bytes += packet.len();
        gate.waiting.len() >= WAITING_MAX.0 || gate.bytes >= WAITING_MAX.1
    }

    /// What the browser had kept: the packets that were lacking, to be put before what waits. Then see [`Late::is_whole`].
    pub(super) fn kept(&mut self, now: Instant, kept: &Kept) -> Vec<(Source, BytesMut)> {
        if !self.streams.iter().any(|stream| stream.ssrc == kept.stream) {
            // Spoken to a process before this one, whose legs are gone: it comes before all that is live here. What that one asked for
            // may come here, too, ahead of what was spoken before it.
            if self.streams.len() >= STREAMS_MAX || kept.packets.is_empty() {
                return Vec::new();
            }
            let former = self.streams.iter().take_while(|stream| stream.is_former).count();
            let mut stream = Tracked::new(kept.stream, Heard::from_first(kept.time, 0));
            stream.is_former = true;
            self.streams.insert(former, stream);
        }
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == kept.stream) else {
            return Vec::new();
        };
        let (mut time, mut brought, mut is_new) = (kept.time, Vec::new(), false);
        for payload in &kept.packets {
            let Some(ticks) = opus_ticks(payload) else { break };
            if let Some(at) = stream.heard.bring(time, ticks) {
                is_new = true;
                let goes = self.squeeze.goes(payload);
                if goes != Goes::Nowhere {
                    brought.push((at, goes, packet(kept.stream, at, ticks, payload)));
                }
            }
            time = time.wrapping_add(ticks);
        }
        if kept.is_last {
            let (lost, is_all) = stream.heard.settle_until(time);
            self.lost += lost;
            let is_tail_told = stream.is_tail_wanted && is_all;
            stream.is_tail_wanted &= !is_all;
            // an answer that changes nothing is not asked for again at once: that could go on for ever
            stream.is_telling |= is_new || lost > 0 || is_tail_told;
        }
        self.is_answering = true;
        let mut taken = Vec::with_capacity(brought.len());
        for (at, goes, packet) in brought {
            self.pass_older(kept.stream, at as u32, &mut taken);
            if goes == Goes::Joins {
                self.turn += 2;
            }
            taken.push((self.late_source(), packet));
        }
        match &mut self.gate {
            Some(gate) => gate.answered(now, BETWEEN_MAX),
            None if !taken.is_empty() => self.turn += 2,
            None => {}
        }
        taken
    }

    /// Lets on what waits and was spoken before that time of that stream: it waits for what is here by now, as a gap behind it is
    /// being filled.
    fn pass_older(&mut self, ssrc: u32, time: u32, on: &mut Vec<(Source, BytesMut)>) {
        let place = |ssrc: u32| self.streams.iter().position(|stream| stream.ssrc == ssrc);
        let is_older = |packet: &[u8]| {
            let Some(header) = Header::parse(packet) else {
                return false;
            };
            match place(header.ssrc).cmp(&place(ssrc)) {
                Ordering::Less => true,
                Ordering::Equal => (header.ts.wrapping_sub(time) as i32) < 0,
                Ordering::Greater => false,
            }
        };
        let Some(gate) = &mut self.gate else { return };
        let count = gate.waiting.iter().take_while(|(_, packet)| is_older(packet)).count();
        if count == 0 {
            return;
        }
        self.turn += 2;
        for (generation, packet) in gate.waiting.drain(..count) {
            gate.bytes -= packet.len();
            on.push((source(generation, self.turn), packet));
        }
    }

    /// Nothing is lacking that live speech waits for.
    pub(super) fn is_whole(&self) -> bool {
        self.gate.is_some()
            && self
                .streams
                .iter()
                .all(|stream| !stream.is_awaited || stream.is_whole())
    }

    /// Live speech has waited for long enough.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.poll_timeout().is_some_and(|due| due <= now)
    }

    /// When to see [`Late::is_due`].
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.gate.as_ref().map(|gate| gate.due(self.at, self.is_lost))
    }

    /// Nothing waits any longer: the packets that did, in order.
    pub(super) fn open(&mut self, now: Instant) -> Vec<(Source, BytesMut)> {
        let Some(gate) = self.gate.take() else {
            return Vec::new();
        };
        // who is out of reach again, or was all the time, is not to blame
        let is_out_of_reach = !self.is_reachable || now.saturating_duration_since(self.at) >= OUT_OF_REACH;
        self.is_answering = gate.is_answered || (self.is_answering && is_out_of_reach);
        self.turn += 2;
        for stream in &mut self.streams {
            stream.is_awaited = false;
        }
        let waited = gate.waiting.into_iter();
        waited
            .map(|(generation, packet)| (source(generation, self.turn), packet))
            .collect()
    }

    /// Once a second: gives up what is too old, and has each stream told that has moved. A browser that hears nothing of it while it
    /// speaks knows by that that it is away.
    pub(super) fn age(&mut self) {
        for stream in &mut self.streams {
            self.lost += stream.heard.age();
            stream.is_telling |= stream.heard.end() != stream.told;
        }
    }

    /// What is the AI's for good has changed: the browser is told soon.
    pub(super) fn tell(&mut self, nth: u64) {
        self.knows = nth;
        self.tell_all();
    }

    /// The browser is told of each stream.
    pub(super) fn tell_all(&mut self) {
        for stream in &mut self.streams {
            stream.is_telling = true;
        }
    }

    /// What the browser is to be told. `at_risk_from`: SSRC and timestamp of the oldest speech that is lost should this process end
    /// now: a browser keeps that, though it has arrived, for a process after this one.
    pub(super) fn poll_told(&mut self, at_risk_from: impl FnOnce() -> Option<(u32, u32)>) -> Option<Received> {
        if !self.is_kept {
            return None;
        }
        let at = self.streams.iter().position(|stream| stream.is_telling)?;
        let bound = at_risk_from().and_then(|(ssrc, timestamp)| {
            let from = self.streams.iter().position(|stream| stream.ssrc == ssrc)?;
            match at.cmp(&from) {
                Ordering::Less => None,
                Ordering::Equal => Some(timestamp),
                Ordering::Greater => Some(self.streams.get(at)?.heard.begin() as u32),
            }
        });
        let stream = self.streams.get_mut(at)?;
        stream.is_telling = false;
        stream.told = stream.heard.end();
        let lacks = stream.heard.lacks().take(LACKS_MAX);
        let mut lacks: Vec<_> = lacks.map(|gap| (gap.start as u32, Some(gap.end as u32))).collect();
        if stream.is_tail_wanted {
            lacks.push((stream.heard.end() as u32, None));
        }
        Some(Received {
            stream: stream.ssrc,
            up_to: bound.map_or(stream.heard.up_to(), |bound| stream.heard.no_later(bound)) as u32,
            lacks,
            knows: self.knows,
        })
    }

    /// Milliseconds that are lost, since the last call.
    pub(super) fn take_lost_ms(&mut self) -> u64 {
        let ms = self.lost / u64::from(TICKS_PER_MS);
        self.lost -= ms * u64::from(TICKS_PER_MS);
        ms
    }
}

impl Tracked {
    fn new(ssrc: u32, heard: Heard) -> Self {
        Self {
            ssrc,
            told: heard.end(),
            heard,
            is_tail_wanted: false,
            is_awaited: false,
            is_former: false,
            is_telling: false,
        }
    }

    fn is_whole(&self) -> bool {
        !self.is_tail_wanted && self.heard.lacks().next().is_none()
    }
}

fn source(generation: u32, turn: u32) -> Source {
    Source(u64::from(generation) << 32 | u64::from(turn))
}

fn ticks_of(passed: Duration) -> u64 {
    (passed.as_millis() as u64).saturating_mul(u64::from(TICKS_PER_MS))
}

/// A packet as the browser would have sent it. Numbered by its time, so that `hold` can put it in its place.
fn packet(stream: u32, at: u64, ticks: u32, payload: &[u8]) -> BytesMut {
    let unit = ticks.clamp(1, USUAL);
    let header = Header {
        marker: false,
        pt: 111,
        seq: (at / u64::from(unit)) as u16,
        ts: at as u32,
        ssrc: stream,
        payload_at: FIXED,
        payload_end: FIXED + payload.len(),
    };
    let mut packet = BytesMut::with_capacity(FIXED + payload.len());
    packet.extend_from_slice(&header.bytes());
    packet.extend_from_slice(payload);
    packet
}
