use std::fs;
use std::pin::Pin;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use weir_store::JobRun;
use weir_store::clock::ManualClock;
use weir_store::db::Db;
use weir_store::embedded::Engine;

use super::*;

/// A Tuesday.
const START: &str = "2026-09-08T12:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn name(text: &str) -> JobName {
    text.parse().unwrap()
}

fn document(schedule: &str) -> String {
    format!(
        "{{\"entrypoint\": \"pingdom\", \"query\": {{\"name\": \"govuk\"}}, \"options\": {{}},
          \"data-set\": {{\"data-group\": \"g\", \"data-type\": \"t\"}},
          \"schedule\": {schedule:?}}}"
    )
}

/// What a job does when it is started.
#[derive(Debug, Clone, Copy)]
enum Does {
    Ends,
    Takes(Duration),
    IsElsewhere(Duration),
    Panics,
}

/// A directory of jobs and a store, on a clock that goes with the paused time of the runtime.
struct World {
    directory: tempfile::TempDir,
    store: Store,
    clock: ManualClock,
    started: mpsc::UnboundedReceiver<(JobName, Timestamp)>,
    starts: mpsc::UnboundedSender<(JobName, Timestamp)>,
    stop: watch::Sender<()>,
}

type Run = Pin<Box<dyn Future<Output = Came> + Send>>;

impl World {
    async fn with(jobs: &[(&str, &str)]) -> World {
        let clock = ManualClock::running(at(START));
        let engine = Engine::memory(Arc::new(clock.clone())).unwrap();
        let db = Db::embedded(Arc::new(engine), Arc::new(clock.clone()));
        db.create_tables().await.unwrap();
        let (starts, started) = mpsc::unbounded_channel();
        let world = World {
            directory: tempfile::tempdir().unwrap(),
            store: Store::new(db),
            clock,
            started,
            starts,
            stop: watch::Sender::new(()),
        };
        for (job, schedule) in jobs {
            world.write(job, &document(schedule));
        }
        world
    }

    fn write(&self, job: &str, text: &str) {
        fs::write(self.directory.path().join(format!("{job}.json")), text).unwrap();
    }

    async fn ran(&self, job: &str, started: &str, outcome: JobOutcome) {
        let run = JobRun {
            id: "before".to_owned(),
            started: at(started),
            finished: None,
            outcome,
            records: 0,
            skipped: 0,
            bookmark: None,
            error: None,
            next: None,
        };
        let deadline = Deadline::at(self.clock.now().saturating_add(ASK_TIME));
        self.store
            .record_job_run(&name(job), &run, deadline)
            .await
            .unwrap();
    }

    fn board(&self) -> Board {
        Board::open(JobFiles::open(self.directory.path()).unwrap()).unwrap()
    }

    fn work(&self, does: Does) -> JoinHandle<()> {
        self.work_on(self.board(), does)
    }

    fn work_on(&self, board: Board, does: Does) -> JoinHandle<()> {
        let (starts, clock) = (self.starts.clone(), self.clock.clone());
        let start = move |job: Job| -> Run {
            starts.send((job.name, clock.now())).unwrap();
            let until = |time| clock.now().saturating_add(time);
            match does {
                Does::Ends => Box::pin(async { Came::Ended }),
                Does::Takes(time) => Box::pin(async move {
                    sleep(time).await;
                    Came::Ended
                }),
                Does::IsElsewhere(time) => {
                    let until = until(time);
                    Box::pin(async move { Came::Busy { until } })
                }
                Does::Panics => Box::pin(async { panic!("a defect") }),
            }
        };
        let scheduler = Scheduler {
            board,
            store: self.store.clone(),
            clock: Arc::new(self.clock.clone()),
            start,
        };
        tokio::spawn(scheduler.work(self.stop.subscribe()))
    }

    /// The next start, whose second is told.
    async fn next(&mut self) -> (String, String) {
        let (name, time) = self.started.recv().await.unwrap();
        let second = time.as_millis() / 1000 * 1000;
        let second = Timestamp::from_millis(second).unwrap();
        (name.to_string(), second.to_string())
    }

