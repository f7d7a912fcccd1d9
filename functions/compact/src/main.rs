//! The Lambda function that does the upkeep, on a schedule.

use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::Mutex;
use weir_compact::{Done, Upkeep};
use weir_lambda::{Failed, Invocation, Metric, Outcome};

fn main() -> ExitCode {
    weir_lambda::scheduled(|deployed| {
        // Kept from one invocation to the next, so that scans go on where they stopped.
        let upkeep = Arc::new(Mutex::new(Upkeep::new(deployed.store)));
        Ok(move |invocation: Invocation| {
            let upkeep = Arc::clone(&upkeep);
            async move {
                let mut upkeep = upkeep.lock().await;
                outcome(upkeep.run(&invocation.input, invocation.time).await)
            }
        })
    })
}

fn outcome(done: Done) -> Outcome {
    let run = done.run.iter().flat_map(|report| {
        [
            Metric::count("BlocksTaken", report.blocks),
            Metric::count("DaysPublished", report.published),
            Metric::count("BlocksWaiting", report.waiting),
            Metric::count("RunsMerged", report.merged),
            Metric::count("DaysFailed", report.failed),
        ]
    });
    let verified = done.verified.iter().flat_map(|report| {
        [
            Metric::count("DaysVerified", report.days),
            Metric::count("VerifyDifferences", report.differences.len() as u64),
        ]
    });
    Outcome {
        metrics: run.chain(verified).collect(),
        failed: done.failed.clone().map(Failed),
        summary: done.summary(),
    }
}
