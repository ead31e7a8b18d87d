//! What is kept in the database and holds a secret (an invitation's link), sealed with a key made of `JWT_SECRET`.
//!
//! **Law:** the database alone cannot tell it. After a rotation the older secrets still open what they sealed.

use crate::config;
use hmac::{Hmac, Mac as _};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::ExposeSecret as _;
use sha2::Sha256;
use std::fmt;

/// What is sealed: each has keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Answers kept for repeated requests.
    KeptAnswers,
    /// What is still to be done.
    Jobs,
}

/// It cannot be sealed, or was sealed for something else, by a secret that was dropped, or changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it does not open")]
pub struct Unopened;

/// Seals for one purpose. Cheap to share.
pub struct Sealer {
    keys: Vec<LessSafeKey>,
}

impl Sealer {
    /// One key for each secret, newest first.
    pub fn new(auth: &config::Auth, purpose: Purpose) -> Self {
        let words: &[u8] = match purpose {
            Purpose::KeptAnswers => b"vivavoce: kept answers, AES-256-GCM, 1",
            Purpose::Jobs => b"vivavoce: jobs, AES-256-GCM, 1",
        };
        let keys = auth.jwt_secrets.iter().filter_map(|secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
            mac.update(words);
            let key = UnboundKey::new(&AES_256_GCM, &mac.finalize().into_bytes()).ok()?;
            Some(LessSafeKey::new(key))
        });
        Self { keys: keys.collect() }
    }

    /// Seals `clear`; it opens only for the same `about`.
    pub fn seal(&self, about: &[u8], clear: &[u8]) -> Result<Vec<u8>, Unopened> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = clear.to_vec();
        self.keys
            .first()
            .ok_or(Unopened)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut sealed)
            .map_err(|_| Unopened)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for `about`.
    pub fn open(&self, about: &[u8], kept: &[u8]) -> Result<Vec<u8>, Unopened> {
        let opened = kept.split_first_chunk::<NONCE_LEN>().and_then(|(nonce, sealed)| {
            self.keys.iter().find_map(|with| {
                let mut sealed = sealed.to_vec();
                let nonce = Nonce::assume_unique_for_key(*nonce);
                Some(with.open_in_place(nonce, Aad::from(about), &mut sealed).ok()?.to_vec())
            })
        });
        opened.ok_or(Unopened)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("keys", &self.keys.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn sealer(secrets: &[&str], purpose: Purpose) -> Sealer {
        let auth = config::Auth {
            jwt_secrets: secrets.iter().map(|secret| (*secret).into()).collect(),
        };
        Sealer::new(&auth, purpose)
    }

    #[test]
    fn what_is_sealed_opens_for_its_own_purpose_and_thing_alone() {
        let (new, old) = ("n".repeat(32), "o".repeat(32));
        let sealed = sealer(&[&old], Purpose::KeptAnswers)
            .seal(b"a", b"secret answer")
            .unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        let rotated = sealer(&[&new, &old], Purpose::KeptAnswers);
        assert_eq!(rotated.open(b"a", &sealed).unwrap(), b"secret answer");
        assert!(rotated.open(b"b", &sealed).is_err());
        assert!(sealer(&[&new], Purpose::KeptAnswers).open(b"a", &sealed).is_err());
        assert!(sealer(&[&old], Purpose::Jobs).open(b"a", &sealed).is_err());
        assert!(rotated.open(b"a", &sealed[..10]).is_err());
    }
}
