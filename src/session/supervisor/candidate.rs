//! The candidate's side: commands of HTTP, WHIP and the socket, and the candidate leg's events.

use super::{Supervisor, clock};
use crate::{
    metrics::Leg,
    realtime::allow,
    session::{
        Error, fate,
        live::{Attach, Command, WhipStep},
        machine::Event,
    },
    store::EndReason,
};
use uuid::Uuid;
use vivavoce_media::{CloseCause, Event as MediaEvent, LegEvent, LossCause, Received};
use vivavoce_signaling::{ClientMessage, ServerMessage, speech::Speech};

impl Supervisor {
    pub(super) async fn command(&mut self, command: Command) {
        match command {
            Command::Offer { sdp, reply } => {
                let answer = self.offer(sdp, None).await;
                let _ = reply.send(answer);
            }
            Command::Whip { resource, step, reply } => {
                let answer = self.whip(resource, step).await;
                let _ = reply.send(answer);
            }
            Command::Attach { request, reply } => {
                let attached = self.attach(&request);
                let socket = attached.as_ref().ok().map(|attached| attached.socket);
                // whoever asked has gone meanwhile: nobody else would say that the socket is
                if reply.send(attached).is_err()
                    && socket.is_some_and(|socket| self.browser.detach(clock::monotonic(), socket))
                {
                    self.detached();
                }
            }
            Command::Deliver { socket, message } => {
                if self.browser.is_current(socket) {
                    self.message(message).await;
                }
            }
            Command::ClockSet => {} // it is looked at after each turn of the loop
            Command::Detach { socket } => {
                if self.browser.detach(clock::monotonic(), socket) {
                    self.detached();
                }
            }
            Command::End {
                reason,
                recording_url,
                reply,
            } => {
                self.recording_url = recording_url.or(self.recording_url.take());
                self.tell(Event::EndAsked(reason));
                self.await_end(reply);
            }
            Command::MoveTo(url) => self.move_to(url),
            Command::LetGo(how) => self.left = Some(how),
            Command::Find { speaker, text, reply } => {
                let _ = reply.send(self.transcript.find(speaker, &text));
            }
        }
    }

    /// A resource whose leg another offer has taken can do nothing to it: its client was left behind.
    async fn whip(&mut self, resource: Uuid, step: WhipStep) -> Result<String, Error> {
        if let WhipStep::Offer(sdp) = step {
            return self.offer(sdp, Some(resource)).await;
        }
        if self.whip != Some(resource) {
            return Err(Error::NotFound);
        }
        match step {
            WhipStep::Offer(sdp) | WhipStep::Restart(sdp) => return self.offer(sdp, Some(resource)).await,
            WhipStep::Trickle(candidates) => {
                for candidate in candidates {
                    self.call.candidate_ice(candidate);
                }
            }
            WhipStep::Leave => {
                self.whip = None;
                self.call.candidate_close();
                self.tell(Event::CandidateClosed("left"));
            }
        }
        Ok(String::new())
    }

    /// `whip`: the resource whose leg it is from here on, if it is one's.
    async fn offer(&mut self, sdp: String, whip: Option<Uuid>) -> Result<String, Error> {
        if self.ended.is_some() {
            return Err(Error::Ended);
        }
        let answer = self.call.candidate_offer(sdp).await.map_err(|error| match error {
            vivavoce_media::call::Error::Closed => Error::Unavailable("media is not available"),
            other => Error::BadSdp(other.to_string()),
        })?;
        self.whip = whip;
        self.tell(Event::Offered);
        Ok(answer)
    }

    fn attach(&mut self, request: &Attach) -> Result<crate::session::live::Attached, Error> {
        let state = self.state();
        let (attached, replaced) = self
            .browser
            .attach(clock::monotonic(), request, state, self.late.heard_up_to())?;
        self.call.keep(request.keeps);
        if replaced {
            self.tell(Event::SocketDetached);
        }
        self.tell(Event::SocketAttached);
        if attached.resumed && self.machine.snapshot().candidate == "none" {
            // It left another process, or this one before it died: its leg is of the past.
            self.say(ServerMessage::Renegotiate {
                ice_restart: false,
                reason: "restored".to_owned(),
            });
        }
        if self.deps.simulated {
            self.notice("simulated");
        }
        Ok(attached)
    }

    /// The browser has no socket any more.
    pub(super) fn detached(&mut self) {
        self.call.keeper_away();
        self.tell(Event::SocketDetached);
    }

