//! The pages, built into the binary: files by name, `index.html` at every address that is a page's.

use super::problem::{Kind, Problem};
use crate::app::App;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};

/// What Vite built; empty where it has not been (`build.rs` makes the folder).
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/web/app/dist"]
struct Files;

/// The addresses of pages (SPEC.md, "HTTP"): each gets the one document, whose script reads the address.
const PAGES: &[&str] = &[
    "/",
    "/interview/join",
    "/interview/{session}",
    "/sign-in",
    "/recruiter",
    "/recruiter/{*rest}",
    "/operator",
    "/operator/{*rest}",
];

pub(super) fn router() -> Router<App> {
    PAGES
        .iter()
        .fold(Router::new(), |router, path| router.route(path, get(index)))
        .route("/assets/{*file}", get(asset))
}

/// What is no route: a file of the pages' top folder, or nothing.
pub(super) async fn missing(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let is_file = !path.is_empty() && !path.contains('/') && path != "index.html";
    match Files::get(path).filter(|_| is_file && request.method().is_safe()) {
        Some(file) => serve(path, file, "no-cache"),
        None => Problem::not_found().into_response(),
    }
}

/// A route that exists for other methods.
pub(super) async fn wrong_method() -> Problem {
    Problem::new(Kind::MethodNotAllowed, "")
}

async fn index() -> Response {
    if let Some(file) = Files::get("index.html") {
        return serve("index.html", file, "no-cache");
    }
    let words = "<!doctype html><html lang=\"en\"><title>Vivavoce</title>\
                 <p>This binary was built without the pages. Build them first: <code>make build</code>.";
    (StatusCode::NOT_FOUND, Html(words)).into_response()
}

/// Files whose names hold a hash of what is in them: they never change.
async fn asset(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    match Files::get(path) {
        Some(file) => serve(path, file, "public, max-age=31536000, immutable"),
        None => Problem::not_found().into_response(),
    }
}

fn serve(path: &str, file: EmbeddedFile, cache: &'static str) -> Response {
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let kind = match (kind.type_(), kind.subtype()) {
        (mime_guess::mime::TEXT, _) | (_, mime_guess::mime::JAVASCRIPT) => format!("{kind}; charset=utf-8"),
        _ => kind.to_string(),
    };
    let mut response = file.data.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(kind) = HeaderValue::from_str(&kind) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    response
}
