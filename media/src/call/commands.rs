//! What a call's owner asks of it.

use super::packets::{Pcm, is_open};
use super::side::{Leg, Placed, Side};
use super::{Core, Error, Output, Send};
use crate::leg::ai::AiLeg;
use crate::leg::candidate::CandidateLeg;
use crate::leg::{Setup, sdp};
use crate::websocket::Speech;
use crate::{CloseCause, Event, LegEvent};
use bytes::BytesMut;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// To the AI and back, where that is not known; the longest that is believed; and for how long its word waited to be read.
const ROUND_TRIP: Duration = Duration::from_millis(100);
const ROUND_TRIP_MAX: Duration = Duration::from_secs(1);
const UNREAD: Duration = Duration::from_millis(20);

impl Core {
    /// See [`crate::Call::candidate_offer`].
    pub(crate) fn candidate_offer(&mut self, now: Instant, offer: &str) -> Result<String, Error> {
        let answer = self.answer(now, offer);
        if answer.is_err() {
            self.setup.counters.refused_sdp.bump();
        }
        self.settle(now);
        answer
    }

    fn answer(&mut self, now: Instant, offer: &str) -> Result<String, Error> {
        if offer.len() > sdp::SDP_LEN_MAX {
            return Err(Error::SdpTooLong);
        }
        for placed in self.legs[Side::Candidate as usize].all() {
            if let Leg::Candidate(leg) = &mut placed.leg
                && !leg.peer.is_closed()
                && leg.is_same_offer(offer)
            {
                return Ok(leg.answer().to_owned());
            }
        }
        if let Some(Placed {
            leg: Leg::Candidate(leg),
            ..
        }) = &mut self.legs[Side::Candidate as usize].current
            && leg.is_same_peer(offer)
        {
            leg.answer_again(now, offer)?;
            let answer = leg.answer().to_owned();
            self.retune(Side::Candidate);
            return Ok(answer);
        }
        let leg = CandidateLeg::new(now, self.setup_for(Side::Candidate), &self.advertise, offer)?;
        let answer = leg.answer().to_owned();
        self.place(now, Side::Candidate, Leg::Candidate(leg), false);
        Ok(answer)
    }

    /// A leg that is to come up in place of what is there.
    fn place(&mut self, now: Instant, side: Side, leg: Leg, staged: bool) -> u32 {
        if staged {
            self.discard_next_pcm();
        }
        let generation = self.next_generation();
        let placed = Placed {
            generation,
            leg,
            has_media: false,
            staged,
        };
        if let Some(superseded) = self.legs[side as usize].next.replace(placed) {
            self.discard(now, side, superseded);
        }
        generation
    }

    /// Closes a leg that is no longer in its place, without a word to the owner.
    pub(super) fn discard(&mut self, now: Instant, side: Side, mut placed: Placed) {
        placed.leg.peer().close(now);
        for datagram in std::mem::take(&mut placed.leg.peer().sends) {
            self.out.push(Send {
                side,
                generation: placed.generation,
                datagram,
            });
        }
        self.outputs.push_back(Output::Gone {
            side,
            generation: placed.generation,
        });
    }

    /// The candidate legs' local ufrags, for `demux`.
    pub(crate) fn ufrags(&self) -> impl Iterator<Item = (u32, &str)> {
        self.legs[Side::Candidate as usize]
            .iter()
            .flat_map(|placed| placed.leg.peer_ref().ufrags().map(|ufrag| (placed.generation, ufrag)))
    }

    /// See [`crate::Call::candidate_ice`].
    pub(crate) fn candidate_ice(&mut self, now: Instant, candidate: &str) {
        let legs = &mut self.legs[Side::Candidate as usize];
        // The newest description is what a browser trickles for.
        if let Some(Placed {
            leg: Leg::Candidate(leg),
            ..
        }) = legs.next.as_mut().or(legs.current.as_mut())
            && (candidate.len() > 1024 || leg.trickle(now, candidate).is_err())
        {
            self.setup.counters.refused_sdp.bump();
        }
        self.settle(now);
    }

    /// See [`crate::Call::candidate_send`].
    pub(crate) fn candidate_send(&mut self, now: Instant, text: &str) {
        if let Some(placed) = &mut self.legs[Side::Candidate as usize].current {
            placed.leg.peer().send_text(now, text, false);
        }
        self.settle(now);
    }

