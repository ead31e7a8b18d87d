//! The driver: the one place in this crate that reads a clock or a socket on the packets' way.
//!
//! One thread and its own loop, without a runtime: it sleeps on the public port, the AI legs' sockets, the commands and the
//! soonest timer at once ([`Poller`]), takes in all that a wake-up brought, and only then sends what goes out of the public
//! port, in one system call. No packet wakes another thread.

use super::entry::Entry;
use super::grid::Grid;
use super::poller::{Poller, Token};
use super::seed::Seed;
use crate::call::{self, Core, LastHeard, Output, Side};
use crate::demux::{Demux, LegKey};
use crate::handle::{Action, CallConfig, Command, Inner};
use crate::udp::{self, Inbox, Outbox, Socket};
use crate::{CloseCause, Event};
use bytes::BytesMut;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

/// Kernel buffer of an AI leg's socket, each way, in bytes: 25 s of speech for a process that stands still, where the kernel grants
/// it (`net.core.rmem_max`). The kernel doubles it, and takes 832 bytes for a packet of the length that speech has (measured).
const AI_BUFFER: usize = 512 << 10;
/// What is overdue is done no sooner than this after it was last done: a timer that is never satisfied does not spin.
const LEAST_WAIT: Duration = Duration::from_micros(500);
/// Between two looks for calls that nobody holds.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Commands obeyed before the sockets have their turn again; of a socket, one batch is read.
const TURN: usize = 8;
/// The public port; AI legs' sockets count on from it.
const PUBLIC: Token = 0;

#[expect(clippy::disallowed_methods, reason = "driver")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// All that the thread has.
pub(super) struct Driver {
    seed: Seed,
    calls: FxHashMap<u64, Entry>,
    demux: Demux,
    timers: BinaryHeap<Reverse<(Instant, u64)>>,
    outbox: Outbox<BytesMut>,
    poller: Poller,
    /// Whose a socket is: call, generation.
    ai_sockets: FxHashMap<Token, (u64, u32, Rc<Socket>)>,
    last_token: Token,
    grid: Grid,
    /// Whether the last turn left commands that no wake-up will tell of again.
    is_behind: bool,
}

impl Driver {
    pub(super) fn new(seed: Seed, poller: Poller) -> Self {
        Self {
            seed,
            calls: FxHashMap::default(),
            demux: Demux::default(),
            timers: BinaryHeap::new(),
            outbox: Outbox::new(),
            poller,
            ai_sockets: FxHashMap::default(),
            last_token: PUBLIC,
            grid: Grid::new(now()),
            is_behind: false,
        }
    }

    /// Runs until all handles are gone, or it is told to stop.
    pub(super) fn run(mut self, socket: std::net::UdpSocket, mut commands: mpsc::Receiver<Command>) -> io::Result<()> {
        let public = Socket::new(socket)?;
        self.poller.add(&public, PUBLIC)?;
        let counters = self.seed.setup.counters.clone();
        let mut inbox = Inbox::new();
        let mut sweep = now() + SWEEP_EVERY;
        self.poller.alarm(now(), sweep)?;
        let (mut cut, mut unsent) = (0, 0);
        let mut is_full = false;
        loop {
            let ready = self.poller.wait(self.is_behind)?;
            counters.wakes.bump();
            for index in 0..ready.sockets {
                match self.poller.token(index) {
                    Some(PUBLIC) => self.read_public(&public, &mut inbox)?,
                    Some(token) => self.read_ai(token, &mut inbox),
                    None => {}
                }
            }
            let is_sweep = sweep <= now();
            // The last handle gone says nothing: it is looked for.
            if (ready.woken || self.is_behind || is_sweep) && !self.obey(&mut commands) {
                break;
            }
            let now = now();
            self.run_timers(now);
            if is_sweep {
                sweep = now + SWEEP_EVERY;
                self.sweep(now);
            }
            self.poller
                .alarm(now, self.next_due().map_or(sweep, |due| due.min(sweep)))?;
            if is_full == public.flush(&mut self.outbox) {
                is_full = !is_full;
                self.poller.watch_writable(&public, PUBLIC, is_full)?;
            }
            let (more_cut, more_unsent) = (inbox.cut(), self.outbox.overflowed() + self.outbox.unsendable());
            counters.dropped_unknown.add(more_cut - cut);
            counters.dropped_send.add(more_unsent - unsent);
            (cut, unsent) = (more_cut, more_unsent);
        }
        let ids: Vec<u64> = self.calls.keys().copied().collect();
        for id in ids {
            self.close(now(), id, CloseCause::Local);
        }
        public.flush(&mut self.outbox);
        Ok(())
    }

