//! `GET /_status` and `GET /_status/data-sets`: whether this process reaches the store, and
//! which data sets have had no new records for longer than they should.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use weir_model::Timestamp;
use weir_service::Service;
use weir_store::db::{Key, Table};
use weir_store::{DataSet, Deadline, Store, StoreError};

use crate::document::ReadRefusals;
use crate::period::written;
use crate::refusal::{ErrorDocument, Refusal};

/// Whoever asks wants to know soon.
const READ_TIME: Duration = Duration::from_secs(5);

/// Data sets that are asked for their age side by side.
const AT_ONCE: usize = 8;

/// Whether the store answers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BackdropStatus)]
pub(crate) struct Status {
    /// `ok`, or `error`.
    #[schema(example = "ok")]
    status: &'static str,
    message: &'static str,
}

/// Whether all data sets are up to date.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BackdropAges)]
pub(crate) struct Ages {
    /// `ok`, or `not okay`.
    #[schema(example = "not okay")]
    status: &'static str,
    message: String,
    /// Those that are not; null if all are.
    data_sets: Option<Vec<OutOfDate>>,
}

/// A data set without new records for too long.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = BackdropOutOfDate)]
pub(crate) struct OutOfDate {
    name: String,
    /// Seconds beyond what is expected.
    seconds_out_of_date: i64,
    /// When records were last stored, to within seconds, or else when it was made.
    #[schema(format = DateTime)]
    last_updated: String,
    /// Seconds.
    max_age_expected: u64,
}

/// Says whether this Weir reaches its store.
#[utoipa::path(
    get,
    path = "/_status",
    operation_id = "backdrop_status",
    tag = "data",
    security(()),
    responses(
        (status = 200, description = "It does.", body = Status),
        (status = 500, description = "It does not.", body = ErrorDocument),
    )
)]
pub(crate) async fn status(State(service): State<Arc<Service>>) -> Result<Response, Refusal> {
    // Nothing is stored under this key, so it is the cheapest read there is.
    let key = Key {
        pk: "healthz".into(),
        sk: Some("healthz".into()),
    };
    let read = service.store.db().get(Table::Registry, key, soon(&service));
    match read.await {
        Ok(_) => Ok(uncached(Json(Status {
            status: "ok",
            message: "database is up",
        }))),
        Err(error) => {
            tracing::warn!(%error, "answered 500: {error}");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Err(Refusal::new(status, "cannot connect to database"))
        }
    }
}

/// Lists the data sets that are older than expected.
///
/// One that never had a record counts from when it was made; one of which nothing is expected is not
/// among them.
#[utoipa::path(
    get,
    path = "/_status/data-sets",
    operation_id = "backdrop_ages",
    tag = "data",
    security(()),
    responses(
        (status = 200, description = "The list.", body = Ages),
        ReadRefusals,
    )
)]
pub(crate) async fn ages(State(service): State<Arc<Service>>) -> Result<Response, Refusal> {
    let (store, deadline) = (&service.store, soon(&service));
    let expected = store.data_sets(deadline).await?.into_iter();
    let expected = expected.filter(|set| set.settings.max_age_expected_s.is_some());
    let asked = stream::iter(expected).map(|set| out_of_date(store, set, deadline));
    let found: Vec<Option<OutOfDate>> = asked.buffered(AT_ONCE).try_collect().await?;
    let found: Vec<OutOfDate> = found.into_iter().flatten().collect();
    Ok(uncached(Json(Ages::of(found))))
}

async fn out_of_date(
    store: &Store,
    set: DataSet,
    deadline: Deadline,
) -> Result<Option<OutOfDate>, StoreError> {
    let last = store.last_written(&set, deadline).await?;
    let last = last.unwrap_or(set.created);
    Ok(OutOfDate::at(store.now(), &set, last))
}

impl OutOfDate {
    fn at(now: Timestamp, set: &DataSet, last: Timestamp) -> Option<OutOfDate> {
        let max_age_expected = set.settings.max_age_expected_s?;
        let age = (now.as_millis() - last.as_millis()) / 1_000;
        let expected = i64::try_from(max_age_expected).unwrap_or(i64::MAX);
        let seconds_out_of_date = age.saturating_sub(expected);
        (seconds_out_of_date >= 0).then(|| OutOfDate {
            name: set.name.to_string(),
            seconds_out_of_date,
            last_updated: written(last.as_millis()),
            max_age_expected,
        })
    }
}

impl Ages {
    fn of(found: Vec<OutOfDate>) -> Ages {
        let message = match found.len() {
            0 => "All data_sets are in date".to_owned(),
            1 => "1 data-set is out of date".to_owned(),
            more => format!("{more} data-sets are out of date"),
        };
        Ages {
            status: if found.is_empty() { "ok" } else { "not okay" },
            message,
            data_sets: (!found.is_empty()).then_some(found),
        }
    }
}

fn soon(service: &Service) -> Deadline {
    Deadline::at(service.now().saturating_add(READ_TIME))
}

fn uncached(body: Json<impl Serialize>) -> Response {
    let mut response = body.into_response();
    let no_cache = HeaderValue::from_static("no-cache");
    response.headers_mut().insert(CACHE_CONTROL, no_cache);
    response
}