    /// See [`crate::Call::candidate_close`], [`crate::Call::ai_close`].
    pub(crate) fn close_side(&mut self, now: Instant, side: Side) {
        if let Some(next) = self.legs[side as usize].next.take() {
            self.discard(now, side, next);
        }
        if let Some(current) = &mut self.legs[side as usize].current {
            current.leg.peer().close(now);
        }
        if side == Side::Ai {
            self.discard_next_pcm();
            self.outputs.extend(self.pcm.take().map(|pcm| pcm.gone()));
        }
        self.settle(now);
    }

    fn discard_next_pcm(&mut self) {
        self.outputs.extend(self.next_pcm.take().map(|pcm| pcm.gone()));
    }

    /// See [`crate::Call::ai_offer`]; with the leg's generation, and the socket's address that it is made for.
    pub(crate) fn ai_offer(&mut self, now: Instant, local: SocketAddr, staged: bool) -> Result<(u32, String), Error> {
        let setup = Setup {
            locals: vec![local],
            ..self.setup_for(Side::Ai)
        };
        let leg = AiLeg::new(now, setup)?;
        let offer = leg.offer().to_owned();
        let generation = self.place(now, Side::Ai, Leg::Ai(leg), staged);
        self.settle(now);
        Ok((generation, offer))
    }

    /// See [`crate::Call::ai_answer`].
    pub(crate) fn ai_answer(&mut self, now: Instant, answer: &str) -> Result<(), Error> {
        let result = if answer.len() > sdp::SDP_LEN_MAX {
            Err(Error::SdpTooLong)
        } else if let Some(Placed { leg: Leg::Ai(leg), .. }) = &mut self.legs[Side::Ai as usize].next {
            leg.accept(now, answer)
        } else {
            Err(Error::NoOffer)
        };
        if result.is_err() {
            self.setup.counters.refused_sdp.bump();
        }
        self.settle(now);
        result
    }

    /// See [`crate::Call::ai_send`].
    pub(crate) fn ai_send(&mut self, now: Instant, text: &str) {
        let legs = &mut self.legs[Side::Ai as usize];
        let current = legs
            .current
            .as_mut()
            .filter(|placed| !placed.leg.peer_ref().is_closed());
        match current.or(legs.next.as_mut()) {
            Some(placed) => placed.leg.peer().send_text(now, text, true),
            None => self.setup.counters.dropped_message.bump(),
        }
        self.settle(now);
    }

    /// See [`crate::Call::ai_send_next`].
    pub(crate) fn ai_send_next(&mut self, now: Instant, text: &str) {
        match &mut self.legs[Side::Ai as usize].next {
            Some(placed) => placed.leg.peer().send_text(now, text, true),
            None => self.setup.counters.dropped_message.bump(),
        }
        self.settle(now);
    }

    /// See [`crate::Call::ai_switch`].
    pub(crate) fn ai_switch(&mut self, now: Instant) {
        let legs = &self.legs[Side::Ai as usize];
        let is_up = legs.next.as_ref().is_some_and(|next| next.leg.peer_ref().is_up());
        if !is_up && self.next_pcm.is_none() {
            self.outputs.push_back(Output::Event(Event::AiSwitched));
            let cause = CloseCause::Failed;
            self.outputs
                .push_back(Output::Event(Event::Ai(LegEvent::Closed { cause })));
            return;
        }
        self.ai_again(now);
        let legs = &mut self.legs[Side::Ai as usize];
        // One of the two is staged at a time.
        let next = legs.next.take().map(|next| Placed { staged: false, ..next });
        if let Some(old) = std::mem::replace(&mut legs.current, next) {
            self.discard(now, Side::Ai, old);
        }
        let old = std::mem::replace(&mut self.pcm, self.next_pcm.take());
        self.outputs.extend(old.map(|pcm| pcm.gone()));
        self.outputs.push_back(Output::Event(Event::AiSwitched));
        self.retune(Side::Ai);
        self.settle(now);
    }

    /// See [`crate::Call::ai_drop_next`].
    pub(crate) fn ai_drop_next(&mut self, now: Instant) {
        self.discard_next(now);
        self.settle(now);
    }

    fn discard_next(&mut self, now: Instant) {
        if let Some(next) = self.legs[Side::Ai as usize].next.take() {
            self.discard(now, Side::Ai, next);
        }
        self.discard_next_pcm();
    }

