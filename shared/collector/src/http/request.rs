//! A request, as its caller puts it together.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use reqwest::Url;
use serde::Serialize;

use crate::http::retry::Rule;
use crate::http::trial::Trial;
use crate::http::{Http, HttpError, HttpErrorKind, Pace, Refusal, Response, Streaming, Verdict};
use crate::secrets::SecretText;

/// A request, as its caller puts it together. What cannot be sent is told when it is sent.
#[must_use = "a request does nothing until it is sent"]
#[derive(Debug)]
pub struct Request {
    http: Http,
    wanted: Wanted,
    gzip_over: Option<usize>,
    problem: Option<String>,
}

/// What is sent, again and again the same.
pub(super) struct Wanted {
    pub(super) method: Method,
    pub(super) url: Option<Url>,
    pub(super) route: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) secrets: Vec<SecretText>,
    pub(super) rule: Rule,
    pub(super) pace: Option<Arc<dyn Pace>>,
    pub(super) answer_time: Duration,
    pub(super) total_time: Duration,
    pub(super) max_body_bytes: u64,
    pub(super) max_stream_bytes: u64,
    pub(super) max_item_bytes: u64,
}

impl Request {
    pub(super) fn new(http: Http, method: Method, url: &str) -> Self {
        let parsed = Url::parse(url).ok();
        let parsed = parsed.filter(|url| matches!(url.scheme(), "http" | "https"));
        // The address may hold a key, so the message does not.
        let problem = match parsed {
            Some(_) => None,
            None => Some("the address is not an http or https address".to_owned()),
        };
        let options = &http.options;
        let wanted = Wanted {
            method,
            url: parsed,
            route: None,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            secrets: Vec::new(),
            rule: Rule::new(options.tries, options.backoff_base),
            pace: None,
            answer_time: options.answer_time,
            total_time: options.total_time,
            max_body_bytes: options.max_body_bytes,
            max_stream_bytes: options.max_stream_bytes,
            max_item_bytes: options.max_item_bytes,
        };
        Self {
            http,
            wanted,
            gzip_over: None,
            problem,
        }
    }

    /// Names the path as logs and errors show it, without what differs from request to request:
    /// `/checks/{id}`.
    pub fn route(mut self, route: impl Into<String>) -> Self {
        self.wanted.route = Some(route.into());
        self
    }

