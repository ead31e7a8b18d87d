//! How an id, a time and a word lie in a column, for both databases.
//!
//! Is: the two column types that differ between them, and the words that stand for enums. Isn't: rows (`shared/rows.rs`).
//! **Law:** both databases keep the same value: times to the microsecond in UTC, ids that sort as their UUIDs do.
//! Postgres has `uuid` and `timestamptz`; SQLite has text with hyphens, and microseconds since 1970 as an integer.

use super::{EndReason, Error, MemberRole, SessionStatus, Source, Speaker};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef};
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Encode, Postgres, Sqlite, Type};
use time::OffsetDateTime;
use uuid::{Uuid, fmt::Hyphenated};

/// An id in a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Id(pub(super) Uuid);

/// A time in a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct At(pub(super) OffsetDateTime);

// === impl Id ===

impl Type<Sqlite> for Id {
    fn type_info() -> SqliteTypeInfo {
        <Hyphenated as Type<Sqlite>>::type_info()
    }
}
impl Encode<'_, Sqlite> for Id {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <Hyphenated as Encode<Sqlite>>::encode_by_ref(&self.0.hyphenated(), buffer)
    }
}
impl<'r> Decode<'r, Sqlite> for Id {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        <Hyphenated as Decode<Sqlite>>::decode(value).map(|id| Self(id.into_uuid()))
    }
}
impl Type<Postgres> for Id {
    fn type_info() -> PgTypeInfo {
        <Uuid as Type<Postgres>>::type_info()
    }
}
impl Encode<'_, Postgres> for Id {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <Uuid as Encode<Postgres>>::encode_by_ref(&self.0, buffer)
    }
}
impl<'r> Decode<'r, Postgres> for Id {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        <Uuid as Decode<Postgres>>::decode(value).map(Self)
    }
}

// === impl At ===

impl Type<Sqlite> for At {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }
    fn compatible(ty: &SqliteTypeInfo) -> bool {
        <i64 as Type<Sqlite>>::compatible(ty)
    }
}
impl Encode<'_, Sqlite> for At {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        let micros = i64::try_from(self.0.unix_timestamp_nanos().div_euclid(1_000))?;
        <i64 as Encode<Sqlite>>::encode_by_ref(&micros, buffer)
    }
}
impl<'r> Decode<'r, Sqlite> for At {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        let micros = <i64 as Decode<Sqlite>>::decode(value)?;
        Ok(Self(OffsetDateTime::from_unix_timestamp_nanos(
            i128::from(micros) * 1_000,
        )?))
    }
}
impl Type<Postgres> for At {
    fn type_info() -> PgTypeInfo {
        <OffsetDateTime as Type<Postgres>>::type_info()
    }
}
impl Encode<'_, Postgres> for At {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <OffsetDateTime as Encode<Postgres>>::encode_by_ref(&self.0, buffer)
    }
}
impl<'r> Decode<'r, Postgres> for At {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        <OffsetDateTime as Decode<Postgres>>::decode(value).map(Self)
    }
}

// === words ===

/// An enum and the words it is stored as; one list serves both directions.
macro_rules! words {
    ($($type:ident { $($variant:ident = $word:literal),+ $(,)? })+) => {$(
        impl $type {
            /// As it is stored.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
            pub(crate) fn from_word(word: &str) -> Result<Self, Error> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(Error::Corrupt(concat!("a word for ", stringify!($type)).into())),
                }
            }
        }
    )+};
}
words! {
    SessionStatus { Created = "created", InProgress = "in_progress", Completed = "completed", Failed = "failed" }
    EndReason {
        Interviewer = "interviewer",
        Candidate = "candidate",
        Recruiter = "recruiter",
        Time = "time",
        Failed = "failed",
    }
    MemberRole { Recruiter = "recruiter", Admin = "admin" }
    Speaker { Ai = "ai", Candidate = "candidate" }
    Source { Tap = "tap", Typed = "typed", Reported = "reported" }
}
