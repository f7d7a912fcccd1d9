//! The runtime API of one instance: an event waits here until the function asks for the next one,
//! and its answer comes back here (AWS Lambda developer guide, "Using the Lambda runtime API for
//! custom runtimes").

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use weir_store::{Clock as _, SystemClock};

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The function's answer.
    Answered(Bytes),
    /// The error that the function has told of, when it started or for this event.
    Failed(Bytes),
    /// The process has ended without either.
    Died,
    /// There was nothing until the function's time was up. The process is killed.
    TimedOut,
}

/// Serves one instance.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    address: SocketAddr,
    desk: Arc<Desk>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Desk {
    arn: String,
    queue: mpsc::UnboundedSender<Invocation>,
    next: AsyncMutex<mpsc::UnboundedReceiver<Invocation>>,
    open: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
    asked: watch::Sender<usize>,
}

#[derive(Debug)]
struct Invocation {
    id: String,
    event: Bytes,
    deadline_ms: i64,
}

impl RuntimeApi {
    pub(super) async fn start(function: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (queue, next) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk {
            arn: format!("arn:aws:lambda:eu-west-1:123456789012:function:{function}"),
            queue,
            next: AsyncMutex::new(next),
            open: Mutex::default(),
            asked: watch::Sender::new(0),
        });
        let router = router(Arc::clone(&desk));
        let server = tokio::spawn(async move {
            let served = axum::serve(listener, router).await;
            served.expect("accepting goes on after errors");
        });
        Self {
            address,
            desk,
            server,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the function has asked for an event for the first time: it is then ready.
    pub(super) async fn ready(&self) {
        let mut asked = self.desk.asked.subscribe();
        let ready = asked.wait_for(|times| *times > 0).await;
        ready.expect("the desk is held here");
    }

    /// Lays an event out, under an id that was never used before.
    pub(super) fn offer(
        &self,
        id: String,
        event: Bytes,
        time: Duration,
    ) -> oneshot::Receiver<Outcome> {
        let (done, outcome) = oneshot::channel();
        let deadline = SystemClock.now().saturating_add(time);
        self.desk.open().insert(id.clone(), done);
        let invocation = Invocation {
            id,
            event,
            deadline_ms: deadline.as_millis(),
        };
        let sent = self.desk.queue.send(invocation);
        sent.expect("the other end is held by the desk");
        outcome
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Desk {
    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Outcome>>> {
        self.open.lock().expect("no holder panics")
    }

    /// Ends an invocation, or all if none is named.
    fn end(&self, id: Option<&str>, outcome: &Outcome) -> Response {
        let mut open = self.open();
        let ended: Vec<_> = match id {
            Some(id) => open.remove(id).into_iter().collect(),
            None => open.drain().map(|(_, done)| done).collect(),
        };
        if ended.is_empty() && id.is_some() {
            return (StatusCode::BAD_REQUEST, "no such invocation").into_response();
        }
        for done in ended {
            // Whoever asked may have given up.
            let _ = done.send(outcome.clone());
        }
        (StatusCode::ACCEPTED, r#"{"status":"OK"}"#).into_response()
    }
}

fn router(desk: Arc<Desk>) -> Router {
    let routes = Router::new()
        .route("/invocation/next", get(next))
        .route("/invocation/{id}/response", post(response))
        .route("/invocation/{id}/error", post(error))
        .route("/init/error", post(init_error));
    Router::new()
        .nest("/2018-06-01/runtime", routes)
        .layer(DefaultBodyLimit::disable())
        .with_state(desk)
}

/// Waits for an event as long as it takes.
async fn next(State(desk): State<Arc<Desk>>) -> Response {
    desk.asked.send_modify(|times| *times += 1);
    let invocation = desk.next.lock().await.recv().await;
    let Invocation {
        id,
        event,
        deadline_ms,
    } = invocation.expect("the desk holds a sender");
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", desk.arn.clone()),
    ];
    (axum::response::AppendHeaders(headers), event).into_response()
}

async fn response(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    answer: Bytes,
) -> Response {
    desk.end(Some(&id), &Outcome::Answered(answer))
}

async fn error(State(desk): State<Arc<Desk>>, Path(id): Path<String>, error: Bytes) -> Response {
    desk.end(Some(&id), &Outcome::Failed(error))
}

async fn init_error(State(desk): State<Arc<Desk>>, error: Bytes) -> Response {
    desk.end(None, &Outcome::Failed(error))
}
