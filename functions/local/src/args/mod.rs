//! The command line: what can be asked for, what it is called in the environment, and what holds
//! when nothing is said. Nothing else reads the environment, except for what belongs to AWS:
//! its own tools' variables and profiles are found by its own SDK.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{
    ArgMatches, Args as ClapArgs, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
    ValueEnum,
};
use clap_complete::Shell;
use weir_service::SnippetPath;
use weir_service::cors::Origins;

mod admin;
mod collect;
mod dataset;
mod events;
mod jobs;
mod rejected;
mod tap;

pub use admin::{ClientCommand, KeyCommand, ShardsArgs, SigningKeyCommand, VerifyArgs};
pub use collect::CollectArgs;
pub use dataset::{DatasetCommand, SettingsArgs};
pub use events::{
    ExportArgs, Format, ImportArgs, ImportFormat, Property, QueryArgs, TrackArgs, Unconfirmed,
};
pub use jobs::{JobPlaces, JobsArgs, JobsCommand};
pub use rejected::{RejectedArgs, Since};
pub use tap::{TapArgs, TapFiles, TapSource};

const ABOUT: &str = "\
Weir stores events and answers aggregates of them.

Without a command it serves: the HTTP interface on 127.0.0.1:8080, with its data in ./weir-data.
Every other command is a client of that interface. Without --server it talks to the server that
keeps --data, through a socket that only its owner can open, and needs no credentials; when none
is running it opens the data itself for as long as it takes. With --server it talks to any Weir,
with the credentials of a client. With --aws it works on the tables of a deployed stack, with
whatever credentials other AWS tools find.";

const EXAMPLES: &str = "\
Examples:
  weir                                       serve on 127.0.0.1:8080, data in ./weir-data
  weir track Frontend pageView 1             store an event
  weir query Frontend pageView --granularity day --aggregation count
  weir import events.ndjson                  store a file of events; resumes when interrupted
  weir export Frontend -o frontend.ndjson    save the events of a namespace
  weir client create --label 'the website'   make a client for the HTTP interface
  weir key create --label web                make a key for trackers, which can only write
  weir dataset create web/visits             make a data set, as Backdrop has them
  weir serve --jobs jobs --secrets secrets   serve, and run collectors on their schedules
  weir query Frontend pageView --server https://weir.example.org \\
       --client-id ID --client-secret-file secret
  weir client create --aws --stack weir      make a client of a deployed stack

Exit status: 0 when done, 1 when something failed, 2 when the command line is wrong.";

/// Event tracking and aggregates on one machine: the server and its command line.
#[derive(Debug, Parser)]
#[command(
    name = "weir",
    version,
    about = "Stores events and answers aggregates of them",
    long_about = ABOUT,
    after_long_help = EXAMPLES,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub struct Args {
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
}

