//! A small Weir: the routes over a store in memory, behind what surrounds them everywhere, and a
//! data set with a token.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Request};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use weir_model::{DataSetSettings, Timestamp};
use weir_service::auth::{Grant, Scopes, SigningKey, SigningKeys};
use weir_service::layer::edge;
use weir_service::{Service, ServiceConfig};
use weir_store::embedded::{Answer as EngineAnswer, Call, Cut, Engine, Transport};
use weir_store::registry::{ClientId, SecretHash};
use weir_store::{Db, Deadline, ManualClock, Store};

/// The token of every data set here.
pub(crate) const TOKEN: &str = "the-token-of-the-data-set";

/// Where the data set of most tests is.
pub(crate) const FOO: &str = "/data/foo/bar";

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) service: Arc<Service>,
    pub(crate) line: Arc<Line>,
    router: Router,
}

/// The line to the store, which can be cut.
#[derive(Debug)]
pub(crate) struct Line {
    engine: Engine,
    cut: AtomicBool,
}

impl Line {
    pub(crate) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }
}

impl Transport for Line {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<EngineAnswer, Cut>> {
        match self.cut.load(Ordering::SeqCst) {
            true => Box::pin(async { Err(Cut("planted".into())) }),
            false => self.engine.call(call),
        }
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub(crate) fn data(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.json()["data"].clone()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// Checks a refusal in Backdrop's form and gives its message.
    pub(crate) fn refusal(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/json");
        let json = self.json();
        assert_eq!(json["status"], "error", "{json}");
        assert_eq!(json.as_object().unwrap().len(), 2, "{json}");
        json["message"].as_str().unwrap().to_owned()
    }

    /// The query of the next page.
    pub(crate) fn next(&self) -> Option<&str> {
        let link = self.headers.get("link")?.to_str().unwrap();
        let query = link
            .strip_prefix("<?")
            .and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
        Some(query.unwrap_or_else(|| panic!("an odd link: {link}")))
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A text in a query.
pub(crate) fn encoded(text: &str) -> String {
    let pairs = [("x", text)];
    serde_urlencoded::to_string(pairs).unwrap()[2..].to_owned()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

impl World {
    /// Its clock stands still until it is moved.
    pub(crate) async fn start() -> World {
        World::at_clock(ManualClock::new(at("2013-04-01T12:00:00Z"))).await
    }

    /// Its clock goes on with tokio's time, so that deadlines pass.
    pub(crate) async fn running() -> World {
        World::at_clock(ManualClock::running(at("2013-04-01T12:00:00Z"))).await
    }

    async fn at_clock(clock: ManualClock) -> World {
        let engine = Engine::memory(Arc::new(clock.clone())).unwrap();
        let cut = AtomicBool::new(false);
        let line = Arc::new(Line { engine, cut });
        let transport = Arc::clone(&line) as Arc<dyn Transport>;
        let db = Db::embedded(transport, Arc::new(clock.clone()));
        db.create_tables().await.unwrap();
        let keys = SigningKeys::new(SigningKey::new(&[7; 32]).unwrap());
        let service = Service::new(Store::new(db), ServiceConfig::new(keys));
        let router = edge(weir_data::router(Arc::clone(&service)));
        let world = World {
            clock,
            service,
            line,
            router,
        };
        world.create("foo/bar", DataSetSettings::default()).await;
        world
    }

    /// The same with a data set of these records.
    pub(crate) async fn with(records: Value) -> World {
        let world = World::start().await;
        world.store(records).await;
        world
    }

    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::at(self.service.now().saturating_add(Duration::from_secs(60)))
    }

    pub(crate) async fn create(&self, name: &str, settings: DataSetSettings) {
        let (name, token) = (name.parse().unwrap(), SecretHash::of(TOKEN));
        let store = &self.service.store;
        let created = store.create_data_set(&name, token, settings, self.deadline());
        assert!(created.await.unwrap().is_some());
    }

    /// An OAuth2 token.
    pub(crate) async fn oauth2(&self, scopes: &str) -> String {
        let grant = Grant {
            client: ClientId::parse("a-client").unwrap(),
            scopes: Scopes::parse(scopes).unwrap(),
            rate: None,
        };
        self.service
            .issue(&grant)
            .await
            .unwrap()
            .expose()
            .to_owned()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 10_000_000).await.unwrap();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// A request with the data set's token.
    pub(crate) async fn call(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        self.call_with(TOKEN, method, path, body).await
    }

    pub(crate) async fn call_with(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: impl Into<Body>,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn post(&self, records: Value) -> Answer {
        self.call("POST", FOO, records.to_string()).await
    }

    /// Stores records, which must go well.
    pub(crate) async fn store(&self, records: Value) {
        let answer = self.post(records).await;
        assert_eq!(
            (answer.status, answer.json()),
            (200, json!({"status": "ok"}))
        );
    }

    /// A question of anybody.
    pub(crate) async fn get(&self, query: &str) -> Answer {
        self.get_at(FOO, query).await
    }

    pub(crate) async fn get_at(&self, path: &str, query: &str) -> Answer {
        let request = Request::get(format!("{path}?{query}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }
}
