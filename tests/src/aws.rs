//! DynamoDB and Secrets Manager over HTTP, for programs that are told of them by
//! `AWS_ENDPOINT_URL`.
//!
//! DynamoDB is the embedded engine behind a [`Chaos`], so that calls can be held up, lost and
//! delivered late. A call keeps the time that it was signed with, by which the engine refuses an
//! old one; the signature itself is not looked at. Whoever calls is known by its access key.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use weir_model::Timestamp;
use weir_store::embedded::{Answer, Call, Transport as _};

use crate::chaos::Chaos;

/// Listens until it is dropped.
#[derive(Debug)]
pub struct Front {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    chaos: Chaos,
    secrets: Mutex<HashMap<String, String>>,
    readers: Mutex<Vec<String>>,
}

impl Front {
    /// Stands before an engine, on a free port.
    pub async fn start(chaos: Chaos) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            chaos,
            secrets: Mutex::default(),
            readers: Mutex::default(),
        });
        let router = Router::new()
            .fallback(call)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            let served = axum::serve(listener, router).await;
            served.expect("accepting goes on after errors");
        });
        Self {
            address,
            shared,
            server,
        }
    }

    /// What `AWS_ENDPOINT_URL` has to be.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Gives a secret this text.
    pub fn put_secret(&self, name: &str, text: &str) {
        let (name, text) = (name.to_owned(), text.to_owned());
        self.shared.secrets().insert(name, text);
    }

    /// Who has asked for secrets so far, each time.
    pub fn readers_of_secrets(&self) -> Vec<String> {
        self.shared.readers().clone()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn secrets(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.secrets.lock().expect("no holder panics")
    }

    fn readers(&self) -> MutexGuard<'_, Vec<String>> {
        self.readers.lock().expect("no holder panics")
    }

    fn secret(&self, caller: &str, body: &[u8]) -> Response {
        self.readers().push(caller.to_owned());
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let name = body["SecretId"].as_str().unwrap_or_default();
        let (status, answer) = match self.secrets().get(name) {
            Some(text) => (StatusCode::OK, described(name, text)),
            None => (
                StatusCode::BAD_REQUEST,
                json!({"__type": "ResourceNotFoundException", "message": "no such secret"}),
            ),
        };
        (status, JSON_1_1, answer.to_string()).into_response()
    }
}

type ContentType = [(&'static str, &'static str); 1];
const JSON_1_0: ContentType = [("content-type", "application/x-amz-json-1.0")];
const JSON_1_1: ContentType = [("content-type", "application/x-amz-json-1.1")];

/// AWS Secrets Manager API reference, GetSecretValue.
fn described(name: &str, text: &str) -> Value {
    json!({
        "ARN": format!("arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-AbCdEf"),
        "Name": name,
        "SecretString": text,
        "VersionId": "00000000-0000-0000-0000-000000000000",
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": 1_700_000_000,
    })
}

async fn call(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = text(&headers, "x-amz-target").split_once('.');
    match target {
        Some(("secretsmanager", "GetSecretValue")) => shared.secret(caller(&headers), &body),
        Some((service, operation)) if service.starts_with("DynamoDB_") => {
            match read(&headers, operation, body) {
                Some(call) => carry(&shared.chaos.front(caller(&headers)), call).await,
                None => (StatusCode::BAD_REQUEST, "no time of signing").into_response(),
            }
        }
        _ => (StatusCode::NOT_FOUND, "no such service here").into_response(),
    }
}

async fn carry(chaos: &Chaos, call: Call) -> Response {
    match chaos.call(call).await {
        Ok(Answer { status, body }) => {
            let status = StatusCode::from_u16(status).expect("an engine's status");
            (status, JSON_1_0, body).into_response()
        }
        // A body that fails has the server cut the connection.
        Err(cut) => {
            Body::from_stream(futures::stream::iter([Err::<Bytes, _>(cut)])).into_response()
        }
    }
}

fn read(headers: &HeaderMap, operation: &str, body: Bytes) -> Option<Call> {
    Some(Call {
        operation: operation.to_owned(),
        body,
        signed_at: signed_at(text(headers, "x-amz-date"))?,
    })
}

/// IAM user guide, "Elements of an AWS API request signature": `20240131T235959Z`.
fn signed_at(text: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let time = jiff::tz::TimeZone::UTC.to_timestamp(time).ok()?;
    Timestamp::from_millis(time.as_millisecond()).ok()
}

/// The access key in `AWS4-HMAC-SHA256 Credential=KEY/20240131/…`.
fn caller(headers: &HeaderMap) -> &str {
    let signature = text(headers, "authorization");
    let key = signature.split_once("Credential=");
    let key = key.and_then(|(_, rest)| rest.split('/').next());
    key.unwrap_or("nobody")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_tells_who_and_when() {
        let mut headers = HeaderMap::new();
        let signature =
            "AWS4-HMAC-SHA256 Credential=track-0/20240131/eu-west-1/dynamodb/aws4_request, S";
        headers.insert("authorization", signature.parse().unwrap());
        assert_eq!(caller(&headers), "track-0");
        assert_eq!(caller(&HeaderMap::new()), "nobody");
        let expected = Timestamp::from_millis(1_706_745_599_000);
        assert_eq!(signed_at("20240131T235959Z"), expected.ok());
        assert_eq!(signed_at("yesterday"), None);
    }
}
