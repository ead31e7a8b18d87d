//! The two names of an event: GA and beta.

/// Beta names and what GA calls the same. `conversation.item.created` is GA's `.added`; beta has no `.done`.
const PAIRS: [(&str, &str); 7] = [
    ("conversation.item.created", "conversation.item.added"),
    ("response.text.delta", "response.output_text.delta"),
    ("response.text.done", "response.output_text.done"),
    ("response.audio.delta", "response.output_audio.delta"),
    ("response.audio.done", "response.output_audio.done"),
    (
        "response.audio_transcript.delta",
        "response.output_audio_transcript.delta",
    ),
    (
        "response.audio_transcript.done",
        "response.output_audio_transcript.done",
    ),
];

/// Both names of one kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names<'a> {
    /// The name that stands.
    pub ga: &'a str,
    /// What the beta called it, where that differs.
    pub beta: Option<&'static str>,
}

/// Both names of `kind`, whichever of them it is. A kind of one name is its own GA name.
pub fn canonical(kind: &str) -> Names<'_> {
    for (beta, ga) in PAIRS {
        if kind == beta || kind == ga {
            return Names { ga, beta: Some(beta) };
        }
    }
    Names { ga: kind, beta: None }
}
