//! A small S3: one bucket, objects and uploads by parts, and nothing without a signature.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

/// What the bucket holds.
#[derive(Default)]
pub(super) struct Held {
    pub(super) objects: BTreeMap<String, Bytes>,
    uploads: BTreeMap<String, BTreeMap<u32, Bytes>>,
    begun: u32,
    failures: u32,
    refuses_completions: bool,
    pub(super) parts: Vec<usize>,
    unsigned: u32,
}

/// A small S3.
#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) url: String,
    held: Arc<Mutex<Held>>,
}

impl Bucket {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bucket = Bucket {
            url: format!("http://{}", listener.local_addr().unwrap()),
            held: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(bucket.clone());
        let router = router.layer(axum::extract::DefaultBodyLimit::disable());
        tokio::spawn(async move { axum::serve(listener, router).await });
        bucket
    }

    /// The next requests are refused with 503.
    pub(super) fn fail_next(&self, requests: u32) {
        self.held.lock().unwrap().failures = requests;
    }

    /// No upload is completed any more.
    pub(super) fn refuse_completions(&self) {
        self.held.lock().unwrap().refuses_completions = true;
    }

    pub(super) fn with<T>(&self, look: impl FnOnce(&Held) -> T) -> T {
        look(&self.held.lock().unwrap())
    }

    /// The uploads that are neither completed nor aborted.
    pub(super) fn open_uploads(&self) -> usize {
        self.with(|held| held.uploads.len())
    }

    /// How many requests came without a signature.
    pub(super) fn unsigned(&self) -> u32 {
        self.with(|held| held.unsigned)
    }
}

type Parameters = Query<BTreeMap<String, String>>;

async fn answer(
    State(bucket): State<Bucket>,
    method: Method,
    uri: Uri,
    Query(query): Parameters,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut held = bucket.held.lock().unwrap();
    let signature = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    if !signature.is_some_and(|text| text.starts_with("AWS4-HMAC-SHA256 Credential=AKID/")) {
        held.unsigned += 1;
        return StatusCode::FORBIDDEN.into_response();
    }
    if held.failures > 0 {
        held.failures -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let path = uri.path();
    let Some(rest) = path.strip_prefix("/files") else {
        return error(StatusCode::NOT_FOUND, "NoSuchBucket");
    };
    let key = percent_decoded(rest.trim_start_matches('/'));
    let upload = query.get("uploadId").cloned();
    match (method.as_str(), upload) {
        ("GET", None) if query.contains_key("list-type") => list(&held, &query),
        ("POST", None) if query.contains_key("uploads") => held.begin(&key),
        ("PUT", Some(upload)) => held.part(&upload, &query["partNumber"], body),
        ("POST", Some(upload)) => held.complete(&upload, key),
        ("DELETE", Some(upload)) => {
            held.uploads.remove(&upload);
            StatusCode::NO_CONTENT.into_response()
        }
        ("PUT", None) => {
            held.objects.insert(key, body);
            ([("etag", "\"e\"")], "").into_response()
        }
        ("DELETE", None) => {
            held.objects.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => error(StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
    }
}

impl Held {
    fn begin(&mut self, key: &str) -> Response {
        self.begun += 1;
        let upload = format!("upload-{}", self.begun);
        self.uploads.insert(upload.clone(), BTreeMap::new());
        format!(
            "<InitiateMultipartUploadResult><Bucket>files</Bucket><Key>{key}</Key>\
             <UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
        )
        .into_response()
    }

    fn part(&mut self, upload: &str, number: &str, body: Bytes) -> Response {
        let Some(parts) = self.uploads.get_mut(upload) else {
            return error(StatusCode::NOT_FOUND, "NoSuchUpload");
        };
        self.parts.push(body.len());
        parts.insert(number.parse().unwrap(), body);
        ([("etag", "\"e\"")], "").into_response()
    }

    /// As S3 does, it refuses parts that are too small, except for the last.
    fn complete(&mut self, upload: &str, key: String) -> Response {
        if self.refuses_completions {
            return error(StatusCode::BAD_REQUEST, "InvalidPart");
        }
        let Some(parts) = self.uploads.remove(upload) else {
            return error(StatusCode::NOT_FOUND, "NoSuchUpload");
        };
        let small = parts
            .values()
            .rev()
            .skip(1)
            .any(|part| part.len() < (5 << 20));
        if small {
            return error(StatusCode::BAD_REQUEST, "EntityTooSmall");
        }
        let whole: Vec<u8> = parts.values().flatten().copied().collect();
        self.objects.insert(key.clone(), whole.into());
        format!(
            "<CompleteMultipartUploadResult><Location>l</Location><Bucket>files</Bucket>\
             <Key>{key}</Key><ETag>\"e\"</ETag></CompleteMultipartUploadResult>"
        )
        .into_response()
    }
}

fn list(held: &Held, query: &BTreeMap<String, String>) -> Response {
    let prefix = query.get("prefix").cloned().unwrap_or_default();
    let found = held
        .objects
        .iter()
        .filter(|(key, _)| key.starts_with(&prefix));
    if query.contains_key("delimiter") {
        return directories(found.map(|(key, _)| &key[prefix.len()..]), &prefix);
    }
    let contents: String = found
        .map(|(key, body)| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
                 <ETag>\"e\"</ETag><Size>{}</Size></Contents>",
                body.len()
            )
        })
        .collect();
    format!("<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>")
        .into_response()
}

/// What is before the next slash of each key.
fn directories<'a>(keys: impl Iterator<Item = &'a str>, prefix: &str) -> Response {
    let parts = keys.filter_map(|key| key.split_once('/'));
    let parts: std::collections::BTreeSet<&str> = parts.map(|(part, _)| part).collect();
    let common: String = parts
        .into_iter()
        .map(|part| format!("<CommonPrefixes><Prefix>{prefix}{part}/</Prefix></CommonPrefixes>"))
        .collect();
    format!("<ListBucketResult><IsTruncated>false</IsTruncated>{common}</ListBucketResult>")
        .into_response()
}

fn error(status: StatusCode, code: &str) -> Response {
    let body = format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>");
    (status, body).into_response()
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let hex: Vec<u8> = bytes.by_ref().take(2).collect();
                let hex = String::from_utf8(hex).unwrap();
                out.push(u8::from_str_radix(&hex, 16).unwrap());
            }
            byte => out.push(byte),
        }
    }
    String::from_utf8(out).unwrap()
}
