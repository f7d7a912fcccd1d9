//! Weir on one machine: the server, and the command line.
//!
//! [`serve`] puts all functions behind one listener, on a store of its own; [`data`] is where
//! that store is kept. Every command but `serve` is a client of the HTTP interface, by [`api`],
//! and [`session`] finds the server to talk to, or, for a deployed [`stack`], puts one up on its
//! tables; so there is one way to do a thing wherever the data is.

mod api;
pub mod args;
mod client;
mod collect;
mod compaction;
mod control;
mod daemon;
pub mod data;
mod dataset;
mod export;
mod failure;
mod first_start;
mod import;
pub mod jobs;
mod key;
mod listen;
mod log;
mod openapi;
mod output;
mod query;
mod rejected;
mod secret_file;
pub mod serve;
mod session;
mod shards;
mod signing_key;
mod stack;
mod tap;
mod track;
mod verify;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;

use args::{Args, Command, Global, ServeArgs};
use failure::Failure;
use session::{Needs, Session};

/// Does what the command line asks for, and gives the exit status.
pub fn run(args: Args) -> ExitCode {
    match carry_out(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

fn carry_out(args: Args) -> Result<()> {
    let Args { command, global } = args;
    let command = command.unwrap_or_else(|| Command::Serve(ServeArgs::default()));
    refuse_stack(&command, &global)?;
    match &command {
        Command::Collect(args) => collect::start_log(args, &global)?,
        _ => log::start(&global, matches!(command, Command::Serve(_)))?,
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let done = runtime.block_on(dispatch(command, &global));
    // Whatever still waits for a file or a terminal is not waited for.
    runtime.shutdown_background();
    done
}

/// What is of this machine alone has nothing to do with a stack.
fn refuse_stack(command: &Command, global: &Global) -> Result<()> {
    let name = match command {
        _ if !global.aws => return Ok(()),
        Command::Serve(_) => "serve",
        Command::Openapi => "openapi",
        Command::Completions { .. } => "completions",
        Command::Collect(_) => "collect",
        Command::Tap(_) => "tap",
        _ => return Ok(()),
    };
    let message = format!("{name} does not go with --aws");
    Err(Failure::usage(message).hint("leave --aws out").into())
}

async fn dispatch(command: Command, global: &Global) -> Result<()> {
    match command {
        Command::Serve(args) => daemon::run(&args, global).await,
        Command::Openapi => Ok(output::line(openapi::document().to_pretty_json()?)?),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "weir", &mut std::io::stdout());
            Ok(())
        }
        Command::Track(args) => {
            within(global, Needs::Place, async |s| {
                track::run(&args, &s.api).await
            })
            .await
        }
        Command::Import(args) => {
            within(global, Needs::Place, async |s| import::run(&args, s).await).await
        }
        Command::Query(args) => {
            within(global, Needs::Data, async |s| {
                query::run(&args, &s.api).await
            })
            .await
        }
        Command::Export(args) => {
            within(global, Needs::Data, async |s| {
                export::run(&args, &s.api).await
            })
            .await
        }
        Command::Rejected(args) => {
            within(global, Needs::Data, async |s| {
                rejected::run(&args, &s.api).await
            })
            .await
        }
        Command::Jobs(args) => jobs::run(&args, global).await,
        Command::Collect(args) => collect::run(&args).await,
        Command::Tap(args) => tap::run(&args).await,
        Command::Client(args) => {
            let session = Session::open_local(global, Needs::Place, "client").await?;
            finish(session, async |s| client::run(&args, &s.api).await).await
        }
        Command::Key(args) => {
            // What is read from standard input or a file is read before anything is opened.
            let wanted = key::Wanted::of(args)?;
            let session = Session::open_local(global, Needs::Place, "key").await?;
            finish(session, async |s| key::run(&wanted, &s.api).await).await
        }
        Command::Dataset(command) => {
            // What is asked and read is asked and read before anything is opened.
            let wanted = dataset::Wanted::of(command)?;
            let session = Session::open_local(global, Needs::Place, "dataset").await?;
            finish(session, async |s| dataset::run(&wanted, &s.api).await).await
        }
        Command::SigningKey(command) => signing_key::run(&command, global).await,
        Command::Shards(args) => {
            let session = Session::open_local(global, Needs::Data, "shards").await?;
            finish(session, async |s| shards::run(&args, &s.api).await).await
        }
        Command::Verify(args) => {
            let session = Session::open_local(global, Needs::Data, "verify").await?;
            finish(session, async |s| verify::run(&args, &s.api).await).await
        }
    }
}

async fn within(
    global: &Global,
    needs: Needs,
    work: impl AsyncFnOnce(&Session) -> Result<()>,
) -> Result<()> {
    finish(Session::open(global, needs).await?, work).await
}

/// Does the work and closes what was opened for it; the work's failure is the one to tell.
async fn finish(session: Session, work: impl AsyncFnOnce(&Session) -> Result<()>) -> Result<()> {
    let done = work(&session).await;
    let closed = session.close().await;
    done.and(closed)
}
