//! A body as text, or why there is none: to old clients it matters most whether they should send
//! it again.

use axum::body::Body;
use std::time::Duration;

use http::HeaderMap;
use weir_service::body::ReceivedBody;
use weir_service::{Problem, Service};

use super::fault::{Fault, LOOKED_THROUGH};

/// After how long a body that came too slowly should come again.
const SLOW_RETRY: Duration = Duration::from_secs(1);

/// A body that is UTF-8, with the memory that is reserved for it.
#[derive(Debug)]
pub(crate) struct TextBody(ReceivedBody);

/// Why a body was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It may be, if it comes again.
    Again(Problem),
    /// It would be the same again: what is wrong, and what can be shown of it.
    Final(Fault, String),
}

impl TextBody {
    /// Reads a body, and reserves memory for the events in it.
    pub(crate) async fn read(
        service: &Service,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<TextBody, Unread> {
        let read = service.read_body(headers, body).await;
        let mut body = read.map_err(unread)?;
        // Events take about as much again as their text.
        body.charge(body.bytes().len()).map_err(Unread::Again)?;
        match body.text() {
            Ok(_) => Ok(TextBody(body)),
            Err(problem) => {
                let shown = shown(body.bytes());
                Err(Unread::Final(fault(&problem), shown))
            }
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.0.bytes()).expect("it was looked through when it was read")
    }
}

/// What was refused unread cannot be shown.
fn unread(problem: Problem) -> Unread {
    match problem.status().as_u16() {
        400 | 413 | 415 => Unread::Final(fault(&problem), String::new()),
        408 => Unread::Again(too_slow(&problem)),
        _ => Unread::Again(problem),
    }
}

/// Old clients know of no 408, and take it as final.
fn too_slow(problem: &Problem) -> Problem {
    let detail = problem.document().detail.as_str();
    Problem::unavailable(problem.code(), detail, SLOW_RETRY)
}

/// The beginning of what is no text; more of it is not looked at.
fn shown(bytes: &[u8]) -> String {
    let beginning = &bytes[..bytes.len().min(LOOKED_THROUGH + 1)];
    String::from_utf8_lossy(beginning).into_owned()
}

fn fault(problem: &Problem) -> Fault {
    Fault::new(problem.code(), problem.document().detail.as_str())
}
