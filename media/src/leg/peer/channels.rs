//! A peer's data channels: texts both ways, bounded.

use super::{Peer, PeerEvent, refused};
use crate::call::Error;
use std::time::Instant;

/// What may wait in SCTP for a far end that does not take it, in bytes.
const OUTSTANDING_MAX: usize = 4 << 20;
/// Texts that may wait for a channel to open.
const WAITING_MAX: usize = 64;
/// Channels that a far end may open; more are left alone.
const CHANNELS_MAX: usize = 8;

/// One that is open.
pub(super) struct Channel {
    pub(super) id: usize,
    pub(super) label: String,
}

impl Peer {
    /// Opens a data channel of ours, before the offer.
    pub(crate) fn open_channel(&mut self, label: &str) -> Result<(), Error> {
        self.pc.create_data_channel(label, None).map(drop).map_err(refused)
    }

    /// Sends a text to every open channel; one that is ours to open may be waited for.
    pub(crate) fn send_text(&mut self, now: Instant, text: &str, wait: bool) {
        if self.channels.is_empty() {
            if wait && self.waiting.len() < WAITING_MAX && !self.is_closed {
                self.waiting.push_back(text.to_owned());
            } else {
                self.setup.counters.dropped_message.bump();
            }
            return;
        }
        for index in 0..self.channels.len() {
            let sent = self
                .pc
                .data_channel(self.channels[index].id)
                .is_some_and(|mut channel| {
                    channel.outstanding_bytes() <= OUTSTANDING_MAX && channel.send_text(now, text).is_ok()
                });
            if !sent {
                self.setup.counters.dropped_message.bump();
            }
        }
        self.drain(now);
    }

    pub(super) fn channel_open(&mut self, now: Instant, id: usize) {
        let Some(label) = self.pc.data_channel(id).map(|channel| channel.label().to_owned()) else {
            return;
        };
        if self.channels.len() >= CHANNELS_MAX || self.channels.iter().any(|channel| channel.id == id) {
            return;
        }
        self.hear(now);
        self.channels.push(Channel {
            id,
            label: label.clone(),
        });
        self.events.push_back(PeerEvent::ChannelOpen { label });
        while let Some(text) = self.waiting.pop_front() {
            if let Some(mut channel) = self.pc.data_channel(id) {
                let _ = channel.send_text(now, text);
            }
        }
    }

    pub(super) fn message(&mut self, now: Instant, is_text: bool, data: &[u8]) {
        self.hear(now);
        match std::str::from_utf8(data) {
            Ok(text) if is_text => self.events.push_back(PeerEvent::Message { text: text.to_owned() }),
            _ => self.setup.counters.dropped_message.bump(),
        }
    }
}
