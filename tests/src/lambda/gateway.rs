//! What API Gateway's HTTP APIs make of a request and of a function's answer: payload format 2.0
//! (API Gateway developer guide, "Create AWS Lambda proxy integrations for HTTP APIs").

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use weir_store::{Clock as _, SystemClock};

use super::Outcome;
use crate::world::Answer;

/// Types that are text, besides those that say so.
const TEXTS: [&str; 3] = [
    "application/json",
    "application/xml",
    "application/javascript",
];

const DOMAIN: &str = "abcdefghij.execute-api.eu-west-1.amazonaws.com";

/// The event for a request at the stage `$default`. Its path arrives decoded, its query as it was
/// sent, its headers in lower case with repeated ones joined.
pub fn event(request: &Request<Bytes>) -> Value {
    let uri = request.uri();
    let path = percent_decode_str(uri.path()).decode_utf8_lossy();
    let now = SystemClock.now();
    let (body, is_encoded) = body(request);
    let mut headers = headers(request.headers());
    headers.insert("host".to_owned(), DOMAIN.into());
    headers.insert(
        "content-length".to_owned(),
        request.body().len().to_string().into(),
    );
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": uri.query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdefghij",
            "domainName": DOMAIN,
            "domainPrefix": "abcdefghij",
            "http": {
                "method": request.method().as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "tests",
            },
            "requestId": format!("gateway-{}", now.as_millis()),
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2024:19:03:58 +0000",
            "timeEpoch": now.as_millis(),
        },
        "body": body,
        "isBase64Encoded": is_encoded,
    })
}

fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let mut joined: Map<String, Value> = Map::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        joined.insert(name.as_str().to_owned(), values.join(",").into());
    }
    joined
}

/// What is called text goes as text, packed or not, which spoils what is not UTF-8; everything else
/// goes in base64 (seen behind a live one in June 2026: github.com/ministackorg/ministack, pull
/// request 766).
fn body(request: &Request<Bytes>) -> (Option<String>, bool) {
    let bytes = request.body();
    let kind = request.headers().get("content-type");
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_text = kind.starts_with("text/") || TEXTS.contains(&kind);
    match bytes.is_empty() {
        true => (None, false),
        false if is_text => (Some(String::from_utf8_lossy(bytes).into_owned()), false),
        false => (Some(BASE64.encode(bytes)), true),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    status_code: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The answer that a client gets.
pub(super) fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Answered(payload) => read(&payload)
            .unwrap_or_else(|| own(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")),
        Outcome::Failed(_) | Outcome::Died => {
            own(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
        Outcome::TimedOut => own(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    }
}

fn own(status: StatusCode, message: &str) -> Answer {
    Answer {
        status,
        headers: HeaderMap::new(),
        body: json!({ "message": message }).to_string().into_bytes(),
    }
}

fn read(payload: &[u8]) -> Option<Answer> {
    let payload: Payload = serde_json::from_slice(payload).ok()?;
    let body = payload.body.unwrap_or_default();
    let mut headers = HeaderMap::new();
    for (name, value) in &payload.headers {
        let name = HeaderName::try_from(name).ok()?;
        headers.append(name, HeaderValue::try_from(value.as_str()?).ok()?);
    }
    Some(Answer {
        status: StatusCode::from_u16(payload.status_code).ok()?,
        headers,
        body: match payload.is_base64_encoded {
            true => BASE64.decode(body).ok()?,
            false => body.into_bytes(),
        },
    })
}
