//! Jobs: collectors that run on a schedule.
//!
//! [`files`] reads the directory of jobs, [`timetable`] says which is due, [`scheduler`] starts
//! them in `weir serve`, [`runs`] runs one. The commands go through [`routes`] of the control
//! socket, as all commands do; what is a deployed stack's alone is in [`deployed`], and [`plan`]
//! says what its schedules lack.

mod deployed;
mod files;
mod list;
mod plan;
mod routes;
mod runs;
mod scheduler;
mod secret;
mod timetable;

use std::path::PathBuf;

use anyhow::Result;
use weir_store::{JobName, JobOutcome};

use crate::api::{Api, Call, PATIENCE, path, segment};
use crate::args::{Global, JobPlaces, JobsArgs, JobsCommand};
use crate::failure::Failure;
use crate::output::{self, counted};
use crate::session::{Needs, Session};
use list::{print_jobs, print_runs};
pub(crate) use routes::router;
use routes::{JobList, ListedRun, RunAnswer, RunList, RunRequest};
pub use runs::Setup;
pub(crate) use runs::{Jobs, Keeping};

/// Does what the command says.
pub(crate) async fn run(args: &JobsArgs, global: &Global) -> Result<()> {
    let places = &args.places;
    match &args.command {
        JobsCommand::Sync { directory, yes } => {
            let directory = directory.as_ref().or(places.jobs.as_ref());
            let directory = directory.ok_or_else(no_directory)?;
            deployed::sync(directory, *yes, global).await
        }
        JobsCommand::PutSecret { name, file } => secret::put_secret(name, file, global).await,
        JobsCommand::List { json } => {
            let needs = if places.jobs.is_some() {
                Needs::Place
            } else {
                Needs::Data
            };
            within(global, places, needs, async |session| {
                let mut list: JobList = ask(&session.api, "/control/jobs").await?;
                if global.aws {
                    deployed::add_schedules(&mut list, global).await?;
                }
                warn_of_other(&list, places);
                print_jobs(&list, *json)
            })
            .await
        }
        JobsCommand::Run {
            name,
            start,
            end,
            json,
        } => {
            let wanted = RunRequest {
                start: start.map(|start| start.to_string()),
                end: end.map(|end| end.to_string()),
            };
            if global.aws {
                return deployed::run(name, &wanted, *json, global).await;
            }
            within(global, places, Needs::Place, async |session| {
                run_here(&session.api, name, &wanted, *json).await
            })
            .await
        }
        JobsCommand::History { name, limit, json } => {
            within(global, places, Needs::Data, async |session| {
                print_runs(&history(&session.api, name, (*limit).into()).await?, *json)
            })
            .await
        }
    }
}

async fn within(
    global: &Global,
    places: &JobPlaces,
    needs: Needs,
    work: impl AsyncFnOnce(&Session) -> Result<()>,
) -> Result<()> {
    let setup = Setup::by_hand(places);
    let session = Session::open_with_jobs(global, needs, setup).await?;
    let done = work(&session).await;
    let closed = session.close().await;
    done.and(closed)
}

async fn ask<T: serde::de::DeserializeOwned>(api: &Api, path: &str) -> Result<T> {
    api.persist(&Call::get(path), PATIENCE).await?.json()
}

/// The latest runs of a job.
async fn history(api: &Api, name: &JobName, limit: usize) -> Result<Vec<ListedRun>> {
    let limit = limit.to_string();
    let route = format!("/control/jobs/{}/runs", segment(name.as_str()));
    let list: RunList = ask(api, &path(&route, &[("limit", Some(&limit))])).await?;
    Ok(list.runs)
}

/// Runs a job and waits for its end. When this process keeps the data and is interrupted, the run
/// ends at its next state.
async fn run_here(api: &Api, name: &JobName, wanted: &RunRequest, json: bool) -> Result<()> {
    let route = format!("/control/jobs/{}/run", segment(name.as_str()));
    // Sent once: a repeat would run it again.
    let call = Call::post(route, &serde_json::to_value(wanted)?).however_long();
    let answer = tokio::select! {
        answer = api.once(&call) => answer?,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            let hint = "what was delivered stays; the next run goes on from the bookmark";
            return Err(Failure::new("interrupted").hint(hint).into());
        }
    };
    match answer.json()? {
        RunAnswer::Ran(run) => tell(name, &run, json),
        RunAnswer::Busy { holder, until } => {
            let message = format!("{name} runs already, by {holder}, until {until} at least");
            let hint = format!("`weir jobs history {name}` shows what becomes of it");
            Err(Failure::new(message).hint(hint).into())
        }
        RunAnswer::Disabled => {
            let hint = "they are switched off by --disable-collectors or DISABLE_COLLECTORS=true";
            Err(Failure::new(format!("{name} was not run"))
                .hint(hint)
                .into())
        }
    }
}

/// Says what came of a run, and fails unless everything was delivered.
fn tell(name: &JobName, run: &ListedRun, json: bool) -> Result<()> {
    if json {
        output::line(serde_json::to_string(run)?)?;
    }
    let records = counted(run.records, "record", "records");
    let delivered = format!("{name}: {records} delivered");
    match (run.outcome, run.skipped) {
        (JobOutcome::Complete, 0) if json => Ok(()),
        (JobOutcome::Complete, 0) => Ok(output::line(delivered)?),
        (JobOutcome::Complete, skipped) => Err(Failure::left_out(&delivered, skipped).into()),
        (outcome, skipped) => {
            let why = run.error.as_deref();
            let why = why.unwrap_or("it did not come to its end");
            let word = list::word(outcome);
            let left_out = match skipped {
                0 => String::new(),
                count => format!(", {count} left out"),
            };
            let message = format!("{name}: {word} after {records}{left_out}: {why}");
            Err(Failure::new(message).into())
        }
    }
}

fn no_directory() -> Failure {
    Failure::usage("which jobs?").hint("name the directory: weir jobs sync DIR --aws")
}

/// A server that is running keeps the jobs that it was started with.
fn warn_of_other(list: &JobList, places: &JobPlaces) {
    let asked = places
        .jobs
        .as_ref()
        .and_then(|path| path.canonicalize().ok());
    let kept = list.directory.as_ref().map(PathBuf::from);
    if let (Some(asked), Some(kept)) = (asked, kept)
        && asked != kept
    {
        eprintln!(
            "these are the jobs in {}, which the server keeps",
            kept.display()
        );
    }
}
