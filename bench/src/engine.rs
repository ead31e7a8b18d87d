//! Many far ends on one thread: their sockets, their packets 50 times a second, and when each arrives at the other side.
//!
//! Is: the load, and the clock that both the relay and the bare reference are judged by. Isn't: HTTP (`ai.rs`, `client.rs`), nor
//! a verdict (`compare.rs`). **Laws:** every far end has a socket of its own, as far ends have; sending is spread evenly over
//! the 20 ms; a packet is known by what its payload says, so that nothing which the relay may rewrite is relied on; and the same
//! loop, payload and datagram size serve the reference, so that what the load itself costs is the same on both sides.

mod end;
mod line;

use std::{
    net::{IpAddr, SocketAddr},
    sync::mpsc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use nix::sys::{
    epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
    time::TimeSpec,
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};
use tokio::sync::oneshot;

use crate::peer::{self, Role};
use end::{End, Read};
use line::Line;

/// Between two packets of one far end.
pub const PTIME: Duration = Duration::from_millis(20);
/// A packet that takes longer is as good as lost to a jitter buffer that has settled.
pub const ON_TIME: Duration = Duration::from_millis(50);
/// After a window, how long its packets may still come in.
pub const SETTLE: Duration = Duration::from_millis(500);
const TIMER: u64 = u64::MAX;

/// Why a far end could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket, or epoll.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The peer refused.
    #[error(transparent)]
    Peer(#[from] peer::Error),
    /// The thread has ended.
    #[error("the load's thread has ended")]
    Ended,
    /// Not within its time.
    #[error("{0} within {1:?}")]
    Late(&'static str, Duration),
}

impl From<nix::Error> for Error {
    fn from(error: nix::Error) -> Self {
        Self::Io(error.into())
    }
}

/// What became of the packets of one window.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Sent, all far ends together.
    pub sent: u64,
    /// Arrived at the other side, however late.
    pub received: u64,
    /// Arrived later than [`ON_TIME`].
    pub late: u64,
    /// From send to arrival, in microseconds.
    pub delay_us: Histogram<u64>,
    /// How long the window was.
    pub window: Duration,
}

/// A handle on the thread. It ends when this is dropped.
#[derive(Debug)]
pub struct Engine {
    commands: mpsc::Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

type Reply<T> = oneshot::Sender<Result<T, Error>>;

#[derive(Debug)]
enum Command {
    Candidate(Reply<(usize, String)>),
    Accept(usize, String, Reply<()>),
    Ai(String, Reply<(usize, String)>),
    Plain {
        relay: SocketAddr,
        hello: Vec<u8>,
        reply: Reply<usize>,
    },
    Up(usize, oneshot::Sender<Instant>),
    AiUp(usize, oneshot::Sender<Instant>),
    Send(bool),
    Open,
    Close(oneshot::Sender<Tally>),
    Leave,
}

impl Engine {
    /// Starts the thread. Far ends' sockets are bound to `from`.
    pub fn start(from: IpAddr) -> Result<Self, Error> {
        Self::start_lossy(from, 0.0)
    }

    /// As [`Engine::start`], with a network that loses that share (of 1) of the far ends' datagrams each way.
    pub fn start_lossy(from: IpAddr, loss: f64) -> Result<Self, Error> {
        let (commands, inbox) = mpsc::channel();
        let mut core = Core::new(inbox, from, loss)?;
        let thread = std::thread::Builder::new()
            .name("load".into())
            .spawn(move || core.run())?;
        Ok(Self {
            commands,
            thread: Some(thread),
        })
    }

    /// A new candidate: its number, and its offer.
    pub async fn candidate(&self) -> Result<(usize, String), Error> {
        self.ask(Command::Candidate).await
    }

    /// The relay's answer to a candidate.
    pub async fn accept(&self, candidate: usize, answer: String) -> Result<(), Error> {
        self.ask(|reply| Command::Accept(candidate, answer, reply)).await
    }

    /// A new AI side for the relay's offer: its number, and its answer.
    pub async fn ai(&self, offer: String) -> Result<(usize, String), Error> {
        self.ask(|reply| Command::Ai(offer, reply)).await
    }

    /// A far end without any crypto, whose first datagram is `hello` and which is up once that has come back.
    pub async fn plain(&self, relay: SocketAddr, hello: Vec<u8>) -> Result<usize, Error> {
        self.ask(|reply| Command::Plain { relay, hello, reply }).await
    }

    /// When this far end was up.
    pub async fn up(&self, end: usize, within: Duration) -> Result<Instant, Error> {
        self.wait(|reply| Command::Up(end, reply), "a far end was not up", within)
            .await
    }

    /// When the `count`th AI side was up.
    pub async fn ai_up(&self, count: usize, within: Duration) -> Result<Instant, Error> {
        self.wait(|reply| Command::AiUp(count, reply), "an AI side was not up", within)
            .await
    }

    /// All far ends that are up send, or fall silent.
    pub fn send(&self, on: bool) {
        let _ = self.commands.send(Command::Send(on));
    }

    /// Counts what is sent from here on, for so long, and what becomes of it.
    pub async fn window(&self, long: Duration) -> Result<Tally, Error> {
        self.commands.send(Command::Open).map_err(|_| Error::Ended)?;
        tokio::time::sleep(long).await;
        let (reply, tally) = oneshot::channel();
        self.commands.send(Command::Close(reply)).map_err(|_| Error::Ended)?;
        tally.await.map_err(|_| Error::Ended)
    }

    /// All far ends say goodbye and are forgotten.
    pub fn leave(&self) {
        let _ = self.commands.send(Command::Leave);
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).map_err(|_| Error::Ended)?;
        answer.await.map_err(|_| Error::Ended)?
    }

    async fn wait(
        &self,
        command: impl FnOnce(oneshot::Sender<Instant>) -> Command,
        what: &'static str,
        within: Duration,
    ) -> Result<Instant, Error> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).map_err(|_| Error::Ended)?;
        let answer = tokio::time::timeout(within, answer).await;
        answer.map_err(|_| Error::Late(what, within))?.map_err(|_| Error::Ended)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The thread ends when its inbox does.
        self.commands = mpsc::channel().0;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Core {
    inbox: mpsc::Receiver<Command>,
    from: IpAddr,
    loss: f64,
    epoll: Epoll,
    timer: TimerFd,
    ends: Vec<End>,
    /// Which end sends next, and when: each in its turn, evenly spread.
    turn: usize,
    next: Instant,
    sending: bool,
    waiting: Vec<(usize, oneshot::Sender<Instant>)>,
    waiting_ai: Vec<(usize, oneshot::Sender<Instant>)>,
    tally: Option<Tally>,
    opened: Instant,
    closing: Option<(Instant, oneshot::Sender<Tally>)>,
    checked: Instant,
}

impl Core {
    fn new(inbox: mpsc::Receiver<Command>, from: IpAddr, loss: f64) -> Result<Self, Error> {
        let epoll = Epoll::new(EpollCreateFlags::empty())?;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK)?;
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        let now = now();
        Ok(Self {
            inbox,
            from,
            loss,
            epoll,
            timer,
            ends: vec![],
            turn: 0,
            next: now,
            sending: false,
            waiting: vec![],
            waiting_ai: vec![],
            tally: None,
            opened: now,
            closing: None,
            checked: now,
        })
    }

    fn run(&mut self) {
        let mut events = vec![EpollEvent::empty(); 256];
        loop {
            loop {
                match self.inbox.try_recv() {
                    Ok(command) => self.command(command),
                    Err(mpsc::TryRecvError::Empty) => break,
                    Err(mpsc::TryRecvError::Disconnected) => return,
                }
            }
            // 1 ms bounds how long a command waits; what is due sooner has the timer.
            let count = self.epoll.wait(&mut events, EpollTimeout::from(1_u8)).unwrap_or(0);
            for event in events.iter().take(count) {
                if event.data() == TIMER {
                    let _ = self.timer.wait();
                } else {
                    self.read(event.data() as usize);
                }
            }
            self.send_due();
            self.check();
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Candidate(reply) => {
                let made = self.peer(Role::Candidate).and_then(|mut end| {
                    let offer = end.offer(now())?;
                    Ok((self.add(end)?, offer))
                });
                let _ = reply.send(made);
            }
            Command::Ai(offer, reply) => {
                let made = self.peer(Role::Ai).and_then(|mut end| {
                    let answer = end.answer(now(), offer)?;
                    Ok((self.add(end)?, answer))
                });
                let _ = reply.send(made);
            }
            Command::Accept(end, answer, reply) => {
                let _ = reply.send(
                    self.ends
                        .get_mut(end)
                        .ok_or(Error::Ended)
                        .and_then(|end| end.accept(now(), answer)),
                );
            }
            Command::Plain { relay, hello, reply } => {
                let _ = reply.send(End::plain(relay, self.from, &hello).and_then(|end| self.add(end)));
            }
            Command::Up(end, reply) => self.waiting.push((end, reply)),
            Command::AiUp(count, reply) => self.waiting_ai.push((count, reply)),
            Command::Send(on) => {
                self.sending = on;
                self.next = now();
                let step = if on {
                    PTIME / self.ends.len().max(1) as u32
                } else {
                    PTIME
                };
                let _ = self.timer.set(
                    Expiration::Interval(TimeSpec::from_duration(step)),
                    TimerSetTimeFlags::empty(),
                );
            }
            Command::Open => {
                self.opened = now();
                // Three digits of a microsecond count, up to ten seconds.
                self.tally = Histogram::new_with_bounds(1, 10_000_000, 3).ok().map(|delay_us| Tally {
                    sent: 0,
                    received: 0,
                    late: 0,
                    delay_us,
                    window: Duration::ZERO,
                });
            }
            Command::Close(reply) => {
                let now = now();
                if let Some(tally) = &mut self.tally {
                    tally.window = now - self.opened;
                }
                self.closing = Some((now + SETTLE, reply));
            }
            Command::Leave => {
                for end in &mut self.ends {
                    let _ = self.epoll.delete(end.socket());
                    end.close(now());
                }
                (self.ends, self.sending) = (vec![], false);
            }
        }
    }

    fn peer(&self, role: Role) -> Result<End, Error> {
        End::peer(now(), self.from, role, Line::new(self.loss, self.ends.len() as u64))
    }

    fn add(&mut self, end: End) -> Result<usize, Error> {
        let number = self.ends.len();
        self.epoll
            .add(end.socket(), EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
        self.ends.push(end);
        Ok(number)
    }

    fn read(&mut self, number: usize) {
        let mut buffer = [0; 2048];
        loop {
            let Some(end) = self.ends.get_mut(number) else { return };
            let stamp = match end.read(now(), &mut buffer) {
                Read::Empty => return,
                Read::Other => continue,
                Read::Speech(stamp) => stamp,
            };
            let Some(at) = self.ends.get(stamp.from).and_then(|end| end.sent_at(&stamp)) else {
                continue;
            };
            if stamp.counted
                && stamp.from != number
                && let Some(tally) = &mut self.tally
            {
                let delay = now().saturating_duration_since(at);
                tally.received += 1;
                tally.late += u64::from(delay > ON_TIME);
                tally.delay_us.saturating_record(delay.as_micros() as u64);
            }
        }
    }

    fn send_due(&mut self) {
        if !self.sending || self.ends.is_empty() {
            return;
        }
        let step = PTIME / self.ends.len() as u32;
        let now_ = now();
        // A load that was kept away does not make up for it in a burst that no far end would send.
        if now_.saturating_duration_since(self.next) > PTIME {
            self.next = now_;
        }
        while self.next <= now_ {
            let counted = self.closing.is_none() && self.tally.is_some();
            if let Some(end) = self.ends.get_mut(self.turn)
                && end.send_speech(self.turn, counted, now)
                && counted
                && let Some(tally) = &mut self.tally
            {
                tally.sent += 1;
            }
            self.turn = (self.turn + 1) % self.ends.len();
            self.next += step;
        }
    }

    /// What need not be exact to the packet: the peers' own timers, who waits, the end of a window.
    fn check(&mut self) {
        let now = now();
        if now.saturating_duration_since(self.checked) < Duration::from_millis(2) {
            return;
        }
        self.checked = now;
        for end in &mut self.ends {
            end.tick(now);
        }
        let ends = &self.ends;
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        self.waiting = waiting.filter_map(|wait| tell(wait, |end| ends.get(end)?.up)).collect();
        let mut ups: Vec<Instant> = ends.iter().filter(|end| end.is_ai()).filter_map(|end| end.up).collect();
        ups.sort_unstable();
        let waiting = std::mem::take(&mut self.waiting_ai).into_iter();
        self.waiting_ai = waiting
            .filter_map(|wait| tell(wait, |count| ups.get(count.checked_sub(1)?).copied()))
            .collect();
        if self.closing.as_ref().is_some_and(|(at, _)| *at <= now)
            && let (Some((_, reply)), Some(tally)) = (self.closing.take(), self.tally.take())
        {
            let _ = reply.send(tally);
        }
    }
}

/// Answers who waits, or keeps waiting.
fn tell(
    (key, reply): (usize, oneshot::Sender<Instant>),
    up: impl Fn(usize) -> Option<Instant>,
) -> Option<(usize, oneshot::Sender<Instant>)> {
    match up(key) {
        Some(at) => {
            let _ = reply.send(at);
            None
        }
        None => (!reply.is_closed()).then_some((key, reply)),
    }
}

#[expect(clippy::disallowed_methods, reason = "driver: the load's own clock")]
fn now() -> Instant {
    Instant::now()
}
