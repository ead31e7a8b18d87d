//! The WebRTC play-out clock: which frame goes out now, when sound began and when it really ended.
//!
//! **Law:** what was sent is what was heard: `sent_ms` counts frames handed out and nothing else.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::audio::FRAME_MS;

/// The sound of one item, as far as it has been made.
#[derive(Debug)]
struct Track {
    response_id: String,
    item_id: String,
    frames: VecDeque<Bytes>,
    sent: u64,
    complete: bool,
}

/// One step of the clock.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tick {
    /// The first frame of a response goes out.
    Started { response_id: String },
    /// A frame of an item: its number in the item, from 0.
    Frame {
        item_id: String,
        number: u64,
        packet: Bytes,
    },
    /// A response's last frame went out one frame ago.
    Stopped { response_id: String },
}

/// What was cut off.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) item_id: String,
    /// How much of the item was sent.
    pub(crate) sent_ms: u64,
}

/// The clock's queue. Items play one after the other.
#[derive(Debug, Default)]
pub(crate) struct Playout {
    tracks: VecDeque<Track>,
    sounding: Option<String>,
}

impl Playout {
    /// Opens the sound of an item.
    pub(crate) fn open(&mut self, response_id: &str, item_id: &str) {
        self.tracks.push_back(Track {
            response_id: response_id.to_owned(),
            item_id: item_id.to_owned(),
            frames: VecDeque::new(),
            sent: 0,
            complete: false,
        });
    }

    /// Adds frames to an item that is open; if it was cut meanwhile they are dropped.
    pub(crate) fn add(&mut self, item_id: &str, frames: &[Bytes]) {
        if let Some(track) = self.tracks.iter_mut().find(|t| t.item_id == item_id) {
            track.frames.extend(frames.iter().cloned());
        }
    }

    /// No more frames will come for the item.
    pub(crate) fn complete(&mut self, item_id: &str) {
        if let Some(track) = self.tracks.iter_mut().find(|t| t.item_id == item_id) {
            track.complete = true;
        }
    }

    /// Whether sound is going out or waiting.
    pub(crate) fn busy(&self) -> bool {
        !self.tracks.is_empty()
    }

    /// 20 ms passed. `more(response)` tells whether that response will open further items.
    pub(crate) fn tick(&mut self, more: impl Fn(&str) -> bool) -> Vec<Tick> {
        let mut ticks = Vec::new();
        while let Some(track) = self.tracks.front() {
            if !track.frames.is_empty() || !track.complete {
                break;
            }
            let response_id = track.response_id.clone();
            let last = self.tracks.iter().filter(|t| t.response_id == response_id).count() == 1;
            if last && more(&response_id) {
                break;
            }
            self.tracks.pop_front();
            // cut off before its first frame, a response never sounded and so cannot stop
            if last && self.sounding.take_if(|sounding| *sounding == response_id).is_some() {
                ticks.push(Tick::Stopped { response_id });
            }
        }
        let front = self.tracks.front_mut().and_then(|t| Some((t.frames.pop_front()?, t)));
        if let Some((packet, track)) = front {
            if self.sounding.as_ref() != Some(&track.response_id) {
                self.sounding = Some(track.response_id.clone());
                ticks.push(Tick::Started {
                    response_id: track.response_id.clone(),
                });
            }
            ticks.push(Tick::Frame {
                item_id: track.item_id.clone(),
                number: track.sent,
                packet,
            });
            track.sent += 1;
        }
        ticks
    }

    /// Silences everything: the response that was sounding, and each item with how much of it was sent.
    pub(crate) fn clear(&mut self) -> Option<(String, Vec<Cut>)> {
        let response_id = self.tracks.front()?.response_id.clone();
        self.sounding = None;
        let cut = |t: Track| Cut {
            item_id: t.item_id,
            sent_ms: t.sent * FRAME_MS,
        };
        Some((response_id, self.tracks.drain(..).map(cut).collect()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    fn frames(n: usize) -> Vec<Bytes> {
        vec![Bytes::from_static(b"x"); n]
    }

    #[test]
    fn sound_starts_once_and_stops_after_the_last_frame_of_the_last_item() {
        let mut playout = Playout::default();
        playout.open("r", "a");
        playout.open("r", "b");
        playout.add("a", &frames(2));
        playout.complete("a");
        assert_eq!(playout.tick(|_| false).len(), 2); // started, frame
        assert_eq!(playout.tick(|_| false).len(), 1);
        assert_eq!(playout.tick(|_| false), []); // b is still being made
        playout.add("b", &frames(1));
        playout.complete("b");
        assert!(matches!(playout.tick(|_| false)[..], [Tick::Frame { number: 0, .. }]));
        assert_eq!(playout.tick(|_| true), []); // the response is still making something
        assert_eq!(
            playout.tick(|_| false),
            [Tick::Stopped {
                response_id: "r".into()
            }]
        );
        assert!(!playout.busy());
    }

    proptest! {
        #[test]
        fn what_is_cut_is_what_was_sent(lengths in prop::collection::vec(1usize..20, 1..4), ticks in 0usize..80) {
            let mut playout = Playout::default();
            for (n, length) in lengths.iter().enumerate() {
                playout.open("r", &n.to_string());
                playout.add(&n.to_string(), &frames(*length));
                playout.complete(&n.to_string());
            }
            let mut sent = vec![0u64; lengths.len()];
            for tick in (0..ticks).flat_map(|_| playout.tick(|_| false)) {
                if let Tick::Frame { item_id, number, .. } = tick {
                    let n: usize = item_id.parse().unwrap();
                    prop_assert_eq!(number, sent[n]);
                    sent[n] += 1;
                }
            }
            let total: usize = lengths.iter().sum();
            prop_assert_eq!(sent.iter().sum::<u64>() as usize, total.min(ticks));
            for cut in playout.clear().map(|c| c.1).unwrap_or_default() {
                prop_assert_eq!(cut.sent_ms, sent[cut.item_id.parse::<usize>().unwrap()] * FRAME_MS);
            }
        }
    }
}
