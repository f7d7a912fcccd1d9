//! From the SDK's HTTP requests to calls, and from answers back to responses.

use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents};
use aws_sdk_dynamodb::error::ConnectorError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use futures::future::BoxFuture;
use thiserror::Error;
use weir_model::Timestamp;

/// Carries calls to an engine.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Carries out a call. Once this has been polled, the call goes its way even if nobody waits
    /// for the answer any more.
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Cut>>;
}

/// A request of DynamoDB's JSON protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The operation, such as `PutItem`.
    pub operation: String,
    /// Its input as JSON.
    pub body: Bytes,
    /// When it was signed, in whole seconds.
    pub signed_at: Timestamp,
}

/// A response of DynamoDB's JSON protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The output, or an error, as JSON.
    pub body: Bytes,
}

impl Answer {
    /// An error as DynamoDB answers it.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "__type": code, "message": message });
        Self {
            status,
            body: body.to_string().into(),
        }
    }
}

/// There is no answer: the connection was cut. The call may have been applied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the connection was cut: {0}")]
pub struct Cut(pub String);

/// The SDK's HTTP client over a [`Transport`].
#[derive(Debug, Clone)]
pub(crate) struct EmbeddedHttp(Arc<dyn Transport>);

impl EmbeddedHttp {
    pub(crate) fn new(transport: Arc<dyn Transport>) -> Self {
        Self(transport)
    }
}

impl HttpClient for EmbeddedHttp {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for EmbeddedHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let transport = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let call = read(&request).ok_or_else(|| broken("a request that is not DynamoDB's"))?;
            let answer = transport.call(call).await;
            let answer = answer.map_err(|cut| ConnectorError::io(cut.into()))?;
            let status = StatusCode::try_from(answer.status).map_err(|_| broken("a bad status"))?;
            Ok(HttpResponse::new(status, SdkBody::from(answer.body)))
        })
    }
}

fn broken(what: &str) -> ConnectorError {
    ConnectorError::user(what.into())
}

fn read(request: &HttpRequest) -> Option<Call> {
    let (_, operation) = request.headers().get("x-amz-target")?.split_once('.')?;
    let signed_at = read_date(request.headers().get("x-amz-date")?)?;
    let body = Bytes::copy_from_slice(request.body().bytes()?);
    Some(Call {
        operation: operation.to_owned(),
        body,
        signed_at,
    })
}

/// Reads `20240131T235959Z`, as signatures spell a time (IAM user guide, "Elements of an AWS API
/// request signature").
fn read_date(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let date = [date.get(..4)?, date.get(4..6)?, date.get(6..)?].join("-");
    let time = [time.get(..2)?, time.get(2..4)?, time.get(4..)?].join(":");
    Timestamp::parse(&format!("{date}T{time}Z")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_signature_is_read_to_the_second() {
        let expected = Timestamp::from_millis(1_706_745_599_000).expect("a legal time");
        assert_eq!(read_date("20240131T235959Z"), Some(expected));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "Z",
            "T",
            "20240131T235959",
            "2024-01-31T23:59:59Z",
            "20241331T000000Z",
        ] {
            assert_eq!(read_date(text), None, "{text}");
        }
    }
}
