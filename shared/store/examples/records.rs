//! Stores 100,000 small records on the embedded engine, on disk, and reads them, and prints how
//! fast that was. A number as the first argument is another count of records.
//!
//! `cargo run --release -p weir-store --example records`

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use weir_model::{DataSetName, DataSetSettings, Record, Timestamp};
use weir_store::embedded::Engine;
use weir_store::registry::SecretHash;
use weir_store::{Clock, DataSet, Db, Deadline, Order, RecordSpan, Store, SystemClock};

/// What a collector's sink sends at once.
const BATCH: usize = 100;

const HOUR_MS: i64 = 3_600_000;

/// 2013-03-11T00:00:00Z.
const FIRST_MS: i64 = 1_362_960_000_000;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let count: usize = std::env::args().nth(1).map_or(Ok(100_000), |n| n.parse())?;
    let directory = tempfile::tempdir()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let path = directory.path().join("weir.db");
    let engine = Engine::open_with_tables(&path, Arc::clone(&clock)).await?;
    let store = Store::new(Db::embedded(Arc::new(engine), clock));
    let set = create(&store).await?;
    let records: Vec<Record> = (0..count).map(record).collect();

    put(&store, &set, &records, "new").await?;
    put(&store, &set, &records[..count / 5], "again").await?;
    for _ in 0..3 {
        group(&store, &set, RecordSpan::default()).await?;
    }
    let week = RecordSpan {
        start: Timestamp::from_millis(FIRST_MS + 100 * HOUR_MS).ok(),
        end: Timestamp::from_millis(FIRST_MS + 268 * HOUR_MS).ok(),
    };
    group(&store, &set, week).await?;
    empty(&store, &set).await
}

async fn create(store: &Store) -> Result<DataSet, Box<dyn Error>> {
    let name = DataSetName::new("bench", "records")?;
    let token = SecretHash::of("token");
    let settings = DataSetSettings::default();
    let made = store.create_data_set(&name, token, settings, soon(store));
    Ok(made.await?.ok_or("the data set was there already")?)
}

/// A document as the Pingdom collector makes it, one for every hour of ten checks.
fn record(n: usize) -> Record {
    let (check, hour) = (n % 10, i64::try_from(n / 10).expect("a small number"));
    let time = Timestamp::from_millis(FIRST_MS + hour * HOUR_MS).expect("a time");
    let body = json!({
        "_id": format!("check_{check}.{time}"),
        "_timestamp": time,
        "check": format!("check {check}"),
        "avgresponse": 100 + n % 250,
        "uptime": 3_600,
        "downtime": 0,
        "unmonitored": 0,
    });
    let body: Map<String, Value> = serde_json::from_value(body).expect("an object");
    Record::check(body).expect("a record")
}

async fn put(
    store: &Store,
    set: &DataSet,
    records: &[Record],
    what: &str,
) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    for batch in records.chunks(BATCH) {
        store.put_records(set, batch, soon(store)).await?;
    }
    let took = began.elapsed();
    let rate = records.len() as f64 / took.as_secs_f64();
    println!(
        "{} {what} records put in {took:.1?}: {rate:.0} a second",
        records.len()
    );
    Ok(())
}

#[derive(Deserialize)]
struct Wanted<'a> {
    #[serde(borrow)]
    check: std::borrow::Cow<'a, str>,
    avgresponse: f64,
}

/// What a query that is grouped by a key does.
async fn group(store: &Store, set: &DataSet, span: RecordSpan) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    let mut groups: BTreeMap<String, (usize, f64)> = BTreeMap::new();
    let mut count = 0;
    let mut reader = store.read_records(set, span, Order::Ascending, soon(store));
    while let Some(page) = reader.next_page().await? {
        count += page.len();
        for record in &page {
            let wanted: Wanted<'_> = serde_json::from_str(&record.json)?;
            match groups.get_mut(&*wanted.check) {
                Some((count, sum)) => {
                    *count += 1;
                    *sum += wanted.avgresponse;
                }
                None => {
                    groups.insert(wanted.check.into_owned(), (1, wanted.avgresponse));
                }
            }
        }
    }
    let took = began.elapsed();
    println!(
        "{count} records read into {} groups in {took:.1?}",
        groups.len()
    );
    Ok(())
}

async fn empty(store: &Store, set: &DataSet) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    store.empty_data_set(&set.name, soon(store)).await?;
    println!("emptied in {:.1?}", began.elapsed());
    Ok(())
}

fn soon(store: &Store) -> Deadline {
    Deadline::at(store.now().saturating_add(Duration::from_secs(60)))
}
