//! A Pendo, a store in memory, and jobs that read the one into the other.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use weir_collect::{
    Addresses, Context, Credential, Definition, Inputs, JobCall, Ran, Wanted, run_job,
};
use weir_collector::http::{Http, HttpOptions};
use weir_collector::secrets::SecretJson;
use weir_collector::{Limits, Report};
use weir_model::{DataSetName, DataSetSettings, Timestamp};
use weir_store::embedded::Engine;
use weir_store::registry::SecretHash;
use weir_store::{Clock, Db, Deadline, JobName, JobRun, Order, RecordSpan, Store, SystemClock};
use weir_third_parties::{Pendo, PendoFixture};

pub(crate) struct World {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pendo: Pendo,
    pub(crate) context: Context,
    /// What Pendo let in at first.
    credentials: Value,
    directory: tempfile::TempDir,
}

pub(crate) fn now() -> i64 {
    SystemClock.now().as_millis()
}

/// Before all that a fixture has.
pub(crate) fn start() -> String {
    let long = Duration::from_secs(100 * 24 * 3600);
    SystemClock.now().saturating_sub(long).to_string()
}

impl World {
    pub(crate) async fn start(fixture: PendoFixture) -> World {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let engine = Engine::memory(Arc::clone(&clock)).unwrap();
        let db = Db::embedded(Arc::new(engine), Arc::clone(&clock));
        db.create_tables().await.unwrap();
        let pendo = Pendo::start(fixture);
        let options = HttpOptions {
            backoff_base: Duration::from_millis(1),
            ..HttpOptions::default()
        };
        let context = Context {
            store: Store::new(db),
            http: Http::new(options).unwrap(),
            clock: Arc::clone(&clock),
            addresses: Addresses {
                pendo: Some(pendo.url()),
                ..Addresses::default()
            },
            aws: None,
        };
        World {
            clock,
            credentials: pendo.credentials(),
            pendo,
            context,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// Of all streams, or of some, into files.
    pub(crate) fn document(&self, streams: Value) -> Value {
        json!({
            "entrypoint": "pendo",
            "query": {"start_date": start(), "period": "dayRange", "streams": streams},
            "sink": {"type": "files", "url": format!("file://{}", self.files().display())},
            "credentials": "pendo",
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn files(&self) -> PathBuf {
        self.directory.path().join("files")
    }

    pub(crate) fn soon(&self) -> Deadline {
        Deadline::at(self.clock.now().saturating_add(Duration::from_secs(60)))
    }

    pub(crate) async fn run(&self, document: &Value, wanted: Wanted) -> (Report, JobRun) {
        let secret = SecretJson::parse("pendo.json", &self.credentials.to_string());
        let inputs = Inputs {
            credentials: Some(Credential::given(secret.unwrap())),
            ..Inputs::default()
        };
        let call = JobCall {
            name: &job(),
            definition: &Definition::from_value(document, "pendo.json").unwrap(),
            inputs: &inputs,
            wanted,
            state: None,
            next: None,
        };
        let limits = Limits::none(Arc::clone(&self.clock));
        match run_job(&call, &self.context, limits).await.unwrap() {
            Ran::Over { report, run } => (report, run),
            Ran::Busy { holder, .. } => panic!("{holder} has the job"),
        }
    }

    pub(crate) async fn create(&self, stream: &str) -> DataSetName {
        let name = DataSetName::new("product", stream).unwrap();
        let (token, settings) = (SecretHash::of(stream), DataSetSettings::default());
        let store = &self.context.store;
        let made = store
            .create_data_set(&name, token, settings, self.soon())
            .await;
        made.unwrap().unwrap();
        name
    }

    pub(crate) async fn documents(&self, name: &DataSetName) -> Vec<Value> {
        let store = &self.context.store;
        let set = store.data_set(name, self.soon()).await.unwrap().unwrap();
        let span = RecordSpan::default();
        let mut reader = store.read_records(&set, span, Order::Ascending, self.soon());
        let mut documents = Vec::new();
        while let Some(page) = reader.next_page().await.unwrap() {
            let texts = page.iter().map(|record| serde_json::from_str(&record.json));
            documents.extend(texts.map(Result::unwrap));
        }
        documents
    }

    /// The records of all files, by stream.
    pub(crate) fn records(&self) -> BTreeMap<String, Vec<Value>> {
        let mut records = BTreeMap::<String, Vec<Value>>::new();
        for stream in list(&self.files()) {
            let name = stream.file_name().unwrap().to_str().unwrap().to_owned();
            for file in list(&stream).iter().flat_map(|date| list(date)) {
                records
                    .entry(name.clone())
                    .or_default()
                    .extend(lines(&file));
            }
        }
        records
    }

    /// The dates that a stream has files of.
    pub(crate) fn dates(&self, stream: &str) -> Vec<String> {
        let dates = list(&self.files().join(stream));
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        dates.iter().map(name).collect()
    }
}

pub(crate) fn job() -> JobName {
    "product".parse().unwrap()
}

/// What is there but for what is not meant to be looked at.
pub(crate) fn list(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('.'));
    paths.sort();
    paths
}

fn lines(file: &Path) -> Vec<Value> {
    let mut text = String::new();
    let file = fs::File::open(file).unwrap();
    let mut unpacked = flate2::read::MultiGzDecoder::new(file);
    unpacked.read_to_string(&mut text).unwrap();
    let lines = text.lines().map(serde_json::from_str);
    lines.map(Result::unwrap).collect()
}

/// On from the bookmark.
pub(crate) fn resume() -> Wanted {
    Wanted::between(None, None)
}

/// A range from a time on, perhaps to another.
pub(crate) fn range(start: &str, end: Option<&str>) -> Wanted {
    let time = |text: &str| Timestamp::parse(text).unwrap();
    Wanted::between(Some(time(start)), end.map(time))
}
