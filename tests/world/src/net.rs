//! The net: where datagrams are, and what becomes of them (pure, seeded).

use rand::{Rng, rngs::SmallRng};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};
use vivavoce_media::world::Datagram;

/// Half of the round trip, to the candidate and to the AI service.
const CANDIDATE: Duration = Duration::from_millis(25);
const AI: Duration = Duration::from_micros(7_500);

/// The address that the NAT shows, and its first port.
const NAT: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
const PORT: u16 = 40_000;

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
    /// The candidate's own addresses, and the ports that the NAT shows for them. Of two tabs the newest last.
    mapped: Vec<(SocketAddr, u16)>,
    next_port: u16,
}

impl Net {
    pub fn new(dice: SmallRng, inside: SocketAddr) -> Self {
        Self {
            flying: BTreeMap::new(),
            count: 0,
            dice,
            weather: Weather::default(),
            is_cut: false,
            mapped: vec![(inside, PORT)],
            next_port: PORT + 1,
        }
    }

    /// The candidate has this address, too.
    pub fn here(&mut self, inside: SocketAddr) {
        if self.mapped.iter().all(|(known, _)| *known != inside) {
            self.mapped.push((inside, self.next_port));
            self.next_port += 1;
        }
    }

    /// The NAT gives other addresses; the old ones are dead.
    pub fn rebind(&mut self) {
        for (_, port) in &mut self.mapped {
            *port = self.next_port;
            self.next_port += 1;
        }
    }

    fn outside(&self, inside: SocketAddr) -> Option<SocketAddr> {
        let mapped = self.mapped.iter().find(|(known, _)| *known == inside);
        mapped.map(|(_, port)| SocketAddr::new(NAT, *port))
    }

    fn inside(&self, outside: SocketAddr) -> Option<SocketAddr> {
        let mapped = self.mapped.iter().find(|(_, port)| *port == outside.port());
        mapped.map(|(inside, _)| *inside)
    }

    /// To the candidate, at whichever of the NAT's addresses.
    fn is_down(datagram: &Datagram) -> bool {
        datagram.to.ip() == NAT
    }

    pub fn send(&mut self, now: Instant, mut datagram: Datagram) {
        let outside = self.outside(datagram.from);
        let is_candidates = outside.is_some() || Self::is_down(&datagram);
        if is_candidates && self.is_cut {
            return;
        }
        datagram.from = outside.unwrap_or(datagram.from);
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
            let is_down = Self::is_down(&datagram);
            if self.is_cut && (is_down || datagram.from.ip() == NAT) {
                continue;
            }
            if is_down {
                let Some(inside) = self.inside(datagram.to) else {
                    continue;
                };
                datagram.to = inside;
            }
            return Some(datagram);
        }
    }
}
