//! Every metric's name, unit and help, in one place (SPEC.md, "Metrics").
//!
//! Is: what the server counts, and the shards' counters read at each scrape. Isn't: a place that decides when.
//! **Law:** no session, tenant or person is ever a label; a label's values are a short, closed list.

mod scraped;

use crate::auth;
use crate::store::journal;
use crate::store::{JobEnd, Source, Speaker};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use scraped::Scraped;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use vivavoce_media::Counters;

/// Which of a session's legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leg {
    /// The browser's.
    Candidate,
    /// The AI service's.
    Ai,
}

impl Leg {
    /// As a label has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Candidate => "candidate",
            Self::Ai => "ai",
        }
    }
}

/// Which way tokens went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the AI.
    In,
    /// From it.
    Out,
}

type Labels<const N: usize> = [(&'static str, &'static str); N];
type Counts<const N: usize> = Family<Labels<N>, Counter>;
type Times<const N: usize> = Family<Labels<N>, Histogram, fn() -> Histogram>;
/// Sessions by state, asked at each scrape.
pub type States = Box<dyn Fn() -> Vec<(&'static str, u64)> + Send + Sync>;

/// The journal's state, asked at each scrape.
pub type Waiting = Box<dyn Fn() -> journal::Status + Send + Sync>;

/// The registry and its metrics. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    scraped: Arc<Scraped>,
    connect: Times<1>,
    reconnects: Counts<3>,
    gap: Times<1>,
    jitter: Times<1>,
    rtt: Times<1>,
    turn: Histogram,
    entries: Counts<2>,
    store: Histogram,
    tokens: Counts<2>,
    failures: Counts<1>,
    auth_refused: Counts<1>,
    signaling_refused: Counts<1>,
    ai_events_unread: Counts<1>,
    jobs: Counts<2>,
    http: Family<HttpLabels, Counter>,
    http_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    method: &'static str,
    path: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    path: String,
}

