//! The program `weir`. What it does is in the library beside it.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    weir::run(weir::args::Args::parse())
}
