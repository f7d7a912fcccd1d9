//! A small world: one engine in memory, a clock that tests move, and as many processes as a test
//! wants, each with a store, a service and routers of its own.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;
use weir_model::Timestamp;
use weir_service::auth::{LocalAdmin, Scopes, SigningKey, SigningKeys};
use weir_service::clients::Registration;
use weir_service::{Service, ServiceConfig};
use weir_store::embedded::Engine;
use weir_store::{Db, ManualClock, Store};

use crate::chaos::Chaos;

/// 2024-05-15T10:20:30Z: an ordinary Wednesday.
pub const START_MS: i64 = 1_715_768_430_000;

/// One engine, one time, one signing key.
#[derive(Debug)]
pub struct World {
    /// What may be done to calls.
    pub chaos: Chaos,
    /// The time, which goes on with tokio's.
    pub clock: ManualClock,
    keys: SigningKeys,
}

/// A process: its own writer names, its own copies of what may be cached.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its store.
    pub store: Store,
    /// Its service.
    pub service: Arc<Service>,
    router: Router,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl World {
    /// Makes the tables.
    pub async fn start() -> Self {
        let start = Timestamp::from_millis(START_MS).expect("in range");
        let clock = ManualClock::running(start);
        let engine = Engine::memory(Arc::new(clock.clone())).expect("an engine in memory");
        let chaos = Chaos::new(Arc::new(engine));
        let db = Db::embedded(Arc::new(chaos.clone()), Arc::new(clock.clone()));
        db.create_tables().await.expect("the tables are made");
        Self {
            chaos,
            clock,
            keys: SigningKeys::new(SigningKey::random()),
        }
    }

    /// Another process, whose clock is ahead by `offset_ms`.
    pub fn node(&self, name: &str, offset_ms: i64) -> Node {
        let clock = Arc::new(self.clock.shifted(offset_ms));
        let db = Db::embedded(Arc::new(self.chaos.front(name)), clock);
        Node::new(Store::new(db), self.keys.clone())
    }
}

impl Node {
    fn new(store: Store, keys: SigningKeys) -> Self {
        let service = Service::new(store.clone(), ServiceConfig::new(keys));
        let routers = weir_token::router(service.clone())
            .merge(weir_track::router(service.clone()))
            .merge(weir_query::router(service.clone()));
        Self {
            store,
            service,
            router: weir_service::layer::edge(routers),
        }
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await;
        Answer::of(response.expect("routers do not fail")).await
    }

    /// Asks as the machine's own administrator, who needs no token.
    pub async fn get(&self, path: &str) -> Answer {
        let mut request = request(Method::GET, path)
            .body(Body::empty())
            .expect("a request");
        request.extensions_mut().insert(LocalAdmin);
        self.send(request).await
    }

    /// Tracks events as the machine's own administrator.
    pub async fn track(&self, body: &Value, key: Option<&str>) -> Answer {
        let builder =
            request(Method::POST, "/api/track/").header("content-type", "application/json");
        let builder = key
            .into_iter()
            .fold(builder, |b, key| b.header("idempotency-key", key));
        let mut request = builder
            .body(Body::from(body.to_string()))
            .expect("a request");
        request.extensions_mut().insert(LocalAdmin);
        self.send(request).await
    }
}

/// A client of the world, as a test uses it.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// A token with all its scopes.
    pub token: String,
}

impl Node {
    /// Registers a client with these scopes and gets it a token over HTTP.
    pub async fn client(&self, scopes: &str, rate: Option<u32>) -> Client {
        let registration = Registration {
            label: "a test".into(),
            scopes: Scopes::parse(scopes).expect("known scopes"),
            rate,
            id: None,
            secret: None,
        };
        let registered = self
            .service
            .register(registration)
            .await
            .expect("a new client");
        let (id, secret) = (
            registered.client.id.to_string(),
            registered.secret.expose().to_owned(),
        );
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let request = request(Method::POST, "/o/token/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .expect("a request");
        let answer = self.send(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let token = answer.json()["access_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        Client { id, secret, token }
    }

    /// Posts a body to the Tracking API.
    pub async fn post(
        &self,
        client: &Client,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let builder = request(Method::POST, "/api/track/")
            .header("authorization", format!("Bearer {}", client.token));
        let builder = headers
            .iter()
            .fold(builder, |b, (name, value)| b.header(*name, *value));
        self.send(builder.body(body.into()).expect("a request"))
            .await
    }

    /// Asks with a client's token.
    pub async fn ask(&self, client: &Client, path: &str) -> Answer {
        let builder =
            request(Method::GET, path).header("authorization", format!("Bearer {}", client.token));
        self.send(builder.body(Body::empty()).expect("a request"))
            .await
    }
}

/// Begins a request.
pub fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path)
}

impl Answer {
    /// Reads a response to its end.
    pub async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the body is whole");
        Self {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes().to_vec(),
        }
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// The sum of the values of an aggregate that counts.
    pub fn counted(&self) -> u64 {
        let points = self.json();
        let values = points.as_array().expect("a list").iter();
        values
            .map(|point| point["value"].as_u64().expect("a count"))
            .sum()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    /// The stable code of a problem.
    pub fn code(&self) -> String {
        self.json()["code"]
            .as_str()
            .expect("a problem has a code")
            .to_owned()
    }
}
