//! The handle of a call: what its owner can ask of the shard's thread.
//!
//! Isn't: the call itself, which lives on that thread alone (`call`). Each method is one message on a bounded queue; the
//! `async` ones wait for room and for the answer, the others never wait: where the queue is full (4096 messages that the
//! thread has not taken) theirs is dropped and counted.

use crate::call::{Error, LastHeard};
use crate::shard::Commands;
use crate::websocket::{self, Frame, Speech};
use crate::{CallStats, Counters, Kept, PcmIn, PcmOut, Received};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Packets of speech that may wait for a PCM transport to take them: 5 s.
const SPEECH_QUEUE: usize = 256;

/// How a call is set up.
#[derive(Debug, Clone)]
pub struct CallConfig {
    /// Names the call in spans, and nowhere else.
    pub name: Arc<str>,
    /// Speech kept per direction until the far leg is up, in ms; the oldest goes first. At most, and by default, 120 000.
    pub hold_ms_max: u32,
    /// The candidate's streams, oldest first, as far as a process before this one had them for good: SSRC and RTP timestamp.
    pub heard_before: Vec<(u32, u32)>,
}

impl Default for CallConfig {
    fn default() -> Self {
        Self {
            name: Arc::from("call"),
            hold_ms_max: 120_000,
            heard_before: Vec::new(),
        }
    }
}

/// What a handle asks of its shard.
#[derive(Debug)]
pub(crate) enum Command {
    Open {
        config: CallConfig,
        call: std::sync::Weak<Inner>,
        heard: Arc<LastHeard>,
        id: u64,
        events: mpsc::Sender<crate::Event>,
    },
    Call {
        id: u64,
        action: Action,
    },
    Stop,
}

/// What is asked of a call.
#[derive(Debug)]
pub(crate) enum Action {
    CandidateOffer(String, oneshot::Sender<Result<String, Error>>),
    CandidateIce(String),
    CandidateSend(String),
    CandidateClose,
    AiOffer(bool, oneshot::Sender<Result<String, Error>>),
    AiAnswer(String, oneshot::Sender<Result<(), Error>>),
    AiSend(String),
    AiSendNext(String),
    AiSwitch,
    AiDropNext,
    AiClose,
    AiPcm(bool, mpsc::Sender<Speech>, oneshot::Sender<Result<u32, Error>>),
    Play(u32, Frame),
    Mute(bool),
    Keep(bool),
    KeeperAway,
    Kept(Kept),
    Release(bool),
    AiHas(Instant, bool, u64),
    AiAgain,
    CandidateMissed,
    Stats(oneshot::Sender<Result<CallStats, Error>>),
    Received(oneshot::Sender<Result<Vec<Received>, Error>>),
    Close,
}

/// What all clones of a handle share.
pub(crate) struct Inner {
    id: u64,
    commands: Commands,
    counters: Arc<Counters>,
    heard: Arc<LastHeard>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Should the queue be full, the shard notices within a second that nobody holds the call.
        let _ = self.commands.try_send(Command::Call {
            id: self.id,
            action: Action::Close,
        });
    }
}

/// A call on a shard. Cheap to clone; the drop of the last clone closes the call.
#[derive(Debug, Clone)]
pub struct Call {
    inner: Arc<Inner>,
}

