//! For tests: far peers of another make (the async `webrtc` crate) over real sockets, and a net between that loses what
//! it is told to.

mod far;
mod proxy;

pub(crate) use far::Far;
pub(crate) use proxy::{Fate, Proxy, Way, candidate};

use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "a test over real sockets lives in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Awaits a condition, up to a bound: whether it came true.
pub(crate) async fn eventually(bound: Duration, mut so: impl AsyncFnMut() -> bool) -> bool {
    let end = now() + bound;
    loop {
        if so().await {
            return true;
        }
        if now() >= end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
