//! The stand-ins as a program, for tests in other languages: prints where they are, as JSON on one
//! line, and ends with its standard input.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use serde::de::DeserializeOwned;
use serde_json::json;
use weir_third_parties::{Google, Pingdom, google, pingdom};

/// Stand-ins for Google Analytics and Pingdom, on ports of this machine.
#[derive(Debug, Parser)]
#[command(name = "weir-third-parties")]
struct Args {
    /// A fixture for Google Analytics instead of the one that comes along.
    #[arg(long, value_name = "FILE")]
    google: Option<PathBuf>,
    /// A fixture for Pingdom instead of the one that comes along.
    #[arg(long, value_name = "FILE")]
    pingdom: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let google = Google::start(fixture(args.google, google::Fixture::sample)?);
    let pingdom = Pingdom::start(fixture(args.pingdom, pingdom::Fixture::sample)?);
    println!(
        "{}",
        json!({"google": google.url(), "pingdom": pingdom.url()})
    );
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn fixture<F: DeserializeOwned>(
    file: Option<PathBuf>,
    sample: impl Fn() -> F,
) -> anyhow::Result<F> {
    let Some(file) = file else {
        return Ok(sample());
    };
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}
