//! Ears and a mouth that a test holds.

use super::super::pcm::{Cut, Ears, Mouth};
use super::super::socket::{self, Socket};
use crate::clock;
use crate::config::{self, Transport};
use crate::realtime::dial::{Dialer, Error};
use crate::realtime::dialect::OpenAiRealtime;
use crate::realtime::link::LinkEvent;
use async_trait::async_trait;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// What the candidate says, as a test has it.
#[derive(Debug)]
pub(super) struct TestEars(pub(super) mpsc::Receiver<Vec<i16>>);

#[async_trait]
impl Ears for TestEars {
    async fn next(&mut self) -> Option<Vec<i16>> {
        self.0.recv().await
    }
}

/// Plays in real time to nobody, and remembers when it was told what.
#[derive(Debug, Default)]
pub(super) struct TestMouth(Mutex<Played>);

#[derive(Debug, Default)]
struct Played {
    /// Item, and its length in samples.
    queue: Vec<(String, usize)>,
    since: Option<Instant>,
    pcm: Vec<i16>,
    cleared: Vec<Instant>,
}

impl TestMouth {
    /// All that was to be played.
    pub(super) fn pcm(&self) -> Vec<i16> {
        self.0.lock().unwrap().pcm.clone()
    }
    /// From the first sound to the last order to be silent.
    pub(super) fn sounded(&self) -> Option<Duration> {
        let played = self.0.lock().unwrap();
        Some(played.cleared.last()?.duration_since(played.since?))
    }
}

fn samples(n: usize) -> Duration {
    Duration::from_nanos(n as u64 * 1_000_000_000 / 24_000)
}

impl Mouth for TestMouth {
    fn play(&self, item: &str, pcm: &[i16]) {
        let mut played = self.0.lock().unwrap();
        played.since.get_or_insert_with(clock::monotonic);
        played.pcm.extend_from_slice(pcm);
        match played.queue.iter_mut().find(|(known, _)| known == item) {
            Some((_, length)) => *length += pcm.len(),
            None => played.queue.push((item.to_owned(), pcm.len())),
        }
    }
    fn finish(&self, _item: &str) {}
    fn clear(&self) -> Cut {
        let mut played = self.0.lock().unwrap();
        played.cleared.push(clock::monotonic());
        let queue = std::mem::take(&mut played.queue);
        let mut past = played.since.map(|since| since.elapsed()).unwrap_or_default();
        let mut cut = Cut::default();
        for (item, length) in queue {
            let length = samples(length);
            if past < length && cut.item.is_none() {
                cut.item = Some((item, past));
            } else if cut.item.is_some() {
                cut.unheard.push(item);
            }
            past = past.saturating_sub(length);
        }
        cut
    }
    fn played(&self, item: &str) -> Duration {
        let played = self.0.lock().unwrap();
        let mut past = played.since.map(|since| since.elapsed()).unwrap_or_default();
        for (known, length) in &played.queue {
            if known == item {
                return past.min(samples(*length));
            }
            past = past.saturating_sub(samples(*length));
        }
        Duration::ZERO
    }
}

pub(super) fn ai(base: &str) -> config::Ai {
    config::Ai {
        base_url: base.parse().unwrap(),
        key: Some("sk-test-0123456789TAIL".to_owned().into()),
        model: "judge".into(),
        transcription_model: "t".into(),
        transport: Transport::WebSocket,
        simulated: false,
        dial_timeout: Duration::from_secs(5),
    }
}

/// A socket at work, and the test's ends of it.
pub(super) struct Open {
    pub(super) socket: Socket,
    pub(super) voice: mpsc::Sender<Vec<i16>>,
    pub(super) mouth: Arc<TestMouth>,
}

/// Opens one to `base` within 3 s.
pub(super) async fn open(base: &str, session: &Value) -> Result<Open, Error> {
    let dialer = Dialer::new(&ai(base))?;
    let opening = socket::open(&dialer, "judge", &OpenAiRealtime, session);
    let opened = tokio::time::timeout(Duration::from_secs(3), opening)
        .await
        .unwrap_or(Err(Error::Timeout))?;
    let (voice, ears) = mpsc::channel(4096);
    let mouth = Arc::new(TestMouth::default());
    let socket = opened.run(Arc::new(OpenAiRealtime), Box::new(TestEars(ears)), mouth.clone());
    Ok(Open { socket, voice, mouth })
}

impl Open {
    /// The next thing it brings, within 20 s.
    pub(super) async fn next(&mut self) -> LinkEvent {
        tokio::time::timeout(Duration::from_secs(20), self.socket.recv())
            .await
            .expect("nothing came")
    }

    /// The next message of this kind, within 20 s; what comes before is dropped.
    pub(super) async fn message(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await {
                LinkEvent::Message(text) => {
                    let event: Value = serde_json::from_str(&text).unwrap();
                    if event["type"] == kind {
                        return event;
                    }
                }
                LinkEvent::Closed(why) => panic!("closed ({why}) before {kind}"),
                LinkEvent::Played { .. } | LinkEvent::AllPlayed => {}
            }
        }
    }

    /// Why it closed, within 20 s.
    pub(super) async fn closed(&mut self) -> String {
        loop {
            if let LinkEvent::Closed(why) = self.next().await {
                return why;
            }
        }
    }
}
