//! Takes events in over HTTP.
//!
//! The way of a request to the Tracking API is [`body`] (media type to events), [`check`] (every
//! bad one is named, and then nothing is stored), the store's `accept`, and [`answer`]. A 2xx is
//! sent only after every event is durable.
//!
//! Clients of other services keep their protocols: [`focuslab`], [`alooma`] and [`segment`] answer
//! in the words that those expect, and [`door`] is what they have in common.

mod alooma;
mod answer;
mod body;
mod check;
mod door;
mod focuslab;
mod key;
mod segment;
mod snippet;
mod track;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
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
    let router = OpenApiRouter::new()
        .routes(routes!(track::track))
        .routes(routes!(track::track_without_slash))
        .routes(routes!(focuslab::trigger))
        .routes(routes!(alooma::limits))
        .routes(routes!(alooma::verify))
        .routes(routes!(alooma::pysdk))
        .routes(routes!(segment::call))
        .routes(routes!(segment::pixel));
    focuslab::OTHER_PATHS
        .into_iter()
        .fold(router, |router, path| {
            router.route(path, post(focuslab::trigger))
        })
}
