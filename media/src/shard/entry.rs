//! A call as its shard's thread has it: the core, its sockets, and its owner, who is told of what happens.

use super::poller::Token;
use crate::call::Core;
use crate::handle::Inner;
use crate::udp::Socket;
use crate::{Event, LegEvent};
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Instant;
use tokio::sync::mpsc;

/// A call on this shard.
pub(super) struct Entry {
    pub(super) core: Core,
    pub(super) name: Arc<str>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) handle: Weak<Inner>,
    /// AI legs' sockets, by generation: two while one replaces the other.
    pub(super) sockets: Vec<(u32, Token, Rc<Socket>)>,
    /// The soonest time in the heap for this call.
    pub(super) scheduled: Option<Instant>,
    pub(super) is_overrun: bool,
    pub(super) is_over: bool,
}

impl Entry {
    /// False if the owner does not read: its queue has room for the farewell alone.
    pub(super) fn tell(&mut self, event: Event) -> bool {
        self.log(&event);
        if matches!(event, Event::Closed(_)) {
            self.is_over = true;
            let _ = self.events.try_send(event);
            return true;
        }
        if self.is_overrun {
            return true;
        }
        self.is_overrun = self.events.capacity() <= 1 || self.events.try_send(event).is_err();
        !self.is_overrun
    }

    /// Once for each change of state, here and nowhere else.
    fn log(&self, event: &Event) {
        let (leg, event) = match event {
            Event::Candidate(event) => ("candidate", event),
            Event::Ai(event) => ("ai", event),
            Event::AiNext(event) => ("ai_next", event),
            Event::AiSwitched => {
                tracing::info!(call = &*self.name, leg = "ai", "leg replaced");
                return;
            }
            Event::Closed(cause) => {
                tracing::info!(call = &*self.name, ?cause, "call closed");
                return;
            }
        };
        let call = &*self.name;
        match event {
            LegEvent::Up { took } => tracing::info!(call, leg, took_ms = took.as_millis() as u64, "leg up"),
            LegEvent::Lost { cause, silent } => {
                tracing::info!(call, leg, ?cause, silent_ms = silent.as_millis() as u64, "leg lost");
            }
            LegEvent::Back => tracing::info!(call, leg, "leg back"),
            LegEvent::Closed { cause } => tracing::info!(call, leg, ?cause, "leg closed"),
            LegEvent::FirstMedia => tracing::debug!(call, leg, "first media"),
            LegEvent::ChannelOpen { .. } => tracing::debug!(call, leg, "channel open"),
            LegEvent::ChannelClosed { .. } => tracing::debug!(call, leg, "channel closed"),
            LegEvent::Message { .. } | LegEvent::Received(_) => {}
        }
    }
}
