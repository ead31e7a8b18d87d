//! A peer's STUN: whose check it is, whether it is authentic, where to send, and consent.

use super::describe::{Credentials, Session};
use super::{ACCEPTED_MAX, Peer, PeerEvent, SHOWN_MAX, Transmit};
use crate::demux::Sign;
use crate::leg::stun::{self, Ask, Binding, Class, TransactionId};
use bytes::BytesMut;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Silence in which what was sent may have been lost with what was not heard; what is asked of a silent leg is answered sooner.
const MISSED_MIN: Duration = Duration::from_millis(800);

impl Peer {
    pub(super) fn stun(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let taken = Binding::parse(bytes).is_some_and(|binding| match binding.class {
            Class::Request => self.check_asked(now, from, &binding, bytes),
            Class::Success => self.check_answered(now, from, &binding, bytes),
            Class::Indication | Class::Error => false,
        });
        if !taken {
            self.setup.counters.dropped_stun.bump();
        }
    }

    /// A check of the far end's. False if it is to be dropped.
    fn check_asked(&mut self, now: Instant, from: SocketAddr, binding: &Binding<'_>, bytes: &[u8]) -> bool {
        let asked = binding.asked_ufrag();
        let Some(which) = self.ours.iter().position(|ours| Some(ours.ufrag.as_bytes()) == asked) else {
            return false;
        };
        if !binding.is_authentic(&self.ours[which].password, self.setup.crypto.crypto()) {
            return false;
        }
        self.hear_from(now, from);
        self.accept_address(from);
        if which + 1 < self.ours.len() {
            // Of the session before the restart: answered here, so that the browser keeps it until the new one stands.
            let answer = stun::success(binding, from, &self.ours[which].password, self.setup.crypto.crypto());
            self.sends.extend(answer.map(|bytes| Transmit {
                to: from,
                bytes: BytesMut::from(&bytes[..]),
            }));
            return true;
        }
        if !self.shown.contains(&from) {
            if self.shown.len() >= SHOWN_MAX {
                return false;
            }
            self.shown.push(from);
        }
        let base = self.sends.len();
        self.read(now, from, bytes);
        if binding.use_candidate {
            let was_answered = self.sends[base..]
                .iter()
                .any(|send| is_success(&send.bytes, &binding.transaction));
            if self.setup.remedies.use_candidate {
                self.use_candidate.asked(from, bytes, was_answered);
            }
            self.nominate(now, from);
        }
        true
    }

    /// An answer to a check of the agent's or ours. False if it is to be dropped.
    fn check_answered(&mut self, now: Instant, from: SocketAddr, binding: &Binding<'_>, bytes: &[u8]) -> bool {
        let Some(theirs) = &self.theirs else { return false };
        let is_consent = self.keepalive.knows(&binding.transaction);
        let asked = self
            .asked
            .iter()
            .position(|(transaction, _)| *transaction == binding.transaction);
        let is_by = |theirs: &Credentials| binding.is_authentic(&theirs.password, self.setup.crypto.crypto());
        let before = self.before.as_ref().map(|before| &before.theirs);
        let is_new = is_by(theirs);
        let is_consent_of_before = || is_consent && before.is_some_and(is_by);
        if (!is_consent && asked.is_none()) || !(is_new || is_consent_of_before()) {
            return false;
        }
        if is_new && before.is_some_and(|before| before.ufrag != theirs.ufrag) {
            self.before = None;
        }
        self.hear_from(now, from);
        if is_consent {
            if self.keepalive.answered(now, from, &binding.transaction) {
                self.accept_address(from);
                self.follow.prove(from);
            }
            return true;
        }
        if asked
            .and_then(|at| self.asked.remove(at))
            .is_some_and(|(_, to)| to == from)
        {
            self.accept_address(from);
            self.follow.prove(from);
        }
        self.read(now, from, bytes);
        if let Some(request) = self.use_candidate.succeeded(from) {
            self.setup.counters.remedy_use_candidate.bump();
            self.read(now, from, &request);
            self.nominate(now, from);
        }
        true
    }

