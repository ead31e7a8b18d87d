//! Whose datagram is it: which leg on the public port (pure).
//!
//! STUN requests by the local ufrag that they ask for; all else by an address that has authenticated to a leg. What fits
//! neither is a stranger's. **Bounds:** a leg has two ufrags (over a restart) and eight addresses; the oldest goes.
//! Every key is one that we made, or that was authenticated: nobody grows these maps from outside.

use crate::leg::stun;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::net::SocketAddr;

const ADDRESSES_MAX: usize = 8;

/// A candidate leg on a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LegKey {
    pub(crate) call: u64,
    pub(crate) generation: u32,
}

/// The public port's map.
#[derive(Debug, Default)]
pub(crate) struct Demux {
    ufrags: FxHashMap<Box<[u8]>, LegKey>,
    addresses: FxHashMap<SocketAddr, LegKey>,
    legs: FxHashMap<LegKey, Known>,
}

#[derive(Debug, Default)]
struct Known {
    ufrags: Vec<Box<[u8]>>,
    addresses: VecDeque<SocketAddr>,
}

impl Demux {
    /// The leg that this datagram is for; `None` for a stranger's.
    pub(crate) fn find(&self, from: SocketAddr, bytes: &[u8]) -> Option<LegKey> {
        if matches!(bytes.first(), Some(0..=3))
            && let Some(ufrag) = stun::asked_ufrag(bytes)
        {
            return self.ufrags.get(ufrag).copied();
        }
        self.addresses.get(&from).copied()
    }

    /// The ufrags that this leg goes by from here on.
    pub(crate) fn name<'a>(&mut self, key: LegKey, ufrags: impl Iterator<Item = &'a str>) {
        let known = self.legs.entry(key).or_default();
        for ufrag in known.ufrags.drain(..) {
            self.ufrags.remove(&ufrag);
        }
        for ufrag in ufrags {
            let ufrag: Box<[u8]> = ufrag.as_bytes().into();
            self.ufrags.insert(ufrag.clone(), key);
            known.ufrags.push(ufrag);
        }
    }

    /// That address has authenticated to this leg. It may have been another's: ports are used again.
    pub(crate) fn accept(&mut self, key: LegKey, address: SocketAddr) {
        let Some(known) = self.legs.get_mut(&key) else { return };
        if !known.addresses.contains(&address) {
            known.addresses.push_back(address);
        }
        let oldest = if known.addresses.len() > ADDRESSES_MAX {
            known.addresses.pop_front()
        } else {
            None
        };
        self.addresses.insert(address, key);
        if let Some(oldest) = oldest {
            self.forget(key, oldest);
        }
    }

    /// The leg is gone.
    pub(crate) fn remove(&mut self, key: LegKey) {
        let Some(known) = self.legs.remove(&key) else { return };
        for ufrag in &known.ufrags {
            self.ufrags.remove(ufrag);
        }
        for address in known.addresses {
            self.forget(key, address);
        }
    }

    fn forget(&mut self, key: LegKey, address: SocketAddr) {
        if self.addresses.get(&address) == Some(&key) {
            self.addresses.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::leg::stun::{Ask, request};

    fn asks(ufrag: &str) -> Vec<u8> {
        let username = format!("{ufrag}:theirs");
        let ask = Ask {
            transaction: [0; 12],
            username: &username,
            password: "whatever",
            controlling: true,
            tie_breaker: 1,
            use_candidate: false,
        };
        request(&ask, rtc::crypto::default_provider().unwrap().crypto()).unwrap()
    }

    fn key(call: u64) -> LegKey {
        LegKey { call, generation: 1 }
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn by_ufrag_then_by_an_accepted_address_and_over_a_restart_by_both_ufrags() {
        let mut demux = Demux::default();
        demux.name(key(1), ["old"].into_iter());
        assert_eq!(demux.find(address(1), &asks("old")), Some(key(1)));
        assert_eq!(
            demux.find(address(1), &[0x80; 40]),
            None,
            "media from an address that has not authenticated"
        );
        demux.accept(key(1), address(1));
        assert_eq!(demux.find(address(1), &[0x80; 40]), Some(key(1)));
        assert_eq!(
            demux.find(address(1), &asks("nobody's")),
            None,
            "a ufrag decides, whoever asks"
        );

        demux.name(key(1), ["old", "new"].into_iter());
        for ufrag in ["old", "new"] {
            assert_eq!(demux.find(address(2), &asks(ufrag)), Some(key(1)));
        }
        // A port that a NAT gives to the next one is the next one's, and stays so when the first leaves.
        demux.name(key(2), ["second"].into_iter());
        demux.accept(key(2), address(1));
        demux.remove(key(1));
        assert_eq!(demux.find(address(1), &[0x16; 40]), Some(key(2)));
        assert_eq!(demux.find(address(2), &asks("old")), None);
        demux.accept(key(1), address(9));
        assert_eq!(
            demux.find(address(9), &[0x80; 40]),
            None,
            "a leg that is gone gets no address"
        );
    }

    #[test]
    fn the_maps_stay_bounded_and_empty_out() {
        let mut demux = Demux::default();
        demux.name(key(1), ["one"].into_iter());
        for port in 1..=1000 {
            demux.accept(key(1), address(port));
        }
        assert_eq!(demux.addresses.len(), ADDRESSES_MAX);
        assert_eq!(demux.find(address(1000), &[0x80]), Some(key(1)));
        demux.remove(key(1));
        assert!(demux.addresses.is_empty() && demux.ufrags.is_empty() && demux.legs.is_empty());
    }
}
