//! The one place that builds HTTP clients.

use std::error::Error;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect};

use crate::http::{HttpError, HttpErrorKind, HttpOptions};

/// A connection that was quiet for longer is not used again: a server that is about to close it
/// would cut the next request.
const IDLE_TIME: Duration = Duration::from_secs(20);

/// Who we say we are.
const AGENT: &str = concat!("weir/", env!("CARGO_PKG_VERSION"));

/// Builds the client of requests to third parties. Who waits for silence to end counts it there
/// ([`chunk`](crate::http::body::chunk)).
pub(super) fn build(options: &HttpOptions) -> Result<Client, HttpError> {
    finish(begin(options))
}

/// Builds a client that hands on bodies as they were sent.
pub(crate) fn build_plain(options: &HttpOptions) -> Result<Client, HttpError> {
    finish(begin(options).read_timeout(options.read_time).no_gzip())
}

/// Redirects are followed where the request is known, not here: a client would take a request with
/// its secrets anywhere.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place of this program"
)]
fn begin(options: &HttpOptions) -> ClientBuilder {
    // The provider must be named before the first client; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(AGENT)
        .redirect(redirect::Policy::none())
        .connect_timeout(options.connect_time)
        .pool_idle_timeout(IDLE_TIME)
}

fn finish(builder: ClientBuilder) -> Result<Client, HttpError> {
    builder.build().map_err(|error| {
        let message = format!("cannot set up an HTTP client: {}", innermost(&error));
        HttpError::new(HttpErrorKind::Invalid, message)
    })
}

/// The innermost cause says what happened; the outer ones repeat the address.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .last()
        .map_or_else(String::new, ToString::to_string)
}

/// An error and what caused it.
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| cause.source())
}
