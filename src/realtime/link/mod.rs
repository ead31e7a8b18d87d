//! One conversation with the AI service, over either transport.
//!
//! Is: opening it (offer, dial, answer; or socket, session, PCM), sending, receiving where it is a socket, hanging up.
//! Isn't: what is said (`dialect`), what it means (`session/`), or when to dial again.
//! **Law:** over a WebSocket the session hears what it would over WebRTC: the play-out clock is ours there, so
//! `output_audio_buffer.started`, `.stopped` and `.cleared` are made here, and a barge-in is truncated at what was played.

mod pcm;
mod socket;
#[cfg(test)]
mod tests;
mod voice;

pub use pcm::{Ears, Mouth};

use super::dial::{Dialer, Error};
use super::dialect::Dialect;
use crate::config::{self, Transport};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use vivavoce_media::Call;

/// What a WebSocket brings. Over WebRTC nothing comes this way: the call's own events do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// An event of the service's, or one of `output_audio_buffer.*` made here.
    Message(String),
    /// The candidate cut in: this item was heard so far.
    Played {
        /// Which.
        item_id: String,
        /// How much of it, ms.
        ms: i64,
    },
    /// All that the AI has generated has been played.
    AllPlayed,
    /// The conversation is over; nothing follows. Why, in words for an operator.
    Closed(String),
}

/// A conversation. Dropped without [`Link::hang_up`], a socket is closed and a call left to die for want of a peer.
#[derive(Debug)]
pub struct Link {
    via: Via,
}

#[derive(Debug)]
enum Via {
    WebRtc {
        call: Call,
        dialer: Dialer,
        call_id: Option<String>,
        /// It comes up beside the leg that is there, until [`Link::take_over`].
        staged: bool,
    },
    WebSocket {
        call: Call,
        socket: socket::Socket,
        /// It is open beside what is there, and hears nothing until [`Link::take_over`].
        staged: bool,
    },
}

impl Link {
    /// Opens one, within `deadline` all told. Over WebRTC the leg comes up later, as the call's events tell; over a
    /// WebSocket it is up: the service has taken the session, and the candidate's speech goes to it.
    ///
    /// Leaves nothing behind where it fails. Dropped before its end it may: a call that the service closes by itself.
    pub async fn connect(
        ai: &config::Ai,
        dialect: Arc<dyn Dialect>,
        call: &Call,
        session: &Value,
        transport: Transport,
        deadline: Duration,
    ) -> Result<Self, Error> {
        Self::open(ai, dialect, call, session, (transport, false), deadline).await
    }

    /// Opens one beside what is there, which goes on until [`Link::take_over`]. Over WebRTC the leg comes up later, as the call's
    /// events tell (`AiNext`); over a WebSocket it is up. Bounds and leavings as of [`Link::connect`].
    pub async fn stage(
        ai: &config::Ai,
        dialect: Arc<dyn Dialect>,
        call: &Call,
        session: &Value,
        transport: Transport,
        deadline: Duration,
    ) -> Result<Self, Error> {
        Self::open(ai, dialect, call, session, (transport, true), deadline).await
    }

    async fn open(
        ai: &config::Ai,
        dialect: Arc<dyn Dialect>,
        call: &Call,
        session: &Value,
        (transport, staged): (Transport, bool),
        deadline: Duration,
    ) -> Result<Self, Error> {
        let dialer = Dialer::new(ai)?;
        let connecting = async {
            match transport {
                Transport::WebRtc => Self::over_webrtc(dialer, call, session, staged).await,
                Transport::WebSocket => Self::over_socket(&dialer, &ai.model, dialect, call, session, staged).await,
            }
        };
        tokio::time::timeout(deadline, connecting)
            .await
            .unwrap_or(Err(Error::Timeout))
    }

    /// The leg of a link that was staged takes the place of the one that is there.
    pub fn take_over(&mut self) {
        let (Via::WebRtc { call, staged, .. } | Via::WebSocket { call, staged, .. }) = &mut self.via;
        if std::mem::take(staged) {
            call.ai_switch();
        }
    }

    async fn over_webrtc(dialer: Dialer, call: &Call, session: &Value, staged: bool) -> Result<Self, Error> {
        let offer = if staged {
            call.ai_offer_staged().await
        } else {
            call.ai_offer().await
        };
        let offer = offer.map_err(Error::Leg)?;
        let accepted = dialer.call(&offer, session, None).await?;
        if let Err(error) = call.ai_answer(accepted.answer).await {
            if let Some(id) = &accepted.call_id {
                dialer.hang_up(id).await;
            }
            return Err(Error::Leg(error));
        }
        let via = Via::WebRtc {
            call: call.clone(),
            dialer,
            call_id: accepted.call_id,
            staged,
        };
        Ok(Self { via })
    }

    async fn over_socket(
        dialer: &Dialer,
        model: &str,
        dialect: Arc<dyn Dialect>,
        call: &Call,
        session: &Value,
        staged: bool,
    ) -> Result<Self, Error> {
        let opened = socket::open(dialer, model, &*dialect, session).await?;
        let pcm = if staged {
            call.ai_pcm_staged().await
        } else {
            call.ai_pcm().await
        };
        let (ears, mouth) = pcm.map_err(Error::Leg)?;
        let via = Via::WebSocket {
            call: call.clone(),
            socket: opened.run(dialect, Box::new(ears), Arc::new(mouth)),
            staged,
        };
        Ok(Self { via })
    }

    /// Whether it is a WebSocket, which is up as soon as it is there.
    pub fn is_websocket(&self) -> bool {
        matches!(self.via, Via::WebSocket { .. })
    }

    /// Sends an event. What the other side of a dead link would have got is lost; its end is told by [`Link::recv`], or
    /// the call's events.
    pub fn send(&self, event: &Value) {
        match &self.via {
            Via::WebRtc { call, staged: true, .. } => call.ai_send_next(event.to_string()),
            Via::WebRtc { call, .. } => call.ai_send(event.to_string()),
            Via::WebSocket { socket, .. } => socket.send(event.clone()),
        }
    }

    /// The next thing that a WebSocket brings; over WebRTC, nothing for ever. Cancel safe.
    pub async fn recv(&mut self) -> LinkEvent {
        match &mut self.via {
            Via::WebRtc { .. } => std::future::pending().await,
            Via::WebSocket { socket, .. } => socket.recv().await,
        }
    }

    /// Tells the service that it is over, within seconds. The call's AI side is the owner's to close: by then it may be another's.
    pub async fn hang_up(self) {
        match self.via {
            Via::WebRtc { dialer, call_id, .. } => {
                if let Some(id) = call_id {
                    dialer.hang_up(&id).await;
                }
            }
            Via::WebSocket { socket, .. } => socket.close().await,
        }
    }
}