    async fn expect(&mut self, job: &str, time: &str) {
        assert_eq!(self.next().await, (job.to_owned(), time.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_start_when_they_are_due() {
    let mut world = World::with(&[
        ("often", "rate(30 minutes)"),
        ("daily", "cron(45 13 * * ? *)"),
        ("monthly", "cron(0 0 1 * ? *)"),
    ])
    .await;
    world.work(Does::Ends);
    world.expect("often", "2026-09-08T12:00:00Z").await;
    world.expect("often", "2026-09-08T12:30:00Z").await;
    world.expect("often", "2026-09-08T13:00:00Z").await;
    world.expect("often", "2026-09-08T13:30:00Z").await;
    world.expect("daily", "2026-09-08T13:45:00Z").await;
    world.expect("often", "2026-09-08T14:00:00Z").await;
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_while_nothing_ran_is_made_up_for_once() {
    let mut world = World::with(&[("daily", "cron(0 6 * * ? *)")]).await;
    world
        .ran("daily", "2026-09-05T06:00:01Z", JobOutcome::Failed)
        .await;
    world.work(Does::Ends);
    world.expect("daily", "2026-09-08T12:00:00Z").await;
    world.expect("daily", "2026-09-09T06:00:00Z").await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_stopped_goes_on_at_once() {
    let mut world = World::with(&[
        ("ended", "cron(0 6 * * ? *)"),
        ("killed", "cron(0 6 * * ? *)"),
        ("stopped", "cron(0 6 * * ? *)"),
    ])
    .await;
    world
        .ran("ended", "2026-09-08T06:00:01Z", JobOutcome::Complete)
        .await;
    world
        .ran("killed", "2026-09-08T06:00:01Z", JobOutcome::Running)
        .await;
    world
        .ran("stopped", "2026-09-08T06:00:01Z", JobOutcome::Stopped)
        .await;
    world.work(Does::Ends);
    world.expect("killed", "2026-09-08T12:00:00Z").await;
    world.expect("stopped", "2026-09-08T12:00:00Z").await;
    world.expect("ended", "2026-09-09T06:00:00Z").await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_takes_longer_than_its_rate_does_not_overlap() {
    let mut world = World::with(&[("slow", "rate(5 minutes)")]).await;
    world.work(Does::Takes(Duration::from_secs(12 * 60)));
    world.expect("slow", "2026-09-08T12:00:00Z").await;
    world.expect("slow", "2026-09-08T12:15:00Z").await;
    world.expect("slow", "2026-09-08T12:30:00Z").await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_runs_elsewhere_is_tried_when_its_lease_may_be_over() {
    let mut world = World::with(&[("daily", "cron(0 6 * * ? *)")]).await;
    world
        .ran("daily", "2026-09-08T06:00:01Z", JobOutcome::Running)
        .await;
    world.work(Does::IsElsewhere(Duration::from_secs(90)));
    world.expect("daily", "2026-09-08T12:00:00Z").await;
    world.expect("daily", "2026-09-08T12:01:30Z").await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_directory_counts_within_a_minute() {
    let mut world = World::with(&[("often", "rate(10 minutes)")]).await;
    world.write("broken", "{");
    world.work(Does::Ends);
    world.expect("often", "2026-09-08T12:00:00Z").await;
    world.write("new", &document("cron(5 12 * * ? *)"));
    world.write("often", &document("cron(7 12 * * ? *)"));
    world.expect("new", "2026-09-08T12:05:00Z").await;
    world.expect("often", "2026-09-08T12:07:00Z").await;
    fs::remove_file(world.directory.path().join("new.json")).unwrap();
    world.write("broken", &document("cron(20 12 * * ? *)"));
    world.expect("broken", "2026-09-08T12:20:00Z").await;
    world.expect("often", "2026-09-09T12:07:00Z").await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_somebody_else_saw_first_counts_as_well() {
    let mut world = World::with(&[("often", "rate(10 minutes)")]).await;
    let board = world.board();
    world.work_on(board.clone(), Does::Ends);
    world.expect("often", "2026-09-08T12:00:00Z").await;
    world.write("new", &document("cron(5 12 * * ? *)"));
    world.write("often", &document("cron(7 12 * * ? *)"));
    // As a command that lists the jobs does.
    board.look().unwrap();
    world.expect("new", "2026-09-08T12:05:00Z").await;
    world.expect("often", "2026-09-08T12:07:00Z").await;
}

#[tokio::test(start_paused = true)]
async fn a_job_with_a_defect_comes_again_and_harms_no_other() {
    let mut world = World::with(&[("bad", "rate(10 minutes)")]).await;
    world.work(Does::Panics);
    world.expect("bad", "2026-09-08T12:00:00Z").await;
    world.expect("bad", "2026-09-08T12:10:00Z").await;
}

#[tokio::test(start_paused = true)]
async fn no_more_than_a_few_run_at_once() {
    let names: Vec<String> = (10..30).map(|number| format!("job-{number}")).collect();
    let jobs: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (name.as_str(), "rate(1 day)"))
        .collect();
    let mut world = World::with(&jobs).await;
    // A job is told of when it is made ready; what it does waits for a place.
    let work = world.work(Does::Takes(Duration::from_secs(60)));
    for _ in &jobs {
        world.next().await;
    }
    world.stop.send(()).unwrap();
    work.await.unwrap();
    // The eight that had a place came to their end, and the others did not begin.
    assert_eq!(world.clock.now(), at("2026-09-08T12:01:00Z"));
}

#[tokio::test(start_paused = true)]
async fn at_the_end_nothing_is_started_and_what_runs_is_waited_for() {
    let mut world = World::with(&[("slow", "rate(1 minute)")]).await;
    let work = world.work(Does::Takes(Duration::from_secs(600)));
    world.expect("slow", "2026-09-08T12:00:00Z").await;
    world.stop.send(()).unwrap();
    work.await.unwrap();
    assert!(world.clock.now() >= at("2026-09-08T12:10:00Z"));
    assert!(world.started.try_recv().is_err());
}
