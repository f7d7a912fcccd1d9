//! Bodies that are read within bounds, counted after they are decompressed.

use bytes::{Bytes, BytesMut};

use crate::http::client::innermost;

/// Why a body is not there.
#[derive(Debug)]
pub(super) enum BodyError {
    TooLarge,
    Cut(String),
}

/// Reads a body to its end.
pub(super) async fn whole(
    answer: &mut reqwest::Response,
    limit_bytes: u64,
) -> Result<Bytes, BodyError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| cut(&error))? {
        if (body.len() + chunk.len()) as u64 > limit_bytes {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Reads as much of a body as there is, up to a limit.
pub(super) async fn beginning(answer: &mut reqwest::Response, limit_bytes: u64) -> Bytes {
    let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
    let mut body = BytesMut::new();
    while body.len() < limit
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(limit);
    body.freeze()
}

/// Why a body ends before its end.
pub(super) fn cut(error: &reqwest::Error) -> BodyError {
    BodyError::Cut(match error {
        error if error.is_timeout() => "the server was silent in the middle of its answer".into(),
        error => format!("the answer was cut: {}", innermost(error)),
    })
}
