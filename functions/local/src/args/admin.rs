//! The commands for whoever keeps the data.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use weir_model::{Name, NameError};

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Make a client and print its secret, which is shown only then
    #[command(
        after_long_help = "Example:\n  weir client create --label 'the website' --scope write --rate 50"
    )]
    Create {
        /// What people call it
        #[arg(long, default_value = "")]
        label: String,
        /// What it may do; may be given several times [default: all]
        #[arg(long = "scope", value_name = "SCOPE", value_parser = ["read", "write", "aggregation"])]
        scopes: Vec<String>,
        /// How many requests a second it may make [default: any number]
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
        rate: Option<u32>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the clients
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a client's access away for good
    ///
    /// Its tokens end within a minute.
    Revoke {
        /// The client's id
        id: String,
    },
}

/// What to do with write keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a write key and print it, which is done only then
    #[command(after_long_help = KEY_EXAMPLES)]
    Create {
        /// What people call it; the namespace of its events, where they name none
        #[arg(long, value_name = "NAME", value_parser = name)]
        label: Name,
        /// Another namespace than the label
        #[arg(long, value_name = "NAME", value_parser = name)]
        namespace: Option<Name>,
        /// How many requests a second it may make [default: any number]
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
        rate: Option<u32>,
        /// Take the key in this file, which clients have already; `-` reads standard input
        ///
        /// A key has 8 to 256 visible ASCII characters. Spaces and line ends around it are left
        /// out.
        #[arg(long, value_name = "FILE")]
        existing_file: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the write keys, without the keys themselves
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a write key's access away for good
    ///
    /// It ends within a minute.
    Revoke {
        /// The write key's id, wk-...; not the key itself
        id: String,
    },
}

const KEY_EXAMPLES: &str = "\
Examples:
  weir key create --label web
  weir key create --label shop --namespace Shop --rate 100
  weir key create --label 'old trackers' --existing-file focuslab-api-key.txt";

fn name(text: &str) -> Result<Name, NameError> {
    Name::parse(text)
}

/// What to do with the keys that sign tokens.
#[derive(Debug, Subcommand)]
pub enum SigningKeyCommand {
    /// Name the key that signs, and the one that is accepted as well
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Draw another key, which signs from now on
    ///
    /// The one that has signed so far is accepted until it is dropped, so no token ends before
    /// its time. Who serves takes the new key over by itself, within five minutes.
    Rotate,
    /// Accept only the key that signs
    ///
    /// Tokens of the other one end then, within five minutes.
    Drop,
}

/// How many shards.
#[derive(Debug, ClapArgs)]
pub struct ShardsArgs {
    /// The series' namespace
    pub namespace: String,
    /// The series' name
    pub name: String,
    /// How many it shall have
    #[arg(value_parser = clap::value_parser!(u8).range(1..=16))]
    pub count: u8,
}

/// What to verify.
#[derive(Debug, ClapArgs)]
pub struct VerifyArgs {
    /// Also delete pieces of events that a crash left behind and nothing refers to
    #[arg(long)]
    pub sweep: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
