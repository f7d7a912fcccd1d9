//! Functions that a schedule starts.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde_json::Value;
use thiserror::Error;
use weir_aws::SdkConfig;
use weir_model::Timestamp;
use weir_store::{Clock, Db, Store, SystemClock};

use crate::metrics::{Measured, Metric};
use crate::runtime;
use crate::settings::Settings;

/// Where a function is, and what it works with.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// The deployed Weir's tables.
    pub store: Store,
    /// How the rest of AWS is reached.
    pub aws: SdkConfig,
    /// The name of the deployed Weir.
    pub stack: String,
    /// What Lambda calls the function.
    pub function: String,
}

/// What a function is asked to do, once.
#[derive(Debug)]
pub struct Invocation {
    /// What the schedule sends along.
    pub input: Value,
    /// How long there is until Lambda ends it.
    pub time: Duration,
}

/// What came of an [`Invocation`].
#[derive(Debug)]
pub struct Outcome {
    /// What was done, for whoever has called.
    pub summary: Value,
    /// What is to be measured.
    pub metrics: Vec<Metric>,
    /// Why it is to count as failed, if it is.
    pub failed: Option<Failed>,
}

/// Why an invocation counts as failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Failed(pub String);

/// Runs a function that a schedule starts, as a main does. `make` is called once; without what it
/// makes the function does not start.
pub fn scheduled<W, F>(make: impl FnOnce(Deployed) -> Result<W, Failed>) -> ExitCode
where
    W: Fn(Invocation) -> F,
    F: Future<Output = Outcome>,
{
    runtime::start(async |_, settings| keep_up(settings, make).await)
}

async fn keep_up<W, F>(
    settings: Settings,
    make: impl FnOnce(Deployed) -> Result<W, Failed>,
) -> Result<(), Error>
where
    W: Fn(Invocation) -> F,
    F: Future<Output = Outcome>,
{
    let aws = weir_aws::of_function().await;
    let db = Db::on_aws(&aws, settings.tables(), Arc::new(SystemClock));
    let Settings { function, stack } = settings;
    let work = make(Deployed {
        store: Store::new(db),
        aws,
        stack,
        function: function.clone(),
    })?;
    let function = function.as_str();
    let answer = |event: LambdaEvent<Value>| {
        let (input, context) = event.into_parts();
        let time = until(context.deadline, SystemClock.now());
        let outcome = work(Invocation { input, time });
        async move { settle(outcome.await, function) }
    };
    Runtime::new(service_fn(answer)).run().await
}

/// The metrics are written whatever came of it.
fn settle(outcome: Outcome, function: &str) -> Result<Value, Error> {
    Measured::work(outcome.metrics).write(function, &SystemClock);
    match outcome.failed {
        None => Ok(outcome.summary),
        Some(failed) => Err(failed.into()),
    }
}

/// How long it is until a deadline in Unix milliseconds.
fn until(deadline_ms: u64, now: Timestamp) -> Duration {
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(0);
    Duration::from_millis(deadline_ms.saturating_sub(now_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_time_until_the_deadline_and_none_after_it() {
        let now = Timestamp::from_millis(1_000_000).unwrap();
        assert_eq!(until(1_000_000 + 900_000, now), Duration::from_secs(900));
        assert_eq!(until(999_999, now), Duration::ZERO);
    }

    #[test]
    fn what_failed_is_an_error_that_says_why() {
        let outcome = |failed: Option<&str>| Outcome {
            summary: Value::from(7),
            metrics: vec![],
            failed: failed.map(|why| Failed(why.to_owned())),
        };
        assert_eq!(settle(outcome(None), "f").unwrap(), 7);
        let error = settle(outcome(Some("planted")), "f").unwrap_err();
        assert_eq!(error.to_string(), "planted");
    }
}