    fn next_due(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((due, _))| *due)
    }

    fn run_timers(&mut self, now: Instant) {
        while let Some(Reverse((due, id))) = self.timers.peek().copied() {
            if due > now {
                return;
            }
            self.timers.pop();
            let Some(entry) = self.calls.get_mut(&id) else { continue };
            if entry.scheduled == Some(due) {
                entry.scheduled = None;
            }
            if entry.core.poll_timeout().is_some_and(|due| due <= now) {
                entry.core.tick(now);
            }
            self.after(now, id, now + LEAST_WAIT);
        }
    }

    /// Calls that nobody holds any more, and whose farewell did not fit into the queue.
    fn sweep(&mut self, now: Instant) {
        let orphans: Vec<u64> = self
            .calls
            .iter()
            .filter(|(_, entry)| entry.handle.strong_count() == 0)
            .map(|(id, _)| *id)
            .collect();
        for id in orphans {
            self.close(now, id, CloseCause::Local);
        }
    }

    fn read_public(&mut self, public: &Socket, inbox: &mut Inbox) -> io::Result<()> {
        public.receive(inbox)?;
        let now = now();
        for (from, bytes) in inbox.datagrams() {
            let Some(key) = self.demux.find(from, bytes) else {
                self.seed.setup.counters.dropped_stranger.bump();
                continue;
            };
            let Some(entry) = self.calls.get_mut(&key.call) else {
                continue;
            };
            entry.core.datagram(now, Side::Candidate, key.generation, from, bytes);
            self.after_datagram(now, key.call, bytes);
        }
        Ok(())
    }

    fn read_ai(&mut self, token: Token, inbox: &mut Inbox) {
        // Gone since the wake-up, perhaps by what was read just now.
        let Some((id, generation, socket)) = self.ai_sockets.get(&token) else {
            return;
        };
        let (id, generation) = (*id, *generation);
        if let Err(error) = socket.receive(inbox) {
            // No longer listened to, or it would wake the thread for ever: its leg is lost when consent runs out.
            tracing::warn!(%error, "an AI leg's socket failed");
            let _ = self.poller.remove(&**socket);
            return;
        }
        let now = now();
        for (from, bytes) in inbox.datagrams() {
            let Some(entry) = self.calls.get_mut(&id) else { return };
            entry.core.datagram(now, Side::Ai, generation, from, bytes);
            self.after_datagram(now, id, bytes);
        }
    }

    /// Does what handles ask, a turn's worth of it; false if that is to end.
    fn obey(&mut self, commands: &mut mpsc::Receiver<Command>) -> bool {
        for _ in 0..TURN {
            match commands.try_recv() {
                Err(TryRecvError::Disconnected) | Ok(Command::Stop) => return false,
                Err(TryRecvError::Empty) => {
                    self.is_behind = false;
                    return true;
                }
                Ok(Command::Open {
                    config,
                    call,
                    heard,
                    id,
                    events,
                }) => self.open(now(), &config, (call, heard), id, events),
                Ok(Command::Call { id, action }) => self.act(now(), id, action),
            }
        }
        self.is_behind = true;
        true
    }

    fn open(
        &mut self,
        now: Instant,
        config: &CallConfig,
        (handle, heard): (Weak<Inner>, Arc<LastHeard>),
        id: u64,
        events: mpsc::Sender<Event>,
    ) {
        let mut core = Core::new(
            now,
            self.seed.clock,
            self.seed.setup.clone(),
            self.seed.advertise.clone(),
            config.hold_ms_max,
        );
        core.heard = heard;
        core.heard_before(&config.heard_before);
        let entry = Entry {
            core,
            name: config.name.clone(),
            events,
            handle,
            sockets: Vec::new(),
            scheduled: None,
            is_overrun: false,
            is_over: false,
        };
        self.calls.insert(id, entry);
        self.seed.setup.counters.calls.set(self.calls.len() as u64);
    }

    fn act(&mut self, now: Instant, id: u64, action: Action) {
        let Some(Entry { core, .. }) = self.calls.get_mut(&id) else {
            return;
        };
        match action {
            Action::CandidateOffer(offer, reply) => {
                let answer = core.candidate_offer(now, &offer);
                // Before the browser has the answer: its first check may come at once.
                self.name_legs(id);
                let _ = reply.send(answer);
            }
            Action::CandidateIce(candidate) => core.candidate_ice(now, &candidate),
            Action::CandidateSend(text) => core.candidate_send(now, &text),
            Action::CandidateClose => core.close_side(now, Side::Candidate),
            Action::AiOffer(staged, reply) => {
                let _ = reply.send(self.ai_offer(now, id, staged));
            }
            Action::AiAnswer(answer, reply) => {
                let _ = reply.send(core.ai_answer(now, &answer));
            }
            Action::AiSend(text) => core.ai_send(now, &text),
            Action::AiSendNext(text) => core.ai_send_next(now, &text),
            Action::AiSwitch => core.ai_switch(now),
            Action::AiDropNext => core.ai_drop_next(now),
            Action::AiClose => core.close_side(now, Side::Ai),
            Action::AiPcm(staged, speech, reply) => {
                let generation = if staged {
                    core.ai_pcm_staged(now, speech)
                } else {
                    core.ai_pcm(now, speech)
                };
                let _ = reply.send(Ok(generation));
            }
            Action::Play(generation, frame) => core.play(now, generation, &frame),
            Action::Mute(on) => core.mute(on),
            Action::Keep(on) => core.keep(now, on),
            Action::KeeperAway => core.keeper_away(now),
            Action::Kept(kept) => core.kept(now, &kept),
            Action::Release(on) => core.release_to_ai(now, on),
            Action::AiHas(told, is_open, nth) => core.ai_has(told, is_open, nth),
            Action::AiAgain => core.ai_again(now),
            Action::CandidateMissed => core.candidate_missed(),
            Action::Received(reply) => {
                let _ = reply.send(Ok(core.received()));
            }
            Action::Stats(reply) => {
                let _ = reply.send(Ok(core.stats()));
            }
            Action::Close => return self.close(now, id, CloseCause::Local),
        }
        self.after(now, id, now);
    }

    fn name_legs(&mut self, id: u64) {
        let Some(entry) = self.calls.get(&id) else { return };
        let mut named: Vec<(u32, Vec<&str>)> = Vec::new();
        for (generation, ufrag) in entry.core.ufrags() {
            match named.last_mut().filter(|(last, _)| *last == generation) {
                Some((_, ufrags)) => ufrags.push(ufrag),
                None => named.push((generation, vec![ufrag])),
            }
        }
        for (generation, ufrags) in named {
            self.demux.name(LegKey { call: id, generation }, ufrags.into_iter());
        }
    }

    fn ai_offer(&mut self, now: Instant, id: u64, staged: bool) -> Result<String, call::Error> {
        let socket_error = |error: io::Error| call::Error::Socket(error.kind());
        let entry = self.calls.get_mut(&id).ok_or(call::Error::Closed)?;
        let socket = udp::bind(SocketAddr::new(self.seed.ai_bind, 0), AI_BUFFER).map_err(socket_error)?;
        let socket = Rc::new(Socket::new(socket).map_err(socket_error)?);
        let token = self.last_token + 1;
        self.poller.add(&*socket, token).map_err(socket_error)?;
        self.last_token = token;
        let (generation, offer) = entry.core.ai_offer(now, named(socket.local_addr()), staged)?;
        entry.sockets.push((generation, token, socket.clone()));
        self.ai_sockets.insert(token, (id, generation, socket));
        Ok(offer)
    }

    fn close(&mut self, now: Instant, id: u64, cause: CloseCause) {
        if let Some(entry) = self.calls.get_mut(&id) {
            entry.core.close(now, cause);
            self.after(now, id, now);
        }
    }

    /// As [`Driver::after`], without a look at the call's timers where they are as they were: a packet that is passed on makes
    /// nothing due sooner.
    fn after_datagram(&mut self, now: Instant, id: u64, bytes: &[u8]) {
        let is_told = self.carry_out(now, id);
        let is_scheduled = self.calls.get(&id).is_some_and(|entry| entry.scheduled.is_some());
        if !call::is_media(bytes) || is_told || !is_scheduled {
            self.schedule(now, id, now);
        }
    }

    /// Carries out what a call has to say, and notes when it wants to be called again (not before `earliest`).
    fn after(&mut self, now: Instant, id: u64, earliest: Instant) {
        self.carry_out(now, id);
        self.schedule(now, id, earliest);
    }

    /// Whether there was anything but datagrams.
    fn carry_out(&mut self, now: Instant, id: u64) -> bool {
        let Some(entry) = self.calls.get_mut(&id) else {
            return false;
        };
        let mut is_told = false;
        loop {
            for send in entry.core.out.drain(..) {
                match send.side {
                    Side::Candidate => self.outbox.push(send.datagram.to, send.datagram.bytes),
                    Side::Ai => {
                        let socket = entry
                            .sockets
                            .iter()
                            .find(|(generation, ..)| *generation == send.generation);
                        if !socket.is_some_and(|(_, _, socket)| socket.send(send.datagram.to, &send.datagram.bytes)) {
                            self.seed.setup.counters.dropped_send.bump();
                        }
                    }
                }
            }
            let Some(output) = entry.core.poll_output() else { break };
            is_told = true;
            match output {
                Output::Event(event) => {
                    if entry.tell(event) {
                        continue;
                    }
                    self.seed.setup.counters.overruns.bump();
                    entry.core.close(now, CloseCause::Overrun);
                }
                Output::Accepted { generation, sign } => {
                    self.demux.accept(LegKey { call: id, generation }, sign);
                }
                Output::Gone {
                    side: Side::Candidate,
                    generation,
                } => {
                    self.demux.remove(LegKey { call: id, generation });
                }
                Output::Gone {
                    side: Side::Ai,
                    generation,
                } => {
                    entry.sockets.retain(|(of, token, socket)| {
                        if *of == generation {
                            let _ = self.poller.remove(&**socket);
                            self.ai_sockets.remove(token);
                        }
                        *of != generation
                    });
                }
            }
        }
        if entry.is_over {
            for (_, token, _) in &entry.sockets {
                self.ai_sockets.remove(token);
            }
            self.calls.remove(&id);
            self.seed.setup.counters.calls.set(self.calls.len() as u64);
        }
        is_told
    }

    fn schedule(&mut self, now: Instant, id: u64, earliest: Instant) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        let due = entry.core.poll_timeout().map(|due| due.max(earliest));
        if let Some(due) = due.map(|due| self.grid.round(now, due))
            && entry.scheduled.is_none_or(|scheduled| due < scheduled)
        {
            entry.scheduled = Some(due);
            self.timers.push(Reverse((due, id)));
        }
    }
}

/// What the agent calls a socket that is bound to all addresses: any name will do, as nobody is told it.
fn named(bound: SocketAddr) -> SocketAddr {
    if !bound.ip().is_unspecified() {
        return bound;
    }
    let ip = if bound.is_ipv4() {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    } else {
        IpAddr::V6(Ipv6Addr::LOCALHOST)
    };
    SocketAddr::new(ip, bound.port())
}
