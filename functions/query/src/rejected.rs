//! `GET /api/rejected`: the events that were refused in the last day, by pages.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;
use serde::Serialize;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};
use weir_model::Timestamp;
use weir_service::auth::{Authorized, need};
use weir_service::negotiate::Format;
use weir_service::{Problem, ProblemDocument, Service};
use weir_store::Deadline;
use weir_store::registry::{ListedRejection, REJECTIONS_KEPT, RejectionPlace, RejectionsAsk};

use crate::answer::page;
use crate::cursor::Fingerprint;
use crate::document::{Kind, Known, Problems, parameters};
use crate::params::{CURSOR, Parameters, parse_time};
use crate::reading::explain;

const FORMATS: [Format; 2] = [Format::Json, Format::Ndjson];

/// Entries of a page unless asked for otherwise, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;

const KNOWN: [Known; 5] = [
    Known {
        name: "since",
        about: "Only events that were refused at this time or later, in the forms of a timestamp. \
                Without it, and for what is longer ago, those of the last 24 hours.",
        kind: Kind::Text,
    },
    Known {
        name: "key",
        about: "Only events of this write key, by its id (not the key itself), or of this client.",
        kind: Kind::Text,
    },
    Known {
        name: "limit",
        about: "Entries of a page. A page may have fewer, even none, and still a `Link` to the \
                next: it also ends when it has taken long to find those of a key.",
        kind: Kind::Limit {
            most: LIMIT_MAX,
            default: Some(LIMIT),
        },
    },
    Known {
        name: "format",
        about: "The form of the answer: a list, or one entry a line; without it, `Accept` decides.",
        kind: Kind::Choice {
            all: || FORMATS.map(Format::as_str).to_vec(),
            default: "json",
        },
    },
    CURSOR,
];

pub(crate) struct RejectedParameters;

impl IntoParams for RejectedParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        parameters(&[&KNOWN])
    }
}

/// An event that was refused.
#[derive(Serialize, ToSchema)]
#[schema(as = RejectedEvent)]
pub(crate) struct RejectedDocument {
    /// When it was refused, RFC 3339 in UTC.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// Where it came in.
    #[schema(example = "track")]
    door: String,
    key: KeyDocument,
    /// Names the reason for programs.
    #[schema(example = "invalid-event")]
    reason: String,
    /// What was wrong, and what is allowed.
    #[schema(example = "value: is missing")]
    detail: String,
    /// The event as it came, or the first 1,024 bytes of it.
    event: String,
    /// Whether the event was longer than what is shown.
    cut: bool,
}

/// Who sent it.
#[derive(Serialize, ToSchema)]
#[schema(as = RejectedKey)]
struct KeyDocument {
    /// The id of the write key, or of the client.
    #[schema(example = "wk-7c0b8b1f0a4d4e6f9a3c2b1d")]
    id: String,
    /// What the write key is called.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false, example = "web")]
    label: String,
}

impl From<ListedRejection> for RejectedDocument {
    fn from(listed: ListedRejection) -> Self {
        Self {
            time: listed.at,
            door: listed.door,
            key: KeyDocument {
                id: listed.source,
                label: listed.label,
            },
            reason: listed.rejected.reason,
            detail: listed.rejected.detail,
            event: listed.rejected.payload,
            cut: listed.rejected.cut,
        }
    }
}

/// Lists the events that were refused in the last 24 hours, the newest first.
///
/// Those of one request stand together, in the order in which they were sent. At most 1,000 of a
/// key are kept in an hour; the metrics count them all. An event that was sent and refused again
/// is listed again.
#[utoipa::path(
    get,
    path = "/api/rejected",
    operation_id = "rejected",
    tag = "query",
    security(("oauth2" = ["read"])),
    params(RejectedParameters),
    responses(
        (status = 200, description = "The events; `Link` with `rel=\"next\"` names the next page, a reference relative to this one.",
            content((Vec<RejectedDocument> = "application/json"), (RejectedDocument = "application/x-ndjson")),
            headers(("Link" = String, description = "The next page, if there is one."))),
        (status = 400, description = "A bad parameter (`invalid-parameter`).",
            body = ProblemDocument, content_type = "application/problem+json"),
        Problems,
    )
)]
pub(crate) async fn rejected(
    State(service): State<Arc<Service>>,
    _: Authorized<need::Read>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::read(query.as_deref(), &[&KNOWN]);
    let (ask, format, fingerprint) = read(&mut parameters, &headers, service.now())?;
    let store = &service.store;
    let view = store.begin_view();
    let found = store.rejections(&ask, Deadline::at(view.ends())).await;
    let found = found.map_err(|error| explain(error, store, view))?;
    let next = found
        .next
        .map(|place| parameters.next_link(&fingerprint.seal(&to_bytes(&place))));
    let entries = found.rejections.into_iter().map(RejectedDocument::from);
    Ok(page(format, write(entries, format), next.as_deref()))
}

fn read(
    parameters: &mut Parameters,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<(RejectionsAsk, Format, Fingerprint), Problem> {
    let since = parameters.value("since", parse_time);
    let source = parameters.text("key").map(str::to_owned);
    let limit = parameters.limit(LIMIT_MAX).unwrap_or(LIMIT);
    let format = parameters.format(&FORMATS, headers)?;
    parameters.check()?;
    let Some(format) = format else {
        return Err(Problem::internal());
    };
    let said = since.map_or_else(String::new, |since| since.to_string());
    let key = source.as_deref().unwrap_or_default();
    let fingerprint = Fingerprint::of(&["rejected", &said, key]);
    let earliest = now.saturating_sub(REJECTIONS_KEPT);
    let ask = RejectionsAsk {
        since: since.unwrap_or(Timestamp::MIN).max(earliest),
        source,
        limit,
        from: parameters.place(fingerprint, from_bytes)?,
    };
    Ok((ask, format, fingerprint))
}

fn write(entries: impl Iterator<Item = RejectedDocument>, format: Format) -> String {
    let texts = entries
        .map(|entry| serde_json::to_string(&entry).expect("texts and a flag can be written"));
    let texts: Vec<String> = texts.collect();
    match format {
        Format::Json | Format::Csv => format!("[{}]", texts.join(",")),
        Format::Ndjson => texts
            .iter()
            .flat_map(|text| [text.as_str(), "\n"])
            .collect(),
    }
}

fn to_bytes(place: &RejectionPlace) -> Vec<u8> {
    let (hour, index) = (place.hour.to_be_bytes(), place.index.to_be_bytes());
    [&hour[..], &index[..], place.item.as_bytes()].concat()
}

fn from_bytes(bytes: &[u8]) -> Option<RejectionPlace> {
    let (hour, rest) = bytes.split_first_chunk()?;
    let (index, item) = rest.split_first_chunk()?;
    let item = String::from_utf8(item.to_vec()).ok()?;
    (!item.is_empty()).then(|| RejectionPlace {
        hour: i64::from_be_bytes(*hour),
        index: u32::from_be_bytes(*index),
        item,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_back_from_their_bytes() {
        let place = RejectionPlace {
            hour: -7,
            item: "1700000000000.ab".into(),
            index: u32::MAX,
        };
        let bytes = to_bytes(&place);
        assert_eq!(from_bytes(&bytes), Some(place));
        for end in 0..=12 {
            assert_eq!(from_bytes(&bytes[..end]), None);
        }
    }
}
