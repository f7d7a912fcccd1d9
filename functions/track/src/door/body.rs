//! A body as text, or why there is none: to old clients it matters most whether they should send
//! it again.

use axum::body::Body;
use http::HeaderMap;
use weir_service::body::ReceivedBody;
use weir_service::{Problem, Service};

use super::fault::Fault;

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
                let shown = String::from_utf8_lossy(body.bytes()).into_owned();
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
        _ => Unread::Again(problem),
    }
}

fn fault(problem: &Problem) -> Fault {
    Fault::new(problem.code(), problem.document().detail.as_str())
}
