//! The command that prints Singer messages.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, CommandFactory as _, FromArgMatches as _, Parser, ValueEnum};

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
    /// Taken as the published tap takes it, and without a meaning here.
    #[arg(long, hide = true)]
    dev: bool,
    #[command(flatten)]
    global: Global,
}

impl Alone {
    /// The options of all commands mean nothing here, and are not shown.
    fn read(words: &[OsString]) -> Result<Alone, clap::Error> {
        let shown = TapFiles::augment_args(clap::Command::new(OTHER_NAME));
        let is_shown = |id: &clap::Id| {
            shown
                .get_arguments()
                .any(|argument| argument.get_id() == id)
        };
        let command = Alone::command().mut_args(|argument| {
            let is_hidden = !is_shown(argument.get_id());
            argument.hide(is_hidden)
        });
        Alone::from_arg_matches(&command.try_get_matches_from(words)?)
    }
}

/// Reads a command line that begins with the other name; none if it does not.
pub(super) fn read_alone(words: &[OsString]) -> Option<Result<Args, clap::Error>> {
    let program = Path::new(words.first()?).file_name()?;
    (program == OTHER_NAME).then(|| {
        Alone::read(words).map(|Alone { files, global, .. }| {
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
            assert_eq!(
                program.contains("tap-pendo"),
                read(&format!("{program} -c c --dev")).is_ok()
            );
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

    #[test]
    fn the_help_of_tap_pendo_shows_what_a_tap_takes() {
        let help = read("tap-pendo --help").unwrap_err().to_string();
        for shown in [
            "--config",
            "--catalog",
            "--properties",
            "--state",
            "--discover",
        ] {
            assert!(help.contains(shown), "{help}");
        }
        for hidden in ["--data", "--aws", "--stack", "--client-id", "--dev"] {
            assert!(!help.contains(hidden), "{help}");
        }
    }
}
