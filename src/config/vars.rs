//! Reading single variables out of the map, with errors that name them.

use super::{Error, TABLE};
use secrecy::SecretString;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// The map, and which names were asked for (a test holds them against the table).
pub(super) struct Vars<'a> {
    map: &'a BTreeMap<String, String>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Vars<'a> {
    pub(super) fn new(map: &'a BTreeMap<String, String>) -> Self {
        Self {
            map,
            asked: RefCell::default(),
        }
    }

    /// The trimmed text of a variable; None where it is not set or empty.
    pub(super) fn text(&self, name: &'static str) -> Option<&'a str> {
        debug_assert!(TABLE.iter().any(|row| row.name == name), "{name} is not in the table");
        self.asked.borrow_mut().insert(name);
        self.map
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// A secret, where it is set.
    pub(super) fn secret(&self, name: &'static str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    /// A value that parses, where it is set. `what` says what it should be, e.g. "an address such as 0.0.0.0:8080".
    pub(super) fn parsed<T: FromStr>(&self, name: &'static str, what: &str) -> Result<Option<T>, Error> {
        self.text(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| refuse(name, format!("should be {what}, but is {text:?}")))
            })
            .transpose()
    }

    /// A whole number within bounds, or the default.
    #[expect(clippy::needless_pass_by_value, reason = "numbers")]
    pub(super) fn number<T>(&self, name: &'static str, default: T, min: T, max: T) -> Result<T, Error>
    where
        T: FromStr + PartialOrd + Display,
    {
        let what = format!("a whole number from {min} to {max}");
        match self.parsed::<T>(name, &what)? {
            None => Ok(default),
            Some(n) if n >= min && n <= max => Ok(n),
            Some(n) => Err(refuse(name, format!("should be {what}, but is {n}"))),
        }
    }

    /// `yes` or `no`; no where it is not set.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool, Error> {
        match self.text(name) {
            None | Some("no" | "false" | "0") => Ok(false),
            Some("yes" | "true" | "1") => Ok(true),
            Some(other) => Err(refuse(name, format!("should be yes or no, but is {other:?}"))),
        }
    }

    /// Whole seconds within bounds, or the default.
    pub(super) fn seconds(&self, name: &'static str, default: u64, min: u64, max: u64) -> Result<Duration, Error> {
        self.number(name, default, min, max).map(Duration::from_secs)
    }

    /// A comma-separated list; empty where it is not set.
    pub(super) fn list<T: FromStr>(&self, name: &'static str, what: &str) -> Result<Vec<T>, Error> {
        let Some(text) = self.text(name) else {
            return Ok(Vec::new());
        };
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| {
                part.parse()
                    .map_err(|_| refuse(name, format!("should be {what}, but holds {part:?}")))
            })
            .collect()
    }

    #[cfg(test)]
    pub(super) fn asked(&self) -> BTreeSet<&'static str> {
        self.asked.borrow().clone()
    }
}

/// An error of this variable.
pub(super) fn refuse(name: &'static str, problem: impl Into<String>) -> Error {
    Error {
        name,
        problem: problem.into(),
    }
}
