//! A data set that several processes know, and how to look at what it holds.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use weir_model::{DataSetName, DataSetSettings, Record};
use weir_store::db::{Item, Table};
use weir_store::registry::SecretHash;
use weir_store::{DataSet, Order, RecordSpan, Store, StoreError, StoredRecord};
use weir_tests::chaos::Seen;

use crate::scene::Scene;

/// Ids with a number each.
pub(crate) type Numbers = BTreeMap<String, u64>;

pub(crate) fn name() -> DataSetName {
    DataSetName::new("races", "records").unwrap()
}

pub(crate) async fn create(scene: &Scene) -> DataSet {
    let store = scene.store("maker");
    let token = SecretHash::of("token");
    let settings = DataSetSettings::default();
    let name = name();
    let made = store.create_data_set(&name, token, settings, scene.deadline());
    made.await.unwrap().expect("the name is free")
}

/// The data set as it is now.
pub(crate) async fn current(scene: &Scene) -> DataSet {
    let store = scene.store("reader");
    let set = store.data_set(&name(), scene.deadline()).await.unwrap();
    set.expect("it was made")
}

/// A record with a number, on a day of March 2013; day 0 is no time.
pub(crate) fn record(id: &str, day: u32, n: u64) -> Record {
    let mut body = json!({ "_id": id, "nn": n });
    if day > 0 {
        body["_timestamp"] = format!("2013-03-{day:02}T00:00:00Z").into();
    }
    Record::check(object(body)).unwrap()
}

pub(crate) fn object(body: Value) -> Map<String, Value> {
    body.as_object().unwrap().clone()
}

pub(crate) fn body(record: &StoredRecord) -> Value {
    serde_json::from_str(&record.json).unwrap()
}

pub(crate) fn numbers(records: &[StoredRecord]) -> Numbers {
    let number = |record| body(record)["nn"].as_u64().unwrap();
    let each = records
        .iter()
        .map(|record| (record.id.clone(), number(record)));
    let numbers: Numbers = each.collect();
    assert_eq!(numbers.len(), records.len(), "a record is there twice");
    numbers
}

/// Puts, again and again, as a client does.
pub(crate) async fn put(store: &Store, set: &DataSet, records: &[Record]) {
    let again = || {
        let deadline = crate::scene::soon(store);
        store.put_records(set, records, deadline)
    };
    until_done(again).await;
}

/// Repeats what the store did not do in time.
pub(crate) async fn until_done<T, F>(mut again: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 0..100 {
        match again().await {
            Ok(done) => return done,
            Err(StoreError::Unavailable(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the store does not answer any more");
}

pub(crate) async fn read(store: &Store, set: &DataSet) -> Vec<StoredRecord> {
    until_done(async || {
        let deadline = crate::scene::soon(store);
        let mut reader = store.read_records(set, RecordSpan::default(), Order::Ascending, deadline);
        let mut records = Vec::new();
        while let Some(page) = reader.next_page().await? {
            records.extend(page);
        }
        Ok(records)
    })
    .await
}

/// What a new reader sees, after it was made sure that pointers and documents belong together.
pub(crate) async fn look(scene: &Scene) -> Numbers {
    let set = current(scene).await;
    is_sound(scene, &set).await;
    numbers(&read(&scene.store("reader"), &set).await)
}

/// Asserts that each record of the set has one pointer and one document, where the pointer says,
/// and put there by the same write.
pub(crate) async fn is_sound(scene: &Scene, set: &DataSet) {
    let text = |item: &Item, name: &str| Some(item.get(name)?.as_s().ok()?.clone());
    let (mut pointers, mut documents) = (Vec::new(), Vec::new());
    for item in scene.items(Table::Records).await {
        let (pk, sk) = (text(&item, "pk").unwrap(), text(&item, "sk").unwrap());
        if !pk.contains(set.generation.as_str()) {
            continue;
        }
        let mark = text(&item, "mark").unwrap();
        match sk.starts_with('i') {
            true => pointers.extend(text(&item, "at").map(|at| (pk, at, mark))),
            false => documents.push((pk, sk, mark)),
        }
    }
    pointers.sort();
    documents.sort();
    assert_eq!(pointers, documents);
}

/// The transactions of a process that write records.
pub(crate) fn writes_of(actor: &'static str) -> impl Fn(&Seen) -> bool + Send + Sync + 'static {
    move |call| {
        call.actor() == actor && call.is("TransactWriteItems") && call.touches(Table::Records)
    }
}

pub(crate) fn of(pairs: &[(&str, u64)]) -> Numbers {
    let pair = |(id, n): &(&str, u64)| ((*id).to_owned(), *n);
    pairs.iter().map(pair).collect()
}
