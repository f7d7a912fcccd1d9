//! Secrets Manager.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_types::SdkConfig;
use thiserror::Error;

/// Secrets by name or ARN. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Secrets {
    client: Client,
}

/// Why a secret cannot be had. Never shows the secret.
#[derive(Debug, Error)]
pub enum SecretError {
    /// There is no such secret.
    #[error("there is no secret {name}")]
    Missing {
        /// Its name or ARN.
        name: String,
    },
    /// It is there and holds no text.
    #[error("the secret {name} holds no text")]
    NoText {
        /// Its name or ARN.
        name: String,
    },
    /// The call failed.
    #[error("cannot {what} the secret {name}: {cause}")]
    Failed {
        /// What was tried.
        what: &'static str,
        /// Its name or ARN.
        name: String,
        /// What Secrets Manager, or the connection to it, says.
        cause: String,
    },
}

impl Secrets {
    /// The secrets that this configuration reaches.
    pub fn new(config: &SdkConfig) -> Secrets {
        Secrets {
            client: Client::new(config),
        }
    }

    /// The current text of a secret.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub async fn read(&self, name: &str) -> Result<String, SecretError> {
        let call = self.client.get_secret_value().secret_id(name);
        let found = call
            .send()
            .await
            .map_err(|error| failed("read", name, &error))?;
        found.secret_string.ok_or_else(|| SecretError::NoText {
            name: name.to_owned(),
        })
    }

    /// Makes a secret.
    ///
    /// # Errors
    /// When there is one of this name, or it cannot be made.
    pub async fn create(&self, name: &str, text: String) -> Result<(), SecretError> {
        let call = self.client.create_secret().name(name);
        call.secret_string(text)
            .send()
            .await
            .map_err(|error| failed("create", name, &error))?;
        Ok(())
    }

    /// Gives a secret that exists a new text.
    ///
    /// # Errors
    /// When there is none, or it cannot be written.
    pub async fn write(&self, name: &str, text: String) -> Result<(), SecretError> {
        let call = self.client.put_secret_value().secret_id(name);
        call.secret_string(text)
            .send()
            .await
            .map_err(|error| failed("write", name, &error))?;
        Ok(())
    }
}

fn failed<E, R>(what: &'static str, name: &str, error: &SdkError<E, R>) -> SecretError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let name = name.to_owned();
    if error.code() == Some("ResourceNotFoundException") {
        return SecretError::Missing { name };
    }
    SecretError::Failed {
        what,
        name,
        cause: DisplayErrorContext(error).to_string(),
    }
}
