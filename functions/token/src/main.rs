//! The Lambda function that issues tokens.

use std::process::ExitCode;

fn main() -> ExitCode {
    weir_lambda::http(weir_token::router)
}
