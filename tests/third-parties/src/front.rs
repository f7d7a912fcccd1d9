//! What every stand-in does before and after its vendor's part: it writes requests down, lets answers
//! go wrong, and packs them.
//!
//! For tests in other languages the same server takes failures by `POST /_control` and forgets them
//! by `POST /_heal`, shows what was asked by `GET /_requests` and how much of it by `GET /_traffic`,
//! and gives credentials by `GET /_credentials`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use flate2::read::GzDecoder;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::{Failure, Planned, take};
use crate::log::Log;
use crate::recorded::{Recorded, pairs};
use crate::reply::Reply;
use crate::server::Server;

/// A body larger than this is no collector's.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// The vendor's part.
pub(crate) trait Vendor: Send + Sync + 'static {
    /// Headers whose values are not written down.
    const SECRET_HEADERS: &'static [&'static str] = &[];

    /// What it answers with.
    type Answer: Into<Reply>;

    /// Answers a request.
    fn answer(&self, request: &Recorded) -> Self::Answer;

    /// What a collector needs to be let in.
    fn credentials(&self, url: &str) -> Value;

    /// What a request is about.
    fn place(&self, request: &Recorded) -> String {
        request.path.clone()
    }

    /// How many of the newest requests are kept.
    fn kept(&self) -> usize {
        usize::MAX
    }

    /// Does what a test in another language asks of this vendor alone; nothing, if it is not known.
    fn control(&self, _request: &Recorded) -> Option<Answer> {
        None
    }
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
    log: Arc<Log>,
    planned: Mutex<Vec<Planned>>,
}

impl<V: Vendor> Front<V> {
    pub(crate) fn start(vendor: V) -> Front<V> {
        let desk = Arc::new(Desk {
            log: Log::new(vendor.kept()),
            vendor,
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
        self.desk.log.requests()
    }

    pub(crate) fn log(&self) -> &Log {
        &self.desk.log
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
    let mut recorded = match record(request).await {
        Ok(recorded) => recorded,
        Err(why) => return plain(400, why),
    };
    if recorded.path.starts_with("/_") {
        return desk.control(&recorded);
    }
    recorded.place = desk.vendor.place(&recorded);
    let visit = desk.log.enter(veiled::<V>(recorded.clone()));
    let failure = take(&mut locked(&desk.planned), &recorded.place);
    let (parts, body) = desk.answer(&recorded, failure).await.into_parts();
    let body = visit.see_off(parts.status.as_u16(), body);
    Response::from_parts(parts, body)
}

/// A request as it is written down.
fn veiled<V: Vendor>(mut request: Recorded) -> Recorded {
    for name in V::SECRET_HEADERS {
        if let Some(value) = request.headers.get_mut(*name) {
            "***".clone_into(value);
        }
    }
    request
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
        ..Recorded::default()
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
        if let Some(Failure::Status {
            status,
            headers,
            body,
        }) = failure
        {
            return with_headers(status, headers, Body::from(body));
        }
        let reply: Reply = self.vendor.answer(request).into();
        if !reply.delay.is_zero() {
            tokio::time::sleep(reply.delay).await;
        }
        match failure {
            None => pack(request, reply),
            Some(Failure::Slow(seconds)) => {
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
                pack(request, reply)
            }
            Some(failure) => distort(reply, failure),
        }
    }

    /// What tests in other languages ask for.
    fn control(&self, request: &Recorded) -> Response {
        let host = request.header("host").unwrap_or("localhost");
        let value = match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/_requests") => json!(self.log.requests()),
            ("GET", "/_traffic") => {
                json!({"asked": self.log.asked(), "most_at_once": self.log.most_at_once()})
            }
            ("POST", "/_forget") => {
                self.log.forget();
                json!({"status": "ok"})
            }
            ("POST", "/_heal") => {
                locked(&self.planned).clear();
                json!({"status": "ok"})
            }
            ("GET", "/_credentials") => self.vendor.credentials(&format!("http://{host}")),
            ("POST", "/_control") => match serde_json::from_str::<Planned>(&request.body) {
                Ok(planned) => {
                    locked(&self.planned).push(planned);
                    json!({"status": "ok"})
                }
                Err(error) => return plain(400, format!("no failure: {error}")),
            },
            _ => return self.control_vendor(request),
        };
        pack(request, Answer::new(200, value).into())
    }

    fn control_vendor(&self, request: &Recorded) -> Response {
        if let Some(answer) = self.vendor.control(request) {
            return pack(request, answer.into());
        }
        let known =
            "GET /_requests, /_traffic or /_credentials, or POST /_control, /_heal or /_forget";
        plain(404, known.to_owned())
    }
}

/// An answer whose body is not what it should be.
fn distort(reply: Reply, failure: Failure) -> Response {
    let body = match failure {
        Failure::CutRows(count) => cut(&reply.text.first_rows(count), usize::MAX),
        Failure::Malformed => Body::from("<html><body>Bad gateway</body></html>"),
        Failure::Body(value) => Body::from(value.to_string()),
        failure => distorted(&reply.text.whole(), &failure),
    };
    with_headers(reply.status, with_type(reply.headers), body)
}

fn distorted(text: &str, failure: &Failure) -> Body {
    let half = text.floor_char_boundary(text.len() / 2);
    match failure {
        Failure::Truncated => Body::from(text[..half].to_owned()),
        Failure::Cut(after) => cut(text, *after),
        Failure::Halting(seconds) => halting(text, half, *seconds),
        _ => Body::from(text.to_owned()),
    }
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
fn pack(request: &Recorded, reply: Reply) -> Response {
    let wanted = request
        .header("accept-encoding")
        .is_some_and(|it| it.contains("gzip"));
    let (body, packed) = reply.text.into_body(wanted && reply.may_pack);
    let mut headers = with_type(reply.headers);
    if packed {
        headers.push(("content-encoding".into(), "gzip".into()));
    }
    with_headers(reply.status, headers, body)
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
