//! Who the client is at the server: an OAuth2 client with its token, or a write key.

use std::time::Duration;

use reqwest::RequestBuilder;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::answer::{Again, judge_token};
use crate::clock::Clock;
use crate::http::{Http, exchange};
use crate::notice::codes;
use crate::secret::Secret;

/// A token is renewed so long before it ends, or in the last tenth of its life.
const MARGIN: Duration = Duration::from_secs(60);

/// How the client shows who it is.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    /// OAuth2 client credentials.
    Client { id: String, secret: Secret },
    /// A write key, by HTTP Basic.
    WriteKey(Secret),
}

impl Credentials {
    /// What tells the batches of one identity from those of another, and gives nothing away: the
    /// server knows a batch's key for its own client only.
    pub(crate) fn fingerprint(&self) -> String {
        let hash = match self {
            Credentials::Client { id, .. } => Sha256::digest(format!("client\n{id}")),
            Credentials::WriteKey(key) => Sha256::digest(format!("key\n{}", key.expose())),
        };
        hash.iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Signs requests.
#[derive(Debug)]
pub(crate) struct Auth {
    credentials: Credentials,
    token: Mutex<Option<Token>>,
}

#[derive(Debug)]
struct Token {
    text: Secret,
    renew_at: Instant,
}

/// What a request was signed with.
#[derive(Debug)]
pub(crate) enum Signature {
    Token(Secret),
    WriteKey,
}

impl Auth {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            token: Mutex::default(),
        }
    }

    /// Signs a request to a server, for which it may have to get a token there; `refused` was
    /// refused, and is not used again.
    pub(crate) async fn sign(
        &self,
        http: &Http,
        server: &str,
        clock: &Clock,
        refused: Option<&Signature>,
    ) -> Result<Signature, Again> {
        let Credentials::Client { id, secret } = &self.credentials else {
            return Ok(Signature::WriteKey);
        };
        let mut held = self.token.lock().await;
        if let Some(token) = held.as_ref().filter(|token| token.is_good(refused)) {
            return Ok(Signature::Token(token.text.clone()));
        }
        let request = http
            .post(&format!("{server}/o/token/"))
            .basic_auth(id, Some(secret.expose()))
            .form(&[("grant_type", "client_credentials"), ("scope", "write")]);
        let token = fetch(request, clock).await?;
        let text = token.text.clone();
        *held = Some(token);
        Ok(Signature::Token(text))
    }

    /// Puts the signature on a request.
    pub(crate) fn apply(&self, request: RequestBuilder, signature: &Signature) -> RequestBuilder {
        match (signature, &self.credentials) {
            (Signature::Token(token), _) => request.bearer_auth(token.expose()),
            (Signature::WriteKey, Credentials::WriteKey(key)) => {
                request.basic_auth(key.expose(), Some(""))
            }
            (Signature::WriteKey, Credentials::Client { .. }) => request,
        }
    }
}

impl Token {
    fn is_good(&self, refused: Option<&Signature>) -> bool {
        let is_refused = matches!(refused, Some(Signature::Token(token)) if *token == self.text);
        !is_refused && Instant::now() < self.renew_at
    }
}

async fn fetch(request: RequestBuilder, clock: &Clock) -> Result<Token, Again> {
    #[derive(Deserialize)]
    struct Granted {
        access_token: String,
        expires_in: Option<u64>,
    }
    let reply = exchange(request).await.map_err(|cut| Again::cut(cut.0))?;
    if !reply.status.is_success() {
        return Err(judge_token(&reply, clock.now()));
    }
    let Ok(granted) = serde_json::from_slice::<Granted>(&reply.body) else {
        let detail = "the answer to the request for a token has none".to_owned();
        return Err(Again::slow(codes::NOT_WEIR, &reply, detail));
    };
    let life = Duration::from_secs(granted.expires_in.unwrap_or(3600).min(86_400));
    Ok(Token {
        text: Secret::new(granted.access_token),
        renew_at: Instant::now() + life.saturating_sub(MARGIN.min(life / 10)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_differ_and_show_no_secret() {
        let client = |id: &str, secret: &str| Credentials::Client {
            id: id.to_owned(),
            secret: Secret::new(secret),
        };
        let (one, other) = (client("a", "hidden"), client("b", "hidden"));
        let key = Credentials::WriteKey(Secret::new("hidden"));
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_ne!(one.fingerprint(), key.fingerprint());
        assert_eq!(one.fingerprint(), client("a", "renewed").fingerprint());
        assert_eq!(one.fingerprint().len(), 16);
        for shown in [format!("{one:?}"), format!("{:?}", Auth::new(key))] {
            assert!(
                !shown.contains("hidden") && shown.contains("***"),
                "{shown}"
            );
        }
    }
}