    fn nominate(&mut self, now: Instant, from: SocketAddr) {
        if self.setup.remedies.pair_follow
            && !self.manner.controlling
            && let Some(dest) = self.dest
            && let Some(there) = self.follow.nominated(from, dest)
        {
            self.go_to(now, there);
        }
    }

    pub(super) fn go_to(&mut self, now: Instant, there: SocketAddr) {
        self.setup.counters.remedy_pair_follow.bump();
        self.dest = Some(there);
        self.events.push_back(PeerEvent::Missed { since: self.there });
        self.there = now;
        self.keepalive.start(now);
    }

    /// A consent check, if one is due; over a restart in both sessions (RFC 8445, 2.4: the old one is used until the new one stands).
    pub(super) fn consent(&mut self, now: Instant) {
        let Some(to) = self.dest else { return };
        if self.setup.remedies.keepalive && self.keepalive.is_due(now, self.liveness.last_heard()) {
            self.check(now, to);
        }
    }

    /// Asks whoever is at that address to prove that they are the far end.
    pub(super) fn check(&mut self, now: Instant, to: SocketAddr) {
        let (Some(theirs), Some(ours)) = (self.theirs.clone(), self.ours.last().cloned()) else {
            return;
        };
        for session in [Some(Session { ours, theirs }), self.before.clone()]
            .into_iter()
            .flatten()
        {
            let transaction: TransactionId = rand::random();
            self.keepalive.note(now, to, transaction);
            self.ask(to, transaction, &session);
        }
    }

    fn ask(&mut self, to: SocketAddr, transaction: TransactionId, Session { ours, theirs }: &Session) {
        let username = format!("{}:{}", theirs.ufrag, ours.ufrag);
        let ask = Ask {
            transaction,
            username: &username,
            password: &theirs.password,
            controlling: self.manner.controlling,
            tie_breaker: self.tie_breaker,
            use_candidate: self.manner.controlling,
        };
        let request = stun::request(&ask, self.setup.crypto.crypto());
        self.sends.extend(request.map(|bytes| Transmit {
            to,
            bytes: BytesMut::from(&bytes[..]),
        }));
    }

    /// The agent has selected a pair: media goes there.
    pub(super) fn settle(&mut self, now: Instant) {
        let pair = self
            .pc
            .rtp_sender(self.sender)
            .and_then(|sender| sender.transport()?.ice_transport().get_selected_candidate_pair());
        let Some(pair) = pair else { return };
        let Ok(ip) = pair.remote().address.parse() else { return };
        let there = SocketAddr::new(ip, pair.remote().port);
        if self.dest.replace(there).is_some_and(|before| before != there) {
            self.events.push_back(PeerEvent::Missed { since: self.there });
        }
        self.there = now;
        self.accept_address(there);
        self.keepalive.start(now);
    }

    /// Something authentic from there. What we sent to an address that has told nothing for a while may not have arrived.
    pub(super) fn hear_from(&mut self, now: Instant, from: SocketAddr) {
        if self.dest == Some(from) {
            if !self.liveness.is_lost() && self.liveness.silence(now) >= MISSED_MIN {
                self.events.push_back(PeerEvent::Missed { since: self.there });
            }
            self.there = now;
        }
        self.hear(now);
    }

    pub(super) fn hear(&mut self, now: Instant) {
        if self.liveness.hear(now) {
            self.events.push_back(PeerEvent::Back);
        }
    }

    pub(super) fn accept_address(&mut self, address: SocketAddr) {
        if self.accepted.last() == Some(&address) {
            return;
        }
        let was_known = self.accepted.iter().position(|known| *known == address);
        if let Some(at) = was_known {
            self.accepted.remove(at);
        } else {
            self.events.push_back(PeerEvent::Accepted(Sign::Address(address)));
            if self.accepted.len() >= ACCEPTED_MAX {
                self.accepted.remove(0);
            }
        }
        self.accepted.push(address);
    }
}

fn is_success(bytes: &[u8], transaction: &TransactionId) -> bool {
    bytes.starts_with(&[1, 1]) && bytes.get(8..20) == Some(&transaction[..])
}
