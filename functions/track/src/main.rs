//! The Lambda function that takes events in.

use std::process::ExitCode;

fn main() -> ExitCode {
    weir_lambda::http(weir_track::router)
}
