//! The Lambda function that keeps data sets.

use std::process::ExitCode;

fn main() -> ExitCode {
    weir_lambda::http(weir_data::router)
}
