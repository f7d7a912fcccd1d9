//! A whole answer.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::http::surrogates::paired;
use crate::http::{HttpError, HttpErrorKind};

/// A whole answer, which is a success.
#[derive(Clone)]
pub struct Response {
    place: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Response {
    pub(super) fn new(place: &str, status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self {
            place: place.to_owned(),
            status,
            headers,
            body,
        }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Its body, decompressed.
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// Its body as text.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn text(&self) -> Result<&str, HttpError> {
        std::str::from_utf8(&self.body).map_err(|_| self.malformed("is not text in UTF-8"))
    }

    /// Its body as JSON. Half a character in it is read as U+FFFD.
    ///
    /// # Errors
    /// When it is not JSON, or has another form.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        serde_json::from_slice(&paired(&self.body))
            .map_err(|error| self.malformed(&problem(&error)))
    }

    /// An error about the answer, with the request that it is to.
    pub fn malformed(&self, problem: &str) -> HttpError {
        malformed(&self.place, problem)
    }
}

/// Bodies may hold anything.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.body.len();
        write!(
            f,
            "Response({}: {}, {bytes} bytes)",
            self.place, self.status
        )
    }
}

pub(super) fn malformed(place: &str, problem: &str) -> HttpError {
    let message = format!("{place}: the answer {problem}");
    HttpError::new(HttpErrorKind::Malformed, message)
}

/// What is wrong with a JSON text, without what it holds.
pub(super) fn problem(error: &serde_json::Error) -> String {
    let place = format!("(line {}, column {})", error.line(), error.column());
    match error.classify() {
        Category::Eof => format!("ends in the middle of its JSON {place}"),
        Category::Syntax if is_too_great(error) => {
            format!("has a number that is too great to be read {place}")
        }
        Category::Syntax | Category::Io => format!("is not JSON {place}"),
        Category::Data => {
            let text = error.to_string();
            match text.strip_prefix("missing field ") {
                Some(field) => {
                    let field = field.split(" at ").next().unwrap_or(field);
                    format!("has no field {field} {place}")
                }
                None => format!("has another form than expected {place}"),
            }
        }
    }
}

fn is_too_great(error: &serde_json::Error) -> bool {
    error.to_string().starts_with("number out of range")
}
