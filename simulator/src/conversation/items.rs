//! The conversation's items, in order.
//!
//! **Law:** the list is the `previous_item_id` chain: each item's predecessor in the list is the one it was announced with,
//! until an item is put between two or deleted.

use serde_json::{Value, json};

use super::error::ApiError;

/// Who an item came from, which decides what the interviewer makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The client made it: history replayed, a text typed, a tool's output.
    Client,
    /// Speech that was heard.
    Heard,
    /// An answer of ours.
    Ours,
}

/// One item with what the simulator knows beside it.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
    /// What was really said or is said to have been heard; stays when the server's copy is erased.
    pub(crate) words: String,
    /// Length of its sound, in ms.
    pub(crate) audio_ms: u64,
    /// How much of it was sent, where it was cut off.
    pub(crate) truncated_ms: Option<u64>,
}

impl Item {
    pub(crate) fn kind(&self) -> &str {
        self.value["type"].as_str().unwrap_or_default()
    }

    pub(crate) fn role(&self) -> &str {
        self.value["role"].as_str().unwrap_or_default()
    }

    /// A turn of the user's, spoken or typed.
    pub(crate) fn is_user(&self) -> bool {
        self.kind() == "message" && self.role() == "user"
    }
}

/// The list.
#[derive(Debug, Default)]
pub(crate) struct Items(Vec<Item>);

impl Items {
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Item> {
        self.0.iter()
    }

    pub(crate) fn last_id(&self) -> Option<&str> {
        self.0.last().map(|i| i.id.as_str())
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Item> {
        self.0.iter().find(|i| i.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Item> {
        self.0.iter_mut().find(|i| i.id == id)
    }

    /// The id before an item.
    pub(crate) fn before(&self, id: &str) -> Option<String> {
        let at = self.0.iter().position(|i| i.id == id)?;
        at.checked_sub(1).map(|n| self.0[n].id.clone())
    }

    /// Adds at the end; answers the id before it.
    pub(crate) fn push(&mut self, item: Item) -> Option<String> {
        let previous = self.last_id().map(str::to_owned);
        self.0.push(item);
        previous
    }

    /// Adds after `previous` (`root`: first; None: last); answers the id before it.
    pub(crate) fn insert(&mut self, previous: Option<&str>, item: Item) -> Result<Option<String>, ApiError> {
        if self.get(&item.id).is_some() {
            let message = format!("An item with id '{}' already exists in the conversation.", item.id);
            return Err(ApiError {
                param: Some("item.id".into()),
                ..ApiError::new("item_create_duplicate_id", message)
            });
        }
        let at = match previous {
            None => self.0.len(),
            Some("root") => 0,
            Some(id) => {
                1 + self.0.iter().position(|i| i.id == id).ok_or_else(|| {
                    let message = format!("Previous item with id '{id}' not found.");
                    ApiError {
                        param: Some("previous_item_id".into()),
                        ..ApiError::new("item_create_invalid_previous_item_id", message)
                    }
                })?
            }
        };
        self.0.insert(at, item);
        Ok(at.checked_sub(1).map(|n| self.0[n].id.clone()))
    }

    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|i| i.id != id);
        self.0.len() < before
    }
}

/// Checks an item that a client wants to create and gives it what the server adds.
pub(crate) fn accept(item: &Value, id: &str) -> Result<Item, ApiError> {
    let mut value = item.clone();
    let Some(object) = value.as_object_mut() else {
        return Err(ApiError::invalid("invalid_type", "item", "Expected an object."));
    };
    object.insert("id".into(), json!(id));
    object.insert("object".into(), json!("realtime.item"));
    let words = match object.get("type").and_then(Value::as_str) {
        Some("message") => {
            object.insert("status".into(), json!("completed"));
            check_message(&value)?
        }
        Some("function_call") => {
            object.entry("status").or_insert(json!("completed"));
            String::new()
        }
        Some("function_call_output") => {
            if !value["call_id"].is_string() || !value["output"].is_string() {
                return Err(ApiError::missing("item.call_id, item.output"));
            }
            String::new()
        }
        Some("item_reference" | "mcp_approval_response") => String::new(),
        Some(_) => return Err(ApiError::invalid("invalid_value", "item.type", "No such type of item.")),
        None => return Err(ApiError::missing("item.type")),
    };
    Ok(Item {
        id: id.to_owned(),
        value,
        origin: Origin::Client,
        words,
        audio_ms: 0,
        truncated_ms: None,
    })
}

fn check_message(value: &Value) -> Result<String, ApiError> {
    let allowed: &[&str] = match value["role"].as_str() {
        Some("system") => &["input_text"],
        Some("user") => &["input_text", "input_audio", "input_image"],
        Some("assistant") => &["output_text"],
        _ => {
            return Err(ApiError::invalid(
                "invalid_value",
                "item.role",
                "Supported values are: 'system', 'user', 'assistant'.",
            ));
        }
    };
    let Some(parts) = value["content"].as_array() else {
        return Err(ApiError::missing("item.content"));
    };
    let mut words = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        if !part["type"].as_str().is_some_and(|t| allowed.contains(&t)) {
            let message = format!("Supported values are: {allowed:?}.");
            return Err(ApiError::invalid(
                "invalid_value",
                &format!("item.content[{n}].type"),
                &message,
            ));
        }
        words.extend(part["text"].as_str().or(part["transcript"].as_str()));
    }
    Ok(words.join(" "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn text(id: &str) -> Item {
        accept(
            &json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": id}]}),
            id,
        )
        .unwrap()
    }

    #[test]
    fn places_and_refusals() {
        let mut items = Items::default();
        assert_eq!(items.insert(None, text("a")).unwrap(), None);
        assert_eq!(items.insert(None, text("c")).unwrap().as_deref(), Some("a"));
        assert_eq!(items.insert(Some("a"), text("b")).unwrap().as_deref(), Some("a"));
        assert_eq!(items.insert(Some("root"), text("0")).unwrap(), None);
        let order: Vec<_> = items.iter().map(|i| i.id.as_str()).collect();
        assert_eq!(order, ["0", "a", "b", "c"]);
        assert_eq!(
            items.insert(None, text("a")).unwrap_err().code,
            "item_create_duplicate_id"
        );
        assert_eq!(
            items.insert(Some("?"), text("d")).unwrap_err().code,
            "item_create_invalid_previous_item_id"
        );
    }

    #[test]
    fn an_assistant_never_replays_sound() {
        let item = json!({"type": "message", "role": "assistant", "content": [{"type": "output_audio", "audio": ""}]});
        assert_eq!(accept(&item, "x").unwrap_err().code, "invalid_value");
    }
}
