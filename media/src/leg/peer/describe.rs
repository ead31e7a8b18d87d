//! A peer's descriptions: offer and answer as `rtc` makes and takes them, and the credentials in them.

use super::{Peer, refused};
use crate::call::Error;
use crate::leg::sdp;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use std::time::Instant;

/// ICE credentials of one side.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) ufrag: String,
    pub(super) password: String,
}

/// Credentials of both sides that belong together.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) ours: Credentials,
    pub(super) theirs: Credentials,
}

impl Credentials {
    fn of(sdp: &str) -> Option<Self> {
        let (ufrag, password) = (sdp::attribute(sdp, "ice-ufrag")?, sdp::attribute(sdp, "ice-pwd")?);
        Some(Self {
            ufrag: ufrag.to_owned(),
            password: password.to_owned(),
        })
    }
}

impl Peer {
    /// Answers an offer (admitted, see `sdp`), the first or a later one: `rtc`'s own answer.
    pub(crate) fn answer(&mut self, now: Instant, offer: String) -> Result<String, Error> {
        let theirs = Credentials::of(&offer).ok_or(Error::Sdp("no ICE credentials"))?;
        let offer = RTCSessionDescription::offer(offer).map_err(refused)?;
        self.pc.set_remote_description(now, offer).map_err(refused)?;
        if self.setup.remedies.failed_candidates {
            self.add_locals();
        }
        let answer = self.pc.create_answer(None).map_err(refused)?;
        self.pc.set_local_description(now, answer).map_err(refused)?;
        let answer = self.local_sdp()?;
        self.is_client = answer.contains("a=setup:active");
        self.theirs = Some(theirs);
        self.drain(now);
        Ok(answer)
    }

    /// `rtc`'s own offer.
    pub(crate) fn offer(&mut self, now: Instant) -> Result<String, Error> {
        let offer = self.pc.create_offer(None).map_err(refused)?;
        self.pc.set_local_description(now, offer).map_err(refused)?;
        let offer = self.local_sdp()?;
        self.drain(now);
        Ok(offer)
    }

    /// Takes the answer (admitted) to [`Peer::offer`].
    pub(crate) fn accept(&mut self, now: Instant, answer: String) -> Result<(), Error> {
        let theirs = Credentials::of(&answer).ok_or(Error::Sdp("no ICE credentials"))?;
        self.is_client = answer.contains("a=setup:passive");
        let answer = RTCSessionDescription::answer(answer).map_err(refused)?;
        self.pc.set_remote_description(now, answer).map_err(refused)?;
        self.theirs = Some(theirs);
        self.drain(now);
        Ok(())
    }

    fn local_sdp(&mut self) -> Result<String, Error> {
        let sdp = self
            .pc
            .local_description()
            .ok_or(Error::Sdp("no local description"))?
            .sdp;
        let ours = Credentials::of(&sdp).ok_or(Error::Sdp("no ICE credentials"))?;
        if self.ours.last().is_none_or(|newest| newest.ufrag != ours.ufrag) {
            if let (None, Some(ours), Some(theirs)) = (&self.before, self.ours.last(), &self.theirs) {
                self.before = Some(Session {
                    ours: ours.clone(),
                    theirs: theirs.clone(),
                });
            }
            self.ours.push(ours);
            if self.ours.len() > 2 {
                // of a session that never stood, if there is one, else the oldest
                let stands = |before: &Session| before.ours.ufrag == self.ours[0].ufrag;
                self.ours.remove(usize::from(self.before.as_ref().is_some_and(stands)));
            }
            self.use_candidate.forget();
            self.follow.restart();
            self.shown.clear();
            self.asked.clear();
        }
        Ok(sdp)
    }

    /// The local ufrags that datagrams may ask for, the newest last.
    pub(crate) fn ufrags(&self) -> impl Iterator<Item = &str> {
        self.ours.iter().map(|ours| ours.ufrag.as_str())
    }

    /// A trickled candidate (admitted).
    pub(crate) fn add_remote_candidate(&mut self, now: Instant, candidate: String) -> Result<(), Error> {
        let candidate = RTCIceCandidateInit {
            candidate,
            ..Default::default()
        };
        self.pc.add_remote_candidate(candidate).map_err(refused)?;
        self.drain(now);
        Ok(())
    }

    /// The next offer restarts ICE.
    #[cfg(any(test, feature = "world"))]
    pub(crate) fn restart(&mut self) {
        self.pc.restart_ice();
        self.add_locals();
    }
}
