//! Logs go nowhere unless `RUST_LOG` asks for them: hundreds of interviews at debug level are too much to keep.

use std::sync::Once;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// The AI service's key of these tests.
pub const KEY: &str = "sk-test-5ecre7-0f-the-interview-tests";

pub fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Some(filter) = std::env::var("RUST_LOG").ok().and_then(|it| it.parse::<Targets>().ok()) else {
            return;
        };
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_writer(std::io::stderr)
            .finish()
            .with(filter)
            .init();
    });
}
