//! `GET /data/{group}/{type}`: what a data set holds, as records or as groups.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LINK};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use weir_model::DataSetSettings;
use weir_service::secret::hex;
use weir_service::{Scope, Service};

use crate::body::{CsvBody, JsonBody, Written};
use crate::document::ReadRefusals;
use crate::gather::gather;
use crate::groups::Grouping;
use crate::listing::list;
use crate::params::{Parameters, ReadParameters};
use crate::place::{Asked, unknown};
use crate::question::{Form, Question, Shape, Span};
use crate::reading::Reading;
use crate::refusal::Refusal;
use crate::rows::Table;

/// Bytes of a hash that an `ETag` shows.
const ETAG_BYTES: usize = 16;

/// What a data set answers.
// It only describes what is written.
#[derive(ToSchema)]
#[schema(as = BackdropData)]
#[expect(dead_code, reason = "it only describes what is written")]
struct DataDocument {
    /// Records as they are stored, or one row for each group or period.
    data: Vec<Value>,
    /// Said of a data set that is not published.
    #[schema(required = false)]
    warning: Option<String>,
}

/// What a request was found to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// What everybody may see.
    Open,
    /// What a token has opened.
    Privileged,
}

/// Answers what a data set holds.
///
/// Without `group_by` and `period`: the records. With them: groups, periods, or groups with their
/// periods, each with a count and what is collected. Open to everybody, unless the data set's
/// settings say otherwise; its token, or one with the scope `read`, opens all of it.
#[utoipa::path(
    get,
    path = "/data/{group}/{type}",
    operation_id = "read_records",
    tag = "data",
    security((), ("dataSetToken" = []), ("oauth2" = ["read"])),
    params(
        ("group" = String, Path, description = "The first part of the data set's name."),
        ("type" = String, Path, description = "The second part."),
        ReadParameters,
    ),
    responses(
        (status = 200, description = "What was asked for.",
            content((DataDocument = "application/json"), (String = "text/csv")),
            headers(
                ("ETag" = String, description = "Names this very answer."),
                ("Link" = String, description = "The next page of records, if `limit` cut them off."),
            )),
        (status = 304, description = "The answer is the one that `If-None-Match` names."),
        ReadRefusals,
    )
)]
pub(crate) async fn read(
    State(service): State<Arc<Service>>,
    asked: Asked,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let mut access = Access::Open;
    if !asked.set.settings.queryable {
        access = open(&service, &asked, unknown()).await?;
    }
    let parameters = Parameters::read(query.as_deref())?;
    let question = parameters.question(service.now())?;
    if !asked.set.settings.raw_queries_allowed
        && access == Access::Open
        && let Err(refusal) = question.check_is_coarse()
    {
        access = open(&service, &asked, refusal).await?;
    }
    let reading = Reading::begin(&service.store, &asked.set);
    let is_published = asked.set.settings.published;
    let (written, next) = match &question.shape {
        Shape::Records(listing) => {
            let listed = list(&reading, &question, listing).await?;
            let written = listed.write(question.form, is_published)?;
            (written, listed.next)
        }
        Shape::Groups(grouping) => {
            let grouping = grouping.clone();
            let written = grouped(&reading, question, grouping, is_published).await?;
            (written, None)
        }
    };
    let link = next.map(|place| parameters.with_cursor(&place));
    let cached = cache_control(asked.set.settings, access);
    Ok(answer(written, cached, link, &asked.parts.headers))
}

/// Opens what is closed to everybody, for whoever comes with something that may open it; others
/// are told what they would be told anyway.
async fn open(service: &Service, asked: &Asked, refusal: Refusal) -> Result<Access, Refusal> {
    if !asked.has_credential() {
        return Err(refusal);
    }
    asked.authorize(service, Scope::Read).await?;
    Ok(Access::Privileged)
}

async fn grouped(
    reading: &Reading<'_>,
    question: Question,
    grouping: Grouping,
    is_published: bool,
) -> Result<Written, Refusal> {
    let mut question = Arc::new(question);
    let groups = gather(reading, &question, &grouping).await?;
    let table = Table::new(&grouping, groups.into_sorted());
    let by = table.shift();
    let Some(periods) = grouping.periods.filter(|_| by != 0) else {
        return write(&table, question.form, is_published);
    };
    let moved = periods.moved(by);
    Arc::make_mut(&mut question).span = Span {
        start: Some(moved.first),
        end: Some(moved.end),
    };
    let grouping = Grouping {
        periods: Some(moved),
        ..grouping.clone()
    };
    let groups = gather(reading, &question, &grouping).await?;
    let table = Table::new(&grouping, groups.into_sorted());
    write(&table, question.form, is_published)
}

fn write(table: &Table, form: Form, is_published: bool) -> Result<Written, Refusal> {
    match form {
        Form::Json => {
            let mut body = JsonBody::new();
            for row in table.rows() {
                body.push(&row)?;
            }
            Ok(body.finish(is_published))
        }
        Form::Csv => {
            let mut body = CsvBody::new(table.names());
            for row in table.flat_rows() {
                body.push(&row)?;
            }
            Ok(body.finish())
        }
    }
}

/// How long an answer may be kept, in Backdrop's words (alphagov/backdrop, `read/api.py`). What a
/// token has opened is for its holder alone.
fn cache_control(settings: DataSetSettings, access: Access) -> &'static str {
    match settings {
        _ if access == Access::Privileged => "private, no-cache",
        DataSetSettings {
            published: false, ..
        } => "no-cache",
        DataSetSettings { realtime: true, .. } => "max-age=120, must-revalidate",
        _ => "max-age=1800, must-revalidate",
    }
}

fn answer(
    written: Written,
    cached: &'static str,
    next: Option<String>,
    asked: &HeaderMap,
) -> Response {
    let tag = format!("\"{}\"", hex(&Sha256::digest(&written.text)[..ETAG_BYTES]));
    let is_known = is_named(asked, &tag);
    let mut response = match is_known {
        true => Response::new(Body::empty()),
        false => Response::new(Body::from(written.text)),
    };
    let headers = response.headers_mut();
    let tag = HeaderValue::try_from(tag).expect("hexadecimal digits are legal");
    headers.insert(ETAG, tag);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cached));
    if let Some(next) = next {
        let link = format!("<?{next}>; rel=\"next\"");
        let link = HeaderValue::try_from(link).expect("a query is percent-encoded");
        headers.insert(LINK, link);
    }
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let content_type = match written.form {
        Form::Json => "application/json",
        Form::Csv => "text/csv; charset=utf-8",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Whether a client has the answer of this tag already (RFC 9110 section 13.1.2).
fn is_named(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).iter();
    let named = lists
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim);
    named
        .map(|name| name.strip_prefix("W/").unwrap_or(name))
        .any(|name| name == tag || name == "*")
}
