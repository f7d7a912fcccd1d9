//! An answer as API Gateway takes it: payload format 2.0.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt as _;
use serde::Serialize;
use weir_service::Problem;

/// What Lambda takes back is 6 MB at most (AWS Lambda developer guide, "Quotas"); headers and
/// names have the rest.
const MAX_BODY_BYTES: usize = 6 * 1024 * 1024 - 64 * 1024;

/// The members of an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    pub(crate) status_code: u16,
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cookies: Vec<String>,
    pub(crate) body: String,
    pub(crate) is_base64_encoded: bool,
}

impl Answer {
    /// Reads a response whole. One that is too large, or breaks off, becomes a problem.
    pub(crate) async fn of(response: Response) -> Answer {
        match Self::whole(response).await {
            Ok(answer) => answer,
            Err(cause) => {
                tracing::error!(cause, "answered 500: {cause}");
                let (parts, _) = Problem::internal().into_response().into_parts();
                let document = serde_json::to_string(Problem::internal().document());
                Self::build(
                    &parts,
                    document.expect("a problem document has text keys and finite numbers"),
                    false,
                )
            }
        }
    }

    async fn whole(response: Response) -> Result<Answer, String> {
        let (parts, body) = response.into_parts();
        let body = body.collect().await;
        let body = body.map_err(|error| format!("the answer broke off: {error}"))?;
        let (body, is_base64) = shortest(body.to_bytes());
        // Text grows when it is written as JSON.
        let size = if is_base64 {
            body.len()
        } else {
            json_bytes(body.as_bytes())
        };
        match size <= MAX_BODY_BYTES {
            true => Ok(Self::build(&parts, body, is_base64)),
            false => Err(format!("an answer of {size} bytes is too large for Lambda")),
        }
    }

    fn build(parts: &http::response::Parts, body: String, is_base64_encoded: bool) -> Answer {
        let cookies = parts.headers.get_all(SET_COOKIE).iter().map(text);
        Answer {
            status_code: parts.status.as_u16(),
            headers: joined(&parts.headers),
            cookies: cookies.collect(),
            body,
            is_base64_encoded,
        }
    }
}

/// Several headers of one name are joined, as RFC 9110 section 5.3 allows for all but cookies. The
/// length is API Gateway's to say, which decodes the body.
fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let names = headers
        .keys()
        .filter(|name| **name != SET_COOKIE && **name != CONTENT_LENGTH);
    let values = |name| {
        let values: Vec<String> = headers.get_all(name).iter().map(text).collect();
        values.join(", ")
    };
    names
        .map(|name| (name.as_str().to_owned(), values(name)))
        .collect()
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// The body as text, or in base64 when it is not text or that is shorter; and which.
fn shortest(body: Bytes) -> (String, bool) {
    let encoded_bytes = body.len().div_ceil(3) * 4;
    match String::from_utf8(body.into()) {
        Ok(text) if json_bytes(text.as_bytes()) <= encoded_bytes.max(64) => (text, false),
        Ok(text) => (STANDARD.encode(text), true),
        Err(error) => (STANDARD.encode(error.into_bytes()), true),
    }
}

/// How long a text is in JSON: RFC 8259 section 7 has some characters escaped.
fn json_bytes(text: &[u8]) -> usize {
    let more = text.iter().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => 5,
        _ => 0,
    });
    text.len() + more.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http::StatusCode;

    async fn answer(body: impl Into<Body>) -> Answer {
        Answer::of(Response::new(body.into())).await
    }

    #[tokio::test]
    async fn text_stays_text_and_the_rest_is_base64() {
        let json = "{\"accepted\":2,\"duplicates\":0}";
        let text = answer(json).await;
        assert_eq!((text.body.as_str(), text.is_base64_encoded), (json, false));
        let binary = answer(&b"\x1f\x8b\xff\x00"[..]).await;
        assert!(binary.is_base64_encoded);
        assert_eq!(STANDARD.decode(binary.body).unwrap(), b"\x1f\x8b\xff\x00");
        let empty = answer("").await;
        assert_eq!((empty.body.as_str(), empty.is_base64_encoded), ("", false));
    }

    #[tokio::test]
    async fn the_largest_answer_of_any_text_fits() {
        // What the query function ends a page at.
        let bytes = 4_500_000;
        for text in ["\"", "x", "\u{1}", "{\"a\":\"b\"}\n", "ä"] {
            let body = text.repeat(bytes / text.len());
            let answer = answer(body.clone()).await;
            assert_eq!(answer.status_code, 200, "{text:?}");
            let sent = serde_json::to_vec(&answer).unwrap();
            assert!(sent.len() < 6 * 1024 * 1024, "{text:?}: {}", sent.len());
            let back = match answer.is_base64_encoded {
                true => String::from_utf8(STANDARD.decode(answer.body).unwrap()).unwrap(),
                false => answer.body,
            };
            assert!(back == body, "{text:?}");
        }
    }

    #[test]
    fn the_length_in_json_is_what_the_encoder_makes() {
        let every: String = (0..=0x7f_u8)
            .map(char::from)
            .chain("äλ世".chars())
            .collect();
        let encoded = serde_json::to_string(&every).unwrap();
        assert_eq!(json_bytes(every.as_bytes()), encoded.len() - 2);
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_is_a_problem() {
        let answer = answer("x".repeat(7_000_000)).await;
        assert_eq!(answer.status_code, 500);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert!(answer.body.contains("\"internal\""), "{}", answer.body);
    }

    #[tokio::test]
    async fn headers_of_one_name_are_joined_and_cookies_are_not() {
        let response = Response::builder()
            .status(StatusCode::CREATED)
            .header("link", "<a>; rel=\"next\"")
            .header("link", "<b>; rel=\"prev\"")
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2, c")
            .header("content-length", "0");
        let answer = Answer::of(response.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status_code, 201);
        let link = "<a>; rel=\"next\", <b>; rel=\"prev\"";
        let expected = BTreeMap::from([("link".to_owned(), link.to_owned())]);
        assert_eq!(answer.headers, expected);
        assert_eq!(answer.cookies, ["a=1", "b=2, c"]);
    }
}
