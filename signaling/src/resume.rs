//! The resume token: proof that a page was in this session before.
//!
//! Is: an opaque string bound to session and `sub` by HMAC-SHA256, numbered by generation, and the rule which
//! generations are still good. Isn't: a credential. `hello` always carries an access token too, and what a token of ours
//! adds is only "this is the page that left, tell it what it missed"; a stale one that slips through gains nothing.
//! **Law:** `welcome` gives a new one; the one before stays good until the new one is used, since a `welcome` may be lost
//! on its way. Nothing needs to be stored to check one: after a crash [`Generations`] starts from the wall clock, above all
//! that were given, and takes older ones until the first new one is used.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Keeps this MAC apart from every other use of the same secret.
const PURPOSE: &[u8] = b"vivavoce.resume.v1\0";
const VERSION: u8 = 1;
const TOKEN_BYTES: usize = 1 + 8 + 32;

/// Makes and checks tokens. Holds secrets: no `Debug`.
#[derive(Clone)]
pub struct Key {
    /// Newest first; the first one signs, all of them check.
    macs: Vec<Hmac<Sha256>>,
}

impl Key {
    /// From the server's secrets, newest first, so that they can be rotated. Without any, no token is ever good.
    pub fn new<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let macs = secrets
            .into_iter()
            .filter_map(|secret| {
                // HMAC takes keys of every length (RFC 2104, section 2), so nothing is dropped here.
                Hmac::<Sha256>::new_from_slice(secret.as_ref()).ok()
            })
            .map(|mac| mac.chain_update(PURPOSE))
            .collect();
        Self { macs }
    }

    /// A token of this generation.
    pub fn issue(&self, session: &str, sub: &str, generation: u64) -> String {
        let mut token = Vec::with_capacity(TOKEN_BYTES);
        token.push(VERSION);
        token.extend(generation.to_be_bytes());
        if let Some(mac) = self.macs.first() {
            let tag = bind(mac.clone(), session, sub, &token).finalize().into_bytes();
            token.extend(tag);
        }
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The generation of a token that is ours and for this session and caller; compared in constant time.
    pub fn check(&self, session: &str, sub: &str, token: &str) -> Option<u64> {
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (head, tag) = token.split_at_checked(TOKEN_BYTES - 32)?;
        let good = self
            .macs
            .iter()
            .any(|mac| bind(mac.clone(), session, sub, head).verify_slice(tag).is_ok());
        let (version, generation) = head.split_first()?;
        (good && *version == VERSION).then(|| generation.try_into().map(u64::from_be_bytes).ok())?
    }
}

fn bind(mac: Hmac<Sha256>, session: &str, sub: &str, head: &[u8]) -> Hmac<Sha256> {
    // Lengths before the strings: no two pairs give the same bytes.
    mac.chain_update((session.len() as u64).to_be_bytes())
        .chain_update(session)
        .chain_update((sub.len() as u64).to_be_bytes())
        .chain_update(sub)
        .chain_update(head)
}

/// Which generations of one session are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generations {
    /// The newest that was given.
    newest: u64,
    /// The newest that was used: older ones are not good.
    used: u64,
    /// Of the page that has the session; `None`: nobody has had it in this process.
    page: Option<Page>,
}

/// Which generations are one page's: what it showed when it came, and all that were given since.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Page {
    shown: Option<u64>,
    from: u64,
}

impl Generations {
    /// At the start of a session in this process. `wall_ms`: Unix time in ms. Generations given later in this process are
    /// above those of any process before it, as long as the clock does not go back; if it did, the first token used
    /// lifts the count above itself.
    pub fn starting_at(wall_ms: u64) -> Self {
        Self {
            newest: wall_ms,
            used: 0,
            page: None,
        }
    }

    /// Whether it was given to a page that another has taken the session over from, and is not that other's.
    pub fn is_passed_over(&self, generation: u64) -> bool {
        self.page
            .as_ref()
            .is_some_and(|page| generation < page.from && page.shown != Some(generation))
    }

    /// The number of the token for a page that comes, having shown this generation or none that is ours.
    pub fn welcome(&mut self, shown: Option<u64>) -> u64 {
        let from = self.fresh();
        if shown.is_none_or(|generation| self.page.is_none() || self.is_passed_over(generation)) {
            self.page = Some(Page { shown, from });
        }
        from
    }

    /// The number for the next token.
    fn fresh(&mut self) -> u64 {
        self.newest = self.newest.saturating_add(1);
        self.newest
    }

