//! The signing keys in Secrets Manager.

use futures::future::BoxFuture;
use weir_aws::Secrets;
use weir_service::auth::{KeyDocument, KeySource, KeysUnavailable, SigningKeys};

/// A secret that holds a document of signing keys.
#[derive(Debug)]
pub(crate) struct KeySecret {
    secrets: Secrets,
    name: String,
}

impl KeySecret {
    /// The secret of this name or ARN.
    pub(crate) fn new(secrets: Secrets, name: String) -> KeySecret {
        KeySecret { secrets, name }
    }

    async fn current(&self) -> Result<SigningKeys, KeysUnavailable> {
        let text = self.secrets.read(&self.name).await;
        let text = text.map_err(|error| KeysUnavailable(error.to_string()))?;
        let keys = KeyDocument::parse(&text).and_then(|document| document.keys());
        keys.map_err(|error| KeysUnavailable(format!("the secret {}: {error}", self.name)))
    }
}

impl KeySource for KeySecret {
    fn read(&self) -> BoxFuture<'_, Result<SigningKeys, KeysUnavailable>> {
        Box::pin(self.current())
    }
}
