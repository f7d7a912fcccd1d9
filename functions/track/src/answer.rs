//! What is said of accepted events.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use utoipa::ToSchema;
use weir_model::Event;
use weir_store::{Accepted, stored_event};

/// How many events a request brought.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Counts {
    /// Events stored.
    accepted: u64,
    /// Events left out because their id was stored within a day, or came twice in the request.
    duplicates: u64,
}

/// 201 with the counts.
pub(crate) fn of_many(accepted: Accepted) -> Response {
    let Accepted {
        accepted,
        duplicates,
        ..
    } = accepted;
    (
        StatusCode::CREATED,
        axum::Json(Counts {
            accepted,
            duplicates,
        }),
    )
        .into_response()
}

/// 201 with the event as it is stored. A repeat gets the same.
pub(crate) fn of_one(event: &Event, accepted: Accepted) -> Response {
    let stored = stored_event(event, accepted.received, accepted.nonce, 0);
    let mut json = String::new();
    stored.write_json(&event.series, &mut json);
    (
        StatusCode::CREATED,
        [(CONTENT_TYPE, "application/json")],
        json,
    )
        .into_response()
}
