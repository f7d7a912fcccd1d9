//! How jobs and their runs are printed.

use anyhow::Result;
use weir_store::JobOutcome;

use super::routes::{JobList, ListedJob, ListedRun};
use crate::output;

/// A bookmark or an error in a table is cut.
const SHOWN_CHARS: usize = 100;

/// Prints the jobs.
pub(super) fn print_jobs(list: &JobList, json: bool) -> Result<()> {
    if json {
        output::line(serde_json::to_string(list)?)?;
    } else if list.jobs.is_empty() {
        eprintln!("there are no jobs");
    } else {
        let header = [
            "NAME", "COLLECTS", "SCHEDULE", "NEXT", "LAST RUN", "OUTCOME", "RECORDS",
        ];
        output::line(output::numbers(&header, list.jobs.iter().map(job_row)))?;
    }
    for why in &list.broken {
        eprintln!("not a job: {why}");
    }
    Ok(())
}

fn job_row(job: &ListedJob) -> Vec<String> {
    let schedule = match (&job.schedule, &job.time_zone) {
        (Some(schedule), Some(zone)) if zone != "UTC" => format!("{schedule} {zone}"),
        (Some(schedule), _) => schedule.clone(),
        (None, _) => "-".to_owned(),
    };
    let last = job.last.as_ref();
    vec![
        job.name.clone(),
        job.entrypoint.clone().unwrap_or_else(|| "-".to_owned()),
        schedule,
        job.next.clone().unwrap_or_else(|| "-".to_owned()),
        last.map_or_else(|| "-".to_owned(), |run| run.started.clone()),
        last.map_or("-", |run| word(run.outcome)).to_owned(),
        last.map(|run| run.records.to_string()).unwrap_or_default(),
    ]
}

/// Prints runs.
pub(super) fn print_runs(runs: &[ListedRun], json: bool) -> Result<()> {
    if json {
        for run in runs {
            output::line(serde_json::to_string(run)?)?;
        }
        return Ok(());
    }
    if runs.is_empty() {
        eprintln!("it has not run in the last 90 days");
        return Ok(());
    }
    let header = [
        "STARTED", "FINISHED", "OUTCOME", "RECORDS", "SKIPPED", "NOTE",
    ];
    Ok(output::line(output::table(
        &header,
        runs.iter().map(run_row),
    ))?)
}

fn run_row(run: &ListedRun) -> Vec<String> {
    vec![
        run.started.clone(),
        run.finished.clone().unwrap_or_else(|| "-".to_owned()),
        word(run.outcome).to_owned(),
        run.records.to_string(),
        run.skipped.to_string(),
        note(run),
    ]
}

/// What went wrong, else how far the job has come.
fn note(run: &ListedRun) -> String {
    let bookmark = || run.bookmark.as_ref().map(ToString::to_string);
    let text = run.error.clone().or_else(bookmark).unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// An outcome in a word.
pub(super) fn word(outcome: JobOutcome) -> &'static str {
    match outcome {
        JobOutcome::Running => "running",
        JobOutcome::Complete => "complete",
        JobOutcome::Stopped => "stopped",
        JobOutcome::Later => "later",
        JobOutcome::Failed => "failed",
    }
}
