//! What an error of the SDK says about whether a call was applied.
//!
//! Codes are those of the DynamoDB developer guide, "Error handling", and of the API reference's
//! "Common errors". Whatever is not known to have been refused is doubt.

use std::error::Error;
use std::iter::successors;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;

use super::call::{CallError, Reason};

/// Classifies a failure of any call but a transaction.
pub(super) fn classify<E>(error: SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match &error {
        SdkError::ConstructionFailure(_) => CallError::Invalid(text(&error)),
        SdkError::ServiceError(service) => by_code(
            service.err().code(),
            service.raw().status().as_u16(),
            || text(&error),
        ),
        // Timeouts, cut connections, answers that cannot be read.
        _ => CallError::Doubt(text(&error)),
    }
}

/// Classifies a failure of a transaction.
pub(super) fn classify_transaction(
    error: SdkError<TransactWriteItemsError, HttpResponse>,
) -> CallError {
    if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    {
        return CallError::Cancelled(
            cancelled
                .cancellation_reasons()
                .iter()
                .map(reason)
                .collect(),
        );
    }
    classify(error)
}

fn by_code(code: Option<&str>, status: u16, text: impl FnOnce() -> String) -> CallError {
    let refused_for_sure = (400..500).contains(&status);
    match code {
        Some(code) if refused_for_sure => match code {
            "ConditionalCheckFailedException" => CallError::Refused,
            "TransactionConflictException"
            | "TransactionInProgressException"
            | "ReplicatedWriteConflictException" => CallError::Conflict,
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "Throttling"
            | "RequestLimitExceeded" => CallError::Throttled,
            "InvalidSignatureException"
            | "RequestExpired"
            | "RequestTimeTooSkewed"
            | "ExpiredToken"
            | "ExpiredTokenException" => CallError::Expired,
            "RequestTimeoutException" | "RequestTimeout" => CallError::Doubt(text()),
            _ => CallError::Invalid(text()),
        },
        _ => CallError::Doubt(text()),
    }
}

fn reason(reason: &CancellationReason) -> Reason {
    match reason.code() {
        Some("None") => Reason::Met,
        Some("ConditionalCheckFailed") => Reason::Refused,
        Some("TransactionConflict") => Reason::Conflict,
        Some("ThrottlingError" | "ProvisionedThroughputExceeded") => Reason::Throttled,
        _ => Reason::Unknown,
    }
}

/// The message of a service's error, or the chain of causes of another. Never a request's or an
/// answer's body.
fn text<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(service) = error.as_service_error()
        && let Some(code) = service.code()
    {
        return format!("{code}: {}", service.message().unwrap_or("no message"));
    }
    let chain = successors(error.source(), |&cause| cause.source());
    chain.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
