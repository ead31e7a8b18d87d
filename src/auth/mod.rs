//! Who is calling: our own JWT, and what it allows.
//!
//! Is: [`Tokens`] mints and verifies, [`Caller`] is what a verified token says. Isn't: a look into the database; whether
//! the thing asked for is the caller's is decided where it is read. **Law:** every bad token is refused in the same
//! words, so that an attacker learns nothing from them.

mod caller;
mod sealer;
mod tokens;

#[cfg(test)]
mod tests;

pub use caller::{Caller, Role, bearer};
pub use sealer::{Purpose, Sealer, Unopened};
pub use tokens::{Error, ISSUER, Minted, TOKEN_BYTES_MAX, Tokens};
