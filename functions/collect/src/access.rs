//! What a source needs to reach its third party.

use std::path::PathBuf;
use std::sync::Arc;

use weir_collector::http::{self, Http};
use weir_collector::secrets::{SecretJson, Secrets, SecretsError};
use weir_collector::{Fault, SourceError};
use weir_store::Clock;

use crate::query::Entrypoint;

/// Where Pingdom's API is, up to its version.
const PINGDOM: &str = "https://api.pingdom.com";

/// Where Google Analytics' Data API is, up to its version.
const GOOGLE: &str = "https://analyticsdata.googleapis.com";

/// `true` switches all collectors off.
const DISABLED: &str = "DISABLE_COLLECTORS";

const PINGDOM_URL: &str = "WEIR_PINGDOM_URL";
const GOOGLE_URL: &str = "WEIR_GOOGLE_URL";
const PENDO_URL: &str = "PENDO_BASE_URL";

/// What a source needs to reach its third party.
#[derive(Debug, Clone)]
pub struct Access {
    /// Who sends requests.
    pub http: Http,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What the third party lets in.
    pub credentials: Credential,
    /// Scheme and host of the third party's API; empty where its key says which of its own.
    pub address: String,
}

/// Where third parties are: as the vendors say, unless a proxy or a test stands before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// Pingdom's API, without its path.
    pub pingdom: String,
    /// Google Analytics' Data API, without its path.
    pub google: String,
    /// Pendo's API, without its path. Without it a key says in which of Pendo's two places it is.
    pub pendo: Option<String>,
}

/// A secret and where it is from, so that it can be read again when it is refused.
#[derive(Debug, Clone)]
pub struct Credential(Place);

#[derive(Debug, Clone)]
enum Place {
    Named { secrets: Arc<Secrets>, name: String },
    File(PathBuf),
    Given(Arc<SecretJson>),
}

impl Default for Addresses {
    fn default() -> Addresses {
        Addresses {
            pingdom: PINGDOM.to_owned(),
            google: GOOGLE.to_owned(),
            pendo: None,
        }
    }
}

impl Addresses {
    /// That of a collector's third party; empty where its key says which of its own.
    pub fn of(&self, entrypoint: Entrypoint) -> &str {
        match entrypoint {
            Entrypoint::Pingdom => &self.pingdom,
            Entrypoint::Ga | Entrypoint::GaTrending | Entrypoint::GaRealtime => &self.google,
            Entrypoint::Pendo => self.pendo.as_deref().unwrap_or_default(),
        }
    }

    /// The vendors', or those of `WEIR_PINGDOM_URL`, `WEIR_GOOGLE_URL` and `PENDO_BASE_URL`.
    ///
    /// # Errors
    /// When a variable is no http or https address, or has a user and a password in it.
    pub fn from_environment() -> Result<Addresses, Fault> {
        let usual = Addresses::default();
        Ok(Addresses {
            pingdom: address(PINGDOM_URL, variable(PINGDOM_URL))?.unwrap_or(usual.pingdom),
            google: address(GOOGLE_URL, variable(GOOGLE_URL))?.unwrap_or(usual.google),
            pendo: address(PENDO_URL, variable(PENDO_URL))?,
        })
    }
}

fn address(name: &str, text: Option<String>) -> Result<Option<String>, Fault> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    http::address(name, &text)?;
    Ok(Some(text.trim_end_matches('/').to_owned()))
}

/// Whether `DISABLE_COLLECTORS=true` switches all collectors off: they say what they would run.
pub fn collectors_are_disabled() -> bool {
    variable(DISABLED).is_some_and(|text| text == "true")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the variables of third parties' addresses, read here and nowhere else"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Credential {
    /// A secret by its name.
    pub fn named(secrets: Arc<Secrets>, name: impl Into<String>) -> Credential {
        let name = name.into();
        Credential(Place::Named { secrets, name })
    }

    /// A file that somebody named on a command line.
    pub fn file(path: impl Into<PathBuf>) -> Credential {
        Credential(Place::File(path.into()))
    }

    /// A secret that is here already.
    pub fn given(secret: SecretJson) -> Credential {
        Credential(Place::Given(Arc::new(secret)))
    }

    /// The secret, perhaps as it was some minutes ago.
    ///
    /// # Errors
    /// When there is none, or it is no JSON object, or it cannot be read.
    pub async fn read(&self) -> Result<Arc<SecretJson>, SecretsError> {
        match &self.0 {
            Place::Named { secrets, name } => secrets.json(name).await,
            Place::File(path) => SecretJson::from_file(path).map(Arc::new),
            Place::Given(secret) => Ok(Arc::clone(secret)),
        }
    }

    /// The secret as it is now, for who was refused with what it was before.
    ///
    /// # Errors
    /// As [`Credential::read`].
    pub async fn again(&self) -> Result<Arc<SecretJson>, SecretsError> {
        match &self.0 {
            Place::Named { secrets, name } => secrets.again(name).await,
            Place::File(_) | Place::Given(_) => self.read().await,
        }
    }
}

/// A secret that is not there for a while may be there later; one that is wrong is for a person.
pub(crate) fn no_secret(error: SecretsError) -> SourceError {
    let fault = Fault::new(&error);
    match error {
        SecretsError::Unavailable { .. } => SourceError::Later { fault, after: None },
        _ => SourceError::Final(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_http() {
        let check = |text: &str, expected: Option<&str>| {
            let found = address(PINGDOM_URL, Some(text.to_owned())).unwrap();
            assert_eq!(found.as_deref(), expected);
        };
        check("http://127.0.0.1:80/", Some("http://127.0.0.1:80"));
        check("", None);
        let error = address(PINGDOM_URL, Some("localhost".to_owned())).unwrap_err();
        let expected =
            "WEIR_PINGDOM_URL: \"localhost\" is no address; it begins with http:// or https://";
        assert_eq!(error.to_string(), expected);
        let error = address(PINGDOM_URL, Some("https://u:planted@p".to_owned())).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("WEIR_PINGDOM_URL: "), "{error}");
        assert!(!error.contains("planted"), "{error}");
    }
}
