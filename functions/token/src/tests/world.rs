use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;
use weir_model::Timestamp;
use weir_service::auth::{Scopes, SigningKey, SigningKeys};
use weir_service::clients::{Registered, Registration};
use weir_service::secret::ClientSecret;
use weir_service::{Service, ServiceConfig, layer};
use weir_store::embedded::{Answer, Call, Cut, Engine, Transport};
use weir_store::registry::ClientId;
use weir_store::{Db, ManualClock, Store};

use crate::router;

pub(super) const SECRET: &str = "planted-client-secret";

/// One store in memory, a clock that goes on with tokio's paused time, and one process.
pub(super) struct World {
    pub(super) clock: ManualClock,
    pub(super) line: Arc<Line>,
    pub(super) service: Arc<Service>,
    db: Db,
}

/// The line to the store, which a test can cut.
#[derive(Debug)]
pub(super) struct Line {
    engine: Engine,
    cut: AtomicBool,
}

impl Line {
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }
}

impl Transport for Line {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Cut>> {
        match self.cut.load(Ordering::SeqCst) {
            true => Box::pin(async { Err(Cut("cut".into())) }),
            false => self.engine.call(call),
        }
    }
}

/// What a request was answered with.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

pub(super) fn key(byte: u8) -> SigningKey {
    SigningKey::new(&[byte; 32]).unwrap()
}

impl World {
    /// With a client `reader` of two scopes.
    pub(super) async fn start() -> World {
        let clock = ManualClock::running(Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
        let engine = Engine::memory(Arc::new(clock.clone())).unwrap();
        let line = Arc::new(Line {
            engine,
            cut: AtomicBool::new(false),
        });
        let transport: Arc<dyn Transport> = line.clone();
        let db = Db::embedded(transport, Arc::new(clock.clone()));
        db.create_tables().await.unwrap();
        let config = ServiceConfig::new(SigningKeys::new(key(1)));
        let service = Service::new(Store::new(db.clone()), config);
        let world = World {
            clock,
            line,
            service,
            db,
        };
        world.register("reader", "read aggregation", None).await;
        world
    }

    pub(super) async fn register(&self, id: &str, scopes: &str, rate: Option<u32>) -> Registered {
        let registration = Registration {
            label: id.into(),
            scopes: Scopes::parse(scopes).unwrap(),
            rate,
            id: Some(ClientId::parse(id).unwrap()),
            secret: Some(ClientSecret::parse(SECRET).unwrap()),
        };
        self.service.register(registration).await.unwrap()
    }

    /// Another process over the same tables.
    pub(super) fn process(&self, config: ServiceConfig) -> Arc<Service> {
        Service::new(Store::new(self.db.clone()), config)
    }

    pub(super) fn router(&self) -> Router {
        layer::edge(router(Arc::clone(&self.service)))
    }

    /// Posts a form as `reader`, by HTTP Basic.
    pub(super) async fn post(&self, path: &str, form: &str) -> Answered {
        self.post_as(path, form, &basic("reader", SECRET)).await
    }

    pub(super) async fn post_as(&self, path: &str, form: &str, authorization: &str) -> Answered {
        let request = form_request(path).header(AUTHORIZATION, authorization);
        send(self.router(), request.body(form.to_owned().into()).unwrap()).await
    }

    /// Posts a form without the header `Authorization`.
    pub(super) async fn post_form(&self, path: &str, form: &str) -> Answered {
        let request = form_request(path);
        send(self.router(), request.body(form.to_owned().into()).unwrap()).await
    }

    /// Gets a token for `reader`.
    pub(super) async fn token(&self) -> String {
        let answered = self
            .post("/o/token/", "grant_type=client_credentials")
            .await;
        answered.body["access_token"].as_str().unwrap().into()
    }
}

fn form_request(path: &str) -> http::request::Builder {
    Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded")
}

pub(super) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

pub(super) async fn send(router: Router, request: Request<Body>) -> Answered {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1_000_000).await.unwrap();
    Answered {
        status: parts.status,
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    }
}

impl Answered {
    /// Expects an error in OAuth's form.
    pub(super) fn is_error(&self, status: u16, code: &str) -> &Answered {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.body["error"], code, "{self:?}");
        assert!(self.body["error_description"].is_string(), "{self:?}");
        assert_eq!(self.headers["cache-control"], "no-store");
        assert_eq!(self.headers["content-type"], "application/json");
        self
    }

    pub(super) fn is_ok(&self) -> &Answered {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        assert_eq!(self.headers["cache-control"], "no-store");
        assert_eq!(self.headers["pragma"], "no-cache");
        self
    }
}
