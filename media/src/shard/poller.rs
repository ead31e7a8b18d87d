//! What a shard's thread sleeps on: its sockets, its commands and the time, in one system call.
//!
//! Level-triggered, and readable sockets alone are asked for. An async runtime asks for writable ones too, and loopback and
//! fast networks then wake the thread once more for each datagram that has left. The time is a timer of its own that is set
//! anew only where something is due sooner: a time limit of the sleep itself would be set and taken back for each packet, and
//! the hardware's timer with it.

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Names a socket to the poller.
pub(super) type Token = u64;

/// Somebody called [`Waker::wake`].
const WOKEN: Token = Token::MAX;
/// The alarm went off.
const ALARM: Token = Token::MAX - 1;
/// Sockets that one wake-up may tell of; the others are told of by the next.
const READY: usize = 128;

/// Wakes the thread, from any other; a wake-up that nobody has seen yet is not doubled.
#[derive(Debug, Clone)]
pub(crate) struct Waker(Arc<EventFd>);

impl Waker {
    pub(super) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Self(Arc::new(EventFd::from_value_and_flags(0, flags)?)))
    }

    /// Never waits.
    pub(crate) fn wake(&self) {
        // It fails only where 2⁶⁴ − 2 wake-ups wait already.
        let _ = self.0.write(1);
    }
}

/// The sockets that are waited for.
#[derive(Debug)]
pub(super) struct Poller {
    epoll: Epoll,
    waker: Waker,
    timer: TimerFd,
    /// When the timer goes off, if it is set.
    alarm: Option<Instant>,
    events: Box<[EpollEvent]>,
}

/// What one wake-up brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ready {
    /// How many sockets have something, to be asked for with [`Poller::token`].
    pub(super) sockets: usize,
    /// Whether the waker was used.
    pub(super) woken: bool,
}

