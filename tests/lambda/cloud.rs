//! A deployed Weir: its functions, its tables, its secrets, one client.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use weir_model::Name;
use weir_service::auth::{SigningKey, SigningKeys};
use weir_service::clients::Registration;
use weir_service::write_keys::NewKey;
use weir_service::{Scopes, Service, ServiceConfig};
use weir_store::embedded::Engine;
use weir_store::{Db, Store, SystemClock};
use weir_tests::aws::Front;
use weir_tests::chaos::Chaos;
use weir_tests::lambda::{Function, Outcome, Setup};
use weir_tests::world::Answer;
use weir_third_parties::{Pingdom, pingdom};

/// So are tables and secret called in front.
const STACK: &str = "weir";

const SECRET: &str = "weir/signing-key";

const PINGDOM: &str = "weir/collect/pingdom";

/// The tables are in memory, and the functions reach them over HTTP.
pub(crate) struct Cloud {
    pub(crate) chaos: Chaos,
    pub(crate) track: Function,
    pub(crate) query: Function,
    pub(crate) token: Function,
    pub(crate) compact: Function,
    /// It reads Pingdom.
    pub(crate) collect: Function,
    /// The write key of an old client, whose events are of the namespace `n`.
    pub(crate) key: String,
    bearer: String,
    _pingdom: Pingdom,
    /// Dropped last: the processes write there.
    _logs: TempDir,
    front: Front,
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        Self::logging("info").await
    }

    /// One whose functions log so much.
    pub(crate) async fn logging(level: &str) -> Self {
        let engine = Engine::memory(Arc::new(SystemClock)).expect("an engine in memory");
        let chaos = Chaos::new(Arc::new(engine));
        let front = Front::start(chaos.clone()).await;
        front.put_secret(SECRET, &json!({"signs": "k".repeat(64)}).to_string());
        let pingdom = Pingdom::start(pingdom::Fixture::sample());
        front.put_secret(PINGDOM, &pingdom.credentials().to_string());
        let logs = tempfile::tempdir().expect("a directory");
        let function = |name: &str, program: &str| {
            Function::new(setup(name, program, level, &front, &pingdom, &logs))
        };
        let mut cloud = Self {
            track: function("track", env!("CARGO_BIN_EXE_function-track")),
            query: function("query", env!("CARGO_BIN_EXE_function-query")),
            token: function("token", env!("CARGO_BIN_EXE_function-token")),
            compact: function("compact", env!("CARGO_BIN_EXE_function-compact")),
            collect: function("collect", env!("CARGO_BIN_EXE_function-collect-pingdom")),
            chaos,
            key: String::new(),
            bearer: String::new(),
            _pingdom: pingdom,
            _logs: logs,
            front,
        };
        let store = cloud.store();
        store
            .db()
            .create_tables()
            .await
            .expect("the tables are made");
        // Both are made by whoever deploys.
        let service = Service::new(store, ServiceConfig::new(own_keys()));
        cloud.key = make_key(&service).await;
        cloud.bearer = cloud.log_in(&service).await;
        cloud
    }

    /// A look at the tables from this process.
    pub(crate) fn store(&self) -> Store {
        self.store_at(Arc::new(SystemClock))
    }

    /// The same by another clock.
    pub(crate) fn store_at(&self, clock: Arc<dyn weir_store::Clock>) -> Store {
        Store::new(Db::embedded(Arc::new(self.chaos.front("test")), clock))
    }

    /// Registers a client, and gets it a token from the function.
    async fn log_in(&self, service: &Service) -> String {
        let registration = Registration {
            label: "a test".into(),
            scopes: Scopes::parse("read write aggregation").expect("known scopes"),
            rate: None,
            id: None,
            secret: None,
        };
        let client = service.register(registration).await.expect("a new client");
        let (id, secret) = (&client.client.id, client.secret.expose());
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let request = Request::post("/o/token/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(form));
        let answer = self.token.request(request.expect("a request")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let token = answer.json()["access_token"].as_str().map(str::to_owned);
        format!("Bearer {}", token.expect("a token"))
    }

    /// Posts events.
    pub(crate) async fn post(&self, key: Option<&str>, events: &Value) -> Answer {
        let request = Request::post("/api/track/")
            .header("authorization", &self.bearer)
            .header("content-type", "application/json");
        let request = key
            .into_iter()
            .fold(request, |r, key| r.header("idempotency-key", key));
        let request = request.body(Bytes::from(events.to_string()));
        self.track.request(request.expect("a request")).await
    }

    /// The instances that have read a secret.
    pub(crate) fn readers_of_secrets(&self) -> Vec<String> {
        self.front.readers_of_secrets()
    }

    /// How often each instant of a series was counted, by the query function.
    pub(crate) async fn counted(&self, name: &str) -> Vec<(i64, u64)> {
        let path = format!("/api/events/n/{name}?granularity=none&aggregationType=count");
        let answer = self.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let points = answer.json();
        points
            .as_array()
            .expect("a list")
            .iter()
            .map(point)
            .collect()
    }

    /// Asks the query function.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header("authorization", &self.bearer);
        let request = request.body(Bytes::new());
        self.query.request(request.expect("a request")).await
    }

    /// One run of the compactor, or of the verification; nothing if it was killed.
    pub(crate) async fn upkeep(&self, event: Value) -> Option<Value> {
        match self.compact.invoke(event.to_string()).await {
            Outcome::Answered(report) => Some(serde_json::from_slice(&report).expect("JSON")),
            Outcome::Died => None,
            failed => panic!("upkeep failed: {failed:?}"),
        }
    }
}

/// The commands of whoever deploys sign nothing.
fn own_keys() -> SigningKeys {
    SigningKeys::new(SigningKey::random())
}

async fn make_key(service: &Service) -> String {
    let new = NewKey {
        label: Name::parse("n").expect("legal"),
        namespace: None,
        rate: None,
        existing: None,
    };
    let made = service.make_key(new).await.expect("a new key");
    made.key.expose().to_owned()
}

fn point(point: &Value) -> (i64, u64) {
    let time = point["aggregatedTimestamp"].as_str().expect("a time");
    let time: jiff::Timestamp = time.parse().expect("RFC 3339");
    (
        time.as_millisecond(),
        point["value"].as_u64().expect("a count"),
    )
}

fn setup(
    name: &str,
    program: &str,
    level: &str,
    front: &Front,
    pingdom: &Pingdom,
    logs: &TempDir,
) -> Setup {
    let answers_requests = !["compact", "collect"].contains(&name);
    let variables = [
        ("AWS_ENDPOINT_URL", front.url()),
        ("WEIR_STACK", STACK.to_owned()),
        ("WEIR_LOG", level.to_owned()),
        ("WEIR_PINGDOM_URL", pingdom.url()),
    ];
    // The others have no business with the key.
    let of_http = [("WEIR_SIGNING_SECRET", SECRET.to_owned())];
    let of_http = of_http.into_iter().filter(|_| answers_requests);
    let environment = variables.into_iter().chain(of_http);
    Setup {
        name: name.to_owned(),
        program: PathBuf::from(program),
        arguments: Vec::new(),
        environment: environment
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        memory_mb: 512,
        timeout: Duration::from_secs(if answers_requests { 29 } else { 900 }),
        logs: logs.path().to_owned(),
    }
}
