//! A transaction is signed as it is written: its body takes the place of the SDK's before that.

use std::sync::Mutex;

use aws_sdk_dynamodb::config::http::HttpRequest;
use aws_sdk_dynamodb::config::{Credentials, HttpClient, Region, RuntimeComponents};
use aws_sdk_dynamodb::error::ConnectorError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use sha2::{Digest as _, Sha256};

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG";

/// Keeps the request that is sent, and cuts the connection.
#[derive(Debug, Clone, Default)]
struct Wire(Arc<Mutex<Option<HttpRequest>>>);

impl HttpClient for Wire {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        *self.0.lock().unwrap() = Some(request);
        HttpConnectorFuture::ready(Err(ConnectorError::io("cut".into())))
    }
}

fn connected(wire: &Wire) -> Db {
    let config = Db::settings()
        .region(Region::from_static("us-east-1"))
        .endpoint_url("http://dynamodb.invalid")
        .credentials_provider(Credentials::new("id", SECRET, None, None, "test"))
        .http_client(wire.clone())
        .build();
    let clock = Arc::new(ManualClock::running(start()));
    Db::new(Client::from_conf(config), TableNames::default(), clock)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 2104, with SHA-256 and a key of at most 64 bytes.
fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let padded = |with: u8| {
        let key = key.iter().copied().chain(std::iter::repeat(0)).take(64);
        key.map(|byte| byte ^ with).collect::<Vec<_>>()
    };
    let inner = Sha256::digest([padded(0x36), text.as_bytes().to_vec()].concat());
    Sha256::digest([padded(0x5c), inner.to_vec()].concat()).to_vec()
}

/// The signature that a request should have (IAM user guide, "Create a signed AWS API request").
fn signature(request: &HttpRequest, signed_headers: &str) -> String {
    let header = |name: &str| match request.headers().get(name) {
        Some(value) => value.to_owned(),
        None => {
            assert_eq!(name, "host", "a header that is not sent");
            "dynamodb.invalid".to_owned()
        }
    };
    let headers: String = signed_headers
        .split(';')
        .map(|name| format!("{name}:{}\n", header(name).trim()))
        .collect();
    let body = hex(&Sha256::digest(request.body().bytes().unwrap()));
    let canonical = format!("POST\n/\n\n{headers}\n{signed_headers}\n{body}");
    let time = header("x-amz-date");
    let scope = [&time[..8], "us-east-1", "dynamodb", "aws4_request"];
    let hashed = hex(&Sha256::digest(canonical));
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{}\n{hashed}", scope.join("/"));
    let secret = format!("AWS4{SECRET}").into_bytes();
    let key = scope.iter().fold(secret, |key, part| hmac(&key, part));
    hex(&hmac(&key, &to_sign))
}

#[tokio::test]
async fn a_transaction_is_signed_as_it_is_written() {
    let wire = Wire::default();
    let puts = ["1", "2"].map(|sk| put("p", sk, "a", Some(Condition::absent())));
    let cut = connected(&wire).transact(puts, attempt()).await;
    assert!(matches!(cut, Err(CallError::Doubt(_))), "{cut:?}");
    let request = wire.0.lock().unwrap().take().expect("it was sent");
    let body = request.body().bytes().unwrap();
    let sent: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(sent["TransactItems"].as_array().map(Vec::len), Some(2));
    let length = request.headers().get("content-length");
    assert_eq!(length, Some(body.len().to_string().as_str()));
    let authorization = request.headers().get("authorization").unwrap();
    let part = |name: &str| {
        let parts = authorization.split([' ', ',']);
        let found = parts.filter_map(|part| part.strip_prefix(name)).next();
        found.expect("a part of the signature")
    };
    assert_eq!(
        part("Signature="),
        signature(&request, part("SignedHeaders="))
    );
}
