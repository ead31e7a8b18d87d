//! Leaving this process with the interview unfinished: for a process that the browser is sent to, for one that has taken it,
//! or for whoever comes after a stop.
//!
//! **Law:** who gives a session away stores all that was said before another can read it (the lease is given back by
//! `registry.rs` after the task's end); one whom it was taken from writes nothing more.

use super::{Supervisor, clock};
use crate::session::live::LetGo;
use std::time::{Duration, Instant};
use vivavoce_signaling::ServerMessage;

/// How long a pause is waited for before the browser is sent away in the midst of a word: an answer that was due has been given
/// by then, and what it was about has been said.
const PAUSE_WITHIN: Duration = Duration::from_secs(10);
/// The same, where there is nowhere to send it: the sooner this process ends, the sooner there is one.
const PAUSE_WITHIN_ALONE: Duration = Duration::from_secs(3);
/// How long the media side is waited for when it is left.
const HEARD_MAX: Duration = Duration::from_millis(500);

/// The session is to go to another process.
pub(super) struct Moving {
    /// Where its browser is sent; `None`: nowhere, it is let go of.
    url: Option<String>,
    since: Instant,
    is_told: bool,
}

impl Moving {
    fn at_the_latest(&self) -> Instant {
        let within = if self.url.is_some() {
            PAUSE_WITHIN
        } else {
            PAUSE_WITHIN_ALONE
        };
        self.since + within
    }
}

impl Supervisor {
    pub(super) fn move_to(&mut self, url: Option<String>) {
        self.moving = Some(Moving {
            url,
            since: clock::monotonic(),
            is_told: false,
        });
    }

    /// Sends the browser away, or lets go, once nobody speaks and no answer is due. A session whose browser was sent stays, and
    /// carries sound, until another process asks for it.
    pub(super) fn move_on(&mut self) {
        // All that was said is written down.
        let quiet = self.machine.is_pause() && self.transcript.is_settled();
        let now = clock::monotonic();
        let url = match &mut self.moving {
            Some(moving) if !moving.is_told && (quiet || now >= moving.at_the_latest()) => {
                moving.is_told = true;
                moving.url.clone()
            }
            _ => return,
        };
        match url {
            Some(url) if self.browser.is_attached() => {
                tracing::info!("the browser is sent to another process");
                self.say(ServerMessage::Moved { url });
            }
            // nobody to send: whoever comes back finds it elsewhere
            Some(_) | None => self.left = Some(LetGo::Given),
        }
    }

    pub(super) fn moving_due(&self) -> Option<Instant> {
        let moving = self.moving.as_ref().filter(|moving| !moving.is_told)?;
        Some(moving.at_the_latest())
    }

    /// How far the candidate's speech is in the record: whoever takes the session up does not take it again.
    async fn note_heard(&mut self) {
        let received = tokio::time::timeout(HEARD_MAX, self.call.received()).await;
        for received in received.into_iter().flatten().flatten() {
            self.note_received(&received);
        }
    }

    /// Nothing but [`Supervisor::finish`] follows.
    pub(super) async fn leave(&mut self) {
        match self.left {
            Some(LetGo::Given) => {
                if self.ended.is_none() {
                    self.cut_where_it_ends(Duration::ZERO);
                    self.carry_out();
                    self.note_heard().await;
                }
                self.record.note(self.wall.now(), "session", "let_go", String::new());
                self.browser.send_back();
            }
            Some(LetGo::Taken) => {
                tracing::warn!("another process has taken the session: it is let go of, and nothing more is written");
                self.record.mute();
                self.browser.send_back();
            }
            None => {}
        }
    }
}
