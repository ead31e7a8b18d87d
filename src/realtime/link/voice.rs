//! What of the AI's voice sounds, on a WebSocket: which response plays, when it has played out, what a barge-in cuts.
//!
//! Is: pure; the play-out clock (`vivavoce_media`) is asked by the driver. Isn't: the clock.
//! **Laws:** each response that sounds is told `started` once, then `stopped` or `cleared` once. Nothing of a response that
//! was cut off is played after, however late its sound comes. What is truncated is what was played, never more than came.

use super::pcm::Cut;
use crate::realtime::event::{Event, Response, What};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::collections::VecDeque;
use std::time::Duration;

/// Samples in a second.
const RATE: u64 = 24_000;
/// Responses remembered as cut off.
const CUT_MAX: usize = 16;
/// Responses that may wait to be played; a service makes one at a time.
const TURNS_MAX: usize = 64;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Queue sound.
    Play { item: String, pcm: Vec<i16> },
    /// No more sound of this item.
    Finish { item: String },
    /// Fall silent, then call [`Voice::silenced`].
    Clear,
    /// Tell the session: `output_audio_buffer.{what}`.
    Tell { what: &'static str, response: String },
    /// Tell the service that this much was heard.
    Truncate { item: String, heard_ms: u64 },
    /// Nothing is left to be played.
    AllPlayed,
}

/// The responses that sound or will.
#[derive(Debug, Default)]
pub(super) struct Voice {
    turns: VecDeque<Turn>,
    /// Being made, as far as told.
    making: Option<String>,
    /// Cut off; oldest first.
    cut: VecDeque<String>,
    /// The candidate's speech interrupts nothing any more.
    speaks_out: bool,
    actions: VecDeque<Action>,
}

#[derive(Debug)]
struct Turn {
    response: String,
    pieces: Vec<Piece>,
    /// No more sound will come.
    made: bool,
}

#[derive(Debug)]
struct Piece {
    item: String,
    samples: u64,
}

impl Voice {
    /// An event of the service.
    pub(super) fn handle(&mut self, event: &Event) {
        match &event.what {
            What::ResponseCreated(response) => self.making = Some(response.id.clone()),
            What::AudioDelta { part, audio } => self.sound(&part.response_id, &part.item_id, audio),
            What::AudioDone(part) => self.actions.push_back(Action::Finish {
                item: part.item_id.clone(),
            }),
            What::ResponseDone(response) => self.made(response),
            What::SpeechStarted { .. } if !self.speaks_out => {
                // The service stops what it is making; sound of it that is on its way must not be heard.
                if let Some(making) = self.making.take() {
                    self.cut_off(making);
                }
                self.silence();
            }
            _ => {}
        }
    }

    /// What sounds from here on is heard to its end, whoever speaks: the goodbye.
    pub(super) fn speak_out(&mut self) {
        self.speaks_out = true;
    }

    /// Whoever is listening wants silence.
    pub(super) fn silence(&mut self) {
        if !self.turns.is_empty() {
            self.actions.push_back(Action::Clear);
        }
    }

    /// The play-out was cleared, and this is what it says.
    pub(super) fn silenced(&mut self, cut: &Cut) {
        for turn in std::mem::take(&mut self.turns) {
            for piece in &turn.pieces {
                let came_ms = piece.samples * 1000 / RATE;
                match &cut.item {
                    Some((item, played)) if *item == piece.item => {
                        let heard_ms = (played.as_millis() as u64).min(came_ms);
                        self.actions.push_back(Action::Truncate {
                            item: item.clone(),
                            heard_ms,
                        });
                    }
                    _ if cut.unheard.contains(&piece.item) => {
                        self.actions.push_back(Action::Truncate {
                            item: piece.item.clone(),
                            heard_ms: 0,
                        });
                    }
                    _ => {}
                }
            }
            self.actions.push_back(Action::Tell {
                what: "cleared",
                response: turn.response.clone(),
            });
            self.cut_off(turn.response);
        }
        self.actions.push_back(Action::AllPlayed);
    }

    /// Asks how much has been played, and tells what has sounded to its end.
    pub(super) fn progress(&mut self, played: impl Fn(&str) -> Duration) {
        let mut ended = false;
        while let Some(turn) = self.turns.front()
            && turn.made
            && turn.rest(&played).is_zero()
        {
            let response = turn.response.clone();
            self.turns.pop_front();
            self.actions.push_back(Action::Tell {
                what: "stopped",
                response,
            });
            ended = true;
        }
        if ended && self.turns.is_empty() {
            self.actions.push_back(Action::AllPlayed);
        }
    }

