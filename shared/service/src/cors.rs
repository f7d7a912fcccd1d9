//! Which pages may read answers: cross-origin resource sharing, as the Fetch standard has it
//! (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! What browsers send events to is open to pages of every origin: a write key is what lets them
//! in. Weir's own interface, where tokens are given and events are read, answers pages of the
//! configured origins alone. Cookies let nobody in anywhere, so no answer allows credentials.
//!
//! The path decides, here and at one place outside of gates and handlers: what refuses a request
//! has no part in it, and yet its refusal can be read by the page. A preflight is answered before
//! anything else is asked. Routers do nothing for it.

use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LINK, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, Method, Uri};
use thiserror::Error;
use tower::{Layer as _, ServiceExt as _};
use tower_http::cors::{AllowHeaders, Any, CorsLayer, Vary};

use crate::layer::REQUEST_ID;

/// How long a page may rely on a preflight's answer. Chromium keeps none for longer
/// (<https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Access-Control-Max-Age>).
const PREFLIGHT_LASTS: Duration = Duration::from_secs(2 * 3600);

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What everything here is reached by.
const METHODS: [Method; 3] = [Method::GET, Method::HEAD, Method::POST];

/// Pages whose origin may read the answers of Weir's own interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origins {
    /// Those of none.
    #[default]
    Nowhere,
    /// Those of these origins, as browsers write them.
    These(Vec<HeaderValue>),
    /// All.
    Anywhere,
}

/// An origin that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not an origin: https://app.example, http://127.0.0.1:3000, or * alone for all")]
pub struct OriginError(String);

impl FromStr for Origins {
    type Err = OriginError;

    /// Reads origins between commas or blanks, or `*`. None at all is none.
    fn from_str(text: &str) -> Result<Origins, OriginError> {
        let words = text.split([',', ' ']).filter(|word| !word.is_empty());
        let words: Vec<&str> = words.collect();
        match words.as_slice() {
            [] => Ok(Origins::Nowhere),
            ["*"] => Ok(Origins::Anywhere),
            words => {
                let these = words.iter().map(|word| origin(word));
                these.collect::<Result<_, _>>().map(Origins::These)
            }
        }
    }
}

/// Writes an origin as browsers do: in lower case, and without the port that goes without saying.
fn origin(text: &str) -> Result<HeaderValue, OriginError> {
    let refuse = || OriginError(text.to_owned());
    let lower = text.to_ascii_lowercase();
    let (scheme, rest) = lower.split_once("://").ok_or_else(refuse)?;
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let usual_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return Err(refuse()),
    };
    let host = host.strip_suffix(usual_port).unwrap_or(host);
    let origin = format!("{scheme}://{host}");
    let uri: Uri = origin.parse().map_err(|_| refuse())?;
    let is_plain = uri.authority().is_some_and(|found| found == host) && !host.contains(['@', '*']);
    match is_plain {
        true => HeaderValue::from_str(&origin).map_err(|_| refuse()),
        false => Err(refuse()),
    }
}

/// For what takes events from browsers: every origin, and whatever headers its clients send. A
/// header is not trusted for being there, so none that an unknown tracker adds shall keep it out.
pub fn open() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods(METHODS)
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([LINK, RETRY_AFTER, REQUEST_ID, WWW_AUTHENTICATE])
        .max_age(PREFLIGHT_LASTS)
        // All pages get the same, so a cache may keep one answer for them.
        .vary(Vary::list([]))
}

/// For Weir's own interface; nothing if no page may read it.
fn own(origins: &Origins) -> Option<CorsLayer> {
    let layer = match origins {
        Origins::Nowhere => return None,
        Origins::These(these) => CorsLayer::new().allow_origin(these.clone()),
        Origins::Anywhere => CorsLayer::new().allow_origin(Any),
    };
    let layer = layer
        .allow_methods(METHODS)
        .allow_headers([
            AUTHORIZATION,
            CONTENT_ENCODING,
            CONTENT_TYPE,
            IDEMPOTENCY_KEY,
        ])
        .expose_headers([
            IDEMPOTENCY_KEY,
            LINK,
            REQUEST_ID,
            RETRY_AFTER,
            WWW_AUTHENTICATE,
        ])
        .max_age(PREFLIGHT_LASTS);
    Some(layer)
}

