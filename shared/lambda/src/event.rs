//! A request as API Gateway hands it on: payload format 2.0 of an HTTP API (Amazon API Gateway
//! developer guide, "Create AWS Lambda proxy integrations for HTTP APIs").

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{COOKIE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use thiserror::Error;

use crate::path;

/// The members of an event that are used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    request_context: RequestContext,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    http: Http,
    #[serde(default)]
    stage: Option<String>,
    #[serde(default)]
    domain_name: Option<String>,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

/// What no HTTP request can be made of. Never shows what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum EventError {
    /// The method.
    #[error("the method is none")]
    Method,
    /// The path and query, which are too long.
    #[error("the path and query are too long")]
    Target,
    /// The body.
    #[error("the body is not the base64 that it should be")]
    Body,
}

impl Event {
    /// The request that the client has sent.
    pub(crate) fn into_request(self) -> Result<Request, EventError> {
        let RequestContext {
            http,
            stage,
            domain_name,
        } = self.request_context;
        let stage = stage.unwrap_or_default();
        let target = path::repaired(&self.raw_path, &self.raw_query_string, &stage);
        let body = body(self.body, self.is_base64_encoded)?;
        let mut request = Request::new(body);
        *request.method_mut() =
            Method::from_bytes(http.method.as_bytes()).map_err(|_| EventError::Method)?;
        *request.uri_mut() = target.parse().map_err(|_| EventError::Target)?;
        *request.headers_mut() = headers(self.headers, self.cookies, domain_name);
        Ok(request)
    }
}

fn body(text: Option<String>, is_base64: bool) -> Result<Body, EventError> {
    match text {
        None => Ok(Body::empty()),
        Some(text) if is_base64 => {
            let bytes = STANDARD.decode(text).map_err(|_| EventError::Body)?;
            Ok(bytes.into())
        }
        Some(text) => Ok(text.into()),
    }
}

/// Several headers of one name come joined by commas, but cookies on their own. What is no header
/// is left out.
fn headers(
    sent: BTreeMap<String, String>,
    cookies: Option<Vec<String>>,
    domain: Option<String>,
) -> HeaderMap {
    let mut headers: HeaderMap = sent
        .iter()
        .filter_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
        })
        .collect();
    let cookies = cookies.filter(|cookies| !cookies.is_empty());
    if let Some(value) = cookies.and_then(|all| HeaderValue::try_from(all.join("; ")).ok()) {
        headers.insert(COOKIE, value);
    }
    if !headers.contains_key(HOST)
        && let Some(value) = domain.and_then(|domain| HeaderValue::try_from(domain).ok())
    {
        headers.insert(HOST, value);
    }
    headers
}
