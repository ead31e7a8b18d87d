//! Back from the WebSocket to WebRTC, once that can be had again: tried beside the leg that is there, which takes no notice.
//!
//! **Laws:** a try that fails is noticed by nobody: the WebSocket goes on, and the next try is later. What was won back and is lost again
//! at once is not trusted: the WebSocket takes over without another failure, and the tries go on where they were.

use super::{
    AiLeg, Machine,
    rotation::{Next, Why},
};
use crate::config::Transport;
use rand::Rng as _;
use std::time::{Duration, Instant};

/// From the WebSocket's taking over to the first try; doubles with each that fails, with jitter.
const FIRST: Duration = Duration::from_secs(30);
/// Tries that may fail: the last is some 16 minutes after the one before.
const TRIES_MAX: u32 = 6;
/// A leg over WebRTC that has lived so long is trusted again.
const PROVEN: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Back {
    /// When the next try is due, while a WebSocket stands in for WebRTC.
    at: Option<Instant>,
    /// Tries that failed since WebRTC was last proven.
    tries: u32,
    /// The leg over WebRTC that is there was won back.
    won: bool,
}

impl Machine {
    /// The AI leg is up, over one transport or the other.
    pub(super) fn now_up(&mut self, now: Instant) {
        self.back.won = false;
        if self.websocket {
            self.plan_back(now);
        } else {
            self.back.at = None;
            self.webrtc_failures = 0;
        }
    }

    /// An attempt came to nothing for a reason of its transport's: the other may do better.
    pub(super) fn not_up(&mut self) {
        if self.websocket {
            self.webrtc_failures = 0;
        } else {
            self.webrtc_failures += 1;
        }
    }

    /// The AI leg was up, and is lost.
    pub(super) fn was_up(&mut self, now: Instant) {
        let AiLeg::Up { since } = self.ai else { return };
        self.back.at = None;
        if self.websocket {
            return;
        }
        let proven = now.saturating_duration_since(since) >= PROVEN;
        if proven {
            self.back.tries = 0;
        } else if std::mem::take(&mut self.back.won) {
            self.back.tries += 1;
            self.webrtc_failures = self.limits.fallback_after;
        }
    }

    /// The second leg has taken over.
    pub(super) fn switched(&mut self, now: Instant, why: Why) {
        self.now_up(now);
        self.back.won = why == Why::Back;
        if self.websocket && self.limits.transport == Transport::WebRtc {
            self.webrtc_failures = self.limits.fallback_after;
        }
    }

    fn plan_back(&mut self, now: Instant) {
        let stands_in = self.limits.transport == Transport::WebRtc && self.back.tries < TRIES_MAX;
        let doubled = FIRST * 2u32.pow(self.back.tries.min(8));
        let wait = doubled.mul_f64(self.random.random_range(1.0..1.25));
        self.back.at = stands_in.then(|| now + wait);
    }

    pub(super) fn back_at(&self) -> Option<Instant> {
        let may = self.ai_ready && self.greeted && self.goodbye.is_none() && self.rotation.next == Next::None;
        self.back.at.filter(|at| may && self.outlasts(*at))
    }

    pub(super) fn back(&mut self, now: Instant) {
        self.back.at = None;
        self.note("ai", "returning", "WebRTC is tried again");
        self.dial_next(now, Transport::WebRtc, Why::Back);
    }

    pub(super) fn back_failed(&mut self, now: Instant) {
        self.back.tries += 1;
        self.plan_back(now);
    }
}
