//! The net: where datagrams are, and what becomes of them (pure, seeded).

use rand::{Rng, rngs::SmallRng};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};
use vivavoce_media::world::Datagram;

/// Half of the round trip, to the candidate and to the AI service.
const CANDIDATE: Duration = Duration::from_millis(25);
const AI: Duration = Duration::from_micros(7_500);

/// What the candidate's path does to datagrams, per mille.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    pub lost: u32,
    pub doubled: u32,
    /// So many are up to 15 ms late: they are overtaken.
    pub late: u32,
}

pub struct Net {
    flying: BTreeMap<(Instant, u64), Datagram>,
    count: u64,
    dice: SmallRng,
    pub weather: Weather,
    /// The candidate's path is cut.
    pub is_cut: bool,
    /// The candidate's own address, and the one that the NAT shows.
    inside: SocketAddr,
    outside: SocketAddr,
}

impl Net {
    pub fn new(dice: SmallRng, inside: SocketAddr) -> Self {
        Self {
            flying: BTreeMap::new(),
            count: 0,
            dice,
            weather: Weather::default(),
            is_cut: false,
            inside,
            outside: SocketAddr::from(([198, 51, 100, 1], 40_000)),
        }
    }

    /// The candidate's own address from here on.
    pub fn here(&mut self, inside: SocketAddr) {
        if self.inside != inside {
            self.inside = inside;
            self.rebind();
        }
    }

    /// The NAT gives another address; the old one is dead.
    pub fn rebind(&mut self) {
        self.outside.set_port(self.outside.port() + 1);
    }

    fn is_candidates(&self, datagram: &Datagram) -> bool {
        datagram.from == self.inside || self.is_down(datagram)
    }

    /// To the candidate, at whichever of the NAT's addresses.
    fn is_down(&self, datagram: &Datagram) -> bool {
        datagram.to.ip() == self.outside.ip()
    }

    pub fn send(&mut self, now: Instant, mut datagram: Datagram) {
        let is_candidates = self.is_candidates(&datagram);
        if is_candidates && self.is_cut {
            return;
        }
        if datagram.from == self.inside {
            datagram.from = self.outside;
        }
        let mut delay = if is_candidates { CANDIDATE } else { AI };
        if is_candidates {
            let mut hits = |per_mille: u32| per_mille > 0 && self.dice.random_range(0..1_000) < per_mille;
            if hits(self.weather.lost) {
                return;
            }
            let (doubled, late) = (hits(self.weather.doubled), hits(self.weather.late));
            if late {
                delay += Duration::from_micros(self.dice.random_range(0..15_000));
            }
            if doubled {
                self.count += 1;
                let at = now + delay + Duration::from_millis(3);
                self.flying.insert((at, self.count), datagram.clone());
            }
        }
        self.count += 1;
        self.flying.insert((now + delay, self.count), datagram);
    }

    pub fn next(&self) -> Option<Instant> {
        self.flying.keys().next().map(|(at, _)| *at)
    }

    /// What has arrived by now, with the NAT's work done: what goes to an old outside address goes nowhere.
    pub fn arrived(&mut self, now: Instant) -> Option<Datagram> {
        loop {
            let entry = self.flying.first_entry().filter(|entry| entry.key().0 <= now)?;
            let mut datagram = entry.remove();
            let is_down = self.is_down(&datagram);
            if self.is_cut && (is_down || datagram.from.ip() == self.outside.ip()) {
                continue;
            }
            if is_down {
                if datagram.to != self.outside {
                    continue;
                }
                datagram.to = self.inside;
            }
            return Some(datagram);
        }
    }
}
