//! Errors as the API words them: `{type, code, message, param, event_id}`.

use serde_json::{Value, json};

/// One refusal of a client event. The session survives it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct ApiError {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
}

impl ApiError {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            param: None,
        }
    }

    pub(crate) fn invalid(code: &str, param: &str, message: &str) -> Self {
        let message = format!("Invalid value for '{param}'. {message}");
        Self {
            code: code.to_owned(),
            message,
            param: Some(param.to_owned()),
        }
    }

    pub(crate) fn missing(param: &str) -> Self {
        let message = format!("Missing required parameter: '{param}'.");
        Self {
            code: "missing_required_parameter".to_owned(),
            message,
            param: Some(param.to_owned()),
        }
    }

    pub(crate) fn unknown(param: &str) -> Self {
        let message = format!("Unknown parameter: '{param}'.");
        Self {
            code: "unknown_parameter".to_owned(),
            message,
            param: Some(param.to_owned()),
        }
    }

    /// The `error` event; `event_id` is that of the client's event.
    pub(crate) fn event(&self, event_id: Option<&str>) -> Value {
        json!({"type": "error", "error": {
            "type": "invalid_request_error", "code": self.code, "message": self.message, "param": self.param, "event_id": event_id,
        }})
    }
}
