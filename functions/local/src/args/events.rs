//! The commands that store events and ask for them.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::PossibleValuesParser;
use clap::{Args as ClapArgs, ValueEnum};
use weir_model::{Aggregation, Granularity};

pub(super) const TRACK_EXAMPLES: &str = "\
Examples:
  weir track Frontend pageView 1
  weir track Server-1 availableMemory 734003200 --timestamp 2020-11-12T11:10:00Z
  weir track shop sale 19.90 --actor customer-17 --property currency=EUR --property items:=3";

/// One event.
#[derive(Debug, ClapArgs)]
pub struct TrackArgs {
    /// What the event belongs to
    pub namespace: String,
    /// What happened
    pub name: String,
    /// A number
    #[arg(allow_hyphen_values = true)]
    pub value: String,
    /// When it happened: ISO 8601, Unix seconds or milliseconds [default: now]
    #[arg(long, value_name = "TIME")]
    pub timestamp: Option<String>,
    /// A name of the event's own: a second event of the series with it is not counted
    #[arg(long)]
    pub id: Option<String>,
    /// Who did it
    #[arg(long)]
    pub actor: Option<String>,
    /// Anything else: KEY=TEXT, or KEY:=JSON; may be given several times
    #[arg(long = "property", value_name = "KEY=VALUE", value_parser = Property::from_str)]
    pub properties: Vec<Property>,
}

/// A property of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: serde_json::Value,
}

impl FromStr for Property {
    type Err = String;

    fn from_str(text: &str) -> Result<Property, String> {
        let (key, value) = text.split_once('=').ok_or("write KEY=TEXT or KEY:=JSON")?;
        let (key, value) = match key.strip_suffix(':') {
            Some(key) => {
                let value = serde_json::from_str(value).map_err(|error| error.to_string())?;
                (key, value)
            }
            None => (key, value.into()),
        };
        match key.is_empty() {
            true => Err("the key is empty".into()),
            false => Ok(Property {
                key: key.into(),
                value,
            }),
        }
    }
}

pub(super) const QUERY_EXAMPLES: &str = "\
Examples:
  weir query Frontend pageView --granularity day --aggregation count
  weir query Server-1 memory --from 2024-01-01 --to 2024-12-31T23:59:59.999Z \\
       --granularity month --aggregation max --tz Europe/Berlin
  weir query shop sale --granularity week --aggregation sum --fill zero --format csv

Each line has the time of the earliest event of its group and the aggregate of the group.";

/// A question.
#[derive(Debug, ClapArgs)]
pub struct QueryArgs {
    /// The series' namespace
    pub namespace: String,
    /// The series' name
    pub name: String,
    /// The first instant that counts: ISO 8601, Unix seconds or milliseconds
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// The last instant that counts
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// How events are grouped in time; none: by equal timestamps
    #[arg(long, default_value = "none", value_parser = words(Granularity::ALL))]
    pub granularity: String,
    /// What is made of a group
    #[arg(long, default_value = "avg", value_parser = words(Aggregation::ALL))]
    pub aggregation: String,
    /// The time zone whose days count, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
    /// What stands for groups without events
    #[arg(long, default_value = "none", value_parser = ["none", "zero", "null"])]
    pub fill: String,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

fn words<const N: usize>(all: [impl ToString; N]) -> PossibleValuesParser {
    PossibleValuesParser::new(all.map(|word| word.to_string()))
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// What the HTTP interface answers.
    Json,
    /// Lines for spreadsheets.
    Csv,
}

pub(super) const IMPORT_ABOUT: &str = "\
Store a file of events.

Events go in batches, each under a key of its own, and a journal remembers which of them were
stored. So an import that was interrupted, even by a crash, goes on where it stopped when it is
started again, and no event is counted twice. A finished import is remembered, too: the same
file again does nothing, and a file that has grown since is imported from where it had ended.

A line that is no event ends the import: what stands before its batch is stored, nothing of its
batch is. Mend the line and start the import again, or use --skip-bad.

Formats:
  ndjson   an event as a JSON object on each line, as export writes it
  csv      a header with namespace, name, timestamp and value; id, actor and expires are
           recognised, and every other column becomes a property
  django   what `manage.py dumpdata` writes: a JSON list of {\"model\", \"pk\", \"fields\"};
           entries whose fields have no namespace and value are passed over";

pub(super) const IMPORT_EXAMPLES: &str = "\
Examples:
  weir import events.ndjson
  gunzip -c 2024.csv.gz | weir import - --format csv
  weir import data.json --server https://weir.example.org --client-id importer \\
       --client-secret-file secret";

/// What to import.
#[derive(Debug, ClapArgs)]
pub struct ImportArgs {
    /// The file; - for standard input
    pub file: PathBuf,
    /// How it is written; guessed from the name and the first bytes if not given
    #[arg(long, value_enum)]
    pub format: Option<ImportFormat>,
    /// Leave lines out that are no events, and report them
    #[arg(long)]
    pub skip_bad: bool,
    /// Import everything once more, as a new import
    #[arg(long)]
    pub again: bool,
    /// What to do with batches that were sent more than a day ago and never confirmed
    #[arg(long, value_enum, value_name = "HOW")]
    pub unconfirmed: Option<Unconfirmed>,
}

/// How a file of events is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImportFormat {
    /// An event as JSON on each line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
    /// What Django's dumpdata writes.
    Django,
}

/// What to do with batches whose keys are no longer valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Unconfirmed {
    /// Send them again: if they were stored, they count twice.
    Resend,
    /// Take them for stored: if they were not, they are missing.
    Skip,
}

pub(super) const EXPORT_EXAMPLES: &str = "\
Examples:
  weir export -o everything.ndjson
  weir export Frontend pageView --from 2024-01-01 --to 2024-01-31T23:59:59.999Z";

/// What to export.
#[derive(Debug, ClapArgs)]
pub struct ExportArgs {
    /// One namespace instead of all
    pub namespace: Option<String>,
    /// One series of it
    pub name: Option<String>,
    /// The first instant to export: ISO 8601, Unix seconds or milliseconds
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// The last instant to export
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// The file to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
