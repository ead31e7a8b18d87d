//! What can go wrong in the store, told without a word of what was being stored.
//!
//! Is: the store's error and the judgement of a driver's error (away, refused, or wrong in its data).
//! Isn't: the driver's own text. A database's message can carry the values of a row, and a row can be somebody's speech.
//! **Law:** of a driver's error only codes and names of our own tables and constraints get out.

use std::fmt;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, or did not answer in time. Trying again later may help.
    #[error("the database is away: {0}")]
    Away(#[source] Cause),
    /// The database answered, and refused.
    #[error("the database refused: {0}")]
    Refused(#[source] Cause),
    /// A row was read that this version does not understand.
    #[error("a stored value is not understood: {0}")]
    Corrupt(String),
    /// Migration failed or was refused.
    #[error("migration: {0}")]
    Migration(String),
    /// The row exists already under another meaning (a unique value taken), or its state forbids it.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// What the call builds on is not there, for this tenant.
    #[error("there is no such {0}")]
    Missing(&'static str),
}

impl Error {
    /// The same call will be refused for ever, because of what it carries: a journal sets such a record aside.
    pub fn is_in_the_data(&self) -> bool {
        match self {
            Self::Missing(_) | Self::Conflict(_) => true,
            Self::Refused(cause) => cause.kind == Kind::Data,
            Self::Away(_) | Self::Corrupt(_) | Self::Migration(_) => false,
        }
    }
}

/// A driver's error, scrubbed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What sort it is.
    pub kind: Kind,
    /// SQLSTATE, or SQLite's extended result code.
    pub code: Option<String>,
    /// Our constraint or table that it names.
    pub about: Option<String>,
    /// Words of ours, or of the operating system, for an operator.
    pub what: String,
}

/// What sort of failure a [`Cause`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No connection, or lost.
    Connection,
    /// No answer in time.
    Timeout,
    /// The database is full, starting, stopping, or short of something.
    Resources,
    /// A value or a constraint: the data themselves.
    Data,
    /// A unique value is taken.
    Unique,
    /// A row that is referred to is absent.
    Reference,
    /// Anything else: privileges, a missing table, a driver's mistake.
    Other,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(code) = &self.code {
            write!(f, " (code {code})")?;
        }
        if let Some(about) = &self.about {
            write!(f, " on {about}")?;
        }
        Ok(())
    }
}
impl std::error::Error for Cause {}

