//! One call's task: carries commands into the conversation and its actions out. Decides nothing that the machines decide.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use webrtc::data_channel::DataChannel;

use crate::{
    audio::Sound,
    conversation::{Action, Conversation, Faults, Input},
    peer::{FrontState, HearingStats},
    wire::{Wire, WireFaults},
};

/// Commands that may wait; sound beyond it is dropped and counted, everything else waits.
pub(crate) const INBOX: usize = 1_024;
/// Events that may wait for a sideband connection; one that reads slower is let go.
pub(crate) const SIDEBAND: usize = 4_096;
/// The longest that sending one thing may take.
pub(crate) const SEND_MAX: Duration = Duration::from_secs(5);
/// OpenAI drops a peer about so long after its last Binding request.
const CONSENT_MAX: Duration = Duration::from_secs(30);
/// How long the sockets of a peer that vanished stay, so that nothing on this machine answers for them.
const HAUNT: Duration = Duration::from_secs(120);
const VANISHED: &str = "vanished by fault";
/// A client that has not connected by then never will.
const CONNECT_MAX: Duration = Duration::from_secs(30);

/// What a call is told.
pub(crate) enum Command {
    /// The client's channel is there (WebRTC).
    Channel(Arc<dyn DataChannel>),
    /// The client can hear events (WebSocket).
    Open,
    /// A text message of the client's, or of a sideband connection's.
    Client(String),
    /// Sound of the candidate's.
    Heard(Sound),
    /// A sideband connection wants the events too.
    Listen(mpsc::Sender<String>),
    Faults(Faults),
    Wire(WireFaults),
    /// The session's time is over.
    Expire,
    /// The channel closes; the peer lives on.
    CloseChannel,
    /// The peer is gone without a word, for good.
    Vanish,
    /// Everything of the peer's is swallowed from here on, or no longer.
    Blackhole(bool),
    /// USE-CANDIDATE strictness on or off.
    Strict(bool),
    Snapshot(oneshot::Sender<Value>),
    /// The server ends the call.
    End(String),
    /// The client's channel closed, by whichever side.
    ChannelClosed,
    /// The client went.
    Gone(String),
}

/// A transport's sending side.
#[async_trait::async_trait]
pub(crate) trait Outlet: Send {
    /// The data channel opened (WebRTC only).
    fn channel(&mut self, _channel: Arc<dyn DataChannel>) {}
    /// Sends an event; false if it could not be sent.
    async fn event(&mut self, text: &str) -> bool;
    /// Sends 20 ms of Opus.
    async fn sound(&mut self, packet: Bytes);
    /// Closes the channel alone.
    async fn close_channel(&mut self);
    /// Ends everything.
    async fn close(&mut self, code: u16, reason: &str);
    /// Counters.
    fn stats(&self) -> Value;
}

/// The task's own state.
pub(crate) struct Call {
    pub(crate) conversation: Conversation,
    pub(crate) wire: Wire,
    pub(crate) outlet: Box<dyn Outlet>,
    pub(crate) front: Option<Arc<FrontState>>,
    pub(crate) hearing: Option<Arc<HearingStats>>,
    sidebands: Vec<mpsc::Sender<String>>,
    started: Instant,
    open: bool,
    /// The channel was closed by a fault: its end is not the client's.
    channel_shut: bool,
    vanished: bool,
    unsent: u64,
    ended: Option<String>,
}

impl Call {
    pub(crate) fn new(conversation: Conversation, wire: Wire, outlet: Box<dyn Outlet>) -> Self {
        Self {
            conversation,
            wire,
            outlet,
            front: None,
            hearing: None,
            sidebands: Vec::new(),
            started: Instant::now(),
            open: false,
            channel_shut: false,
            vanished: false,
            unsent: 0,
            ended: None,
        }
    }

