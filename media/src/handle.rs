//! The handle of a call: what its owner can ask of the shard's thread.
//!
//! Isn't: the call itself, which lives on that thread alone (`call`). Each method is one message; the `async` ones
//! wait for its answer.

use crate::call::Error;
use crate::{CallStats, PcmIn, PcmOut};
use std::sync::Arc;

/// How a call is set up.
#[derive(Debug, Clone)]
pub struct CallConfig {
    /// Names the call in spans, and nowhere else.
    pub name: Arc<str>,
    /// Speech kept per direction until the far leg is up, in ms; the oldest goes first. Default 30 000.
    pub hold_ms_max: u32,
}

impl Default for CallConfig {
    fn default() -> Self {
        Self {
            name: Arc::from("call"),
            hold_ms_max: 30_000,
        }
    }
}

/// A call on a shard. Cheap to clone; the drop of the last clone closes the call.
#[derive(Debug, Clone)]
pub struct Call {
    _inner: Arc<()>,
}

impl Call {
    /// Answers the candidate's offer, all candidates in the answer (no trickle from us).
    ///
    /// The same offer again gives the same answer. A new ufrag with the fingerprint of a leg that lives is an ICE
    /// restart on the same DTLS; anything else is a fresh leg, which replaces the old one once it is up. An offer that
    /// only sends is answered `recvonly`.
    #[expect(clippy::unused_async, reason = "body to come")]
    pub async fn candidate_offer(&self, sdp: String) -> Result<String, Error> {
        let _ = sdp;
        Err(Error::Closed)
    }

    /// A trickled candidate of the browser's (the value of `a=candidate:`, with or without that prefix); `None` ends them.
    pub fn candidate_ice(&self, candidate: Option<String>) {
        let _ = candidate;
    }

    /// Sends a text to every data channel that the candidate has opened.
    pub fn candidate_send(&self, text: String) {
        let _ = text;
    }

    /// Closes the candidate leg; the call goes on.
    pub fn candidate_close(&self) {}

    /// Makes a new AI leg, on a socket of its own, and its offer: sendrecv Opus and the channel `oai-events`. Ends in
    /// CRLF: post it byte for byte. An AI leg before it goes on until this one is up.
    #[expect(clippy::unused_async, reason = "body to come")]
    pub async fn ai_offer(&self) -> Result<String, Error> {
        Err(Error::Closed)
    }

    /// The AI side's answer to the last [`Call::ai_offer`].
    #[expect(clippy::unused_async, reason = "body to come")]
    pub async fn ai_answer(&self, sdp: String) -> Result<(), Error> {
        let _ = sdp;
        Err(Error::Closed)
    }

    /// Sends a text on `oai-events`. Before the channel is open, up to 64 texts wait for it.
    pub fn ai_send(&self, text: String) {
        let _ = text;
    }

    /// Closes the AI leg, or the PCM transport; the call goes on.
    pub fn ai_close(&self) {}

    /// The AI side as PCM in place of an AI leg: the WebSocket transport.
    #[expect(clippy::unused_async, reason = "body to come")]
    pub async fn ai_pcm(&self) -> Result<(PcmIn, PcmOut), Error> {
        Err(Error::Closed)
    }

    /// The candidate's packets stop at the relay (`true`), or pass.
    pub fn mute(&self, on: bool) {
        let _ = on;
    }

    /// Whether the candidate's speech goes to the AI side. `true`: what is held goes first, then what comes; `false`: it
    /// is held. Until the first call of it, speech is released by itself once the AI leg is up.
    pub fn release_to_ai(&self, on: bool) {
        let _ = on;
    }

    /// Both legs' figures at this moment.
    #[expect(clippy::unused_async, reason = "body to come")]
    pub async fn stats(&self) -> Result<CallStats, Error> {
        Err(Error::Closed)
    }

    /// Closes both legs and the call.
    pub fn close(&self) {}
}
