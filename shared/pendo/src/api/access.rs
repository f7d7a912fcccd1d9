//! What it takes to reach Pendo.

use std::sync::Arc;

use weir_collector::http::Http;
use weir_collector::secrets::SecretText;
use weir_store::Clock;

use crate::api::{Key, Observer};
use crate::config::Config;

/// Where Pendo is.
const USUAL: &str = "https://app.pendo.io";

/// Where it is for keys of the European Union.
const EUROPE: &str = "https://app.eu.pendo.io";

/// How those keys end.
const EUROPEAN: &str = ".eu";

/// What it takes to reach Pendo. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PendoAccess {
    /// Who sends requests.
    pub http: Http,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What Pendo lets in.
    pub key: Key,
    /// Scheme and host: [`base_url`].
    pub base_url: String,
    /// Who is told how it comes along.
    pub observer: Arc<dyn Observer>,
}

/// Where Pendo is: as the configuration says, else where the key belongs.
pub fn base_url(config: &Config, key: &SecretText) -> String {
    let given = config.base_url.as_deref();
    let usual = match key.expose().ends_with(EUROPEAN) {
        true => EUROPE,
        false => USUAL,
    };
    given.unwrap_or(usual).trim_end_matches('/').to_owned()
}
