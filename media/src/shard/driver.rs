//! The driver: the one place in this crate that reads a clock or a socket on the packets' way.
//!
//! One thread, one current-thread runtime. The main task owns the public port, the commands and the timers; each AI leg
//! has a small task that awaits its socket and runs in the same thread, so that no packet wakes another. All share one
//! [`Driver`] in a `RefCell` that is never borrowed across an await. What goes out of the public port waits until all
//! that this wake-up brought has been seen, and goes in one system call.

use super::seed::Seed;
use crate::call::{self, Core, Output, Side};
use crate::demux::{Demux, LegKey};
use crate::handle::{Action, CallConfig, Command, Inner};
use crate::udp::{self, Inbox, Outbox, Socket};
use crate::{CloseCause, Event, LegEvent};
use bytes::BytesMut;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::task::{Poll, ready};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep_until;

/// Kernel buffer of an AI leg's socket, each way, in bytes: some 20 s of speech.
const AI_BUFFER: usize = 128 << 10;
/// What is overdue is done no sooner than this after it was last done: a timer that is never satisfied does not spin.
const LEAST_WAIT: Duration = Duration::from_micros(500);
/// Between two looks for calls that nobody holds.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

#[expect(clippy::disallowed_methods, reason = "driver")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// A call on this shard.
struct Entry {
    core: Core,
    name: Arc<str>,
    events: mpsc::Sender<Event>,
    handle: Weak<Inner>,
    /// AI legs' sockets, by generation: two while one replaces the other.
    sockets: Vec<(u32, Rc<Socket>, tokio::task::AbortHandle)>,
    /// The soonest time in the heap for this call.
    scheduled: Option<Instant>,
    is_overrun: bool,
    is_over: bool,
}

/// All that the thread has.
pub(super) struct Driver {
    seed: Seed,
    calls: FxHashMap<u64, Entry>,
    demux: Demux,
    timers: BinaryHeap<Reverse<(Instant, u64)>>,
    outbox: Outbox<BytesMut>,
    /// For AI legs' sockets; taken out while it is read from.
    inbox: Option<Inbox>,
    flush: Rc<Notify>,
}

type Shared = Rc<RefCell<Driver>>;