    async fn message(&mut self, message: ClientMessage) {
        match message {
            ClientMessage::Offer { sdp, id } => match self.offer(sdp, None).await {
                Ok(sdp) => self.say(ServerMessage::Answer { sdp, id }),
                Err(error) => self.refuse(error.code(), &error.to_string()),
            },
            ClientMessage::Candidate { candidate } => self.call.candidate_ice(candidate.map(|it| it.candidate)),
            ClientMessage::Mute { on } => self.call.mute(on),
            ClientMessage::Say { text, id } => self.typed(&text, &id),
            ClientMessage::End {} => self.tell(Event::EndAsked(EndReason::Candidate)),
            ClientMessage::Event { event } => self.ask_ai(allow::allowed_event(&event)),
            ClientMessage::Malformed(why) => self.say(ServerMessage::refuse(why)),
            ClientMessage::Speech(speech) => self.kept(speech),
            // Stats are for operators, who have no page yet.
            ClientMessage::Stats { .. } | ClientMessage::Hello(_) | ClientMessage::Unknown => {}
        }
    }

    /// What the browser had kept goes to its place, as long as it is no more than a person can have said.
    fn kept(&mut self, speech: Speech) {
        if let Some(kept) = self.late.take(clock::monotonic(), speech) {
            self.call.kept(kept);
            return;
        }
        self.deps.metrics.signaling_refused("too_much_speech");
        tracing::warn!("a browser has sent more speech than time has passed: its socket is let go");
        if self.browser.let_go() {
            self.detached();
        }
    }

    /// A Realtime client event of the browser's, by socket or data channel, as far as the allow-list lets it.
    fn ask_ai(&mut self, allowed: Option<serde_json::Value>) {
        match allowed {
            // asked for as we ask for ours: one at a time
            Some(event) if allow::asks_to_respond(&event) => self.tell(Event::Nudged),
            Some(event) => self.send_ai(vec![event]),
            None => self.deps.metrics.signaling_refused("client_event"),
        }
    }

    fn refuse(&mut self, code: &str, detail: &str) {
        self.say(ServerMessage::Error {
            code: code.to_owned(),
            detail: detail.to_owned(),
            fatal: false,
        });
    }

    pub(super) fn media_event(&mut self, event: Option<MediaEvent>) {
        match event {
            Some(MediaEvent::Candidate(event)) => self.candidate_event(event),
            // between the two, what is told is of the leg that was replaced, and of the one that has taken its place
            Some(MediaEvent::Ai(_)) if self.switching > 0 => {}
            Some(MediaEvent::AiNext(event)) if self.switching > 0 => self.ai_event(event),
            Some(MediaEvent::Ai(event)) => self.ai_event(event),
            Some(MediaEvent::AiNext(event)) => self.next_event(&event),
            Some(MediaEvent::AiSwitched) => self.switching = self.switching.saturating_sub(1),
            Some(MediaEvent::Closed(_)) | None => {
                if self.ended.is_none() {
                    tracing::error!("the call is gone from its shard");
                    self.machine
                        .handle(clock::monotonic(), Event::EndAsked(EndReason::Failed));
                }
            }
        }
    }

    fn candidate_event(&mut self, event: LegEvent) {
        match event {
            LegEvent::Up { took } => {
                self.deps.metrics.connected(Leg::Candidate, took);
                self.deaf_since = None;
                self.tell(Event::CandidateUp);
            }
            LegEvent::Lost { cause, silent } => {
                self.candidate_silent = silent;
                self.tell(Event::CandidateLost(match cause {
                    LossCause::Silent => "silent",
                    LossCause::Ice => "ice",
                }));
            }
            LegEvent::Back => {
                self.deaf_since = None;
                self.tell(Event::CandidateBack);
            }
            LegEvent::Closed {
                cause: CloseCause::Local,
            }
            | LegEvent::FirstMedia
            | LegEvent::ChannelOpen { .. }
            | LegEvent::ChannelClosed { .. } => {}
            LegEvent::Received(received) => {
                if self.late.is_to_be_noted(&received) {
                    self.note_received(&received);
                }
                let ack = self.late.received(received);
                self.say(ack);
            }
            LegEvent::Closed { cause } => self.tell(Event::CandidateClosed(close_word(cause))),
            LegEvent::Message { text } => self.ask_ai(allow::allowed(&text)),
        }
    }

    /// Keeps with the record how far a stream is in it.
    pub(super) fn note_received(&mut self, received: &Received) {
        let told = fate::heard_told(received.stream, received.up_to, self.begin.fence);
        self.record.note(self.wall.now(), "session", fate::HEARD_UP_TO, told);
    }
}

/// For the record.
pub(super) fn close_word(cause: CloseCause) -> &'static str {
    match cause {
        CloseCause::Peer => "closed by the far end",
        CloseCause::Failed => "failed",
        CloseCause::Local => "closed here",
        CloseCause::Overrun => "overrun",
    }
}
