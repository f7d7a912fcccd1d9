//! Pendo as a tap, into memory.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use weir_collect::{PendoTap, TapAccess, Told};
use weir_collector::{Ended, Fault, Limits, Message, Patience, Sink, SinkError, State};
use weir_pendo::{Observer, Outcome, StreamId};
use weir_third_parties::PendoFixture;
use weir_third_parties::pendo::KEY;

use crate::world::{World, now, start};

/// What was told.
#[derive(Debug, Clone, Default)]
struct Heard(Arc<Mutex<Vec<Message>>>);

impl Sink for Heard {
    async fn write(&mut self, messages: Vec<Message>) -> Result<(), SinkError> {
        self.0.lock().unwrap().extend(messages);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn patience(&self) -> Patience {
        Patience {
            records: 1,
            time: Duration::ZERO,
        }
    }
}

/// Records of each stream, as the observer is told at its end.
#[derive(Debug, Default)]
struct Counts(Mutex<Vec<(StreamId, u64)>>);

impl Observer for Counts {
    fn finished(&self, stream: StreamId, _: Outcome, records: u64, _: Duration) {
        self.0.lock().unwrap().push((stream, records));
    }
}

fn access(world: &World) -> TapAccess {
    TapAccess {
        http: world.context.http.clone(),
        clock: Arc::clone(&world.clock),
        addresses: world.context.addresses.clone(),
    }
}

fn config(world: &World, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut config = json!({
        "x_pendo_integration_key": KEY, "start_date": start(), "period": "dayRange",
    });
    change(&mut config);
    let path = world.path().join("config.json");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

async fn run(
    world: &World,
    tap: &PendoTap,
    catalog: Option<&Value>,
    state: Option<Value>,
) -> (Result<Told, Fault>, Vec<Message>, Vec<(StreamId, u64)>) {
    let (counts, heard) = (Arc::new(Counts::default()), Heard::default());
    let observer = Arc::clone(&counts);
    let limits = Limits::none(Arc::clone(&world.clock));
    let told = tap
        .run(
            catalog,
            state,
            &access(world),
            observer,
            heard.clone(),
            limits,
        )
        .await;
    let counts = counts.0.lock().unwrap().clone();
    let messages = std::mem::take(&mut *heard.0.lock().unwrap());
    (told, messages, counts)
}

fn records(messages: &[Message], stream: &str) -> usize {
    let is_of = |message: &&Message| match message {
        Message::Record(record) => &*record.stream == stream,
        _ => false,
    };
    messages.iter().filter(is_of).count()
}

fn last_state(messages: &[Message]) -> Value {
    let state = messages.iter().rev().find_map(|message| match message {
        Message::State(State(state)) => Some(state.clone()),
        _ => None,
    });
    state.unwrap()
}

#[tokio::test]
async fn a_catalog_selects_and_a_state_goes_on() {
    let world = World::start(PendoFixture::plain_at(now())).await;
    let tap = PendoTap::open(&config(&world, |_| {})).unwrap();
    let mut catalog = tap.catalog(&access(&world), Arc::new(())).await.unwrap();
    let streams = catalog["streams"].as_array_mut().unwrap();
    assert_eq!(streams.len(), 16);
    for stream in streams {
        let is_wanted = stream["tap_stream_id"] == "accounts" || stream["tap_stream_id"] == "pages";
        let metadata = stream["metadata"].as_array_mut().unwrap();
        let root = metadata
            .iter_mut()
            .find(|one| one["breadcrumb"] == json!([]));
        root.unwrap()["metadata"]["selected"] = is_wanted.into();
    }
    let (told, messages, counts) = run(&world, &tap, Some(&catalog), None).await;
    assert_eq!(told.unwrap().ended, Ended::Complete);
    assert_eq!(
        (records(&messages, "accounts"), records(&messages, "pages")),
        (3, 3)
    );
    assert_eq!(counts, [(StreamId::Accounts, 3), (StreamId::Pages, 3)]);
    let state = last_state(&messages);
    assert_eq!(state["currently_syncing"], Value::Null);
    let (told, messages, _) = run(&world, &tap, Some(&catalog), Some(state)).await;
    assert_eq!(told.unwrap().ended, Ended::Complete);
    assert!(records(&messages, "accounts") <= 1, "{messages:?}");
}

#[tokio::test]
async fn without_a_catalog_everything_is_told() {
    let world = World::start(PendoFixture::plain_at(now())).await;
    let tap = PendoTap::open(&config(&world, |_| {})).unwrap();
    let (told, messages, counts) = run(&world, &tap, None, None).await;
    assert_eq!(told.unwrap().ended, Ended::Complete);
    assert_eq!(counts.len(), 16, "{counts:?}");
    for (stream, count) in counts {
        let told = records(&messages, stream.name());
        assert_eq!(u64::try_from(told).unwrap(), count, "{stream}");
        assert!(told > 0, "{stream}");
    }
}

#[tokio::test]
async fn the_configurations_address_goes_before_all_others() {
    let world = World::start(PendoFixture::plain_at(now())).await;
    let mut access = access(&world);
    access.addresses.pendo = Some("http://127.0.0.1:9".to_owned());
    let path = config(&world, |config| {
        config["base_url"] = json!(world.pendo.url())
    });
    let tap = PendoTap::open(&path).unwrap();
    let catalog = tap.catalog(&access, Arc::new(())).await.unwrap();
    assert_eq!(catalog["streams"].as_array().map(Vec::len), Some(16));
}

#[tokio::test]
async fn a_wrong_key_is_one_line_on_discovery_too() {
    let world = World::start(PendoFixture::plain_at(now())).await;
    world.pendo.set_key("another");
    let tap = PendoTap::open(&config(&world, |_| {})).unwrap();
    let fault = tap
        .catalog(&access(&world), Arc::new(()))
        .await
        .unwrap_err();
    let text = fault.to_string();
    assert!(!text.contains('\n') && !text.contains(KEY), "{text}");
    assert!(text.contains("401") || text.contains("key"), "{text}");
}

#[test]
fn a_configuration_that_is_none_is_told_with_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let check = |text: Option<&str>, expected: &str| {
        let path = directory.path().join("config.json");
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let fault = PendoTap::open(&path).unwrap_err().to_string();
        assert!(fault.contains("config.json"), "{fault}");
        assert!(fault.contains(expected), "{fault}");
        assert!(!fault.contains("planted"), "{fault}");
    };
    check(None, "cannot read");
    check(
        Some("{\"x_pendo_integration_key\": planted"),
        "is not JSON (line 1",
    );
    check(Some("[\"planted\"]"), "is no JSON object");
    check(
        Some("{\"x_pendo_integration_key\": \"planted\"}"),
        "start_date",
    );
}
