//! `GET /api/raw`: the events of one series themselves, filtered, by pages.
//!
//! A page ends when it is full, when it has 4.5 MB, or when enough was looked at to find little: a
//! filter that matches nothing would otherwise read a whole history in one request.

mod filter;
mod place;
mod scan;

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};
use weir_service::auth::{Authorized, need};
use weir_service::negotiate::Format;
use weir_service::{Problem, ProblemDocument, Service};

use crate::answer::page;
use crate::document::{Kind, Known, Problems, parameters};
use crate::events::bad_path;
use crate::params::{CURSOR, Parameters, SERIES, TS_MAX, TS_MIN, shown};
use crate::reading::Order;
use filter::Filter;
use place::Place;
use scan::{Ask, scan};

const FORMATS: [Format; 2] = [Format::Json, Format::Ndjson];

/// Events of a page unless asked for otherwise, and at most.
const LIMIT: usize = 1_000;
const LIMIT_MAX: usize = 10_000;

const KNOWN: [Known; 11] = [
    TS_MIN,
    TS_MAX,
    Known {
        name: "actor",
        about: "Only events of this actor.",
        kind: Kind::Text,
    },
    Known {
        name: "id",
        about: "Only the event with this id.",
        kind: Kind::Text,
    },
    Known {
        name: "property.KEY",
        about: "Only events whose property KEY has this value: a text as it is, anything else as \
                its JSON, number for number as it was sent (`1.0` is not `1`). May be given for \
                several keys; all have to match. Write the key in place of `KEY`.",
        kind: Kind::Text,
    },
    Known {
        name: "identity.KEY",
        about: "Only events of someone with this identity, as FocusLab's triggers bring them: the \
                property `identities` has, under KEY, this value or a list with it. Otherwise as \
                `property.KEY`.",
        kind: Kind::Text,
    },
    Known {
        name: "attribute.KEY",
        about: "The same of the property `attributes`.",
        kind: Kind::Text,
    },
    Known {
        name: "order",
        about: "Which end comes first. Events are ordered by timestamp, then id.",
        kind: Kind::Choice {
            all: || ORDERS.map(|(name, _)| name).to_vec(),
            default: "newest",
        },
    },
    Known {
        name: "limit",
        about: "Events of a page. A page may have fewer, even none, and still a `Link` to the \
                next: it also ends at 4.5 MB, and when it has taken long to find what matches.",
        kind: Kind::Limit {
            most: LIMIT_MAX,
            default: Some(LIMIT),
        },
    },
    Known {
        name: "format",
        about: "The form of the answer: a list, or one event a line; without it, `Accept` decides.",
        kind: Kind::Choice {
            all: || FORMATS.map(Format::as_str).to_vec(),
            default: "json",
        },
    },
    CURSOR,
];

const ORDERS: [(&str, Order); 2] = [("newest", Order::Newest), ("oldest", Order::Oldest)];

pub(crate) struct PathParameters;

impl IntoParams for PathParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        parameters(&[&KNOWN])
    }
}

pub(crate) struct QueryParameters;

impl IntoParams for QueryParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        parameters(&[&SERIES, &KNOWN])
    }
}

/// An event as it is stored.
// It only describes what `weir-model` writes.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredEvent)]
pub(crate) struct EventDocument {
    /// The client's id, or the one it was given.
    id: String,
    namespace: String,
    name: String,
    /// RFC 3339 in UTC.
    #[schema(format = DateTime)]
    timestamp: String,
    value: f64,
    /// Who did it, if that was said.
    #[schema(required = false)]
    actor: Option<String>,
    /// What else was said of it, if anything.
    #[schema(required = false, value_type = Object)]
    properties: Option<Value>,
    /// From when on it is no longer shown, if ever.
    #[schema(required = false, format = DateTime)]
    expires: Option<String>,
}

