//! The server under load: one HTTP client and a token.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// A server, and the right to use it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) http: reqwest::Client,
    server: String,
    token: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

impl Target {
    /// Gets a token with every scope that the client has.
    pub(crate) async fn connect(server: &str, id: &str, secret: &str) -> Result<Self> {
        // The provider must be named before the first client; a second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = build_client()?;
        let server = server.trim_end_matches('/').to_owned();
        let form = [("grant_type", "client_credentials")];
        let request = http
            .post(format!("{server}/o/token/"))
            .basic_auth(id, Some(secret));
        let answer = request
            .form(&form)
            .send()
            .await
            .context("no answer to the token request")?;
        if !answer.status().is_success() {
            bail!("no token: {} {}", answer.status(), answer.text().await?);
        }
        let token: Token = answer.json().await?;
        Ok(Self {
            http,
            server,
            token: token.access_token,
        })
    }

    /// A request that posts events.
    pub(crate) fn post(&self, media_type: &'static str, body: String) -> reqwest::RequestBuilder {
        let url = format!("{}/api/track/", self.server);
        self.http
            .post(url)
            .bearer_auth(&self.token)
            .header("content-type", media_type)
            .body(body)
    }

    /// A request that asks for something.
    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http
            .get(format!("{}{path}", self.server))
            .bearer_auth(&self.token)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place of this program"
)]
fn build_client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .timeout(Duration::from_secs(60))
        .no_proxy()
        .build()?)
}
