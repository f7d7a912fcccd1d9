//! Reads request bodies within bounds: size as sent, size decoded, memory of all requests, time.
//!
//! The compressed form is collected first and then decoded in one go, without waiting for
//! anything: a decoder's own memory (8 MiB at most) exists only while a worker thread runs it, so
//! slow senders cannot pile decoders up. The compressed form is dropped when it is decoded.

use std::io::Read;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use flate2::bufread::MultiGzDecoder;
use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use weir_model::limits::{BODY_BYTES, DECOMPRESSED_BYTES};

use crate::Service;
use crate::budget::{Budget, Exhausted, Reservation};
use crate::gate::Slot;
use crate::problem::Problem;
use std::sync::Arc;

/// RFC 8878 section 3.1.1.1.2 recommends that decoders support windows of 8 MiB and no more.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How many bytes of a body weigh as much as a request: about a hundred events.
const WEIGHED_BYTES: usize = 16 * 1024;

/// The most that a body weighs, so that the largest ones have a chance, too.
const HEAVIEST: u32 = 16;

/// How many bytes are taken from a decoder at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// After how long a request that found no memory should come again.
const MEMORY_RETRY: Duration = Duration::from_secs(1);

/// After how long a body that was cut off should come again.
const CUT_OFF_RETRY: Duration = Duration::from_secs(1);

/// The bounds of one request body.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// As sent.
    pub body_bytes: usize,
    /// After decompression.
    pub decompressed_bytes: usize,
    /// From the first to the last byte.
    pub read_time: Duration,
}

impl Default for BodyLimits {
    fn default() -> BodyLimits {
        BodyLimits {
            body_bytes: BODY_BYTES,
            decompressed_bytes: DECOMPRESSED_BYTES,
            // Lambda hands over whole bodies; on one machine this is what a slow line gets.
            read_time: Duration::from_secs(30),
        }
    }
}

/// A request body, decoded, with the memory that is reserved for it.
#[derive(Debug)]
pub struct ReceivedBody {
    bytes: Vec<u8>,
    reservation: Reservation,
    /// Its place among the requests that are carried out.
    slot: Option<Slot>,
}

impl ReceivedBody {
    /// The decoded bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body as text.
    ///
    /// # Errors
    /// 400 when it is not UTF-8.
    pub fn text(&self) -> Result<&str, Problem> {
        std::str::from_utf8(&self.bytes).map_err(|error| {
            let place = error.valid_up_to();
            Problem::bad_request(
                "invalid-utf8",
                format!("the body is not UTF-8 at byte {place}"),
            )
        })
    }

    /// Reserves memory for what is made of the body, for as long as the body is kept.
    ///
    /// # Errors
    /// 503 when the requests in flight hold all there is.
    pub fn charge(&mut self, bytes: usize) -> Result<(), Problem> {
        self.reservation.grow(bytes).map_err(out_of_memory)
    }
}

impl Service {
    /// Reads and decodes a request body. Then, and for as long as the body is kept, its request
    /// is one of those that are carried out, whose number is bounded; while the body comes in it
    /// is not, or slow senders would keep all others out.
    ///
    /// # Errors
    /// 400 when it is badly compressed, 408 when it takes too long, 413 over a size, 415 for an
    /// encoding other than identity, gzip and zstd, 503 when it is cut off, there is no memory, or
    /// too many requests are carried out.
    pub async fn read_body(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<ReceivedBody, Problem> {
        self.gate().look()?;
        let mut received = read(headers, body, self.body_limits(), self.budget()).await?;
        let weight = weight(received.bytes.len());
        received.slot = Some(self.gate().enter(weight).await?);
        Ok(received)
    }
}

/// A body of many events is as much work as many bodies.
fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes / WEIGHED_BYTES).map_or(HEAVIEST, |more| more.min(HEAVIEST - 1) + 1)
}

async fn read(
    headers: &HeaderMap,
    body: Body,
    limits: &BodyLimits,
    budget: &Arc<Budget>,
) -> Result<ReceivedBody, Problem> {
    let encoding = Encoding::of(headers)?;
    refuse_by_length(headers, limits)?;
    let sent = Buffer::new(limits.body_bytes, Unit::Sent, budget);
    let sent = tokio::time::timeout(limits.read_time, collect(body, sent))
        .await
        .map_err(|_| too_slow(limits.read_time))??;
    let decoded = Buffer::new(limits.decompressed_bytes, Unit::Decompressed, budget);
    match encoding {
        Encoding::Identity => Ok(sent.finish()),
        Encoding::Gzip => decode(MultiGzDecoder::new(sent.bytes.as_slice()), "gzip", decoded),
        Encoding::Zstd => decode(zstd_decoder(&sent.bytes)?, "zstd", decoded),
    }
}

