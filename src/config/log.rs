//! What is logged, and how.

use super::Error;
use super::vars::{Vars, refuse};
use std::collections::BTreeMap;
use tracing_subscriber::filter::Targets;

/// The log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `LOG_FORMAT`.
    pub format: LogFormat,
    /// `LOG_LEVEL`: a level, or a filter such as `info,vivavoce::api=debug`.
    pub filter: String,
}

/// The shape of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person at a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

impl Log {
    /// These variables alone: for a command that needs no others.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, Error> {
        Self::read(&Vars::new(vars))
    }

    pub(super) fn read(vars: &Vars<'_>) -> Result<Self, Error> {
        let format = match vars.text("LOG_FORMAT") {
            None | Some("human") => LogFormat::Human,
            Some("json") => LogFormat::Json,
            Some(other) => {
                return Err(refuse(
                    "LOG_FORMAT",
                    format!("should be human or json, but is {other:?}"),
                ));
            }
        };
        let filter = vars.text("LOG_LEVEL").unwrap_or("info");
        if filter.parse::<Targets>().is_err() {
            return Err(refuse(
                "LOG_LEVEL",
                format!("should be a level (error, warn, info, debug, trace) or a filter, but is {filter:?}"),
            ));
        }
        Ok(Self {
            format,
            filter: filter.to_owned(),
        })
    }
}
