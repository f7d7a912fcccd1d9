//! Access tokens: signed for or refreshed, and kept until shortly before they end.
//!
//! Source: Google Identity, "Using OAuth 2.0 for Server to Server Applications" and "Refreshing an
//! access token".

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use weir_collector::http::{HttpError, HttpErrorKind, Request};
use weir_collector::secrets::SecretText;
use weir_collector::{Fault, SourceError};
use weir_model::Timestamp;

use super::credentials::{Credentials, Grant};
use crate::access::{Access, no_secret};

/// What tokens are for: reading.
const SCOPE: &str = "https://www.googleapis.com/auth/analytics.readonly";
/// How an assertion is exchanged (RFC 7523).
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The longest that an assertion may be good for.
const ASSERTION_S: i64 = 3_600;
/// Clocks differ: an assertion of the future is refused.
const SKEW_S: i64 = 30;
/// A token that ends this soon is not used any more: a request takes its time.
const MARGIN: Duration = Duration::from_secs(300);

/// Who asks, and the access token at hand.
#[derive(Debug)]
pub(crate) struct Account {
    access: Access,
    credentials: Option<Credentials>,
    token: Option<Kept>,
    /// Whether the secret was read again already because it was refused.
    was_read_again: bool,
}

#[derive(Debug)]
struct Kept {
    token: SecretText,
    until: Timestamp,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: u64,
}

impl Account {
    /// An account whose credentials have not been read yet.
    pub(crate) fn new(access: Access) -> Self {
        Self {
            access,
            credentials: None,
            token: None,
            was_read_again: false,
        }
    }

    /// How the third party is reached.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// The credentials, read once.
    ///
    /// # Errors
    /// When there are none, or they have no form that is known.
    pub(crate) async fn credentials(&mut self) -> Result<&Credentials, SourceError> {
        if self.credentials.is_none() {
            let secret = self.access.credentials.read().await.map_err(no_secret)?;
            self.credentials = Some(Credentials::read(&secret)?);
        }
        Ok(self.credentials.as_ref().expect("it was just read"))
    }

    /// An access token that is good for some minutes. What is refused is read again once, because
    /// somebody may have replaced it.
    ///
    /// # Errors
    /// When the credentials are refused, or nobody gives a token.
    pub(crate) async fn token(&mut self) -> Result<SecretText, SourceError> {
        let now = self.access.clock.now();
        if let Some(kept) = self.token.as_ref().filter(|kept| now < kept.until) {
            return Ok(kept.token.clone());
        }
        let refused = match self.fetch(now).await {
            Ok(token) => return Ok(token),
            Err(Refused::Credentials(fault)) => fault,
            Err(Refused::Otherwise(error)) => return Err(error),
        };
        if !self.read_again().await? {
            return Err(SourceError::Final(refused));
        }
        self.fetch(now).await.map_err(SourceError::from)
    }

    /// Drops a token that was refused. The second time the secret itself is read again; there is no
    /// third time.
    ///
    /// # Errors
    /// When the secret cannot be read.
    pub(crate) async fn refused(&mut self, times: u32) -> Result<bool, SourceError> {
        self.token = None;
        match times {
            1 => Ok(true),
            2 => self.read_again().await,
            _ => Ok(false),
        }
    }

    /// Reads the secret anew, at most once; says whether it did.
    async fn read_again(&mut self) -> Result<bool, SourceError> {
        if std::mem::replace(&mut self.was_read_again, true) {
            return Ok(false);
        }
        let secret = self.access.credentials.again().await.map_err(no_secret)?;
        self.credentials = Some(Credentials::read(&secret)?);
        Ok(true)
    }

    async fn fetch(&mut self, now: Timestamp) -> Result<SecretText, Refused> {
        self.credentials().await?;
        let credentials = self.credentials.as_ref().expect("it was just read");
        let request = self
            .access
            .http
            .post(&credentials.token_uri)
            .route("/token");
        let response = asking(request, credentials, now)?.send().await;
        let response = response.map_err(|error| refused(error, credentials))?;
        let granted: Granted = response.json().map_err(SourceError::from)?;
        let token = SecretText::new(granted.access_token);
        self.token = Some(Kept {
            token: token.clone(),
            until: now
                .saturating_add(Duration::from_secs(granted.expires_in).saturating_sub(MARGIN)),
        });
        Ok(token)
    }
}

