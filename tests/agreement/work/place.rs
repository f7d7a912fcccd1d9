//! An engine, and processes on it that are watched or not.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use weir_model::{Name, Timestamp};
use weir_service::auth::{SigningKey, SigningKeys};
use weir_service::write_keys::NewKey;
use weir_service::{Service, ServiceConfig};
use weir_store::embedded::Engine;
use weir_store::registry::ClientId;
use weir_store::{Clock as _, Db, Deadline, ManualClock, Store};
use weir_tests::chaos::Chaos;
use weir_tests::world::{Answer, START_MS};

use super::MINUTE;
use crate::calls::Recorder;

/// One engine, and processes on it that are watched or not.
pub(super) struct Place {
    chaos: Chaos,
    clock: ManualClock,
    keys: SigningKeys,
}

impl Place {
    pub(super) async fn start() -> Self {
        let clock = ManualClock::running(Timestamp::from_millis(START_MS).expect("in range"));
        let engine = Engine::memory(Arc::new(clock.clone())).expect("an engine");
        let place = Self {
            chaos: Chaos::new(Arc::new(engine)),
            clock,
            keys: SigningKeys::new(SigningKey::random()),
        };
        place.store().db().create_tables().await.expect("tables");
        place
    }

    /// The store of a process that nobody watches.
    fn store(&self) -> Store {
        let line = Arc::new(self.chaos.front("unwatched"));
        Store::new(Db::embedded(line, Arc::new(self.clock.clone())))
    }

    pub(super) fn watched(&self) -> (Store, Recorder) {
        let recorder = Recorder::new(Arc::new(self.chaos.front("watched")));
        let line = Arc::new(recorder.clone());
        (
            Store::new(Db::embedded(line, Arc::new(self.clock.clone()))),
            recorder,
        )
    }

    /// A process with these routes.
    pub(super) async fn process(
        &self,
        store: Store,
        router: fn(Arc<Service>) -> Router,
    ) -> Process {
        let service = Service::new(store, ServiceConfig::new(self.keys.clone()));
        service.warm_up().await;
        let router = weir_service::layer::edge(router(Arc::clone(&service)));
        Process { service, router }
    }

    /// All functions in one process that nobody watches.
    pub(super) async fn helper(&self) -> Process {
        let all = |service: Arc<Service>| {
            weir_token::router(Arc::clone(&service))
                .merge(weir_track::router(Arc::clone(&service)))
                .merge(weir_query::router(service))
        };
        self.process(self.store(), all).await
    }

    /// From now on calls fail, one in four.
    pub(super) fn fail(&self, seed: u64) {
        self.chaos.random(seed, 0.25);
    }

    pub(super) async fn stop_failing(&self) {
        self.chaos.calm();
        self.chaos.quiet().await;
    }

    /// Past what a process remembers of revocations and clients.
    pub(super) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    pub(super) fn soon(&self) -> Deadline {
        Deadline::at(self.clock.now().saturating_add(MINUTE))
    }
}

pub(super) struct Process {
    pub(super) service: Arc<Service>,
    router: Router,
}

impl Process {
    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await;
        Answer::of(answer.expect("routers do not fail")).await
    }

    pub(super) async fn register(&self, scopes: &str, rate: Option<u32>) -> (String, String) {
        let registration = weir_service::clients::Registration {
            label: "a test".into(),
            scopes: weir_service::Scopes::parse(scopes).expect("scopes"),
            rate,
            id: None,
            secret: None,
        };
        let registered = self.service.register(registration).await.expect("a client");
        let secret = registered.secret.expose().to_owned();
        (registered.client.id.to_string(), secret)
    }

    pub(super) async fn form(
        &self,
        path: &str,
        (id, secret): &(String, String),
        rest: &str,
    ) -> Answer {
        let form = format!("client_id={id}&client_secret={secret}&{rest}");
        let request = Request::builder().method(Method::POST).uri(path);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form)).expect("a request"))
            .await
    }

    pub(super) async fn token(&self, client: &(String, String)) -> String {
        let answer = self
            .form("/o/token/", client, "grant_type=client_credentials")
            .await;
        let token = answer.json()["access_token"].as_str().map(str::to_owned);
        token.unwrap_or_else(|| panic!("{}", answer.text()))
    }

    pub(super) async fn get(&self, token: &str, path: &str) -> Answer {
        self.get_as(&format!("Bearer {token}"), path).await
    }

    /// Asks as whoever an `Authorization` names.
    pub(super) async fn get_as(&self, authorization: &str, path: &str) -> Answer {
        let request = Request::get(path).header("authorization", authorization);
        self.send(request.body(Body::empty()).expect("a request"))
            .await
    }

    pub(super) async fn post(&self, token: &str, key: Option<&str>, body: &Value) -> Answer {
        self.post_as(&format!("Bearer {token}"), key, body).await
    }

    /// Posts events as whoever an `Authorization` names.
    pub(super) async fn post_as(
        &self,
        authorization: &str,
        key: Option<&str>,
        body: &Value,
    ) -> Answer {
        let request = Request::post("/api/track/")
            .header("authorization", authorization)
            .header("content-type", "application/json");
        let request = key
            .into_iter()
            .fold(request, |r, key| r.header("idempotency-key", key));
        let request = request.body(Body::from(body.to_string()));
        self.send(request.expect("a request")).await
    }

    /// Makes a write key: its public name and itself.
    pub(super) async fn make_key(&self, label: &str, rate: Option<u32>) -> (ClientId, String) {
        let new = NewKey {
            label: Name::parse(label).expect("legal"),
            namespace: None,
            rate,
            existing: None,
        };
        let made = self.service.make_key(new).await.expect("a new key");
        (made.record.id, made.key.expose().to_owned())
    }
}

/// How a write key is sent by HTTP Basic.
pub(super) fn basic(key: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{key}:")))
}

/// Events of some series, each some seconds after the other.
pub(super) fn events(series: usize, each: usize, id: Option<&str>) -> Value {
    let numbers = (0..series).flat_map(|series| (0..each).map(move |n| (series, n)));
    let events = numbers.map(|(series, n)| {
        let mut event = json!({
            "namespace": "n", "name": format!("m{series}"),
            "timestamp": START_MS + n as i64 * 1000, "value": 1,
        });
        if let Some(id) = id {
            event["id"] = format!("{id}-{n}").into();
        }
        event
    });
    events.collect()
}
