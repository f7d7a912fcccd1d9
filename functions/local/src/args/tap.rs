//! The command that prints Singer messages.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir tap pingdom --config pingdom.json --discover > catalog.json
  weir tap pingdom --config pingdom.json --catalog catalog.json --state state.json
  weir tap ga --config ga.json | target-jsonl

Messages go to standard output and the log to standard error. Exit status: 0 only if everything
was read; a record that is left out because it breaks a rule is a warning in the log.";

/// What to tap.
#[derive(Debug, ClapArgs)]
pub struct TapArgs {
    /// The third party
    #[arg(value_enum)]
    pub source: TapSource,
    /// The tap's configuration: a JSON file
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// Where to go on: the value of the last STATE message
    #[arg(short, long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Which streams and fields to emit, as --discover prints them
    #[arg(long, value_name = "FILE")]
    pub catalog: Option<PathBuf>,
    /// The older name of --catalog
    #[arg(short, long, value_name = "FILE", conflicts_with = "catalog")]
    pub properties: Option<PathBuf>,
    /// Print the catalog of the streams there are, and read nothing
    #[arg(short, long)]
    pub discover: bool,
}

/// Third parties with a tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TapSource {
    /// Pingdom
    Pingdom,
    /// Google Analytics 4
    Ga,
}
