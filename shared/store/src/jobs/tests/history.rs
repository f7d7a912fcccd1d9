//! What is listed of a job's runs.

use super::*;

fn run(bench: &Bench, id: &str) -> JobRun {
    JobRun {
        id: id.into(),
        started: bench.store.now(),
        finished: None,
        outcome: JobOutcome::Running,
        records: 0,
        skipped: 0,
        bookmark: None,
        error: None,
        next: None,
    }
}

async fn note(bench: &Bench, run: &JobRun) {
    let job = job("j");
    let noted = bench.store.record_job_run(&job, run, bench.soon());
    noted.await.unwrap();
}

async fn listed(bench: &Bench, limit: usize) -> Vec<JobRun> {
    let job = job("j");
    let runs = bench.store.job_runs(&job, limit, bench.soon());
    runs.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn runs_are_listed_the_newest_first_as_they_stand() {
    let bench = Bench::start().await;
    let mut runs = Vec::new();
    for n in 0..5_u32 {
        let begun = run(&bench, &format!("r{n}"));
        note(&bench, &begun).await;
        bench.clock.advance(MINUTE);
        let done = JobRun {
            finished: Some(bench.store.now()),
            outcome: [JobOutcome::Complete, JobOutcome::Failed][n as usize % 2],
            records: 7,
            skipped: 1,
            bookmark: Some(at(n)),
            error: (n % 2 == 1).then(|| "no".into()),
            next: Some(bench.store.now().saturating_add(MINUTE)),
            ..begun
        };
        note(&bench, &done).await;
        runs.insert(0, done);
    }
    let begun = run(&bench, "last");
    note(&bench, &begun).await;
    runs.insert(0, begun);
    assert_eq!(listed(&bench, 100).await, runs);
    assert_eq!(listed(&bench, 2).await, runs[..2]);
    assert_eq!(listed(&bench, 0).await, []);
    let other = job("j2");
    let others = bench.store.job_runs(&other, 9, bench.soon());
    assert_eq!(others.await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_beginning_that_arrives_late_does_not_undo_the_end() {
    let bench = Bench::start().await;
    let begun = run(&bench, "r");
    let done = JobRun {
        outcome: JobOutcome::Complete,
        ..begun.clone()
    };
    note(&bench, &done).await;
    note(&bench, &begun).await;
    assert_eq!(listed(&bench, 9).await, [done]);
}

#[tokio::test(start_paused = true)]
async fn runs_are_kept_for_ninety_days_and_no_longer_listed_then() {
    let bench = Bench::start().await;
    let old = run(&bench, "old");
    note(&bench, &old).await;
    bench.clock.advance(90 * 24 * 60 * MINUTE - MINUTE);
    let new = run(&bench, "new");
    note(&bench, &new).await;
    assert_eq!(listed(&bench, 9).await, [new.clone(), old]);
    bench.clock.advance(2 * MINUTE);
    assert_eq!(listed(&bench, 9).await, [new]);
}

#[tokio::test(start_paused = true)]
async fn of_what_is_too_long_for_a_list_there_is_the_size_or_the_beginning() {
    let bench = Bench::start().await;
    let long = JobRun {
        bookmark: Some("x".repeat(200_000).into()),
        error: Some("é".repeat(5_000)),
        ..run(&bench, "r")
    };
    note(&bench, &long).await;
    let listed = listed(&bench, 1).await;
    assert_eq!(
        listed[0].bookmark,
        Some("a bookmark of 200002 bytes".into())
    );
    assert_eq!(listed[0].error, Some("é".repeat(4_000)));
}
