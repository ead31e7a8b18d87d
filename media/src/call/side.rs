//! One side of a call: the leg that is there, and the one that is to replace it.
//!
//! **Law:** a leg is replaced by one that is up, never by one that might come up (make before break).

use crate::leg::Peer;
use crate::leg::ai::AiLeg;
use crate::leg::candidate::CandidateLeg;

/// Which side, as an index too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Candidate = 0,
    Ai = 1,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Candidate => Self::Ai,
            Self::Ai => Self::Candidate,
        }
    }
}

/// A leg of either kind.
pub(super) enum Leg {
    Candidate(CandidateLeg),
    Ai(AiLeg),
}

/// What a leg's media is like, from our point of view.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agreed {
    pub(super) payload_type: u8,
    pub(super) we_send: bool,
    pub(super) nack: bool,
}

impl Leg {
    pub(super) fn peer(&mut self) -> &mut Peer {
        match self {
            Self::Candidate(leg) => &mut leg.peer,
            Self::Ai(leg) => &mut leg.peer,
        }
    }

    pub(super) fn peer_ref(&self) -> &Peer {
        match self {
            Self::Candidate(leg) => &leg.peer,
            Self::Ai(leg) => &leg.peer,
        }
    }

    /// `None` before the answer.
    pub(super) fn agreed(&self) -> Option<Agreed> {
        match self {
            // The answerer is us.
            Self::Candidate(leg) => Some(Agreed {
                payload_type: leg.audio.payload_type,
                we_send: leg.audio.answerer_sends,
                nack: leg.audio.nack,
            }),
            Self::Ai(leg) => leg.audio.map(|audio| Agreed {
                payload_type: audio.payload_type,
                we_send: audio.answerer_receives,
                nack: audio.nack,
            }),
        }
    }
}

/// A leg with its number: unique within the call, rising.
pub(super) struct Placed {
    pub(super) generation: u32,
    pub(super) leg: Leg,
    pub(super) has_media: bool,
    /// It takes over when it is told to, not by itself.
    pub(super) staged: bool,
}

/// The legs of one side.
#[derive(Default)]
pub(super) struct Legs {
    /// The one that is, or was, up.
    pub(super) current: Option<Placed>,
    /// The one that is coming up.
    pub(super) next: Option<Placed>,
}

impl Legs {
    pub(super) fn get(&mut self, generation: u32) -> Option<&mut Placed> {
        self.all().find(|placed| placed.generation == generation)
    }

    /// It is the one that is there.
    pub(super) fn is_current(&self, generation: u32) -> bool {
        self.current
            .as_ref()
            .is_some_and(|placed| placed.generation == generation)
    }

    /// It waits to be told to take over.
    pub(super) fn is_staged(&self, generation: u32) -> bool {
        self.next
            .as_ref()
            .is_some_and(|placed| placed.staged && placed.generation == generation)
    }

    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Placed> {
        self.current.iter_mut().chain(self.next.iter_mut())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Placed> {
        self.current.iter().chain(self.next.iter())
    }

    /// The current leg's peer, if it can hear.
    pub(super) fn hearing(&mut self) -> Option<&mut Peer> {
        let peer = self.current.as_mut()?.leg.peer();
        (peer.is_up() && !peer.is_lost()).then_some(peer)
    }
}
