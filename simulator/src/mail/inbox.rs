//! The letters that were caught, and what goes wrong with the next ones.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use mail_parser::MessageParser;
use serde::{Deserialize, Serialize};

/// Letters kept; the oldest go first.
const LETTERS_MAX: usize = 500;

/// A letter as a reader sees it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Caught {
    /// From 1, in order of arrival.
    pub(crate) number: u64,
    /// Of the envelope.
    pub(crate) from: String,
    /// Of the envelope.
    pub(crate) to: Vec<String>,
    pub(crate) subject: String,
    pub(crate) message_id: String,
    pub(crate) at_epoch_ms: u64,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// What is ordered, at `POST /control/mail`. What is not named is as it should be.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Vices {
    /// So many letters are put off (451), as greylisting does.
    pub(crate) defer: u32,
    /// So many recipients are refused for good (550).
    pub(crate) refuse: u32,
    /// So many letters are taken, and the connection breaks before that is said.
    pub(crate) forget: u32,
    /// So many connections say nothing at all.
    pub(crate) hang: u32,
}

/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inbox(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    letters: VecDeque<Caught>,
    count: u64,
    vices: Vices,
}

impl Inbox {
    /// Keeps what was sent.
    pub(crate) fn catch(&self, from: &str, to: &[String], raw: &[u8]) {
        let message = MessageParser::default().parse(raw).unwrap_or_default();
        let part = |text: Option<std::borrow::Cow<'_, str>>| text.unwrap_or_default().into_owned();
        let mut inner = self.lock();
        inner.count += 1;
        let caught = Caught {
            number: inner.count,
            from: from.to_owned(),
            to: to.to_vec(),
            subject: message.subject().unwrap_or_default().to_owned(),
            message_id: message.message_id().unwrap_or_default().to_owned(),
            at_epoch_ms: crate::epoch_ms(),
            text: part(message.body_text(0)),
            html: part(message.body_html(0)),
        };
        inner.letters.push_back(caught);
        while inner.letters.len() > LETTERS_MAX {
            inner.letters.pop_front();
        }
    }

    /// The oldest first.
    pub(crate) fn letters(&self) -> Vec<Caught> {
        self.lock().letters.iter().cloned().collect()
    }

    pub(crate) fn letter(&self, number: u64) -> Option<Caught> {
        self.lock()
            .letters
            .iter()
            .find(|letter| letter.number == number)
            .cloned()
    }

    pub(crate) fn clear(&self) {
        self.lock().letters.clear();
    }

    pub(crate) fn set_vices(&self, vices: Vices) {
        self.lock().vices = vices;
    }

    /// Whether this one is to be treated so; counts it off.
    pub(crate) fn strikes(&self, which: impl Fn(&mut Vices) -> &mut u32) -> bool {
        let mut inner = self.lock();
        let left = which(&mut inner.vices);
        let strikes = *left > 0;
        *left = left.saturating_sub(1);
        strikes
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
