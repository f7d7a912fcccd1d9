//! Everything that a collecting function does to tables. Jobs of Google Analytics, Pendo and Pingdom
//! differ in what they read, and in nothing that they store; so one stands for all.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use weir_collect::{Addresses, Collecting, Context, Done};
use weir_collector::http::{Http, HttpOptions};
use weir_collector::secrets::Secrets;
use weir_collector::sink::DataSetSink;
use weir_collector::{Message, RecordMessage, Sink as _};
use weir_model::{DataSetName, DataSetSettings};
use weir_store::registry::SecretHash;
use weir_store::{JobName, Leasing, Store};
use weir_third_parties::{Pingdom, pingdom};

use super::place::Place;
use super::{MINUTE, ROUNDS};
use crate::calls::Actions;

fn name() -> DataSetName {
    DataSetName::new("govuk", "uptime").expect("legal")
}

/// A job with another one's options.
fn event(options: &Value) -> Value {
    json!({
        "name": "uptime",
        "entrypoint": "pingdom",
        "query": {"name": "govuk"},
        "options": options,
        "data-set": {"data-group": "govuk", "data-type": "uptime"},
        "credentials": "pingdom",
    })
}

pub(crate) async fn collect() -> Actions {
    let place = Place::start().await;
    let helper = place.helper().await;
    let (token, settings) = (SecretHash::of("token"), DataSetSettings::default());
    let store = &helper.service.store;
    let made = store
        .create_data_set(&name(), token, settings, place.soon())
        .await;
    made.expect("the store answers").expect("it is new");
    let (store, recorder) = place.watched();
    run_jobs(&store).await;
    // What waits for Pingdom waits for this machine; from here on time is tokio's alone.
    tokio::time::pause();
    for round in 0..ROUNDS {
        place.stop_failing().await;
        place.pass(10 * MINUTE);
        place.fail(round);
        deliver(&place, &store, round).await;
    }
    place.stop_failing().await;
    recorder.seen()
}

/// Runs of a job: the first, one that goes on, one that empties before it fills, and a range.
async fn run_jobs(store: &Store) {
    let third = Pingdom::start(pingdom::Fixture::sample());
    let directory = tempfile::tempdir().expect("a directory");
    let secret = directory.path().join("pingdom.json");
    std::fs::write(&secret, third.credentials().to_string()).expect("it is written");
    let http = Http::new(HttpOptions::default()).expect("a client");
    let collecting = Collecting {
        context: Context {
            store: store.clone(),
            http: http.with_clock(Arc::clone(store.clock())),
            clock: Arc::clone(store.clock()),
            addresses: Addresses {
                pingdom: third.url(),
                ..Addresses::default()
            },
            aws: None,
        },
        secrets: Arc::new(Secrets::directory(directory.path())),
    };
    let mut range = event(&json!({}));
    range["start"] = "2024-05-01T00:00:00Z".into();
    range["end"] = "2024-05-02T00:00:00Z".into();
    let plain = event(&json!({}));
    let emptying = event(&json!({"empty-data-set": true}));
    for input in [&plain, &plain, &emptying, &range] {
        let again = async |_: String| Ok(());
        let Done {
            failed, summary, ..
        } = collecting.run(input, 15 * MINUTE, again).await;
        assert_eq!(failed, None, "{summary}");
        assert_eq!(summary["outcome"], "complete", "{summary}");
    }
}

/// What a run does to tables, whatever becomes of each call.
async fn deliver(place: &Place, store: &Store, round: u64) {
    let job: JobName = "uptime".parse().expect("legal");
    let length = Duration::from_secs(120);
    let leasing = store.lease_job(&job, "a run", length, place.soon()).await;
    let mut sink = DataSetSink::new(store.clone(), name());
    // Each round the records move to another time.
    let time = format!("2024-05-{:02}T00:00:00Z", round + 1);
    let record = |n: u64| {
        let record = json!({"_id": format!("r{n}"), "_timestamp": time, "count": n});
        Message::Record(RecordMessage {
            stream: "uptime".into(),
            record: record.as_object().expect("an object").clone(),
            time_extracted: None,
        })
    };
    // What fails is what this is about.
    let _ = sink.write((0..250).map(record).collect()).await;
    let _ = sink.flush().await;
    if let Ok(Leasing::Held(mut lease)) = leasing {
        let _ = lease.renew(store, place.soon()).await;
        let _ = lease
            .save(store, json!({"bookmarks": {}}), Vec::new(), place.soon())
            .await;
        // Twice one that no item holds, as Pendo's can be: what the first left goes again.
        for visitor in ["a", "b"] {
            let _ = lease
                .save(store, long_bookmark(visitor), Vec::new(), place.soon())
                .await;
        }
        let _ = lease.release(store, place.soon()).await;
    }
}

fn long_bookmark(visitor: &str) -> Value {
    let known = visitor.repeat(500_000);
    json!({"bookmarks": {"visitor_history": {"weir": {"known": known}}}})
}
