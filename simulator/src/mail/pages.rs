//! `/mail`: the letters as a list, each as its reader sees it; `/control/mail`: what goes wrong with the next ones.

use std::fmt::Write as _;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;

use super::{Inbox, inbox::Vices};
use crate::http::refusal;

pub(crate) fn routes(inbox: Inbox) -> Router {
    Router::new()
        .route("/mail", get(list).delete(clear))
        .route("/mail/{number}", get(one))
        .route("/control/mail", post(order))
        .with_state(inbox)
}

/// JSON for a script, a page for a person.
async fn list(State(inbox): State<Inbox>, headers: HeaderMap) -> Response {
    let letters = inbox.letters();
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if !accept.is_some_and(|accept| accept.contains("text/html")) {
        return Json(json!({"simulator": true, "letters": letters})).into_response();
    }
    let mut body = String::new();
    for letter in letters.iter().rev() {
        let (number, to, subject) = (letter.number, escape(&letter.to.join(", ")), escape(&letter.subject));
        // Writing to a String cannot fail.
        let _ = writeln!(
            body,
            "<li><a href=\"/mail/{number}\">{subject}</a><br><small>to {to}</small></li>"
        );
    }
    if letters.is_empty() {
        body.push_str("<li>None yet.</li>");
    }
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Caught letters</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n</head>\n<body>\n<h1>Caught letters</h1>\n\
         <p>This is a mail catcher: nothing is delivered to anybody.</p>\n<ul>\n{body}</ul>\n</body>\n</html>\n"
    );
    Html(page).into_response()
}

async fn one(State(inbox): State<Inbox>, Path(number): Path<u64>) -> Response {
    match inbox.letter(number) {
        // A mail program runs no scripts either.
        Some(letter) => (
            [(header::CONTENT_SECURITY_POLICY, "script-src 'none'")],
            Html(letter.html),
        )
            .into_response(),
        None => refusal(StatusCode::NOT_FOUND, "not_found", "No such letter."),
    }
}

async fn clear(State(inbox): State<Inbox>) -> StatusCode {
    inbox.clear();
    StatusCode::NO_CONTENT
}

async fn order(State(inbox): State<Inbox>, Json(vices): Json<Vices>) -> Json<Vices> {
    inbox.set_vices(vices.clone());
    Json(vices)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
