//! A second AI leg, made beside the first, which takes over at a pause: before the service's limit on a session, and for the way back
//! from a WebSocket to WebRTC (`back.rs`).
//!
//! **Law:** make before break. Where the second leg cannot be had, the first goes on, and the service's own end of it is met like
//! any other loss.

use super::{Action, AiLeg, Machine};
use crate::config::Transport;
use rand::Rng as _;
use std::time::{Duration, Instant};

/// How long nobody has spoken, and no answer been due, before one leg takes over from the other.
const PAUSE: Duration = Duration::from_millis(200);
/// After a second leg could not be had for the first time; doubles, with jitter.
const AGAIN_AFTER: Duration = Duration::from_secs(15);
/// The longest such wait.
const AGAIN_MAX: Duration = Duration::from_secs(120);
/// Second legs that may fail before the limit is left to come.
const TRIES_MAX: u32 = 12;
/// An interview that ends so long before the service would end it needs no second leg.
const SPARE: Duration = Duration::from_secs(30);

/// The leg that is to take over.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Next {
    #[default]
    None,
    Dialling {
        since: Instant,
        transport: Transport,
        why: Why,
    },
    Ready {
        transport: Transport,
        why: Why,
    },
}

/// What a second leg is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The service ends the first before long.
    Limit,
    /// The first is a WebSocket.
    Back,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Rotation {
    pub(super) next: Next,
    /// When the service ends the session by itself, and how long before that a second leg is made.
    expires: Option<(Instant, Duration)>,
    /// The same of the second's.
    next_expires: Option<(Instant, Duration)>,
    quiet_since: Option<Instant>,
    /// Not before then, since another could not be had.
    again: Option<Instant>,
    /// Second legs that were to be made before the limit and could not be had; of those, over WebRTC.
    tries: u32,
    webrtc_tries: u32,
}

impl Rotation {
    /// What is known of the first leg; nothing of a second.
    fn of(expires: Option<(Instant, Duration)>) -> Self {
        Self {
            expires,
            ..Self::default()
        }
    }
}

/// A sixth of a session before its end: ten minutes of an hour.
fn before(now: Instant, lasts: Duration) -> (Instant, Duration) {
    (now + lasts, lasts / 6)
}

impl Machine {
    /// The AI leg is up: its session lasts so long, as far as is known.
    pub(super) fn session_begins(&mut self, now: Instant, lasts: Duration) {
        self.rotation.expires = Some(before(now, lasts));
    }

    /// The service has said when it ends this session.
    pub(super) fn knows_its_end(&self) -> bool {
        self.rotation.expires.is_some()
    }

    /// There is no AI leg, or it is another: what was to take over has nothing to take over from.
    pub(super) fn forget_next(&mut self) {
        if self.rotation.next != Next::None {
            self.actions.push_back(Action::DropNext);
        }
        self.rotation = Rotation::default();
    }

    /// Whether the interview goes on so long after then that another leg is worth its while.
    pub(super) fn outlasts(&self, at: Instant) -> bool {
        self.ends_at().is_none_or(|end| end > at + SPARE)
    }

    pub(super) fn rotate_at(&self) -> Option<Instant> {
        let (expires, before) = self.rotation.expires?;
        let needed = self.ends_at().is_none_or(|end| end + SPARE > expires);
        let may = self.ai_ready && self.goodbye.is_none() && self.rotation.next == Next::None;
        if !may || !needed || self.rotation.tries >= TRIES_MAX {
            return None;
        }
        let at = expires.checked_sub(before)?;
        Some(self.rotation.again.map_or(at, |again| again.max(at)))
    }

    pub(super) fn next_connect_at(&self) -> Option<Instant> {
        match self.rotation.next {
            Next::Dialling { since, .. } => Some(since + self.limits.ai_connect_max),
            Next::None | Next::Ready { .. } => None,
        }
    }

    pub(super) fn switch_at(&self) -> Option<Instant> {
        let quiet = self.rotation.quiet_since?;
        matches!(self.rotation.next, Next::Ready { .. }).then(|| quiet + PAUSE)
    }

    pub(super) fn rotate(&mut self, now: Instant) {
        // a WebSocket took over from WebRTC, which may be had again: that is tried first, and once
        let allowed = if self.websocket { 1 } else { self.limits.fallback_after };
        let transport = if self.rotation.webrtc_tries >= allowed {
            Transport::WebSocket
        } else {
            self.limits.transport
        };
        self.note("ai", "rotating", "the service's limit is near");
        self.dial_next(now, transport, Why::Limit);
    }

    pub(super) fn dial_next(&mut self, now: Instant, transport: Transport, why: Why) {
        self.rotation.next = Next::Dialling {
            since: now,
            transport,
            why,
        };
        self.rotation.next_expires = None;
        self.actions.push_back(Action::DialNext(transport));
    }

    pub(super) fn next_ready(&mut self) {
        if let Next::Dialling { transport, why, .. } = self.rotation.next {
            self.rotation.next = Next::Ready { transport, why };
        }
    }

    pub(super) fn next_expires(&mut self, now: Instant, lasts: Duration) {
        if self.rotation.next != Next::None {
            self.rotation.next_expires = Some(before(now, lasts));
        }
    }

    pub(super) fn next_failed(&mut self, now: Instant, cause: &str) {
        let (Next::Dialling { transport, why, .. } | Next::Ready { transport, why }) = self.rotation.next else {
            return;
        };
        self.note("ai", "not_rotated", cause);
        self.rotation.next = Next::None;
        self.actions.push_back(Action::DropNext);
        match why {
            Why::Limit => self.rotate_again(now, transport),
            Why::Back => self.back_failed(now),
        }
    }

    fn rotate_again(&mut self, now: Instant, transport: Transport) {
        self.rotation.tries += 1;
        if transport == Transport::WebRtc {
            self.rotation.webrtc_tries += 1;
        }
        if self.websocket && transport == Transport::WebRtc {
            self.rotation.again = None; // the other transport, at once
            return;
        }
        let doubled = AGAIN_AFTER * 2u32.pow((self.rotation.tries - 1).min(8));
        let wait = doubled.min(AGAIN_MAX).mul_f64(self.random.random_range(0.75..1.0));
        self.rotation.again = Some(now + wait);
    }

    /// The second leg is there: it takes over now. Its session's end is told by the service, or is as long as any.
    pub(super) fn switch(&mut self, now: Instant) {
        let Next::Ready { transport, why } = self.rotation.next else {
            return;
        };
        let expires = self
            .rotation
            .next_expires
            .unwrap_or(before(now, self.limits.ai_session));
        self.rotation = Rotation::of(Some(expires));
        self.websocket = transport == Transport::WebSocket;
        self.ai = AiLeg::Up { since: now };
        self.switched(now, why);
        self.note("ai", "rotated", "");
        self.forget_turn();
        self.actions.push_back(Action::SwitchAi);
    }

    /// Nobody speaks, no answer is due, and it is not the end.
    pub fn is_pause(&self) -> bool {
        self.is_quiet()
            && !self.candidate_speaks
            && self.stuck_at().is_none()
            && self.go_on_at.is_none()
            && self.goodbye.is_none()
    }

    /// Keeps account of pauses; after every event.
    pub(super) fn heed_pause(&mut self, now: Instant) {
        let is_pause = self.greeted && self.is_pause();
        self.rotation.quiet_since = is_pause.then(|| self.rotation.quiet_since.unwrap_or(now));
    }
}
