//! The secrets that sign our own tokens.

use super::Error;
use super::vars::{Vars, refuse};
use secrecy::SecretString;
use std::collections::BTreeMap;

/// A secret shorter than this can be guessed (RFC 7518, 3.2: as long as the hash, at least).
pub const SECRET_BYTES_MIN: usize = 32;

/// Our tokens.
#[derive(Clone, Debug)]
pub struct Auth {
    /// `JWT_SECRET`, newest first: the first signs, each verifies, so that it can be rotated. Never empty.
    pub jwt_secrets: Vec<SecretString>,
}

impl Auth {
    /// These variables alone: for a command that needs no others.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, Error> {
        Self::read(&Vars::new(vars))
    }

    pub(super) fn read(vars: &Vars<'_>) -> Result<Self, Error> {
        const NAME: &str = "JWT_SECRET";
        let Some(text) = vars.text(NAME) else {
            return Err(refuse(
                NAME,
                "is not set; make one with: openssl rand -hex 32 (a list, newest first, rotates it)",
            ));
        };
        let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            return Err(refuse(NAME, "holds no secret"));
        }
        if let Some(at) = parts.iter().position(|part| part.len() < SECRET_BYTES_MIN) {
            return Err(refuse(
                NAME,
                format!(
                    "secret {} of the list should be {SECRET_BYTES_MIN} bytes at least",
                    at + 1
                ),
            ));
        }
        Ok(Self {
            jwt_secrets: parts.into_iter().map(SecretString::from).collect(),
        })
    }
}
