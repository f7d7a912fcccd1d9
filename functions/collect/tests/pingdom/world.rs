//! A Pingdom, a store in memory, and jobs that read the one into the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use weir_collect::{
    Access, Addresses, Context, Credential, Definition, Inputs, JobCall, Pingdom, Ran, Wanted,
    run_job,
};
use weir_collector::http::{Http, HttpOptions};
use weir_collector::secrets::SecretJson;
use weir_collector::{Limits, Report};
use weir_model::{DataSetName, DataSetSettings, Timestamp};
use weir_store::embedded::Engine;
use weir_store::registry::SecretHash;
use weir_store::{
    Clock, Db, Deadline, JobName, JobRun, JobState, ManualClock, Order, RecordSpan, Store,
};
use weir_third_parties::pingdom::{self, Check, Fixture};

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) pingdom: pingdom::Pingdom,
    pub(crate) context: Context,
}

pub(crate) fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

pub(crate) fn range(start: &str, end: &str) -> Wanted {
    let side = |text: &str| (!text.is_empty()).then(|| time(text));
    Wanted::between(side(start), side(end))
}

/// Seconds since 1970.
pub(crate) fn seconds(text: &str) -> i64 {
    time(text).as_millis() / 1_000
}

/// The seed's document, with other options and another query.
pub(crate) fn document() -> Value {
    json!({
        "entrypoint": "backdrop.collector.pingdom",
        "query": {"name": "govuk"},
        "options": {},
        "data-set": {"data-group": "govuk", "data-set": "monitoring"},
        "credentials": "pingdom",
    })
}

pub(crate) fn definition(document: &Value) -> Definition {
    Definition::from_value(document, "uptime.json").expect("a definition")
}

pub(crate) fn http(clock: &ManualClock) -> Http {
    let options = HttpOptions {
        backoff_base: Duration::from_millis(1),
        ..HttpOptions::default()
    };
    let http = Http::new(options).expect("a client");
    http.with_clock(Arc::new(clock.clone()))
}

impl World {
    /// It is 10:30 on 2 March 2026.
    pub(crate) async fn start() -> World {
        Self::with(Fixture::sample()).await
    }

    pub(crate) async fn with_check(check: Check) -> World {
        Self::with(Fixture::default().check(check)).await
    }

    pub(crate) async fn with(fixture: Fixture) -> World {
        let clock = ManualClock::new(time("2026-03-02T10:30:00Z"));
        let engine = Engine::memory(Arc::new(clock.clone())).expect("memory");
        let db = Db::embedded(Arc::new(engine), Arc::new(clock.clone()));
        db.create_tables().await.expect("tables");
        let pingdom = pingdom::Pingdom::start(fixture);
        let context = Context {
            store: Store::new(db),
            http: http(&clock),
            clock: Arc::new(clock.clone()),
            addresses: Addresses {
                pingdom: pingdom.url(),
                ..Addresses::default()
            },
            aws: None,
        };
        let world = World {
            clock,
            pingdom,
            context,
        };
        let (token, settings) = (SecretHash::of("token"), DataSetSettings::default());
        let made = world
            .store()
            .create_data_set(&set(), token, settings, world.soon())
            .await;
        made.expect("the engine answers").expect("it is the first");
        world
    }

    pub(crate) fn store(&self) -> &Store {
        &self.context.store
    }

    pub(crate) fn soon(&self) -> Deadline {
        Deadline::at(self.clock.now().saturating_add(Duration::from_secs(60)))
    }

    pub(crate) fn credential(&self) -> Credential {
        credential(&self.pingdom.credentials())
    }

    pub(crate) fn access(&self) -> Access {
        Access {
            http: self.context.http.clone(),
            clock: Arc::new(self.clock.clone()),
            credentials: self.credential(),
            address: self.pingdom.url(),
        }
    }

    pub(crate) fn source(&self, document: &Value, wanted: Wanted) -> Pingdom {
        Pingdom::new(&definition(document), wanted, self.access()).expect("a source")
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits::none(Arc::new(self.clock.clone()))
    }

    pub(crate) async fn run(&self, wanted: Wanted) -> (Report, JobRun) {
        self.run_document(&document(), wanted, self.credential())
            .await
    }

    pub(crate) async fn run_document(
        &self,
        document: &Value,
        wanted: Wanted,
        credentials: Credential,
    ) -> (Report, JobRun) {
        match self.ask(document, wanted, credentials, self.limits()).await {
            Ran::Over { report, run } => (report, run),
            Ran::Busy { holder, .. } => panic!("{holder} has the job"),
        }
    }

    pub(crate) async fn ask(
        &self,
        document: &Value,
        wanted: Wanted,
        credentials: Credential,
        limits: Limits,
    ) -> Ran {
        let inputs = Inputs {
            credentials: Some(credentials),
            ..Inputs::default()
        };
        let call = JobCall {
            name: &job(),
            definition: &definition(document),
            inputs: &inputs,
            wanted,
            state: None,
            next: None,
        };
        let ran = run_job(&call, &self.context, limits).await;
        ran.expect("the engine answers")
    }

    pub(crate) async fn job(&self) -> Option<JobState> {
        let job = self.store().job(&job(), self.soon()).await;
        job.expect("the engine answers")
    }

    pub(crate) async fn runs(&self) -> Vec<JobRun> {
        let runs = self.store().job_runs(&job(), 10, self.soon()).await;
        runs.expect("the engine answers")
    }

    /// What the data set holds, by id.
    pub(crate) async fn records(&self) -> BTreeMap<String, Value> {
        let there = self.store().data_set(&set(), self.soon()).await;
        let there = there.expect("the engine answers").expect("it is there");
        let span = RecordSpan::default();
        let mut reader = self
            .store()
            .read_records(&there, span, Order::Ascending, self.soon());
        let mut records = BTreeMap::new();
        while let Some(page) = reader.next_page().await.expect("the engine answers") {
            for record in page {
                let mut document: Value = serde_json::from_str(&record.json).expect("JSON");
                document
                    .as_object_mut()
                    .expect("an object")
                    .remove("_updated_at");
                records.insert(record.id, document);
            }
        }
        records
    }
}

pub(crate) fn credential(secret: &Value) -> Credential {
    let secret = SecretJson::parse("pingdom.json", &secret.to_string());
    Credential::given(secret.expect("an object"))
}

pub(crate) fn job() -> JobName {
    "uptime".parse().expect("a name")
}

pub(crate) fn set() -> DataSetName {
    DataSetName::new("govuk", "monitoring").expect("a name")
}
