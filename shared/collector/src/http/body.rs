//! Bodies that are read within bounds, counted after they are decompressed.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::timeout;

use crate::http::client::{causes, innermost};

/// Why a body is not there.
#[derive(Debug)]
pub(super) enum BodyError {
    TooLarge,
    /// It ends before its end.
    Cut(String),
    /// It cannot be decompressed.
    Garbled(String),
}

/// What arrives next, unless the server is silent for `read_time`. The client's own limit would also
/// count the time in which nobody read.
pub(super) async fn chunk(
    answer: &mut reqwest::Response,
    read_time: Duration,
) -> Result<Option<Bytes>, BodyError> {
    match timeout(read_time, answer.chunk()).await {
        Ok(chunk) => chunk.map_err(|error| broken(&error)),
        Err(_) => {
            let cause = "the server was silent in the middle of its answer";
            Err(BodyError::Cut(cause.to_owned()))
        }
    }
}

/// Reads a body to its end.
pub(super) async fn whole(
    answer: &mut reqwest::Response,
    limit_bytes: u64,
    read_time: Duration,
) -> Result<Bytes, BodyError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = chunk(answer, read_time).await? {
        if (body.len() + chunk.len()) as u64 > limit_bytes {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Reads as much of a body as there is, up to a limit.
pub(super) async fn beginning(
    answer: &mut reqwest::Response,
    limit_bytes: u64,
    read_time: Duration,
) -> Bytes {
    let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
    let mut body = BytesMut::new();
    while body.len() < limit
        && let Ok(Some(chunk)) = chunk(answer, read_time).await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(limit);
    body.freeze()
}

fn broken(error: &reqwest::Error) -> BodyError {
    match is_garbled(error) {
        true => BodyError::Garbled(innermost(error)),
        false => BodyError::Cut(format!("the answer was cut: {}", innermost(error))),
    }
}

/// What decompression says is told by itself, and what a connection says by the client: only the
/// first can be about what the body holds, and its early end is no news about that.
fn is_garbled(error: &reqwest::Error) -> bool {
    let mut told = causes(error).filter(|cause| !cause.is::<reqwest::Error>());
    let told = told
        .next()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    told.is_some_and(|error| error.kind() != io::ErrorKind::UnexpectedEof)
}
