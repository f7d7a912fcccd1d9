//! Takes events in over HTTP.
//!
//! The way of a request is [`body`] (media type to events), [`check`] (every bad one is named, and
//! then nothing is stored), the store's `accept`, and [`answer`]. A 2xx is sent only after every
//! event is durable.

mod answer;
mod body;
mod check;
mod key;
mod snippet;
mod track;

use std::sync::Arc;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_service::Service;

/// Serves `POST /api/track/`, with and without the final slash, and the browser snippet.
pub fn router(service: Arc<Service>) -> Router {
    let snippet = snippet::router(service.snippet_path());
    let doors = documented().split_for_parts().0;
    doors.with_state(service).merge(snippet)
}

/// Describes what [`router`] serves.
pub fn openapi() -> OpenApi {
    documented().split_for_parts().1
}

fn documented() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new()
        .routes(routes!(track::track))
        .routes(routes!(track::track_without_slash))
}