impl Call {
    pub(crate) fn new(id: u64, commands: Commands, counters: Arc<Counters>) -> Self {
        let inner = Inner {
            id,
            commands,
            counters,
            heard: Arc::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn heard(&self) -> Arc<LastHeard> {
        self.inner.heard.clone()
    }

    /// For how long nothing authentic has come from the candidate; `None` where nothing ever did. Known without asking the call's
    /// thread. A browser sends 50 packets a second, and one without a microphone answers twice a second.
    pub fn candidate_silence(&self, now: Instant) -> Option<Duration> {
        self.inner.heard.silence(now)
    }

    /// How long it takes to the candidate and back, by the last consent check that they answered; `None` where none was. Known without
    /// asking the call's thread.
    pub fn candidate_round_trip(&self) -> Option<Duration> {
        self.inner.heard.round_trip()
    }

    pub(crate) fn downgrade(&self) -> std::sync::Weak<Inner> {
        Arc::downgrade(&self.inner)
    }

    fn tell(&self, action: Action) {
        if self
            .inner
            .commands
            .try_send(Command::Call {
                id: self.inner.id,
                action,
            })
            .is_err()
        {
            self.inner.counters.dropped_command.bump();
        }
    }

    async fn ask<T>(&self, action: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Action) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Call {
            id: self.inner.id,
            action: action(reply),
        };
        self.inner.commands.send(command).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Answers the candidate's offer, all candidates in the answer (no trickle from us).
    ///
    /// The same offer again gives the same answer. A new ufrag with the fingerprint of a leg that lives is an ICE
    /// restart on the same DTLS; anything else is a fresh leg, which replaces the old one once it is up. An offer that
    /// only sends is answered `recvonly`.
    pub async fn candidate_offer(&self, sdp: String) -> Result<String, Error> {
        self.ask(|reply| Action::CandidateOffer(sdp, reply)).await
    }

    /// A trickled candidate of the browser's (the value of `a=candidate:`, with or without that prefix); `None` ends them.
    pub fn candidate_ice(&self, candidate: Option<String>) {
        // The end of candidates changes nothing: checks go on as long as there are pairs.
        if let Some(candidate) = candidate.filter(|candidate| !candidate.is_empty()) {
            self.tell(Action::CandidateIce(candidate));
        }
    }

    /// Sends a text to every data channel that the candidate has opened.
    pub fn candidate_send(&self, text: String) {
        self.tell(Action::CandidateSend(text));
    }

    /// Closes the candidate leg; the call goes on.
    pub fn candidate_close(&self) {
        self.tell(Action::CandidateClose);
    }

    /// Makes a new AI leg, on a socket of its own, and its offer: sendrecv Opus and the channel `oai-events`. Ends in
    /// CRLF: post it byte for byte. An AI leg before it goes on until this one is up.
    pub async fn ai_offer(&self) -> Result<String, Error> {
        self.ask(|reply| Action::AiOffer(false, reply)).await
    }

    /// The same, for a leg that does not take over by itself once it is up: its events come as [`crate::Event::AiNext`], until
    /// [`Call::ai_switch`].
    pub async fn ai_offer_staged(&self) -> Result<String, Error> {
        self.ask(|reply| Action::AiOffer(true, reply)).await
    }

    /// The staged leg takes the place of the one that is there, if it is up, or the staged PCM does ([`Call::ai_pcm_staged`]). Speech of the candidate's that the one before may
    /// not have told of goes to it too ([`Call::ai_has`]); speech is held until [`Call::release_to_ai`].
    pub fn ai_switch(&self) {
        self.tell(Action::AiSwitch);
    }

    /// Sends a text on the `oai-events` of the leg that is to come.
    pub fn ai_send_next(&self, text: String) {
        self.tell(Action::AiSendNext(text));
    }

    /// Closes the leg, or the PCM, that is to come.
    pub fn ai_drop_next(&self) {
        self.tell(Action::AiDropNext);
    }

    /// The AI side's answer to the last [`Call::ai_offer`].
    pub async fn ai_answer(&self, sdp: String) -> Result<(), Error> {
        self.ask(|reply| Action::AiAnswer(sdp, reply)).await
    }

    /// Sends a text on `oai-events`. Before the channel is open, up to 64 texts wait for it.
    pub fn ai_send(&self, text: String) {
        self.tell(Action::AiSend(text));
    }

    /// Closes the AI leg, or the PCM transport; the call goes on.
    pub fn ai_close(&self) {
        self.tell(Action::AiClose);
    }

    /// The AI side as PCM in place of an AI leg: the WebSocket transport. An AI leg before it is closed.
    pub async fn ai_pcm(&self) -> Result<(PcmIn, PcmOut), Error> {
        self.pcm(false).await
    }

    /// The same, for one that does not take over by itself: it hears nothing and is not heard until [`Call::ai_switch`]. Of what is
    /// staged, leg or PCM, there is one at a time: the newest.
    pub async fn ai_pcm_staged(&self) -> Result<(PcmIn, PcmOut), Error> {
        self.pcm(true).await
    }

    async fn pcm(&self, staged: bool) -> Result<(PcmIn, PcmOut), Error> {
        let (speech, heard) = mpsc::channel(SPEECH_QUEUE);
        let generation = self.ask(|reply| Action::AiPcm(staged, speech, reply)).await?;
        // Not the handle itself: a transport does not keep its call open.
        let (id, commands, counters) = (self.inner.id, self.inner.commands.clone(), self.inner.counters.clone());
        websocket::bridge(heard, move |frame| {
            if commands
                .try_send(Command::Call {
                    id,
                    action: Action::Play(generation, frame),
                })
                .is_err()
            {
                counters.dropped_command.bump();
            }
        })
        .map_err(|error| Error::Codec(error.to_string()))
    }

    /// The candidate's packets stop at the relay (`true`), or pass.
    pub fn mute(&self, on: bool) {
        self.tell(Action::Mute(on));
    }

    /// Whether the candidate's browser keeps what it sends until that is acknowledged ([`crate::LegEvent::Received`]), and can be
    /// asked for what did not arrive. Live speech waits for its answer then.
    pub fn keep(&self, on: bool) {
        self.tell(Action::Keep(on));
    }

    /// The browser that keeps cannot be asked for the moment: its socket is gone. [`Call::keep`] says that it is back.
    pub fn keeper_away(&self) {
        self.tell(Action::KeeperAway);
    }

    /// What the browser had kept: what of it is lacking here is put in its place.
    pub fn kept(&self, kept: Kept) {
        self.tell(Action::Kept(kept));
    }

    /// Whether the candidate's speech goes to the AI side. `true`: what is held goes first, then what comes; `false`: it
    /// is held. Until the first call of it, speech is released by itself once the AI leg is up.
    pub fn release_to_ai(&self, on: bool) {
        self.tell(Action::Release(on));
    }

    /// What is held of the AI's speech for a candidate that cannot hear goes, and so does what comes until they can: it will be
    /// said again.
    pub fn candidate_missed(&self) {
        self.tell(Action::CandidateMissed);
    }

    /// The candidate's speech that had reached the AI as it said a word that came at `told` is its for good. `is_open`: what was sent
    /// since is of a turn that is not (of which two minutes are kept at most); else some seconds are kept, for a turn that the AI has
    /// not told of yet.
    /// `nth`, which rises: what is told to the browser from then on says that it knows of this ([`crate::Received::knows`]).
    pub fn ai_has(&self, told: Instant, is_open: bool, nth: u64) {
        self.tell(Action::AiHas(told, is_open, nth));
    }

    /// The AI leg is given up, or about to be: speech that was sent to it and is not its for good goes to the next one, before
    /// what comes; until [`Call::release_to_ai`] it is held.
    pub fn ai_again(&self) {
        self.tell(Action::AiAgain);
    }

    /// How far each stream of the candidate's has arrived for good, where their browser keeps speech: all that was told of it before is
    /// heeded.
    pub async fn received(&self) -> Result<Vec<Received>, Error> {
        self.ask(Action::Received).await
    }

    /// Both legs' figures at this moment.
    pub async fn stats(&self) -> Result<CallStats, Error> {
        self.ask(Action::Stats).await
    }

    /// Closes both legs and the call.
    pub fn close(&self) {
        self.tell(Action::Close);
    }
}
