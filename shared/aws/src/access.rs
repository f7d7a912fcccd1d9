//! Whether there is anything to reach AWS with, asked before the first call so that the answer
//! can say what is missing.

use std::error::Error;
use std::iter::successors;

use aws_credential_types::provider::ProvideCredentials as _;
use aws_types::SdkConfig;
use thiserror::Error;

/// What is missing.
#[derive(Debug, Error)]
pub enum AccessError {
    /// Neither the environment nor a profile names a region.
    #[error("no AWS region is given")]
    NoRegion,
    /// None of the places that credentials come from has any.
    #[error("no AWS credentials: {0}")]
    NoCredentials(String),
}

/// Gives the region, once credentials have been found, too.
///
/// # Errors
/// When there is no region, or there are no credentials.
pub async fn region_with_access(config: &SdkConfig) -> Result<String, AccessError> {
    let region = config.region().ok_or(AccessError::NoRegion)?;
    let provider = config
        .credentials_provider()
        .ok_or_else(|| AccessError::NoCredentials("there is no provider".into()))?;
    match provider.provide_credentials().await {
        Ok(_) => Ok(region.to_string()),
        Err(error) => Err(AccessError::NoCredentials(chain(&error))),
    }
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let causes = successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
