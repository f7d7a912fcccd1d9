//! The Lambda function that runs the jobs that read Pingdom.

use std::process::ExitCode;

fn main() -> ExitCode {
    weir_collect::function()
}
