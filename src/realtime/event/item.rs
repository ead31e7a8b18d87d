//! An item of the conversation, as an event shows it.

use serde_json::{Map, Value};

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ItemKind {
    /// Words of somebody.
    #[default]
    Message,
    /// The AI calls a tool.
    FunctionCall,
    /// The tool's answer.
    FunctionCallOutput,
    /// Anything else.
    Other,
}

/// Whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The candidate's.
    User,
    /// The AI's.
    Assistant,
    /// Ours, to the model.
    System,
}

/// How far an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Growing.
    InProgress,
    /// Whole.
    Completed,
    /// Cut short.
    Incomplete,
}

/// What a part of an item holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentKind {
    /// The candidate's speech.
    InputAudio,
    /// Words typed.
    InputText,
    /// The AI's speech.
    OutputAudio,
    /// The AI's words, written.
    OutputText,
    /// Anything else.
    Other,
}

/// A part of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// What it holds.
    pub kind: ContentKind,
    /// Its words, if told: `text` or `transcript`.
    pub text: Option<String>,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Call {
    /// The tool's name; empty if unsaid.
    pub name: String,
    /// To be given back with the answer.
    pub call_id: String,
    /// JSON, as the model wrote it.
    pub arguments: String,
}

/// An item of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: ItemKind,
    /// Whose, if a message.
    pub role: Option<Role>,
    /// How far it is.
    pub status: Option<Status>,
    /// Its parts, in order.
    pub content: Vec<Content>,
    /// The call, if it is one.
    pub call: Option<Call>,
}

impl Item {
    /// Reads one; `None` without an id.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let item = value.as_object()?;
        let kind = match word(item, "type") {
            Some("message") | None => ItemKind::Message,
            Some("function_call") => ItemKind::FunctionCall,
            Some("function_call_output") => ItemKind::FunctionCallOutput,
            Some(_) => ItemKind::Other,
        };
        let call = (kind == ItemKind::FunctionCall).then(|| Call {
            name: word(item, "name").unwrap_or_default().to_owned(),
            call_id: word(item, "call_id").unwrap_or_default().to_owned(),
            arguments: word(item, "arguments").unwrap_or_default().to_owned(),
        });
        let content = item.get("content").and_then(Value::as_array);
        Some(Self {
            id: word(item, "id").filter(|id| !id.is_empty())?.to_owned(),
            kind,
            role: match word(item, "role") {
                Some("user") => Some(Role::User),
                Some("assistant") => Some(Role::Assistant),
                Some("system") => Some(Role::System),
                _ => None,
            },
            status: match word(item, "status") {
                Some("in_progress") => Some(Status::InProgress),
                Some("completed") => Some(Status::Completed),
                Some("incomplete") => Some(Status::Incomplete),
                _ => None,
            },
            content: content
                .map(|parts| parts.iter().map(Content::read).collect())
                .unwrap_or_default(),
            call,
        })
    }
}

impl Content {
    fn read(value: &Value) -> Self {
        let kind = match value.get("type").and_then(Value::as_str) {
            Some("input_audio") => ContentKind::InputAudio,
            Some("input_text") => ContentKind::InputText,
            Some("output_audio" | "audio") => ContentKind::OutputAudio,
            Some("output_text" | "text") => ContentKind::OutputText,
            _ => ContentKind::Other,
        };
        Self {
            kind,
            text: words(value),
        }
    }
}

/// `text` or `transcript` of a part; null and absent alike.
pub(super) fn words(part: &Value) -> Option<String> {
    ["text", "transcript"]
        .iter()
        .find_map(|key| part.get(key).and_then(Value::as_str))
        .map(str::to_owned)
}

fn word<'a>(item: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    item.get(key).and_then(Value::as_str)
}
