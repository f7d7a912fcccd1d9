//! S3 by this project's own ways: its HTTP client, and the credentials of its AWS configuration.

use std::error::Error;
use std::sync::Arc;

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use futures::future::BoxFuture;
use http::HeaderValue;
use http::header::CONTENT_LENGTH;
use object_store::ClientOptions;
use object_store::CredentialProvider;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use reqwest::{Body, Client, Request, Url};
use weir_aws::SdkConfig;

use crate::fault::Fault;
use crate::http::{HttpOptions, build_plain};

/// Opens a bucket.
pub(super) fn open(bucket: &str, access: &SdkConfig) -> Result<AmazonS3, Fault> {
    let missing = |what: &str| {
        Fault::new(format!("s3://{bucket} needs {what}, and there is none"))
            .hint("give a region and credentials as for any AWS tool")
    };
    let region = access.region().ok_or_else(|| missing("an AWS region"))?;
    let provider = access
        .credentials_provider()
        .ok_or_else(|| missing("AWS credentials"))?;
    let client = build_plain(&HttpOptions::default()).map_err(Fault::new)?;
    let builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region.as_ref())
        .with_credentials(Arc::new(Credentials(provider)))
        .with_http_connector(Connector(client))
        // One request for each is what every emulator understands.
        .with_disable_bulk_delete(true);
    let builder = match access.endpoint_url() {
        Some(url) => builder
            .with_endpoint(url.trim_end_matches('/'))
            .with_allow_http(url.starts_with("http://")),
        None => builder,
    };
    builder
        .build()
        .map_err(|error| Fault::new(format!("cannot use s3://{bucket}: {error}")))
}

/// The credentials of the AWS configuration, which knows where they come from and renews them.
#[derive(Debug)]
struct Credentials(SharedCredentialsProvider);

impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    fn get_credential<'a, 'b>(&'a self) -> BoxFuture<'b, object_store::Result<Arc<AwsCredential>>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async {
            let found = self.0.provide_credentials().await;
            let found = found.map_err(|error| object_store::Error::Generic {
                store: "S3",
                source: Box::new(error),
            })?;
            Ok(Arc::new(AwsCredential {
                key_id: found.access_key_id().to_owned(),
                secret_key: found.secret_access_key().to_owned(),
                token: found.session_token().map(str::to_owned),
            }))
        })
    }
}

/// Hands out the one client, whatever options are asked for.
#[derive(Debug)]
struct Connector(Client);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Service(self.0.clone())))
    }
}

#[derive(Debug)]
struct Service(Client);

impl HttpService for Service {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> BoxFuture<'b, Result<HttpResponse, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async {
            let request = translate(request)?;
            let answer = self.0.execute(request).await.map_err(failed)?;
            let answer: http::Response<Body> = answer.into();
            Ok(answer.map(|body| HttpResponseBody::new(Failing(body))))
        })
    }
}

fn translate(request: HttpRequest) -> Result<Request, HttpError> {
    let (head, body) = request.into_parts();
    let url = Url::parse(&head.uri.to_string());
    let url = url.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
    let mut translated = Request::new(head.method, url);
    *translated.headers_mut() = head.headers;
    // A wrapped body does not tell its length, and S3 takes none of unknown length.
    let length = HeaderValue::from(body.content_length());
    translated.headers_mut().insert(CONTENT_LENGTH, length);
    *translated.body_mut() = Some(Body::wrap(body));
    Ok(translated)
}

/// A body whose errors are those of the store's client.
struct Failing(Body);

impl http_body::Body for Failing {
    type Data = bytes::Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, HttpError>>> {
        let frame = std::pin::Pin::new(&mut self.0).poll_frame(context);
        frame.map_err(failed)
    }
}

/// Which kind decides whether the store tries again.
fn failed(error: reqwest::Error) -> HttpError {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let io = causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    let kind = match () {
        () if error.is_timeout() => HttpErrorKind::Timeout,
        () if error.is_connect() => HttpErrorKind::Connect,
        () if io.count() > 0 => HttpErrorKind::Interrupted,
        () => HttpErrorKind::Request,
    };
    HttpError::new(kind, error.without_url())
}