impl Args {
    /// Reads this process's command line; ends the process when it is wrong, or asks for help.
    pub fn of_process() -> Args {
        Args::read(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// Reads a command line.
    ///
    /// # Errors
    /// When it is wrong, or asks for help.
    pub fn read<W: Into<OsString> + Clone>(
        words: impl IntoIterator<Item = W>,
    ) -> Result<Args, clap::Error> {
        let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        if let Some(alone) = collect::read_alone(&words).or_else(|| tap::read_alone(&words)) {
            return alone;
        }
        let mut command = Args::command();
        let matches = command.try_get_matches_from_mut(words)?;
        if let Some(clash) = clash(&matches) {
            return Err(command.error(ErrorKind::ArgumentConflict, clash));
        }
        Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// What does not go together. Only what stands on the command line counts: what is in the
/// environment gives way.
fn clash(matches: &ArgMatches) -> Option<String> {
    let said = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
    if !matches.get_flag("aws") {
        return said(&"stack").then(|| "--stack names a stack for --aws".into());
    }
    let other = ["server", "data"].into_iter().find(said)?;
    Some(format!("--aws does not go with --{other}"))
}

impl Global {
    /// Where a command works.
    pub(crate) fn target(&self) -> Target<'_> {
        match &self.server {
            _ if self.aws => Target::Stack(&self.stack),
            Some(server) => Target::Server(server),
            None => Target::Data(&self.data),
        }
    }
}

/// Where a command works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// On the data in this directory.
    Data(&'a Path),
    /// At the server with this address.
    Server(&'a str),
    /// On the tables of the deployed stack of this name.
    Stack(&'a str),
}

/// Options that stand before or after any command.
#[derive(Debug, Clone, ClapArgs)]
pub struct Global {
    /// Where the data is
    ///
    /// A directory that belongs to one Weir: its database, the key that signs tokens, and the
    /// control socket. It is made when it is missing, and closed to everybody but its owner.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "WEIR_DATA",
        default_value = "./weir-data"
    )]
    pub data: PathBuf,

    /// The Weir to talk to, instead of the one that keeps --data
    ///
    /// Needs --client-id and a secret. Not for `serve`, `client`, `key`, `dataset`, `jobs`,
    /// `signing-key`, `shards` and `verify`, which work where the data is.
    #[arg(long, global = true, value_name = "URL", env = "WEIR_SERVER")]
    pub server: Option<String>,

    /// Work on a deployed stack's tables, instead of --data
    ///
    /// Region and credentials are those of every AWS tool: AWS_REGION, AWS_PROFILE, single sign-on
    /// and so on. Not for `serve`.
    #[arg(long, global = true)]
    pub aws: bool,

    /// The name of the deployed stack, for --aws
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "WEIR_STACK",
        default_value = "weir"
    )]
    pub stack: String,

    /// The client to be at --server; with `serve`, the client that shall exist
    #[arg(long, global = true, value_name = "ID", env = "WEIR_CLIENT_ID")]
    pub client_id: Option<String>,

    /// The secret of --client-id
    ///
    /// Others on this machine can see it on the command line: --client-secret-file and
    /// WEIR_CLIENT_SECRET keep it out of sight.
    #[arg(
        long,
        global = true,
        value_name = "SECRET",
        env = "WEIR_CLIENT_SECRET",
        hide_env_values = true
    )]
    pub client_secret: Option<Secret>,

    /// A file with the secret of --client-id; wins over --client-secret
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "WEIR_CLIENT_SECRET_FILE"
    )]
    pub client_secret_file: Option<PathBuf>,

    /// What to log to standard error: a level, or a filter such as info,weir_store=debug
    ///
    /// Levels are error, warn, info, debug, trace and off. `serve` logs info unless told
    /// otherwise, all else warn.
    #[arg(long, global = true, value_name = "FILTER", env = "WEIR_LOG")]
    pub log: Option<String>,

    /// The form of the log
    #[arg(
        long,
        global = true,
        value_enum,
        env = "WEIR_LOG_FORMAT",
        default_value_t
    )]
    pub log_format: LogFormat,

    /// Where imports to --server are remembered, if not under the home directory.
    #[arg(
        long,
        global = true,
        hide = true,
        value_name = "DIR",
        env = "XDG_STATE_HOME"
    )]
    pub state_home: Option<PathBuf>,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// A secret as it was given. Not checked here: what clap refuses it also prints.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret that was read from a file.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// Hands out the text, to be sent or hashed.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Secret, Infallible> {
        Ok(Secret(text.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the HTTP interface; the default
    #[command(after_long_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
    /// Store one event
    #[command(after_long_help = events::TRACK_EXAMPLES)]
    Track(TrackArgs),
    /// Ask for aggregates of a series
    #[command(after_long_help = events::QUERY_EXAMPLES)]
    Query(QueryArgs),
    /// Store a file of events
    #[command(long_about = events::IMPORT_ABOUT, after_long_help = events::IMPORT_EXAMPLES)]
    Import(ImportArgs),
    /// Write events out as newline-delimited JSON, which import takes back
    #[command(after_long_help = events::EXPORT_EXAMPLES)]
    Export(ExportArgs),
    /// List the events that were refused in the last day, and why
    #[command(after_long_help = rejected::EXAMPLES)]
    Rejected(RejectedArgs),
    /// Make, list and revoke the clients of the HTTP interface
    #[command(subcommand)]
    Client(ClientCommand),
    /// Make, list and revoke write keys, with which a client can write and nothing else
    #[command(subcommand)]
    Key(KeyCommand),
    /// Make, list, change and delete data sets
    #[command(subcommand)]
    Dataset(DatasetCommand),
    /// Name, rotate and drop the keys that sign tokens
    #[command(subcommand)]
    SigningKey(SigningKeyCommand),
    /// Give a series more shards
    ///
    /// Each shard takes about 500 requests a second on AWS; an embedded store gains nothing.
    /// Shards can be added and never taken away.
    Shards(ShardsArgs),
    /// Run, list and schedule the jobs of collectors
    #[command(after_long_help = jobs::EXAMPLES)]
    Jobs(JobsArgs),
    /// Collect from a third party once, by the four files of backdrop-collector
    #[command(after_long_help = collect::EXAMPLES)]
    Collect(CollectArgs),
    /// Print what a third party has as Singer messages
    #[command(after_long_help = tap::EXAMPLES)]
    Tap(TapArgs),
    /// Compare what was counted with what is stored
    ///
    /// Recounts the events of every day that was compacted and compares them with its totals.
    /// Exit status 1 if anything differs.
    Verify(VerifyArgs),
    /// Print the OpenAPI description of the HTTP interface
    Openapi,
    /// Print the completions of a shell
    #[command(after_long_help = "Example:\n  source <(weir completions bash)")]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
}

const SERVE_EXAMPLES: &str = "\
Examples:
  weir serve --listen 127.0.0.1:9000 --data /var/lib/weir
  weir serve --memory
  weir serve --client-id website --client-secret-file /run/secrets/website
  weir serve --jobs jobs --secrets secrets

The first start makes a client and prints its id and secret, once, with lines for curl to try it.
With --client-id that client is made instead, or gets the given secret.

SIGTERM and Ctrl-C stop accepting requests, finish those in flight and close the store.";

/// How to serve.
#[derive(Debug, Clone, ClapArgs)]
pub struct ServeArgs {
    /// The address and port to listen on; port 0 takes a free one and prints it
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "WEIR_LISTEN",
        default_value = "127.0.0.1:8080"
    )]
    pub listen: SocketAddr,
    /// Keep everything in memory and nothing on disk
    #[arg(long)]
    pub memory: bool,
    /// The address under which clients reach this Weir, if it is another: it names the issuer of
    /// tokens
    #[arg(long, value_name = "URL", env = "WEIR_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Pages of which origins may use the interface below /api/ and /o/: a list, or * for all
    ///
    /// Such as https://app.example,http://127.0.0.1:3000. What takes events by write keys and
    /// browsers use, is open to pages of every origin.
    #[arg(
        long,
        value_name = "ORIGINS",
        env = "WEIR_ALLOWED_ORIGINS",
        default_value = "",
        hide_default_value = true
    )]
    pub allowed_origins: Origins,
    /// Where the browser snippet is served
    #[arg(long, value_name = "PATH", env = "WEIR_SNIPPET_PATH", default_value_t)]
    pub snippet_path: SnippetPath,
    /// The jobs to run on time.
    #[command(flatten)]
    pub places: JobPlaces,
}

