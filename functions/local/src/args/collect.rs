//! The command line of backdrop-collector.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Parser};
use weir_model::Timestamp;

use super::{Args, Command, Global};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir collect -q query.json -c credentials.json -t token.json -b backdrop.json
  weir collect -q query.json -c credentials.json -t token.json -b backdrop.json \\
       --start 2026-01-01 --end 2026-02-01
  weir collect -q query.json -c credentials.json -t token.json -b backdrop.json --dry-run

QUERY       {\"entrypoint\": \"backdrop.collector.pingdom\", \"query\": {…}, \"options\": {…},
             \"data-set\": {\"data-group\": …, \"data-type\": …}}
CREDENTIALS what the third party wants to see
TOKEN       {\"token\": …}
BACKDROP    {\"url\": \"https://weir.example/data\"}

Called by the name backdrop-collector or pp-collector, as a link, weir is this command.
Exit status: 0 only if everything was delivered: 1 as well when records were left out.";

/// The names by which the program is this command alone.
const OTHER_NAMES: [&str; 2] = ["backdrop-collector", "pp-collector"];

/// What to collect.
#[derive(Debug, ClapArgs)]
pub struct CollectArgs {
    /// The file that says what to collect, and for which data set
    #[arg(
        short,
        long,
        value_name = "FILE",
        required_unless_present = "collector"
    )]
    pub query: Option<PathBuf>,
    /// The file with the credentials for the third party
    #[arg(short, long, value_name = "FILE")]
    pub credentials: PathBuf,
    /// The file with the data set's token; not needed when the query file says another sink
    #[arg(short, long, value_name = "FILE")]
    pub token: Option<PathBuf>,
    /// The file that says where Backdrop is; not needed when the query file says another sink
    #[arg(short, long, value_name = "FILE", alias = "performanceplatform")]
    pub backdrop: Option<PathBuf>,
    /// Collect from this date or time on
    #[arg(short, long, value_name = "TIME", value_parser = time)]
    pub start: Option<Timestamp>,
    /// Collect up to this date or time
    #[arg(short, long, value_name = "TIME", value_parser = time)]
    pub end: Option<Timestamp>,
    /// Print what would be sent or written, the token masked, and deliver nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Log to standard error, instead of log/collector.log
    #[arg(long)]
    pub console_logging: bool,
    /// Log what would be collected, and collect nothing
    #[arg(long, env = "DISABLE_COLLECTORS", value_parser = super::jobs::only_true, action = clap::ArgAction::SetTrue)]
    pub disable_collectors: bool,
    /// The level of the log, by the names of backdrop-collector: DEBUG, INFO, WARNING, ERROR
    #[arg(long, value_name = "LEVEL", env = "LOGLEVEL", hide = true)]
    pub loglevel: Option<String>,
    /// The slug of a collector whose configuration was asked for over HTTP, which is no more
    #[arg(short = 'l', long, value_name = "SLUG", hide = true)]
    pub collector: Option<String>,
}

/// The program under its old names.
#[derive(Debug, Parser)]
#[command(
    version,
    about = "Collects from Google Analytics or Pingdom into Backdrop",
    after_long_help = EXAMPLES,
    max_term_width = 100
)]
struct Alone {
    #[command(flatten)]
    collect: CollectArgs,
    #[command(flatten)]
    global: Global,
}

/// Reads a command line that begins with one of the old names; none if it does not.
pub(super) fn read_alone(words: &[OsString]) -> Option<Result<Args, clap::Error>> {
    let program = Path::new(words.first()?).file_name()?.to_str()?;
    OTHER_NAMES.contains(&program).then(|| {
        Alone::try_parse_from(words).map(|Alone { collect, global }| Args {
            command: Some(Command::Collect(collect)),
            global,
        })
    })
}

/// Reads a date, which is its midnight in UTC, or a time.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let what = "a date such as 2026-01-31, or a time such as 2026-01-31T06:00:00Z";
    // A bare number would be read as seconds.
    let dated = text.contains('-');
    let parsed = dated.then(|| Timestamp::parse(text).ok()).flatten();
    parsed.ok_or_else(|| format!("it is not {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<CollectArgs, clap::Error> {
        let args = Args::read(line.split(' '))?;
        match args.command {
            Some(Command::Collect(collect)) => Ok(collect),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_old_command_line_means_what_it_meant() {
        for program in [
            "weir collect",
            "backdrop-collector",
            "/usr/bin/pp-collector",
        ] {
            let line = format!("{program} -q q.json -c c.json -t t.json -b b.json -s 2026-01-01");
            let args = read(&line).unwrap();
            assert_eq!(args.query.as_deref(), Some(Path::new("q.json")));
            assert_eq!(args.credentials, Path::new("c.json"));
            assert_eq!(args.token.as_deref(), Some(Path::new("t.json")));
            assert_eq!(args.backdrop.as_deref(), Some(Path::new("b.json")));
            let start = args.start.map(|start| start.to_string());
            assert_eq!(start.as_deref(), Some("2026-01-01T00:00:00Z"));
            assert!(!args.dry_run && !args.console_logging && args.end.is_none());
        }
        let long = "pp-collector --query q --credentials c --token t --performanceplatform b \
                    --start 2026-01-01 --end 2026-02-01T06:00:00Z --dry-run --console-logging";
        let args = read(long).unwrap();
        assert!(args.dry_run && args.console_logging && args.end.is_some());
    }

    #[test]
    fn what_is_missing_or_no_date_is_told() {
        let check = |line: &str, expected: &str| {
            let error = read(line).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(expected), "{error}");
        };
        check("weir collect -c c.json", "--query");
        check("backdrop-collector -q q.json", "--credentials");
        let dated = "weir collect -q q -c c -s";
        check(&format!("{dated} yesterday"), "2026-01-31");
        check(&format!("{dated} 1700000000"), "2026-01-31");
    }
}
