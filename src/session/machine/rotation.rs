//! The AI service's limit on a session, met ahead of time: a second leg is made beside the first, and takes over at a pause.
//!
//! **Law:** make before break. Where the second leg cannot be had, the first goes on, and the service's own end of it is met like
//! any other loss.

use super::{Action, AiLeg, Machine};
use std::time::{Duration, Instant};

/// How long nobody has spoken, and no answer been due, before one leg takes over from the other.
const PAUSE: Duration = Duration::from_millis(200);
/// After a second leg could not be had.
const AGAIN_AFTER: Duration = Duration::from_secs(15);
/// An interview that ends so long before the service would end it needs no second leg.
const SPARE: Duration = Duration::from_secs(30);

/// The leg that is to take over.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Next {
    #[default]
    None,
    Dialling {
        since: Instant,
    },
    Ready,
    Failed {
        at: Instant,
    },
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Rotation {
    pub(super) next: Next,
    /// When the service ends the session by itself, and how long before that a second leg is made.
    expires: Option<(Instant, Duration)>,
    quiet_since: Option<Instant>,
}

impl Machine {
    /// The AI leg is up: its session lasts so long, as far as is known.
    pub(super) fn session_begins(&mut self, now: Instant, lasts: Duration) {
        // a sixth of it before its end: ten minutes of an hour
        self.rotation.expires = Some((now + lasts, lasts / 6));
    }

    /// The service has said when it ends this session.
    pub(super) fn knows_its_end(&self) -> bool {
        self.rotation.expires.is_some()
    }

    /// There is no AI leg, or it is another: what was to take over has nothing to take over from.
    pub(super) fn forget_next(&mut self) {
        if matches!(self.rotation.next, Next::Dialling { .. } | Next::Ready) {
            self.actions.push_back(Action::DropNext);
        }
        self.rotation = Rotation::default();
    }

    pub(super) fn rotate_at(&self) -> Option<Instant> {
        let (expires, before) = self.rotation.expires?;
        let needed = self.ends_at().is_none_or(|end| end + SPARE > expires);
        if !self.ai_ready || !needed || self.goodbye.is_some() || self.websocket {
            return None;
        }
        match self.rotation.next {
            Next::None => expires.checked_sub(before),
            Next::Failed { at } => Some(at + AGAIN_AFTER),
            Next::Dialling { .. } | Next::Ready => None,
        }
    }

    pub(super) fn next_connect_at(&self) -> Option<Instant> {
        match self.rotation.next {
            Next::Dialling { since } => Some(since + self.limits.ai_connect_max),
            _ => None,
        }
    }

    pub(super) fn switch_at(&self) -> Option<Instant> {
        let quiet = self.rotation.quiet_since?;
        (self.rotation.next == Next::Ready).then(|| quiet + PAUSE)
    }

    pub(super) fn rotate(&mut self, now: Instant) {
        self.note("ai", "rotating", "the service's limit is near");
        self.rotation.next = Next::Dialling { since: now };
        self.actions.push_back(Action::DialNext);
    }

    pub(super) fn next_ready(&mut self) {
        if matches!(self.rotation.next, Next::Dialling { .. }) {
            self.rotation.next = Next::Ready;
        }
    }

    pub(super) fn next_failed(&mut self, now: Instant, cause: &str) {
        if matches!(self.rotation.next, Next::Dialling { .. } | Next::Ready) {
            self.note("ai", "not_rotated", cause);
            self.rotation.next = Next::Failed { at: now };
            self.actions.push_back(Action::DropNext);
        }
    }

    /// The second leg is there: it takes over now. Its session's end is told by the service, or is as long as any.
    pub(super) fn switch(&mut self, now: Instant) {
        self.rotation = Rotation::default();
        self.session_begins(now, self.limits.ai_session);
        self.ai = AiLeg::Up { since: now };
        self.note("ai", "rotated", "");
        self.forget_turn();
        self.actions.push_back(Action::SwitchAi);
    }

    /// Keeps account of pauses; after every event.
    pub(super) fn heed_pause(&mut self, now: Instant) {
        let is_pause = self.is_quiet()
            && !self.candidate_speaks
            && self.stuck_at().is_none()
            && self.go_on_at.is_none()
            && self.goodbye.is_none()
            && self.greeted;
        self.rotation.quiet_since = is_pause.then(|| self.rotation.quiet_since.unwrap_or(now));
    }
}
