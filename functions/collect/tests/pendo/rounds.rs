//! A sync that is too long for its function's time goes on in further rounds.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use weir_collect::Collecting;
use weir_collector::secrets::Secrets;
use weir_third_parties::PendoFixture;
use weir_third_parties::pendo::Source;

use crate::world::{World, now};

/// The margin that a function keeps, and a second to work in.
const TIME: Duration = Duration::from_millis(91_000);

/// More than it can need.
const ROUNDS: usize = 60;

#[tokio::test]
async fn several_rounds_bring_each_record_once() {
    let fixture = PendoFixture::histories_at(80, now()).delayed(40);
    let world = World::start(fixture).await;
    let secret = world.path().join("pendo.json");
    std::fs::write(&secret, world.pendo.credentials().to_string()).unwrap();
    let collecting = Collecting {
        context: world.context.clone(),
        secrets: Arc::new(Secrets::directory(world.path())),
    };
    let mut event = world.document(json!(["visitors", "visitor_history"]));
    let yesterday = world
        .clock
        .now()
        .saturating_sub(Duration::from_secs(24 * 3600));
    event["query"]["start_date"] = json!(yesterday.to_string());
    event["name"] = json!("product");
    let next = Mutex::new(Some(event));
    let mut rounds = 0;
    loop {
        let Some(event) = next.lock().unwrap().take() else {
            break;
        };
        rounds += 1;
        assert!(rounds < ROUNDS, "it does not end");
        let again = async |event: String| {
            *next.lock().unwrap() = serde_json::from_str(&event).ok();
            Ok(())
        };
        let done = collecting.run(&event, TIME, again).await;
        assert_eq!(done.failed, None, "{}", done.summary);
    }
    assert!(rounds > 1, "it was not too long for one round");
    let records = world.records();
    let texts =
        |stream: &str| -> Vec<String> { records[stream].iter().map(Value::to_string).collect() };
    for (stream, source) in [
        ("visitors", Source::Visitors),
        ("visitor_history", Source::History),
    ] {
        let told = texts(stream);
        let distinct: BTreeSet<&String> = told.iter().collect();
        assert_eq!(told.len(), distinct.len(), "{stream}");
        assert_eq!(told.len(), world.pendo.rows(source).len(), "{stream}");
    }
}
