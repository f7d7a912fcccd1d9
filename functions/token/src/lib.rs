//! OAuth2 client credentials (RFC 6749 section 4.4): tokens for clients, their revocation (RFC 7009),
//! introspection (RFC 7662), and the metadata that names these endpoints (RFC 8414).
//!
//! Errors have OAuth's own form here, `{"error", "error_description"}`, which the libraries of
//! its clients read. Paths work with and without a final slash; the described ones have it,
//! because that is what users of the original write.

mod client;
mod error;
mod form;
mod introspect;
mod issue;
mod metadata;
mod revoke;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_service::Service;

fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::default()
        .routes(routes!(issue::token))
        .route("/o/token", post(issue::token))
        .routes(routes!(revoke::revoke_token))
        .route("/o/revoke_token", post(revoke::revoke_token))
        .routes(routes!(introspect::introspect))
        .route("/o/introspect", post(introspect::introspect))
        .routes(routes!(metadata::metadata))
}

/// The routes of this function.
pub fn router(service: Arc<Service>) -> Router {
    routes().with_state(service).into()
}

/// Their description.
pub fn openapi() -> OpenApi {
    routes().into_openapi()
}

#[cfg(test)]
mod tests;
