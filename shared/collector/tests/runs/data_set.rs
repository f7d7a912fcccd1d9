//! The sink that delivers to a data set of the same installation.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use weir_collector::sink::DataSetSink;
use weir_collector::{Message, RecordMessage, Schema, Sink, SinkError};
use weir_model::DataSetName;

use crate::world::World;

fn record(record: Value) -> Message {
    let Value::Object(record) = record else {
        unreachable!("it is an object")
    };
    Message::Record(RecordMessage {
        stream: Arc::from("numbers"),
        record,
        time_extracted: None,
    })
}

fn numbered(number: usize) -> Message {
    record(json!({"_id": format!("r{number}"), "value": "x"}))
}

async fn deliver(sink: &mut DataSetSink, messages: Vec<Message>) -> Result<(), SinkError> {
    sink.write(messages).await?;
    sink.flush().await
}

fn sink(world: &World) -> DataSetSink {
    world.process(HashMap::new()).data_set_sink()
}

#[tokio::test(start_paused = true)]
async fn records_replace_those_of_the_same_id() {
    let world = World::start().await;
    let mut sink = sink(&world);
    deliver(&mut sink, (0..1000).map(numbered).collect())
        .await
        .unwrap();
    deliver(&mut sink, (0..1001).map(numbered).collect())
        .await
        .unwrap();
    assert_eq!(world.records().await.len(), 1001);
}

#[tokio::test(start_paused = true)]
async fn an_emptied_stream_has_only_what_follows() {
    let world = World::start().await;
    let mut sink = sink(&world);
    deliver(&mut sink, (0..10).map(numbered).collect())
        .await
        .unwrap();
    let empty = Message::Empty {
        stream: Arc::from("numbers"),
    };
    // The second one is written, but not stored, when the set is emptied.
    deliver(&mut sink, vec![numbered(11), empty, numbered(12)])
        .await
        .unwrap();
    let records = world.records().await;
    assert_eq!(records.keys().collect::<Vec<_>>(), ["r12"]);
}

#[tokio::test(start_paused = true)]
async fn a_set_is_not_emptied_for_a_record_that_is_invalid() {
    let world = World::start().await;
    let mut sink = sink(&world);
    deliver(&mut sink, (0..3).map(numbered).collect())
        .await
        .unwrap();
    let empty = Message::Empty {
        stream: Arc::from("numbers"),
    };
    let bad = record(json!({"_id": "", "value": "x"}));
    let error = deliver(&mut sink, vec![empty, numbered(7), bad])
        .await
        .unwrap_err();
    assert!(matches!(error, SinkError::Final(_)));
    let records = world.records().await;
    assert_eq!(records.keys().collect::<Vec<_>>(), ["r0", "r1", "r2"]);
}

#[tokio::test(start_paused = true)]
async fn a_record_without_an_id_gets_one_of_its_key_properties() {
    let world = World::start().await;
    let mut sink = sink(&world);
    let schema = Message::Schema(Schema {
        stream: Arc::from("numbers"),
        schema: json!({"type": "object"}),
        key_properties: vec!["day".to_owned()],
        bookmark_properties: Vec::new(),
    });
    let day = |value: &str| record(json!({"day": "monday", "value": value}));
    deliver(&mut sink, vec![schema, day("before"), day("after")])
        .await
        .unwrap();
    let records = world.records().await;
    assert_eq!(records.values().collect::<Vec<_>>(), ["after"]);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_record_is_final_and_named_with_its_key() {
    let world = World::start().await;
    let bad = record(json!({"_id": "r1", "bad key": 1}));
    let error = deliver(&mut sink(&world), vec![bad]).await.unwrap_err();
    assert!(matches!(error, SinkError::Final(_)));
    let text = error.to_string();
    assert!(
        text.contains("\"r1\"") && text.contains("bad key"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_data_set_that_is_not_there_is_final_and_says_how_to_make_it() {
    let world = World::start().await;
    let name = DataSetName::new("other", "type").unwrap();
    let mut sink = DataSetSink::new(world.calm.clone(), name);
    let error = deliver(&mut sink, vec![numbered(1)]).await.unwrap_err();
    assert!(matches!(error, SinkError::Final(_)));
    assert_eq!(
        error.to_string(),
        "there is no data set other/type; make it: weir dataset create other/type"
    );
}