    /// See [`crate::Call::ai_pcm`]: the candidate's speech goes there; what is played comes by [`Core::play`].
    pub(crate) fn ai_pcm(&mut self, now: Instant, speech: mpsc::Sender<Speech>) -> u32 {
        self.close_side(now, Side::Ai);
        let pcm = self.new_pcm(speech);
        let generation = pcm.generation;
        self.pcm = Some(pcm);
        self.settle(now);
        generation
    }

    /// See [`crate::Call::ai_pcm_staged`].
    pub(crate) fn ai_pcm_staged(&mut self, now: Instant, speech: mpsc::Sender<Speech>) -> u32 {
        self.discard_next(now);
        let pcm = self.new_pcm(speech);
        let generation = pcm.generation;
        self.next_pcm = Some(pcm);
        self.settle(now);
        generation
    }

    fn new_pcm(&mut self, speech: mpsc::Sender<Speech>) -> Pcm {
        Pcm {
            generation: self.next_generation(),
            speech,
            seq: rand::random(),
            timestamp: rand::random(),
        }
    }

    /// See [`crate::Call::mute`].
    pub(crate) fn mute(&mut self, on: bool) {
        if self.is_muted && !on {
            // What comes joins on: the pause is no loss.
            let splice = &mut self.streams[Side::Ai as usize].splice;
            if let Some(source) = splice.selected() {
                splice.select(source);
            }
        }
        self.is_muted = on;
    }

    /// See [`crate::Call::candidate_missed`].
    pub(crate) fn candidate_missed(&mut self) {
        // it will be said again by the AI itself
        self.said.take_since(None, |_, _| {});
        let is_open = is_open(Side::Candidate, &mut self.legs[Side::Candidate as usize], None, None);
        let stream = &mut self.streams[Side::Candidate as usize];
        stream.hold.clear();
        stream.discards = !is_open;
    }

    /// See [`crate::Call::ai_has`].
    pub(crate) fn ai_has(&mut self, told: Instant, is_open: bool, nth: u64) {
        let round_trip = {
            let mut legs = self.legs[Side::Ai as usize].iter();
            legs.find_map(|placed| placed.leg.peer_ref().round_trip())
        };
        let before = round_trip.unwrap_or(ROUND_TRIP).min(ROUND_TRIP_MAX) + UNREAD;
        self.kept.release(told.checked_sub(before).unwrap_or(told), is_open);
        self.late.tell(nth);
        self.tell_late();
    }

    /// See [`crate::Call::ai_again`].
    pub(crate) fn ai_again(&mut self, now: Instant) {
        self.release = Some(false);
        let heard = self.legs[Side::Ai as usize]
            .iter()
            .map(|placed| placed.leg.peer_ref().last_heard())
            .max();
        let mut again = Vec::new();
        self.kept.take(heard.unwrap_or(now), |source, packet| {
            again.push((source, BytesMut::from(packet)));
        });
        let stream = &mut self.streams[Side::Ai as usize];
        let before = stream.hold.counts().lost_ms;
        stream.hold.pause();
        stream.hold.put_first(again.into_iter());
        let lost_ms = stream.hold.counts().lost_ms - before;
        self.setup.counters.speech_dropped_ms[Side::Candidate as usize].add(lost_ms);
        // The next far end has heard nothing: what is said again joins on, whatever its source and its numbers.
        stream.splice.deselect();
        self.settle(now);
    }

    /// See [`crate::Call::release_to_ai`].
    pub(crate) fn release_to_ai(&mut self, now: Instant, on: bool) {
        self.release = Some(on);
        self.settle(now);
    }

    /// See [`crate::Call::close`].
    pub(crate) fn close(&mut self, now: Instant, cause: CloseCause) {
        if std::mem::replace(&mut self.is_closed, true) {
            return;
        }
        self.close_side(now, Side::Candidate);
        self.close_side(now, Side::Ai);
        self.outputs.push_back(Output::Event(Event::Closed(cause)));
    }

    fn setup_for(&self, side: Side) -> Setup {
        Setup {
            ssrc: self.streams[side as usize].splice.ssrc(),
            ..self.setup.clone()
        }
    }

    fn next_generation(&mut self) -> u32 {
        self.generation += 1;
        self.generation
    }
}

impl Pcm {
    /// It is let go of.
    fn gone(&self) -> Output {
        Output::Gone {
            side: Side::Ai,
            generation: self.generation,
        }
    }
}
