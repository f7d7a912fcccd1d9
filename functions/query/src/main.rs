//! The Lambda function that answers questions. It also says how this Weir is, and describes the
//! interface of all functions.

use std::process::ExitCode;
use std::sync::Arc;

use weir_service::{health, openapi};

/// What `weir openapi` prints. Made ahead, so that this function needs neither the code of the
/// others nor the time to describe them at each start; a test of `weir` compares.
const DESCRIPTION: &str = include_str!("../../../docs/openapi.json");

fn main() -> ExitCode {
    weir_lambda::http(|service| {
        weir_query::router(Arc::clone(&service))
            .merge(health::router(service))
            .merge(openapi::serving(DESCRIPTION))
    })
}
