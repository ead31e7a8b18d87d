//! Laws that `tests/world` breaks on purpose, to see that its judge would notice. A server that is built without the feature
//! `world` has nothing of it: [`is_broken`] is `false` there, and what asks it is compiled away.

/// What can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// A hold that is handed over drops its oldest second.
    Hold,
    /// A stream that joins another source on gives a timestamp that it has given.
    Timestamp,
    /// The record is in the order in which texts arrive.
    Order,
    /// A new AI leg is not told of what was said last.
    LastItem,
}

#[cfg(feature = "world")]
thread_local! {
    static BROKEN: std::cell::Cell<Option<Law>> = const { std::cell::Cell::new(None) };
}

/// From here on, in this thread, that law and no other is broken.
#[cfg(feature = "world")]
pub fn break_law(law: Option<Law>) {
    BROKEN.set(law);
}

/// Whether it is, in this thread.
#[cfg(feature = "world")]
#[must_use]
pub fn is_broken(law: Law) -> bool {
    BROKEN.get() == Some(law)
}

/// None is.
#[cfg(not(feature = "world"))]
#[must_use]
pub const fn is_broken(_law: Law) -> bool {
    false
}