impl Metrics {
    /// Registers everything.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("vivavoce");
        let scraped = Arc::new(Scraped::default());
        let connect: Times<1> = Family::new_with_constructor(quick);
        let gap: Times<1> = Family::new_with_constructor(slow);
        let jitter: Times<1> = Family::new_with_constructor(fine);
        let rtt: Times<1> = Family::new_with_constructor(fine);
        let http_seconds: Family<RouteLabels, Histogram, fn() -> Histogram> = Family::new_with_constructor(quick);
        let inner = Inner {
            connect,
            reconnects: Family::default(),
            gap,
            jitter,
            rtt,
            turn: slow(),
            entries: Family::default(),
            store: quick(),
            tokens: Family::default(),
            failures: Family::default(),
            auth_refused: Family::default(),
            signaling_refused: Family::default(),
            ai_events_unread: Family::default(),
            jobs: Family::default(),
            http: Family::default(),
            http_seconds,
            scraped: scraped.clone(),
            registry: Registry::default(),
        };
        registry.register_collector(Box::new(scraped));
        let r = &mut registry;
        seconds(
            r,
            "connect",
            "From a leg's offer to its media, by leg",
            inner.connect.clone(),
        );
        counted(
            r,
            "leg_reconnects",
            "Legs that were lost and tried again, by cause and outcome",
            inner.reconnects.clone(),
        );
        seconds(
            r,
            "leg_gap",
            "How long a leg was away before it came back",
            inner.gap.clone(),
        );
        seconds(
            r,
            "jitter",
            "Interarrival jitter (RFC 3550), by leg, sampled",
            inner.jitter.clone(),
        );
        seconds(r, "rtt", "Round-trip time, by leg, sampled", inner.rtt.clone());
        let help = "End of the candidate's speech to the first of the AI's, on the candidate leg";
        seconds(r, "turn_latency", help, inner.turn.clone());
        counted(
            r,
            "transcript_entries",
            "Entries of the transcript, by speaker and source",
            inner.entries.clone(),
        );
        seconds(
            r,
            "transcript_store",
            "From an event to its entry being durable",
            inner.store.clone(),
        );
        counted(
            r,
            "ai_tokens",
            "Tokens the AI service counted, by direction and modality",
            inner.tokens.clone(),
        );
        counted(
            r,
            "technical_failures",
            "Sessions that failed technically, by cause",
            inner.failures.clone(),
        );
        counted(
            r,
            "auth_refused",
            "Tokens refused, by reason",
            inner.auth_refused.clone(),
        );
        counted(
            r,
            "signaling_refused",
            "Browser sockets and frames refused, by reason",
            inner.signaling_refused.clone(),
        );
        counted(
            r,
            "ai_events_unread",
            "Events of the AI service that mean nothing to us, by reason",
            inner.ai_events_unread.clone(),
        );
        counted(
            r,
            "jobs_tried",
            "Pieces of work that outlive a request, each try, by kind and outcome",
            inner.jobs.clone(),
        );
        counted(
            r,
            "http_requests",
            "HTTP requests, by method, route and status",
            inner.http.clone(),
        );
        seconds(
            r,
            "http_request",
            "HTTP request to answer, by method and route",
            inner.http_seconds.clone(),
        );
        Self(Arc::new(Inner { registry, ..inner }))
    }

    /// Lets a shard's counters be read at each scrape.
    pub fn watch_shard(&self, counters: Arc<Counters>) {
        lock(&self.0.scraped.shards).push(counters);
    }

    /// Asks for the sessions' states at each scrape.
    pub fn watch_sessions(&self, states: States) {
        *lock(&self.0.scraped.states) = Some(states);
    }

    /// Asks for the journal's state at each scrape.
    pub fn watch_journal(&self, ask: Waiting) {
        *lock(&self.0.scraped.journal) = Some(ask);
    }

    /// Lets go of all that is asked at a scrape, which holds these metrics in turn.
    pub fn watch_nobody(&self) {
        let scraped = &self.0.scraped;
        lock(&scraped.shards).clear();
        (*lock(&scraped.states), *lock(&scraped.journal)) = (None, None);
    }

    /// OpenMetrics text.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }

    /// A leg is up.
    pub fn connected(&self, leg: Leg, took: Duration) {
        let labels = [("leg", leg.word())];
        self.0.connect.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// A lost leg was tried again. `cause` and `outcome` are words from closed lists.
    pub fn reconnected(&self, leg: Leg, cause: &'static str, outcome: &'static str) {
        let labels = [("leg", leg.word()), ("cause", cause), ("outcome", outcome)];
        self.0.reconnects.get_or_create(&labels).inc();
    }

    /// How long a leg was away before it came back.
    pub fn gap(&self, leg: Leg, gap: Duration) {
        let labels = [("leg", leg.word())];
        self.0.gap.get_or_create(&labels).observe(gap.as_secs_f64());
    }

    /// A sample of a leg's quality, milliseconds.
    pub fn quality(&self, leg: Leg, jitter_ms: f64, rtt_ms: Option<f64>) {
        let labels = [("leg", leg.word())];
        self.0.jitter.get_or_create(&labels).observe(jitter_ms / 1e3);
        if let Some(rtt_ms) = rtt_ms {
            self.0.rtt.get_or_create(&labels).observe(rtt_ms / 1e3);
        }
    }

    /// The AI answered a turn.
    pub fn turn(&self, latency: Duration) {
        self.0.turn.observe(latency.as_secs_f64());
    }

    /// An entry is durable, this long after its event.
    pub fn entry(&self, speaker: Speaker, source: Source, took: Option<Duration>) {
        let speaker = match speaker {
            Speaker::Ai => "ai",
            Speaker::Candidate => "candidate",
        };
        let source = match source {
            Source::Tap => "tap",
            Source::Typed => "typed",
            Source::Reported => "reported",
        };
        let labels = [("speaker", speaker), ("source", source)];
        self.0.entries.get_or_create(&labels).inc();
        if let Some(took) = took {
            self.0.store.observe(took.as_secs_f64());
        }
    }

    /// A job was tried. `kind` is a word from a closed list.
    pub fn job_tried(&self, kind: &'static str, end: &JobEnd) {
        let outcome = match end {
            JobEnd::Done => "done",
            JobEnd::Again(..) => "again",
            JobEnd::Failed(_) => "failed",
        };
        self.0.jobs.get_or_create(&[("kind", kind), ("outcome", outcome)]).inc();
    }

    /// The AI service counted tokens. `modality` is `text`, `audio` or `cached`.
    pub fn tokens(&self, direction: Direction, modality: &'static str, count: u64) {
        let direction = match direction {
            Direction::In => "in",
            Direction::Out => "out",
        };
        let labels = [("direction", direction), ("modality", modality)];
        self.0.tokens.get_or_create(&labels).inc_by(count);
    }

    /// A session failed technically.
    pub fn failed(&self, cause: &'static str) {
        self.0.failures.get_or_create(&[("cause", cause)]).inc();
    }

    /// A token was refused.
    pub fn auth_refused(&self, error: auth::Error) {
        let reason = match error {
            auth::Error::Missing => "missing",
            auth::Error::Forged => "forged",
            auth::Error::Expired => "expired",
            auth::Error::Claims => "claims",
        };
        self.0.auth_refused.get_or_create(&[("reason", reason)]).inc();
    }

    /// A browser's socket or frame was refused. `reason` is a word from a closed list.
    pub fn signaling_refused(&self, reason: &'static str) {
        self.0.signaling_refused.get_or_create(&[("reason", reason)]).inc();
    }

    /// An event of the AI service could not be read. `reason`: `malformed`, or `unknown` (newer than we are).
    pub fn ai_event_unread(&self, reason: &'static str) {
        self.0.ai_events_unread.get_or_create(&[("reason", reason)]).inc();
    }

    /// A request was answered. `path` is the route's, never the request's.
    pub fn http(&self, method: &'static str, path: &str, status: u16, took: Duration) {
        let path = path.to_owned();
        let route = RouteLabels {
            method,
            path: path.clone(),
        };
        self.0.http_seconds.get_or_create(&route).observe(took.as_secs_f64());
        self.0.http.get_or_create(&HttpLabels { method, path, status }).inc();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl journal::Watch for Metrics {
    fn durable(&self, after: Duration) {
        self.0.store.observe(after.as_secs_f64());
    }
}

/// 1 ms to 8 s.
fn quick() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0,
    ])
}

/// 50 ms to 5 min.
fn slow() -> Histogram {
    Histogram::new([
        0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
    ])
}

/// 0.2 ms to 1 s.
fn fine() -> Histogram {
    Histogram::new([
        0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0,
    ])
}

fn seconds(registry: &mut Registry, name: &str, help: &str, metric: impl prometheus_client::registry::Metric) {
    registry.register_with_unit(name, help, Unit::Seconds, metric);
}

fn counted(registry: &mut Registry, name: &str, help: &str, metric: impl prometheus_client::registry::Metric) {
    registry.register(name, help, metric);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
