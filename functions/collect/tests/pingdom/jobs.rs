//! Jobs: leases, bookmarks, and notes of what came of each run.

use std::time::Duration;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};
use tokio::sync::watch;
use weir_collect::{Inputs, JobCall, Ran, Wanted, run_job};
use weir_collector::Ended;
use weir_store::{JobOutcome, Leasing};

use crate::world::{World, credential, definition, document, job, range, time};

#[tokio::test]
async fn each_run_is_noted_with_what_came_of_it() {
    let world = World::start().await;
    world.run(Wanted::Resume).await;
    world.clock.advance(Duration::from_secs(3600));
    world
        .pingdom
        .fail_next(weir_third_parties::pingdom::refused(403, "no"));
    world.run(Wanted::Resume).await;
    let runs = world.runs().await;
    assert_eq!(runs.len(), 2);
    assert_eq!((runs[0].outcome, runs[0].records), (JobOutcome::Failed, 0));
    assert_eq!(runs[0].started, time("2026-03-02T11:30:00Z"));
    assert!(
        runs[0]
            .error
            .as_ref()
            .is_some_and(|error| error.contains("403"))
    );
    let bookmark = json!({"bookmarks": {"monitoring": {"hour": "2026-03-02T09:00:00+00:00"}}});
    assert_eq!(runs[0].bookmark.as_ref(), Some(&bookmark));
    assert_eq!(
        (runs[1].outcome, runs[1].records),
        (JobOutcome::Complete, 24)
    );
    assert_eq!(runs[1].finished, Some(time("2026-03-02T10:30:00Z")));
    assert_eq!(
        (runs[1].bookmark.as_ref(), runs[1].error.as_ref()),
        (Some(&bookmark), None)
    );
}

#[tokio::test]
async fn a_job_that_runs_is_not_run_beside_itself() {
    let world = World::start().await;
    let length = Duration::from_secs(60);
    let leased = world
        .store()
        .lease_job(&job(), "another", length, world.soon())
        .await;
    let Ok(Leasing::Held(lease)) = leased else {
        panic!("nobody else has the job");
    };
    let asked = world
        .ask(
            &document(),
            Wanted::Resume,
            world.credential(),
            world.limits(),
        )
        .await;
    let Ran::Busy { holder, until } = asked else {
        panic!("the job is another's");
    };
    assert_eq!((holder.as_str(), until), ("another", lease.until()));
    assert_eq!(
        (world.pingdom.requests().len(), world.runs().await.len()),
        (0, 0)
    );
    lease
        .release(world.store(), world.soon())
        .await
        .expect("the engine answers");
    let (report, _) = world.run(Wanted::Resume).await;
    assert!(report.is_complete(), "{}", report.ended);
}

#[tokio::test]
async fn a_range_leaves_the_bookmark_where_it_is() {
    let world = World::start().await;
    world.run(Wanted::Resume).await;
    let before = world.job().await.expect("a job").bookmark;
    let (report, _) = world.run(range("2026-01-01", "2026-01-02")).await;
    assert_eq!((report.is_complete(), report.records), (true, 24));
    assert_eq!(world.job().await.expect("a job").bookmark, before);
    assert_eq!(world.records().await.len(), 48);
}

#[tokio::test]
async fn a_run_whose_time_is_up_stops_at_a_state_and_the_next_goes_on() {
    let world = World::start().await;
    world.run(Wanted::Resume).await;
    world.clock.advance(Duration::from_secs(70 * 24 * 3600));
    let (stop, stopped) = watch::channel(true);
    let mut rounds = 0;
    loop {
        rounds += 1;
        let limits = world.limits().stop_when(stopped.clone());
        let ran = world
            .ask(&document(), Wanted::Resume, world.credential(), limits)
            .await;
        let Ran::Over { report, .. } = ran else {
            panic!("nobody else has the job");
        };
        match report.ended {
            Ended::Stopped => assert!(report.progressed),
            Ended::Complete => break,
            other => panic!("{other}"),
        }
        assert!(rounds < 10);
    }
    drop(stop);
    assert_eq!(world.records().await.len(), 71 * 24);
}

#[tokio::test]
async fn a_data_set_that_is_not_there_is_told_and_the_bookmark_stays() {
    let world = World::start().await;
    let mut document = document();
    document["data-set"]["data-set"] = json!("other");
    let (report, _) = world
        .run_document(&document, Wanted::Resume, world.credential())
        .await;
    let fault = report.ended.fault().expect("a fault").to_string();
    assert!(fault.contains("govuk/other"), "{fault}");
    assert_eq!(world.job().await.expect("a job").bookmark, None);
}

/// Answers one request as a Backdrop does; gives its head and its body.
fn backdrop() -> (String, thread::JoinHandle<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut reader = BufReader::new(&stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).expect("a line");
        }
        let head = head.to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.expect("a length").parse().expect("a number")];
        reader.read_exact(&mut body).expect("a body");
        let answer = "{\"status\":\"ok\"}";
        let (head_of_answer, length) = ("HTTP/1.1 200 OK\r\nconnection: close", answer.len());
        write!(
            &stream,
            "{head_of_answer}\r\ncontent-length: {length}\r\n\r\n{answer}"
        )
        .expect("a reader");
        (head, body)
    });
    (format!("http://{address}/data"), serving)
}