impl Poller {
    pub(super) fn new(waker: Waker) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&*waker.0, EpollEvent::new(EpollFlags::EPOLLIN, WOKEN))?;
        let timer = TimerFd::new(
            ClockId::CLOCK_MONOTONIC,
            TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK,
        )?;
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, ALARM))?;
        Ok(Self {
            epoll,
            waker,
            timer,
            alarm: None,
            events: vec![EpollEvent::empty(); READY].into_boxed_slice(),
        })
    }

    /// Tells of this socket when it can be read. Taken off by its close, or by [`Poller::remove`].
    pub(super) fn add(&self, socket: impl AsFd, token: Token) -> io::Result<()> {
        Ok(self.epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, token))?)
    }

    /// Tells of this socket when it can be written, too, or no longer.
    pub(super) fn watch_writable(&self, socket: impl AsFd, token: Token, on: bool) -> io::Result<()> {
        let flags = if on {
            EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT
        } else {
            EpollFlags::EPOLLIN
        };
        Ok(self.epoll.modify(socket, &mut EpollEvent::new(flags, token))?)
    }

    pub(super) fn remove(&self, socket: impl AsFd) -> io::Result<()> {
        Ok(self.epoll.delete(socket)?)
    }

    /// Ends a sleep at that time, if nothing does before; rounded up to the next millisecond. Where it is set to an earlier one
    /// that stays: it then wakes for nothing, and is asked for anew.
    pub(super) fn alarm(&mut self, now: Instant, at: Instant) -> io::Result<()> {
        if self.alarm.is_some_and(|alarm| alarm <= at) {
            return Ok(());
        }
        let millis = at.saturating_duration_since(now).as_micros().div_ceil(1000).max(1);
        let after = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        let once = Expiration::OneShot(TimeSpec::from_duration(after));
        self.timer.set(once, TimerSetTimeFlags::empty())?;
        self.alarm = Some(at);
        Ok(())
    }

    /// Sleeps until there is something, or only looks.
    pub(super) fn wait(&mut self, only_look: bool) -> io::Result<Ready> {
        let timeout = if only_look {
            EpollTimeout::ZERO
        } else {
            EpollTimeout::NONE
        };
        let count = match self.epoll.wait(&mut self.events, timeout) {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        let mut ready = Ready {
            sockets: 0,
            woken: false,
        };
        for at in 0..count {
            let Some(event) = self.events.get(at).copied() else {
                break;
            };
            if event.data() == WOKEN {
                ready.woken = true;
                let _ = self.waker.0.read();
            } else if event.data() == ALARM {
                self.alarm = None;
                // It does not wait: it has gone off.
                let _ = self.timer.wait();
            } else if let Some(slot) = self.events.get_mut(ready.sockets) {
                *slot = event;
                ready.sockets += 1;
            }
        }
        Ok(ready)
    }

    /// The `index`th of the sockets that the last wake-up told of.
    pub(super) fn token(&self, index: usize) -> Option<Token> {
        self.events.get(index).map(EpollEvent::data)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::net::UdpSocket;

    fn poller() -> (Poller, Waker) {
        let waker = Waker::new().unwrap();
        (Poller::new(waker.clone()).unwrap(), waker)
    }

    fn pair() -> (UdpSocket, UdpSocket) {
        let (a, b) = (
            UdpSocket::bind("127.0.0.1:0").unwrap(),
            UdpSocket::bind("127.0.0.1:0").unwrap(),
        );
        a.connect(b.local_addr().unwrap()).unwrap();
        (a, b)
    }

    fn ready(sockets: usize, woken: bool) -> Ready {
        Ready { sockets, woken }
    }

    #[test]
    fn a_wake_up_is_seen_once_however_often_it_was_given() {
        let (mut poller, waker) = poller();
        std::thread::spawn({
            let waker = waker.clone();
            move || (0..3).for_each(|_| waker.wake())
        })
        .join()
        .unwrap();
        assert_eq!(poller.wait(false).unwrap(), ready(0, true));
        assert_eq!(poller.wait(true).unwrap(), ready(0, false));
        waker.wake();
        assert_eq!(poller.wait(false).unwrap(), ready(0, true));
    }

    #[test]
    fn a_sleeping_thread_is_woken() {
        let (mut poller, waker) = poller();
        let sleeper = std::thread::spawn(move || poller.wait(false).unwrap());
        waker.wake();
        assert_eq!(sleeper.join().unwrap(), ready(0, true));
    }

    #[test]
    fn sockets_are_told_of_until_they_are_read_and_no_longer_once_removed() {
        let (mut poller, waker) = poller();
        let (pairs, mut buffer) = ([pair(), pair()], [0; 8]);
        for (token, (_, to)) in pairs.iter().enumerate() {
            poller.add(to, token as Token).unwrap();
        }
        pairs[1].0.send(b"one").unwrap();
        waker.wake();
        assert_eq!(poller.wait(false).unwrap(), ready(1, true), "each among the other");
        assert_eq!(poller.token(0), Some(1));
        assert_eq!(poller.wait(false).unwrap(), ready(1, false), "it was not read");
        pairs[1].1.recv(&mut buffer).unwrap();
        assert_eq!(poller.wait(true).unwrap(), ready(0, false));
        pairs[0].0.send(b"two").unwrap();
        poller.remove(&pairs[0].1).unwrap();
        assert_eq!(poller.wait(true).unwrap(), ready(0, false));
    }

    #[test]
    fn writable_is_told_only_while_it_is_asked_for() {
        let (mut poller, _waker) = poller();
        let (from, _to) = pair();
        poller.add(&from, 7).unwrap();
        assert_eq!(poller.wait(true).unwrap(), ready(0, false));
        poller.watch_writable(&from, 7, true).unwrap();
        assert_eq!(poller.wait(false).unwrap(), ready(1, false));
        poller.watch_writable(&from, 7, false).unwrap();
        assert_eq!(poller.wait(true).unwrap(), ready(0, false));
    }

    #[test]
    fn the_alarm_goes_off_once_and_the_soonest_counts() {
        let (mut poller, _waker) = poller();
        let began = crate::shard::driver::now();
        for after in [3_600_000, 30, 60] {
            poller.alarm(began, began + Duration::from_millis(after)).unwrap();
        }
        assert_eq!(poller.wait(false).unwrap(), ready(0, false));
        let passed = began.elapsed();
        assert!((30..3_000).contains(&passed.as_millis()), "{passed:?}");
        assert_eq!(poller.wait(true).unwrap(), ready(0, false));
        // What is overdue is done soon, not never.
        poller.alarm(began + passed, began).unwrap();
        assert_eq!(poller.wait(false).unwrap(), ready(0, false));
    }
}
