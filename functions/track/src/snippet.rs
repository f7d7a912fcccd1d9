//! The browser snippet: a small script that pages include, which reports to the Segment-style
//! door. `snippet/weir.js` is its source; it is sent without comments and indentation, which is
//! all that a compressed script gains from being made smaller.

use std::io::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName,
    IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest as _, Sha256};
use weir_service::SnippetPath;
use weir_service::secret::hex;

const SOURCE: &str = include_str!("snippet/weir.js");

/// What the source has in place of the way from the snippet to the root.
const TO_ROOT: &str = "{TO_ROOT}";

/// A new version is with every page within an hour.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// Pages that isolate themselves from other origins load it, too
/// (<https://fetch.spec.whatwg.org/#cross-origin-resource-policy-header>).
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The script as it is sent.
#[derive(Debug)]
struct Snippet {
    plain: Bytes,
    gzip: Bytes,
    etag: HeaderValue,
}

/// Serves the snippet at this path.
pub(crate) fn router(path: &SnippetPath) -> Router {
    Router::new()
        .route(path.as_str(), get(serve))
        .with_state(Arc::new(Snippet::at(path)))
}

impl Snippet {
    fn at(path: &SnippetPath) -> Snippet {
        let plain = small(SOURCE).replace(TO_ROOT, &path.to_root());
        let name = hex(&Sha256::digest(&plain)[..8]);
        Snippet {
            gzip: gzip(plain.as_bytes()).into(),
            plain: plain.into(),
            // Weak, because the compressed one has the same.
            etag: HeaderValue::try_from(format!("W/\"{name}\""))
                .expect("hexadecimal digits are visible"),
        }
    }

    fn is_known(&self, headers: &HeaderMap) -> bool {
        let known = headers.get(IF_NONE_MATCH).and_then(|v| v.to_str().ok());
        known.is_some_and(|known| {
            let mut tags = known.split(',').map(str::trim);
            tags.any(|tag| tag == "*" || tag == self.etag)
        })
    }
}

/// Leaves out comments that have a line of their own, and indentation.
fn small(source: &str) -> String {
    let lines = source.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(text).and_then(|()| encoder.finish());
    written.expect("memory takes what is written to it")
}

async fn serve(State(snippet): State<Arc<Snippet>>, headers: HeaderMap) -> Response {
    let mut response = match snippet.is_known(&headers) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => script(&snippet, &headers),
    };
    let answer = response.headers_mut();
    answer.insert(ETAG, snippet.etag.clone());
    answer.insert(CACHE_CONTROL, CACHED);
    answer.insert(VARY, HeaderValue::from_static("accept-encoding"));
    answer.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    response
}

fn script(snippet: &Snippet, headers: &HeaderMap) -> Response {
    let javascript = [(CONTENT_TYPE, "text/javascript; charset=utf-8")];
    match takes_gzip(headers) {
        true => {
            let encoding = [(CONTENT_ENCODING, "gzip")];
            (javascript, encoding, snippet.gzip.clone()).into_response()
        }
        false => (javascript, snippet.plain.clone()).into_response(),
    }
}

/// Whether gzip is among the encodings that are taken, and not by `q=0` among those that are not.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).into_iter();
    let words = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    let mut codings = words.map(|word| word.split_once(';').unwrap_or((word, "")));
    codings.any(|(coding, weight)| {
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        coding.trim().eq_ignore_ascii_case("gzip") && weight.parse() != Ok(0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use flate2::read::GzDecoder;
    use http::Request;
    use std::io::Read as _;
    use tower::ServiceExt as _;

    async fn ask(path: &str, header: Option<(HeaderName, &str)>) -> (StatusCode, HeaderMap, Bytes) {
        let mut request = Request::builder().uri(path);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let router = router(&path.parse().unwrap());
        let response = router.oneshot(request.body(Body::empty()).unwrap());
        let (parts, body) = response.await.unwrap().into_parts();
        let body = to_bytes(body, 100_000).await.unwrap();
        (parts.status, parts.headers, body)
    }

    #[tokio::test]
    async fn it_is_smaller_than_a_kilobyte() {
        for path in ["/weir.js", "/a/b/c/d.js"] {
            let (_, headers, body) = ask(path, Some((ACCEPT_ENCODING, "gzip"))).await;
            assert_eq!(headers[CONTENT_ENCODING], "gzip");
            assert!(body.len() < 1000, "{} bytes", body.len());
        }
    }

    #[tokio::test]
    async fn it_is_the_source_and_finds_its_way_back_to_the_door() {
        let check = async |path: &str, door: &str| {
            let (status, headers, body) = ask(path, None).await;
            assert_eq!(status, StatusCode::OK);
            assert_eq!(headers[CONTENT_TYPE], "text/javascript; charset=utf-8");
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert!(text.contains(&format!("'{door}'")), "{text}");
            assert!(!text.contains("//"), "{text}");
            let (_, _, body) = ask(path, Some((ACCEPT_ENCODING, "br, GZIP;q=0.5"))).await;
            let mut unpacked = String::new();
            GzDecoder::new(&body[..])
                .read_to_string(&mut unpacked)
                .unwrap();
            assert_eq!(unpacked, text);
        };
        check("/weir.js", "v1/batch").await;
        check("/js/app.js", "../v1/batch").await;
    }

    #[tokio::test]
    async fn who_takes_no_gzip_gets_none() {
        for encodings in ["identity", "gzip;q=0", "br, gzip; q=0.0", "gzipped"] {
            let (_, headers, _) = ask("/weir.js", Some((ACCEPT_ENCODING, encodings))).await;
            assert!(!headers.contains_key(CONTENT_ENCODING), "{encodings}");
            assert_eq!(headers[VARY], "accept-encoding");
        }
    }

    #[tokio::test]
    async fn who_has_it_is_not_sent_it_again() {
        let (_, headers, _) = ask("/weir.js", None).await;
        let etag = headers[ETAG].to_str().unwrap();
        let known = format!("\"other\", {etag}");
        let (status, headers, body) = ask("/weir.js", Some((IF_NONE_MATCH, &known))).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(headers[ETAG], etag);
        assert_eq!(headers[CACHE_CONTROL], "public, max-age=3600");
        let (status, _, _) = ask("/weir.js", Some((IF_NONE_MATCH, "W/\"other\""))).await;
        assert_eq!(status, StatusCode::OK);
        // Another path, another script.
        let (_, other, _) = ask("/a/weir.js", None).await;
        assert_ne!(other[ETAG], etag);
    }
}
