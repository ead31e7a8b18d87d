//! One event of a realtime service, as far as we care for it.
//!
//! Is: envelope first (`type`), then what the kind needs, leniently: unlisted fields are ignored, a field of the wrong
//! type counts as absent, GA and beta names give the same [`What`]. Isn't: a mirror of the service's schema.
//! **Law:** [`Event::parse`] never fails; what cannot be used is [`What::Malformed`] or [`What::Unknown`], for the
//! caller to count.

mod item;
mod name;
mod parse;
#[cfg(test)]
mod tests;

pub use item::{Call, Content, ContentKind, Item, ItemKind, Role, Status};
pub use name::{Names, canonical};

/// An event of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The service's id of this event; a doubled event has the same.
    pub id: Option<String>,
    /// What it says.
    pub what: What,
}

/// Where an item stands in the conversation, as an event says it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Previous {
    /// Not said.
    #[default]
    Unsaid,
    /// Nothing is before it.
    First,
    /// It follows this item.
    After(String),
}

/// A part of an item of the candidate's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPart {
    /// The item.
    pub item_id: String,
    /// Which of its parts.
    pub content_index: u32,
}

/// A part of an item that the AI is making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputPart {
    /// The response that makes it; empty if unsaid.
    pub response_id: String,
    /// The item.
    pub item_id: String,
    /// Which of the response's items.
    pub output_index: u32,
    /// Which of the item's parts.
    pub content_index: u32,
}

/// Whether a response belongs to the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Band {
    /// Not said: taken as in the conversation.
    #[default]
    Unsaid,
    /// It adds to the conversation.
    In,
    /// `conversation_id` is null: it leaves no trace in the conversation.
    Out,
}

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Completed,
    /// Cut off by the candidate's speech, or by us.
    Cancelled,
    /// Out of tokens, or filtered.
    Incomplete,
    /// The service could not.
    Failed,
}

/// A response: one turn of the AI's.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Response {
    /// Its id; empty if unsaid.
    pub id: String,
    /// Whether it belongs to the conversation.
    pub band: Band,
    /// How it ended; `None` while it goes on.
    pub ending: Option<Ending>,
    /// Why, in the service's words (`turn_detected`, `max_output_tokens`, an error's code).
    pub reason: Option<String>,
    /// Its items, as they stand.
    pub output: Vec<Item>,
    /// What it cost, in tokens.
    pub usage: Option<Usage>,
}

/// Tokens by direction and modality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Usage {
    /// Text read, cached included.
    pub input_text: u64,
    /// Audio heard, cached included.
    pub input_audio: u64,
    /// Of the input, what was cached.
    pub input_cached: u64,
    /// Text written.
    pub output_text: u64,
    /// Audio spoken.
    pub output_audio: u64,
}

/// An `error` event. Survivable, unless the connection closes after it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Fault {
    /// Its class, e.g. `invalid_request_error`.
    pub kind: String,
    /// Its code, e.g. `session_expired`.
    pub code: String,
    /// Which of our events it answers.
    pub event_id: Option<String>,
}

/// What an event says. Kinds of no consequence to us are [`What::Other`].
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The session is there.
    SessionCreated {
        /// When it will end by itself, Unix seconds.
        expires_at: Option<i64>,
    },
    /// The session is as we asked.
    SessionUpdated,
    /// An item has entered the conversation.
    ItemAdded {
        /// Where.
        previous: Previous,
        /// As it stands.
        item: Item,
    },
    /// An item is finished.
    ItemDone {
        /// Where.
        previous: Previous,
        /// As it stands.
        item: Item,
    },
    /// An item has left the model's context.
    ItemDeleted {
        /// Which.
        item_id: String,
    },
    /// An item's audio was cut to what was heard.
    ItemTruncated {
        /// Which part of which item.
        part: InputPart,
        /// How much of it was heard, ms.
        heard_ms: i64,
    },
    /// More of the candidate's words.
    UserDelta {
        /// Whose.
        part: InputPart,
        /// The words that are new.
        delta: String,
    },
    /// All of the candidate's words.
    UserDone {
        /// Whose.
        part: InputPart,
        /// The words.
        transcript: String,
    },
    /// The candidate's words could not be made out.
    UserFailed {
        /// Whose.
        part: InputPart,
        /// Why.
        code: String,
    },
    /// The candidate speaks.
    SpeechStarted {
        /// The item that will hold it.
        item_id: String,
        /// On the session's audio clock, ms.
        at_ms: i64,
    },
    /// The candidate has stopped.
    SpeechStopped {
        /// The item that will hold it.
        item_id: String,
        /// On the session's audio clock, ms.
        at_ms: i64,
    },
    /// The candidate's speech has become an item.
    Committed {
        /// Which.
        item_id: String,
        /// Where.
        previous: Previous,
    },
    /// The candidate said nothing for too long.
    IdleTimeout,
    /// The AI's speech begins to sound.
    PlayStarted {
        /// Of which response.
        response_id: String,
    },
    /// The AI's speech has sounded to its end.
    PlayStopped {
        /// Of which response.
        response_id: String,
    },
    /// The AI's speech was cut off.
    PlayCleared {
        /// Of which response.
        response_id: String,
    },
    /// The AI begins a turn.
    ResponseCreated(Response),
    /// The AI has generated its turn (it may still sound).
    ResponseDone(Response),
    /// The AI begins an item.
    OutputItemAdded {
        /// Of which response.
        response_id: String,
        /// Which of its items.
        output_index: u32,
        /// As it stands.
        item: Item,
    },
    /// The AI has generated an item.
    OutputItemDone {
        /// Of which response.
        response_id: String,
        /// Which of its items.
        output_index: u32,
        /// As it stands.
        item: Item,
    },
    /// The AI begins a part.
    PartAdded(OutputPart),
    /// The AI has generated a part.
    PartDone {
        /// Which.
        part: OutputPart,
        /// Its words, if told.
        text: Option<String>,
    },
    /// More of the AI's words, written or spoken.
    TextDelta {
        /// Whose.
        part: OutputPart,
        /// The words that are new.
        delta: String,
    },
    /// All of the AI's words, written or spoken.
    TextDone {
        /// Whose.
        part: OutputPart,
        /// The words.
        text: String,
    },
    /// More of the AI's voice (WebSocket only).
    AudioDelta {
        /// Whose.
        part: OutputPart,
        /// Base64 of 24 kHz mono PCM16, little endian.
        audio: String,
    },
    /// All of the AI's voice has been generated.
    AudioDone(OutputPart),
    /// The AI calls a tool.
    CallDone {
        /// Of which response.
        response_id: String,
        /// The item that holds it.
        item_id: String,
        /// The call.
        call: Call,
    },
    /// The service complains.
    Error(Fault),
    /// A kind that we know and have no use for.
    Other,
    /// A kind that we do not know.
    Unknown {
        /// Its name, at most 64 characters.
        kind: String,
    },
    /// No JSON object, no `type`, or without the ids that its kind cannot do without.
    Malformed,
}
