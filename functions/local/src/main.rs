//! The program `weir`. What it does is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    weir::run(weir::args::Args::of_process())
}