    /// How long what is made will sound yet, so that [`Voice::progress`] is called then; `None`: nothing to wait for.
    pub(super) fn rest(&self, played: impl Fn(&str) -> Duration) -> Option<Duration> {
        self.turns
            .front()
            .filter(|turn| turn.made)
            .map(|turn| turn.rest(&played))
    }

    /// What is to be done next.
    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn sound(&mut self, response: &str, item: &str, audio: &str) {
        if self.cut.iter().any(|cut| cut == response) {
            return;
        }
        let pcm = decode(audio);
        if pcm.is_empty() {
            return;
        }
        if !self.turns.iter().any(|turn| turn.response == response) {
            if self.turns.len() >= TURNS_MAX {
                return;
            }
            self.turns.push_back(Turn {
                response: response.to_owned(),
                pieces: Vec::new(),
                made: false,
            });
            self.actions.push_back(Action::Tell {
                what: "started",
                response: response.to_owned(),
            });
        }
        let Some(turn) = self.turns.iter_mut().find(|turn| turn.response == response) else {
            return;
        };
        match turn.pieces.iter_mut().find(|piece| piece.item == item) {
            Some(piece) => piece.samples += pcm.len() as u64,
            None => turn.pieces.push(Piece {
                item: item.to_owned(),
                samples: pcm.len() as u64,
            }),
        }
        self.actions.push_back(Action::Play {
            item: item.to_owned(),
            pcm,
        });
    }

    fn made(&mut self, response: &Response) {
        if self.making.as_deref() == Some(response.id.as_str()) {
            self.making = None;
        }
        if let Some(turn) = self.turns.iter_mut().find(|turn| turn.response == response.id) {
            turn.made = true;
            for piece in &turn.pieces {
                self.actions.push_back(Action::Finish {
                    item: piece.item.clone(),
                });
            }
        }
    }

    fn cut_off(&mut self, response: String) {
        if !self.cut.contains(&response) {
            self.cut.push_back(response);
        }
        if self.cut.len() > CUT_MAX {
            self.cut.pop_front();
        }
    }
}

impl Turn {
    /// How much of it has not been played.
    fn rest(&self, played: &impl Fn(&str) -> Duration) -> Duration {
        let rest = |piece: &Piece| {
            Duration::from_nanos(piece.samples * 1_000_000_000 / RATE).saturating_sub(played(&piece.item))
        };
        let rest: Duration = self.pieces.iter().map(rest).sum();
        // Less than a sample is rounding.
        if rest < Duration::from_micros(50) {
            Duration::ZERO
        } else {
            rest
        }
    }
}