impl Default for ServeArgs {
    fn default() -> ServeArgs {
        #[derive(Parser)]
        struct Alone {
            #[command(flatten)]
            serve: ServeArgs,
        }
        Alone::parse_from(["weir"]).serve
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        let before = Args::parse_from(["weir", "--data", "/d", "verify"]);
        let after = Args::parse_from(["weir", "verify", "--data", "/d"]);
        assert_eq!(before.global.data, after.global.data);
        assert!(Args::parse_from(["weir"]).command.is_none());
    }

    #[test]
    fn a_command_works_in_one_place() {
        let check = |line: &str, expected: Result<Target<'_>, &str>| {
            let args = Args::read(line.split(' '));
            match (&args, expected) {
                (Ok(args), Ok(target)) => assert_eq!(args.global.target(), target, "{line}"),
                (Err(error), Err(text)) => {
                    assert_eq!(error.exit_code(), 2);
                    assert!(error.to_string().contains(text), "{error}");
                }
                _ => panic!("{line}: {args:?}"),
            }
        };
        check("weir verify", Ok(Target::Data(Path::new("./weir-data"))));
        check("weir verify --data /d --server x", Ok(Target::Server("x")));
        check("weir verify --aws", Ok(Target::Stack("weir")));
        check("weir --aws verify --stack s", Ok(Target::Stack("s")));
        let data = Err("--aws does not go with --data");
        check("weir --aws --data /d verify", data);
        check("weir --aws verify --data /d", data);
        let server = Err("--aws does not go with --server");
        check("weir --server x verify --aws", server);
        check(
            "weir verify --stack s",
            Err("--stack names a stack for --aws"),
        );
    }

    #[test]
    fn serving_without_a_word_is_serving_with_the_defaults() {
        let serve = ServeArgs::default();
        assert_eq!(serve.listen.to_string(), "127.0.0.1:8080");
        assert!(!serve.memory);
    }

    #[test]
    fn a_value_may_be_negative() {
        let args = Args::parse_from(["weir", "track", "a", "b", "-5.5", "--actor", "x"]);
        let Some(Command::Track(track)) = args.command else {
            panic!("{args:?}")
        };
        assert_eq!(
            (track.value.as_str(), track.actor.as_deref()),
            ("-5.5", Some("x"))
        );
    }

    #[test]
    fn a_property_is_text_or_json() {
        let check = |text: &str, key: &str, value: serde_json::Value| {
            assert_eq!(
                text.parse(),
                Ok(Property {
                    key: key.into(),
                    value
                })
            );
        };
        check("a=b=c", "a", "b=c".into());
        check("zip=01234", "zip", "01234".into());
        check("items:=3", "items", 3.into());
        check("a:b=", "a:b", "".into());
        for bad in ["a", "=b", ":=3", "a:=b"] {
            assert!(bad.parse::<Property>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let args = Args::parse_from(["weir", "--client-secret", "hush-hush-hush-hush"]);
        assert!(!format!("{args:?}").contains("hush"));
        // Not even by a refusal: every text is taken.
        assert!(Args::try_parse_from(["weir", "--client-secret", ""]).is_ok());
    }

    #[test]
    fn every_command_and_option_is_described() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {}",
                    command.get_name(),
                    argument.get_id()
                );
            }
            command.get_subcommands().for_each(check);
        }
        check(&Args::command());
    }

    /// Every variable of a command and its subcommands, with its default.
    fn variables(command: &clap::Command, found: &mut BTreeMap<String, String>) {
        for argument in command.get_arguments() {
            let default: Vec<_> = argument.get_default_values().iter().collect();
            let default = default.first().map(|d| d.to_string_lossy().into_owned());
            if let Some(name) = argument.get_env() {
                found.insert(
                    name.to_string_lossy().into_owned(),
                    default.unwrap_or_default(),
                );
            }
        }
        for below in command.get_subcommands() {
            variables(below, found);
        }
    }

    #[test]
    fn the_configuration_page_has_every_variable_once_with_its_default() {
        let mut expected = BTreeMap::new();
        variables(&Args::command(), &mut expected);
        let page = include_str!("../../../../docs/CONFIG.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let rows = rows
            .filter_map(|row| row.split_once("` |"))
            .filter(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
        let rows: Vec<(&str, &str)> = rows.collect();
        let named: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
        let mut sorted = named.clone();
        sorted.sort_unstable();
        assert_eq!(
            sorted,
            expected.keys().map(String::as_str).collect::<Vec<_>>()
        );
        for (name, row) in rows {
            assert!(
                row.contains(&expected[name]),
                "{name}: {row} lacks {:?}",
                expected[name]
            );
        }
    }
}
