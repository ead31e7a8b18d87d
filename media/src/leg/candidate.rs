//! The leg to a candidate's browser: it offers, we answer, full ICE, DTLS client at once.

use super::peer::{Manner, Peer, Setup};
use super::sdp::{self, Audio};
use crate::call::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const MANNER: Manner = Manner {
    controlling: false,
    // Four checks go unanswered before the leg counts as lost.
    consent_every: Duration::from_millis(400),
    consent_quiet: (Duration::from_millis(400), Duration::from_millis(400)),
    silence_max: Duration::from_millis(1750),
    // A browser answers; one that has not yet may be a moment late.
    silence_max_unanswered: Duration::from_secs(5),
    // 20 ms took offer to connected from 214 to 77 ms with Chromium (FOUNDATION, 2).
    check_every: Duration::from_millis(20),
};

/// One browser peer connection's far end.
pub(crate) struct CandidateLeg {
    pub(crate) peer: Peer,
    /// As agreed; the answerer is us.
    pub(crate) audio: Audio,
    advertise: Vec<SocketAddr>,
    offer: String,
    answer: String,
}

impl CandidateLeg {
    /// A leg for this offer. Its answer: [`CandidateLeg::answer`].
    pub(crate) fn new(now: Instant, setup: Setup, advertise: &[SocketAddr], offer: &str) -> Result<Self, Error> {
        let mut peer = Peer::new(now, setup, MANNER)?;
        let (answer, audio) = negotiate(now, &mut peer, advertise, offer)?;
        Ok(Self {
            peer,
            audio,
            advertise: advertise.to_vec(),
            offer: offer.to_owned(),
            answer,
        })
    }

    /// The answer to the offer that it stands on.
    pub(crate) fn answer(&self) -> &str {
        &self.answer
    }

    /// Word for word the offer that it stands on.
    pub(crate) fn is_same_offer(&self, offer: &str) -> bool {
        self.offer == offer
    }

    /// Whether this offer comes from the same browser peer, on DTLS that lives: an ICE restart, or a renegotiation.
    pub(crate) fn is_same_peer(&self, offer: &str) -> bool {
        !self.peer.is_closed() && self.peer.is_up() && sdp::peer(&self.offer) == sdp::peer(offer)
    }

    /// Answers a later offer of the same peer, on the same DTLS.
    pub(crate) fn answer_again(&mut self, now: Instant, offer: &str) -> Result<(), Error> {
        let (answer, audio) = negotiate(now, &mut self.peer, &self.advertise, offer)?;
        (self.answer, self.audio) = (answer, audio);
        offer.clone_into(&mut self.offer);
        Ok(())
    }

    /// A trickled candidate line; one that no leg can use is let go.
    pub(crate) fn trickle(&mut self, now: Instant, candidate: &str) -> Result<(), Error> {
        let value = candidate.trim();
        let value = value.strip_prefix("a=").unwrap_or(value);
        let value = value.strip_prefix("candidate:").unwrap_or(value);
        match sdp::usable_candidate(value) {
            Some(candidate) => self.peer.add_remote_candidate(now, candidate),
            None => Ok(()),
        }
    }
}

fn negotiate(now: Instant, peer: &mut Peer, advertise: &[SocketAddr], offer: &str) -> Result<(String, Audio), Error> {
    if !offer.lines().any(|line| line.starts_with("m=audio ")) {
        return Err(Error::NoAudio);
    }
    let answer = sdp::reconcile(offer, &peer.answer(now, sdp::admit(offer))?);
    let audio = sdp::audio(&answer).ok_or(Error::NoAudio)?;
    let answer = sdp::polish(&answer, Some(audio.payload_type), advertise);
    Ok((answer, audio))
}
