//! What an answer would have cost, counted from what was really in the conversation.
//!
//! Rules of thumb, not a tokenizer: 4 characters a text token, 100 ms of the user's sound a token, 50 ms of ours.

use serde_json::{Value, json};

use super::items::{Item, Origin};

/// Tokens by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) text: u64,
    pub(crate) audio: u64,
}

impl Tokens {
    pub(crate) fn of_text(text: &str) -> Self {
        Self {
            text: (text.len() as u64).div_ceil(4),
            audio: 0,
        }
    }

    /// Of an item in the context.
    pub(crate) fn of(item: &Item) -> Self {
        match item.origin {
            Origin::Heard => Self {
                text: 0,
                audio: item.audio_ms.div_ceil(100),
            },
            Origin::Ours => {
                let heard = item.truncated_ms.unwrap_or(item.audio_ms);
                Self {
                    text: if item.truncated_ms.is_some() {
                        0
                    } else {
                        Self::of_text(&item.words).text
                    },
                    audio: heard.div_ceil(50),
                }
            }
            Origin::Client => Self::of_text(&item.words),
        }
    }

    /// Of a whole context.
    pub(crate) fn sum<'a>(items: impl Iterator<Item = &'a Item>) -> Self {
        items.map(Self::of).fold(Self::default(), Self::plus)
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            text: self.text + other.text,
            audio: self.audio + other.audio,
        }
    }

    fn total(self) -> u64 {
        self.text + self.audio
    }
}

/// `response.usage`. `cached` is what the answer before had as input, of which a prefix was kept.
pub(crate) fn value(input: Tokens, cached: Tokens, output: Tokens) -> Value {
    let kept = Tokens {
        text: cached.text.min(input.text) / 64 * 64,
        audio: cached.audio.min(input.audio) / 64 * 64,
    };
    json!({
        "total_tokens": input.total() + output.total(),
        "input_tokens": input.total(),
        "output_tokens": output.total(),
        "input_token_details": {
            "text_tokens": input.text, "audio_tokens": input.audio, "image_tokens": 0, "cached_tokens": kept.total(),
            "cached_tokens_details": {"text_tokens": kept.text, "audio_tokens": kept.audio, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": output.text, "audio_tokens": output.audio},
    })
}