/// What each kind of path answers to pages.
struct Policies {
    open: CorsLayer,
    own: Option<CorsLayer>,
}

impl Policies {
    fn of(&self, path: &str) -> Option<&CorsLayer> {
        match is_own(path) {
            true => self.own.as_ref(),
            false => Some(&self.open),
        }
    }
}

/// Whether a path belongs to Weir's own interface. FocusLab's is below the same `/api/`; what is
/// left takes events or tells everybody the same.
fn is_own(path: &str) -> bool {
    let below_api = path.strip_prefix("/api/");
    below_api.is_some_and(|rest| !rest.starts_with("v1/")) || path.starts_with("/o/")
}

/// Surrounds a router, outside of everything that may refuse a request.
pub(crate) fn around(router: Router, origins: &Origins) -> Router {
    let policies = Arc::new(Policies {
        open: open(),
        own: own(origins),
    });
    router.layer(from_fn_with_state(policies, by_path))
}

async fn by_path(State(policies): State<Arc<Policies>>, request: Request, next: Next) -> Response {
    let Some(policy) = policies.of(request.uri().path()) else {
        return next.run(request).await;
    };
    let answered: Result<_, Infallible> = policy.layer(next).oneshot(request).await;
    answered.unwrap_or_else(|never| match never {})
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::routing::post;
    use http::header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
        ORIGIN, VARY,
    };
    use http::{HeaderMap, StatusCode};

    use crate::Problem;
    use crate::layer::edge_for;

    const APP: &str = "https://app.example";

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        let check = |text: &str, expected: Option<&[&'static str]>| {
            let these = |list: &[&'static str]| {
                Origins::These(list.iter().copied().map(HeaderValue::from_static).collect())
            };
            assert_eq!(text.parse().ok(), expected.map(these), "{text}");
        };
        check(APP, Some(&[APP]));
        check("HTTPS://App.Example/", Some(&[APP]));
        check("https://app.example:443", Some(&[APP]));
        check(
            "http://127.0.0.1:3000, http://[::1]:80 http://b:443",
            Some(&["http://127.0.0.1:3000", "http://[::1]", "http://b:443"]),
        );
        for bad in [
            "app.example",
            "https://",
            "https://a/b",
            "https://a?b",
            "https://u@a",
            "https://*.example",
            "https://ä.example",
            "null",
            "*,https://a",
            "ftp://a",
        ] {
            check(bad, None);
        }
        assert_eq!("".parse(), Ok(Origins::Nowhere));
        assert_eq!(" * ".parse(), Ok(Origins::Anywhere));
        let error = "a.example".parse::<Origins>().unwrap_err().to_string();
        assert!(error.contains("\"a.example\" is not an origin"), "{error}");
    }

    /// Nobody is let in, and one handler breaks.
    fn router(origins: &Origins) -> Router {
        let refuse = || async { Problem::new(StatusCode::UNAUTHORIZED, "unknown-key", "no") };
        let overloaded = || async { Problem::unavailable("overloaded", "later", PREFLIGHT_LASTS) };
        let breaks = async || -> &'static str { panic!("on purpose, for a test") };
        edge_for(
            Router::new()
                .route("/api/v1/trigger/", post(refuse))
                .route("/v1/batch", post(overloaded))
                .route("/v1/breaks", post(breaks))
                .route("/api/track/", post(refuse))
                .route("/o/token/", post(refuse)),
            origins,
        )
    }

    async fn send(origins: &str, method: Method, path: &str) -> (StatusCode, HeaderMap) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(ORIGIN, APP)
            .header(ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(ACCESS_CONTROL_REQUEST_HEADERS, "content-type,x-fl-api-key")
            .body(Body::empty())
            .unwrap();
        let router = router(&origins.parse().unwrap());
        let response = router.oneshot(request).await.unwrap();
        (response.status(), response.headers().clone())
    }

    fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
        headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    #[tokio::test]
    async fn a_preflight_at_a_door_is_answered_without_a_key() {
        for path in ["/api/v1/trigger/", "/v1/batch"] {
            let (status, headers) = send("", Method::OPTIONS, path).await;
            assert_eq!(status, StatusCode::OK);
            assert_eq!(text(&headers, &ACCESS_CONTROL_ALLOW_ORIGIN), "*");
            assert!(text(&headers, &ACCESS_CONTROL_ALLOW_METHODS).contains("POST"));
            let allowed = text(&headers, &ACCESS_CONTROL_ALLOW_HEADERS);
            assert_eq!(allowed, "content-type,x-fl-api-key");
            assert_eq!(text(&headers, &ACCESS_CONTROL_MAX_AGE), "7200");
            assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
            assert!(!headers.contains_key(VARY), "{headers:?}");
            // It is in the log like everything else.
            assert!(headers.contains_key(REQUEST_ID));
        }
    }

    #[tokio::test]
    async fn a_page_can_read_why_it_was_refused() {
        let check = async |path: &str, expected: StatusCode| {
            for origins in ["", APP] {
                let (status, headers) = send(origins, Method::POST, path).await;
                assert_eq!(status, expected, "{path}");
                let origin = text(&headers, &ACCESS_CONTROL_ALLOW_ORIGIN);
                assert_eq!(origin, "*", "{path}");
                let exposed = text(&headers, &ACCESS_CONTROL_EXPOSE_HEADERS);
                assert!(exposed.contains("retry-after"), "{path} {exposed}");
            }
        };
        check("/api/v1/trigger/", StatusCode::UNAUTHORIZED).await;
        check("/v1/batch", StatusCode::SERVICE_UNAVAILABLE).await;
        check("/v1/breaks", StatusCode::INTERNAL_SERVER_ERROR).await;
        check("/nowhere", StatusCode::NOT_FOUND).await;
    }

    #[tokio::test]
    async fn the_own_interface_answers_pages_of_the_configured_origins_alone() {
        let check = async |origins: &str, expected: &str| {
            for path in ["/api/track/", "/o/token/", "/api/nowhere"] {
                for method in [Method::POST, Method::OPTIONS] {
                    let (status, headers) = send(origins, method.clone(), path).await;
                    let allowed = text(&headers, &ACCESS_CONTROL_ALLOW_ORIGIN);
                    assert_eq!(allowed, expected, "{method} {path}");
                    let is_preflight = status == StatusCode::OK;
                    let expected = method == Method::OPTIONS && !origins.is_empty();
                    assert_eq!(is_preflight, expected, "{method} {path} {status}");
                }
            }
        };
        check("", "").await;
        check("https://other.example", "").await;
        check("https://other.example,https://app.example", APP).await;
        check("*", "*").await;
    }

    #[tokio::test]
    async fn a_page_of_a_configured_origin_sees_what_it_goes_on_by() {
        let (_, headers) = send(APP, Method::POST, "/api/track/").await;
        let exposed = text(&headers, &ACCESS_CONTROL_EXPOSE_HEADERS);
        let expected = "idempotency-key,link,x-request-id,retry-after,www-authenticate";
        assert_eq!(exposed, expected);
        assert!(text(&headers, &VARY).contains("origin"), "{headers:?}");
        let (_, headers) = send(APP, Method::OPTIONS, "/api/track/").await;
        let allowed = text(&headers, &ACCESS_CONTROL_ALLOW_HEADERS);
        let expected = "authorization,content-encoding,content-type,idempotency-key";
        assert_eq!(allowed, expected);
    }
}
