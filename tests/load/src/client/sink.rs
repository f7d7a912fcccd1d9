//! A server that only reads: it parses every event, compares it with what its number says it must
//! be, and notes that it has come. It has a thread of its own.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use http::StatusCode;
use serde::Deserialize;
use tokio::net::TcpListener;
use weir_model::limits::BODY_BYTES;

use super::{NAME, NAMESPACE};

/// The events that have come.
#[derive(Debug)]
struct Seen {
    /// By number, how often.
    times: Vec<u8>,
    /// Events that are not what they must be.
    wrong: u64,
}

/// A sink at work.
#[derive(Debug)]
pub(super) struct Sink {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    /// Dropped with the sink, which ends the thread.
    _end: tokio::sync::oneshot::Sender<()>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    timestamp: u64,
    value: f64,
    #[serde(borrow)]
    properties: Properties<'a>,
}

#[derive(Deserialize)]
struct Properties<'a> {
    n: u64,
    #[serde(borrow)]
    page: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    value: f64,
}

pub(super) fn page(number: u64) -> String {
    format!("/products/{}", number % 1000)
}

pub(super) fn user(number: u64) -> String {
    format!("user-{}@example.org", number % 7919)
}

pub(super) fn value(number: u64) -> f64 {
    (number % 400) as f64 / 4.0
}

impl Sink {
    /// Starts a sink for events with numbers below `events`.
    pub(super) fn start(events: u64) -> Result<Self> {
        let seen = Arc::new(Mutex::new(Seen {
            times: vec![0; usize::try_from(events)?],
            wrong: 0,
        }));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (end, ended) = tokio::sync::oneshot::channel();
        let router = Router::new()
            .route("/api/track/", post(take))
            .layer(DefaultBodyLimit::max(BODY_BYTES))
            .with_state(Arc::clone(&seen));
        let serve = async move {
            let listener = TcpListener::from_std(listener)?;
            let ended = async { ended.await.unwrap_or_default() };
            axum::serve(listener, router)
                .with_graceful_shutdown(ended)
                .await
        };
        std::thread::Builder::new()
            .name("sink".to_owned())
            .spawn(move || runtime.block_on(serve))
            .context("no thread for the sink")?;
        Ok(Self {
            address,
            seen,
            _end: end,
        })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Checks that so many events have come, each once and as it must be.
    pub(super) fn check(&self, events: u64) -> Result<()> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let once = seen.times.iter().filter(|&&times| times == 1).count() as u64;
        let more = seen.times.iter().filter(|&&times| times > 1).count();
        ensure!(
            seen.wrong == 0,
            "{} events are not what was reported",
            seen.wrong
        );
        ensure!(
            more == 0 && once == events,
            "of {events} events {once} came once and {more} more than once"
        );
        Ok(())
    }
}

async fn take(State(seen): State<Arc<Mutex<Seen>>>, body: Bytes) -> (StatusCode, String) {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let mut events = 0;
    for line in body
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        events += 1;
        match serde_json::from_slice::<Line<'_>>(line) {
            Ok(line) if line.is_right() => seen.note(line.properties.n),
            _ => seen.wrong += 1,
        }
    }
    let answer = format!("{{\"accepted\":{events},\"duplicates\":0}}");
    (StatusCode::CREATED, answer)
}

impl Seen {
    fn note(&mut self, number: u64) {
        let place = usize::try_from(number).ok();
        match place.and_then(|at| self.times.get_mut(at)) {
            Some(times) => *times = times.saturating_add(1),
            None => self.wrong += 1,
        }
    }
}

impl Line<'_> {
    fn is_right(&self) -> bool {
        let Properties {
            n,
            page,
            user,
            value,
        } = &self.properties;
        self.namespace == NAMESPACE
            && self.name == NAME
            && self.timestamp > 1_700_000_000_000
            && self.value == *value
            && *value == self::value(*n)
            && *page == self::page(*n)
            && *user == self::user(*n)
    }
}
