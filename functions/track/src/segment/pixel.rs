//! The pixel: one message in the query of an image, for where no script runs.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use weir_service::{Problem, Service};

use super::call::{Bodies, Call};
use super::{messages, no_such_call};
use crate::door::answer;
use crate::door::fault::Fault;

/// One transparent pixel, as GIF 89a has it.
const GIF: [u8; 43] = *b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\
    !\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// Either padding: some senders leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Stores a message from the query of an image.
///
/// `data` is the base64 of the message as JSON, with the write key as its `writeKey`. The answer
/// is an image whatever its status.
#[utoipa::path(
    get,
    path = "/v1/pixel/{call}",
    tag = "segment",
    params(
        ("call" = String, Path, description = "track, identify, page, screen, group or alias"),
        ("data" = String, Query, description = "A message: the base64 of its JSON"),
    ),
    responses(
        (status = 200, description = "Stored, or listed as refused", content_type = "image/gif"),
        (status = 400, description = "No message", content_type = "image/gif"),
        (status = 401, description = "No write key, or not a good one", content_type = "image/gif"),
        (status = 429, description = "The key is over its rate", content_type = "image/gif"),
        (status = 503, description = "Try again after Retry-After", content_type = "image/gif"),
    )
)]
pub(crate) async fn pixel(
    State(service): State<Arc<Service>>,
    Path(call): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(Bodies::One(call)) = Bodies::parse(&call) else {
        return no_such_call().into_response();
    };
    let stored = store(&service, call, query.as_deref().unwrap_or_default());
    match stored.await {
        Ok(()) => image(StatusCode::OK),
        Err(problem) => (answer::headers(&problem), image(problem.status())).into_response(),
    }
}

async fn store(service: &Service, call: Call, query: &str) -> Result<(), Problem> {
    let received = service.now();
    let Some(text) = decoded(query) else {
        let fault = Fault::new("invalid-json", "data: is not the base64 of a message");
        return Err(messages::refuse(service, None, fault, "", received).await);
    };
    let _slot = service.gate().enter(1).await?;
    messages::store(service, &text, Bodies::One(call), None, received)
        .await
        .map(drop)
}

fn decoded(query: &str) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).ok()?;
    let (_, data) = pairs.into_iter().find(|(name, _)| name == "data")?;
    // The alphabet for addresses is as good, and a plus sign that was not escaped is a blank here.
    let data = data.replace('-', "+").replace('_', "/").replace(' ', "+");
    String::from_utf8(BASE64.decode(data).ok()?).ok()
}

/// Every view counts, so no cache may keep it.
fn image(status: StatusCode) -> Response {
    let headers = [(CONTENT_TYPE, "image/gif"), (CACHE_CONTROL, "no-store")];
    (status, headers, GIF).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_read_in_either_alphabet_and_padding() {
        let text = r#"{"event":"ü~?>","n":1}"#;
        let encoded = BASE64.encode(text);
        assert!(
            encoded.contains(['+', '/']) && encoded.ends_with('='),
            "{encoded}"
        );
        let check = |data: &str| {
            let query = format!("a=1&data={data}");
            assert_eq!(decoded(&query).as_deref(), Some(text), "{data}");
        };
        check(&encoded.replace('+', "%2B"));
        check(&encoded);
        check(encoded.trim_end_matches('='));
        check(&encoded.replace('+', "-").replace('/', "_"));
        for query in ["", "a=1", "data=%ff", "data=***"] {
            assert_eq!(decoded(query), None, "{query}");
        }
    }
}
