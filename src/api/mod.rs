//! The HTTP contract: one file per resource, and what they share.
//!
//! Is: the router. Isn't: decisions; handlers ask the store, the sessions and the caller's role. Routes are registered
//! together with their OpenAPI description, so that neither can be without the other.

mod candidates;
mod check;
mod cors;
mod docs;
mod extract;
mod guard;
mod health;
pub mod idempotency;
pub(crate) mod invitations;
pub mod limit;
mod pages;
mod paging;
mod positions;
pub mod problem;
mod sdp;
mod sessions;
mod sign_in;
mod transcript;
mod whip;
mod ws;

pub use extract::{Body, Id, OrEmpty, Params, read};
pub use guard::security_headers;
pub use problem::{Kind, Problem};

use crate::app::App;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use docs::Common;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// Bytes of a body, at most.
const BODY_BYTES_MAX: usize = 256 * 1024;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Vivavoce",
        description = "A relay for AI voice interviews. Times are RFC 3339 in UTC with milliseconds, ids are UUIDs, \
                       errors are RFC 9457. Unknown fields are ignored.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(problem::Body)),
    modifiers(&Common)
)]
struct Document;

/// Everything on the public listener.
pub fn router(app: App) -> Router {
    let (routes, document) = routes(&app).split_for_parts();
    let documents = docs::router(document);
    shell(routes.merge(documents).merge(pages::router()), app)
}

/// What is on `METRICS_ADDR`.
pub fn metrics_router(app: App) -> Router {
    shell(health::metrics_router(), app)
}

/// The OpenAPI document, generated from the handlers.
pub fn openapi(app: &App) -> OpenApi {
    routes(app).split_for_parts().1
}

fn routes(app: &App) -> OpenApiRouter<App> {
    let gated = OpenApiRouter::new()
        .merge(sign_in::routes(app))
        .merge(positions::routes(app))
        .merge(candidates::routes(app))
        .merge(invitations::routes(app))
        .merge(sessions::routes(app))
        .merge(sdp::routes())
        .merge(transcript::routes())
        .merge(whip::routes())
        .merge(ws::routes(app))
        .layer(from_fn_with_state(app.clone(), guard::ready));
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(health::routes())
        .merge(gated)
}

/// What every answer passes, outermost last.
fn shell(router: Router<App>, app: App) -> Router {
    router
        .fallback(pages::missing)
        .method_not_allowed_fallback(pages::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(CatchPanicLayer::custom(guard::panicked))
        .layer(from_fn(guard::bound))
        .layer(from_fn_with_state(app.clone(), cors::cors))
        .layer(from_fn_with_state(app.clone(), guard::harden))
        .layer(from_fn_with_state(app.clone(), guard::observe))
        .with_state(app)
}

/// 32 random bytes of the operating system's, as 64 hex characters.
pub(crate) fn random_hex() -> String {
    use rand::TryRngCore as _;
    use std::fmt::Write as _;
    let mut bytes = [0_u8; 32];
    // Without the system's randomness nothing here is safe; the thread's generator was seeded from it.
    if rand::rngs::OsRng.try_fill_bytes(&mut bytes).is_err() {
        bytes = rand::random();
    }
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}