#[tokio::test]
async fn a_job_may_deliver_to_a_backdrop() {
    let world = World::start().await;
    let (url, serving) = backdrop();
    let mut document = document();
    document["backdrop"] = json!("production");
    let inputs = Inputs {
        credentials: Some(world.credential()),
        token: Some(credential(&json!({"token": "planted"}))),
        backdrop: Some(credential(&json!({"backdrop_url": url}))),
    };
    let call = JobCall {
        name: &job(),
        definition: &definition(&document),
        inputs: &inputs,
        wanted: range("2026-03-01T22:00:00Z", "2026-03-02T00:00:00Z"),
        state: None,
        next: None,
    };
    let ran = run_job(&call, &world.context, world.limits()).await;
    let Ok(Ran::Over { report, .. }) = ran else {
        panic!("nobody else has the job");
    };
    assert!(report.is_complete(), "{}", report.ended);
    let (head, body) = serving.join().expect("it has answered");
    assert!(
        head.starts_with("post /data/govuk/monitoring http/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains("authorization: bearer planted\r\n"), "{head}");
    let records: Vec<Value> = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(records.len(), 2);
    assert_eq!(records[0]["_id"], "govuk.2026-03-01T22:00:00+00:00");
    assert_eq!(world.records().await.len(), 0);
}

#[tokio::test]
async fn a_job_may_deliver_files() {
    let world = World::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let mut document = document();
    let url = format!("file://{}", directory.path().display());
    document["sink"] = json!({"type": "files", "url": url, "format": "parquet"});
    let run = async || {
        world
            .run_document(&document, Wanted::Resume, world.credential())
            .await
    };
    let (report, _) = run().await;
    assert!(report.is_complete(), "{}", report.ended);
    let mut days: Vec<String> = std::fs::read_dir(directory.path().join("monitoring"))
        .expect("a directory of the stream")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    days.sort();
    assert_eq!(days, ["date=2026-03-01", "date=2026-03-02"]);
    assert!(world.job().await.expect("a job").bookmark.is_some());
}

/// The ids in all files below a directory.
fn ids_below(directory: &Path) -> Vec<String> {
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            ids.extend(ids_below(&path));
            continue;
        }
        let mut lines = String::new();
        let file = std::fs::File::open(path).expect("a file");
        let read = MultiGzDecoder::new(file).read_to_string(&mut lines);
        read.expect("gzip");
        ids.extend(lines.lines().map(|line| {
            let record: Value = serde_json::from_str(line).expect("JSON");
            record["_id"].as_str().expect("an id").to_owned()
        }));
    }
    ids
}

fn into_files(directory: &Path) -> Value {
    let mut document = document();
    let url = format!("file://{}", directory.display());
    document["sink"] = json!({"type": "files", "url": url, "format": "jsonl.gz"});
    document
}

#[tokio::test]
async fn each_hour_is_written_into_files_once() {
    let world = World::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let document = into_files(directory.path());
    // The newest hour, 09:00, is left to the next run.
    for (hours, written) in [(0, 23), (0, 23), (1, 24), (3, 27)] {
        world.clock.advance(Duration::from_secs(hours * 3600));
        let (report, _) = world
            .run_document(&document, Wanted::Resume, world.credential())
            .await;
        assert!(report.is_complete(), "{}", report.ended);
        let mut ids = ids_below(directory.path());
        ids.sort();
        assert_eq!(ids.len(), written);
        ids.dedup();
        assert_eq!(ids.len(), written, "an hour is there twice");
    }
    let bookmark = json!({"bookmarks": {"monitoring": {"hour": "2026-03-02T12:00:00+00:00"}}});
    assert_eq!(world.job().await.expect("a job").bookmark, Some(bookmark));
}

#[tokio::test]
async fn a_range_takes_the_jobs_lease_and_leaves_nothing_beside_the_bookmark() {
    let world = World::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let document = into_files(directory.path());
    let january = range("2026-01-01", "2026-01-03");
    let length = Duration::from_secs(60);
    let leased = world
        .store()
        .lease_job(&job(), "another", length, world.soon())
        .await;
    let Ok(Leasing::Held(lease)) = leased else {
        panic!("nobody else has the job");
    };
    let credential = world.credential();
    let asked = world.ask(&document, january, credential, world.limits());
    assert!(matches!(asked.await, Ran::Busy { holder, .. } if holder == "another"));
    let released = lease.release(world.store(), world.soon()).await;
    released.expect("the engine answers");

    let (report, _) = world
        .run_document(&document, january, world.credential())
        .await;
    assert!(report.is_complete(), "{}", report.ended);
    assert_eq!(ids_below(directory.path()).len(), 48);
    let job = world.job().await.expect("a job");
    assert_eq!((job.bookmark, job.pending), (None, Vec::new()));
}

#[tokio::test]
async fn a_run_that_never_began_is_noted_with_the_bookmark() {
    let world = World::start().await;
    let (report, _) = world.run(Wanted::Resume).await;
    let (name, definition, inputs) = (job(), definition(&document()), Inputs::default());
    let call = JobCall {
        name: &name,
        definition: &definition,
        inputs: &inputs,
        wanted: Wanted::Resume,
        state: None,
        next: None,
    };
    let ran = run_job(&call, &world.context, world.limits()).await;
    let Ok(Ran::Over { run, .. }) = ran else {
        panic!("nobody else has the job");
    };
    assert_eq!(run.outcome, JobOutcome::Failed);
    assert_eq!(run.bookmark, report.bookmark.map(|state| state.0));
    assert!(run.bookmark.is_some());
}
