//! The commands for data sets.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use weir_model::{DataSetName, DataSetSettings};

/// What to do with data sets.
#[derive(Debug, Subcommand)]
pub enum DatasetCommand {
    /// Make a data set and print its token, which is done only then
    #[command(after_long_help = CREATE_EXAMPLES)]
    Create {
        /// Its name, GROUP/TYPE: each part letters, digits, `_` and `-`
        name: DataSetName,
        /// How it is read
        #[command(flatten)]
        settings: SettingsArgs,
        /// Take the token in this file, which collectors have already; `-` reads standard input
        ///
        /// A token has 8 to 256 visible ASCII characters. Spaces and line ends around it are left
        /// out, and a file of a collector, {"token": "..."}, is read as well.
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the data sets, with when they were last written to
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a data set: its settings, and how many records it has
    Show {
        /// Its name, GROUP/TYPE
        name: DataSetName,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change settings of a data set; those that are not named stay
    #[command(after_long_help = SET_EXAMPLES)]
    Set {
        /// Its name, GROUP/TYPE
        name: DataSetName,
        /// How it is read
        #[command(flatten)]
        settings: SettingsArgs,
        /// Expect records at no time: takes --max-age-expected back
        #[arg(long, conflicts_with = "max_age_expected")]
        no_max_age: bool,
    },
    /// Give a data set another token and print it; the one before ends at once
    RotateToken {
        /// Its name, GROUP/TYPE
        name: DataSetName,
        /// Take the token in this file; `-` reads standard input
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a data set and all its records
    Delete {
        /// Its name, GROUP/TYPE
        name: DataSetName,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

const CREATE_EXAMPLES: &str = "\
Examples:
  weir dataset create govuk-info/page-statistics
  weir dataset create pingdom/govuk --max-age-expected 7200 --token-file token.json
  weir dataset create tests/draft --unpublished --raw-queries-allowed false";

const SET_EXAMPLES: &str = "\
Examples:
  weir dataset set tests/draft --published true
  weir dataset set pingdom/govuk --realtime --no-max-age";

/// Settings of a data set; what is not said stays as it is, or as it is by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, ClapArgs)]
pub struct SettingsArgs {
    /// Whether anybody may ask for single records and short spans [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub raw_queries_allowed: Option<bool>,
    /// Whether answers are final; else they carry a warning [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub published: Option<bool>,
    /// The same as --published false
    #[arg(long, conflicts_with = "published")]
    pub unpublished: bool,
    /// Whether anybody may read it at all [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub queryable: Option<bool>,
    /// Whether caches keep answers for two minutes and not for half an hour [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub realtime: Option<bool>,
    /// After how many seconds without new records /_status/data-sets lists it [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_age_expected: Option<u64>,
}

impl SettingsArgs {
    /// These settings, and for the rest the others.
    pub(crate) fn over(&self, others: DataSetSettings) -> DataSetSettings {
        let published = self.unpublished.then_some(false).or(self.published);
        DataSetSettings {
            raw_queries_allowed: self
                .raw_queries_allowed
                .unwrap_or(others.raw_queries_allowed),
            published: published.unwrap_or(others.published),
            queryable: self.queryable.unwrap_or(others.queryable),
            realtime: self.realtime.unwrap_or(others.realtime),
            max_age_expected_s: self.max_age_expected.or(others.max_age_expected_s),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    fn settings(line: &str) -> DataSetSettings {
        let line = format!("weir dataset create a/b {line}");
        let args = Args::parse_from(line.split_whitespace());
        match args.command {
            Some(Command::Dataset(DatasetCommand::Create { settings, .. })) => {
                settings.over(DataSetSettings::default())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_setting_that_is_not_said_is_as_by_default() {
        assert_eq!(settings(""), DataSetSettings::default());
        let expected = DataSetSettings {
            raw_queries_allowed: false,
            published: false,
            queryable: true,
            realtime: true,
            max_age_expected_s: Some(60),
        };
        let line = "--raw-queries-allowed false --unpublished --realtime --max-age-expected 60";
        assert_eq!(settings(line), expected);
        assert_eq!(settings("--published"), DataSetSettings::default());
    }

    #[test]
    fn a_name_has_two_parts() {
        for bad in ["a", "a/b/c", "a b/c"] {
            let args = Args::try_parse_from(["weir", "dataset", "show", bad]);
            assert!(args.unwrap_err().to_string().contains("group/type"));
        }
    }
}
