//! An interview's times.

use super::Error;
use super::vars::Vars;
use std::time::Duration;

/// The bounds of one interview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// `RESUME_WINDOW_S`: how long a candidate who is away keeps the AI leg waiting.
    pub resume_window: Duration,
    /// `TIME_WARNING_S`: how long before its end the AI is told of it.
    pub warn_before_end: Duration,
    /// `MAX_MINUTES`: no interview is longer, whatever its position says.
    pub max_minutes: u16,
}

impl Session {
    pub(super) fn read(vars: &Vars<'_>) -> Result<Self, Error> {
        Ok(Self {
            resume_window: vars.seconds("RESUME_WINDOW_S", 120, 1, 3600)?,
            warn_before_end: vars.seconds("TIME_WARNING_S", 120, 0, 3600)?,
            max_minutes: vars.number("MAX_MINUTES", 58, 1, 58)?,
        })
    }
}
