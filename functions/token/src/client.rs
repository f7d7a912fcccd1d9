//! Authenticates a client by HTTP Basic or by `client_id` and `client_secret` in the form
//! (RFC 6749 section 2.3.1), never by both.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;
use weir_service::auth::Scopes;
use weir_service::{Problem, Service};
use weir_store::registry::{Client, ClientId};

use crate::error::OAuthError;
use crate::form::Form;

/// Some clients leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A client that has proved who it is.
#[derive(Debug)]
pub(crate) struct Authenticated {
    pub(crate) client: Client,
    /// All that it may ask for.
    pub(crate) scopes: Scopes,
}

/// What a client shows. The same text can mean two things: RFC 6749 has both parts of Basic
/// form-encoded, and many clients do not do it. So either reading is tried.
struct Credentials {
    id: String,
    secrets: Vec<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(***)")
    }
}

/// Authenticates a request's client, and counts the request against its rate.
///
/// # Errors
/// `invalid_request` for credentials given twice, `invalid_client` for none or wrong ones, and 429
/// or 503 in OAuth's form.
pub(crate) async fn authenticate(
    service: &Service,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Authenticated, OAuthError> {
    let credentials = Credentials::find(headers, form)?;
    let client = look_up(service, &credentials).await?.ok_or_else(wrong)?;
    if let Some(rate) = client.rate {
        service.within_rate(&client.id, rate)?;
    }
    let scopes = Scopes::known(client.scopes.iter().map(String::as_str));
    Ok(Authenticated { client, scopes })
}

async fn look_up(
    service: &Service,
    credentials: &Credentials,
) -> Result<Option<Client>, OAuthError> {
    let Ok(id) = ClientId::parse(&credentials.id) else {
        return Ok(None);
    };
    let client = service.store.client(&id, service.registry_deadline()).await;
    let client = client.map_err(Problem::from)?;
    Ok(client.filter(|client| client.revoked.is_none() && credentials.prove(client)))
}

impl Credentials {
    fn find(headers: &HeaderMap, form: &Form) -> Result<Credentials, OAuthError> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        match (values.next(), values.next()) {
            (None, _) => Credentials::from_form(form),
            (Some(value), None) => {
                let text = value.to_str().map_err(|_| unreadable())?;
                Credentials::from_basic(text)
                    .ok_or_else(unreadable)?
                    .alone(form)
            }
            _ => Err(OAuthError::invalid_request("Authorization is given twice")),
        }
    }

    fn from_form(form: &Form) -> Result<Credentials, OAuthError> {
        match (form.get("client_id"), form.get("client_secret")) {
            (Some(id), Some(secret)) => Ok(Credentials {
                id: id.into(),
                secrets: vec![secret.into()],
            }),
            _ => Err(OAuthError::invalid_client(
                "send the client's id and secret by HTTP Basic or as client_id and client_secret",
            )),
        }
    }

    fn from_basic(header: &str) -> Option<Credentials> {
        let (scheme, encoded) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = pair.split_once(':')?;
        let mut secrets = vec![secret.to_owned()];
        secrets.extend(form_decoded(secret).filter(|decoded| decoded != secret));
        // An id has no character that encoding changes, so decoding one that is not encoded is
        // harmless.
        Some(Credentials {
            id: form_decoded(id)?,
            secrets,
        })
    }

    /// A `client_id` beside Basic only repeats whom the request is from, as some clients do.
    fn alone(self, form: &Form) -> Result<Credentials, OAuthError> {
        let other = form.get("client_id").is_some_and(|id| id != self.id);
        match other || form.get("client_secret").is_some() {
            true => Err(OAuthError::invalid_request("credentials are given twice")),
            false => Ok(self),
        }
    }

    fn prove(&self, client: &Client) -> bool {
        self.secrets
            .iter()
            .any(|secret| client.secret_hash.matches(secret))
    }
}

fn form_decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

fn wrong() -> OAuthError {
    OAuthError::invalid_client("the client is not known here, or its secret is another")
}

fn unreadable() -> OAuthError {
    OAuthError::invalid_client("Authorization is not readable as HTTP Basic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_read_with_and_without_form_encoding() {
        let check = |pair: &str, id: &str, secrets: &[&str]| {
            let header = format!("basic {}", BASE64.encode(pair));
            let credentials = Credentials::from_basic(&header).unwrap();
            assert_eq!(credentials.id, id);
            assert_eq!(credentials.secrets, secrets);
        };
        check("reader:secret", "reader", &["secret"]);
        check("re%61der:a%3Ab", "reader", &["a%3Ab", "a:b"]);
        check("reader:a:b+c", "reader", &["a:b+c", "a:b c"]);
        check("reader:100%", "reader", &["100%"]);
        check("reader:", "reader", &[""]);
    }

    #[test]
    fn what_is_not_basic_is_not_read() {
        for header in ["", "Basic", "Bearer abc", "Basic ???", "Basic cmVhZGVy"] {
            assert!(Credentials::from_basic(header).is_none(), "{header:?}");
        }
        assert!(Credentials::from_basic("Basic YTpi").is_some());
        // The same without padding.
        assert!(Credentials::from_basic("Basic YTpiYw").is_some());
    }
}
