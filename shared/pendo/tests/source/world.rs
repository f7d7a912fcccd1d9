//! A Pendo, and runs that read it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use weir_collector::http::{Http, HttpOptions};
use weir_collector::secrets::SecretText;
use weir_collector::suite::{Gathered, Table};
use weir_collector::{Keep, Limits, Message, Report, State, run};
use weir_model::Timestamp;
use weir_pendo::{
    Config, Custom, Key, Observer, Pendo, PendoAccess, SelectedStream, Selection, StreamId,
    discover,
};
use weir_store::ManualClock;
use weir_third_parties::pendo::{self, Fixture, KEY, NOW};

pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const DAY: i64 = 24 * HOUR;

pub(crate) struct World {
    pub(crate) pendo: pendo::Pendo,
    pub(crate) clock: ManualClock,
    pub(crate) custom: Custom,
    pub(crate) settings: Value,
    pub(crate) streams: Option<Vec<StreamId>>,
    pub(crate) key: Key,
    pub(crate) observer: Arc<dyn Observer>,
    http: Http,
}

/// What a run told.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) messages: Vec<Message>,
    pub(crate) report: Report,
}

pub(crate) fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).expect("a time")
}

/// A time as states have it.
pub(crate) fn stamp(millis: i64) -> String {
    let text = time(millis - millis.rem_euclid(1000)).to_string();
    format!(
        "{}.{:03}000Z",
        text.trim_end_matches('Z'),
        millis.rem_euclid(1000)
    )
}

/// Begins 30 days before the fixture's time.
pub(crate) fn settings() -> Value {
    json!({
        "start_date": time(NOW - 30 * DAY).to_string(),
        "x_pendo_integration_key": KEY,
        "period": "dayRange",
        "record_limit": 4,
        "concurrency": 3,
    })
}

impl World {
    pub(crate) async fn start(fixture: Fixture) -> World {
        let clock = ManualClock::new(time(fixture.now));
        let options = HttpOptions {
            backoff_base: Duration::from_millis(1),
            ..HttpOptions::default()
        };
        let mut world = World {
            pendo: pendo::Pendo::start(fixture),
            http: Http::new(options).expect("a client"),
            clock,
            custom: Custom::default(),
            settings: settings(),
            streams: None,
            key: Key::new(SecretText::new(KEY)),
            observer: Arc::new(()),
        };
        let custom = discover(&world.config(), &world.access()).await;
        world.custom = custom.expect("it is let in");
        world.pendo.forget();
        world
    }

    /// Other settings than the usual.
    pub(crate) fn with(mut self, settings: Value) -> World {
        self.set(settings);
        self
    }

    pub(crate) fn set(&mut self, settings: Value) {
        let Value::Object(settings) = settings else {
            panic!("settings are an object");
        };
        self.settings
            .as_object_mut()
            .expect("an object")
            .extend(settings);
    }

    /// Only these streams.
    pub(crate) fn only(mut self, streams: &[StreamId]) -> World {
        self.streams = Some(streams.to_vec());
        self
    }

    pub(crate) fn config(&self) -> Config {
        Config::read(self.settings.as_object().expect("an object"), "config.json")
            .expect("a config")
    }

    pub(crate) fn access(&self) -> PendoAccess {
        PendoAccess {
            http: self.http.clone(),
            clock: Arc::new(self.clock.clone()),
            key: self.key.clone(),
            base_url: self.pendo.url(),
            observer: Arc::clone(&self.observer),
        }
    }

    /// A source that tells a state wherever there can be one.
    pub(crate) fn source(&self) -> Pendo {
        self.usual_source().with_every_state()
    }

    pub(crate) fn usual_source(&self) -> Pendo {
        let config = self.config();
        let mut selection = Selection::all(&config, &self.custom);
        if let Some(streams) = &self.streams {
            let is_wanted = |stream: &SelectedStream| streams.contains(&stream.id);
            selection.streams.retain(is_wanted);
        }
        Pendo::new(config, selection, self.access()).pausing(Duration::from_millis(1))
    }

    pub(crate) async fn read(&self, state: Option<State>) -> Told {
        self.read_by(self.source(), state).await
    }

    pub(crate) async fn read_by(&self, mut source: Pendo, state: Option<State>) -> Told {
        let limits = Limits::none(Arc::new(self.clock.clone()));
        let mut sink = Gathered::default();
        let keep = Keep::Nothing { state };
        let report = run(&mut source, &mut sink, keep, limits).await;
        Told {
            messages: sink.into_messages(),
            report,
        }
    }

    /// A run that must come to its end.
    pub(crate) async fn complete(&self, state: Option<State>) -> Told {
        let told = self.read(state).await;
        assert!(told.report.is_complete(), "{}", told.report.ended);
        told
    }

    /// Time goes on, here and there.
    pub(crate) fn pass(&self, millis: i64) {
        self.clock
            .advance(Duration::from_millis(millis.try_into().expect("not back")));
        self.pendo
            .set_now(weir_store::Clock::now(&self.clock).as_millis());
    }
}

impl Told {
    pub(crate) fn table(&self) -> Table {
        Table::after(&self.messages)
    }

    /// The state at the end.
    pub(crate) fn state(&self) -> State {
        self.states().last().expect("a state").clone()
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = &State> {
        self.messages.iter().filter_map(|message| match message {
            Message::State(state) => Some(state),
            _ => None,
        })
    }

    /// All that was told of a stream, in its order.
    pub(crate) fn records(&self, stream: &str) -> Vec<&Map<String, Value>> {
        let messages = self.messages.iter();
        let records = messages.filter_map(|message| match message {
            Message::Record(record) if &*record.stream == stream => Some(&record.record),
            _ => None,
        });
        records.collect()
    }

    /// The values of a field of what was told of a stream.
    pub(crate) fn values(&self, stream: &str, field: &str) -> Vec<Value> {
        let records = self.records(stream).into_iter();
        records
            .map(|record| record.get(field).cloned().unwrap_or_default())
            .collect()
    }

    /// How many records there were of each stream.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for message in &self.messages {
            if let Message::Record(record) = message {
                *counts.entry(record.stream.to_string()).or_default() += 1;
            }
        }
        counts
    }

    /// Records that were told twice.
    pub(crate) fn repeated(&self) -> usize {
        let records: usize = self.counts().values().sum();
        records - self.table().records().len()
    }

    pub(crate) fn bookmark(&self, stream: &str) -> Value {
        self.state().0["bookmarks"][stream].clone()
    }
}
