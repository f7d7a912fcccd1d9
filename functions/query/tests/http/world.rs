//! A small Weir: the routers over a store in memory, with events that waited for no compaction and
//! events that went through one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LINK};
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt as _;
use weir_model::{
    ChunkRef, Day, Event, Manifest, Name, Names, Origin, Quarters, Run, RunId, Series, StoredEvent,
    Timestamp, Took, Totals, Writer,
};
use weir_service::auth::{Grant, Scopes, SigningKey, SigningKeys};
use weir_service::{Service, ServiceConfig};
use weir_store::embedded::{self, Call, Cut, Engine, Transport};
use weir_store::registry::ClientId;
use weir_store::{
    ChunkPlace, Db, Deadline, ManualClock, Published, Share, Store, Submission, cut_chunks,
};

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) line: Arc<Line>,
    pub(crate) service: Arc<Service>,
    router: Router,
    published: AtomicU64,
}

/// The line to the store: each call may take a while by the clock, and be counted.
#[derive(Debug)]
pub(crate) struct Line {
    engine: Engine,
    clock: ManualClock,
    takes_ms: AtomicU64,
    calls: AtomicU64,
}

impl Line {
    pub(crate) fn takes(&self, time: Duration) {
        self.takes_ms
            .store(time.as_millis() as u64, Ordering::Relaxed);
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Transport for Line {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<embedded::Answer, Cut>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let takes = Duration::from_millis(self.takes_ms.load(Ordering::Relaxed));
        self.clock.advance(takes);
        self.engine.call(call)
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub(crate) fn content_type(&self) -> &str {
        self.headers[CONTENT_TYPE].to_str().unwrap()
    }

    /// The query of the next page.
    pub(crate) fn next(&self) -> Option<&str> {
        let link = self.headers.get(LINK)?.to_str().unwrap();
        let query = link
            .strip_prefix("<?")
            .and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
        Some(query.unwrap_or_else(|| panic!("an odd link: {link}")))
    }

    /// The fields that a problem names.
    pub(crate) fn fields(&self) -> Vec<String> {
        let problem = self.json();
        let errors = problem["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("{problem}"));
        errors
            .iter()
            .map(|error| error["field"].as_str().unwrap().to_owned())
            .collect()
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(crate) fn series(namespace: &str, name: &str) -> Series {
    Series::parse(namespace, name).unwrap()
}

pub(crate) fn event(series: &Series, time: Timestamp, value: f64) -> Event {
    Event {
        series: series.clone(),
        timestamp: Some(time),
        value,
        id: None,
        actor: None,
        properties: None,
        expires: None,
    }
}

impl World {
    pub(crate) async fn start() -> World {
        let clock = ManualClock::new(at("2026-01-01"));
        let engine = Engine::memory(Arc::new(clock.clone())).unwrap();
        let line = Arc::new(Line {
            engine,
            clock: clock.clone(),
            takes_ms: AtomicU64::new(0),
            calls: AtomicU64::new(0),
        });
        let transport = Arc::clone(&line) as Arc<dyn Transport>;
        let db = Db::embedded(transport, Arc::new(clock.clone()));
        db.create_tables().await.unwrap();
        let keys = SigningKeys::new(SigningKey::new(&[7; 32]).unwrap());
        let service = Service::new(Store::new(db), ServiceConfig::new(keys));
        let router = weir_query::router(Arc::clone(&service));
        World {
            clock,
            line,
            service,
            router,
            published: AtomicU64::new(0),
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.service.store
    }

    fn deadline(&self) -> Deadline {
        Deadline::at(self.store().now().saturating_add(Duration::from_secs(60)))
    }

    pub(crate) async fn accept(&self, events: Vec<Event>) {
        let submission = Submission {
            events,
            key: None,
            body: [0; 32],
            received: self.store().now(),
            arrived: self.store().now(),
            client: "test".to_owned(),
            door: "test",
        };
        self.store().accept(submission).await.unwrap();
    }

    /// Stores events as a compaction leaves them that has finished: in manifests and chunks
    /// alone. Their years have to be known, and their days without a manifest.
    pub(crate) async fn publish(&self, events: &[Event]) {
        let mut days: BTreeMap<(Series, Day), Vec<StoredEvent>> = BTreeMap::new();
        for event in events {
            let stored = self.stored(event);
            let day = (event.series.clone(), stored.timestamp.day());
            days.entry(day).or_default().push(stored);
        }
        for ((series, day), events) in days {
            let manifest = self.put_runs(&series, day, events).await;
            self.put_manifest(&series, day, &manifest).await;
        }
    }

    fn stored(&self, event: &Event) -> StoredEvent {
        let request = self.published.fetch_add(1, Ordering::Relaxed);
        StoredEvent {
            timestamp: event.timestamp.unwrap(),
            value: event.value,
            origin: Origin {
                writer: Writer::from_bytes([0xaa; 12]),
                request,
                index: 0,
            },
            id: event.id.clone(),
            actor: event.actor.clone(),
            properties: event.properties.clone(),
            expires: event.expires,
        }
    }

    /// Folds a day's inbox into its first manifest, as a compaction does that has just published:
    /// the blocks are still there, and named.
    pub(crate) async fn fold(&self, series: &Series, day: Day) {
        let share = Share {
            blocks: usize::MAX,
            bytes: usize::MAX,
        };
        let inbox = self
            .store()
            .day_inbox(series, 1, day, &[], share, self.deadline());
        let blocks = inbox.await.unwrap().blocks;
        let names: Names = blocks.iter().map(|block| block.name).collect();
        let decoded = blocks
            .iter()
            .map(|block| weir_model::Block::decode(day, &block.bytes));
        let events = decoded.flat_map(|block| block.unwrap().events).collect();
        let mut manifest = self.put_runs(series, day, events).await;
        manifest.took.push(Took {
            at: self.store().now(),
            names,
        });
        self.put_manifest(series, day, &manifest).await;
    }

    /// Has the catalogue count a year.
    pub(crate) async fn summarize(&self, series: &Series, year: u16) {
        let summary = self
            .store()
            .year_summary(series, year, self.deadline())
            .await
            .unwrap();
        let store = self.store();
        let summarized = store
            .summarize_year(series, year, &summary, store.now(), self.deadline())
            .await;
        summarized.unwrap();
    }

    async fn put_runs(&self, series: &Series, day: Day, mut events: Vec<StoredEvent>) -> Manifest {
        events.sort_by(|a, b| a.order().cmp(&b.order()));
        let quarters = Quarters::from_events(&events);
        let mut manifest = Manifest {
            quarters,
            ..Manifest::default()
        };
        for of_hour in events.chunk_by(|a, b| a.timestamp.hour() == b.timestamp.hour()) {
            let run = self.put_run(series, day, of_hour).await;
            manifest.runs.push(run);
        }
        manifest
    }

    async fn put_run(&self, series: &Series, day: Day, events: &[StoredEvent]) -> Run {
        let (hour, id) = (events[0].timestamp.hour(), self.store().draw_run());
        let mut chunks = Vec::new();
        for (position, (events, bytes)) in cut_chunks(events).into_iter().enumerate() {
            let (start, size) = (events[0].timestamp, bytes.len() as u32);
            let place = ChunkPlace {
                hour,
                run: id,
                position,
            };
            let put = self
                .store()
                .put_chunk(series, day, place, bytes, None, self.deadline());
            put.await.unwrap();
            let events = events.len() as u32;
            chunks.push(ChunkRef {
                start,
                bytes: size,
                events,
                expires: None,
            });
        }
        let mut totals = Totals::default();
        events
            .iter()
            .for_each(|event| totals.add(event.timestamp, event.value));
        Run {
            hour,
            id,
            chunks,
            events: events.len() as u64,
            expires: None,
            totals,
        }
    }

    async fn put_manifest(&self, series: &Series, day: Day, manifest: &Manifest) {
        let runs: Vec<RunId> = manifest.runs.iter().map(|run| run.id).collect();
        let store = self.store();
        let published = store.publish(series, day, None, manifest, &runs, self.deadline());
        assert_eq!(published.await.unwrap(), Published::Mine);
    }

    pub(crate) async fn send(&self, request: http::request::Builder) -> Answer {
        let request = request.body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    /// A request with a token of these scopes.
    pub(crate) async fn request(&self, uri: &str, scopes: &str) -> http::request::Builder {
        let client = ClientId::parse("test").unwrap();
        let grant = Grant {
            client,
            scopes: Scopes::parse(scopes).unwrap(),
            rate: None,
        };
        let token = self.service.issue(&grant).await.unwrap();
        let bearer = format!("Bearer {}", token.expose());
        Request::builder().uri(uri).header(AUTHORIZATION, bearer)
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.send(self.request(uri, "read aggregation").await).await
    }

    /// The JSON of a 200 that is not cut.
    pub(crate) async fn json(&self, uri: &str) -> Value {
        let answer = self.get(uri).await;
        assert_eq!(answer.status, StatusCode::OK, "{uri}: {}", answer.body);
        assert_eq!(answer.next(), None, "{uri}");
        answer.json()
    }

    /// The pages that a query's links lead through.
    pub(crate) async fn pages(&self, path: &str, query: &str) -> Vec<Answer> {
        let mut pages = Vec::new();
        let mut query = query.to_owned();
        loop {
            let answer = self.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.body);
            let next = answer.next().map(str::to_owned);
            pages.push(answer);
            match next {
                Some(next) => query = next,
                None => return pages,
            }
            assert!(pages.len() < 5_000, "the pages do not end");
        }
    }

    /// The entries of all pages of a list.
    pub(crate) async fn union(&self, path: &str, query: &str) -> Vec<Value> {
        let pages = self.pages(path, query).await;
        pages
            .iter()
            .flat_map(|page| page.json().as_array().unwrap().clone())
            .collect()
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}