/// Why there is no token.
enum Refused {
    /// The credentials are not good.
    Credentials(Fault),
    /// Something else.
    Otherwise(SourceError),
}

impl From<SourceError> for Refused {
    fn from(error: SourceError) -> Self {
        Self::Otherwise(error)
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Otherwise(fault.into())
    }
}

impl From<Refused> for SourceError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Credentials(fault) => Self::Final(fault),
            Refused::Otherwise(error) => error,
        }
    }
}

fn asking(request: Request, credentials: &Credentials, now: Timestamp) -> Result<Request, Fault> {
    match &credentials.grant {
        Grant::ServiceAccount { email, key } => {
            let assertion = assertion(credentials, email, key, now)?;
            let pairs = [
                ("grant_type", JWT_BEARER),
                ("assertion", assertion.expose()),
            ];
            Ok(request.conceal(&assertion).form(pairs))
        }
        Grant::RefreshToken {
            client_id,
            client_secret,
            refresh_token,
        } => {
            let pairs = [
                ("grant_type", "refresh_token"),
                ("client_id", client_id),
                ("client_secret", client_secret.expose()),
                ("refresh_token", refresh_token.expose()),
            ];
            let request = request.conceal(client_secret).conceal(refresh_token);
            Ok(request.form(pairs))
        }
    }
}

fn assertion(
    credentials: &Credentials,
    email: &str,
    key: &SecretText,
    now: Timestamp,
) -> Result<SecretText, Fault> {
    let place = &credentials.place;
    // The crate's own errors may show what they could not read.
    let bad_key = |_| {
        Fault::new(format_args!(
            "{place}: the private key of {email} is no RSA key in PEM"
        ))
        .hint("make a new JSON key for the service account, and put it there as it is")
    };
    let encoding = EncodingKey::from_rsa_pem(key.expose().as_bytes()).map_err(bad_key)?;
    let issued = now.as_millis() / 1_000 - SKEW_S;
    let claims = Claims {
        iss: email,
        scope: SCOPE,
        aud: &credentials.token_uri,
        iat: issued,
        exp: issued + ASSERTION_S,
    };
    let signed = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &encoding);
    signed.map(SecretText::new).map_err(bad_key)
}

/// An OAuth server refuses credentials with 400 or 401, and says which it means in `error`.
fn refused(error: HttpError, credentials: &Credentials) -> Refused {
    let is_refusal = matches!(
        error.kind(),
        HttpErrorKind::Unauthorized | HttpErrorKind::Refused { .. }
    );
    if !is_refusal {
        return Refused::Otherwise(error.into());
    }
    let (place, who) = (&credentials.place, credentials.who());
    let fault = Fault::new(format_args!("{place}: Google refuses {who}: {error}"));
    Refused::Credentials(fault.hint(match credentials.grant {
        Grant::ServiceAccount { .. } => {
            "look whether the service account and this key of it still exist, and make a new JSON key \
             if they do not"
        }
        Grant::RefreshToken { .. } => {
            "log in again for a new refresh token, or use the JSON key of a service account"
        }
    }))
}

#[cfg(test)]
mod tests {
    use weir_collector::secrets::SecretJson;

    use super::*;

    fn credentials(key: &str) -> Credentials {
        let secret = serde_json::json!({"client_email": "a@b.example", "private_key": key});
        let secret = SecretJson::parse("credentials.json", &secret.to_string()).unwrap();
        Credentials::read(&secret).unwrap()
    }

    #[test]
    fn a_key_that_is_none_is_not_shown() {
        let key = "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n";
        let credentials = credentials(key);
        let Grant::ServiceAccount { email, key } = &credentials.grant else {
            panic!("{credentials:?}");
        };
        let error = assertion(&credentials, email, key, Timestamp::MIN)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("credentials.json: the private key of a@b.example"),
            "{error}"
        );
        assert!(!error.contains("planted"), "{error}");
    }
}
