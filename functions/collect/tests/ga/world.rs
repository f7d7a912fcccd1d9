//! A Google, a clock, and runs of collectors that gather what they tell.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use weir_collect::ga::{Realtime, Reports, Trending};
use weir_collect::{Access, Credential, Definition, Entrypoint, Wanted};
use weir_collector::http::{Http, HttpOptions};
use weir_collector::secrets::SecretJson;
use weir_collector::suite::Gathered;
use weir_collector::{Keep, Limits, Message, Report, Source, State, run};
use weir_model::Timestamp;
use weir_store::ManualClock;
use weir_third_parties::Google;
use weir_third_parties::google::Fixture;

/// A Wednesday.
pub(crate) const NOW: &str = "2026-11-18T12:00:05.250Z";

/// A Google and a clock.
pub(crate) struct World {
    pub(crate) google: Google,
    pub(crate) clock: ManualClock,
}

/// What a run told, and what it came to.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) messages: Vec<Message>,
    pub(crate) report: Report,
}

impl World {
    pub(crate) fn sample() -> World {
        World::with(Fixture::sample())
    }

    pub(crate) fn with(fixture: Fixture) -> World {
        let world = World {
            google: Google::start(fixture),
            clock: ManualClock::new(at(NOW)),
        };
        world.set_now(NOW);
        world
    }

    pub(crate) fn set_now(&self, now: &str) {
        self.clock.set(at(now));
        self.google.set_now(at(now).as_millis() / 1_000);
    }

    pub(crate) fn access(&self) -> Access {
        self.access_with(self.google.credentials())
    }

    pub(crate) fn access_with(&self, credentials: Value) -> Access {
        let secret = SecretJson::parse("credentials.json", &credentials.to_string()).unwrap();
        self.access_by(Credential::given(secret))
    }

    pub(crate) fn access_by(&self, credentials: Credential) -> Access {
        let options = HttpOptions {
            backoff_base: Duration::from_millis(1),
            ..HttpOptions::default()
        };
        Access {
            http: Http::new(options).unwrap(),
            clock: Arc::new(self.clock.clone()),
            credentials,
            address: self.google.url(),
        }
    }

    /// Collects what a document asks for.
    pub(crate) async fn collect(&self, document: Value, wanted: Wanted) -> Told {
        self.collect_from(document, wanted, None).await
    }

    pub(crate) async fn collect_from(
        &self,
        document: Value,
        wanted: Wanted,
        state: Option<State>,
    ) -> Told {
        self.collect_as(document, wanted, state, self.access())
            .await
    }

    pub(crate) async fn collect_as(
        &self,
        document: Value,
        wanted: Wanted,
        state: Option<State>,
        access: Access,
    ) -> Told {
        let definition = definition(document);
        match definition.entrypoint {
            Entrypoint::GaTrending => {
                tell(Trending::new(&definition, wanted, access).unwrap(), state).await
            }
            Entrypoint::GaRealtime => {
                tell(Realtime::new(&definition, wanted, access).unwrap(), state).await
            }
            _ => tell(Reports::new(&definition, wanted, access).unwrap(), state).await,
        }
    }
}

pub(crate) async fn tell(mut source: impl Source, state: Option<State>) -> Told {
    let mut sink = Gathered::default();
    let limits = Limits::none(Arc::new(weir_store::SystemClock));
    let report = run(&mut source, &mut sink, Keep::Nothing { state }, limits).await;
    Told {
        messages: sink.into_messages(),
        report,
    }
}

impl Told {
    pub(crate) fn records(&self) -> Vec<Value> {
        let records = self.messages.iter().filter_map(|message| match message {
            Message::Record(record) => Some(Value::Object(record.record.clone())),
            _ => None,
        });
        records.collect()
    }

    pub(crate) fn complete(self) -> Told {
        assert!(self.report.is_complete(), "{}", self.report.ended);
        self
    }

    pub(crate) fn bookmark(&self) -> Value {
        self.report
            .bookmark
            .clone()
            .map_or(Value::Null, |State(value)| value)
    }

    /// What went wrong.
    pub(crate) fn fault(&self) -> String {
        self.report.ended.fault().unwrap().to_string()
    }
}

pub(crate) fn definition(document: Value) -> Definition {
    Definition::parse(&document.to_string(), "query.json").unwrap()
}

/// A document for the data set `site/TYPE`.
pub(crate) fn document(entrypoint: &str, data_type: &str, query: Value, options: Value) -> Value {
    json!({
        "entrypoint": entrypoint,
        "query": query,
        "options": options,
        "data-set": {"data-group": "site", "data-type": data_type},
    })
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(crate) fn range(start: &str, end: &str) -> Wanted {
    Wanted::between(Some(at(start)), Some(at(end)))
}

pub(crate) fn range_from(start: &str) -> Wanted {
    Wanted::between(Some(at(start)), None)
}

/// Checks that records have the keys that their schema tells, and no others.
pub(crate) fn check_schema(told: &Told) {
    let schema = told.messages.iter().find_map(|message| match message {
        Message::Schema(schema) => Some(schema),
        _ => None,
    });
    let schema = schema.unwrap();
    assert_eq!(schema.key_properties, ["_id"]);
    let keys: BTreeSet<&String> = schema.schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    for record in told.records() {
        let of_record: BTreeSet<&String> = record.as_object().unwrap().keys().collect();
        assert_eq!(keys, of_record);
    }
}