impl Driver {
    /// Runs until all handles are gone, or it is told to stop.
    pub(super) async fn run(
        seed: Seed,
        socket: std::net::UdpSocket,
        mut commands: mpsc::Receiver<Command>,
    ) -> io::Result<()> {
        let public = Socket::new(socket)?;
        let flush = Rc::new(Notify::new());
        let driver: Shared = Rc::new(RefCell::new(Self {
            seed,
            calls: FxHashMap::default(),
            demux: Demux::default(),
            timers: BinaryHeap::new(),
            outbox: Outbox::new(),
            inbox: Some(Inbox::new()),
            flush: flush.clone(),
        }));
        let counters = driver.borrow().seed.setup.counters.clone();
        let mut inbox = Inbox::new();
        let mut sweep = now() + SWEEP_EVERY;
        let (mut cut, mut unsent) = (0, 0);
        let timer = sleep_until(sweep.into());
        tokio::pin!(timer);
        loop {
            let due = driver.borrow().next_due().map_or(sweep, |due| due.min(sweep));
            if timer.deadline().into_std() != due {
                timer.as_mut().reset(due.into());
            }
            let is_waiting = !driver.borrow().outbox.is_empty();
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    None | Some(Command::Stop) => break,
                    Some(command) => Self::command(&driver, command),
                },
                received = public.receive(&mut inbox) => {
                    received?;
                    driver.borrow_mut().public_datagrams(&mut inbox);
                }
                () = flush.notified() => {}
                () = writable(&public), if is_waiting => {}
                () = &mut timer => {}
            }
            counters.wakes.bump();
            let mut driver = driver.borrow_mut();
            let now = now();
            driver.run_timers(now);
            if sweep <= now {
                sweep = now + SWEEP_EVERY;
                driver.sweep(now);
            }
            public.flush(&mut driver.outbox);
            let (more_cut, more_unsent) = (inbox.cut(), driver.outbox.overflowed() + driver.outbox.unsendable());
            counters.dropped_unknown.add(more_cut - cut);
            counters.dropped_send.add(more_unsent - unsent);
            (cut, unsent) = (more_cut, more_unsent);
        }
        let mut driver = driver.borrow_mut();
        let ids: Vec<u64> = driver.calls.keys().copied().collect();
        for id in ids {
            driver.close(now(), id, CloseCause::Local);
        }
        public.flush(&mut driver.outbox);
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

    fn public_datagrams(&mut self, inbox: &mut Inbox) {
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
            self.after(now, key.call, now);
        }
    }

    fn ai_datagrams(&mut self, id: u64, generation: u32, inbox: &mut Inbox) {
        let now = now();
        for (from, bytes) in inbox.datagrams() {
            let Some(entry) = self.calls.get_mut(&id) else { return };
            entry.core.datagram(now, Side::Ai, generation, from, bytes);
            self.after(now, id, now);
        }
    }

    fn command(driver: &Shared, command: Command) {
        let now = now();
        match command {
            Command::Open {
                config,
                call,
                id,
                events,
            } => driver.borrow_mut().open(now, &config, call, id, events),
            Command::Call {
                id,
                action: Action::AiOffer(reply),
            } => {
                let _ = reply.send(Self::ai_offer(driver, now, id));
            }
            Command::Call { id, action } => driver.borrow_mut().act(now, id, action),
            Command::Stop => {}
        }
    }

    fn open(&mut self, now: Instant, config: &CallConfig, handle: Weak<Inner>, id: u64, events: mpsc::Sender<Event>) {
        let core = Core::new(
            now,
            self.seed.clock,
            self.seed.setup.clone(),
            self.seed.advertise.clone(),
            config.hold_ms_max,
        );
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
            Action::AiOffer(_) => {}
            Action::AiAnswer(answer, reply) => {
                let _ = reply.send(core.ai_answer(now, &answer));
            }
            Action::AiSend(text) => core.ai_send(now, &text),
            Action::AiClose => core.close_side(now, Side::Ai),
            Action::AiPcm(speech, reply) => {
                let _ = reply.send(Ok(core.ai_pcm(now, speech)));
            }
            Action::Play(generation, frame) => core.play(now, generation, &frame),
            Action::Mute(on) => core.mute(on),
            Action::Release(on) => core.release_to_ai(now, on),
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

    fn ai_offer(driver: &Shared, now: Instant, id: u64) -> Result<String, call::Error> {
        let socket_error = |error: io::Error| call::Error::Socket(error.kind());
        let ai_bind = driver.borrow().seed.ai_bind;
        let socket = udp::bind(SocketAddr::new(ai_bind, 0), AI_BUFFER).map_err(socket_error)?;
        let socket = Rc::new(Socket::new(socket).map_err(socket_error)?);
        let mut this = driver.borrow_mut();
        let entry = this.calls.get_mut(&id).ok_or(call::Error::Closed)?;
        let (generation, offer) = entry.core.ai_offer(now, named(socket.local_addr()))?;
        let task = tokio::task::spawn_local(ai_leg(Rc::downgrade(driver), socket.clone(), id, generation));
        entry.sockets.push((generation, socket, task.abort_handle()));
        this.after(now, id, now);
        Ok(offer)
    }

    fn close(&mut self, now: Instant, id: u64, cause: CloseCause) {
        if let Some(entry) = self.calls.get_mut(&id) {
            entry.core.close(now, cause);
            self.after(now, id, now);
        }
    }

    /// Carries out what a call has to say, and notes when it wants to be called again (not before `earliest`).
    fn after(&mut self, now: Instant, id: u64, earliest: Instant) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        loop {
            for send in entry.core.out.drain(..) {
                match send.side {
                    Side::Candidate => self.outbox.push(send.datagram.to, send.datagram.bytes),
                    Side::Ai => {
                        let socket = entry
                            .sockets
                            .iter()
                            .find(|(generation, ..)| *generation == send.generation);
                        if !socket.is_some_and(|(_, socket, _)| socket.send(send.datagram.to, &send.datagram.bytes)) {
                            self.seed.setup.counters.dropped_send.bump();
                        }
                    }
                }
            }
            let Some(output) = entry.core.poll_output() else { break };
            match output {
                Output::Event(event) => {
                    if entry.tell(event) {
                        continue;
                    }
                    self.seed.setup.counters.overruns.bump();
                    entry.core.close(now, CloseCause::Overrun);
                }
                Output::Accepted { generation, address } => {
                    self.demux.accept(LegKey { call: id, generation }, address);
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
                    entry.sockets.retain(|(of, _, task)| {
                        if *of == generation {
                            task.abort();
                        }
                        *of != generation
                    });
                }
            }
        }
        if entry.is_over {
            self.calls.remove(&id);
            self.seed.setup.counters.calls.set(self.calls.len() as u64);
            return;
        }
        if let Some(due) = entry.core.poll_timeout().map(|due| due.max(earliest))
            && entry.scheduled.is_none_or(|scheduled| due < scheduled)
        {
            entry.scheduled = Some(due);
            self.timers.push(Reverse((due, id)));
        }
    }
}

