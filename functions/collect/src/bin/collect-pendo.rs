//! The Lambda function that runs the jobs that read Pendo.

use std::process::ExitCode;

fn main() -> ExitCode {
    weir_collect::function()
}
