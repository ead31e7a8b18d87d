//! All that is logged while interviews run, so that it can be searched for what must never be in a log.

use std::{
    io::Write,
    sync::{Mutex, Once, PoisonError},
};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// The AI service's key of these tests: recognisable wherever it turns up.
pub const KEY: &str = "sk-test-5ecre7-0f-the-interview-tests";

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Sink;
impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything at debug and above, from ours and the libraries', once for the process.
pub fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = "info,vivavoce=trace,vivavoce_media=trace,vivavoce_signaling=trace,vivavoce_simulator=off";
        let filter: Targets = filter.parse().expect("a filter");
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(|| Sink)
            .json()
            .finish()
            .with(filter)
            .init();
    });
}

/// What was logged so far.
pub fn text() -> String {
    String::from_utf8_lossy(&LINES.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}
