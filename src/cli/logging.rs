//! The log: JSON or for people, to stderr. Spans carry session, leg and tenant.

use crate::config::{Log, LogFormat};
use std::io::{self, IsTerminal as _};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts the log, once, and lets panics say where they were, not what they held.
pub(super) fn init(log: &Log) {
    let filter: Targets = log
        .filter
        .parse()
        .unwrap_or(Targets::new().with_default(LevelFilter::INFO));
    let in_force = filter.to_string();
    let builder = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_span_events(FmtSpan::NONE)
        .with_writer(io::stderr);
    // A second start in one process (tests) keeps the first log.
    _ = match log.format {
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_current_span(false);
            builder.finish().with(filter).try_init()
        }
        LogFormat::Human => {
            let builder = builder.with_ansi(io::stderr().is_terminal());
            builder.finish().with(filter).try_init()
        }
    };
    // At the finest level: where this line stands, all that the filter names is written.
    tracing::trace!(filter = in_force, "the log begins");
    std::panic::set_hook(Box::new(|panic| {
        // The message may hold a caller's words or a secret: the place alone is told.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic: this is a fault of ours");
    }));
}
