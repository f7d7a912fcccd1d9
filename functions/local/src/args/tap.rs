//! The command that prints Singer messages.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Parser, ValueEnum};

use super::{Args, Command, Global};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir tap pingdom --config pingdom.json --discover > catalog.json
  weir tap pingdom --config pingdom.json --catalog catalog.json --state state.json
  weir tap ga --config ga.json | target-jsonl
  weir tap pendo --config pendo.json --catalog catalog.json --state state.json

Messages go to standard output and the log to standard error. Exit status: 0 only if everything
was read; a record that is left out because it breaks a rule is a warning in the log.

Called by the name tap-pendo, as a link, weir is the command tap pendo.";

const ALONE_EXAMPLES: &str = "\
Examples:
  tap-pendo --config config.json --discover > catalog.json
  tap-pendo --config config.json --catalog catalog.json --state state.json | target-json

Messages go to standard output, progress and metrics to standard error. Exit status: 0 only if
everything was read.";

/// The name by which the program is the tap of Pendo alone.
const OTHER_NAME: &str = "tap-pendo";

/// What to tap.
#[derive(Debug, ClapArgs)]
pub struct TapArgs {
    /// The third party
    #[arg(value_enum)]
    pub source: TapSource,
    /// What it is told.
    #[command(flatten)]
    pub files: TapFiles,
}

/// The files of a tap.
#[derive(Debug, ClapArgs)]
pub struct TapFiles {
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
    /// Pendo
    Pendo,
}

/// The program under its other name.
#[derive(Debug, Parser)]
#[command(
    name = OTHER_NAME,
    version,
    about = "Prints what Pendo has as Singer messages",
    after_long_help = ALONE_EXAMPLES,
    max_term_width = 100
)]
struct Alone {
    #[command(flatten)]
    files: TapFiles,
    #[command(flatten)]
    global: Global,
}

/// Reads a command line that begins with the other name; none if it does not.
pub(super) fn read_alone(words: &[OsString]) -> Option<Result<Args, clap::Error>> {
    let program = Path::new(words.first()?).file_name()?;
    (program == OTHER_NAME).then(|| {
        Alone::try_parse_from(words).map(|Alone { files, global }| {
            let source = TapSource::Pendo;
            Args {
                command: Some(Command::Tap(TapArgs { source, files })),
                global,
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<TapArgs, clap::Error> {
        match Args::read(line.split(' '))?.command {
            Some(Command::Tap(tap)) => Ok(tap),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_pipeline_of_tap_pendo_needs_no_change() {
        for program in ["tap-pendo", "/venv/bin/tap-pendo", "weir tap pendo"] {
            let long = "--config c.json --catalog cat.json --state s.json";
            let tap = read(&format!("{program} {long}")).unwrap();
            assert_eq!(tap.source, TapSource::Pendo);
            assert_eq!(tap.files.config, Path::new("c.json"));
            assert_eq!(tap.files.catalog.as_deref(), Some(Path::new("cat.json")));
            assert_eq!(tap.files.state.as_deref(), Some(Path::new("s.json")));
            assert!(!tap.files.discover);
            let short = read(&format!("{program} -c c.json -p cat.json -s s.json")).unwrap();
            let properties = short.files.properties.as_deref();
            assert_eq!(properties, Some(Path::new("cat.json")));
            assert_eq!(short.files.state, tap.files.state);
            assert!(
                read(&format!("{program} -c c.json -d"))
                    .unwrap()
                    .files
                    .discover
            );
        }
    }

    #[test]
    fn a_command_line_of_tap_pendo_without_its_configuration_is_wrong() {
        let error = read("tap-pendo --discover").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("--config"), "{error}");
        let error = read("tap-pendo -c c --catalog a --properties b").unwrap_err();
        assert!(error.to_string().contains("--properties"), "{error}");
    }
}
