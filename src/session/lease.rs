//! When an interview may be driven here, by what is known of whoever has it (pure).
//!
//! Is: the spans of heartbeats and the two judgements that are made of them: is the owner alive, may the dead be succeeded.
//! Isn't: the lease itself (`store`), nor whoever asks (`registry.rs`) and beats (`app/heart.rs`).
//! **Law:** an owner whose heart beats is never succeeded. One that is silent is, but only by a process that itself has
//! reached the database for as long: after an outage of the database all hearts are silent, and nobody is dead.
//!
//! With [`BEAT`] of 150 ms and [`DEAD_AFTER`] of 1.5 s an owner may miss nine beats (a slow commit, a collected page) and
//! its successor is in at most 1.5 s, half of the 3 s that an interview may stand still for a process's death. The last beat also
//! says until when what the interviewer said was heard, so it is to be a word old at most.

use crate::{
    ids::ProcessId,
    store::{Process, SeenProcess},
};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Between two heartbeats.
pub const BEAT: Duration = Duration::from_millis(150);
/// The same of a process that gives its sessions away: it learns at its beats who wants them.
pub const BEAT_DRAINING: Duration = Duration::from_millis(50);
/// An owner that was silent for so long is dead.
pub const DEAD_AFTER: Duration = Duration::from_millis(1500);
/// What an owner is given by a process that cannot judge: a database that was away makes all of them silent.
const NEVER: Duration = Duration::from_secs(24 * 3600);
/// Between two questions to the store for one lease.
pub const AGAIN: Duration = Duration::from_millis(50);
/// How long an owner that gives the session away is waited for. Below the handshake's wait for a verdict.
pub const GIVEN_WITHIN: Duration = Duration::from_secs(8);
/// How long one is waited for that neither beats nor is dead yet: the silence itself, and as much for a process that has
/// just begun.
pub const SILENT_WITHIN: Duration = Duration::from_secs(4);
/// Places in the conversation's order that are left for what a seized session's former owner has said and not stored yet:
/// it comes when that one's journal is replayed. Entries reach the database within milliseconds: there are a few at most.
pub const LEFT_FOR_FORMER: i32 = 64;

/// This process, as it holds leases.
#[derive(Debug)]
pub struct Holder {
    /// How it is registered.
    pub process: Process,
    steady: Mutex<Steady>,
}

impl Holder {
    /// One whose heart has not beaten yet.
    pub fn new(process: Process) -> Self {
        Self {
            process,
            steady: Mutex::default(),
        }
    }

    /// A beat has reached the database, or not. Answers whether the one before had it otherwise.
    pub fn beat(&self, now: Instant, reached: bool) -> bool {
        self.steady
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .beat(now, reached)
    }

    /// After which silence an owner may be succeeded by us.
    pub fn dead_after(&self, now: Instant) -> Duration {
        self.steady
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .dead_after(now)
    }

    /// The last beat has reached the database, if there was one: it takes writes.
    pub fn is_beating(&self) -> bool {
        self.steady.lock().unwrap_or_else(PoisonError::into_inner).is_beating()
    }
}

/// Since when our own beats reach the database.
#[derive(Clone, Copy, Debug, Default)]
struct Steady {
    since: Option<Instant>,
    last: Option<Instant>,
    failing: bool,
}

impl Steady {
    fn beat(&mut self, now: Instant, reached: bool) -> bool {
        let changed = self.failing == reached;
        self.failing = !reached;
        if !reached {
            self.since = None;
            return changed;
        }
        // Whoever was frozen itself cannot tell others' silence from its own.
        let gap = self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) >= DEAD_AFTER);
        if gap || self.since.is_none() {
            self.since = Some(now);
        }
        self.last = Some(now);
        changed
    }

    fn dead_after(&self, now: Instant) -> Duration {
        let steady = self
            .since
            .is_some_and(|since| now.saturating_duration_since(since) >= DEAD_AFTER);
        let fresh = self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < DEAD_AFTER);
        if steady && fresh { DEAD_AFTER } else { NEVER }
    }

    fn is_beating(&self) -> bool {
        !self.failing
    }
}

/// What to do about a lease that is another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask again in [`AGAIN`].
    Ask,
    /// It lives there.
    LivesAt(String),
    /// Neither to be had nor to be found in time.
    Unavailable,
}

/// One who asks for a lease until it has it or knows better.
#[derive(Clone, Debug)]
pub struct Asking {
    since: Instant,
    last: Option<(ProcessId, Duration)>,
}

impl Asking {
    /// From now on.
    pub fn since(now: Instant) -> Self {
        Self { since: now, last: None }
    }

