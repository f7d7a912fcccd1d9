//! Secrets Manager.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_types::SdkConfig;
use thiserror::Error;

/// Codes of errors that stay until somebody allows something (AWS Secrets Manager API Reference,
/// "GetSecretValue").
const DENIED: [&str; 2] = ["AccessDeniedException", "DecryptionFailure"];

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
        /// Whether whoever asks may not: that does not pass by itself.
        is_denied: bool,
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
    let code = error.code();
    if code == Some("ResourceNotFoundException") {
        return SecretError::Missing { name };
    }
    SecretError::Failed {
        what,
        name,
        cause: DisplayErrorContext(error).to_string(),
        is_denied: code.is_some_and(|code| DENIED.contains(&code)),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::error::ErrorMetadata;
    use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;

    use super::*;

    fn refused(code: &str) -> SecretError {
        let metadata = ErrorMetadata::builder().code(code).build();
        let error = GetSecretValueError::generic(metadata);
        failed("read", "shop", &SdkError::service_error(error, ()))
    }

    #[test]
    fn what_is_not_allowed_is_told_from_what_passes() {
        let is_denied = |code: &str| match refused(code) {
            SecretError::Failed { is_denied, .. } => is_denied,
            other => panic!("{code}: {other}"),
        };
        assert!(is_denied("AccessDeniedException"));
        assert!(is_denied("DecryptionFailure"));
        assert!(!is_denied("ThrottlingException"));
        assert!(!is_denied("InternalServiceError"));
        let missing = refused("ResourceNotFoundException");
        assert!(matches!(missing, SecretError::Missing { .. }), "{missing}");
    }
}
