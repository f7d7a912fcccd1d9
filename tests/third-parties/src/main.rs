//! The stand-ins as a program, for tests in other languages: prints where they are, as JSON on one
//! line, and ends with its standard input.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use serde::de::DeserializeOwned;
use serde_json::json;
use weir_third_parties::{Google, Pendo, PendoFixture, Pingdom, google, pendo, pingdom};

/// Stand-ins for Google Analytics, Pendo and Pingdom, on ports of this machine.
#[derive(Debug, Parser)]
#[command(name = "weir-third-parties")]
struct Args {
    /// A fixture for Google Analytics instead of the one that comes along.
    #[arg(long, value_name = "FILE")]
    google: Option<PathBuf>,
    /// A fixture for Pingdom instead of the one that comes along.
    #[arg(long, value_name = "FILE")]
    pingdom: Option<PathBuf>,
    /// What Pendo holds: plain, awkward, large:ROWS, histories:VISITORS, or a fixture's file.
    #[arg(long, value_name = "WHAT", default_value = "plain")]
    pendo: String,
    /// What time it is at Pendo, in milliseconds since 1970; without it, 2 March 2026, 10:30, or what
    /// the fixture says.
    #[arg(long, value_name = "MS")]
    pendo_now: Option<i64>,
    /// By how much each answer of Pendo is late.
    #[arg(long, value_name = "MS")]
    pendo_delay: Option<u64>,
    /// How many of the newest requests to Pendo are kept; all, if nothing is said.
    #[arg(long, value_name = "COUNT")]
    pendo_requests: Option<usize>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let pendo = Pendo::start(pendo_fixture(&args)?);
    let google = Google::start(fixture(args.google, google::Fixture::sample)?);
    let pingdom = Pingdom::start(fixture(args.pingdom, pingdom::Fixture::sample)?);
    println!(
        "{}",
        json!({"google": google.url(), "pendo": pendo.url(), "pingdom": pingdom.url()})
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

fn pendo_fixture(args: &Args) -> anyhow::Result<PendoFixture> {
    let now = args.pendo_now.unwrap_or(pendo::NOW);
    let mut fixture = match args.pendo.split_once(':') {
        Some(("large", rows)) => PendoFixture::large_at(rows.parse()?, now),
        Some(("histories", visitors)) => PendoFixture::histories_at(visitors.parse()?, now),
        _ if args.pendo == "plain" => PendoFixture::plain_at(now),
        _ if args.pendo == "awkward" => PendoFixture::awkward_at(now),
        _ => fixture(Some((&args.pendo).into()), PendoFixture::plain)?,
    };
    fixture.now = args.pendo_now.unwrap_or(fixture.now);
    fixture.delay_ms = args.pendo_delay.unwrap_or(fixture.delay_ms);
    fixture.kept_requests = args.pendo_requests.or(fixture.kept_requests);
    Ok(fixture)
}
