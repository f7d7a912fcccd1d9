//! `GET /api/events`: aggregates of one series, by path and by query.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::HeaderMap;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use weir_model::limits::POINTS;
use weir_model::{Aggregation, Granularity, Timestamp, Zone};
use weir_service::auth::{Authorized, need};
use weir_service::negotiate::Format;
use weir_service::{Problem, ProblemDocument, Service};

use crate::answer::{PointDocument, page, write_points};
use crate::document::{Kind, Known, Problems, parameters};
use crate::params::{CURSOR, Parameters, SERIES, TS_MAX, TS_MIN};
use crate::points::{Ask, Fill, find};

const FORMATS: [Format; 3] = [Format::Json, Format::Csv, Format::Ndjson];

const KNOWN: [Known; 9] = [
    TS_MIN,
    TS_MAX,
    Known {
        name: "granularity",
        about: "What a group is: all events of the same minute, hour, day, week (from Monday), \
                month or year of the time zone, or with `none` of the same instant. Where clocks \
                change, a day has 23 or 25 hours, and an hour that comes twice is two groups.",
        kind: Kind::Choice {
            all: || Granularity::ALL.map(Granularity::as_str).to_vec(),
            default: "none",
        },
    },
    Known {
        name: "aggregationType",
        about: "What is told of each group. `first` and `last` are values of the earliest and the \
                latest event; `stddev` is that of the population.",
        kind: Kind::Choice {
            all: || Aggregation::ALL.map(Aggregation::as_str).to_vec(),
            default: "avg",
        },
    },
    Known {
        name: "tz",
        about: "The time zone of the groups, by its name in the IANA database, such as \
                `Europe/Berlin`. Without it, UTC.",
        kind: Kind::Text,
    },
    Known {
        name: "fill",
        about: "What stands for groups without events, from `tsMin` (or the first event) to \
                `tsMax` (or the last event): nothing, 0 or null. Needs a `granularity` other than \
                `none`.",
        kind: Kind::Choice {
            all: || Fill::ALL.map(Fill::as_str).to_vec(),
            default: "none",
        },
    },
    Known {
        name: "format",
        about: "The form of the answer; without it, `Accept` decides.",
        kind: Kind::Choice {
            all: || FORMATS.map(Format::as_str).to_vec(),
            default: "json",
        },
    },
    Known {
        name: "limit",
        about: "Points of a page. Without it and without `cursor`, more than 10,000 points are a \
                400 `too-many-points`.",
        kind: Kind::Limit {
            most: POINTS,
            default: None,
        },
    },
    CURSOR,
];

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

/// Aggregates the events of a series.
///
/// Answers a list of points in time order, empty for a series that is not known. Counts are exact:
/// every event that was accepted before the request is in. Events that have expired are still
/// counted wherever a whole quarter of an hour lies in the window and in one group, and no longer
/// where single events are looked at: with the granularities `none` and `minute`, and in
/// quarter-hours that `tsMin`, `tsMax` or an odd offset cuts.
#[utoipa::path(
    get,
    path = "/api/events/{namespace}/{name}",
    operation_id = "aggregate",
    tag = "query",
    security(("oauth2" = ["aggregation"])),
    params(
        ("namespace" = String, Path, description = "The namespace, 1 to 120 characters."),
        ("name" = String, Path, description = "The name, 1 to 120 characters."),
        PathParameters,
    ),
    responses(
        (status = 200, description = "The points; of a page, `Link` with `rel=\"next\"` names the next, a reference relative to this one.",
            content((Vec<PointDocument> = "application/json"), (String = "text/csv"), (String = "application/x-ndjson")),
            headers(("Link" = String, description = "The next page, if there is one."))),
        (status = 400, description = "A bad parameter (`invalid-parameter`), or too many points (`too-many-points`).",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "A value is beyond the range of a double (`value-out-of-range`).",
            body = ProblemDocument, content_type = "application/problem+json"),
        Problems,
    )
)]
pub(crate) async fn events_by_path(
    State(service): State<Arc<Service>>,
    _: Authorized<need::Aggregation>,
    path: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(series) = path.map_err(bad_path)?;
    let parameters = Parameters::read(query.as_deref(), &[&KNOWN]);
    answer(&service, parameters, Some(series), &headers).await
}

/// Aggregates the events of a series, which the query names.
///
/// As `/api/events/{namespace}/{name}`, for names that a path cannot carry.
#[utoipa::path(
    get,
    path = "/api/events",
    operation_id = "aggregate_by_query",
    tag = "query",
    security(("oauth2" = ["aggregation"])),
    params(QueryParameters),
    responses(
        (status = 200, description = "The points; of a page, `Link` with `rel=\"next\"` names the next, a reference relative to this one.",
            content((Vec<PointDocument> = "application/json"), (String = "text/csv"), (String = "application/x-ndjson")),
            headers(("Link" = String, description = "The next page, if there is one."))),
        (status = 400, description = "A bad parameter (`invalid-parameter`), or too many points (`too-many-points`).",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "A value is beyond the range of a double (`value-out-of-range`).",
            body = ProblemDocument, content_type = "application/problem+json"),
        Problems,
    )
)]
pub(crate) async fn events_by_query(
    State(service): State<Arc<Service>>,
    _: Authorized<need::Aggregation>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(query.as_deref(), &[&SERIES, &KNOWN]);
    answer(&service, parameters, None, &headers).await
}

/// A path whose parts are not UTF-8 once decoded.
pub(crate) fn bad_path(_: PathRejection) -> Problem {
    Problem::parameter("path", "is not UTF-8, percent-encoded")
}

async fn answer(
    service: &Service,
    mut parameters: Parameters,
    path: Option<(String, String)>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let (ask, format) = read(&mut parameters, path, headers)?;
    let found = find(&service.store, &ask).await?;
    let last = found.points.last().filter(|_| found.more);
    let next = last.map(|last| {
        let place = last.at.as_millis().to_be_bytes();
        parameters.next_link(&ask.fingerprint().seal(&place))
    });
    Ok(page(
        format,
        write_points(&found.points, format),
        next.as_deref(),
    ))
}

fn read(
    parameters: &mut Parameters,
    path: Option<(String, String)>,
    headers: &HeaderMap,
) -> Result<(Ask, Format), Problem> {
    let series = parameters.series(path);
    let bounds = parameters.bounds();
    let granularity = parameters
        .value("granularity", str::parse)
        .unwrap_or(Granularity::None);
    let aggregation = parameters
        .value("aggregationType", str::parse)
        .unwrap_or(Aggregation::Avg);
    let zone = parameters
        .value("tz", Zone::parse)
        .unwrap_or_else(Zone::utc);
    let fill = parameters.value("fill", str::parse).unwrap_or(Fill::None);
    if fill != Fill::None && granularity == Granularity::None {
        parameters.refuse("fill", "needs a granularity other than none");
    }
    let limit = parameters.limit(POINTS);
    let format = parameters.format(&FORMATS, headers)?;
    parameters.check()?;
    let (Some(series), Some(format)) = (series, format) else {
        return Err(Problem::internal());
    };
    // Whoever follows a link without a limit wants pages, too.
    let limit = limit.or(parameters.text(CURSOR.name).map(|_| POINTS));
    let after = None;
    let mut ask = Ask {
        series,
        bounds,
        granularity,
        aggregation,
        zone,
        fill,
        limit,
        after,
    };
    ask.after = parameters.place(ask.fingerprint(), read_place)?;
    Ok((ask, format))
}

fn read_place(place: &[u8]) -> Option<Timestamp> {
    Timestamp::from_millis(i64::from_be_bytes(place.try_into().ok()?)).ok()
}
