//! Remedy: a pair that never changes.
//!
//! Defect (rtc-ice 0.21.1): once a pair is selected, the agent keeps it whatever happens: a rebound NAT, a renomination by
//! the browser, another network. Media goes on to an address where nobody listens. Remedy: media and DTLS follow the far
//! end to the address that its own authentic packets last came from, once that address has answered a check of ours, so
//! that a replayed or forged source address draws nothing but such a check (RFC 8445, 7.3.1.4 and 12.1 in spirit; RFC 7675).
//! It is not waited for the far end's own next check, which may be seconds away: a browser's beat while all is well is 2.5 s.

use std::net::SocketAddr;

/// Addresses remembered as proven.
const PROVEN_MAX: usize = 8;

/// Packets in a row from the new address before the leg follows: one may have come late from the old one.
const IN_A_ROW: u32 = 3;

/// After as many more packets an address that has not answered is asked again.
const ASK_AGAIN: u32 = 10;

/// What to do about authentic media from elsewhere than ours goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    /// Nothing.
    Stay,
    /// Send a check there: it has not answered one yet.
    Ask,
    /// Send media there from here on.
    Go,
}

/// Where a leg's packets go, and where they might.
#[derive(Debug, Default)]
pub(crate) struct PairFollow {
    proven: Vec<SocketAddr>,
    elsewhere: Option<(SocketAddr, u32)>,
}

impl PairFollow {
    /// That address has answered a check of ours.
    pub(crate) fn prove(&mut self, address: SocketAddr) {
        if !self.proven.contains(&address) {
            if self.proven.len() >= PROVEN_MAX {
                self.proven.remove(0);
            }
            self.proven.push(address);
        }
    }

    /// Whether it has.
    pub(crate) fn is_proven(&self, address: SocketAddr) -> bool {
        self.proven.contains(&address)
    }

    /// Authentic media has come from there, while ours goes to `dest`.
    pub(crate) fn media(&mut self, from: SocketAddr, dest: SocketAddr) -> Follow {
        if from == dest {
            self.elsewhere = None;
            return Follow::Stay;
        }
        let seen = match self.elsewhere {
            Some((address, seen)) if address == from => seen + 1,
            _ => 1,
        };
        self.elsewhere = Some((from, seen));
        if seen >= IN_A_ROW && self.is_proven(from) {
            self.elsewhere = None;
            return Follow::Go;
        }
        if seen % ASK_AGAIN == IN_A_ROW {
            Follow::Ask
        } else {
            Follow::Stay
        }
    }

    /// An authentic nominating check has come from there: the controlling far end has chosen that pair.
    pub(crate) fn nominated(&self, from: SocketAddr, dest: SocketAddr) -> Option<SocketAddr> {
        (from != dest && self.is_proven(from)).then_some(from)
    }

    /// A new ICE session: nothing is proven in it yet.
    pub(crate) fn restart(&mut self) {
        self.elsewhere = None;
        self.proven.clear();
    }
}
