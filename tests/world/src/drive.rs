//! A few runtimes in one thread, turn by turn, under one clock: the world's own, and each server's, which can be dropped as a process dies.
//!
//! A future that is driven is polled, then the server has a turn, then it is polled again: whatever it waits for, it waits for
//! nothing but the other's turn. Time goes on in both at once, by [`Drive::advance`] alone.

use crate::world::now;
use std::{
    cell::RefCell,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;
use vivavoce::{
    app::{self, Running},
    config::Config,
    store::journal,
};
use vivavoce_media::Shard;

/// Processes at most.
pub const SERVERS: usize = 2;
/// How often tasks of one runtime are let go on before the other has its turn.
const YIELDS: usize = 1;

enum Order {
    Start(Start),
    Kill(usize),
    Stop(usize, Box<Running>),
}

/// A server that is to be started.
pub struct Start {
    /// Which one.
    pub nth: usize,
    pub config: Box<dyn Fn() -> Config>,
    pub shards: Arc<[Shard]>,
}

#[derive(Default)]
struct Server {
    /// `None`: its process is dead.
    runtime: Option<Runtime>,
    /// Time that has gone on in the world and not yet in it.
    owed: Duration,
    /// Until it has stopped, where it was told to.
    stopping: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

pub struct Drive {
    ours: Runtime,
    servers: RefCell<[Server; SERVERS]>,
    order: RefCell<Option<Order>>,
    started: RefCell<Option<Running>>,
}

fn paused() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().expect("a runtime")
}

/// Lets the others of this runtime go on, without time.
async fn yields() {
    for _ in 0..YIELDS {
        tokio::task::yield_now().await;
    }
}

/// The other runtime's turn.
pub async fn turn() {
    let mut had = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut had, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

impl Drive {
    pub fn new() -> Rc<Self> {
        Rc::new(Self {
            ours: paused(),
            servers: RefCell::default(),
            order: RefCell::default(),
            started: RefCell::default(),
        })
    }

    /// To its end.
    pub fn run<T>(&self, what: impl Future<Output = T>) -> T {
        let mut what = pin!(what);
        loop {
            let polled = self.ours.block_on(async {
                yields().await;
                std::future::poll_fn(|context| Poll::Ready(what.as_mut().poll(context))).await
            });
            if let Poll::Ready(done) = polled {
                return done;
            }
            let order = self.order.borrow_mut().take();
            match order {
                Some(order) => self.obey(order),
                None => self.turn(),
            }
        }
    }

    /// Time goes on, for all; tasks see it at their next turn.
    pub fn advance(&self, by: Duration) {
        for server in &mut *self.servers.borrow_mut() {
            server.owed += by;
        }
        // the first poll moves the clock, what follows would give a turn
        let _ = pin!(tokio::time::advance(by)).poll(&mut Context::from_waker(Waker::noop()));
    }

    pub async fn start(&self, start: Start) -> Running {
        *self.order.borrow_mut() = Some(Order::Start(start));
        loop {
            turn().await;
            if let Some(running) = self.started.borrow_mut().take() {
                return running;
            }
        }
    }

    /// As `kill -9` does, but for what its threads have already in hand.
    pub async fn kill(&self, nth: usize) {
        *self.order.borrow_mut() = Some(Order::Kill(nth));
        turn().await;
    }

    /// As SIGTERM does: it ends in its own time.
    pub async fn stop(&self, nth: usize, running: Running) {
        *self.order.borrow_mut() = Some(Order::Stop(nth, Box::new(running)));
        turn().await;
    }

    pub fn is_stopping(&self, nth: usize) -> bool {
        self.servers.borrow()[nth].stopping.is_some()
    }

    fn turn(&self) {
        for server in &mut *self.servers.borrow_mut() {
            let by = std::mem::take(&mut server.owed);
            let Server { runtime, stopping, .. } = server;
            let Some(runtime) = runtime else { continue };
            let is_over = runtime.block_on(async {
                if !by.is_zero() {
                    tokio::time::advance(by).await;
                }
                yields().await;
                std::future::poll_fn(|context| {
                    let polled = stopping.as_mut().map(|stopping| stopping.as_mut().poll(context));
                    Poll::Ready(polled.is_some_and(|polled| polled.is_ready()))
                })
                .await
            });
            if is_over {
                *stopping = None;
            }
        }
    }

    fn obey(&self, order: Order) {
        match order {
            Order::Kill(nth) => {
                let Server { runtime, stopping, .. } = std::mem::take(&mut self.servers.borrow_mut()[nth]);
                let _within = runtime.as_ref().map(Runtime::enter);
                drop(stopping);
            }
            Order::Stop(nth, running) => self.servers.borrow_mut()[nth].stopping = Some(Box::pin(running.stop())),
            Order::Start(start) => {
                let nth = start.nth;
                let runtime = paused();
                let (running, at) = runtime.block_on(begin(self.time(), start));
                let behind = at.saturating_duration_since(self.time());
                self.ours.block_on(tokio::time::advance(behind));
                *self.started.borrow_mut() = Some(running);
                let mut servers = self.servers.borrow_mut();
                servers.iter_mut().for_each(|server| server.owed += behind);
                servers[nth] = Server {
                    runtime: Some(runtime),
                    ..Server::default()
                };
            }
        }
    }

    fn time(&self) -> Instant {
        self.ours.block_on(async { now() })
    }
}

/// A server that was started, and what time it is then.
async fn begin(from: Instant, start: Start) -> (Running, Instant) {
    let Start { config, shards, .. } = start;
    let late = from.saturating_duration_since(now());
    tokio::time::advance(late).await;
    loop {
        match app::start_on(config(), Some(shards.clone())).await {
            // the dead one's thread still closes its file
            Err(app::Error::Journal(journal::Error::InUse)) => std::thread::sleep(Duration::from_micros(200)),
            started => return (started.expect("it starts"), now()),
        }
    }
}
