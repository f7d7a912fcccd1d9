//! A collecting function killed at each call of a run: the next run repairs what it left, and
//! leaves nothing out.

use std::time::Duration;

use serde_json::{Value, json};
use weir_model::{DataSetName, DataSetSettings};
use weir_store::registry::SecretHash;
use weir_store::{Clock, Deadline, JobName, Leasing, Order, RecordSpan, Store, SystemClock};
use weir_tests::lambda::Outcome;

use crate::cloud::Cloud;
use crate::killing::{Doomed, FATES, Fate};

const HOUR_MS: i64 = 3_600_000;

/// More calls than a run makes here.
const MOST_CALLS: usize = 60;

/// What check 101 of the stand-in finds at midnight, in milliseconds.
const BASE_MS: i64 = 200;

fn set_name() -> DataSetName {
    DataSetName::new("govuk", "uptime").expect("legal")
}

fn job_name() -> JobName {
    "uptime".parse().expect("legal")
}

fn event() -> String {
    let job = json!({
        "name": "uptime",
        "entrypoint": "backdrop.collector.pingdom",
        "query": {"name": "govuk"},
        "options": {},
        "data-set": {"data-group": "govuk", "data-type": "uptime"},
        "credentials": "pingdom",
    });
    job.to_string()
}

fn soon() -> Deadline {
    Deadline::at(SystemClock.now().saturating_add(Duration::from_secs(30)))
}

/// A deployed Weir with the data set that the job fills.
async fn start() -> Cloud {
    let cloud = Cloud::start().await;
    let settings = DataSetSettings::default();
    let made = cloud
        .store()
        .create_data_set(&set_name(), SecretHash::of("token"), settings, soon())
        .await;
    made.expect("the store answers").expect("it is new");
    cloud
}

/// The hours in the data set, in order, each of which has what the stand-in found.
async fn hours(store: &Store) -> Vec<i64> {
    let set = store.data_set(&set_name(), soon()).await;
    let set = set.expect("the store answers").expect("it is there");
    let span = RecordSpan {
        start: None,
        end: None,
    };
    let mut reader = store.read_records(&set, span, Order::Ascending, soon());
    let mut hours = Vec::new();
    while let Some(page) = reader.next_page().await.expect("the store answers") {
        for record in page {
            let time_ms = record.timestamp.expect("each has a time").as_millis();
            let body: Value = serde_json::from_str(&record.json).expect("JSON");
            let hour_of_day = time_ms / HOUR_MS % 24;
            assert_eq!(body["avgresponse"], BASE_MS + hour_of_day, "{body}");
            assert_eq!(body["check"], "govuk", "{body}");
            hours.push(time_ms / HOUR_MS);
        }
    }
    hours
}

/// Every hour of a day is there, once.
fn are_whole(hours: &[i64]) {
    assert!(hours.len() >= 24, "{hours:?}");
    let first = hours[0];
    let expected: Vec<i64> = (first..).take(hours.len()).collect();
    assert_eq!(hours, expected);
}

/// Ends the lease of whoever was killed, in its name: a real next run comes when it has run out.
async fn free(cloud: &Cloud) {
    let store = cloud.store();
    let job = store.job(&job_name(), soon()).await;
    let Some(job) = job.expect("the store answers") else {
        return;
    };
    let length = Duration::from_secs(120);
    let leasing = store
        .lease_job(&job_name(), &job.holder, length, soon())
        .await;
    match leasing.expect("the store answers") {
        Leasing::Held(lease) => lease.release(&store, soon()).await.expect("it is released"),
        Leasing::Busy { holder, until } => panic!("{holder} has it until {until}"),
    }
}

/// Kills a run at its call number `nth`; whether it made so many.
async fn kill_at(nth: usize, fate: Fate) -> bool {
    let cloud = start().await;
    let doomed = Doomed::start(&cloud, &cloud.collect, nth, fate).await;
    let first = doomed.during(cloud.collect.invoke(event())).await;
    let was_killed = doomed.was_killed();
    if was_killed {
        assert_eq!(first, Outcome::Died);
        free(&cloud).await;
    }
    let next = cloud.collect.invoke(event()).await;
    assert!(
        matches!(next, Outcome::Answered(_)),
        "{fate:?} {nth}: {next:?}"
    );
    are_whole(&hours(&cloud.store()).await);
    let job = cloud.store().job(&job_name(), soon()).await;
    let bookmark = job.expect("the store answers").expect("it ran").bookmark;
    doomed.last_call(&cloud).await;
    are_whole(&hours(&cloud.store()).await);
    let after = cloud.store().job(&job_name(), soon()).await;
    let after = after.expect("the store answers").expect("it ran").bookmark;
    assert!(
        after.is_some() && after == bookmark,
        "{fate:?} {nth}: {after:?}, not {bookmark:?}"
    );
    was_killed
}

async fn check(fate: Fate) {
    let mut kills = 0;
    while kills < MOST_CALLS && kill_at(kills, fate).await {
        kills += 1;
    }
    // The job's lease, the data set, the records, the bookmark, and what came of it.
    assert!((5..MOST_CALLS).contains(&kills), "{fate:?}: {kills} kills");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_run_that_was_killed_at_any_call_the_next_leaves_nothing_out() {
    for fate in FATES {
        check(fate).await;
    }
}
