//! A candidate with one page: a peer, a socket, a network, and what the SDK would do about each.
//!
//! **Law:** a digit is said to one peer from its beginning to its end. These peers' microphone stands still while another peer is made,
//! which no real one does, and half a digit here and half there would be two.
//!
//! Is: policy of the SDK as far as these rows need it (offers, restarts, tabs). Isn't: a judge; it knows nothing of what should be heard.

use crate::{
    ear::{Digit, Ear},
    network::{ONE_WAY, Road, Wire},
    page::{News, Page},
    peer::{Peer, RATE, Voice, wall_ms},
    stack::Seat,
};
use serde_json::json;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use vivavoce_simulator::judge::{Pattern, encode};

/// A leg that has heard nothing for so long is taken for lost, in ms.
const QUIET_MS: u64 = 1_000;
/// An offer or a restart that came to nothing is followed by another after so long, in ms.
const AGAIN_MS: u64 = 3_000;

/// The relay answers in milliseconds; longer than this and the socket is to blame.
const ANSWER_MS_MAX: u64 = 5_000;

struct Offered {
    id: String,
    at_ms: u64,
    /// How often the page had been greeted by then.
    welcomes: usize,
}

pub struct Candidate {
    /// One to each relay there is.
    roads: Vec<Road>,
    pub wire: Wire,
    seat: Seat,
    voice: Arc<Voice>,
    pub page: Page,
    peer: Peer,
    pub ear: Ear,
    read: usize,
    /// The offer that waits for its answer, and when it was made.
    offered: Option<Offered>,
    offers: usize,
    /// When the last repair was begun.
    tried_ms: u64,
    /// Answers heard so far on this leg.
    was_up: bool,
    /// A fresh leg waits for a digit to end.
    is_put_off: bool,
    /// The network is said to be back: the next greeting is followed by a repair.
    is_hurried: bool,
    /// Restarts and fresh legs that the page made by itself or was asked for.
    pub repairs: usize,
    /// Told by the relay that the interview is over.
    pub ended: bool,
}

/// How the candidate lays out digits: quicker than the interviewer, and no two bursts closer than the detector wants.
pub fn pattern() -> Pattern {
    Pattern {
        interval_ms: 200,
        ..Pattern::at(RATE)
    }
}

impl Candidate {
    /// On the page, offered, not yet up. Resolves once the offer is made.
    pub async fn join(http: SocketAddr, udp: &[SocketAddr], seat: &Seat) -> Self {
        let wire = Wire::start(http, ONE_WAY).await;
        let mut roads = vec![];
        for relay in udp {
            roads.push(Road::start(*relay).await);
        }
        let page = Page::open(wire.addr, &seat.session, &seat.token, crate::page::Kept::default());
        let voice = Arc::new(Voice::default());
        let (peer, offer) = Peer::offer_as(voice.clone(), None).await;
        let mut candidate = Self {
            roads,
            wire,
            seat: seat.clone(),
            voice,
            page,
            peer,
            ear: Ear::new(),
            read: 0,
            offered: None,
            offers: 0,
            tried_ms: 0,
            was_up: false,
            is_put_off: false,
            is_hurried: false,
            repairs: 0,
            ended: false,
        };
        candidate.send_offer(&offer);
        candidate
    }

    /// The whole network is away, or back.
    pub fn cut(&self, on: bool) {
        self.roads.iter().for_each(|road| road.cut(on));
        self.wire.cut(on);
    }

    /// The browser says that there is a network again: what was being waited for is tried at once.
    pub fn hurry(&mut self) {
        self.is_hurried = true;
        self.offered = None;
        self.page.suspect();
    }

    /// The system takes the microphone away, or gives it back.
    pub fn hold_microphone(&self, on: bool) {
        self.voice.hold(on);
    }

    /// From here on it has another address.
    pub fn move_on(&self) {
        self.roads.iter().for_each(Road::move_on);
    }

    fn send_offer(&mut self, offer: &str) {
        self.offers += 1;
        let id = format!("offer-{}", self.offers);
        self.page
            .say(&json!({ "type": "offer", "sdp": Road::hide(offer), "id": id }));
        let (at_ms, welcomes) = (wall_ms(), self.page.welcomes());
        self.offered = Some(Offered { id, at_ms, welcomes });
        self.tried_ms = at_ms;
    }