fn refuse_by_length(headers: &HeaderMap, limits: &BodyLimits) -> Result<(), Problem> {
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    match length.and_then(|text| text.parse::<u64>().ok()) {
        Some(length) if length > limits.body_bytes as u64 => {
            Err(Unit::Sent.too_large(limits.body_bytes))
        }
        _ => Ok(()),
    }
}

async fn collect(mut body: Body, mut into: Buffer) -> Result<Buffer, Problem> {
    if let Some(length) = body.size_hint().exact() {
        into.expect(length)?;
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| cut_off())?;
        if let Ok(data) = frame.into_data() {
            into.push(&data)?;
        }
    }
    Ok(into)
}

fn zstd_decoder(bytes: &[u8]) -> Result<impl Read, Problem> {
    let mut decoder =
        zstd::stream::read::Decoder::with_buffer(bytes).map_err(|error| broken("zstd", &error))?;
    decoder
        .window_log_max(ZSTD_WINDOW_LOG)
        .map_err(|error| broken("zstd", &error))?;
    Ok(decoder)
}

fn decode(mut from: impl Read, name: &str, mut into: Buffer) -> Result<ReceivedBody, Problem> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(into.finish()),
            Ok(length) => into.push(&piece[..length])?,
            Err(error) => return Err(broken(name, &error)),
        }
    }
}

/// Bytes that grow up to a limit, each of them reserved before it is there.
struct Buffer {
    bytes: Vec<u8>,
    limit: usize,
    unit: Unit,
    reservation: Reservation,
}

impl Buffer {
    fn new(limit: usize, unit: Unit, budget: &Arc<Budget>) -> Buffer {
        Buffer {
            bytes: Vec::new(),
            limit,
            unit,
            reservation: budget.open(),
        }
    }

    /// Makes room for a length that is known beforehand, but does not trust it far: whoever
    /// announces megabytes and sends nothing should not hold them.
    fn expect(&mut self, length: u64) -> Result<(), Problem> {
        let length = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .min(PIECE_BYTES);
        self.make_room(length)
    }

    fn push(&mut self, more: &[u8]) -> Result<(), Problem> {
        if more.len() > self.limit - self.bytes.len() {
            return Err(self.unit.too_large(self.limit));
        }
        self.make_room(more.len())?;
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    /// Doubles, like a vector would, but knows by how much.
    fn make_room(&mut self, more: usize) -> Result<(), Problem> {
        let (length, capacity) = (self.bytes.len(), self.bytes.capacity());
        if length + more <= capacity {
            return Ok(());
        }
        let wanted = (capacity * 2).min(self.limit).max(length + more);
        self.reservation
            .grow(wanted - capacity)
            .map_err(out_of_memory)?;
        self.bytes.reserve_exact(wanted - length);
        Ok(())
    }

    fn finish(self) -> ReceivedBody {
        ReceivedBody {
            bytes: self.bytes,
            reservation: self.reservation,
            slot: None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    Sent,
    Decompressed,
}

impl Unit {
    fn too_large(self, limit: usize) -> Problem {
        let what = match self {
            Unit::Sent => "the body",
            Unit::Decompressed => "the body, decompressed,",
        };
        let detail = format!("{what} is larger than the {limit} bytes that are allowed");
        Problem::too_large(detail).with_member("limitBytes", limit)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Encoding, Problem> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return match headers.contains_key(CONTENT_ENCODING) {
                true => Err(unknown_encoding()),
                false => Ok(Encoding::Identity),
            };
        };
        let name = value
            .to_str()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match name.as_str() {
            "identity" => Ok(Encoding::Identity),
            // RFC 9110 section 8.4.1.3 has the two mean the same.
            "gzip" | "x-gzip" => Ok(Encoding::Gzip),
            "zstd" => Ok(Encoding::Zstd),
            _ => Err(unknown_encoding()),
        }
    }
}

fn unknown_encoding() -> Problem {
    let detail = "Content-Encoding may be identity, gzip or zstd, one of them once";
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported-encoding",
        detail,
    )
    .with_header(ACCEPT_ENCODING, "gzip, zstd, identity")
}

fn broken(name: &str, error: &std::io::Error) -> Problem {
    Problem::bad_request(
        "invalid-compression",
        format!("the body is not valid {name}: {error}"),
    )
}

fn out_of_memory(_: Exhausted) -> Problem {
    let detail = "the requests in flight hold all the memory that is set aside for them";
    Problem::unavailable("over-capacity", detail, MEMORY_RETRY)
}

/// Its sender has all of it, so it is good perhaps, and comes again.
fn cut_off() -> Problem {
    let detail = "the body was cut off before its end; nothing was done, send it again";
    Problem::unavailable("body-cut-off", detail, CUT_OFF_RETRY)
}

fn too_slow(limit: Duration) -> Problem {
    let detail = format!("the body did not arrive within {} s", limit.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, "request-timeout", detail)
        .with_header(CONNECTION, "close")
}

#[cfg(test)]
mod tests;
