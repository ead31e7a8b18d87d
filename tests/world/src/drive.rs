//! Two runtimes in one thread, turn by turn, under one clock: the world's own, and the server's, which can be dropped as a process dies.
//!
//! A future that is driven is polled, then the server has a turn, then it is polled again: whatever it waits for, it waits for
//! nothing but the other's turn. Time goes on in both at once, by [`Drive::advance`] alone.

use crate::world::{now, real};
use std::{
    cell::{Cell, RefCell},
    pin::pin,
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

/// How often tasks of one runtime are let go on before the other has its turn.
const YIELDS: usize = 1;
/// Real time that a server's start is given before its timers go on.
const START_REAL: Duration = Duration::from_millis(20);

enum Order {
    Start(Box<dyn Fn() -> Config>, Arc<[Shard]>),
    Kill,
}

pub struct Drive {
    ours: Runtime,
    server: RefCell<Option<Runtime>>,
    /// Time that has gone on in the world and not yet in the server.
    owed: Cell<Duration>,
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
            server: RefCell::default(),
            owed: Cell::default(),
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
        self.owed.set(self.owed.get() + by);
        // the first poll moves the clock, what follows would give a turn
        let _ = pin!(tokio::time::advance(by)).poll(&mut Context::from_waker(Waker::noop()));
    }

    /// A server; callers are let in.
    pub async fn start(&self, config: impl Fn() -> Config + 'static, shards: Arc<[Shard]>) -> Running {
        *self.order.borrow_mut() = Some(Order::Start(Box::new(config), shards));
        loop {
            turn().await;
            if let Some(running) = self.started.borrow_mut().take() {
                return running;
            }
        }
    }

    /// As `kill -9` does, but for what its threads have already in hand.
    pub async fn kill(&self) {
        *self.order.borrow_mut() = Some(Order::Kill);
        turn().await;
    }

    fn turn(&self) {
        let Some(server) = &*self.server.borrow() else {
            self.owed.take();
            return;
        };
        server.block_on(async {
            let by = self.owed.take();
            if !by.is_zero() {
                tokio::time::advance(by).await;
            }
            yields().await;
        });
    }

    fn obey(&self, order: Order) {
        match order {
            Order::Kill => drop(self.server.take()),
            Order::Start(config, shards) => {
                self.owed.take();
                let server = paused();
                let (running, at) = server.block_on(begin(self.time(), &*config, shards));
                let behind = at.saturating_duration_since(self.time());
                self.ours.block_on(tokio::time::advance(behind));
                *self.started.borrow_mut() = Some(running);
                *self.server.borrow_mut() = Some(server);
            }
        }
    }

    fn time(&self) -> Instant {
        self.ours.block_on(async { now() })
    }
}

/// A server that is ready, and what time it is then.
async fn begin(from: Instant, config: &dyn Fn() -> Config, shards: Arc<[Shard]>) -> (Running, Instant) {
    let late = from.saturating_duration_since(now());
    tokio::time::advance(late).await;
    let mut started = pin!(async {
        let running = loop {
            match app::start_on(config(), Some(shards.clone())).await {
                // the dead one's thread still closes its file
                Err(app::Error::Journal(journal::Error::InUse)) => std::thread::sleep(Duration::from_micros(200)),
                started => break started.expect("it starts"),
            }
        };
        running.app.ready.wait().await;
        running
    });
    let began = real();
    loop {
        tokio::select! {
            biased;
            running = &mut started => return (running, now()),
            () = tokio::task::yield_now() => {}
        }
        if began.elapsed() > START_REAL {
            tokio::time::advance(Duration::from_millis(1)).await; // it waits for a timer, and not for the disk
        }
    }
}
