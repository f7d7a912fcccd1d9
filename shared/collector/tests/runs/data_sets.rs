//! The sink that delivers each stream to the data set of its name.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use weir_collector::sink::DataSetsSink;
use weir_collector::{
    Ended, Keep, Message, Output, RecordMessage, Schema, Sink, SinkError, Source, SourceError,
    State, run,
};
use weir_model::{DataSetName, DataSetSettings};
use weir_store::registry::SecretHash;
use weir_store::{Order, RecordSpan};

use crate::faults::Fault;
use crate::world::World;

fn schema(stream: &str, keys: &[&str]) -> Message {
    Message::Schema(Schema {
        stream: Arc::from(stream),
        schema: json!({"type": "object"}),
        key_properties: keys.iter().map(|key| (*key).to_owned()).collect(),
        bookmark_properties: vec!["day".to_owned()],
    })
}

fn record(stream: &str, record: Value) -> Message {
    let Value::Object(record) = record else {
        unreachable!("it is an object")
    };
    Message::Record(RecordMessage {
        stream: Arc::from(stream),
        record,
        time_extracted: None,
    })
}

async fn create(world: &World, stream: &str) -> DataSetName {
    let name = DataSetName::new("pendo", stream).unwrap();
    let (token, settings) = (SecretHash::of(stream), DataSetSettings::default());
    let made = world
        .calm
        .create_data_set(&name, token, settings, world.soon())
        .await;
    made.unwrap().unwrap();
    name
}

async fn documents(world: &World, name: &DataSetName) -> Vec<Value> {
    let set = world.calm.data_set(name, world.soon()).await;
    let set = set.unwrap().unwrap();
    let span = RecordSpan::default();
    let mut reader = world
        .calm
        .read_records(&set, span, Order::Ascending, world.soon());
    let mut documents = Vec::new();
    while let Some(page) = reader.next_page().await.unwrap() {
        let texts = page.iter().map(|record| serde_json::from_str(&record.json));
        documents.extend(texts.map(Result::unwrap));
    }
    documents
}

fn event(number: u64, day: &str) -> Message {
    let day = format!("{day}T00:00:00.000000Z");
    let about = json!({"number": number, "tags": ["a"]});
    record(
        "events",
        json!({"visitor_id": format!("v{number}"), "account_id": null, "day": day, "about": about}),
    )
}

#[tokio::test(start_paused = true)]
async fn each_stream_goes_to_its_set_flat_and_under_its_time() {
    let world = World::start().await;
    let (visitors, events) = (
        create(&world, "visitors").await,
        create(&world, "events").await,
    );
    let mut sink = DataSetsSink::open(world.calm.clone(), "pendo", &["visitors", "events"])
        .await
        .unwrap();
    let messages = vec![
        schema("visitors", &["visitor_id"]),
        record("visitors", json!({"visitor_id": "v1", "name": "Zoë"})),
        schema("events", &["visitor_id", "account_id", "day"]),
        event(1, "2026-01-01"),
        record("visitors", json!({"visitor_id": "v2"})),
        event(2, "2026-01-02"),
    ];
    sink.write(messages).await.unwrap();
    // A repeat replaces, although its account is not known.
    sink.write(vec![event(2, "2026-01-02")]).await.unwrap();
    sink.flush().await.unwrap();
    let found = documents(&world, &events).await;
    let of = |key: &str| -> Vec<&Value> { found.iter().map(|one| &one[key]).collect() };
    assert_eq!(of("about_number"), [1, 2]);
    assert_eq!(of("about_tags"), ["[\"a\"]", "[\"a\"]"]);
    assert_eq!(of("_timestamp"), of("day"));
    assert_eq!(documents(&world, &visitors).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_no_data_set_takes_is_left_out_and_told_of() {
    let world = World::start().await;
    let events = create(&world, "events").await;
    let mut sink = DataSetsSink::open(world.calm.clone(), "pendo", &["events"])
        .await
        .unwrap();
    let large =
        json!({"visitor_id": "v2", "day": "2026-01-02T00:00:00Z", "text": "x".repeat(350_000)});
    let messages = vec![
        schema("events", &["visitor_id", "day"]),
        event(1, "2026-01-01"),
        record("events", large.clone()),
        event(3, "soon"),
    ];
    sink.write(messages).await.unwrap();
    assert_eq!(sink.skips().count, 0, "nothing is flushed yet");
    sink.flush().await.unwrap();
    let skips = sink.skips();
    assert_eq!((skips.count, skips.first.len()), (1, 1));
    let (what, why) = (&skips.first[0].what, &skips.first[0].why);
    assert!(what.contains("events") && what.contains("v2"), "{what}");
    assert!(why.contains("350000 are allowed"), "{why}");
    // One whose time is none is there, without a time.
    let found = documents(&world, &events).await;
    let mut visitors: Vec<&Value> = found.iter().map(|one| &one["visitor_id"]).collect();
    visitors.sort_by_key(|id| id.as_str());
    assert_eq!(visitors, ["v1", "v3"]);
    // What is abandoned comes again with the next run, and so does what is left out of it.
    sink.write(vec![record("events", large)]).await.unwrap();
    sink.abandon().await;
    sink.flush().await.unwrap();
    assert_eq!(sink.skips().count, 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_counts_what_its_sink_has_left_out_as_skipped() {
    struct Two;
    impl Source for Two {
        async fn read(
            &mut self,
            _: Option<&State>,
            output: &mut Output,
        ) -> Result<(), SourceError> {
            let Message::Schema(schema) = schema("events", &["visitor_id"]) else {
                unreachable!("it is a schema")
            };
            let stream = Arc::clone(&schema.stream);
            output.schema(schema).await?;
            for text in ["x", &"x".repeat(350_000)] {
                let record = json!({"visitor_id": text.len(), "text": text});
                let record = record.as_object().unwrap().clone();
                output.record(&stream, record).await?;
            }
            Ok(())
        }
    }
    let world = World::start().await;
    create(&world, "events").await;
    let mut sink = DataSetsSink::open(world.calm.clone(), "pendo", &["events"])
        .await
        .unwrap();
    let report = run(
        &mut Two,
        &mut sink,
        Keep::Nothing { state: None },
        world.limits(),
    )
    .await;
    assert_eq!(report.ended, Ended::Complete);
    assert_eq!((report.records, report.skips.count), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_is_not_waited_for() {
    let world = World::start().await;
    let process = world.process(HashMap::from([(0, Fault::Refused)]));
    let sink = DataSetsSink::open(process.store, "pendo", &["events"]).await;
    assert!(matches!(sink, Err(SinkError::Final(_))), "{sink:?}");
}

#[tokio::test(start_paused = true)]
async fn all_sets_that_are_missing_are_named_before_anything_is_read() {
    let world = World::start().await;
    create(&world, "visitors").await;
    let open = async |streams: &[&str]| {
        let sink = DataSetsSink::open(world.calm.clone(), "pendo", streams).await;
        match sink {
            Err(SinkError::Final(fault)) => fault.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        open(&["visitors", "events", "guides"]).await,
        "there are no data sets pendo/events, pendo/guides; make them: for set in pendo/events \
         pendo/guides; do weir dataset create $set; done"
    );
    let one = open(&["events"]).await;
    assert!(
        one.starts_with("there is no data set pendo/events; make it:"),
        "{one}"
    );
}
