//! HTTP out: aggregates, the events themselves, the catalogue, and what was refused.
//!
//! The way of a request is `params` (what is asked) → `points`, `raw` or `catalogue`
//! (what the store is asked for, within one view of it) → `answer` (the body). `aggregate`
//! decides how much of each day must be read, and counts. Nothing here writes.

mod aggregate;
mod answer;
mod catalogue;
mod cursor;
mod document;
mod events;
mod params;
mod points;
mod raw;
mod reading;
mod rejected;

use std::sync::Arc;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_service::Service;

/// The routes of this function.
pub fn router(service: Arc<Service>) -> Router {
    routes().with_state(service).into()
}

/// Their description.
pub fn openapi() -> OpenApi {
    routes().into_openapi()
}

fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::default()
        .routes(routes!(events::events_by_path))
        .routes(routes!(events::events_by_query))
        .routes(routes!(raw::raw_by_path))
        .routes(routes!(raw::raw_by_query))
        .routes(routes!(catalogue::namespaces))
        .routes(routes!(catalogue::names))
        .routes(routes!(rejected::rejected))
}
