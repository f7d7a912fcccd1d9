//! What happens when more comes in than can be done: a store that hangs, and clients that do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use futures::future::{BoxFuture, join_all};
use http::StatusCode;
use http::header::RETRY_AFTER;
use reqwest::{Client, Response};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use weir_service::auth::{LocalAdmin, SigningKey, SigningKeys};
use weir_service::gate::Bounds;
use weir_service::layer::edge;
use weir_service::{Service, ServiceConfig};
use weir_store::db::Db;
use weir_store::embedded::{Answer, Call, Cut, Engine, Transport};
use weir_store::{Store, SystemClock};

use super::{READS, public_functions};
use crate::listen;

/// Writes that are let in at once, those that wait for it included.
const WRITES: usize = 8;

/// They wait for as long as a test may take.
const BOUNDS: Bounds = Bounds {
    at_once: WRITES / 2,
    waiting: WRITES / 2,
    patience: Duration::from_secs(60),
};

const EVENT: &str = r#"{"namespace":"n","name":"e","value":1}"#;

/// A store that can be made to hang.
#[derive(Debug)]
struct Hanging {
    engine: Engine,
    hangs: watch::Sender<bool>,
}

impl Transport for Hanging {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Cut>> {
        let mut hangs = self.hangs.subscribe();
        Box::pin(async move {
            let _ = hangs.wait_for(|hangs| !hangs).await;
            self.engine.call(call).await
        })
    }
}

/// A server over such a store.
struct Served {
    store: Arc<Hanging>,
    service: Arc<Service>,
    address: SocketAddr,
    http: Client,
    _stop: watch::Sender<()>,
}

impl Served {
    async fn start(connections: usize) -> Served {
        let clock = Arc::new(SystemClock);
        let store = Arc::new(Hanging {
            engine: Engine::memory(clock.clone()).unwrap(),
            hangs: watch::Sender::new(false),
        });
        let db = Db::embedded(Arc::clone(&store) as _, clock);
        db.create_tables().await.unwrap();
        let config = ServiceConfig {
            in_flight_requests: BOUNDS,
            ..ServiceConfig::new(SigningKeys::new(SigningKey::random()))
        };
        let service = Service::new(Store::new(db), config);
        let router = edge(public_functions(&service)).layer(Extension(LocalAdmin));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(());
        tokio::spawn(listen::serve(listener, router, connections, stopped));
        Served {
            store,
            service,
            address,
            http: crate::api::plain_client(),
            _stop: stop,
        }
    }

    async fn track(&self) -> Response {
        let url = format!("http://{}/api/track/", self.address);
        let request = self
            .http
            .post(url)
            .header("content-type", "application/json");
        request.body(EVENT).send().await.unwrap()
    }

    async fn query(&self) -> Response {
        let url = format!("http://{}/api/events/n/e", self.address);
        let query = "granularity=year&aggregationType=count";
        self.http
            .get(format!("{url}?{query}"))
            .send()
            .await
            .unwrap()
    }

    async fn count(&self) -> u64 {
        let points: Value = self.query().await.json().await.unwrap();
        let points = points.as_array().unwrap().iter();
        points.map(|point| point["value"].as_u64().unwrap()).sum()
    }

    /// A connection whose client begins a request and leaves it at that.
    async fn dawdle(&self, beginning: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        stream
    }
}

async fn check_overloaded(response: Response) {
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "1");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["code"], "overloaded");
}

/// Waits for something that is about to be so.
async fn soon(is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "it never was");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_write_too_many_is_refused_at_once_and_all_is_well_when_the_store_is() {
    let served = Arc::new(Served::start(100).await);
    assert_eq!(served.track().await.status(), StatusCode::CREATED);
    served.store.hangs.send_replace(true);
    let one = |served: Arc<Served>| async move { served.track().await.status() };
    let waiting = (0..WRITES).map(|_| tokio::spawn(one(Arc::clone(&served))));
    let waiting: Vec<_> = waiting.collect();
    soon(|| served.service.gate().look().is_err()).await;
    // Far sooner than any of those that wait could be given up.
    let refused = tokio::time::timeout(Duration::from_secs(2), served.track());
    check_overloaded(refused.await.unwrap()).await;
    served.store.hangs.send_replace(false);
    for status in join_all(waiting).await {
        assert_eq!(status.unwrap(), StatusCode::CREATED);
    }
    assert_eq!(served.track().await.status(), StatusCode::CREATED);
    assert_eq!(served.count().await, WRITES as u64 + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_have_a_bound_of_their_own() {
    let served = Arc::new(Served::start(200).await);
    assert_eq!(served.track().await.status(), StatusCode::CREATED);
    served.store.hangs.send_replace(true);
    let read = |served: Arc<Served>| async move { served.query().await.status() };
    // One is one too many: whichever comes last is refused.
    let many = READS.at_once + READS.waiting;
    let all = (0..=many).map(|_| Box::pin(read(Arc::clone(&served))));
    let (first, _, others) = futures::future::select_all(all).await;
    assert_eq!(first, StatusCode::SERVICE_UNAVAILABLE);
    // Writes are let in, nevertheless.
    assert!(served.service.gate().look().is_ok());
    served.store.hangs.send_replace(false);
    let answers = join_all(others).await;
    // Those under way are answered; of those that waited, who had not waited too long is as well.
    let answered = answers.iter().filter(|status| **status == StatusCode::OK);
    assert!(answered.count() >= READS.at_once, "{answers:?}");
    assert_eq!(served.track().await.status(), StatusCode::CREATED);
    assert_eq!(served.count().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_slowly_keeps_nobody_out() {
    let served = Served::start(4 * WRITES).await;
    let head = "POST /api/track/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let body = format!("{head}Content-Length: {}\r\n\r\n{{", EVENT.len());
    let mut slow = Vec::new();
    for _ in 0..2 * WRITES {
        slow.push(served.dawdle(&body).await);
    }
    // Together with these, all connections there may be.
    for _ in 0..2 * WRITES {
        slow.push(served.dawdle(head).await);
    }
    assert_eq!(served.track().await.status(), StatusCode::CREATED);
    // A slow one that goes on after all is served as well.
    slow[0].write_all(&EVENT.as_bytes()[1..]).await.unwrap();
    let mut answer = [0; 20];
    slow[0].read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer[..12], b"HTTP/1.1 201");
    assert_eq!(served.count().await, 2);
}
