//! What surrounds every router of a process: request ids, the access log, what pages may read,
//! and problems for what no handler answers.
//!
//! The access log names the method, the matched route, the status and the time, and never the
//! path, the query or a header: some old clients carry keys there.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tracing::Instrument;

use crate::cors::{self, Origins};
use crate::problem::Problem;
use crate::secret::{hex, random_bytes};

/// The answer's header that names the request, as the log does.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names a request in the log and in its answer's `X-Request-Id`. Drawn here, unless whoever
/// listens has put another among the request's extensions; never taken from what a client sends.
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

/// What the access log says of a request, among its answer's extensions.
#[derive(Debug, Clone)]
pub struct Access {
    /// The route that it took, if there is one.
    pub route: Option<MatchedPath>,
    /// How long its answer took.
    pub took: Duration,
}

/// Surrounds a finished router, whose own interface no page of another origin may read. Routes
/// that are added later are outside.
pub fn edge(router: Router) -> Router {
    edge_for(router, &Origins::Nowhere)
}

/// The same for pages of these origins, too.
pub fn edge_for(router: Router, origins: &Origins) -> Router {
    let answering = router
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn(caught));
    cors::around(answering, origins).layer(from_fn(surround))
}

async fn no_such_path() -> Problem {
    Problem::not_found("there is nothing at this path")
}

/// The router adds `Allow`.
async fn no_such_method() -> Problem {
    let detail = "the path takes other methods, which Allow lists";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}

async fn surround(mut request: Request, next: Next) -> Response {
    let RequestId(id) = request
        .extensions_mut()
        .get_or_insert_with(|| RequestId(hex(&random_bytes::<8>()).into()))
        .clone();
    let span = tracing::info_span!("request", id = &*id);
    let mut response = logged(request, next).instrument(span).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn logged(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = known_method(request.method());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("none", MatchedPath::as_str);
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    let took = start.elapsed();
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        method,
        route,
        status,
        ms,
        "{method} {route} {status} in {ms} ms"
    );
    let access = Access {
        route: matched,
        took,
    };
    response.extensions_mut().insert(access);
    response
}

/// A method is free text, so only the usual ones are written down.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A panic in a handler ends its request and nothing else. The panic hook has reported it.
async fn caught(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!("a request ended in a panic");
            Problem::internal().into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Mutex;

    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::extract::Path;
    use axum::routing::{get, post};
    use http::header::{ALLOW, CONTENT_TYPE};
    use serde_json::Value;
    use tower::ServiceExt;
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Log {
        type Writer = Log;

        fn make_writer(&'a self) -> Log {
            self.clone()
        }
    }

    fn router() -> Router {
        let routes = Router::new()
            .route(
                "/api/{name}",
                get(|Path(name): Path<String>| async move { name }),
            )
            .route("/post", post(async || "posted").delete(async || "deleted"))
            .route("/panic", get(panics));
        edge(routes)
    }

    async fn panics() -> &'static str {
        panic!("on purpose, for a test")
    }

    async fn send(method: &str, path: &str) -> Response {
        let request = Request::builder().method(method).uri(path);
        router()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap()
    }

    async fn check(method: &str, path: &str, status: u16, code: &str) -> http::HeaderMap {
        let response = send(method, path).await;
        assert_eq!(response.status().as_u16(), status);
        let headers = response.headers().clone();
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&body["code"], &body["status"]),
            (&code.into(), &status.into())
        );
        headers
    }

    #[tokio::test]
    async fn what_no_handler_answers_is_a_problem() {
        check("GET", "/nowhere", 404, "not-found").await;
        check("GET", "/panic", 500, "internal").await;
        let headers = check("GET", "/post", 405, "method-not-allowed").await;
        let mut allowed: Vec<_> = headers[ALLOW].to_str().unwrap().split(',').collect();
        allowed.sort_unstable();
        assert_eq!(allowed, ["DELETE", "POST"]);
    }

    #[tokio::test]
    async fn the_access_log_names_the_route_and_nothing_else_of_the_request() {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
        // With a second subscriber alive, what is of interest is asked of both, and not of whichever
        // thread of the test binary comes to a line first.
        let _other = tracing::Dispatch::new(tracing_subscriber::registry());
        let _guard = tracing::subscriber::set_default(subscriber);
        let response = send("GET", "/api/planted?key=planted").await;
        send("PLANTED", "/planted").await;
        let id = response.headers()[REQUEST_ID].to_str().unwrap();
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains(id), "{text}");
        assert!(text.contains("GET /api/{name} 200 in"), "{text}");
        assert!(text.contains("other none 404 in"), "{text}");
        assert!(!text.to_lowercase().contains("planted"), "{text}");
    }

    #[tokio::test]
    async fn every_answer_names_its_request() {
        let id = |response: Response| response.headers()[REQUEST_ID].to_str().unwrap().to_owned();
        let (one, other) = (send("GET", "/api/x").await, send("GET", "/panic").await);
        let (one, other) = (id(one), id(other));
        assert_eq!(one.len(), 16);
        assert_ne!(one, other);
    }
}