    /// A token of ours was shown: is it good? If so, those before it are not any more.
    pub fn redeem(&mut self, generation: u64) -> bool {
        if generation < self.used {
            return false;
        }
        self.used = generation;
        self.newest = self.newest.max(generation);
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    const OLD: &[u8] = b"an old secret of at least 32 bytes!";
    const NEW: &[u8] = b"a newer secret of at least 32 bytes";

    #[test]
    fn a_token_is_good_for_its_session_and_caller_alone() {
        let key = Key::new([NEW]);
        let token = key.issue("session", "sub", 5);
        let table = [
            (key.check("session", "sub", &token), Some(5)),
            (key.check("another", "sub", &token), None),
            (key.check("session", "another", &token), None),
            (key.check("sessions", "ub", &token), None),
            (key.check("session", "sub", ""), None),
            (key.check("session", "sub", "not base64 !"), None),
            (key.check("session", "sub", &token[..token.len() - 1]), None),
            (key.check("session", "sub", &format!("{token}A")), None),
            (Key::new([OLD]).check("session", "sub", &token), None),
            (Key::new(Vec::<&[u8]>::new()).check("session", "sub", &token), None),
        ];
        for (index, (found, expected)) in table.into_iter().enumerate() {
            assert_eq!(found, expected, "row {index}");
        }
    }

    #[test]
    fn without_a_secret_nothing_is_good() {
        let key = Key::new(Vec::<&[u8]>::new());
        assert_eq!(key.check("session", "sub", &key.issue("session", "sub", 5)), None);
    }

    #[test]
    fn a_rotated_secret_checks_and_does_not_sign() {
        let before = Key::new([OLD]).issue("session", "sub", 5);
        let rotated = Key::new([NEW, OLD]);
        assert_eq!(rotated.check("session", "sub", &before), Some(5));
        let after = rotated.issue("session", "sub", 6);
        assert_eq!(Key::new([OLD]).check("session", "sub", &after), None);
        assert_eq!(Key::new([NEW]).check("session", "sub", &after), Some(6));
    }

    #[test]
    fn the_one_before_is_good_until_the_new_one_is_used() {
        let mut generations = Generations::starting_at(1000);
        let first = generations.fresh();
        assert!(generations.redeem(first));
        let second = generations.fresh();
        assert!(generations.redeem(first), "the welcome with the second was lost");
        let third = generations.fresh();
        assert!(generations.redeem(third));
        assert!(!generations.redeem(first));
        assert!(!generations.redeem(second), "passed over, and older than one in use");
        assert!(generations.redeem(third), "used again before a newer one");
    }

    #[test]
    fn a_page_whose_session_another_has_is_known_by_its_token() {
        let mut generations = Generations::starting_at(1000);
        let first = generations.welcome(None);
        let again = generations.welcome(Some(first));
        assert!(!generations.is_passed_over(first) && !generations.is_passed_over(again));
        let other = generations.welcome(None);
        assert!(generations.is_passed_over(first) && generations.is_passed_over(again));
        assert!(!generations.is_passed_over(other));
        // the first is let in all the same, and the other is the one passed over
        let back = generations.welcome(Some(again));
        assert!(generations.is_passed_over(other));
        assert!(!generations.is_passed_over(back));
        assert!(!generations.is_passed_over(again), "its welcome may be lost");
        // of a process before this one: whoever comes first has it
        let mut after = Generations::starting_at(9000);
        assert!(!after.is_passed_over(back));
        let next = after.welcome(Some(back));
        assert!(!after.is_passed_over(back) && !after.is_passed_over(next));
        assert!(after.is_passed_over(other));
    }

    #[test]
    fn a_token_outlives_the_process() {
        let mut before = Generations::starting_at(1000);
        let kept = before.fresh();
        let mut after = Generations::starting_at(9000);
        assert!(after.redeem(kept));
        let next = after.fresh();
        assert!(next > kept);
        assert!(after.redeem(next));
        assert!(!after.redeem(kept));
        // A clock that went back: the token shown lifts the count above itself.
        let mut back = Generations::starting_at(10);
        assert!(back.redeem(kept));
        assert!(back.fresh() > kept);
    }

    proptest! {
        #[test]
        fn no_change_to_a_token_passes(at in 0usize..55, bit in 0u8..6) {
            let key = Key::new([NEW]);
            let good = key.issue("session", "sub", 5);
            let mut bytes = URL_SAFE_NO_PAD.decode(&good).unwrap();
            let index = at % bytes.len();
            bytes[index] ^= 1 << bit;
            prop_assert_eq!(key.check("session", "sub", &URL_SAFE_NO_PAD.encode(bytes)), None);
        }

        #[test]
        fn no_text_panics(text in ".{0,100}") {
            let _ = Key::new([NEW]).check("session", "sub", &text);
        }
    }
}
