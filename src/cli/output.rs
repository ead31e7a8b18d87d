//! Words for the terminal. A reader that went away is no failure of ours.

use super::Failure;
use serde::Serialize;
use std::io::{self, Write as _};

/// A line on stdout.
pub(super) fn say(line: &str) {
    _ = writeln!(io::stdout().lock(), "{line}");
}

/// One JSON object on one line of stdout.
pub(super) fn say_json(value: &impl Serialize) -> Result<(), Failure> {
    say(&serde_json::to_string(value)?);
    Ok(())
}

/// A line on stderr.
pub(super) fn complain(line: &str) {
    _ = writeln!(io::stderr().lock(), "vivavoce: {line}");
}
