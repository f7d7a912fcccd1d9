//! A server that knows keys as a Weir does, counts the events that it stores, and fails as it is
//! told.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// What a request meets.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Nothing bad.
    None,
    /// It is answered late.
    Slow(Duration),
    /// It is refused, and nothing is stored.
    Refused(u16, &'static [(&'static str, &'static str)], &'static str),
    /// It is stored, and refused.
    StoredAndRefused(u16, &'static str),
    /// The connection is cut before anything is read.
    CutBefore,
    /// The connection is cut when some of it is read.
    CutWithin,
    /// It is stored, and the connection is cut instead of an answer.
    CutAfter,
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) key: String,
    pub(crate) authorization: String,
    pub(crate) is_compressed: bool,
    pub(crate) events: usize,
    pub(crate) at: Instant,
}

/// What the servers of a world share, as the doors of one Weir do.
pub(crate) struct Shared {
    pub(crate) faults: Box<dyn FnMut(usize) -> Fault + Send>,
    /// More in a batch are too many.
    pub(crate) events_max: usize,
    /// Events with these numbers are refused.
    pub(crate) bad: Vec<u64>,
    /// The tokens that are good; nothing: any.
    pub(crate) tokens: Option<Vec<String>>,
    pub(crate) token_requests: usize,
    requests: usize,
    pub(crate) seen: Vec<Seen>,
    pub(crate) events: Vec<Value>,
    keys: BTreeMap<String, (Bytes, String)>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            faults: Box::new(|_| Fault::None),
            events_max: 10_000,
            bad: Vec::new(),
            tokens: None,
            token_requests: 0,
            requests: 0,
            seen: Vec::new(),
            events: Vec::new(),
            keys: BTreeMap::new(),
        }
    }
}

/// A server on this machine; it is gone, with all its connections, when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _tasks: JoinSet<()>,
}

type Answer = Response<Full<Bytes>>;

impl Server {
    /// Starts a server at any port, or at one that was used before.
    pub(crate) async fn start(shared: &Arc<Mutex<Shared>>, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(shared);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Serves a connection until either side ends it.
pub(crate) async fn serve<S>(stream: S, shared: Arc<Mutex<Shared>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
    let connection = hyper::server::conn::http1::Builder::new();
    // A cut connection is what some tests are about.
    let _ = connection
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

#[derive(Debug, thiserror::Error)]
#[error("cut")]
struct Cut;

async fn answer(request: Request<Incoming>, shared: Arc<Mutex<Shared>>) -> Result<Answer, Cut> {
    match request.uri().path() {
        "/o/token/" => Ok(token(request, &shared).await),
        "/api/track/" => track(request, &shared).await,
        _ => Ok(plain(404, "no such page")),
    }
}

async fn token(request: Request<Incoming>, shared: &Mutex<Shared>) -> Answer {
    let header = text(request.headers(), "authorization");
    let form = request.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(&form[..], b"grant_type=client_credentials&scope=write");
    let mut shared = shared.lock().unwrap();
    shared.token_requests += 1;
    if !header.starts_with("Basic ") || header.contains("bm9ib2R5") {
        return plain(401, r#"{"error":"invalid_client"}"#);
    }
    let token = format!("token-{}", shared.token_requests);
    let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600});
    plain(200, &body.to_string())
}

async fn track(request: Request<Incoming>, shared: &Mutex<Shared>) -> Result<Answer, Cut> {
    let fault = {
        let mut shared = shared.lock().unwrap();
        shared.requests += 1;
        let number = shared.requests - 1;
        (shared.faults)(number)
    };
    let (parts, mut body) = request.into_parts();
    match fault {
        Fault::CutBefore => {
            note(shared, &parts.headers, 0);
            return Err(Cut);
        }
        Fault::CutWithin => {
            let _ = body.frame().await;
            note(shared, &parts.headers, 0);
            return Err(Cut);
        }
        Fault::Slow(pause) => sleep(pause).await,
        _ => {}
    }
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let body = decoded(&parts.headers, body);
    note(shared, &parts.headers, lines(&body).count());
    if let Fault::Refused(status, headers, text) = fault {
        let mut answer = plain(status, text);
        for (name, value) in headers {
            answer.headers_mut().insert(*name, value.parse().unwrap());
        }
        return Ok(answer);
    }
    let stored = shared.lock().unwrap().store(&parts.headers, body);
    match fault {
        Fault::CutAfter => Err(Cut),
        Fault::StoredAndRefused(status, text) => Ok(plain(status, text)),
        _ => Ok(stored),
    }
}

fn note(shared: &Mutex<Shared>, headers: &HeaderMap, events: usize) {
    shared.lock().unwrap().seen.push(Seen {
        key: text(headers, "idempotency-key"),
        authorization: text(headers, "authorization"),
        is_compressed: headers.contains_key("content-encoding"),
        events,
        at: Instant::now(),
    });
}

impl Shared {
    /// What a Weir does.
    fn store(&mut self, headers: &HeaderMap, body: Bytes) -> Answer {
        assert_eq!(text(headers, "content-type"), "application/x-ndjson");
        let token = text(headers, "authorization");
        if let Some(tokens) = &self.tokens
            && !tokens.iter().any(|good| token == format!("Bearer {good}"))
        {
            return plain(401, r#"{"code":"invalid-token","detail":"no good token"}"#);
        }
        let events: Vec<Value> = lines(&body)
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        if events.len() > self.events_max {
            return plain(413, r#"{"code":"too-large","detail":"too many"}"#);
        }
        let number = |event: &Value| event["properties"]["n"].as_u64();
        let is_bad = |event: &Value| number(event).is_some_and(|n| self.bad.contains(&n));
        let bad = events.iter().enumerate().filter(|(_, event)| is_bad(event));
        let bad: Vec<_> = bad
            .take(100)
            .map(|(index, _)| json!({"index": index, "field": "n", "reason": "is bad"}))
            .collect();
        if !bad.is_empty() {
            let problem = json!({"code": "invalid-event", "detail": "bad", "errors": bad});
            return plain(400, &problem.to_string());
        }
        let key = text(headers, "idempotency-key");
        assert!(!key.is_empty(), "every batch has a key");
        match self.keys.get(&key) {
            Some((known, answer)) if *known == body => return plain(201, answer),
            Some(_) => return plain(422, r#"{"code":"idempotency-key-reused"}"#),
            None => {}
        }
        let answer = json!({"accepted": events.len(), "duplicates": 0}).to_string();
        self.keys.insert(key, (body, answer.clone()));
        self.events.extend(events);
        plain(201, &answer)
    }

    /// How often each number was stored.
    pub(crate) fn counts(&self) -> BTreeMap<u64, usize> {
        let mut counts = BTreeMap::new();
        for event in &self.events {
            let number = event["properties"]["n"].as_u64().unwrap();
            *counts.entry(number).or_default() += 1;
        }
        counts
    }
}

fn decoded(headers: &HeaderMap, body: Bytes) -> Bytes {
    match headers.get("content-encoding") {
        None => body,
        Some(_) => {
            let mut plain = Vec::new();
            GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap();
            plain.into()
        }
    }
}

fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
}

fn text(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).map(|value| value.to_str().unwrap());
    value.unwrap_or_default().to_owned()
}

fn plain(status: u16, text: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}