impl Entry {
    /// False if the owner does not read: its queue has room for the farewell alone.
    fn tell(&mut self, event: Event) -> bool {
        self.log(&event);
        if matches!(event, Event::Closed(_)) {
            self.is_over = true;
            let _ = self.events.try_send(event);
            return true;
        }
        if self.is_overrun {
            return true;
        }
        self.is_overrun = self.events.capacity() <= 1 || self.events.try_send(event).is_err();
        !self.is_overrun
    }

    /// Once for each change of state, here and nowhere else.
    fn log(&self, event: &Event) {
        let (leg, event) = match event {
            Event::Candidate(event) => ("candidate", event),
            Event::Ai(event) => ("ai", event),
            Event::Closed(cause) => {
                tracing::info!(call = &*self.name, ?cause, "call closed");
                return;
            }
        };
        let call = &*self.name;
        match event {
            LegEvent::Up { took } => tracing::info!(call, leg, took_ms = took.as_millis() as u64, "leg up"),
            LegEvent::Lost { cause } => tracing::info!(call, leg, ?cause, "leg lost"),
            LegEvent::Back => tracing::info!(call, leg, "leg back"),
            LegEvent::Closed { cause } => tracing::info!(call, leg, ?cause, "leg closed"),
            LegEvent::FirstMedia => tracing::debug!(call, leg, "first media"),
            LegEvent::ChannelOpen { .. } => tracing::debug!(call, leg, "channel open"),
            LegEvent::ChannelClosed { .. } => tracing::debug!(call, leg, "channel closed"),
            LegEvent::Message { .. } => {}
        }
    }
}

/// Awaits one AI leg's socket until the leg is gone.
async fn ai_leg(driver: std::rc::Weak<RefCell<Driver>>, socket: Rc<Socket>, id: u64, generation: u32) {
    loop {
        let received = poll_fn(|cx| {
            let Some(driver) = driver.upgrade() else {
                return Poll::Ready(false);
            };
            let mut driver = driver.borrow_mut();
            let Some(mut inbox) = driver.inbox.take() else {
                return Poll::Ready(false);
            };
            let polled = socket.poll_receive(cx, &mut inbox);
            if matches!(polled, Poll::Ready(Ok(()))) {
                driver.ai_datagrams(id, generation, &mut inbox);
                driver.flush.notify_one();
            }
            driver.inbox = Some(inbox);
            Poll::Ready(ready!(polled).is_ok())
        });
        if !received.await {
            return;
        }
    }
}

/// The socket takes more, or will say so later.
async fn writable(socket: &Socket) {
    if socket.writable().await.is_err() {
        std::future::pending::<()>().await;
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
