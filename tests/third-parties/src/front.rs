//! What every stand-in does before and after its vendor's part: it writes requests down, lets answers
//! go wrong, and packs them.
//!
//! For tests in other languages the same server takes failures by `POST /_control`, shows what was
//! asked by `GET /_requests`, and gives credentials by `GET /_credentials`.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::{Failure, Planned, take};
use crate::recorded::{Recorded, pairs};
use crate::server::Server;

/// A body larger than this is no collector's.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// Answers smaller than this are not worth packing.
const GZIP_FROM: usize = 512;

/// The vendor's part.
pub(crate) trait Vendor: Send + Sync + 'static {
    /// Answers a request.
    fn answer(&self, request: &Recorded) -> Answer;

    /// What a collector needs to be let in.
    fn credentials(&self, url: &str) -> Value;
}

/// A vendor behind its server.
#[derive(Debug)]
pub(crate) struct Front<V> {
    desk: Arc<Desk<V>>,
    server: Server,
}

#[derive(Debug)]
struct Desk<V> {
    vendor: V,
    requests: Mutex<Vec<Recorded>>,
    planned: Mutex<Vec<Planned>>,
}

impl<V: Vendor> Front<V> {
    pub(crate) fn start(vendor: V) -> Front<V> {
        let desk = Arc::new(Desk {
            vendor,
            requests: Mutex::default(),
            planned: Mutex::default(),
        });
        let router = Router::new()
            .fallback(take_in::<V>)
            .with_state(Arc::clone(&desk));
        let server = Server::start(router);
        Front { desk, server }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) fn vendor(&self) -> &V {
        &self.desk.vendor
    }

    pub(crate) fn credentials(&self) -> Value {
        self.desk.vendor.credentials(&self.url())
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        locked(&self.desk.requests).clone()
    }

    pub(crate) fn plan(&self, at: &str, after: u64, times: u64, failure: Failure) {
        let at = at.to_owned();
        locked(&self.desk.planned).push(Planned {
            at,
            after,
            times,
            failure,
        });
    }

    pub(crate) fn heal(&self) {
        locked(&self.desk.planned).clear();
    }
}

/// What is behind a lock, also after a panic elsewhere.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn take_in<V: Vendor>(State(desk): State<Arc<Desk<V>>>, request: Request) -> Response {
    let recorded = match record(request).await {
        Ok(recorded) => recorded,
        Err(why) => return plain(400, why),
    };
    if recorded.path.starts_with("/_") {
        return desk.control(&recorded);
    }
    locked(&desk.requests).push(recorded.clone());
    let failure = take(&mut locked(&desk.planned), &recorded.path);
    desk.answer(&recorded, failure).await
}

async fn record(request: Request) -> Result<Recorded, String> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY);
    let body = body.await.map_err(|error| error.to_string())?;
    let headers: BTreeMap<String, String> = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into(),
            )
        })
        .collect();
    let packed = headers
        .get("content-encoding")
        .is_some_and(|it| it == "gzip");
    Ok(Recorded {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: pairs(parts.uri.query().unwrap_or("")),
        headers,
        body: if packed {
            unpack(&body)?
        } else {
            String::from_utf8_lossy(&body).into()
        },
    })
}

fn unpack(body: &[u8]) -> Result<String, String> {
    let mut text = String::new();
    let read = GzDecoder::new(body).read_to_string(&mut text);
    read.map_err(|error| error.to_string())?;
    Ok(text)
}

impl<V: Vendor> Desk<V> {
    async fn answer(&self, request: &Recorded, failure: Option<Failure>) -> Response {
        let Some(failure) = failure else {
            return pack(request, self.vendor.answer(request));
        };
        match failure {
            Failure::Status {
                status,
                headers,
                body,
            } => with_headers(status, headers, Body::from(body)),
            Failure::Slow(seconds) => {
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
                pack(request, self.vendor.answer(request))
            }
            failure => distort(self.vendor.answer(request), failure),
        }
    }

    /// What tests in other languages ask for.
    fn control(&self, request: &Recorded) -> Response {
        let host = request.header("host").unwrap_or("localhost");
        let value = match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/_requests") => json!(*locked(&self.requests)),
            ("GET", "/_credentials") => self.vendor.credentials(&format!("http://{host}")),
            ("POST", "/_control") => match serde_json::from_str::<Planned>(&request.body) {
                Ok(planned) => {
                    locked(&self.planned).push(planned);
                    json!({"status": "ok"})
                }
                Err(error) => return plain(400, format!("no failure: {error}")),
            },
            _ => {
                return plain(
                    404,
                    "GET /_requests, GET /_credentials or POST /_control".to_owned(),
                );
            }
        };
        pack(request, Answer::new(200, value))
    }
}

/// An answer whose body is not what it should be.
fn distort(answer: Answer, failure: Failure) -> Response {
    let text = answer.body.to_string();
    let half = text.floor_char_boundary(text.len() / 2);
    let body = match failure {
        Failure::Truncated => Body::from(text[..half].to_owned()),
        Failure::Malformed => Body::from("<html><body>Bad gateway</body></html>"),
        Failure::Body(value) => Body::from(value.to_string()),
        Failure::Cut(after) => cut(&text, after),
        Failure::Halting(seconds) => halting(&text, half, seconds),
        Failure::Status { .. } | Failure::Slow(_) => Body::from(text),
    };
    with_headers(answer.status, with_type(answer.headers), body)
}

/// A body whose connection ends early.
fn cut(text: &str, after: usize) -> Body {
    let sent = Bytes::copy_from_slice(&text.as_bytes()[..after.min(text.len())]);
    let first = stream::once(async { Ok(sent) });
    // What was sent before gets out before the connection ends.
    let end = stream::once(async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(std::io::Error::other("cut"))
    });
    Body::from_stream(first.chain(end))
}

fn halting(text: &str, half: usize, seconds: f64) -> Body {
    let (first, second) = text.split_at(half);
    let first = Bytes::copy_from_slice(first.as_bytes());
    let second = Bytes::copy_from_slice(second.as_bytes());
    let first = stream::once(async { Ok::<_, std::io::Error>(first) });
    let second = stream::once(async move {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        Ok(second)
    });
    Body::from_stream(first.chain(second))
}

/// Packs what is worth it for who takes it packed.
fn pack(request: &Recorded, answer: Answer) -> Response {
    let text = answer.body.to_string();
    let wanted = request
        .header("accept-encoding")
        .is_some_and(|it| it.contains("gzip"));
    let mut headers = with_type(answer.headers);
    if !wanted || text.len() < GZIP_FROM {
        return with_headers(answer.status, headers, Body::from(text));
    }
    headers.push(("content-encoding".into(), "gzip".into()));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish());
    with_headers(
        answer.status,
        headers,
        Body::from(packed.expect("memory takes all")),
    )
}

fn with_type(mut headers: Vec<(String, String)>) -> Vec<(String, String)> {
    headers.push((
        "content-type".into(),
        "application/json; charset=UTF-8".into(),
    ));
    headers
}

fn plain(status: u16, text: String) -> Response {
    with_headers(
        status,
        [("content-type".into(), "text/plain".into())],
        Body::from(text),
    )
}

fn with_headers(
    status: u16,
    headers: impl IntoIterator<Item = (String, String)>,
    body: Body,
) -> Response {
    let answer = Response::builder().status(status);
    let answer = headers
        .into_iter()
        .fold(answer, |answer, (name, value)| answer.header(name, value));
    answer.body(body).expect("statuses and headers are legal")
}
