//! The one place that reads the wall clock. Cores take time as an argument; drivers ask here.

use std::{cell::Cell, time::Instant};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

/// Now, UTC, for what is stored or told to people.
#[expect(clippy::disallowed_methods, reason = "the driver's clock")]
pub fn wall() -> OffsetDateTime {
    match VIRTUAL.get() {
        Some((began, wall)) => wall + monotonic().saturating_duration_since(began),
        None => OffsetDateTime::now_utc(),
    }
}

/// Now, monotonic, for deadlines: the runtime's clock, which tests can hold.
pub fn monotonic() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A wall clock that differs by so much from what it was by the steady one was set. Less is one that is being slewed.
pub const SET_BY: time::Duration = time::Duration::milliseconds(250);

/// Wall time that runs as the monotonic clock does from one moment on: when the machine's clock is set, what has been measured
/// since does not move.
#[derive(Debug, Clone, Copy)]
pub struct Steady {
    from: Instant,
    wall: OffsetDateTime,
}

impl Steady {
    /// From now on.
    pub fn begin() -> Self {
        Self {
            from: monotonic(),
            wall: wall(),
        }
    }

    /// Now.
    pub fn now(self) -> OffsetDateTime {
        self.at(monotonic())
    }

    /// At that time, past or to come.
    pub fn at(self, at: Instant) -> OffsetDateTime {
        if at >= self.from {
            self.wall + (at - self.from)
        } else {
            self.wall - (self.from - at)
        }
    }
}

thread_local! {
    /// In a thread whose time is virtual: when it began, by either clock.
    static VIRTUAL: Cell<Option<(Instant, OffsetDateTime)>> = const { Cell::new(None) };
}

/// From here on wall time in this thread goes with the runtime's, which somebody holds (`tests/world`).
pub fn follow_the_runtime(wall: OffsetDateTime) {
    VIRTUAL.set(Some((monotonic(), wall)));
}

const RFC3339_MS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// RFC 3339 in UTC with milliseconds: the form of every time on the wire.
pub fn rfc3339_ms(at: OffsetDateTime) -> String {
    // A year outside 0 to 9999 alone cannot be written; no clock of ours gives one.
    at.to_offset(time::UtcOffset::UTC)
        .format(RFC3339_MS)
        .unwrap_or_default()
}

/// `#[serde(with = "clock::wire")]`: [`rfc3339_ms`] out, any RFC 3339 in.
pub mod wire {
    use serde::{Deserialize, Deserializer, Serializer};
    use time::{OffsetDateTime, format_description::well_known::Rfc3339};

    /// See [`super::rfc3339_ms`].
    pub fn serialize<S: Serializer>(at: &OffsetDateTime, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&super::rfc3339_ms(*at))
    }
    /// Any RFC 3339.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<OffsetDateTime, D::Error> {
        let text = String::deserialize(d)?;
        OffsetDateTime::parse(&text, &Rfc3339).map_err(serde::de::Error::custom)
    }

    /// The same for what may be absent.
    pub mod option {
        use serde::{Deserialize, Deserializer, Serializer};
        use time::{OffsetDateTime, format_description::well_known::Rfc3339};

        /// See [`crate::clock::rfc3339_ms`].
        pub fn serialize<S: Serializer>(at: &Option<OffsetDateTime>, s: S) -> Result<S::Ok, S::Error> {
            match at {
                Some(at) => s.serialize_str(&crate::clock::rfc3339_ms(*at)),
                None => s.serialize_none(),
            }
        }
        /// Any RFC 3339, or null.
        pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<OffsetDateTime>, D::Error> {
            let text = Option::<String>::deserialize(d)?;
            text.map(|text| OffsetDateTime::parse(&text, &Rfc3339).map_err(serde::de::Error::custom))
                .transpose()
        }
    }
}