/// Shows the events of a series.
///
/// Pages are followed by their `Link` until there is none. Expired events are not shown.
#[utoipa::path(
    get,
    path = "/api/raw/{namespace}/{name}",
    operation_id = "raw",
    tag = "query",
    security(("oauth2" = ["read"])),
    params(
        ("namespace" = String, Path, description = "The namespace, 1 to 120 characters."),
        ("name" = String, Path, description = "The name, 1 to 120 characters."),
        PathParameters,
    ),
    responses(
        (status = 200, description = "The events; `Link` with `rel=\"next\"` names the next page, a reference relative to this one.",
            content((Vec<EventDocument> = "application/json"), (EventDocument = "application/x-ndjson")),
            headers(("Link" = String, description = "The next page, if there is one."))),
        (status = 400, description = "A bad parameter (`invalid-parameter`).",
            body = ProblemDocument, content_type = "application/problem+json"),
        Problems,
    )
)]
pub(crate) async fn raw_by_path(
    State(service): State<Arc<Service>>,
    _: Authorized<need::Read>,
    path: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(series) = path.map_err(bad_path)?;
    let parameters = Parameters::read(query.as_deref(), &[&KNOWN]);
    answer(&service, parameters, Some(series), &headers).await
}

/// Shows the events of a series, which the query names.
///
/// As `/api/raw/{namespace}/{name}`, for names that a path cannot carry.
#[utoipa::path(
    get,
    path = "/api/raw",
    operation_id = "raw_by_query",
    tag = "query",
    security(("oauth2" = ["read"])),
    params(QueryParameters),
    responses(
        (status = 200, description = "The events; `Link` with `rel=\"next\"` names the next page, a reference relative to this one.",
            content((Vec<EventDocument> = "application/json"), (EventDocument = "application/x-ndjson")),
            headers(("Link" = String, description = "The next page, if there is one."))),
        (status = 400, description = "A bad parameter (`invalid-parameter`).",
            body = ProblemDocument, content_type = "application/problem+json"),
        Problems,
    )
)]
pub(crate) async fn raw_by_query(
    State(service): State<Arc<Service>>,
    _: Authorized<need::Read>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(query.as_deref(), &[&SERIES, &KNOWN]);
    answer(&service, parameters, None, &headers).await
}

async fn answer(
    service: &Service,
    mut parameters: Parameters,
    path: Option<(String, String)>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let (ask, format) = read(&mut parameters, path, headers)?;
    let found = scan(&service.store, &ask).await?;
    let next = found
        .next
        .map(|place| parameters.next_link(&ask.fingerprint().seal(&place.to_bytes())));
    Ok(page(format, write(&found.events, format), next.as_deref()))
}

fn read(
    parameters: &mut Parameters,
    path: Option<(String, String)>,
    headers: &HeaderMap,
) -> Result<(Ask, Format), Problem> {
    let series = parameters.series(path);
    let bounds = parameters.bounds();
    let filter = Filter {
        actor: parameters.text("actor").map(str::to_owned),
        id: parameters.text("id").map(str::to_owned),
        properties: parameters.texts_after("property."),
        identities: parameters.texts_after("identity."),
        attributes: parameters.texts_after("attribute."),
    };
    let order = parameters
        .value("order", parse_order)
        .unwrap_or(Order::Newest);
    let limit = parameters.limit(LIMIT_MAX).unwrap_or(LIMIT);
    let format = parameters.format(&FORMATS, headers)?;
    parameters.check()?;
    let (Some(series), Some(format)) = (series, format) else {
        return Err(Problem::internal());
    };
    let mut ask = Ask {
        series,
        bounds,
        filter,
        order,
        limit,
        from: None,
    };
    ask.from = parameters.place(ask.fingerprint(), Place::from_bytes)?;
    Ok((ask, format))
}

fn parse_order(text: &str) -> Result<Order, String> {
    let found = ORDERS
        .into_iter()
        .find(|(name, _)| *name == text)
        .map(|(_, order)| order);
    found.ok_or_else(|| {
        format!(
            "{:?} is not an order: allowed are newest or oldest",
            shown(text)
        )
    })
}

/// Joins events that are written already.
fn write(events: &[String], format: Format) -> String {
    match format {
        Format::Json | Format::Csv => format!("[{}]", events.join(",")),
        Format::Ndjson => events
            .iter()
            .flat_map(|event| [event.as_str(), "\n"])
            .collect(),
    }
}
