//! Whose datagram is it: which leg on the public port (pure).
//!
//! STUN requests by the local ufrag that they ask for; all else by an address that has authenticated to a leg; RTP from an
//! address that nobody knows by its SSRC, for who has moved sends media before any check. What fits none is a stranger's.
//! **Bounds:** a leg has two ufrags (over a restart), eight addresses (the oldest goes) and one SSRC. Every key is one that we
//! made, or that was authenticated: nobody grows these maps from outside. An SSRC is the first leg's that has it.

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

/// What has authenticated to a leg, and makes it known from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// That its datagrams come from.
    Address(SocketAddr),
    /// Of its media.
    Source(u32),
}

/// The public port's map.
#[derive(Debug, Default)]
pub(crate) struct Demux {
    ufrags: FxHashMap<Box<[u8]>, LegKey>,
    addresses: FxHashMap<SocketAddr, LegKey>,
    sources: FxHashMap<u32, LegKey>,
    legs: FxHashMap<LegKey, Known>,
}

#[derive(Debug, Default)]
struct Known {
    ufrags: Vec<Box<[u8]>>,
    addresses: VecDeque<SocketAddr>,
    source: Option<u32>,
}

impl Demux {
    /// The leg that this datagram is for; `None` for a stranger's.
    pub(crate) fn find(&self, from: SocketAddr, bytes: &[u8]) -> Option<LegKey> {
        if matches!(bytes.first(), Some(0..=3))
            && let Some(ufrag) = stun::asked_ufrag(bytes)
        {
            return self.ufrags.get(ufrag).copied();
        }
        let known = self.addresses.get(&from).copied();
        known.or_else(|| self.sources.get(&ssrc_of(bytes)?).copied())
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

    /// That has authenticated to this leg.
    pub(crate) fn accept(&mut self, key: LegKey, sign: Sign) {
        match sign {
            Sign::Address(address) => self.accept_address(key, address),
            Sign::Source(ssrc) => self.accept_source(key, ssrc),
        }
    }

    fn accept_source(&mut self, key: LegKey, ssrc: u32) {
        let Some(known) = self.legs.get_mut(&key) else { return };
        let before = known.source.replace(ssrc);
        if let Some(before) = before.filter(|before| *before != ssrc) {
            self.forget_source(key, before);
        }
        self.sources.entry(ssrc).or_insert(key);
    }

    /// An address may have been another's: ports are used again.
    fn accept_address(&mut self, key: LegKey, address: SocketAddr) {
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
        if let Some(ssrc) = known.source {
            self.forget_source(key, ssrc);
        }
    }

    fn forget_source(&mut self, key: LegKey, ssrc: u32) {
        if self.sources.get(&ssrc) == Some(&key) {
            self.sources.remove(&ssrc);
        }
    }

    fn forget(&mut self, key: LegKey, address: SocketAddr) {
        if self.addresses.get(&address) == Some(&key) {
            self.addresses.remove(&address);
        }
    }
}

/// The SSRC of what looks like RTP (RFC 7983; RFC 5761, 4: RTCP has packet types there that no payload type has).
fn ssrc_of(bytes: &[u8]) -> Option<u32> {
    let is_rtp = matches!(bytes, [128..=191, kind, ..] if !matches!(kind, 192..=223));
    let ssrc = bytes.get(8..12)?;
    is_rtp.then(|| u32::from_be_bytes([ssrc[0], ssrc[1], ssrc[2], ssrc[3]]))
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
        demux.accept(key(1), Sign::Address(address(1)));
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
        demux.accept(key(2), Sign::Address(address(1)));
        demux.remove(key(1));
        assert_eq!(demux.find(address(1), &[0x16; 40]), Some(key(2)));
        assert_eq!(demux.find(address(2), &asks("old")), None);
        demux.accept(key(1), Sign::Address(address(9)));
        assert_eq!(
            demux.find(address(9), &[0x80; 40]),
            None,
            "a leg that is gone gets no address"
        );
    }

    fn rtp(ssrc: u32) -> Vec<u8> {
        [&[0x80, 111, 0, 1, 0, 0, 0, 0][..], &ssrc.to_be_bytes(), &[0; 20]].concat()
    }

    #[test]
    fn media_of_one_who_moved_by_its_ssrc_and_never_against_an_address() {
        let mut demux = Demux::default();
        for call in 1..=2 {
            demux.name(key(call), [["one", "two"][call as usize - 1]].into_iter());
        }
        demux.accept(key(1), Sign::Source(7));
        assert_eq!(demux.find(address(1), &rtp(7)), Some(key(1)));
        assert_eq!(demux.find(address(1), &rtp(8)), None);
        assert_eq!(demux.find(address(1), &rtp(7)[..11]), None, "too short for one");
        let rtcp = [&[0x80, 200][..], &rtp(7)[2..]].concat();
        assert_eq!(demux.find(address(1), &rtcp), None, "that is no RTP");
        demux.accept(key(2), Sign::Source(7));
        assert_eq!(demux.find(address(1), &rtp(7)), Some(key(1)), "the first keeps it");
        demux.accept(key(2), Sign::Address(address(1)));
        assert_eq!(demux.find(address(1), &rtp(7)), Some(key(2)), "an address decides");
        demux.accept(key(1), Sign::Source(9));
        assert_eq!(demux.find(address(2), &rtp(7)), None, "a leg has one");
        assert_eq!(demux.find(address(2), &rtp(9)), Some(key(1)));
    }

    #[test]
    fn the_maps_stay_bounded_and_empty_out() {
        let mut demux = Demux::default();
        demux.name(key(1), ["one"].into_iter());
        for port in 1..=1000 {
            demux.accept(key(1), Sign::Address(address(port)));
            demux.accept(key(1), Sign::Source(port.into()));
        }
        assert_eq!((demux.addresses.len(), demux.sources.len()), (ADDRESSES_MAX, 1));
        assert_eq!(demux.find(address(1000), &[0x80]), Some(key(1)));
        demux.remove(key(1));
        assert!(demux.addresses.is_empty() && demux.sources.is_empty());
        assert!(demux.ufrags.is_empty() && demux.legs.is_empty());
    }
}
