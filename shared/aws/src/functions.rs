//! Lambda functions, as those who start them see them.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_types::SdkConfig;

use crate::call::{CallError, failed};

/// Functions by name or ARN. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Functions {
    client: Client,
}

impl Functions {
    /// The functions that this configuration reaches.
    pub fn new(config: &SdkConfig) -> Functions {
        Functions {
            client: Client::new(config),
        }
    }

    /// Has a function run with an event, a JSON text of at most 1 MB, and does not wait for it.
    ///
    /// Once this has returned, Lambda has the event and runs the function at least once.
    ///
    /// # Errors
    /// When there is no such function, or Lambda does not take the event.
    pub async fn invoke(&self, function: &str, event: String) -> Result<(), CallError> {
        let call = self.client.invoke().function_name(function);
        call.invocation_type(InvocationType::Event)
            .payload(Blob::new(event))
            .send()
            .await
            .map_err(|error| failed("invoke", format!("function {function}"), &error))?;
        Ok(())
    }
}