    /// Runs until either side ends it; answers the last snapshot.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Command>) -> Value {
        let mut watch = tokio::time::interval(Duration::from_secs(1));
        while self.ended.is_none() {
            self.drain().await;
            if self.ended.is_some() {
                break;
            }
            let due = self
                .conversation
                .poll_timeout()
                .into_iter()
                .chain(self.wire.poll_timeout())
                .min();
            let due = self.started + due.unwrap_or(Duration::from_hours(1));
            tokio::select! {
                biased;
                command = inbox.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => self.ended = Some("forgotten".to_owned()),
                },
                () = tokio::time::sleep_until(due) => {
                    let now = self.now();
                    self.conversation.handle(now, Input::Due);
                }
                _ = watch.tick() => self.watch(),
            }
        }
        if self.vanished {
            let last = self.snapshot();
            self.haunt();
            return last;
        }
        for event in self.wire.flush() {
            self.send(&event).await;
        }
        self.outlet.close(1000, self.ended.as_deref().unwrap_or_default()).await;
        self.snapshot()
    }

    /// A host that is gone refuses nothing: its sockets stay, deaf and dumb, until everybody has let go of them.
    fn haunt(self) {
        let Self { outlet, .. } = self;
        tokio::spawn(async move {
            tokio::time::sleep(HAUNT).await;
            drop(outlet);
        });
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    async fn obey(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::Channel(channel) => {
                self.outlet.channel(channel);
                self.open = true;
                self.conversation.handle(now, Input::Open);
            }
            Command::Open => {
                self.open = true;
                self.conversation.handle(now, Input::Open);
            }
            Command::Client(text) => self.conversation.handle(now, Input::Client(&text)),
            Command::Heard(pcm) => self.conversation.handle(now, Input::Heard(&pcm)),
            Command::Listen(sideband) => self.sidebands.push(sideband),
            Command::Faults(faults) => self.conversation.handle(now, Input::Faults(faults)),
            Command::Wire(faults) => self.wire.set(faults),
            Command::Expire => self.conversation.handle(now, Input::Expire),
            Command::CloseChannel => {
                self.channel_shut = true;
                self.outlet.close_channel().await;
            }
            Command::ChannelClosed if self.channel_shut => {}
            Command::ChannelClosed => self.ended = Some("channel closed by the client".to_owned()),
            Command::Blackhole(on) => self.with_front(|f| f.blackhole.store(on, Ordering::Relaxed)),
            Command::Vanish => {
                self.with_front(|f| f.blackhole.store(true, Ordering::Relaxed));
                self.vanished = true;
                self.ended = Some(VANISHED.to_owned());
            }
            Command::Strict(on) => self.with_front(|f| f.strict.store(on, Ordering::Relaxed)),
            Command::Snapshot(reply) => {
                let _ = reply.send(self.snapshot());
            }
            Command::End(reason) | Command::Gone(reason) => self.ended = Some(reason),
        }
    }

    fn with_front(&self, change: impl Fn(&FrontState)) {
        if let Some(front) = &self.front {
            change(front);
        }
    }

    async fn drain(&mut self) {
        while let Some(action) = self.conversation.poll_action() {
            match action {
                Action::Event(event) => {
                    let now = self.now();
                    self.wire.push(now, event);
                }
                Action::Sound(packet) => self.outlet.sound(packet).await,
                Action::Close { code, reason } => {
                    for event in self.wire.flush() {
                        self.send(&event).await;
                    }
                    self.outlet.close(code, reason).await;
                    self.ended = Some(reason.to_owned());
                }
            }
        }
        let now = self.now();
        while let Some(event) = self.wire.pop(now) {
            self.send(&event).await;
        }
    }

    async fn send(&mut self, event: &Value) {
        let text = event.to_string();
        if !self.outlet.event(&text).await {
            self.unsent += 1;
        }
        self.sidebands.retain(|s| s.try_send(text.clone()).is_ok());
    }

    fn watch(&mut self) {
        let Some(front) = &self.front else { return };
        if front.blackhole.load(Ordering::Relaxed) {
            return;
        }
        if self.open && front.quiet_for() > CONSENT_MAX {
            self.ended = Some("no Binding request for 30 s".to_owned());
        } else if !self.open && self.now() > CONNECT_MAX {
            self.ended = Some("never connected".to_owned());
        }
    }

    fn snapshot(&self) -> Value {
        let mut value = self.conversation.record();
        value["state"] = json!(if self.ended.is_some() {
            "ended"
        } else if self.open {
            "open"
        } else {
            "connecting"
        });
        value["ended_because"] = json!(self.ended);
        value["age_ms"] = json!(self.now().as_millis() as u64);
        value["unsent_events"] = json!(self.unsent);
        value["sent"] = self.outlet.stats();
        value["received"] = self.hearing.as_ref().map_or(Value::Null, |h| h.value());
        value
    }
}
