//! The commands for collectors' jobs.

use std::convert::Infallible;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use weir_store::JobName;

use super::collect::time;

pub(super) const EXAMPLES: &str = "\
Examples:
  weir serve --jobs jobs --secrets secrets       run the jobs of a directory on time
  weir jobs list                                 what there is, and what came of it
  weir jobs run uptime                           run a job now and wait for its end
  weir jobs run uptime --start 2026-01-01 --end 2026-02-01
  weir jobs history uptime --json
  weir jobs sync jobs --aws --stack weir         show what would change in a deployed stack
  weir jobs sync jobs --aws --stack weir --yes   and change it
  weir jobs put-secret pingdom pingdom.json --aws

A job is a file NAME.json: the query document of a collector, with \"schedule\" (rate(1 hour),
cron(0 6 * * ? *), in \"time-zone\") and the names of its secrets (\"credentials\", \"token\").";

/// Jobs of collectors.
#[derive(Debug, ClapArgs)]
pub struct JobsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: JobsCommand,
    /// Where they are.
    #[command(flatten)]
    pub places: JobPlaces,
}

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// List the jobs: when each is due, and what came of its last run
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a job now, and wait for its end
    ///
    /// It goes on from its bookmark, or collects the given range and leaves the bookmark alone.
    /// Exit status 0 only if everything was delivered, and no record was left out. With --aws the
    /// stack's function does it.
    Run {
        /// The job's name
        name: JobName,
        /// Collect from this date or time on
        #[arg(long, value_name = "TIME", value_parser = time)]
        start: Option<weir_model::Timestamp>,
        /// Collect up to this date or time
        #[arg(long, value_name = "TIME", value_parser = time)]
        end: Option<weir_model::Timestamp>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the runs of a job, the newest first
    History {
        /// The job's name
        name: JobName,
        /// How many
        #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make the schedules of a deployed stack equal to a directory of jobs
    ///
    /// Shows what differs, and changes nothing without --yes. Only for --aws.
    Sync {
        /// The directory of job files [default: that of --jobs]
        directory: Option<PathBuf>,
        /// Make the changes
        #[arg(long)]
        yes: bool,
    },
    /// Put a secret of collectors into a deployed stack
    ///
    /// A job names it in "credentials", "token" or "backdrop". One that is there is replaced.
    /// Only for --aws.
    PutSecret {
        /// What jobs call it
        name: String,
        /// The file with its JSON object; `-` reads standard input
        file: PathBuf,
    },
}

/// Where jobs and their secrets are, for whoever runs them.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct JobPlaces {
    /// A directory of job files, NAME.json
    ///
    /// It is read again when a file changes.
    #[arg(long, global = true, value_name = "DIR", env = "WEIR_JOBS")]
    pub jobs: Option<PathBuf>,
    /// A directory with the secrets that jobs name: NAME or NAME.json
    #[arg(long, global = true, value_name = "DIR", env = "WEIR_SECRETS")]
    pub secrets: Option<PathBuf>,
    /// Log what would be collected, and collect nothing
    #[arg(long, global = true, env = "DISABLE_COLLECTORS", value_parser = only_true, action = clap::ArgAction::SetTrue)]
    pub disable_collectors: bool,
}

/// Only the word itself, as for backdrop-collector.
pub(super) fn only_true(text: &str) -> Result<bool, Infallible> {
    Ok(text == "true")
}