impl Cause {
    /// No answer within the deadline of the call.
    pub(super) fn timeout() -> Self {
        Self {
            kind: Kind::Timeout,
            code: None,
            about: None,
            what: "no answer in time".into(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let (kind, what): (Kind, String) = match &error {
            sqlx::Error::Database(database) => return of_database(&**database),
            sqlx::Error::Io(io) => (Kind::Connection, format!("connection: {}", io.kind())),
            sqlx::Error::Tls(_) => (Kind::Connection, "TLS could not be set up".into()),
            sqlx::Error::PoolTimedOut => (Kind::Timeout, "no connection in time".into()),
            sqlx::Error::PoolClosed => (Kind::Connection, "the pool is closed".into()),
            sqlx::Error::WorkerCrashed => (Kind::Connection, "the driver's thread is gone".into()),
            sqlx::Error::Protocol(_) | sqlx::Error::BeginFailed => {
                (Kind::Connection, "the connection is broken".into())
            }
            sqlx::Error::ColumnDecode { index, .. } => return Self::Corrupt(format!("column {index}")),
            sqlx::Error::Decode(_) => return Self::Corrupt("a value".into()),
            sqlx::Error::Encode(_) => (Kind::Data, "a value cannot be stored".into()),
            sqlx::Error::Configuration(_) => (Kind::Other, "the database address is not understood".into()),
            _ => (Kind::Other, "the driver failed".into()),
        };
        let cause = Cause {
            kind,
            code: None,
            about: None,
            what,
        };
        match kind {
            Kind::Connection | Kind::Timeout | Kind::Resources => Self::Away(cause),
            Kind::Data | Kind::Unique | Kind::Reference | Kind::Other => Self::Refused(cause),
        }
    }
}

fn of_database(error: &dyn sqlx::error::DatabaseError) -> Error {
    use sqlx::error::ErrorKind;
    let code = error.code().map(std::borrow::Cow::into_owned);
    let kind = match error.kind() {
        ErrorKind::UniqueViolation => Kind::Unique,
        ErrorKind::ForeignKeyViolation => Kind::Reference,
        ErrorKind::NotNullViolation | ErrorKind::CheckViolation | ErrorKind::ExclusionViolation => Kind::Data,
        _ if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() => of_sqlite(code.as_deref()),
        _ => of_sqlstate(code.as_deref().unwrap_or_default()),
    };
    let what = match kind {
        Kind::Connection => "the server is not taking calls",
        Kind::Timeout => "the server broke it off, or was busy",
        Kind::Resources => "the server is short of something",
        Kind::Data => "a value is not allowed",
        Kind::Unique => "a unique value is taken",
        Kind::Reference => "what it refers to is absent",
        Kind::Other => "an error of the server",
    };
    let about = error.constraint().or_else(|| error.table()).map(str::to_owned);
    let cause = Cause {
        kind,
        code,
        about,
        what: what.into(),
    };
    match kind {
        Kind::Connection | Kind::Timeout | Kind::Resources => Error::Away(cause),
        Kind::Data | Kind::Unique | Kind::Reference | Kind::Other => Error::Refused(cause),
    }
}

/// SQLSTATE classes, PostgreSQL's appendix A.
fn of_sqlstate(code: &str) -> Kind {
    match (code.get(..2).unwrap_or_default(), code) {
        ("08", _) | (_, "57P01" | "57P02" | "57P03" | "57P05" | "25006" | "57P04") => Kind::Connection,
        ("40", _) | (_, "57014" | "55P03" | "25P03") => Kind::Timeout,
        ("53" | "58", _) => Kind::Resources,
        ("22" | "23" | "54", _) => Kind::Data,
        _ => Kind::Other,
    }
}

/// Primary result codes, <https://www.sqlite.org/rescode.html>; the extended code has the primary one in its low byte.
fn of_sqlite(code: Option<&str>) -> Kind {
    match code.and_then(|code| code.parse::<u32>().ok()).unwrap_or_default() & 0xff {
        5 | 6 | 9 => Kind::Timeout,      // BUSY, LOCKED, INTERRUPT
        7 | 13 => Kind::Resources,       // NOMEM, FULL
        8 | 10 | 14 => Kind::Connection, // READONLY, IOERR, CANTOPEN
        18 | 19 | 20 | 25 => Kind::Data, // TOOBIG, CONSTRAINT, MISMATCH, RANGE
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn codes_are_judged() {
        let table = [
            ("57P01", Kind::Connection),
            ("57P03", Kind::Connection),
            ("08006", Kind::Connection),
            ("25006", Kind::Connection),
            ("57014", Kind::Timeout),
            ("40001", Kind::Timeout),
            ("40P01", Kind::Timeout),
            ("53100", Kind::Resources),
            ("22021", Kind::Data),
            ("23514", Kind::Data),
            ("42501", Kind::Other),
            ("42P01", Kind::Other),
            ("28P01", Kind::Other),
            ("", Kind::Other),
        ];
        for (code, kind) in table {
            assert_eq!(of_sqlstate(code), kind, "{code}");
        }
        for (code, kind) in [
            ("5", Kind::Timeout),
            ("517", Kind::Timeout),
            ("13", Kind::Resources),
            ("787", Kind::Data),
            ("1", Kind::Other),
        ] {
            assert_eq!(of_sqlite(Some(code)), kind, "{code}");
        }
    }
}
