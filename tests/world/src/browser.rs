//! The candidate's browser: a microphone, an ear, a page, and what the SDK would do about each of the faults.

use crate::{
    keeping::{Keeping, Sent},
    network::Wire,
    page::{Kept, News, Page},
    sound::{self, Ear},
};
use bytes::Bytes;
use serde_json::json;
use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};
use vivavoce_media::world::{Datagram, Far};

/// A leg that hears nothing for so long is taken for lost; a repair that came to nothing is followed by another.
const QUIET: Duration = Duration::from_millis(1_000);
const AGAIN: Duration = Duration::from_millis(3_000);
/// The relay answers in milliseconds; longer than this and the socket is to blame.
const ANSWER_MAX: Duration = Duration::from_secs(5);

struct Offered {
    id: String,
    is_restart: bool,
    at: Instant,
    /// How often the page had been greeted by then.
    welcomes: usize,
}

/// The tab before this one, which lives on until it is told.
struct OldTab {
    page: Page,
    far: Far,
}

pub struct Browser {
    pub far: Far,
    old: Option<OldTab>,
    /// Of a tab that has hung up.
    last_words: Vec<Datagram>,
    pub ear: Ear,
    pub wire: Wire,
    page: Page,
    session: String,
    token: String,
    mouth: VecDeque<Bytes>,
    keeping: Keeping,
    read: usize,
    offered: Option<Offered>,
    offers: usize,
    heard_at: Option<Instant>,
    tried_at: Instant,
    restarts: usize,
    /// A repair that waits for the end of a sound.
    wanted: Option<bool>,
    pub repairs: usize,
    pub ended: bool,
    /// The leg has been up: its encoder goes on, whatever becomes of it.
    encodes: bool,
}

impl Browser {
    pub fn join(now: Instant, wire: Wire, session: &str, token: &str) -> Self {
        let page = Page::open(wire.addr, session, token, Kept::default());
        let (far, offer) = Far::browser(now, SocketAddr::from(([10, 0, 0, 1], 5_000)));
        let mut browser = Self {
            far,
            old: None,
            last_words: vec![],
            ear: Ear::new(),
            wire,
            page,
            session: session.to_owned(),
            token: token.to_owned(),
            mouth: VecDeque::new(),
            keeping: Keeping::default(),
            read: 0,
            offered: None,
            offers: 0,
            heard_at: None,
            tried_at: now,
            restarts: 0,
            wanted: None,
            repairs: 0,
            ended: false,
            encodes: false,
        };
        browser.offer(now, &offer, false);
        browser
    }

    fn offer(&mut self, now: Instant, sdp: &str, is_restart: bool) {
        self.offers += 1;
        let id = format!("offer-{}", self.offers);
        self.page.say(&json!({ "type": "offer", "sdp": sdp, "id": id }));
        let welcomes = self.page.welcomes();
        self.offered = Some(Offered {
            id,
            is_restart,
            at: now,
            welcomes,
        });
        self.tried_at = now;
    }

    /// Something of it is in the air on real I/O.
    pub fn is_waiting(&self) -> bool {
        !self.ended && (!self.page.is_up() || self.offered.is_some())
    }

    pub fn say(&mut self, digits: &[u8]) {
        self.mouth.extend(sound::turn(digits));
    }

    /// A sound is being made: who takes another page or leg then would be heard to say it twice.
    pub fn is_in_a_digit(&self) -> bool {
        self.mouth.len() % sound::FRAMES > sound::FRAMES / 2
    }

    /// Not even on the way is a sound.
    pub fn is_between_digits(&self) -> bool {
        !self.is_speaking() || (1..4).contains(&(self.mouth.len() % sound::FRAMES))
    }

    pub fn is_speaking(&self) -> bool {
        !self.mouth.is_empty()
    }

    /// The microphone's next 20 ms. Until the leg of a page that was just loaded is up nothing is spoken: nobody is at it.
    pub fn frame(&mut self) {
        self.encodes |= self.far.is_up();
        if !self.encodes {
            if let Some(old) = &mut self.old {
                old.far.speak(&sound::SILENCE);
            }
            return;
        }
        let packet = self.mouth.pop_front().unwrap_or_else(|| sound::SILENCE.clone());
        self.far.speak(&packet);
        if let Some(old) = &mut self.old {
            old.far.speak(&packet); // one microphone, two tabs
        }
        let (stream, time) = self.far.spoken();
        self.keeping.keep(Sent {
            stream,
            time,
            opus: packet.to_vec(),
        });
    }

