//! A small world for this crate's tests: one store in memory, a clock that stands still until it
//! is moved, and a line to the store that can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::future::BoxFuture;
use http::Request;
use http::header::AUTHORIZATION;
use http::request::Parts;
use weir_model::Timestamp;
use weir_store::embedded::{Answer, Call, Cut, Engine, Transport};
use weir_store::registry::ClientId;
use weir_store::{Db, ManualClock, Store};

use crate::auth::{Grant, KeySource, Scopes, SigningKey, SigningKeys};
use crate::clients::{Registered, Registration};
use crate::{Service, ServiceConfig};

/// Tests pause tokio's time, and the clock goes on with it, so that deadlines pass.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) line: Arc<Line>,
    db: Db,
}

/// The line to the store. Counts calls.
#[derive(Debug)]
pub(crate) struct Line {
    engine: Engine,
    cut: AtomicBool,
    calls: AtomicUsize,
}

impl Line {
    pub(crate) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    /// Calls so far, those that met a cut line included.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Transport for Line {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Cut>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match self.cut.load(Ordering::SeqCst) {
            true => Box::pin(async { Err(Cut("planted".into())) }),
            false => self.engine.call(call),
        }
    }
}

impl World {
    pub(crate) async fn start() -> World {
        let clock = ManualClock::running(Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
        let engine = Engine::memory(Arc::new(clock.clone())).unwrap();
        let (cut, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
        let line = Arc::new(Line { engine, cut, calls });
        let db = Db::embedded(
            Arc::clone(&line) as Arc<dyn Transport>,
            Arc::new(clock.clone()),
        );
        db.create_tables().await.unwrap();
        World { clock, line, db }
    }

    /// The tables.
    pub(crate) fn db(&self) -> Db {
        self.db.clone()
    }

    /// A process of its own over the same tables and with the same key.
    pub(crate) fn process(&self) -> Arc<Service> {
        self.process_with(SigningKeys::new(SigningKey::new(&[7; 32]).unwrap()))
    }

    /// One with keys of its own.
    pub(crate) fn process_with(&self, keys: impl KeySource + 'static) -> Arc<Service> {
        Service::new(Store::new(self.db.clone()), ServiceConfig::new(keys))
    }
}

pub(crate) async fn register(service: &Service, id: &str, scopes: &str) -> Registered {
    let registration = Registration {
        label: format!("the client {id}"),
        scopes: Scopes::parse(scopes).unwrap(),
        rate: None,
        id: Some(ClientId::parse(id).unwrap()),
        secret: None,
    };
    service.register(registration).await.unwrap()
}

pub(crate) async fn token(service: &Service, id: &str, scopes: &str, rate: Option<u32>) -> String {
    let client = ClientId::parse(id).unwrap();
    let grant = Grant {
        client,
        scopes: Scopes::parse(scopes).unwrap(),
        rate,
    };
    service.issue(&grant).await.unwrap().expose().into()
}

/// The head of a request with this `Authorization`.
pub(crate) fn request(authorization: &str) -> Parts {
    let request = Request::builder().header(AUTHORIZATION, authorization);
    request.body(()).unwrap().into_parts().0
}

pub(crate) fn bearing(token: &str) -> Parts {
    request(&format!("Bearer {token}"))
}

/// The head of a request with these credentials, `user:password`.
pub(crate) fn basic(credentials: &str) -> Parts {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
    request(&format!("Basic {encoded}"))
}
