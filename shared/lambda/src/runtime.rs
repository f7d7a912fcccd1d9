//! Starts a function: its log, its settings, and the one thread that it works on.

use std::process::ExitCode;

use lambda_runtime::Error;

use crate::log::{self, Filter};
use crate::settings::{Environment, SettingError, Settings};

/// The process's own environment.
pub(crate) type OfProcess = Environment<fn(&str) -> Option<String>>;

/// Does a function's work until Lambda ends it. What keeps it from starting is logged, and Lambda
/// starts another.
pub(crate) fn start(work: impl AsyncFnOnce(&OfProcess, Settings) -> Result<(), Error>) -> ExitCode {
    let environment = Environment::new(variable as fn(&str) -> Option<String>);
    match carry_out(&environment, work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function cannot go on: {error}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(
    environment: &OfProcess,
    work: impl AsyncFnOnce(&OfProcess, Settings) -> Result<(), Error>,
) -> Result<(), Error> {
    start_log(environment)?;
    let settings = environment.settings()?;
    // A function has one request at a time and seldom more than one processor: threads would only
    // have to be started.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work(environment, settings))
}

/// A filter that cannot be read must not keep its own error from the log.
fn start_log(environment: &OfProcess) -> Result<(), SettingError> {
    let (filter, read) = match environment.log() {
        Ok(filter) => (filter, Ok(())),
        Err(error) => (Filter::default(), Err(error)),
    };
    log::start(filter);
    read
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where functions read their configuration"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
