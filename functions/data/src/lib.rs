//! Data sets, as Backdrop has them: named tables of flat records, written with a token of their
//! own and read by everybody, as records or as groups.
//!
//! The way of a write is `place` (which data set, and may they) → `write` (body, measured by
//! `extent` → records, or every rule that is broken) → the store. The way of a question is `place` → `params` (what is
//! asked) → `listing`, or `gather` into `groups` and `rows` → `body` (JSON or CSV, up to a size).
//! Each record is looked at once and forgotten, so memory is bounded whatever a set holds. All
//! refusals have Backdrop's form (`refusal`).
//!
//! Where it differs from Backdrop, and where its own answers left something open, is said in
//! docs/API.md.

mod body;
mod collect;
mod cursor;
mod document;
mod extent;
mod fields;
mod filter;
mod gather;
mod groups;
mod listing;
mod params;
mod period;
mod place;
mod question;
mod read;
mod reading;
mod refusal;
mod rows;
mod scalar;
mod status;
mod write;

use std::sync::Arc;

use axum::Router;
use http::StatusCode;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;
use weir_service::Service;

use refusal::Refusal;
pub use refusal::in_backdrops_form;

/// The routes of this function.
pub fn router(service: Arc<Service>) -> Router {
    writes(Arc::clone(&service)).merge(reads(service))
}

/// Those that store, change and delete.
pub fn writes(service: Arc<Service>) -> Router {
    writing_routes().with_state(service).into()
}

/// Those that answer what is stored.
pub fn reads(service: Arc<Service>) -> Router {
    reading_routes().with_state(service).into()
}

/// The description of all of them.
pub fn openapi() -> OpenApi {
    writing_routes().merge(reading_routes()).into_openapi()
}

fn writing_routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::default()
        .routes(routes!(write::post, write::put))
        .routes(routes!(write::patch, write::delete).map(|routes| routes.fallback(no_such_method)))
}

/// The fallbacks stand here, since routes of the same path that are merged have one between them.
fn reading_routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::default()
        .routes(routes!(read::read).map(|routes| routes.fallback(no_such_method)))
        .routes(routes!(status::status).map(|routes| routes.fallback(no_such_method)))
        .routes(routes!(status::ages).map(|routes| routes.fallback(no_such_method)))
}

async fn no_such_method() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
}
