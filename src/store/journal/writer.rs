//! The thread that owns the journal's files.
//!
//! Is: a driver: takes what is unwritten, writes and syncs it as one (group commit: who comes during a sync shares the
//! next), removes what is drained. Isn't: on the async runtime, whose threads must not wait for a disk.
//! **Law:** a record is told durable after its sync returned, never before.

use super::Shared;
use super::segment::Folder;
use crate::clock::monotonic;
use std::io;
use std::sync::Arc;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How long a failing disk is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What there is to do.
struct Work {
    /// Frames to write, and the number behind the last.
    write: Option<(Vec<u8>, u64)>,
    /// The database has everything before it.
    drained: u64,
    stop: bool,
}

pub(super) fn start(shared: Arc<Shared>, folder: Folder, segment_bytes_max: u64) -> io::Result<()> {
    std::thread::Builder::new()
        .name("journal".into())
        .spawn(move || {
            run(&shared, folder, segment_bytes_max);
            shared.ended.send_replace(true);
        })
        .map(drop)
}

fn run(shared: &Shared, mut folder: Folder, segment_bytes_max: u64) {
    let mut retry_at = None;
    let mut cleaned = 0;
    loop {
        let work = wait(shared, retry_at, cleaned);
        if let Some((frames, until)) = work.write {
            let written = folder.append(&frames, until, segment_bytes_max);
            retry_at = written.is_err().then(|| monotonic() + RETRY_AFTER);
            heard(shared, until, written);
        }
        if work.drained > cleaned {
            cleaned = work.drained;
            if let Err(error) = folder.drained(cleaned) {
                // The records are safe; the file is in the way until the next start.
                tracing::warn!(error = %error.kind(), "a drained file of the journal cannot be removed");
            }
        }
        if work.stop {
            folder.close(cleaned);
            return;
        }
    }
}

/// Waits for work. Once told to stop, what is unwritten is still written, if the disk lets it.
fn wait(shared: &Shared, retry_at: Option<Instant>, cleaned: u64) -> Work {
    let mut state = shared.lock();
    loop {
        let pause = retry_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(monotonic()));
        let write = state.queue.has_unwritten() && (pause.is_zero() || state.stop);
        if write || state.stop || state.queue.front() > cleaned {
            return Work {
                write: write.then(|| state.queue.unwritten()),
                drained: state.queue.front(),
                stop: state.stop,
            };
        }
        state = if pause.is_zero() {
            shared.work.wait(state).unwrap_or_else(PoisonError::into_inner)
        } else {
            shared
                .work
                .wait_timeout(state, pause)
                .unwrap_or_else(PoisonError::into_inner)
                .0
        };
    }
}

fn heard(shared: &Shared, until: u64, written: io::Result<()>) {
    let mut state = shared.lock();
    let is_ok = written.is_ok();
    let was_ok = std::mem::replace(&mut state.disk_ok, is_ok);
    let durable = match written {
        Ok(()) => {
            if !was_ok {
                tracing::info!("the journal's disk is back");
            }
            state.queue.written(until)
        }
        Err(error) => {
            if was_ok {
                tracing::error!(error = %error.kind(), "the journal's disk fails: records go straight to the database");
            }
            state.queue.not_written();
            Vec::new()
        }
    };
    drop(state);
    if was_ok != is_ok {
        shared.disk.send_replace(is_ok);
    }
    shared.ready.notify_one();
    shared.tell(durable);
}
