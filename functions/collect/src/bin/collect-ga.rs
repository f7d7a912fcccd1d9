//! The Lambda function that runs the jobs that read Google Analytics.

use std::process::ExitCode;

fn main() -> ExitCode {
    weir_collect::function()
}
