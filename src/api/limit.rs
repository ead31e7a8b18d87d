//! How often one client address may call what needs no token, and one candidate may report text.

use super::problem::{Kind, Problem};
use crate::app::App;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

/// A browser that comes back again and again needs one socket each time: many may sit behind one address.
const SOCKETS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(600).unwrap();
/// The seed's code posts each delta of the AI's speech, which comes faster than it is spoken.
const REPORTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(50).unwrap();
const REPORTS_AT_ONCE: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// Nobody can fill another's letter box.
const LETTERS_PER_HOUR: NonZeroU32 = NonZeroU32::new(6).unwrap();

/// The buckets. Each is forgotten once it is full again ([`Limits::forget`]).
#[derive(Debug)]
pub struct Limits {
    open: Bucket<IpAddr>,
    sockets: Bucket<IpAddr>,
    reports: Bucket<String>,
    sign_ins: Bucket<String>,
}

#[derive(Debug)]
struct Bucket<K: Hash + Eq + Clone>(DefaultKeyedRateLimiter<K>);

impl<K: Hash + Eq + Clone> Bucket<K> {
    fn take(&self, key: &K) -> Result<(), Problem> {
        self.0.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Problem::new(Kind::TooMany, "").retry_after(wait)
        })
    }

    fn forget(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}

impl Limits {
    /// `per_minute` for each client address on the open calls.
    pub fn new(per_minute: u32) -> Self {
        let per_minute = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        Self {
            open: Bucket(RateLimiter::keyed(Quota::per_minute(per_minute))),
            sockets: Bucket(RateLimiter::keyed(Quota::per_minute(
                SOCKETS_PER_MINUTE.max(per_minute),
            ))),
            reports: Bucket(RateLimiter::keyed(
                Quota::per_second(REPORTS_PER_SECOND).allow_burst(REPORTS_AT_ONCE),
            )),
            sign_ins: Bucket(RateLimiter::keyed(Quota::per_hour(LETTERS_PER_HOUR))),
        }
    }

    /// One call that needs no token.
    pub fn open(&self, client: IpAddr) -> Result<(), Problem> {
        self.open.take(&network(client))
    }

    /// One WebSocket, before its upgrade.
    pub fn socket(&self, client: IpAddr) -> Result<(), Problem> {
        self.sockets.take(&network(client))
    }

    /// One text that a browser reports. `key` is the caller's, narrowed to the session.
    pub fn report(&self, key: &String) -> Result<(), Problem> {
        self.reports.take(key)
    }

    /// One letter to this address that signs in, whether or not there is such an address.
    pub fn sign_in(&self, email: &String) -> Result<(), Problem> {
        self.sign_ins.take(email)
    }

    /// Drops the buckets that are full again, so that memory does not grow with every address ever seen.
    pub fn forget(&self) {
        self.open.forget();
        self.sockets.forget();
        self.reports.forget();
        self.sign_ins.forget();
    }
}

/// One customer of an IPv6 provider has a /64 at least: its addresses are one client.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The client's address: the peer's, or what Fly's proxy says where we are on Fly.
pub fn client(request: &Request, app: &App) -> IpAddr {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.0.ip());
    if app.config.http.fly_app.is_none() {
        return peer;
    }
    let header = request.headers().get("fly-client-ip");
    header
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .unwrap_or(peer)
}

/// Middleware of the open calls.
pub async fn open_calls(State(app): State<App>, request: Request, next: Next) -> Response {
    match app.limits.open(client(&request, &app)) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Middleware of the WebSocket's address.
pub async fn sockets(State(app): State<App>, request: Request, next: Next) -> Response {
    match app.limits.socket(client(&request, &app)) {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            app.metrics.signaling_refused("too_often");
            problem.into_response()
        }
    }
}

/// How often [`Limits::forget`] is called.
pub const FORGET_EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn an_address_has_its_share_and_no_more() {
        let limits = Limits::new(3);
        let (a, b): (IpAddr, IpAddr) = ("203.0.113.1".parse().unwrap(), "203.0.113.2".parse().unwrap());
        for _ in 0..3 {
            limits.open(a).unwrap();
        }
        let refused = limits.open(a).unwrap_err();
        assert_eq!(refused.kind, Kind::TooMany);
        let wait = refused.retry_after.unwrap();
        assert!(
            wait > Duration::from_secs(18) && wait <= Duration::from_secs(20),
            "{wait:?}"
        );
        limits.open(b).unwrap();
    }

    #[test]
    fn addresses_of_one_customer_are_one() {
        let table = [
            ("2001:db8:1:2:3::4", "2001:db8:1:2::"),
            ("::ffff:203.0.113.1", "203.0.113.1"),
            ("203.0.113.1", "203.0.113.1"),
        ];
        for (client, expected) in table {
            assert_eq!(network(client.parse().unwrap()), expected.parse::<IpAddr>().unwrap());
        }
    }
}
