//! The leg to the AI side: we offer, control ICE (it is lite), and are DTLS server (its answer is `setup:active`).

use super::peer::{Manner, Peer, Setup};
use super::sdp::{self, Audio};
use crate::call::Error;
use std::time::{Duration, Instant};

/// The channel on which the Realtime events go.
pub(crate) const CHANNEL: &str = "oai-events";

const MANNER: Manner = Manner {
    controlling: true,
    consent_every: Duration::from_secs(2),
    // Between turns it may send nothing at all: it is asked, and asked again, so that its loss is noticed at once.
    consent_quiet: (Duration::from_millis(200), Duration::from_millis(100)),
    // Where it answers consent (with USE-CANDIDATE, OpenAI does), six answers are missed.
    silence_max: Duration::from_millis(800),
    // It may be silent between turns; then only the channel's close or this tells.
    silence_max_unanswered: Duration::from_secs(30),
    check_every: Duration::from_millis(20),
};

/// One Realtime call's far end.
pub(crate) struct AiLeg {
    pub(crate) peer: Peer,
    /// As agreed, once the answer is there; the answerer is the far end.
    pub(crate) audio: Option<Audio>,
    offer: String,
}

impl AiLeg {
    /// A leg with its offer made: [`AiLeg::offer`].
    pub(crate) fn new(now: Instant, setup: Setup) -> Result<Self, Error> {
        let mut peer = Peer::new(now, setup, MANNER)?;
        peer.open_channel(CHANNEL)?;
        let offer = peer.offer(now)?;
        // Without candidates: a lite agent asks nothing, and learns us from our own checks.
        let offer = sdp::polish(&offer, Some(111), &[]);
        Ok(Self {
            peer,
            audio: None,
            offer,
        })
    }

    /// Ours. Ends in CRLF; to be posted byte for byte.
    pub(crate) fn offer(&self) -> &str {
        &self.offer
    }

    /// Takes the answer; once.
    pub(crate) fn accept(&mut self, now: Instant, answer: &str) -> Result<(), Error> {
        if self.audio.is_some() {
            return Err(Error::NoOffer);
        }
        let audio = sdp::audio(answer).ok_or(Error::NoAudio)?;
        self.peer.accept(now, sdp::admit(answer))?;
        self.audio = Some(audio);
        Ok(())
    }
}

/// As a browser does it, in tests.
#[cfg(any(test, feature = "world"))]
impl AiLeg {
    /// An ICE restart: the new offer.
    pub(crate) fn restart(&mut self, now: Instant) -> String {
        self.peer.restart();
        sdp::polish(&self.peer.offer(now).unwrap_or_default(), Some(111), &[])
    }

    /// Takes the answer to [`AiLeg::restart`].
    pub(crate) fn accept_again(&mut self, now: Instant, answer: &str) -> Result<(), Error> {
        self.peer.accept(now, sdp::admit(answer))
    }
}
