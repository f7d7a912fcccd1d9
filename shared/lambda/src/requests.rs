//! Functions that answer requests.

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use tokio::time::timeout;
use tower::ServiceExt as _;
use weir_aws::Secrets;
use weir_service::layer::{Access, RequestId, edge_for};
use weir_service::{Problem, Service, ServiceConfig};
use weir_store::{Db, Store, SystemClock};

use crate::answer::Answer;
use crate::event::{Event, EventError};
use crate::keys::KeySecret;
use crate::metrics::Measured;
use crate::runtime::{self, OfProcess};
use crate::settings::Settings;

/// How long a reading request may take. API Gateway gives up after 30 s (Amazon API Gateway
/// developer guide, "Quotas for HTTP APIs"); what stores has shorter waits of its own, and must
/// not be cut off, because then nobody could say whether it is stored.
const READING_TIME: Duration = Duration::from_secs(28);

/// How long a start waits for what the first request will want: that one is waiting already, and
/// tries again.
const WARMING_UP: Duration = Duration::from_secs(1);

/// After how long a request should come again that took too long.
const READING_RETRY: Duration = Duration::from_secs(2);

/// Runs a function with these routes, as a main does.
pub fn http(routes: impl FnOnce(Arc<Service>) -> Router) -> ExitCode {
    runtime::start(async |environment, settings| serve(environment, settings, routes).await)
}

async fn serve(
    environment: &OfProcess,
    settings: Settings,
    routes: impl FnOnce(Arc<Service>) -> Router,
) -> Result<(), Error> {
    let http = environment.http_settings()?;
    let aws = weir_aws::of_function().await;
    let db = Db::on_aws(&aws, settings.tables(), Arc::new(SystemClock));
    let keys = KeySecret::new(Secrets::new(&aws), http.signing_secret);
    let config = ServiceConfig {
        token_lifetime: http.token_lifetime,
        issuer: http.public_url,
        allowed_origins: http.allowed_origins,
        snippet_path: http.snippet_path,
        ..ServiceConfig::new(keys)
    };
    let service = Service::new(Store::new(db), config);
    let routes = routes(Arc::clone(&service));
    let front = Arc::new(Front::new(settings.function, Arc::clone(&service), routes));
    // Here Lambda gives a function all the processor there is, and does not freeze it.
    let _ = timeout(WARMING_UP, service.warm_up()).await;
    let answer = move |event| {
        let front = Arc::clone(&front);
        async move { Ok::<_, Infallible>(front.answer(event).await) }
    };
    Runtime::new(service_fn(answer)).run().await
}

/// What turns events into answers.
#[derive(Debug)]
pub(crate) struct Front {
    function: String,
    service: Arc<Service>,
    router: Router,
}

impl Front {
    /// Surrounds a function's routes.
    pub(crate) fn new(function: String, service: Arc<Service>, routes: Router) -> Front {
        let routes = routes.layer(from_fn(in_time));
        Front {
            function,
            router: edge_for(routes, service.allowed_origins()),
            service,
        }
    }

    /// Answers one request, and writes its metrics down.
    pub(crate) async fn answer(&self, event: LambdaEvent<Event>) -> Answer {
        let (answer, measured) = self.measured(event).await;
        let clock = self.service.store.clock();
        measured.write(&self.function, clock.as_ref());
        answer
    }

    /// Answers one request, and says what is to be written down.
    pub(crate) async fn measured(&self, event: LambdaEvent<Event>) -> (Answer, Measured) {
        let response = self.response(event).await;
        let access = response.extensions().get::<Access>().cloned();
        let answer = Answer::of(response).await;
        let events = self.service.tally().take();
        let measured = Measured::request(answer.status_code, access.as_ref(), events);
        (answer, measured)
    }

    async fn response(&self, event: LambdaEvent<Event>) -> Response {
        let (event, context) = event.into_parts();
        let mut request = match event.into_request() {
            Ok(request) => request,
            Err(error) => return refused(error).into_response(),
        };
        // One name for a request in all of Lambda's lines, in ours, and in the answer.
        let id = RequestId(context.request_id.into());
        request.extensions_mut().insert(id);
        let answered = self.router.clone().oneshot(request).await;
        answered.unwrap_or_else(|never| match never {})
    }
}

fn refused(error: EventError) -> Problem {
    tracing::warn!(%error, "a request was refused: {error}");
    match error {
        EventError::Target => {
            Problem::new(StatusCode::URI_TOO_LONG, "uri-too-long", error.to_string())
        }
        EventError::Method | EventError::Body => {
            Problem::bad_request("invalid-request", error.to_string())
        }
    }
}

/// An answer of ours is better than none.
async fn in_time(request: Request, next: Next) -> Response {
    let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let answer = next.run(request);
    if !is_reading {
        return answer.await;
    }
    let answer = timeout(READING_TIME, answer).await;
    answer.unwrap_or_else(|_| {
        tracing::warn!("answered 503: no answer within {READING_TIME:?}");
        let seconds = READING_TIME.as_secs();
        let detail = format!("this took longer than {seconds} s; ask for less at a time");
        Problem::unavailable("too-slow", detail, READING_RETRY).into_response()
    })
}
