//! The server under load: its address, and a token that is renewed before it ends.

use std::sync::{Arc, RwLock, Weak};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Uri};
use serde::Deserialize;

use crate::connection::{Connection, Outgoing};

/// How often a token is renewed. It lives an hour.
const RENEWAL: Duration = Duration::from_secs(20 * 60);

/// The header that names a request.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A server, and the right to use it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Target(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    address: String,
    /// HTTP Basic.
    credentials: HeaderValue,
    token: RwLock<HeaderValue>,
}

/// A body and what it is.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) media_type: &'static str,
    pub(crate) body: Bytes,
    pub(crate) key: Option<String>,
    pub(crate) way: Way,
}

/// Where a body goes.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// To the Tracking API, with a token.
    Track,
    /// To the door of an old service, with what its clients send.
    Door {
        path: Uri,
        authorization: Option<HeaderValue>,
    },
    /// To a data set, with a token.
    DataSet(Uri),
}

impl Way {
    /// To a data set that this program has made.
    pub(crate) fn data_set(path: &str) -> Self {
        Self::DataSet(path.parse().expect("a path that is one"))
    }

    /// By a path that this program has made.
    pub(crate) fn door(path: &str, authorization: Option<HeaderValue>) -> Self {
        let path = path.parse().expect("a path that is one");
        Self::Door {
            path,
            authorization,
        }
    }
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

impl Target {
    /// Gets a token with every scope that the client has, and keeps it fresh from then on.
    pub(crate) async fn connect(server: &str, id: &str, secret: &str) -> Result<Self> {
        let credentials = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        let target = Self(Arc::new(Inner {
            address: address(server)?,
            credentials: credentials.try_into()?,
            token: RwLock::new(HeaderValue::from_static("")),
        }));
        target.renew().await.context("no token")?;
        tokio::spawn(keep_fresh(Arc::downgrade(&target.0)));
        Ok(target)
    }

    /// Its address, for clients of their own kind.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// A new connection.
    pub(crate) fn connection(&self) -> Connection {
        Connection::new(&self.0.address)
    }

    /// A request that posts events.
    pub(crate) fn post(&self, load: Load) -> Outgoing {
        let (path, authorization) = match load.way {
            Way::Track => (Uri::from_static("/api/track/"), Some(self.token())),
            Way::Door {
                path,
                authorization,
            } => (path, authorization),
            Way::DataSet(path) => (path, Some(self.token())),
        };
        let request = self
            .request(Method::POST, path, authorization)
            .header(CONTENT_TYPE, load.media_type);
        let request = load
            .key
            .into_iter()
            .fold(request, |request, key| request.header(IDEMPOTENCY_KEY, key));
        request.body(load.body.into()).expect("plain headers")
    }

    /// A request that asks for something. The path is one that this program has made.
    pub(crate) fn get(&self, path: &str) -> Outgoing {
        let path = path.parse().expect("a path that is one");
        let request = self.request(Method::GET, path, Some(self.token()));
        request.body(Bytes::new().into()).expect("plain headers")
    }

    fn request(
        &self,
        method: Method,
        path: Uri,
        authorization: Option<HeaderValue>,
    ) -> http::request::Builder {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.0.address);
        match authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization),
            None => request,
        }
    }

    fn token(&self) -> HeaderValue {
        self.0.token.read().expect("no holder panics").clone()
    }

    async fn renew(&self) -> Result<()> {
        let form = "grant_type=client_credentials";
        let path = Uri::from_static("/o/token/");
        let request = self
            .request(Method::POST, path, Some(self.0.credentials.clone()))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form).into())?;
        let answer = self.connection().send(request).await?.success()?;
        let token: Token = serde_json::from_slice(&answer)?;
        let bearer = format!("Bearer {}", token.access_token).try_into()?;
        *self.0.token.write().expect("no holder panics") = bearer;
        Ok(())
    }
}

/// Renews the token until nobody needs it any more.
async fn keep_fresh(target: Weak<Inner>) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        let Some(inner) = target.upgrade() else {
            return;
        };
        if let Err(cause) = Target(inner).renew().await {
            eprintln!("the token could not be renewed: {cause:#}");
        }
    }
}

/// Host and port of a server's address.
fn address(server: &str) -> Result<String> {
    let uri: Uri = server.parse().context("no address of a server")?;
    ensure!(
        uri.scheme_str() == Some("http"),
        "{server} is not an http:// address"
    );
    let host = uri
        .host()
        .with_context(|| format!("{server} names no host"))?;
    Ok(format!("{host}:{}", uri.port_u16().unwrap_or(80)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let check = |server: &str, expected: &str| assert_eq!(address(server).unwrap(), expected);
        check("http://127.0.0.1:8080", "127.0.0.1:8080");
        check("http://127.0.0.1:8080/", "127.0.0.1:8080");
        check("http://example.org", "example.org:80");
        check("http://[::1]:7", "[::1]:7");
        assert!(address("https://example.org").is_err());
        assert!(address("127.0.0.1:8080").is_err());
    }
}