    /// Speaks digits; answers when the last burst will have left, if nothing holds the microphone up.
    pub fn say(&self, digits: &[u8]) -> u64 {
        let pattern = pattern();
        self.voice.say(&encode(digits, &pattern), None);
        let last = digits.len().saturating_sub(1) as u64 * u64::from(pattern.interval_ms);
        wall_ms() + u64::from(pattern.lead_ms + pattern.burst_ms) + last
    }

    /// Whether words are still to be spoken.
    pub fn is_speaking(&self) -> bool {
        self.voice.unspoken() > 0
    }

    /// In the midst of a digit, or at its beginning.
    pub fn is_in_a_digit(&self) -> bool {
        self.voice.is_sounding()
    }

    pub fn digits(&self) -> &[Digit] {
        &self.ear.digits
    }

    /// One look at everything: to be called every 20 ms or so.
    pub async fn step(&mut self) {
        // listened to without the lock: who decodes must not wait for who counts
        let fresh = self.voice.heard(|heard| heard[self.ear.taken()..].to_vec());
        self.ear.listen(&fresh);
        let waiting = self.offered.as_ref().map(|offered| offered.id.clone());
        let News {
            answer,
            mut wants,
            ended,
            acks,
        } = self.page.news(&mut self.read, waiting.as_deref());
        self.ended |= ended;
        for message in acks {
            let frames = self.voice.keeping().answer(&message);
            for frame in frames {
                self.page.send(frame);
            }
        }
        if let Some(sdp) = answer {
            self.offered = None;
            let road = self
                .roads
                .iter()
                .find(|road| road.leads_to(&sdp))
                .unwrap_or(&self.roads[0]);
            self.peer.answer(&road.in_front(&sdp)).await;
        }
        if self.ended {
            return;
        }
        let now = wall_ms();
        if let Some(offered) = &self.offered {
            // what it was said on is gone, and it with it; the first was said before any
            if offered.welcomes > 0 && self.page.welcomes() > offered.welcomes {
                self.offered = None;
                wants = wants.or(Some(false));
            } else if now >= offered.at_ms + ANSWER_MS_MAX && self.page.is_up() {
                self.page.suspect();
            }
        }
        if self.is_hurried && self.page.is_up() {
            self.is_hurried = false;
            wants = wants.or(Some(self.was_up));
        }
        let quiet = self
            .voice
            .heard(|heard| heard.last().map(|last| now.saturating_sub(last.at_ms)));
        if let Some(quiet) = quiet {
            self.page.heard(quiet);
        }
        self.was_up |= quiet.is_some_and(|quiet| quiet < QUIET_MS);
        let wants = wants.or(std::mem::take(&mut self.is_put_off).then_some(false));
        if let Some(restart) = wants {
            self.repair(restart).await;
        } else if self.offered.is_none()
            && self.was_up
            && quiet.is_some_and(|quiet| quiet >= QUIET_MS)
            && now >= self.tried_ms + AGAIN_MS
            && self.page.is_up()
        {
            self.repair(true).await;
        }
    }

    async fn repair(&mut self, restart: bool) {
        let is_whole = !restart || !self.peer.is_alive();
        if is_whole && self.is_in_a_digit() {
            self.is_put_off = true;
            return;
        }
        self.repairs += 1;
        if is_whole {
            self.another_leg().await;
        } else {
            let offer = self.peer.restart().await;
            self.send_offer(&offer);
        }
    }

    /// A new peer in place of the one that is there; what is still to be said is said on it.
    async fn another_leg(&mut self) {
        let (peer, offer) = Peer::offer_as(self.voice.clone(), None).await;
        std::mem::replace(&mut self.peer, peer).drop_silently();
        self.was_up = false;
        self.send_offer(&offer);
    }

    /// The tab is loaded anew: everything but what it keeps in its storage is gone, and it says nothing to the relay.
    pub async fn reload(&mut self) {
        let page = Page::open(self.wire.addr, &self.seat.session, &self.seat.token, self.page.kept());
        self.page = page;
        self.read = 0;
        self.another_leg().await;
    }

    /// A second tab, which knows nothing of the first but what that has put on the shelf.
    pub async fn second_tab(&mut self) {
        let page = Page::open(
            self.wire.addr,
            &self.seat.session,
            &self.seat.token,
            crate::page::Kept::default(),
        );
        self.page = page;
        self.read = 0;
        self.another_leg().await;
    }

    pub async fn leave(self) {
        let closing = self.peer.close();
        let _ = tokio::time::timeout(Duration::from_secs(2), closing).await;
    }
}
