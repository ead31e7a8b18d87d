//! What the candidate's browser kept while its way to the relay was cut: taken in bounds, and acknowledged (pure).
//!
//! Is: the measure of how much may come, and how far each stream has arrived, as a browser is told. Isn't: which of it is silence
//! (`silence.rs`) or lacking
//! and where it belongs (`vivavoce_media::call`).
//! **Law:** no more speech is taken than a person can have spoken since the session began, but for what two outages hold.

use super::silence::Silence;
use std::{collections::VecDeque, time::Instant};
use vivavoce_media::{Kept, Received};
use vivavoce_signaling::{ServerMessage, bucket::Bucket, messages::HeardUpTo, speech::Speech};

/// Milliseconds of speech at once: the 120 s of an outage, sent twice since a socket broke in the middle.
const MS_BURST: u32 = 240_000;
/// And in the long run, a second. Some is sent by both ways.
const MS_PER_S: u32 = 2_000;
/// Streams that are told apart: a browser has a new one with each peer connection.
const STREAMS_MAX: usize = 8;

/// See the module.
pub(super) struct Late {
    room: Bucket,
    silence: Silence,
    /// The newest last.
    heard: VecDeque<HeardUpTo>,
    /// How often the call has been told what is the AI's for good.
    told: u64,
    /// As of when a turn was written last: what the call says from then on is noted, once of each stream.
    written: Option<u64>,
    noted: Vec<u32>,
}

impl Late {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            room: Bucket::new(now, MS_BURST, MS_PER_S),
            silence: Silence::default(),
            heard: VecDeque::new(),
            told: 0,
            written: None,
            noted: Vec::new(),
        }
    }

    /// Of the next word to the call of what is the AI's for good.
    pub(super) fn next_word(&mut self) -> u64 {
        self.told += 1;
        self.told
    }

    /// A turn of the candidate's is in the record, and the call has been told so.
    pub(super) fn turn_written(&mut self) {
        self.written = Some(self.told);
        self.noted.clear();
    }

    /// Whether this is to be kept with the record: a process that takes the session up does not take what is in it again from a
    /// browser that was out of reach. What was on its way when the turn was written does not tell of it.
    pub(super) fn is_to_be_noted(&mut self, received: &Received) -> bool {
        let is_of_it = self.written.is_some_and(|written| received.knows >= written);
        let is_due = is_of_it && !self.noted.contains(&received.stream);
        if is_due {
            self.noted.push(received.stream);
        }
        is_due
    }

    /// A frame for the call; `None`: it is too much.
    pub(super) fn take(&mut self, now: Instant, mut speech: Speech) -> Option<Kept> {
        let ms = u32::try_from(speech.samples() / 48).unwrap_or(u32::MAX);
        if !self.room.take(now, ms) {
            return None;
        }
        if let Err(error) = self.silence.write_over(&mut speech) {
            tracing::warn!(%error, "silence that a browser has kept is handed over as it is");
        }
        Some(Kept {
            stream: speech.stream,
            time: speech.time as u32,
            packets: speech.packets.into_iter().map(|packet| packet.opus.into()).collect(),
            is_last: speech.is_last,
        })
    }

    /// The call has received more, or lacks something.
    pub(super) fn received(&mut self, received: Received) -> ServerMessage {
        let Received {
            stream, up_to, lacks, ..
        } = received;
        match self.heard.iter_mut().find(|heard| heard.stream == stream) {
            Some(heard) => heard.up_to = up_to,
            None => self.heard.push_back(HeardUpTo { stream, up_to }),
        }
        if self.heard.len() > STREAMS_MAX {
            self.heard.pop_front();
        }
        ServerMessage::Ack { stream, up_to, lacks }
    }

    /// For a welcome.
    pub(super) fn heard_up_to(&self) -> Option<Vec<HeardUpTo>> {
        (!self.heard.is_empty()).then(|| self.heard.iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::clock;
    use std::time::Duration;

    /// A frame of 60 s: 3000 packets of 20 ms.
    fn minute() -> Speech {
        let mut frame = vec![1, 0];
        frame.extend(3000u16.to_be_bytes());
        frame.extend([0; 16]);
        for _ in 0..3000 {
            frame.extend([0, 2, 9 << 3, 7]);
        }
        Speech::parse(&frame).unwrap()
    }

    #[test]
    fn two_outages_at_once_and_no_more_than_time_brings() {
        let now = clock::monotonic();
        let mut late = Late::new(now);
        let taken = (0..10).filter(|_| late.take(now, minute()).is_some()).count();
        assert_eq!(taken, 4);
        assert!(late.take(now + Duration::from_secs(29), minute()).is_none());
        let kept = late.take(now + Duration::from_secs(31), minute()).unwrap();
        assert_eq!((kept.packets.len(), kept.is_last), (3000, false));
    }

    #[test]
    fn a_welcome_tells_how_far_each_stream_has_come() {
        let mut late = Late::new(clock::monotonic());
        assert_eq!(late.heard_up_to(), None);
        for (stream, up_to) in [(1, 10), (2, 20), (1, 11)] {
            let lacks = vec![(up_to, None)];
            let told = late.received(Received {
                stream,
                up_to,
                lacks: lacks.clone(),
                knows: 0,
            });
            assert_eq!(told, ServerMessage::Ack { stream, up_to, lacks });
        }
        let heard = late.heard_up_to().unwrap();
        assert_eq!(
            heard,
            [(1, 11), (2, 20)].map(|(stream, up_to)| HeardUpTo { stream, up_to })
        );
        for stream in 10..30 {
            late.received(Received {
                stream,
                up_to: 0,
                lacks: vec![],
                knows: 0,
            });
        }
        assert_eq!(late.heard_up_to().unwrap().len(), STREAMS_MAX);
    }

    #[test]
    fn what_tells_of_a_turn_that_was_written_is_noted_once_of_each_stream() {
        let mut late = Late::new(clock::monotonic());
        let received = |stream, knows| Received {
            stream,
            up_to: 0,
            lacks: vec![],
            knows,
        };
        assert!(!late.is_to_be_noted(&received(1, 0)), "nothing is written");
        assert_eq!([late.next_word(), late.next_word()], [1, 2]);
        late.turn_written();
        for (stream, knows, is_noted) in [(1, 0, false), (1, 1, false), (1, 2, true), (1, 3, false), (2, 3, true)] {
            assert_eq!(
                late.is_to_be_noted(&received(stream, knows)),
                is_noted,
                "{stream} {knows}"
            );
        }
        late.turn_written();
        assert!(late.is_to_be_noted(&received(1, 3)));
    }
}
