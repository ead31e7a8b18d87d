//! `/api/openapi.json`, the page `/docs` made of it, and the page of each problem. All of it works offline.

use super::problem::{CONTENT_TYPE, Kind, Problem};
use crate::app::App;
use axum::Router;
use axum::extract::Path;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use rust_embed::RustEmbed;
use std::fmt::Write as _;
use std::sync::Arc;
use utoipa::Modify;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, PathItem, Ref, ResponseBuilder};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/docs/errors"]
struct ErrorPages;

/// The style of these pages: a file, since the policy allows nothing inline.
const STYLE: &str = include_str!("docs.css");

/// What every operation has in common: the bearer token's scheme, and problems.
pub(super) struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        if let Some(components) = &mut document.components {
            components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
        }
    }
}

/// Serves the document of the routes that there are.
pub(super) fn router(mut document: OpenApi) -> Router<App> {
    finish(&mut document);
    let page: Arc<str> = page(&document).into();
    let json: Arc<str> = serde_json::to_string_pretty(&document).unwrap_or_default().into();
    let json_kind = [(header::CONTENT_TYPE, "application/json")];
    Router::new()
        .route("/api/openapi.json", get(async move || (json_kind, json.to_string())))
        .route("/docs", get(async move || Html(page.to_string())))
        .route(
            "/docs/style.css",
            get(async || ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)),
        )
        .route("/docs/errors/{slug}", get(error_page))
}

/// Adds to each operation the answer that any of them may give.
pub(super) fn finish(document: &mut OpenApi) {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    let response = ResponseBuilder::new()
        .description("Anything else: a problem")
        .content(CONTENT_TYPE, problem)
        .build();
    for item in document.paths.paths.values_mut() {
        for operation in operations_mut(item) {
            let responses = &mut operation.responses.responses;
            responses
                .entry("default".to_owned())
                .or_insert_with(|| response.clone().into());
        }
    }
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.patch,
        &mut item.delete,
        &mut item.options,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

fn operations(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
        ("OPTIONS", &item.options),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

fn page(document: &OpenApi) -> String {
    let mut body = String::from(
        "<h1>Vivavoce: the calls</h1>\n<p>The whole description, for tools: \
         <a href=\"/api/openapi.json\">openapi.json</a> (OpenAPI 3.1).</p>\n",
    );
    for (path, item) in &document.paths.paths {
        for (method, operation) in operations(item) {
            let open = operation.security.is_none();
            let mark = if open { " <small>no token</small>" } else { "" };
            _ = write!(
                body,
                "<section>\n<h2><code>{method} {}</code>{mark}</h2>\n",
                escape(path)
            );
            for text in [&operation.summary, &operation.description].into_iter().flatten() {
                _ = writeln!(body, "<p>{}</p>", escape(text));
            }
            body.push_str("<ul>\n");
            for status in operation
                .responses
                .responses
                .keys()
                .filter(|status| *status != "default")
            {
                _ = writeln!(body, "<li>{}</li>", escape(status));
            }
            body.push_str("</ul>\n</section>\n");
        }
    }
    body.push_str("<h1>Problems</h1>\n<ul>\n");
    for kind in Kind::ALL {
        let (status, slug, title) = (kind.status().as_u16(), kind.slug(), kind.title());
        _ = writeln!(body, "<li><a href=\"/docs/errors/{slug}\">{status} {title}</a></li>");
    }
    body.push_str("</ul>\n");
    html("The calls", &body)
}

async fn error_page(Path(slug): Path<String>) -> Response {
    match ErrorPages::get(&format!("{slug}.md")) {
        Some(file) => {
            let text = String::from_utf8_lossy(&file.data);
            Html(html("What went wrong", &render(&text))).into_response()
        }
        None => Problem::not_found().into_response(),
    }
}

/// As much of Markdown as these pages use: headings, and paragraphs with `code`.
fn render(text: &str) -> String {
    let mut body = String::new();
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let (tag, words) = match (block.strip_prefix("# "), block.strip_prefix("## ")) {
            (Some(words), _) => ("h1", words),
            (_, Some(words)) => ("h2", words),
            _ => ("p", block),
        };
        _ = write!(body, "<{tag}>");
        for (at, part) in words.split('`').enumerate() {
            let (before, after) = if at % 2 == 1 { ("<code>", "</code>") } else { ("", "") };
            _ = write!(body, "{before}{}{after}", escape(part));
        }
        _ = writeln!(body, "</{tag}>");
    }
    body
}

fn html(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · Vivavoce</title>\n<link rel=\"stylesheet\" href=\"/docs/style.css\">\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
