use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use weir_model::{DataSetName, DataSetSettings, Record, Timestamp};

use super::*;
use crate::clock::ManualClock;
use crate::db::{Db, Deadline, Key, Order, Table};
use crate::embedded::Engine;
use crate::registry::SecretHash;
use crate::store::Store;

mod records;
mod sets;
mod spans;

const HOUR: Duration = Duration::from_secs(3_600);

pub(super) struct Bench {
    store: Store,
    clock: ManualClock,
}

impl Bench {
    async fn start() -> Self {
        let start = Timestamp::parse("2024-05-15T10:20:30.123Z").unwrap();
        let clock = ManualClock::running(start);
        let engine = Engine::memory(Arc::new(clock.clone())).unwrap();
        Self::over(engine, clock).await
    }

    async fn over(engine: Engine, clock: ManualClock) -> Self {
        let db = Db::embedded(Arc::new(engine), Arc::new(clock.clone()));
        db.create_tables().await.unwrap();
        Self {
            store: Store::new(db),
            clock,
        }
    }

    fn soon(&self) -> Deadline {
        Deadline::at(self.store.now().saturating_add(Duration::from_secs(30)))
    }

    async fn create(&self, name: &str) -> DataSet {
        let name = name.parse().unwrap();
        let made = self.store.create_data_set(
            &name,
            SecretHash::of("token"),
            DataSetSettings::default(),
            self.soon(),
        );
        made.await.unwrap().expect("the name is free")
    }

    async fn set(&self, name: &str) -> Option<DataSet> {
        let name: DataSetName = name.parse().unwrap();
        self.store.data_set(&name, self.soon()).await.unwrap()
    }

    async fn put(&self, set: &DataSet, records: Value) {
        let records: Vec<Record> = records.as_array().unwrap().iter().map(record).collect();
        let put = self.store.put_records(set, &records, self.soon());
        put.await.unwrap();
    }

    async fn read(&self, set: &DataSet, span: RecordSpan, order: Order) -> Vec<StoredRecord> {
        all(self.store.read_records(set, span, order, self.soon())).await
    }

    /// Everything in a set, as a client would get it.
    async fn bodies(&self, set: &DataSet) -> Vec<Value> {
        let records = self
            .read(set, RecordSpan::default(), Order::Ascending)
            .await;
        records.iter().map(without_server_keys).collect()
    }

    /// Items of the table of records: pointers and documents.
    async fn items(&self) -> usize {
        let scan = |from| {
            let db = self.store.db();
            db.scan_page(Table::Records, from, None, None, self.soon())
        };
        let mut page = scan(None).await.unwrap();
        let mut items = page.items.len();
        while let Some(next) = page.next {
            page = scan(Some(next)).await.unwrap();
            items += page.items.len();
        }
        items
    }
}

async fn all(mut reader: RecordReader) -> Vec<StoredRecord> {
    let mut records = Vec::new();
    while let Some(page) = reader.next_page().await.unwrap() {
        assert!((1..=1_000).contains(&page.len()));
        records.extend(page);
    }
    records
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn record(body: &Value) -> Record {
    Record::check(object(body)).unwrap()
}

fn without_server_keys(record: &StoredRecord) -> Value {
    let mut body: Map<String, Value> = serde_json::from_str(&record.json).unwrap();
    assert_eq!(body["_id"], *record.id);
    assert!(body.shift_remove("_updated_at").is_some());
    body.into()
}