    /// Adds parameters to the address.
    pub fn query<N: AsRef<str>, V: AsRef<str>>(
        mut self,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        if let Some(url) = &mut self.wanted.url {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        self
    }

    /// Adds a header that is no secret.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => {
                self.wanted.headers.insert(name, value);
            }
            Err(_) => self.fails(format!("the header {name} cannot have this value")),
        }
        self
    }

    /// Adds a header that is a secret.
    pub fn secret_header(mut self, name: HeaderName, secret: &SecretText) -> Self {
        self.put_secret(name, secret.expose());
        self.wanted.secrets.push(secret.clone());
        self
    }

    /// Shows a bearer token.
    pub fn bearer(mut self, token: &SecretText) -> Self {
        self.put_secret(AUTHORIZATION, &format!("Bearer {}", token.expose()));
        self.wanted.secrets.push(token.clone());
        self
    }

    /// Keeps a secret that is part of the body or the address out of errors.
    pub fn conceal(mut self, secret: &SecretText) -> Self {
        self.wanted.secrets.push(secret.clone());
        self
    }

    fn put_secret(&mut self, name: HeaderName, text: &str) {
        match HeaderValue::from_str(text) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.wanted.headers.insert(name, value);
            }
            Err(_) => self.fails(format!(
                "the secret for the header {name} holds characters that no header can have"
            )),
        }
    }

    /// Sends JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => self.body("application/json", json),
            Err(_) => {
                self.fails("the body cannot be written as JSON".to_owned());
                self
            }
        }
    }

    /// Sends a form.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(
        self,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut form = Url::parse("form:").expect("it is an address");
        form.query_pairs_mut().extend_pairs(pairs);
        let encoded = form.query().unwrap_or_default().to_owned();
        self.body("application/x-www-form-urlencoded", encoded)
    }

    /// Sends a body as it is.
    pub fn body(mut self, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        let media_type = HeaderValue::from_static(media_type);
        self.wanted.headers.insert(CONTENT_TYPE, media_type);
        self.wanted.body = body.into();
        self
    }

    /// Compresses the body if it is larger.
    pub fn gzip_over(mut self, bytes: usize) -> Self {
        self.gzip_over = Some(bytes);
        self
    }

    /// Never sends it again once it may have arrived.
    pub fn once(mut self) -> Self {
        self.wanted.rule.may_repeat = false;
        self
    }

    /// How often it is sent whose answers are lost or are the server's own failures.
    pub fn tries(mut self, tries: u32) -> Self {
        self.wanted.rule.tries = tries.max(1);
        self
    }

    /// How long is waited on a 429 that does not say so (30 s).
    pub fn throttled_wait(mut self, wait: Duration) -> Self {
        self.wanted.rule.throttled_wait = wait;
        self
    }

    /// Keeps to a pace that requests share: each attempt waits for its turn, which takes nothing from
    /// the time of all attempts, and a server that wants no requests for a while is heard by all.
    pub fn pace(mut self, pace: Arc<dyn Pace>) -> Self {
        self.wanted.pace = Some(pace);
        self
    }

    /// Says what the vendor means by an answer that is no success; `None` is what everyone means.
    pub fn judge(
        mut self,
        judge: impl Fn(&Refusal) -> Option<Verdict> + Send + Sync + 'static,
    ) -> Self {
        self.wanted.rule.judge = Some(Arc::new(judge));
        self
    }

    /// How long one attempt may take.
    pub fn answer_time(mut self, time: Duration) -> Self {
        self.wanted.answer_time = time;
        self
    }

    /// How long all attempts may take, with the waits between them.
    pub fn total_time(mut self, time: Duration) -> Self {
        self.wanted.total_time = time;
        self
    }

    /// The largest answer that is held whole.
    pub fn max_body_bytes(mut self, bytes: u64) -> Self {
        self.wanted.max_body_bytes = bytes;
        self
    }

    /// The largest answer that is read as it arrives.
    pub fn max_stream_bytes(mut self, bytes: u64) -> Self {
        self.wanted.max_stream_bytes = bytes;
        self
    }

    /// The largest item of a list that is read as it arrives.
    pub fn max_item_bytes(mut self, bytes: u64) -> Self {
        self.wanted.max_item_bytes = bytes;
        self
    }

    /// Sends it and takes the whole answer, with as many attempts as it is worth. An answer that
    /// is cut is a failed attempt.
    ///
    /// # Errors
    /// By what the caller can do, after the attempts.
    pub async fn send(self) -> Result<Response, HttpError> {
        self.trial()?.whole().await
    }

    /// Sends it and takes the beginning of the answer, with as many attempts as it is worth; its
    /// body arrives as it is read. A body that is cut is told then: what was read of it is the
    /// caller's.
    ///
    /// # Errors
    /// By what the caller can do, after the attempts.
    pub async fn stream(self) -> Result<Streaming, HttpError> {
        self.trial()?.beginning().await
    }

    fn trial(mut self) -> Result<Trial, HttpError> {
        self.compress();
        match self.problem {
            Some(problem) => {
                let message = format!("{}: {problem}", self.wanted.place());
                Err(HttpError::new(HttpErrorKind::Invalid, message))
            }
            None => Ok(Trial::new(self.http, self.wanted)),
        }
    }

    fn compress(&mut self) {
        let body = &self.wanted.body;
        if self.gzip_over.is_none_or(|bytes| body.len() <= bytes) {
            return;
        }
        let mut gzip = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::default());
        let written = gzip.write_all(body).and_then(|()| gzip.finish());
        self.wanted.body = written.expect("memory takes it").into();
        let encoding = HeaderValue::from_static("gzip");
        self.wanted.headers.insert(CONTENT_ENCODING, encoding);
    }

    fn fails(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }
}

impl Wanted {
    /// What the request is called in logs and errors.
    pub(super) fn place(&self) -> String {
        let host = self.url.as_ref().and_then(Url::host_str).unwrap_or("?");
        match &self.route {
            Some(route) => format!("{host}: {} {route}", self.method),
            None => format!("{host}: {}", self.method),
        }
    }
}

/// Addresses, headers and bodies may hold secrets.
impl std::fmt::Debug for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wanted({})", self.place())
    }
}