    /// The store says that it is `owner`'s.
    pub fn next(&mut self, now: Instant, owner: &SeenProcess) -> Next {
        let waited = now.saturating_duration_since(self.since);
        if owner.is_draining {
            self.last = None;
            return if waited < GIVEN_WITHIN {
                Next::Ask
            } else {
                Next::Unavailable
            };
        }
        let last = self.last.replace((owner.id, owner.silent));
        // Silence grows, unless the heart has beaten since.
        if last.is_some_and(|(id, silent)| id == owner.id && owner.silent < silent) {
            return Next::LivesAt(owner.url.clone());
        }
        if waited < SILENT_WITHIN {
            Next::Ask
        } else {
            Next::Unavailable
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::clock::monotonic;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn owner(silent_ms: u64, is_draining: bool) -> SeenProcess {
        SeenProcess {
            id: ProcessId(Uuid::from_u128(1)),
            url: "https://one.example.com".into(),
            is_draining,
            silent: ms(silent_ms),
        }
    }

    fn lives() -> Next {
        Next::LivesAt("https://one.example.com".into())
    }

    #[test]
    fn an_owner_is_alive_once_its_heart_was_seen_to_beat() {
        let start = monotonic();
        // silence as it is seen every 50 ms, and what follows from the last of them
        let table: [(&[u64], Next); 6] = [
            (&[10], Next::Ask),
            (&[10, 60, 110], Next::Ask),
            (&[250, 300, 50], lives()),
            (&[250, 300, 350, 0], lives()),
            (&[1400, 1450], Next::Ask),
            (&[1400, 1450, 20], lives()),
        ];
        for (silences, expected) in table {
            let mut asking = Asking::since(start);
            let mut last = None;
            for (n, silent) in silences.iter().enumerate() {
                last = Some(asking.next(start + ms(50 * n as u64), &owner(*silent, false)));
            }
            assert_eq!(last, Some(expected), "{silences:?}");
        }
    }

    #[test]
    fn another_owner_is_judged_anew() {
        let start = monotonic();
        let mut asking = Asking::since(start);
        assert_eq!(asking.next(start, &owner(250, false)), Next::Ask);
        let other = SeenProcess {
            id: ProcessId(Uuid::from_u128(2)),
            ..owner(10, false)
        };
        assert_eq!(asking.next(start + ms(50), &other), Next::Ask);
    }

    #[test]
    fn a_draining_owner_is_waited_for_and_not_for_ever() {
        let start = monotonic();
        let mut asking = Asking::since(start);
        assert_eq!(asking.next(start, &owner(40, true)), Next::Ask);
        assert_eq!(
            asking.next(start + ms(50), &owner(10, true)),
            Next::Ask,
            "its heart beats: no matter"
        );
        assert_eq!(asking.next(start + GIVEN_WITHIN, &owner(10, true)), Next::Unavailable);
    }

    #[test]
    fn whoever_has_just_reached_the_database_judges_nobody() {
        let start = monotonic();
        let mut steady = Steady::default();
        assert_eq!(steady.dead_after(start), NEVER);
        for beat in 0..=5 {
            steady.beat(start + BEAT * beat, true);
        }
        assert_eq!(steady.dead_after(start + ms(1499)), NEVER);
        assert_eq!(steady.dead_after(start + ms(1500)), DEAD_AFTER);
        // The database was away for a beat, or we were frozen: anew.
        let mut away = steady;
        assert!(away.beat(start + ms(1800), false));
        assert!(away.beat(start + ms(2100), true));
        assert!(!away.beat(start + ms(2400), true));
        assert_eq!(away.dead_after(start + ms(2400)), NEVER);
        let mut frozen = steady;
        frozen.beat(start + ms(9000), true);
        assert_eq!(frozen.dead_after(start + ms(9000)), NEVER);
        assert_eq!(steady.dead_after(start + ms(9000)), NEVER, "not even a beat of our own");
    }

    proptest! {
        /// Whatever the hearts and the database do: an owner that beats is not succeeded, one that is dead is in time.
        #[test]
        fn the_living_stay_and_the_dead_are_succeeded(
            phase in 0u64..300, jitter in prop::collection::vec(0u64..400, 40), died in prop::option::of(0u64..4000),
        ) {
            let start = monotonic();
            // when the owner's beats reached the database, in ms
            let mut beats: Vec<u64> = Vec::new();
            for (n, late) in jitter.iter().enumerate() {
                let at = phase + 300 * n as u64 + late;
                if died.is_none_or(|died| at < died) { beats.push(at) }
            }
            beats.sort_unstable();
            prop_assume!(!beats.is_empty());
            let asked = beats[0] + 1;
            let mut asking = Asking::since(start + ms(asked));
            let mut now = asked;
            let end = loop {
                let last = *beats.iter().rfind(|at| **at <= now).unwrap();
                let silent = now - last;
                if silent > DEAD_AFTER.as_millis() as u64 { break None }
                match asking.next(start + ms(now), &owner(silent, false)) {
                    Next::Ask => now += 50,
                    other => break Some(other),
                }
            };
            let last_beat = *beats.last().unwrap();
            match end {
                None => prop_assert!(died.is_some() && now <= last_beat + 1600, "succeeded at {now}, beats {beats:?}"),
                Some(Next::LivesAt(_)) => prop_assert!(beats.iter().any(|at| *at > asked && *at <= now)),
                Some(other) => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