/// Base64 of PCM16, little endian; what is no base64 is silence that never was.
fn decode(audio: &str) -> Vec<i16> {
    let bytes = STANDARD.decode(audio).unwrap_or_default();
    bytes
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn audio(response: &str, item: &str, ms: usize) -> Event {
        let audio = STANDARD.encode(vec![0_u8; ms * 48]);
        Event::from_value(
            json!({"type":"response.output_audio.delta","response_id":response,"item_id":item,"delta":audio}),
        )
    }
    fn created(id: &str) -> Event {
        Event::from_value(json!({"type":"response.created","response":{"id":id}}))
    }
    fn done(id: &str) -> Event {
        Event::from_value(json!({"type":"response.done","response":{"id":id,"status":"completed"}}))
    }
    fn speech() -> Event {
        Event::from_value(json!({"type":"input_audio_buffer.speech_started","item_id":"u","audio_start_ms":0}))
    }
    /// Actions in short; sound left out.
    fn said(voice: &mut Voice) -> Vec<String> {
        std::iter::from_fn(|| voice.poll_action())
            .filter_map(|action| match action {
                Action::Play { .. } | Action::Finish { .. } => None,
                Action::Clear => Some("clear".into()),
                Action::Tell { what, response } => Some(format!("{what} {response}")),
                Action::Truncate { item, heard_ms } => Some(format!("truncate {item} {heard_ms}")),
                Action::AllPlayed => Some("all".into()),
            })
            .collect()
    }
    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_response_sounds_to_its_end() {
        let mut voice = Voice::default();
        for event in [
            created("r"),
            audio("r", "a", 100),
            audio("r", "a", 100),
            audio("r", "b", 50),
        ] {
            voice.handle(&event);
        }
        assert_eq!(said(&mut voice), ["started r"]);
        assert_eq!(voice.rest(|_| ms(0)), None, "more may come");
        voice.handle(&done("r"));
        assert_eq!(
            voice.rest(|item| if item == "a" { ms(180) } else { ms(0) }),
            Some(ms(70))
        );
        voice.progress(|item| if item == "a" { ms(200) } else { ms(49) });
        assert_eq!(said(&mut voice), [""; 0]);
        voice.progress(|item| if item == "a" { ms(200) } else { ms(50) });
        assert_eq!(said(&mut voice), ["stopped r", "all"]);
        voice.handle(&speech());
        assert_eq!(said(&mut voice), [""; 0], "nothing sounds that could be cut");
    }

    #[test]
    fn a_barge_in_cuts_at_what_was_played_and_nothing_sounds_after() {
        let mut voice = Voice::default();
        for event in [created("r"), audio("r", "a", 3000), audio("r", "b", 500), speech()] {
            voice.handle(&event);
        }
        assert_eq!(said(&mut voice), ["started r", "clear"]);
        voice.silenced(&Cut {
            item: Some(("a".into(), ms(1240))),
            unheard: vec!["b".into()],
        });
        assert_eq!(
            said(&mut voice),
            ["truncate a 1240", "truncate b 0", "cleared r", "all"]
        );
        for event in [audio("r", "a", 100), audio("r", "c", 100), done("r")] {
            voice.handle(&event);
        }
        assert_eq!(said(&mut voice), [""; 0]);
        for event in [created("r2"), audio("r2", "d", 10)] {
            voice.handle(&event);
        }
        assert_eq!(said(&mut voice), ["started r2"]);
    }

    #[test]
    fn a_goodbye_is_not_cut_off() {
        let mut voice = Voice::default();
        voice.speak_out();
        for event in [
            created("r"),
            audio("r", "a", 100),
            speech(),
            audio("r", "a", 100),
            done("r"),
        ] {
            voice.handle(&event);
        }
        assert_eq!(said(&mut voice), ["started r"]);
        voice.progress(|_| ms(200));
        assert_eq!(said(&mut voice), ["stopped r", "all"]);
    }

    #[test]
    fn a_barge_in_before_the_first_sound_keeps_it_from_sounding() {
        let mut voice = Voice::default();
        for event in [created("r"), speech(), audio("r", "a", 100), done("r")] {
            voice.handle(&event);
        }
        assert_eq!(said(&mut voice), [""; 0]);
        assert_eq!(voice.rest(|_| ms(0)), None);
    }

    #[test]
    fn never_more_is_truncated_than_came() {
        let mut voice = Voice::default();
        for event in [created("r"), audio("r", "a", 100), done("r")] {
            voice.handle(&event);
        }
        voice.silence();
        said(&mut voice);
        voice.silenced(&Cut {
            item: Some(("a".into(), ms(120))),
            unheard: vec![],
        });
        assert_eq!(said(&mut voice), ["truncate a 100", "cleared r", "all"]);
    }

    #[test]
    fn two_responses_in_a_row_stop_one_by_one() {
        let mut voice = Voice::default();
        for event in [
            created("r"),
            audio("r", "a", 100),
            done("r"),
            created("s"),
            audio("s", "b", 100),
            done("s"),
        ] {
            voice.handle(&event);
        }
        assert_eq!(said(&mut voice), ["started r", "started s"]);
        voice.progress(|item| if item == "a" { ms(100) } else { ms(20) });
        assert_eq!(said(&mut voice), ["stopped r"]);
        voice.progress(|_| ms(100));
        assert_eq!(said(&mut voice), ["stopped s", "all"]);
    }

    #[test]
    fn what_is_no_sound_plays_nothing() {
        let mut voice = Voice::default();
        let bad = Event::from_value(
            json!({"type":"response.output_audio.delta","response_id":"r","item_id":"a","delta":"!!"}),
        );
        for event in [created("r"), bad, audio("r", "a", 0), done("r")] {
            voice.handle(&event);
        }
        assert_eq!(voice.poll_action(), None);
    }
}
