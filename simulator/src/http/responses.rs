//! `POST /v1/responses`: a structure that satisfies the asked schema and says that it is simulated.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{App, authorize, bearer, ordered_refusal, refusal};

/// The words that stand for every string.
const WORDS: &str = "[simulated] no model wrote this";
/// Schemas nest no deeper.
const DEPTH_MAX: usize = 24;

pub(crate) async fn create(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(response) = authorize(&app, bearer(&headers).as_deref()) {
        return response;
    }
    if let Err(response) = ordered_refusal(&app, None).await {
        return response;
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return refusal(StatusCode::BAD_REQUEST, "invalid_json", "The body is not valid JSON.");
    };
    let Some(model) = body["model"].as_str() else {
        return refusal(
            StatusCode::BAD_REQUEST,
            "missing_required_parameter",
            "Missing required parameter: 'model'.",
        );
    };
    let input = match &body["input"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let format = &body["text"]["format"];
    let text = if format["type"] == "json_schema" {
        instance(&format["schema"], &format["schema"], DEPTH_MAX).to_string()
    } else {
        format!("{WORDS}; the input had {} characters.", input.chars().count())
    };
    let tag = crate::epoch_ms();
    let (tokens_in, tokens_out) = (input.len().div_ceil(4), text.len().div_ceil(4));
    Json(json!({
        "id": format!("resp_sim_{tag}"), "object": "response", "created_at": tag / 1_000, "status": "completed", "model": model,
        "error": null, "incomplete_details": null, "instructions": body["instructions"], "metadata": {}, "parallel_tool_calls": true,
        "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0, "store": false, "text": body["text"],
        "output": [
            {"type": "reasoning", "id": format!("rs_sim_{tag}"), "summary": []},
            {"type": "message", "id": format!("msg_sim_{tag}"), "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "text": text, "annotations": []}]},
        ],
        "usage": {"input_tokens": tokens_in, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": tokens_out,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": tokens_in + tokens_out},
    }))
    .into_response()
}

/// A value that satisfies `schema`, as far as strict schemas go.
fn instance(schema: &Value, root: &Value, depth: usize) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    if let Some(path) = schema["$ref"].as_str() {
        let target = path
            .strip_prefix('#')
            .and_then(|p| root.pointer(p))
            .unwrap_or(&Value::Null);
        return instance(target, root, depth - 1);
    }
    if let Some(value) = schema.get("const").or_else(|| schema["enum"].get(0)) {
        return value.clone();
    }
    if let Some(first) = schema["anyOf"]
        .get(0)
        .or_else(|| schema["oneOf"].get(0))
        .or_else(|| schema["allOf"].get(0))
    {
        return instance(first, root, depth - 1);
    }
    let kind = schema["type"].as_str().or_else(|| {
        schema["type"]
            .as_array()
            .and_then(|t| t.iter().find_map(|t| t.as_str().filter(|t| *t != "null")))
    });
    match kind {
        Some("object") => {
            let empty = Map::new();
            let properties = schema["properties"].as_object().unwrap_or(&empty);
            Value::Object(
                properties
                    .iter()
                    .map(|(name, s)| (name.clone(), instance(s, root, depth - 1)))
                    .collect(),
            )
        }
        Some("array") => {
            let least = schema["minItems"].as_u64().unwrap_or(1).clamp(1, 16);
            Value::Array(
                (0..least)
                    .map(|_| instance(&schema["items"], root, depth - 1))
                    .collect(),
            )
        }
        Some("integer") => json!(number(schema).ceil() as i64),
        Some("number") => json!(number(schema)),
        Some("boolean") => json!(false),
        Some("null") => Value::Null,
        _ => string(schema),
    }
}

fn number(schema: &Value) -> f64 {
    let least = schema["minimum"]
        .as_f64()
        .or(schema["exclusiveMinimum"].as_f64().map(|m| m + 1.0));
    let most = schema["maximum"].as_f64().unwrap_or(f64::MAX);
    least.unwrap_or(0.0).min(most)
}

fn string(schema: &Value) -> Value {
    match schema["format"].as_str() {
        Some("date-time") => json!("1970-01-01T00:00:00Z"),
        Some("date") => json!("1970-01-01"),
        Some("email") => json!("simulated@example.invalid"),
        Some("uuid") => json!("00000000-0000-0000-0000-000000000000"),
        _ => {
            let most = schema["maxLength"].as_u64().unwrap_or(u64::MAX) as usize;
            json!(WORDS.chars().take(most).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_strict_schema_is_satisfied() {
        let schema = json!({"type": "object", "additionalProperties": false, "required": ["summary", "score", "points", "verdict", "maybe"],
            "properties": {"summary": {"type": "string"}, "score": {"type": "integer", "minimum": 1, "maximum": 5},
                "points": {"type": "array", "items": {"$ref": "#/$defs/point"}}, "verdict": {"enum": ["yes", "no"]},
                "maybe": {"type": ["string", "null"]}},
            "$defs": {"point": {"type": "object", "properties": {"text": {"type": "string"}, "sure": {"type": "boolean"}}}}});
        let value = instance(&schema, &schema, DEPTH_MAX);
        assert_eq!(
            value,
            json!({"summary": WORDS, "score": 1, "points": [{"text": WORDS, "sure": false}], "verdict": "yes", "maybe": WORDS})
        );
    }
}