    /// Whether a peer of its is at that address.
    pub fn has(&self, address: SocketAddr) -> bool {
        address == self.far.address || self.old.as_ref().is_some_and(|old| old.far.address == address)
    }

    /// A tab that was replaced was not told so.
    pub fn has_old(&self) -> bool {
        self.old.is_some()
    }

    pub fn datagram(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if let Some(old) = &mut self.old
            && to == old.far.address
        {
            let packet = old.far.datagram(now, from, bytes);
            // both tabs sound in one room, until the new one does
            if let Some(packet) = packet.filter(|_| self.heard_at.is_none()) {
                self.ear.hear(now, &packet);
            }
        } else if let Some(packet) = self.far.datagram(now, from, bytes) {
            self.heard_at = Some(now);
            self.ear.hear(now, &packet);
        }
    }

    /// What is to be carried.
    pub fn take_sends(&mut self) -> Vec<Datagram> {
        let mut sends = self.far.take_sends();
        sends.append(&mut self.last_words);
        if let Some(old) = &mut self.old {
            sends.extend(old.far.take_sends());
        }
        sends
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let old = self.old.as_ref().and_then(|old| old.far.poll_timeout());
        [self.far.poll_timeout(), old].into_iter().flatten().min()
    }

    fn work_old(&mut self, now: Instant) {
        let Some(old) = &mut self.old else { return };
        old.far.tick(now);
        while old.far.poll_event().is_some() {}
        // "another tab has taken over", or it is all over: it hangs up and says no more
        if old.page.closed().is_some() {
            old.far.close(now);
            self.last_words = old.far.take_sends();
            self.old = None;
        }
    }

    pub fn work(&mut self, now: Instant) {
        self.work_old(now);
        self.far.tick(now);
        while self.far.poll_event().is_some() {}
        let waiting = self.offered.as_ref().map(|offered| offered.id.clone());
        let News {
            answer,
            mut wants,
            ended,
            acks,
        } = self.page.news(&mut self.read, waiting.as_deref());
        self.ended |= ended;
        for message in acks {
            self.keeping
                .answer(&message)
                .into_iter()
                .for_each(|frame| self.page.send(frame));
        }
        if let Some(sdp) = answer {
            let is_restart = self.offered.take().is_some_and(|offered| offered.is_restart);
            let _ = if is_restart {
                self.far.accept_again(now, &sdp)
            } else {
                self.far.accept(now, &sdp)
            };
        }
        if self.ended {
            return;
        }
        if let Some(offered) = &self.offered {
            // what it was said on is gone, and it with it; the first was said before any
            if offered.welcomes > 0 && self.page.welcomes() > offered.welcomes {
                self.offered = None;
                wants = wants.or(Some(false));
            } else if now - offered.at >= ANSWER_MAX && self.page.is_up() {
                self.page.suspect();
            }
        }
        if let Some(at) = self.heard_at {
            self.page.heard((now - at).as_millis() as u64);
        }
        let quiet = self.heard_at.is_some_and(|at| now - at >= QUIET);
        if let Some(restart) = wants.or(self.wanted.take()) {
            if self.is_in_a_digit() && self.encodes {
                self.wanted = Some(restart);
            } else {
                self.repair(now, restart);
            }
        } else if self.offered.is_none() && quiet && now - self.tried_at >= AGAIN && self.page.is_up() {
            self.repair(now, true);
        }
    }

    fn repair(&mut self, now: Instant, restart: bool) {
        self.repairs += 1;
        if restart && self.restarts < 2 && self.far.is_up() {
            self.restarts += 1;
            let offer = self.far.restart(now);
            self.offer(now, &offer, true);
        } else {
            self.another_leg(now);
        }
    }

    /// Answers the one before.
    fn another_leg(&mut self, now: Instant) -> Far {
        let mut address = self.far.address;
        address.set_port(address.port() + 1);
        let (far, offer) = Far::browser(now, address);
        let before = std::mem::replace(&mut self.far, far);
        (self.heard_at, self.encodes) = (None, false);
        self.restarts = 0;
        self.offer(now, &offer, false);
        before
    }

    /// The tab is loaded anew, or a second one is opened, which knows nothing of the first but what that has put on the shelf.
    pub fn another_page(&mut self, now: Instant, is_reload: bool) {
        self.wanted = None;
        let kept = if is_reload { self.page.kept() } else { Kept::default() };
        let page = Page::open(self.wire.addr, &self.session, &self.token, kept);
        let page = std::mem::replace(&mut self.page, page);
        self.read = 0;
        let far = self.another_leg(now);
        if !is_reload {
            self.old = Some(OldTab { page, far });
        }
    }
}
